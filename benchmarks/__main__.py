"""The budgets, each beside its bare baseline: `make bench`.

    python -m benchmarks                    everything: ten minutes at most; kept in benchmarks/results/budgets.json
    python -m benchmarks --quick            a fifth of the work; kept nowhere
    python -m benchmarks --only sqlite      the questions with sqlite in their names; kept with --keep
    python -m benchmarks --write            docs/benchmarks.md from what was kept, without measuring anything

Ends with 1 if a budget does not hold or could not be measured.
"""

from __future__ import annotations

import argparse
import sys
import time

from benchmarks.measuring import document, results
from benchmarks.measuring.children import ROOT
from benchmarks.measuring.figures import Figure, shown
from benchmarks.measuring.plan import QUESTIONS, asked, matching


def main() -> int:
    options = parsed()
    if options.write:
        document.write()
        print(document.PATH.relative_to(ROOT))
        return 0
    names = matching(options.only or ())
    if not names:
        print(f"no question is named like that; there are {', '.join(QUESTIONS)}", file=sys.stderr)
        return 2
    figures, failed = measured(names, "quick" if options.quick else "full")
    if options.keep or not (options.only or options.quick):
        results.write(results.merged(results.read(), results.measured_here(figures)))
    return 1 if failed or not all(figure.holds for figure in figures) else 0


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", action="append", metavar="NAME", help="questions with NAME in their names")
    parser.add_argument("--quick", action="store_true", help="a fifth of the work")
    parser.add_argument("--keep", action="store_true", help="keep what --only or --quick found, too")
    parser.add_argument("--write", action="store_true", help="make docs/benchmarks.md; measure nothing")
    return parser.parse_args()


def measured(names: list[str], scale: str) -> tuple[list[Figure], bool]:
    """The figures, each shown as soon as its question is answered, and whether a question could not be."""
    begun = time.monotonic()
    figures: list[Figure] = []
    failed = False
    print(LINE.format("", "must", "aim", "measured", "quietest", "verdict").rstrip())
    for name, found in asked(names, scale):
        if isinstance(found, list):
            figures += found
            for figure in found:
                show(figure)
        else:
            failed = True
            print(f"{name}: could not be measured: {found}", flush=True)
    print(f"{time.monotonic() - begun:.0f} s")
    return figures, failed


LINE = "{:26} {:>14} {:>14} {:>14} {:>14}  {}"


def show(figure: Figure) -> None:
    limits = (figure.must, figure.aim, figure.measured, figure.quietest)
    cells = [shown(value, figure.unit) for value in limits]
    print(LINE.format(figure.name, *cells, figure.verdict), flush=True)
    if figure.note:
        print(f"    {figure.note}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
