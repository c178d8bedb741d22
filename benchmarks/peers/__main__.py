"""The same work on other engines and on Penstock, in turn, each in an environment of its own: `make bench-peers`.

    python -m benchmarks.peers                       everything: about ten minutes, after the environments are made
    python -m benchmarks.peers --quick               one round of a fifth of the work
    python -m benchmarks.peers --peer luigi --workload chain --rounds 5
    python -m benchmarks.peers --show markdown       what was kept, without measuring anything

Ends with 1 if something could not be measured; the notes under the table say what, and why.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from benchmarks.peers import results
from benchmarks.peers.plan import CONTENDERS, QUICK_ROUNDS, RESULTS, ROUNDS, WORKLOADS
from benchmarks.peers.rounds import Measurement, commit_microseconds, measure_all

SHOWN = {"plain": results.plain, "markdown": results.markdown}


def main() -> int:
    options = parsed()
    if options.show is None:
        found = measured(options)
        results.write(found, options.results)
    else:
        found = results.read(options.results)
    print(SHOWN[options.show or "plain"](found))
    return 1 if found.failures else 0


def parsed() -> argparse.Namespace:
    names = [each.name for each in CONTENDERS]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--quick", action="store_true", help="one round of a fifth of the work")
    parser.add_argument("--rounds", type=int, help=f"how often each is measured at most (default {ROUNDS})")
    parser.add_argument("--peer", action="append", choices=names, help="only this one; may be repeated")
    parser.add_argument(
        "--workload", action="append", choices=list(WORKLOADS), help="only this one; may be repeated"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the results are kept, as JSON")
    parser.add_argument("--show", choices=list(SHOWN), help="show what is kept, and measure nothing")
    return parser.parse_args()


def measured(options: argparse.Namespace) -> results.Results:
    contenders = [each for each in CONTENDERS if not options.peer or each.name in options.peer]
    workloads = options.workload or list(WORKLOADS)
    rounds = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
    before = commit_microseconds()
    found = list(measure_all(contenders, workloads, rounds, quick=options.quick, report=progress))
    return results.described(
        found,
        contenders,
        taken=time.strftime("%Y-%m-%d", time.gmtime()),
        commit_microseconds=[before, commit_microseconds()],
    )


def progress(found: Measurement) -> None:
    said = f"{found.seconds:8.3f} s" if found.seconds is not None else f"failed: {found.failure}"
    print(f"round {found.round}  {found.workload:10}  {found.peer:18}  n={found.n:<6,} {said}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
