"""Recorded values of a child's own classes: the run's definition may not have known them when its log was read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.codecs import JsonCodec, Unknown


def revived(process: Any, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Values whose classes the process's parameters name, or its modules hold, as they were given."""
    if not _has_unknown(values):
        return values
    codec = JsonCodec()
    for annotation in process.annotations():
        codec.learn(annotation)
    for module in process.modules():
        codec.allow(f"{module}:*")
    return {name: codec.decode(codec.encode(value)) for name, value in values.items()}


def _has_unknown(value: Any) -> bool:
    queue = [value]
    for each in queue:
        if type(each) is Unknown:
            return True
        if isinstance(each, Mapping):
            queue.extend(each.values())
        elif isinstance(each, list | tuple | set | frozenset):
            queue.extend(each)
    return False
