"""`penstock limits`: list, set and remove."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Cli, document

LIMITED = """
from penstock import Limit, Workflow, task


@task(limit=Limit("api:{name}", at_most=2, rate="90/m"))
def ask(name: str) -> str:
    return name


flow = Workflow("asking")
flow.add_task(ask)
"""


def test_what_bounds_a_key_is_set_listed_and_removed(cli: Cli) -> None:
    cli("run", "greetings.py")
    assert "nothing is said of any key" in cli("limits").stdout
    assert cli("limits", "set", "api", "--at-most", "3", "--rate", "10/s", "--burst", "4").stdout == (
        "limit api: at most 3 at once, 10/s, up to 4 after a rest\n"
    )
    assert cli("limits", "list").stdout.splitlines()[1].split() == [
        "api",
        "3",
        "10/s",
        "0",
        "0",
        "the",
        "store",
    ]
    assert cli("limits", "set", "api").stdout == "limit api: unbounded\n"
    assert document(cli("limits", "remove", "api", "--json")) == {"key": "api", "removed": True}
    assert document(cli("limits", "--json")) == []


def test_what_a_key_had_is_told_as_code_says_it(cli: Cli) -> None:
    Path("limited.py").write_text(LIMITED)
    cli("run", "limited.py", "--name", "ada")
    (key,) = document(cli("limits", "--json"))
    assert (key["key"], key["said"], key["held"], key["waiting"]) == ("api:ada", False, [], 0)


def test_what_means_nothing_is_refused(cli: Cli) -> None:
    for arguments, words in (
        (["set", "a*b", "--at-most", "1"], "limit 'a*b': a key is some text; a '*' stands at its end"),
        (["set", "api", "--rate", "often"], "rate='often' must be a number for s, m, h or d"),
        (["set", "api", "--at-most", "0"], "0 is not in the range"),
        (["remove", "api"], "nothing is said of limit 'api' in this store"),
    ):
        refused = cli("limits", *arguments)
        assert refused.exit_code != 0
        assert words in refused.stderr


def test_a_store_that_is_named_before_the_command_is_the_one_that_is_meant(cli: Cli) -> None:
    cli("run", "greetings.py")
    cli("run", "greetings.py", "--store", "other.db")
    cli("limits", "--store", "other.db", "set", "api", "--at-most", "3")
    assert document(cli("limits", "--json")) == []
    (known,) = document(cli("limits", "--store", "other.db", "--json", "list"))
    assert (known["key"], known["at_most"]) == ("api", 3)
