"""TOML configurations: how files overlay each other, and how every fault is told at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.errors import DefinitionError, InputError
from penstock.simulations import read_configuration
from penstock.simulations.configuration import configuration_of, examine
from penstock.simulations.parameters import check_overrides, from_texts, merged, problems_in

NAMED = '[workflow]\nname = "w"\nversion = "1.0"\n'


def put(folder: Path, **files: str) -> Path:
    """TOML files in a folder; the first one's path."""
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text)
    return folder / f"{next(iter(files))}.toml"


def told(file: Path) -> list[str]:
    return [problem.what for problem in examine(file)[1]]


def test_sections_are_overlaid_in_file_order(tmp_path: Path) -> None:
    found = read_configuration(
        put(tmp_path, a=NAMED + "[parameters]\nx = 1\ny = 1\n[infrastructure]\ny = 2\n[more]\nz = {k = 1}\n")
    )
    assert (found.name, found.version) == ("w", "1.0")
    assert found.parameters == {"x": 1, "y": 2, "z": {"k": 1}}
    assert found.sections["parameters"] == {"x": 1, "y": 1}


def test_includes_come_first_in_their_order_and_the_file_itself_last(tmp_path: Path) -> None:
    main = NAMED + 'includes = ["one.toml", "two.toml"]\n[parameters]\nc = "main"\n'
    one = 'includes = []\n[parameters]\na = "one"\nb = "one"\nc = "one"\n'.removeprefix("includes = []\n")
    file = put(tmp_path, main=main, one=one, two='[parameters]\nb = "two"\nc = "two"\n')
    assert read_configuration(file).parameters == {"a": "one", "b": "two", "c": "main"}


def test_what_an_included_file_includes_comes_before_it(tmp_path: Path) -> None:
    inner = '[workflow]\nname = "x"\nincludes = ["deep.toml"]\n[parameters]\na = 2\n'
    file = put(
        tmp_path, main=NAMED + 'includes = ["inner.toml"]\n', inner=inner, deep="[parameters]\na = 1\nb = 1\n"
    )
    found = read_configuration(file)
    assert found.parameters == {"a": 2, "b": 1}
    assert found.name == "w"


def test_a_circle_of_includes_is_told_as_it_goes(tmp_path: Path) -> None:
    file = put(
        tmp_path, a=NAMED + 'includes = ["b.toml"]\n', b='[workflow]\nname = "b"\nincludes = ["a.toml"]\n'
    )
    assert told(file) == [
        "[workflow] includes: goes round in a circle: a.toml includes b.toml includes a.toml"
    ]


@pytest.mark.parametrize("name", ["../outside.toml", "/etc/outside.toml", "link.toml"])
def test_an_include_may_not_leave_the_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    (tmp_path / "outside.toml").write_text("[parameters]\na = 1\n")
    (folder / "link.toml").symlink_to(tmp_path / "outside.toml")
    (problem,) = told(put(folder, main=NAMED + f'includes = ["{name}"]\n'))
    assert f"{name!r} leaves the folder" in problem


def test_a_missing_include_names_the_nearest_file(tmp_path: Path) -> None:
    file = put(tmp_path, main=NAMED + 'includes = ["comon.toml"]\n', common="[parameters]\n")
    assert told(file) == ["[workflow] includes: there is no file 'comon.toml'; did you mean 'common.toml'?"]


def test_all_that_is_wrong_is_told_at_once_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = '[workflow]\nnam = "w"\nversion = 1.0\n\n[parameters]\n'
    text += "worker_count = 0\nsample_fraction = 1.5\nstf_intervl_sec = 2\n"
    found, problems = examine(put(tmp_path, bad=text))
    assert found is not None
    assert [str(each) for each in [*problems, *problems_in(found, {})]] == [
        "bad.toml:2: [workflow] nam: means nothing here; did you mean 'name'?",
        'bad.toml:3: [workflow] version: 1.0 must be text, such as "1.0"',
        "bad.toml:6: [parameters] worker_count: 0 must be a whole number of at least 1 and at most 100,000",
        "bad.toml:7: [parameters] sample_fraction: 1.5 must be a number from 0 to 1",
        "bad.toml:8: [parameters] stf_intervl_sec: is no parameter; did you mean 'stf_interval_sec'?",
    ]


