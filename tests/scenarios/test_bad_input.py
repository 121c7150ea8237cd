"""Wrong input of every kind: a typed error names the item, the other items complete, no process ends."""

import dataclasses
import shutil

import numpy as np
import pytest

from fastpath.settings import SchedulerSettings
from prover import BadInput, KeyNotFound, Proof, UnsatisfiedConstraint, groth16
from prover.key_store import load_key, save_key

pytestmark = pytest.mark.ray

SECRET = 0xD15EA5E  # a value that no message may contain


@pytest.fixture(scope="module")
def key(client):
    return client.circuit("multiply")


@pytest.fixture
def witnesses(key):
    return key.circuit.random_witnesses(5)


@pytest.fixture(autouse=True)
def _no_process_ends(client):
    pid = client.workers()[0]["pid"]
    yield
    assert client.workers()[0]["pid"] == pid


def assert_only_item_fails(client, key, items, index, error, match):
    batch = client.prove_batch(key, items)
    jobs = sorted(batch.as_completed(), key=lambda job: job.index)
    assert len(jobs) == len(items)
    assert isinstance(jobs[index].error, error)
    assert jobs[index].proof is None
    with pytest.raises(error, match=match) as raised:
        batch.results()
    assert f"item {index} of the batch" in raised.value.__notes__
    assert str(SECRET) not in repr(raised.value)
    others = [job for job in jobs if job.index != index]
    groth16.verify_batch(key.verifying_key, [job.proof for job in others], [job.public_inputs for job in others])
    return jobs[index].error


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (lambda w: w[:-1], r"item 2: .*uint64\[4, 4\].*\[3, 4\]"),
        (lambda w: np.concatenate([w, w]), r"item 2: .*\[8, 4\]"),
        (lambda w: w.astype(np.int64), "item 2: .*int64"),
        (lambda w: w.astype(np.float64), "item 2: .*float64"),
        (lambda w: w.tolist(), "item 2: .*list"),
        (lambda _: None, "item 2: .*NoneType"),
    ],
    ids=["short", "long", "int64", "float64", "list", "none"],
)
def test_a_witness_of_wrong_form_fails_alone(client, key, witnesses, spoil, match):
    items = list(witnesses)
    items[2] = spoil(items[2])
    assert_only_item_fails(client, key, items, 2, BadInput, match)


def test_a_value_not_below_the_modulus_fails_alone(client, key, witnesses):
    witnesses[3, 2] = np.uint64(2**64 - 1)
    assert_only_item_fails(client, key, witnesses, 3, BadInput, "variable 2 is not below the modulus")


def test_an_unsatisfied_constraint_fails_alone_with_its_index_and_name(client, key, witnesses):
    witnesses[1, 1] = [SECRET, 0, 0, 0]
    error = assert_only_item_fails(client, key, witnesses, 1, UnsatisfiedConstraint, "constraint 0")
    assert (error.index, error.name) == (0, key.circuit.r1cs.constraint_names[0])


def test_a_wrong_constant_fails_alone(client, key, witnesses):
    witnesses[0, 0, 0] = 2
    assert_only_item_fails(client, key, witnesses, 0, BadInput, "variable 0 is the constant")


def test_a_batch_of_nothing_but_misfits_is_still_a_batch(client, key):
    errors = client.prove_batch(key, [None, "witness"]).results(return_exceptions=True)
    assert [type(error) for error in errors] == [BadInput, BadInput]


@pytest.mark.parametrize("empty", [[], np.empty((0, 4, 4), np.uint64)], ids=["list", "array"])
def test_an_empty_batch_is_refused_at_once(client, key, empty):
    with pytest.raises(BadInput, match="at least one"):
        client.prove_batch(key, empty)


def test_a_batch_over_the_limit_is_refused_at_once(client, key, witnesses):
    most = SchedulerSettings.max_batch
    with pytest.raises(BadInput, match=str(most)):
        client.prove_batch(key, np.repeat(witnesses[:1], most + 1, axis=0))


