import dataclasses
import json
import shutil
import threading

import numpy as np
import pytest

from prover.errors import BadInput, KeyNotFound
from prover.groth16.keys import ARRAY_NAMES
from prover.key_store import default_key_directory, list_keys, load_key, remove_key, save_key


@pytest.fixture(scope="module")
def saved(multiply_key, tmp_path_factory):
    directory = tmp_path_factory.mktemp("keys")
    save_key(multiply_key, directory)
    return directory


@pytest.fixture
def directory(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "keys")


def test_a_saved_key_is_read_back_mapped(saved, multiply_key):
    again = load_key(saved, multiply_key.key_id)
    assert again.key_id == multiply_key.key_id
    assert again.metadata == multiply_key.metadata
    for name, array in multiply_key.to_arrays()[1].items():
        assert np.array_equal(again.to_arrays()[1][name], array)
    assert not again.a_query.flags.writeable
    assert isinstance(again.a_query.base, np.memmap)


def test_the_folder_holds_metadata_and_arrays_only(saved, multiply_key):
    names = {path.name for path in (saved / multiply_key.key_id).iterdir()}
    assert names == {"metadata.json", *(f"{name}.npy" for name in ARRAY_NAMES)}
    assert [path.name for path in saved.iterdir()] == [multiply_key.key_id]


def test_metadata_says_what_the_key_is_for(saved, multiply_key):
    metadata = json.loads((saved / multiply_key.key_id / "metadata.json").read_text(encoding="utf-8"))
    assert metadata["circuit"] == "multiply"
    assert metadata["development"] is True
    assert metadata["nonresidue"] == 5


@pytest.mark.parametrize("name", ARRAY_NAMES)
@pytest.mark.parametrize("damage", ["truncated", "altered", "missing", "empty"])
def test_a_damaged_file_is_named(directory, multiply_key, name, damage):
    path = directory / multiply_key.key_id / f"{name}.npy"
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "altered":
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    else:
        path.write_bytes(content[:-1] if damage == "truncated" else b"")
    with pytest.raises(BadInput, match=f"{name}.npy"):
        load_key(directory, multiply_key.key_id)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format":1}'])
def test_damaged_metadata_is_named(directory, multiply_key, content):
    (directory / multiply_key.key_id / "metadata.json").write_bytes(content)
    with pytest.raises(BadInput, match=r"metadata\.json"):
        load_key(directory, multiply_key.key_id)


def test_an_array_of_another_shape_is_refused(directory, multiply_key):
    np.save(directory / multiply_key.key_id / "ic.npy", multiply_key.ic[:1])
    with pytest.raises(BadInput, match=r"ic\.npy holds"):
        load_key(directory, multiply_key.key_id)


def test_altered_metadata_is_another_key(directory, multiply_key):
    path = directory / multiply_key.key_id / "metadata.json"
    path.write_text(
        path.read_text(encoding="utf-8").replace('"development":true', '"development":false'), encoding="utf-8"
    )
    with pytest.raises(BadInput, match="altered"):
        load_key(directory, multiply_key.key_id)


@pytest.mark.parametrize("key_id", ["0" * 64, "", "..", "../keys", "0" * 63, "G" * 64, "0" * 64 + "\n"])
def test_an_unknown_id_is_not_found(saved, key_id):
    with pytest.raises(KeyNotFound):
        load_key(saved, key_id)
    with pytest.raises(KeyNotFound):
        remove_key(saved, key_id)


def test_saving_again_changes_nothing(directory, multiply_key):
    before = (directory / multiply_key.key_id).stat().st_mtime_ns
    assert save_key(multiply_key, directory) == multiply_key.key_id
    assert (directory / multiply_key.key_id).stat().st_mtime_ns == before


def test_saving_again_repairs_damage(directory, multiply_key):
    (directory / multiply_key.key_id / "ic.npy").write_bytes(b"")
    save_key(multiply_key, directory)
    assert load_key(directory, multiply_key.key_id).key_id == multiply_key.key_id
    assert [path.name for path in directory.iterdir()] == [multiply_key.key_id]


def test_threads_that_save_one_key_together_all_succeed(multiply_key, tmp_path):
    failures = []

    def save():
        try:
            save_key(multiply_key, tmp_path)
        except OSError as error:
            failures.append(error)

    threads = [threading.Thread(target=save) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [path.name for path in tmp_path.iterdir()] == [multiply_key.key_id]


def test_keys_are_listed_and_removed(directory, multiply_key, tmp_path):
    (directory / "circuits").mkdir()
    assert list_keys(directory) == [multiply_key.key_id]
    remove_key(directory, multiply_key.key_id)
    assert list_keys(directory) == []
    assert list_keys(tmp_path / "nowhere") == []


def test_the_default_directory(monkeypatch, tmp_path):
    monkeypatch.setenv("FASTPATH_PROVER_KEY_DIR", str(tmp_path / "chosen"))
    assert default_key_directory() == tmp_path / "chosen"
    monkeypatch.delenv("FASTPATH_PROVER_KEY_DIR")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_key_directory() == tmp_path / "fastpath-prover" / "keys"


def test_a_key_without_the_matrix_c_is_stored_without_it(multiply_key, tmp_path):
    r1cs = dataclasses.replace(multiply_key.r1cs, c=None)
    key_id = save_key(dataclasses.replace(multiply_key, r1cs=r1cs), tmp_path)
    assert key_id != multiply_key.key_id
    again = load_key(tmp_path, key_id)
    assert again.r1cs.c is None
    assert again.key_id == key_id
    assert not list((tmp_path / key_id).glob("c_*"))
