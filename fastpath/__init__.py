"""The control plane: admission, queueing, grouping, retry, deadlines, statistics.

It moves opaque jobs and knows nothing of proofs. Policies are pure; :class:`FastPathExecutor` runs them in process
for any callable, :mod:`fastpath.actor` (which alone imports Ray) runs them as a service.
"""

from __future__ import annotations
