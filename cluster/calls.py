"""Calls to actors as a user sees them: with a time limit, and with the errors that were raised, not Ray's wrappers."""

from __future__ import annotations

from typing import Any, Final

import ray
from ray.exceptions import GetTimeoutError, ObjectLostError, RayActorError, RayTaskError

from fastpath.errors import Unavailable

CALL_TIMEOUT_S: Final = 60.0


def answer(call: Any, timeout_s: float = CALL_TIMEOUT_S) -> Any:  # noqa: ANN401 - whatever the actor returns
    """Wait for the answer to a call, or to each of a list of calls.

    Raises
    ------
    Unavailable
        If the actor has died, or does not answer in time.
    Exception
        What the actor raised.
    """
    try:
        return ray.get(call, timeout=timeout_s)
    except RayTaskError as error:  # first: with an actor's death as its cause it is a RayActorError as well
        if isinstance(error.cause, Exception):
            raise error.cause from None
        raise
    except (RayActorError, ObjectLostError) as error:
        raise Unavailable(f"the service's actor is gone ({type(error).__name__}); start the service again") from None
    except GetTimeoutError:
        raise Unavailable(f"the service did not answer within {timeout_s:g} s; look at its logs") from None
