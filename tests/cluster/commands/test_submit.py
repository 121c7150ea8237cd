"""Files in and out of ``submit``."""

from types import SimpleNamespace

import numpy as np
import pytest

from cluster.commands.submit import _output_folder, _write
from cluster.submission import read_witnesses
from prover.circuits import get_circuit
from prover.errors import BadInput


@pytest.fixture(scope="module")
def circuit():
    return get_circuit("multiply", "bn254")


def test_witnesses_are_read_as_written(circuit, tmp_path):
    witnesses = circuit.random_witnesses(3, seed=1)
    np.save(tmp_path / "w.npy", witnesses)
    assert np.array_equal(read_witnesses([str(tmp_path / "w.npy")], "bn254", circuit.r1cs.variables), witnesses)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda w: w.astype(np.int64),
        lambda w: w[:, 1:],
        lambda w: w[0],
        lambda w: w.reshape(-1),
        lambda w: np.array([object()]),  # noqa: ARG005 - pickled, which is not read
    ],
)
def test_other_arrays_are_refused(circuit, tmp_path, spoil):
    np.save(tmp_path / "w.npy", spoil(circuit.random_witnesses(3, seed=1)), allow_pickle=True)
    with pytest.raises(BadInput, match="--witnesses"):
        read_witnesses([str(tmp_path / "w.npy")], "bn254", circuit.r1cs.variables)


@pytest.mark.parametrize("content", [b"", b"junk", b"\x93NUMPY\x01\x00"])
def test_files_that_hold_no_array_are_refused(circuit, tmp_path, content):
    (tmp_path / "w.npy").write_bytes(content)
    with pytest.raises(BadInput, match="cannot be read"):
        read_witnesses([str(tmp_path / "w.npy")], "bn254", circuit.r1cs.variables)


def test_a_file_that_is_not_there_is_refused(circuit, tmp_path):
    with pytest.raises(BadInput, match="cannot be read"):
        read_witnesses([str(tmp_path / "none.npy")], "bn254", circuit.r1cs.variables)


def test_the_output_folder_is_made_or_refused_before_work(tmp_path):
    assert _output_folder(None) is None
    assert _output_folder(str(tmp_path / "a" / "b")).is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="--out"):
        _output_folder(str(tmp_path / "file"))


def test_only_good_proofs_are_written(tmp_path):
    def job(index, error=None):
        statement = np.full((2, 4), index, np.uint64)
        proof = SimpleNamespace(to_bytes=lambda: bytes([index]))
        return SimpleNamespace(index=index, error=error, proof=proof, public_inputs=statement)

    jobs = (job(0), job(1, BadInput("x")), job(2))
    _write(tmp_path, SimpleNamespace(jobs=jobs, invalid=frozenset({2})), "bytes")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000000.proof", "000000.public"]
    assert (tmp_path / "000000.proof").read_bytes() == b"\0"
    assert len((tmp_path / "000000.public").read_bytes()) == 64
