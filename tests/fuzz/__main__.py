"""Hold every fast path against simple ones on random and hostile input: ``make fuzz SECONDS=60``.

``python -m tests.fuzz --seconds S`` prints its seed first, so that what it finds can be found again.
"""

from __future__ import annotations

import argparse
import logging
import secrets
import sys
import time

from tests.fuzz.campaign import Report, run_campaign

SAY_EVERY_S = 60.0


def main() -> int:
    """Run, and return 1 if a difference was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to look (default 60)")
    parser.add_argument("--seed", type=int, help="of the cases; drawn and printed if not given")
    parser.add_argument("--case", type=int, help="run only the case of this number")
    options = parser.parse_args()
    logging.getLogger("prover").setLevel(logging.ERROR)  # every case has a development key of its own
    seed = secrets.randbelow(1 << 32) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    said = time.monotonic()

    def heard(report: Report) -> None:
        nonlocal said
        if time.monotonic() - said >= SAY_EVERY_S:
            said = time.monotonic()
            print(f"{report.cases.total()} cases in {report.elapsed_s:.0f} s, no difference", flush=True)

    if options.case is None:
        report = run_campaign(seed, options.seconds, heard=heard)
    else:
        report = run_campaign(seed, 0, first=options.case)
    for name, count in sorted(report.cases.items()):
        print(f"{count:7d}  {name}")
    print(report.failure or f"{report.cases.total()} cases in {report.elapsed_s:.0f} s, no difference")
    return 1 if report.failure else 0


if __name__ == "__main__":
    sys.exit(main())
