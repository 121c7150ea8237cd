"""Coverage-guided search for files that the parsers do not refuse as they should, by atheris (libFuzzer).

``python -m tests.fuzz.guided --seconds S`` runs each format for an equal share of the time, and ends with status 1 and
the file that did it, under ``build/fuzz``, if something is wrong. Without atheris, for which there are not wheels for
every platform, it says so and does nothing.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FOUND = ROOT / "build" / "fuzz"


def main() -> int:
    """Run each format in a process of its own: libFuzzer ends the one it runs in."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.guided", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to look, all formats together")
    parser.add_argument("--kind", help="search this format in this process")
    options = parser.parse_args()
    try:
        import atheris
    except ImportError:
        print("atheris is not installed; the parsers are searched by random changes only")
        return 0
    if options.kind:
        _search(atheris, options.kind, max(1, round(options.seconds)))
    from tests.fuzz.files import FILES

    FOUND.mkdir(parents=True, exist_ok=True)
    share, failed = options.seconds / len(FILES), []
    for kind in FILES:
        command = [sys.executable, "-m", "tests.fuzz.guided", "--kind", kind, "--seconds", str(share)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
        said = [line for line in done.stderr.splitlines() if "cov:" in line] or ["no word"]
        print(f"{kind}: {said[-1]}", flush=True)
        if done.returncode:
            failed.append(kind)
            print(done.stdout[-2000:] + done.stderr[-4000:])
    print(f"wrong: {', '.join(failed)}; the files are in {FOUND}" if failed else "every file was refused or consistent")
    return 1 if failed else 0


def _search(atheris: Any, kind: str, seconds: int) -> None:
    with atheris.instrument_imports(include=["prover.formats"]):
        from tests.fuzz import files

    corpus = FOUND / f"corpus-{kind}"
    corpus.mkdir(parents=True, exist_ok=True)
    for curve in files.VECTORS.iterdir():
        if curve.is_dir():
            name = files.FILES[kind]
            (corpus / f"{curve.name}-{name}").write_bytes((curve / name).read_bytes())
    arguments = [
        f"-max_total_time={seconds}",
        "-max_len=16384",
        "-rss_limit_mb=4096",
        f"-artifact_prefix={FOUND}/{kind}-",
    ]
    atheris.Setup([sys.argv[0], *arguments, str(corpus)], lambda content: files.read(kind, content))
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
