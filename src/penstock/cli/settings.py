"""`penstock settings`: each setting's value, and who said so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from penstock.cli.desk import Desk, with_desk

if TYPE_CHECKING:
    from penstock.app.settings import Found


@click.command(name="settings")
@with_desk
def command(desk: Desk) -> None:
    """Each setting's value here, and where it comes from: an option, a variable, pyproject.toml, or the default."""
    from penstock.app.settings import all_found, project_file, strange_variables

    said = all_found({"store": desk.store})
    project = project_file()
    strange = strange_variables()
    if desk.as_json:
        file = None if project is None else str(project.path)
        answers = [_document(found, desk) for found in said.values()]
        desk.answer({"settings": answers, "file": file, "unknown_variables": sorted(strange)})
        return
    rows = [[each.setting.name, _shown(each, desk), each.place or "default"] for each in said.values()]
    desk.table(["SETTING", "VALUE", "FROM"], rows)
    for name, close in strange.items():
        desk.say(f"{desk.ink('note:', 'warn')} the variable {name} is no setting; did you mean {close}?")


def _shown(found: Found, desk: Desk) -> str:
    value = _value(found, desk)
    if isinstance(value, tuple):
        return ", ".join(value)
    return found.setting.unset if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _value(found: Found, desk: Desk) -> Any:
    """As it takes effect: a store by its full address, a broker without its password."""
    from penstock.app.addresses import address_of
    from penstock.app.brokers import without_secret

    if found.setting.name == "broker" and found.value is not None:
        return without_secret(found.value)
    return address_of(desk.store) if found.setting.name == "store" else found.value


def _document(found: Found, desk: Desk) -> dict[str, Any]:
    setting = found.setting
    return {
        "setting": setting.name,
        "value": _value(found, desk),
        "from": found.source,
        "place": found.place or None,
        "default": setting.default,
        "variable": setting.variable,
        "option": setting.option,
        "description": setting.description,
    }
