"""numpy, pandas and polars values come back exactly, and nothing of theirs is loaded before one is met."""

import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from penstock.codecs import JsonCodec, Unknown, preview
from penstock.errors import CodecError

CODEC = JsonCodec()


def back(value: Any) -> Any:
    text = CODEC.encode({"it": [value]})
    result = CODEC.decode(text)
    assert CODEC.encode(result) == text
    (restored,) = result["it"]
    assert type(restored) is type(value)
    return restored


def assert_same_array(value: Any) -> None:
    restored = back(value)
    assert restored.dtype == value.dtype
    assert restored.shape == value.shape
    assert restored.tobytes() == value.tobytes()
    assert restored.flags.writeable


@given(hnp.arrays(hnp.scalar_dtypes() | hnp.array_dtypes(), hnp.array_shapes(min_dims=0, min_side=0)))
def test_any_array_comes_back_bit_for_bit(array: Any) -> None:
    assert_same_array(array)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12.0).reshape(3, 4).T,
        np.arange(10)[::3],
        np.zeros((0, 3), "<f4"),
        np.array(5),
        np.array([1, 2], ">i2"),
        np.array(["2024-01-01", "NaT"], "M8[ns]"),
        np.array(["é", "bc"]),
        np.array([(1, 2.5)], [("a", "i4"), ("b", "f8", (2,))]),
    ],
    ids=lambda array: str(array.dtype),
)
def test_an_array_comes_back_bit_for_bit(array: Any) -> None:
    assert_same_array(array)


@given(hnp.arrays(hnp.scalar_dtypes(), 1))
def test_any_scalar_comes_back(array: Any) -> None:
    scalar = array[0]
    restored = back(scalar)
    assert restored.dtype == scalar.dtype
    assert np.array_equal([restored], [scalar], equal_nan=scalar.dtype.kind in "fcmM")  # NaN has many bits


def test_a_scalar_can_be_read_in_the_text() -> None:
    assert CODEC.encode(np.float64(0.5)) == '{"$":"numpy.scalar","v":["<f8",0.5]}'
    assert CODEC.encode(np.int32(7)) == '{"$":"numpy.scalar","v":["<i4",7]}'


@pytest.mark.parametrize(
    "array",
    [
        np.array([object()]),
        np.array([None, "a"], dtype=object),
        np.array([(1, None)], [("a", "i4"), ("b", object)]),
    ],
    ids=["object", "mixed", "record"],
)
def test_an_array_of_objects_is_refused(array: Any) -> None:
    with pytest.raises(
        CodecError, match=r"^\$\.rows\[0\]: a numpy array of dtype .* holds Python objects.*tolist"
    ):
        CODEC.encode({"rows": [array]})


def test_a_subclass_of_array_is_refused() -> None:
    with pytest.raises(CodecError, match=r"MaskedArray cannot be stored: pass numpy.asarray\(value\)"):
        CODEC.encode(np.ma.array([1]))


@pytest.mark.parametrize(
    "parts",
    [
        {"dtype": "<f8", "shape": [10**12], "data": {"$": "bytes", "v": ""}},
        {"dtype": "|O", "shape": [1], "data": {"$": "bytes", "v": "AAAAAAAAAAA="}},
        {"dtype": "<f8", "shape": [-1], "data": {"$": "bytes", "v": ""}},
        {"dtype": "nothing", "shape": [], "data": 1},
        {},
    ],
)
def test_a_forged_array_is_refused(parts: Any) -> None:
    text = CODEC.encode(Unknown("numpy.ndarray", parts))
    with pytest.raises(CodecError, match=r"^numpy\.ndarray: "):
        CODEC.decode(text)


def test_a_preview_of_an_array_shows_its_shape() -> None:
    assert preview([np.zeros((2, 3))]) == "[ndarray(<f8, [2, 3])]"


COLUMNS = {
    "numbers": [1.5, float("nan"), -0.0],
    "objects": pd.array([(1, 2), None, [3]], dtype=object),
    "texts": ["a", None, "é"],
    "dates": pd.to_datetime(["2024-01-01 00:00", None, "2024-03-31 02:30"]),
    "zoned": pd.to_datetime(["2024-10-27 00:30", None, "2024-10-27 01:30"], utc=True).tz_convert(
        "Europe/Berlin"
    ),
    "spans": pd.to_timedelta([1, 2, None], unit="s"),
    "kinds": pd.Categorical(["x", None, "x"], categories=["y", "x"], ordered=True),
    "whole": pd.array([1, None, 3], dtype="Int64"),
    "flags": pd.array([True, None, False], dtype="boolean"),
    "parts": pd.array([0.5, None, 1], dtype="Float32"),
    "strings": pd.array(["a", None, "b"], dtype="string"),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_of_each_kind_comes_back(name: str) -> None:
    series = pd.Series(COLUMNS[name], name=name, index=["p", "q", "r"])
    pd.testing.assert_series_equal(back(series), series, check_exact=True, check_freq=True)


INDEXES = [
    pd.RangeIndex(0, 6, 2, name="r"),
    pd.Index([3, 1, 2]),
    pd.Index(["a", "b", "c"], name=("x", 1)),
    pd.date_range("2024-01-01", periods=3, freq="D"),
    pd.date_range("2024-01-01", periods=3, freq="h", tz="Asia/Kolkata"),
    pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)], names=["k", None]),
    pd.CategoricalIndex(["a", "b", "a"]),
    pd.Index([True, False, True]),
    pd.Index([], dtype="int64"),
]