def test_what_is_read_by_code_is_refused_whole(tmp_path: Path) -> None:
    file = put(tmp_path, bad='top = 1\n[workflow]\nname = ""\n')
    with pytest.raises(
        DefinitionError, match=r"(?s)has 2 problems:.*name: is empty.*top: 1 stands outside every section"
    ):
        read_configuration(file)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[workflow\n", "is no TOML"),
        ("[parameters]\nx = 1\n", "lacks the workflow's name"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_is_no_configuration_says_why(tmp_path: Path, text: str | None, said: str) -> None:
    file = tmp_path / "x.toml" if text is None else put(tmp_path, x=text)
    with pytest.raises(DefinitionError, match=said):
        read_configuration(file)


def test_a_document_in_memory_is_a_configuration() -> None:
    assert configuration_of({"workflow": {"name": "w"}, "parameters": {"a": 1}}).parameters == {"a": 1}
    with pytest.raises(DefinitionError, match="can include no file"):
        configuration_of({"workflow": {"name": "w", "includes": ["a.toml"]}})


# ── values ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_command_line_goes_over_a_configuration_and_that_over_the_defaults() -> None:
    config = configuration_of({"workflow": {"name": "w"}, "parameters": {"b": 2, "c": 2}})
    assert merged("w", {"a": 1, "b": 1, "c": 1}, config, {"c": 3}) == {"a": 1, "b": 2, "c": 3}


def test_a_configuration_may_have_parameters_of_its_own_but_no_slips() -> None:
    config = configuration_of({"workflow": {"name": "w"}, "site": {"queue": "long", "wrker_count": 3}})
    with pytest.raises(
        DefinitionError, match=r"\[site\] wrker_count: is no parameter; did you mean 'worker_count'"
    ):
        merged("w", {"worker_count": 1}, config, {})


def test_overrides_of_unknown_parameters_are_refused_with_the_nearest() -> None:
    with pytest.raises(
        InputError, match=r"'worker_cuont'; did you mean 'worker_count'.*; text: 3 must be text, as 'a' is"
    ):
        check_overrides("w", {"worker_count": 1, "text": "a"}, {"worker_cuont": 2, "text": 3})


@pytest.mark.parametrize(
    ("default", "text", "value"),
    [
        (1, "25", 25),
        (1.5, "2", 2.0),
        ("a", "3", "3"),
        (True, "no", False),
        ([1], "[1, 2]", [1, 2]),
        ({"a": 1}, '{"b": 2}', {"b": 2}),
        (None, "3.5", 3.5),
        (None, "words", "words"),
    ],
)
def test_text_becomes_a_value_by_the_defaults_type(default: object, text: str, value: object) -> None:
    found = from_texts("w", {"p": default}, {"p": text})["p"]
    assert found == value
    assert type(found) is type(value)


def test_a_whole_default_of_a_measure_takes_a_fraction() -> None:
    assert from_texts("w", {"target_processing_sec": 30}, {"target_processing_sec": "12.5"}) == {
        "target_processing_sec": 12.5
    }


@pytest.mark.parametrize(
    ("default", "text", "said"),
    [
        (1, "2.5", "must be a whole number"),
        (True, "maybe", "must be true or false"),
        (1.0, "x", "must be a number"),
        ([], "3", "must be a list"),
    ],
)
def test_text_that_is_no_such_value_is_refused(default: object, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        from_texts("w", {"p": default}, {"p": text})


def test_every_text_that_is_wrong_is_told() -> None:
    with pytest.raises(InputError, match=r"no parameter 'y'.*; x: 'a' must be a whole number"):
        from_texts("w", {"x": 1}, {"y": "1", "x": "a"})
