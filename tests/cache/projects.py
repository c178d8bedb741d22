"""Small projects of a test's own: modules written into a folder, and imported from there."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from types import ModuleType


@contextmanager
def project(folder: Path, **modules: str) -> Iterator[ModuleType]:
    """The first of these modules, imported beside the others; afterwards nobody knows of them.

    Modules of the same names that were imported before stand aside meanwhile.
    """
    folder.mkdir(parents=True, exist_ok=True)
    before = {name: sys.modules.pop(name) for name in modules if name in sys.modules}
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(dedent(text))
    importlib.invalidate_caches()
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module(next(iter(modules)))
    finally:
        sys.path.remove(str(folder))
        for name in modules:
            sys.modules.pop(name, None)
        sys.modules.update(before)
