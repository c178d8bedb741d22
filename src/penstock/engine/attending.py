"""What a driver does about limits, on its own thread."""

from __future__ import annotations

from penstock.engine.asking import asked_of
from penstock.engine.driven import Driven
from penstock.errors import DefinitionError


def attend(driver: Driven) -> None:
    """Ask for what a driver's steps need under limits, and take what they were given."""
    limits = driver.limits
    if limits is None:
        limits = driver.limits = driver.host.limits()
    core = driver.core
    if core.wanting:
        now = limits.ledgers.now()
        for step in core.asking():
            try:
                asked = asked_of(driver, step, now)
            except DefinitionError as error:
                driver.refuse(step, str(error))
            else:
                limits.ask(asked)
    limits.attend(driver)
    due = limits.next_at()
    if due is not None and due != driver.token_at and limits.settles_here:
        driver.token_at = due
        wait = max(0.0, due - limits.ledgers.now())
        core.timers.after(wait, driver.now() + wait, "limit", None)
