import pytest

from fastpath.errors import Overloaded, WorkerLost
from fastpath.failures import ErrorCounts, FailureClass, classify


class CodedError(Exception):
    def __init__(self, code="", *, retryable=False):
        super().__init__(code)
        self.code = code
        self.retryable = retryable


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ValueError(), FailureClass.FATAL),
        (CodedError("bad_input"), FailureClass.FATAL),
        (CodedError("strange", retryable=True), FailureClass.RETRYABLE),
        (WorkerLost(), FailureClass.RETRYABLE),
        (Overloaded("", 1.0), FailureClass.RETRYABLE),
        (MemoryError(), FailureClass.OUT_OF_MEMORY),
        (CodedError("out_of_memory"), FailureClass.OUT_OF_MEMORY),
        (CodedError("device_fault"), FailureClass.DEVICE_FAULT),
        (CodedError("invalid_proof"), FailureClass.INVALID_PROOF),
        (CodedError("fatal"), FailureClass.FATAL),
    ],
)
def test_errors_are_classified_by_what_they_say(error, kind):
    assert classify(error) is kind


def test_faults_of_the_device_are_told_apart():
    assert {kind for kind in FailureClass if kind.of_the_device} == {
        FailureClass.DEVICE_FAULT,
        FailureClass.INVALID_PROOF,
    }


def test_errors_are_counted_by_name_in_bounded_memory():
    counts = ErrorCounts(most=3)
    for error in [ValueError(), ValueError(), CodedError("bad_input"), KeyError(), OSError(), TypeError()]:
        counts.add(error)
    assert counts() == {"ValueError": 2, "other": 2, "bad_input": 1, "KeyError": 1}
