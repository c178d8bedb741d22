"""pandas frames, series, indexes and time scalars, column by column. pandas is imported when such a value is met.

A column is `[kind, ...]`: raw numpy bytes where it has them, a list of values where it holds objects or text, codes
and categories, values and a mask. Nothing beyond numpy is needed to read it back.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from penstock.codecs.refusal import Refusal
from penstock.codecs.rules import Rule


def _pandas() -> Any:
    return import_module("pandas")


def rule_of(kind: type) -> Rule | None:
    """The rule of a class that pandas defines, or None."""
    pd = _pandas()
    if issubclass(kind, pd.Index):
        return RULES["pandas.Index"]
    if kind is type(pd.NaT):
        return RULES["pandas.NaT"]
    if kind is type(pd.NA):
        return RULES["pandas.NA"]
    name = next(
        (name for name in ("DataFrame", "Series", "Timestamp", "Timedelta") if kind is getattr(pd, name)),
        None,
    )
    return RULES[f"pandas.{name}"] if name else None


def _column_parts(column: Any, name: Any) -> list[Any]:
    """`column` is a pandas array; `name` is said if it must be refused."""
    pd, np, dtype = _pandas(), import_module("numpy"), column.dtype
    if type(column) is pd.arrays.NumpyExtensionArray or isinstance(dtype, np.dtype):
        array = column.to_numpy()
        return ["values", list(array)] if array.dtype.kind == "O" else ["numpy", array]
    if isinstance(dtype, pd.DatetimeTZDtype):
        return ["instants", str(dtype), column.tz_convert("UTC").tz_localize(None).to_numpy()]
    if isinstance(dtype, pd.CategoricalDtype):
        return ["categories", column.codes, column.categories, column.ordered]
    if isinstance(dtype, pd.StringDtype):
        return ["texts", str(dtype), [None if pd.isna(item) else item for item in column]]
    if type(column).__name__ in ("IntegerArray", "FloatingArray", "BooleanArray"):
        plain = column.to_numpy(dtype=dtype.numpy_dtype, na_value=dtype.numpy_dtype.type(0))
        return ["masked", str(dtype), plain, column.isna()]
    raise Refusal(
        f"the pandas column {name!r} of dtype {dtype} cannot be stored: convert it with .astype(...)"
    )


def _column(parts: list[Any]) -> Any:
    pd = _pandas()
    match parts:
        case ["values", items]:
            return _object_array(items)
        case ["numpy", array]:
            return array
        case ["instants", dtype, array]:
            zone = pd.api.types.pandas_dtype(dtype).tz
            return pd.DatetimeIndex(array).tz_localize("UTC").tz_convert(zone).array
        case ["categories", codes, categories, ordered]:
            return pd.Categorical.from_codes(codes, categories=categories, ordered=ordered)
        case ["texts", dtype, items]:
            return pd.array(items, dtype=dtype)
        case ["masked", dtype, array, mask]:
            column = pd.array(array, dtype=dtype)
            column[mask] = pd.NA
            return column
    raise Refusal(f"no kind of column starts with {parts[:1]}")


def _object_array(items: list[Any]) -> Any:
    array = import_module("numpy").empty(len(items), dtype=object)
    for position, item in enumerate(items):  # one by one: numpy would unpack lists and tuples
        array[position] = item
    return array


def _index_parts(index: Any) -> list[Any]:
    pd, kind = _pandas(), type(index)
    if kind is pd.RangeIndex:
        return ["range", index.start, index.stop, index.step, index.name]
    if kind is pd.MultiIndex:
        return [
            "multi",
            list(index.levels),
            [_plain_array(codes) for codes in index.codes],
            list(index.names),
        ]
    frequency = getattr(index, "freqstr", None) if kind in (pd.DatetimeIndex, pd.TimedeltaIndex) else None
    return ["index", _column_parts(index.array, index.name), index.name, frequency]


def _plain_array(values: Any) -> Any:
    return import_module("numpy").array(values)


def _index(parts: list[Any]) -> Any:
    pd = _pandas()
    match parts:
        case ["range", start, stop, step, name]:
            return pd.RangeIndex(start, stop, step, name=name)
        case ["multi", levels, codes, names]:
            return pd.MultiIndex(levels=levels, codes=codes, names=names)
        case ["index", column, name, frequency]:
            values = _column(column)
            index = pd.Index(values, dtype=values.dtype, name=name)
            return index if frequency is None else type(index)(index, freq=frequency)
    raise Refusal(f"no kind of index starts with {parts[:1]}")


def _frame_parts(frame: Any) -> dict[str, Any]:
    columns = [
        _column_parts(frame.iloc[:, position].array, frame.columns[position])
        for position in range(frame.shape[1])
    ]
    return {"columns": frame.columns, "index": frame.index, "data": columns, "attrs": frame.attrs}


def _frame(parts: dict[str, Any]) -> Any:
    columns = dict(enumerate(_series_of(column, parts["index"]) for column in parts["data"]))
    frame = _pandas().DataFrame(columns, index=parts["index"])
    frame.columns = parts["columns"]
    frame.attrs = parts["attrs"]
    return frame


def _series_of(column: list[Any], index: Any) -> Any:
    values = _column(column)
    return _pandas().Series(values, index=index, dtype=values.dtype)


def _series_parts(series: Any) -> dict[str, Any]:
    column = _column_parts(series.array, series.name)
    return {"name": series.name, "index": series.index, "data": column, "attrs": series.attrs}


def _series(parts: dict[str, Any]) -> Any:
    series = _series_of(parts["data"], parts["index"])
    series.name = parts["name"]
    series.attrs = parts["attrs"]
    return series


def _timestamp_parts(moment: Any) -> list[Any]:
    return [moment.isoformat(), None if moment.tz is None else str(moment.tz), moment.unit]


def _timestamp(parts: list[Any]) -> Any:
    text, zone, unit = parts
    moment = _pandas().Timestamp(text).as_unit(unit)
    return moment if zone is None else moment.tz_convert(zone)


def _timedelta_parts(span: Any) -> list[Any]:
    return [int(span.to_timedelta64().astype("int64")), span.unit]


def _timedelta(parts: list[Any]) -> Any:
    count, unit = parts
    return _pandas().Timedelta(import_module("numpy").timedelta64(count, unit))


RULES = {
    rule.tag: rule
    for rule in (
        Rule("pandas.DataFrame", dict, _frame_parts, _frame),
        Rule("pandas.Series", dict, _series_parts, _series),
        Rule("pandas.Index", list, _index_parts, _index),
        Rule("pandas.Timestamp", list, _timestamp_parts, _timestamp),
        Rule("pandas.Timedelta", list, _timedelta_parts, _timedelta),
        Rule("pandas.NaT", type(None), lambda _: None, lambda _: _pandas().NaT),
        Rule("pandas.NA", type(None), lambda _: None, lambda _: _pandas().NA),
    )
}