@pytest.mark.parametrize("shape", [(5, 3, 4), (4, 4), (5, 4, 5)])
def test_an_array_of_another_shape_is_refused_at_once(client, key, shape):
    with pytest.raises(BadInput, match=r"uint64\[n, 4, 4\]"):
        client.prove_batch(key, np.zeros(shape, np.uint64))


@pytest.mark.parametrize("options", [{"deadline_s": -1}, {"deadline_s": float("nan")}, {"priority": 10}])
def test_a_wrong_option_is_refused_by_name(client, key, witnesses, options):
    with pytest.raises(BadInput, match=next(iter(options))):
        client.prove_batch(key, witnesses, **options)


@pytest.mark.parametrize("key_id", ["0" * 64, "", "../keys"])
def test_an_unknown_key_is_not_found(client, witnesses, key_id):
    with pytest.raises(KeyNotFound):
        client.prove_batch(key_id, witnesses)


def test_an_unknown_circuit_or_parameter_is_refused(client):
    with pytest.raises(BadInput, match="sha256"):
        client.circuit("sha256")
    with pytest.raises(BadInput, match="depth"):
        client.circuit("ringct", inputs=1, outputs=1)
    with pytest.raises(BadInput, match="p256"):
        client.circuit("multiply", curve="p256")


def spoiled_key(key_directory, key_id, tmp_path, spoil):
    """Save a key whose arrays were changed, under the id that its new content has."""
    key = load_key(key_directory, key_id)
    changed = {name: np.array(getattr(key, name)) for name in ("a_query", "h_query")}
    spoil(changed)
    return tmp_path / save_key(dataclasses.replace(key, **changed), tmp_path)


def off_the_curve(arrays):
    arrays["a_query"][0, 0, 0] ^= np.uint64(1)


def outside_the_subgroup(arrays):
    # (0, 2) lies on y^2 = x^3 + 4, and not in the subgroup of order r.
    from kernels import get_curve, montgomery_from_ints

    arrays["h_query"][0] = montgomery_from_ints(get_curve("bls12_381").fp, [0, 2])


@pytest.mark.parametrize(
    ("spoil", "named"), [(off_the_curve, "point 0 of a_query"), (outside_the_subgroup, "point 0 of h_query")]
)
def test_a_key_with_a_bad_point_is_refused(client, key, key_directory, tmp_path, spoil, named):
    folder = spoiled_key(key_directory, key.key_id, tmp_path, spoil)
    with pytest.raises(BadInput, match=named):
        client.add_key(folder)
    assert folder.name not in {entry["key_id"] for entry in client.list_keys()}


def test_a_truncated_key_file_is_refused_by_name(client, key, key_directory, tmp_path):
    folder = tmp_path / key.key_id
    shutil.copytree(key_directory / key.key_id, folder)
    path = folder / "b_g2_query.npy"
    path.write_bytes(path.read_bytes()[:-16])
    with pytest.raises(BadInput, match=r"b_g2_query\.npy"):
        client.add_key(folder)


def test_a_good_key_from_elsewhere_is_taken_and_proves(client, key, key_directory, tmp_path, witnesses):
    shutil.copytree(key_directory / key.key_id, tmp_path / key.key_id)
    added = client.add_key(tmp_path / key.key_id)
    assert added.key_id == key.key_id
    assert len(client.prove_batch(added, witnesses).results()) == len(witnesses)


def test_a_proof_with_a_bad_point_is_refused(client, key, witnesses):
    (proof,) = client.prove_batch(key, witnesses[:1]).results()
    encoded = bytearray(proof.to_bytes())
    encoded[0] ^= 1
    with pytest.raises(BadInput, match="element a"):
        Proof.from_bytes(bytes(encoded))


def test_a_wrong_number_of_public_inputs_is_refused(client, key, witnesses):
    (job,) = client.prove_batch(key, witnesses[:1]).as_completed()
    with pytest.raises(BadInput, match="public"):
        groth16.verify(key.verifying_key, job.proof, np.concatenate([job.public_inputs] * 2))
