"""Writes docs/settings.md from the table in penstock.app.settings: `python docs/settings_page.py`."""

from __future__ import annotations

from pathlib import Path

from penstock.app.settings import SETTINGS, Setting

PAGE = Path(__file__).with_name("settings.md")


def page() -> str:
    """The whole page."""
    rows = "\n".join(_row(setting) for setting in SETTINGS.values())
    return _PAGE.format(rows=rows)


def _row(setting: Setting) -> str:
    option = f"`{setting.option}`" if setting.option else "none"
    kind = ", ".join(f"`{choice}`" for choice in setting.choices) or setting.type
    return f"| `{setting.name}` | {kind} | {_default(setting)} | `{setting.variable}` | {option} | {setting.description} |"


def _default(setting: Setting) -> str:
    value = setting.default
    return setting.unset if value is None else f"{value:g}" if isinstance(value, float) else f"`{value}`"


_PAGE = """\
# Settings

What holds for every run of a project, unless a call or a command says otherwise. This page is made from the table in the code.

| setting | values | default | variable | option | what it says |
|---|---|---|---|---|---|
{rows}

The first of these counts that says something:

1. the option of the command, or the keyword of `penstock.open`, which has the setting's name, where there is one;
2. the environment variable; an empty one says nothing;
3. the key of that name in `[tool.penstock]` of `pyproject.toml`;
4. the default.

```toml
[tool.penstock]
store = "runs/runs.db"
durability = "crash"
executor = "threads"
workflows = ["pipelines.nightly", "workflows/"]
```

The file is the nearest `pyproject.toml` upward of the working directory that has such a table; one without is passed by. A
relative path in it starts from its folder, everywhere else from the working directory.

`penstock settings` shows what is in force here and who said so, also as `--json`:

```console
$ penstock settings
SETTING        VALUE  FROM
store          ...    default
durability     power  default
executor       on the thread that drives the run  default
lease_seconds  5      default
workflows  what installed packages offer  default
broker  nowhere  default
```

A value that means nothing and a key that nobody knows are refused before anything is opened, with the file, the key and the
nearest right name. A variable that begins with `PENSTOCK_` and is no setting is nobody's fault: `penstock settings` points it
out if it looks like one.

What a workflow's own code says of a task, such as its `executor`, always counts before a setting. `NO_COLOR` and
`FORCE_COLOR` are everybody's: see [the command line](command-line.md#exit-codes).
"""

if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
