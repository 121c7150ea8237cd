"""The packages import in one direction, and Ray stays at the edge."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("kernels", "prover", "fastpath", "cluster")
MAY_IMPORT = {
    "kernels": {"kernels"},
    "prover": {"prover", "kernels"},
    "fastpath": {"fastpath"},
    "cluster": set(PACKAGES),
}
RAY_ALLOWED = ("prover/worker.py", "fastpath/actor.py", "cluster/")


def modules(package):
    return sorted((ROOT / package).rglob("*.py"))


def imported(path):
    """Top-level names that a module imports, anywhere in it."""
    package = path.relative_to(ROOT).parts[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield package if node.level else node.module.partition(".")[0]


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_point_one_way(package):
    wrong = {
        (str(path.relative_to(ROOT)), name)
        for path in modules(package)
        for name in imported(path)
        if name in {*PACKAGES, "tests", "benchmarks", "examples"} - MAY_IMPORT[package]
    }
    assert not wrong


@pytest.mark.parametrize("package", PACKAGES)
def test_ray_is_imported_only_at_the_edge(package):
    importers = {path.relative_to(ROOT).as_posix() for path in modules(package) if "ray" in imported(path)}
    assert {path for path in importers if not path.startswith(RAY_ALLOWED)} == set()


@pytest.mark.parametrize("package", ["kernels", "prover", "fastpath"])
def test_packages_load_without_ray(package):
    probe = f"import sys, {package}; sys.exit('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe], cwd=ROOT, check=False).returncode == 0


def test_the_check_sees_what_it_should():
    assert "fastpath/actor.py" in {
        path.relative_to(ROOT).as_posix() for path in modules("fastpath") if "ray" in imported(path)
    }
