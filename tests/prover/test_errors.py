import pickle

import pytest

from prover import errors


@pytest.mark.parametrize(
    "error",
    [
        errors.ProverError("m"),
        errors.BadInput("m"),
        errors.UnsatisfiedConstraint(7, "balance"),
        errors.InvalidProof("m", (1, 2)),
        errors.KeyNotFound("m"),
        errors.DeviceFault("m"),
        errors.Cancelled("m"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_survive_pickling(error):
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert copy.__dict__ == error.__dict__


def test_codes_are_distinct():
    tree = [errors.ProverError, *errors.ProverError.__subclasses__(), *errors.BadInput.__subclasses__()]
    assert len({error.code for error in tree}) == len(tree)


def test_errors_are_what_python_callers_expect():
    assert isinstance(errors.UnsatisfiedConstraint(0), ValueError)
    with pytest.raises(KeyError, match="no such key"):
        raise errors.KeyNotFound("no such key")


def test_an_unsatisfied_constraint_names_index_and_constraint():
    assert "constraint 7 (balance)" in str(errors.UnsatisfiedConstraint(7, "balance"))
