"""The main script in a worker process: found by the program, loaded by the worker when something of it is needed.

A function of the main script is known as `__main__.f` to both sides. A worker runs the script under the name
`__penstock_main__`, up to its end or to the place where it would start a run (`stop_if_loading_main`), so that a script
without an `if __name__ == "__main__"` guard does not start its work again in every worker. What stands above that place is
executed once in each worker that needs it.
"""

from __future__ import annotations

import sys
from types import ModuleType

from penstock.context import EndOfMain, loading_main
from penstock.errors import DefinitionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

    Main = tuple[str, str]  # ("module", its name) or ("script", its path)

NAME = "__penstock_main__"


def describe_main() -> Main | None:
    """How another process finds this one's main script; None in a notebook, a console or `python -c`."""
    import os

    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name != "__main__":
        return "module", spec.name
    path = getattr(main, "__file__", None)
    return ("script", os.path.abspath(path)) if path and os.path.exists(path) else None


def alias_main() -> None:
    """Let objects that come back find the classes of the main script."""
    sys.modules.setdefault(NAME, sys.modules["__main__"])


class MainModule(ModuleType):
    """Stands in a worker for the program's main module, and executes it at the first look at what it defines."""

    def __init__(self, main: Main | None) -> None:
        super().__init__(NAME)
        self.__dict__["_penstock_main"] = main
        self.__dict__["_penstock_loaded"] = False

    def __getattr__(self, name: str) -> Any:
        if self.__dict__["_penstock_loaded"] or (name.startswith("__") and name.endswith("__")):
            raise AttributeError(f"the main script has no {name!r}")
        self._penstock_load()
        return getattr(self, name)

    def _penstock_load(self) -> None:
        main = self.__dict__["_penstock_main"]
        if main is None:
            raise DefinitionError("functions of a notebook or a console cannot be found by a worker process")
        self.__dict__["_penstock_loaded"] = True
        loading_main(True)
        try:
            exec(_code(main, self.__dict__), self.__dict__)
        except (EndOfMain, SystemExit):
            return
        except BaseException as error:
            self.__dict__["_penstock_loaded"] = False
            raise DefinitionError(
                f"the main script {main[1]} could not be loaded in a worker process: {type(error).__name__}: {error}. Put "
                'its steps into a module, or what is not to happen there under `if __name__ == "__main__":`'
            ) from error
        finally:
            loading_main(False)


def stand_in_for_main(main: Main | None) -> None:
    """In a worker: be the main module. The real one, which is a line of ours, is kept alive."""
    module = MainModule(main)
    module.__dict__["_penstock_before"] = sys.modules["__main__"]
    sys.modules["__main__"] = sys.modules[NAME] = module


def _code(main: Main, namespace: dict[str, Any]) -> CodeType:
    kind, place = main
    if kind == "script":
        namespace["__file__"] = place
        with open(place, "rb") as file:
            return compile(file.read(), place, "exec", dont_inherit=True)
    from importlib.util import find_spec

    spec = find_spec(place)
    loader: Any = None if spec is None else spec.loader
    code: CodeType | None = loader.get_code(place) if hasattr(loader, "get_code") else None
    if spec is None or code is None:
        raise ImportError(f"no code for the module {place}")
    namespace["__package__"], namespace["__file__"] = spec.parent, spec.origin
    return code
