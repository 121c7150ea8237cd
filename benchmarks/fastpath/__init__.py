"""The laboratory of the control plane: a deterministic simulator that runs the very policies of the service.

Only the provers, the clients, the faults and the time are simulated. Run it with ``python -m benchmarks.fastpath``.
"""
