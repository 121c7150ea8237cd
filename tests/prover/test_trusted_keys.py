"""Keys are validated once."""

import dataclasses

import pytest

from kernels import get_backend
from prover.errors import BadInput
from prover.trusted_keys import validate_once


def test_a_key_is_validated_the_first_time_only(multiply_key, tmp_path):
    seen = []
    assert validate_once(multiply_key, tmp_path, get_backend(), lambda *counts: seen.append(counts))
    assert seen[-1][0] == seen[-1][1] > 10
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert not validate_once(multiply_key, tmp_path, get_backend(), lambda *_: pytest.fail("validated again"))


def test_a_bad_key_is_never_recorded(multiply_key, tmp_path):
    points = multiply_key.h_query.copy()
    points[0, 0, 0] ^= 1
    bad = dataclasses.replace(multiply_key, h_query=points)
    for _ in range(2):
        with pytest.raises(BadInput, match="point 0 of h_query"):
            validate_once(bad, tmp_path, get_backend())


def test_a_record_of_other_checks_does_not_count(multiply_key, tmp_path):
    (tmp_path / "validated").mkdir()
    (tmp_path / "validated" / multiply_key.key_id).write_text("points, 0\n", encoding="utf-8")
    assert validate_once(multiply_key, tmp_path, get_backend())
    assert not validate_once(multiply_key, tmp_path, get_backend())


def test_a_directory_that_cannot_be_written_costs_time_only(multiply_key, tmp_path):
    (tmp_path / "file").touch()
    assert validate_once(multiply_key, tmp_path / "file", get_backend())
