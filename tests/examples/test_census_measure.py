from pathlib import Path
from textwrap import dedent

import pytest
from census_measure import Function, Module, measure_source, source_files


def measured(source: str, path: str = "pkg/mod.py") -> Module:
    return measure_source(path, dedent(source).encode())


def complexity_of(source: str) -> int:
    return measured(source).functions[0].complexity


def test_every_line_has_one_kind() -> None:
    module = measured('''\
        """A docstring

        of three lines."""
        # a comment

        x = 1  # not a comment line
        """A string that nobody reads
        # and no comment
        """
        ''')
    assert (module.lines, module.docstrings, module.comments, module.blank, module.code) == (9, 3, 1, 1, 4)


def test_a_function_is_named_with_what_it_stands_in_and_measured_from_def_to_end() -> None:
    module = measured("""\
        class Shape:
            @property
            def area(self):
                def inner():
                    return 1

                return inner()
        """)
    assert module.functions == [Function("Shape.area", 3, 5, 1), Function("Shape.area.inner", 4, 2, 1)]
    assert module.classes == 1


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("pass", 1),
        ("if a: pass\n    elif b: pass\n    else: pass", 3),
        ("return a and b and c or d", 4),
        ("return [x for x in a if x if not b]", 4),
        ("return lambda: a if b else c", 2),
        ("for x in a:\n        while b: pass", 3),
        ("try: pass\n    except A: pass\n    except B: pass", 3),
        ("match a:\n        case 1: pass\n        case [b]: pass\n        case _: pass", 3),
        ("assert a", 2),
        ("def inner():\n        if a: pass", 1),
    ],
)
def test_complexity_is_one_and_one_more_for_each_branch_of_the_function_alone(
    body: str, expected: int
) -> None:
    assert complexity_of(f"def f(a, b, c, d):\n    {body}\n") == expected


def test_only_public_definitions_are_asked_for_a_docstring() -> None:
    module = measured('''\
        """The module."""
        class Open:
            "Documented."
            def said(self): "Documented."
            def silent(self): pass
            def _private(self): pass
        def function():
            def nested(): pass
        class _Hidden:
            def method(self): pass
        ''')
    assert (module.documented, module.definitions) == (3, 5)


def test_imports_are_absolute_and_counted_once() -> None:
    module = measured("""\
        import os.path, sys
        from collections import abc
        from . import sibling
        from .sibling import thing
        from ..other import *
        def late():
            import sys
        """)
    assert module.imports == [
        "collections.abc",
        "os.path",
        "other",
        "pkg.sibling",
        "pkg.sibling.thing",
        "sys",
    ]


def test_a_package_is_named_without_its_init_and_starts_its_own_relative_imports() -> None:
    module = measured("from .mime import text\n", path="email/__init__.py")
    assert (module.name, module.imports) == ("email", ["email.mime.text"])


@pytest.mark.parametrize(
    ("source", "error"),
    [
        (b"def broken(:\n    pass\n", "SyntaxError"),
        (b"x = '\xff'\n", "SyntaxError"),
        (b"# coding: latin-9000\n", "SyntaxError"),
        (b"x = 1\n\0\n", "Error"),
        (b"x = " + b"-" * 100_000 + b"1\n", "Error"),
    ],
)
def test_a_file_that_cannot_be_parsed_is_reported_and_keeps_its_lines(source: bytes, error: str) -> None:
    module = measure_source("bad.py", source)
    assert error in module.error
    assert (module.lines, module.code, module.functions) == (source.count(b"\n"), 0, [])


def test_a_file_is_read_in_the_encoding_that_it_names() -> None:
    assert measure_source("old.py", "# coding: latin-1\nname = 'é'\n".encode("latin-1")).error == ""


def test_an_empty_file_is_a_module_of_no_lines() -> None:
    assert measure_source("empty.py", b"") == Module("empty.py", "empty", 0, definitions=1)


def test_files_are_found_in_one_order_without_installed_packages_and_tests(tmp_path: Path) -> None:
    for name in ("b.py", "a/c.py", "a/tests/t.py", "site-packages/x.py", "test/__init__.py", "a/data.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert source_files(tmp_path) == ["a/c.py", "b.py"]
    assert source_files(tmp_path, tests=True) == ["a/c.py", "a/tests/t.py", "b.py", "test/__init__.py"]
