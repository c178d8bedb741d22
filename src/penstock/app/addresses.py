"""Where a store is: addresses, the default place, and which backend an address names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Literal

from penstock.app import settings
from penstock.errors import SettingsError
from penstock.model.graph import nearest
from penstock.model.wording import shown
from penstock.ports import Store

SCHEMES = ("sqlite", "json", "memory", "ephemeral")
_FILES: Final = ("sqlite", "json")
_DURABILITIES: Final[dict[str, Literal["power", "crash"]]] = {"power": "power", "crash": "crash"}


def address_of(store: str | os.PathLike[str] | None) -> str:
    """A full address: "ephemeral", "memory:", "sqlite:////absolute/path" or "json:///" so.

    Raises SettingsError for what means nothing.
    """
    if store is None:
        return _set_address()
    if not isinstance(store, str | os.PathLike):
        raise SettingsError(
            f"store {shown(store)} is no address: say 'sqlite:///PATH', a path, or 'ephemeral'"
        )
    return _address(os.fspath(store), Path())


def _set_address() -> str:
    """The address that the settings name, else that of the default file."""
    found = settings.found("store")
    if found.value is None:
        return _address(str(default_file()), Path())
    try:
        return _address(found.value, found.folder or Path())
    except SettingsError as error:
        raise SettingsError(f"{error} ({found.place})") from error


def _address(text: str, folder: Path) -> str:
    if text in ("ephemeral", "memory:"):
        return text
    scheme, separator, rest = text.partition("://")
    if not separator:
        if text.rstrip(":") in SCHEMES:
            raise SettingsError(f"store {text!r} lacks its path: say {_example(text.rstrip(':'))}")
        _check_path(text)
        return _in_file("sqlite", text, folder)
    if scheme not in _FILES:
        close = nearest(scheme, SCHEMES)
        raise SettingsError(
            f"store {text!r} is of an unknown kind {scheme!r}; {f'did you mean {close!r}?' if close else 'use sqlite:///PATH'}"
        )
    if not rest.startswith("/") or rest == "/":
        raise SettingsError(
            f"store {text!r} lacks its path: say {_example(scheme)} (four slashes for an absolute one)"
        )
    return _in_file(scheme, rest[1:], folder)


def _example(scheme: str) -> str:
    return "json:///path/to/file.json" if scheme == "json" else "sqlite:///path/to/file.db"


def _check_path(text: str) -> None:
    """Refuse what is a slip rather than a file's name: a scheme with a letter missing, characters no file name has."""
    close = None if "." in text or "/" in text else nearest(text.rstrip(":"), SCHEMES)
    if close is not None:
        meant = {"sqlite": "sqlite:///PATH", "json": "json:///PATH", "memory": "memory:"}.get(close, close)
        raise SettingsError(f"store {text!r}: did you mean {meant!r}? A file of that name is ./{text}")
    if not text.strip() or not text.isprintable():
        raise SettingsError(f"store {text!r} can be no file's name: say sqlite:///path/to/file.db")


def _in_file(scheme: str, path: str, folder: Path) -> str:
    return f"{scheme}:///{(folder / Path(path).expanduser()).resolve()}"


def path_of(address: str) -> Path | None:
    """The file of a full address; None for a store that has none."""
    scheme, _, path = address.partition(":///")
    return Path(path) if scheme in _FILES else None


def default_file() -> Path:
    """The nearest `.penstock/` upward, else beside pyproject.toml or .git, else here; its file `penstock.db`."""
    here = Path.cwd()
    upward = [here, *here.parents]
    for folder in upward:
        if (folder / ".penstock").is_dir():
            return folder / ".penstock" / "penstock.db"
    for folder in upward:
        if (folder / "pyproject.toml").is_file() or (folder / ".git").exists():
            return folder / ".penstock" / "penstock.db"
    return here / ".penstock" / "penstock.db"


def store_at(address: str, durability: str = "power") -> Store | None:
    """Open the store of a full address; None for "ephemeral", which keeps nothing."""
    if address == "ephemeral":
        return None
    if address == "memory:":
        from penstock.stores.memory import MemoryStore

        return MemoryStore()
    if durability not in _DURABILITIES:
        raise SettingsError(
            f"durability {durability!r} must be 'power' (survives a power cut) or 'crash' (survives kill -9)"
        )
    path = path_of(address)
    assert path is not None, address
    make_folder(path)
    if address.startswith("json:"):
        from penstock.stores.json_file import JsonFileStore

        return JsonFileStore(path, _DURABILITIES[durability])
    from penstock.stores.sqlite import SqliteStore

    return SqliteStore(path, _DURABILITIES[durability])


def make_folder(path: Path) -> None:
    """A folder of our own is made, and kept out of version control; any other must be there."""
    folder = path.parent
    if folder.name == ".penstock" and not folder.exists() and folder.parent.is_dir():
        folder.mkdir(exist_ok=True)
        (folder / ".gitignore").write_text("*\n")
