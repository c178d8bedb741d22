"""The examples are scripts beside each other: their folder is where their imports start, as when one of them is run."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
