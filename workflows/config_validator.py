"""Checks configurations of workflows, without running anything: every wrong value, and whether the code is there.

python workflows/config_validator.py workflows/*.toml
"""

import sys
from pathlib import Path

from penstock.simulations.validating import validate


def main(files: list[str]) -> int:
    """Tell what is wrong with each file; 1 if anything is."""
    wrong = 0
    for file in files:
        problems = validate(file).problems
        print(f"{file}: {len(problems) or 'no'} problem{'' if len(problems) == 1 else 's'}")
        for problem in problems:
            print(f"  {problem}")
        wrong += len(problems)
    return 1 if wrong else 0


if __name__ == "__main__":
    here = Path(__file__).resolve().parent
    sys.exit(main(sys.argv[1:] or sorted(map(str, here.glob("*.toml")))))
