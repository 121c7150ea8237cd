"""Progress for those who watch, and silence for the others."""

import io
import time

import pytest

from cluster.progress import compilation_shown, kernels_shown, proofs_bar, steps_shown
from cluster.rendering import Console
from kernels.cpu import compilation
from kernels.cpu.compilation import Compiled


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(params=["warm", "cold"])
def cache(request, tmp_path, monkeypatch):
    monkeypatch.setattr(compilation, "kernel_cache_folder", lambda: tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    if request.param == "warm":
        (tmp_path / "x.kernel").touch()
    return request.param


def console(log):
    return Console(as_json=False, out=io.StringIO(), log=log)


@pytest.mark.usefixtures("cache")
def test_compilation_is_announced_and_counted():
    log = io.StringIO()
    with compilation_shown(console(log)):
        compilation._announce(Compiled("a", 1.0, from_cache=False))
        compilation._announce(Compiled("b", 0.1, from_cache=True))
        compilation._announce(Compiled("c", 2.0, from_cache=False))
    announced, counted = log.getvalue().splitlines()
    assert "once" in announced
    assert counted.startswith("compiled 2 kernels in ")


def test_kernels_read_from_disk_are_no_news(cache):
    log = io.StringIO()
    with compilation_shown(console(log)):
        compilation._announce(Compiled("b", 0.1, from_cache=True))
    assert log.getvalue() == "" or cache == "cold"


@pytest.mark.usefixtures("cache")
def test_a_worker_shows_what_it_compiles():
    log = Terminal()
    with kernels_shown(console(log)) as on_progress:
        on_progress({"compiled": 0, "latest": ""})
        on_progress({"compiled": 1, "latest": "g1.msm"})
        on_progress({"compiled": 1, "latest": "g1.msm"})
    assert "kernels: 1" in log.getvalue()
    assert "g1.msm" in log.getvalue()
    assert log.getvalue().splitlines()[-1].strip().startswith("compiled 1 kernel in ")


@pytest.mark.parametrize("watched", [True, False])
def test_bar_of_proofs_only_for_people(watched):
    log = Terminal() if watched else io.StringIO()
    with proofs_bar(console(log), "ringct", 3) as bar:
        bar.update(3)
        bar.refresh()
    assert ("ringct: 3/3" in log.getvalue()) is watched


@pytest.mark.parametrize("watched", [True, False])
def test_steps_of_a_long_computation_only_for_people(watched):
    log = Terminal() if watched else io.StringIO()
    with steps_shown(console(log), "checking") as show:
        show(0, 4)
        time.sleep(0.6 if watched else 0)  # a short one is not worth a line
        show(1, 4)
        time.sleep(0.2 if watched else 0)  # nor is every step
        show(3, 4)
    assert ("checking:  75 %" in log.getvalue()) is watched
    assert bool(log.getvalue()) is watched
