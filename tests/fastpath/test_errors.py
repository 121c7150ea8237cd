import pickle

import pytest

from fastpath import errors

ERRORS = [
    errors.FastPathError("m"),
    errors.BadRequest("m"),
    errors.UnknownJob("m"),
    errors.IllegalMove("m"),
    errors.Overloaded("m", 2.5),
    errors.DeadlineExceeded("m"),
    errors.Cancelled("m"),
    errors.WorkerLost("m"),
    errors.Unavailable("m"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_survive_pickling_and_print_their_message(error):
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(copy) is type(error)
    assert str(copy) == str(error) == "m"
    assert copy.__dict__ == error.__dict__


def test_the_list_is_complete_and_codes_are_distinct():
    assert {type(error) for error in ERRORS} == {errors.FastPathError, *errors.FastPathError.__subclasses__()}
    assert len({error.code for error in ERRORS}) == len(ERRORS)


def test_only_errors_that_may_pass_are_retryable():
    assert {error.code for error in ERRORS if error.retryable} == {"overloaded", "worker_lost", "unavailable"}
