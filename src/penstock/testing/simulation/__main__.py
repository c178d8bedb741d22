"""python -m penstock.testing.simulation --seeds 0..999 --program graph,function --log."""

from __future__ import annotations

import argparse
import sys

from penstock.testing.simulation.campaign import Campaign, draws_of, simulate
from penstock.testing.simulation.programs import STYLES


def main(arguments: list[str] | None = None) -> int:
    """Play seeds; 1 if one of them failed."""
    parser = argparse.ArgumentParser(prog="python -m penstock.testing.simulation", description=main.__doc__)
    parser.add_argument("--seeds", default="0..99", help="one number, or first..last")
    parser.add_argument(
        "--program", default=",".join(STYLES), help=f"of {', '.join(STYLES)}, or MODULE:NAME; several with ,"
    )
    parser.add_argument("--log", action="store_true", help="write down all that happened")
    parser.add_argument("--digests", action="store_true", help="write only a digest for each seed")
    parser.add_argument("--all", action="store_true", help="go on after a failure")
    given = parser.parse_args(arguments)
    programs, seeds = given.program.split(","), seeds_of(given.seeds)
    draws_of(programs)
    write = sys.stdout.write
    if given.log:
        campaign = Campaign(programs)
        for seed in seeds:
            write("\n".join([*campaign.play(seed, {}).world.lines, ""]))
    else:
        campaign = simulate(programs, seeds, stop_at=sys.maxsize if given.all else 1)
    if given.digests:
        write("".join(f"{seed} {digest}\n" for seed, digest in campaign.digests.items()))
    else:
        write(campaign.report() + "\n")
    return 1 if campaign.found else 0


def seeds_of(text: str) -> range:
    """Seeds as they are written: `7` is one, `0..99` are a hundred."""
    first, _, last = text.partition("..")
    return range(int(first), int(last or first) + 1)


if __name__ == "__main__":
    sys.exit(main())
