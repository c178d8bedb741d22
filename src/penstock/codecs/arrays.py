"""numpy arrays and scalars. numpy itself is imported when such a value, or its tag, is met.

An array is its dtype, shape and raw bytes (base64, C order), never pickle. A scalar is its dtype and plain value
where a plain value is exact, else its bytes.
"""

from __future__ import annotations

from importlib import import_module
from math import prod
from typing import Any

from penstock.codecs.refusal import Refusal
from penstock.codecs.rules import Rule


def rule_of(kind: type) -> Rule | None:
    """The rule of a class that numpy defines, or None."""
    np: Any = import_module("numpy")
    if kind is np.ndarray:
        return RULES["numpy.ndarray"]
    return RULES["numpy.scalar"] if issubclass(kind, np.generic) else None


def _format() -> Any:
    return import_module("numpy").lib.format


def _dtype_parts(dtype: Any) -> Any:
    if dtype.hasobject or dtype.kind == "T":
        raise Refusal(
            f"a numpy array of dtype {dtype} holds Python objects, which have no raw bytes: "
            "pass array.tolist(), or give it a fixed dtype, array.astype(...)"
        )
    return _format().dtype_to_descr(dtype)


def _array_parts(array: Any) -> dict[str, Any]:
    return {"dtype": _dtype_parts(array.dtype), "shape": list(array.shape), "data": array.tobytes()}


def _array(parts: dict[str, Any]) -> Any:
    dtype, shape, data = _format().descr_to_dtype(parts["dtype"]), tuple(parts["shape"]), parts["data"]
    if dtype.hasobject or dtype.itemsize * prod(shape) != len(data):
        raise Refusal(f"{len(data)} bytes are no array of dtype {dtype} and shape {shape}")
    np: Any = import_module("numpy")
    return np.ndarray(shape, dtype, buffer=bytearray(data) or None)


def _scalar_parts(scalar: Any) -> list[Any]:
    dtype = scalar.dtype
    exact = dtype.kind in "biuUS" or (dtype.kind in "fc" and type(scalar.item()) in (float, complex))
    return [_dtype_parts(dtype), scalar.item() if exact else scalar.tobytes()]


def _scalar(parts: list[Any]) -> Any:
    descr, value = parts
    dtype = _format().descr_to_dtype(descr)
    if dtype.hasobject:
        raise Refusal(f"a scalar of dtype {dtype} holds Python objects")
    if isinstance(value, bytes) and dtype.kind != "S":
        return import_module("numpy").frombuffer(value, dtype)[0]
    return dtype.type(value)


RULES = {
    "numpy.ndarray": Rule("numpy.ndarray", dict, _array_parts, _array),
    "numpy.scalar": Rule("numpy.scalar", list, _scalar_parts, _scalar),
}
