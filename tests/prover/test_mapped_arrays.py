from pathlib import Path

import numpy as np

from prover.mapped_arrays import release_pages


def resident_kibibytes(path):
    """Memory that this process has of a mapped file."""
    lines = iter(Path("/proc/self/smaps").read_text(encoding="ascii").splitlines())
    for line in lines:
        if line.endswith(str(path)):
            return int(next(found for found in lines if found.startswith("Rss:")).split()[1])
    raise LookupError(path)


def test_released_pages_are_gone_and_come_back(tmp_path):
    path, values = tmp_path / "values.npy", np.arange(1 << 18, dtype=np.uint64)
    np.save(path, values)
    mapped = np.asarray(np.load(path, mmap_mode="r"))
    assert np.array_equal(mapped, values)
    assert resident_kibibytes(path) >= 2048
    release_pages(mapped[7:])
    assert resident_kibibytes(path) == 0
    assert np.array_equal(mapped, values)


def test_arrays_that_may_have_changed_and_arrays_in_memory_stay(tmp_path):
    np.save(tmp_path / "values.npy", np.zeros(1 << 12, np.uint64))
    changed = np.load(tmp_path / "values.npy", mmap_mode="c")
    changed[:] = 5
    release_pages(changed)
    assert (changed == 5).all()
    release_pages(np.zeros(3))
