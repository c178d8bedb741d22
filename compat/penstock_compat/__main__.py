"""Tells whose each name is: `python -m penstock_compat`."""

from importlib.util import find_spec

from penstock_compat import NAMES, _is_ours


def whose(name: str) -> str:
    """A line about one name."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        return f"{name}: not installed"
    return f"{name}: {'Penstock' if _is_ours(spec.origin) else 'its own system'}, {spec.origin}"


if __name__ == "__main__":
    print(*map(whose, NAMES), sep="\n")
