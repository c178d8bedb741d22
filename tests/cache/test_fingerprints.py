"""What counts as the code of a function, and what does not."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from textwrap import dedent

import pytest

from penstock.catalogue.fingerprints import Code, changed, code_of, name_of
from tests.cache.projects import project

SHOP = """
    from rates import with_tax, VAT
    import stock

    class Order:
        amount: int

    def total(amount, times=2):
        '''What it costs.'''
        # with all taxes
        return with_tax(amount) * times + stock.on_hand(amount)

    def other(total):
        return total
    """
RATES = """
    import math
    VAT = 0.2
    def with_tax(amount):
        return amount * (1 + rounded(VAT))
    def rounded(rate):
        return math.floor(rate * 100) / 100
    def unused():
        return 1
    """
STOCK = """
    def on_hand(amount):
        return amount
    """


def code(folder: Path, name: str = "total", shop: str = SHOP, rates: str = RATES, stock: str = STOCK) -> Code:
    with project(folder, shop=shop, rates=rates, stock=stock) as module:
        return code_of(getattr(module, name))


def test_all_of_the_project_that_a_function_refers_to_counts(tmp_path: Path) -> None:
    assert sorted(code(tmp_path).parts) == [
        "rates.VAT", "rates.rounded", "rates.with_tax", "shop.total", "stock.on_hand",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("where", "old", "new", "names"),
    [
        ("shop", "times=2", "times=3", ["shop.total"]),
        ("rates", "VAT = 0.2", "VAT = 0.25", ["rates.VAT"]),
        ("rates", "/ 100", "/ 1000", ["rates.rounded"]),
        ("rates", "math.floor", "math.ceil", ["rates.rounded"]),
        ("rates", "import math", "import cmath as math", ["rates.rounded"]),
        ("stock", "return amount", "return -amount", ["stock.on_hand"]),
    ],
)
def test_a_change_is_told_by_the_name_of_what_changed(
    tmp_path: Path, where: str, old: str, new: str, names: list[str]
) -> None:
    texts = {"shop": SHOP, "rates": RATES, "stock": STOCK}
    assert old in texts[where]
    after = code(tmp_path / "new", **{**texts, where: texts[where].replace(old, new, 1)})
    before = code(tmp_path / "old")
    assert changed(before.parts, after.parts) == names
    assert before.digest != after.digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# with all taxes", "# for short"),
        ("What it costs.", "The sum."),
        ("amount) * times", "amount)  *  ( times )"),
        ("return total", "return total + 1"),
        ("class Order", "def new(): pass\n\n    class Order"),
    ],
)
def test_comments_docstrings_layout_and_other_functions_do_not_count(
    tmp_path: Path, old: str, new: str
) -> None:
    assert old in SHOP
    assert code(tmp_path / "a") == code(tmp_path / "b", shop=SHOP.replace(old, new, 1))


def test_a_parameter_is_not_the_function_of_that_name(tmp_path: Path) -> None:
    assert list(code(tmp_path, "other").parts) == ["shop.other"]


def test_how_a_task_is_run_does_not_count_but_another_decorator_does(tmp_path: Path) -> None:
    shop = """
        from penstock import Workflow, task
        flow = Workflow("shop")
        def twice(fn):
            return lambda x: fn(fn(x))
        @task(retries=3)
        def a(x): return x
        @flow.task(depends_on=[a])
        def b(a): return a
        @twice
        def c(x): return x
        """
    with project(tmp_path, shop=shop) as module:
        assert list(code_of(module.a).parts) == ["shop.a"]
        assert list(code_of(module.b).parts) == ["shop.b"]
        assert set(code_of(module.c).parts) >= {"shop.twice", "shop.c"}


def test_names_are_followed_through_packages_stars_and_imports_within_functions(tmp_path: Path) -> None:
    (tmp_path / "bag").mkdir()
    (tmp_path / "bag" / "__init__.py").write_text("from .inner import *\nfrom . import deep\n")
    (tmp_path / "bag" / "inner.py").write_text("def shown(): return 1\n")
    (tmp_path / "bag" / "deep.py").write_text("from bag.late import tardy\ndef down(): return 2\n")
    (tmp_path / "bag" / "late.py").write_text("def tardy(): return 3\n")
    shop = """
        import bag.deep
        from bag import shown
        def a():
            from bag.late import tardy
            return shown() + bag.deep.down() + tardy()
        """
    with project(tmp_path, shop=shop) as module:
        assert set(code_of(module.a).parts) == {
            "shop.a", "bag.inner.shown", "bag.deep.down", "bag.late.tardy",
        }  # fmt: skip
    for name in [name for name in sys.modules if name.partition(".")[0] == "bag"]:
        del sys.modules[name]


def test_what_a_function_closes_over_counts_where_it_is_plain(tmp_path: Path) -> None:
    shop = """
        def made(by, what):
            def inner(x): return x * by, what
            return inner
        """
    with project(tmp_path, shop=shop) as module:
        two, three = code_of(module.made(2, object())), code_of(module.made(3, object()))
        again = code_of(module.made(2, object()))
    assert two == again
    assert changed(two.parts, three.parts) == ["shop.made.<locals>.inner (by)"]
    assert code_of(partial(max, key=1)) != code_of(partial(max, key=2))


def test_a_lambda_counts_with_what_it_names(tmp_path: Path) -> None:
    shop = "from rates import VAT\nfns = [lambda x: x * VAT, lambda x: x + VAT]\n"
    with project(tmp_path, shop=shop, rates=RATES) as module:
        one, two = map(code_of, module.fns)
    assert changed(one.parts, two.parts) == ["shop.<lambda>"]
    assert "rates.VAT" in one.parts


def test_a_file_that_changed_since_it_was_imported_is_told(tmp_path: Path) -> None:
    with project(tmp_path, shop=SHOP, rates=RATES, stock=STOCK) as module:
        (tmp_path / "rates.py").write_text(dedent(RATES).replace("/ 100", "/ 1000"))
        assert code_of(module.total).stale == "rates.rounded"


def test_a_shells_functions_have_fingerprints_too() -> None:
    def typed(text: str) -> Code:
        names: dict[str, object] = {"__name__": "shell"}
        exec(text, names)
        return code_of(names["f"])  # type: ignore[arg-type]

    first = "def g(): return 1\ndef f(): return g() + K\nK = 2"
    assert typed(first) == typed(first)
    assert changed(typed(first).parts, typed(first.replace("1", "3")).parts) == ["shell.g"]
    assert changed(typed(first).parts, typed(first.replace("K = 2", "K = 3")).parts) == ["shell.K"]


def test_every_process_finds_the_same_whatever_its_hash_seed_and_as_a_script_too(tmp_path: Path) -> None:
    shop = "SMALL = {'a', 'b', 'c'}\ndef f(x): return x in SMALL or x in {'d', 'e', 'f'}\n"
    asking = "from penstock.catalogue.fingerprints import *\nprint(code_of(f), name_of(f))\n"
    (tmp_path / "shop.py").write_text(shop)
    (tmp_path / "asks.py").write_text(f"from shop import f\n{asking}")
    (tmp_path / "script").mkdir()
    (tmp_path / "script" / "shop.py").write_text(shop + asking)
    said = {
        subprocess.run(
            [sys.executable, str(tmp_path / script)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed, script in (("1", "asks.py"), ("2", "asks.py"), ("3", "script/shop.py"))
    }
    assert len(said) == 1
    assert "shop.SMALL" in said.pop()


def test_the_code_of_python_counts_by_its_name(tmp_path: Path) -> None:
    shop = "from os.path import join as way\ndef f(): return way('a', 'b')\n"
    with project(tmp_path, shop=shop) as module:
        assert list(code_of(module.f).parts) == ["shop.f"]
        assert name_of(module.way).endswith("path.join")
