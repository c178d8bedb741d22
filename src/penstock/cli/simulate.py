"""`penstock simulate FILE|NAME|RUN`: what is to be simulated decides whether `simulate_any` or `simulate_named` answers."""

from __future__ import annotations

from typing import Any

import click


class Either(click.Command):
    """What to simulate decides which command it is, and so its options."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        from penstock.cli.simulate_any import command as any_workflow
        from penstock.cli.simulate_any import is_any
        from penstock.cli.simulate_named import command as simulated

        either = click.Command("simulate", params=[*any_workflow.params, *simulated.params])
        chosen: click.Command = any_workflow if is_any(either, args) else simulated
        return chosen.make_context(info_name, args, parent, **extra)


command = Either("simulate")
