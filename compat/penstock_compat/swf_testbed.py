"""The command `swf-testbed`, on Penstock: also `python -m penstock_compat.swf_testbed`."""

from penstock.cli.swf_testbed import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
