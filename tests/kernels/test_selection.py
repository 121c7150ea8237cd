import pytest

from kernels import Backend, get_backend


def test_one_instance_a_process():
    assert get_backend("portable") is get_backend("portable")
    assert isinstance(get_backend(), Backend)


def test_the_environment_chooses_for_auto(monkeypatch):
    monkeypatch.setenv("FASTPATH_PROVER_BACKEND", "portable")
    assert get_backend().name == "portable"


@pytest.mark.parametrize("value", ["", "fast", "Portable", "reference"])
def test_a_wrong_environment_never_falls_through(monkeypatch, value):
    monkeypatch.setenv("FASTPATH_PROVER_BACKEND", value)
    with pytest.raises(ValueError, match=r"FASTPATH_PROVER_BACKEND.*portable"):
        get_backend()


def test_a_wrong_name_is_refused():
    with pytest.raises(ValueError, match="'gpu'"):
        get_backend("gpu")