@pytest.mark.parametrize("index", INDEXES, ids=lambda index: type(index).__name__)
def test_an_index_of_each_kind_comes_back(index: Any) -> None:
    restored = back(index)
    pd.testing.assert_index_equal(restored, index, exact=True, check_exact=True)
    assert getattr(restored, "freq", None) == getattr(index, "freq", None)


def test_a_frame_comes_back() -> None:
    frame = pd.DataFrame(COLUMNS, index=pd.date_range("2024-01-01", periods=3, freq="D", name="day"))
    frame.attrs["source"] = ("census", 1)
    restored = back(frame)
    pd.testing.assert_frame_equal(restored, frame, check_exact=True, check_freq=True)
    assert restored.attrs == frame.attrs


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(),
        pd.DataFrame(index=[1, 2]),
        pd.DataFrame([[1, "a"], [2, "b"]], columns=["same", "same"]),
        pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])),
        pd.DataFrame({"a": [1, 1]}, index=["twice", "twice"]),
    ],
    ids=["empty", "no columns", "same names", "two levels", "same labels"],
)
def test_an_odd_frame_comes_back(frame: Any) -> None:
    pd.testing.assert_frame_equal(back(frame), frame, check_exact=True)


@pytest.mark.parametrize(
    "moment",
    [
        pd.Timestamp("2024-01-01 00:00:00.123456789"),
        pd.Timestamp("2024-10-27 01:30", tz="UTC").tz_convert("Europe/Berlin"),
        pd.Timestamp(datetime(2024, 1, 1, tzinfo=UTC)),
        pd.Timestamp("2024-01-01T00:00+05:30"),
        pd.Timedelta("1 day 3 ns"),
        pd.Timedelta(-5, "s"),
    ],
    ids=str,
)
def test_a_moment_or_span_comes_back(moment: Any) -> None:
    restored = back(moment)
    assert restored == moment
    assert restored.unit == moment.unit
    assert str(restored) == str(moment)


def test_what_is_missing_stays_missing() -> None:
    assert back(pd.NaT) is pd.NaT
    assert back(pd.NA) is pd.NA


def test_a_column_that_cannot_be_stored_is_refused_with_its_name() -> None:
    frame = pd.DataFrame({"when": pd.period_range("2024-01", periods=2, freq="M")})
    with pytest.raises(
        CodecError, match=r"^\$: the pandas column 'when' of dtype period\[M\] cannot be stored: convert"
    ):
        CODEC.encode(frame)
    with pytest.raises(CodecError, match=r"^\$\.data\[0\]\[1\]\[0\]: a value of type object"):
        CODEC.encode(pd.DataFrame({"x": [object()]}))


@given(
    st.lists(
        st.none() | st.text(st.characters(categories=["L", "N", "S"])) | st.integers(0, 2**70) | st.binary()
    )
)
def test_any_column_of_objects_comes_back(items: list[Any]) -> None:
    series = pd.Series(items, dtype=object)
    pd.testing.assert_series_equal(back(series), series)


def test_polars_frames_come_back() -> None:
    pl = pytest.importorskip("polars", reason="polars is no dependency of ours, not even for tests")
    frame = pl.DataFrame({"a": [1, None], "b": ["x", "é"], "c": [[1], [2, 3]]})
    assert back(frame).equals(frame, null_equal=True)
    assert back(frame["c"]).equals(frame["c"], null_equal=True)


def test_a_library_is_loaded_when_its_value_is_met() -> None:
    code = """
import sys
from penstock.codecs import JsonCodec
array, odd = JsonCodec().decode('[{"$":"numpy.scalar","v":["<f8",0.5]},{"$":"polars.Nothing","v":1}]')
print(type(array).__name__, type(odd).__name__, "numpy" in sys.modules, "polars" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300
    )
    assert done.stdout == "float64 Unknown True False\n"


def test_without_the_library_a_value_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    text = CODEC.encode([np.arange(3), np.int8(1)])
    monkeypatch.setitem(sys.modules, "numpy", None)  # as if it were not installed
    values = CODEC.decode(text)
    assert [value.tag for value in values] == ["numpy.ndarray", "numpy.scalar"]
    assert CODEC.encode(values) == text
