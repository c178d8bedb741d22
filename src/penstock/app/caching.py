"""Results that steps leave to other runs, in the store: a document for each function and inputs, with the code that made it.

An entry is used where code and version are the same and its time is not up, by the store's clock. What differs is told by name:
the parts of every code are kept beside the entries, once. A newer result takes the place of an older one, whose value, where it
is a blob, is left to `prune`: the run that made it may be gone.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from penstock.app.changes import parts_of, put_parts
from penstock.catalogue.fingerprints import Code, changed, code_of, name_of
from penstock.engine.asking import arguments_of
from penstock.engine.caching import Kept, Missed
from penstock.engine.rows import stored
from penstock.errors import PenstockError, StoreError
from penstock.model.caching import EVERYTHING, REFRESH, Cache
from penstock.model.changes import Put
from penstock.model.state import Step
from penstock.model.wording import listed
from penstock.ports import Codec, Store

KIND: Final = "cache"
REPLACED: Final = "replaced"
"""The kind of the documents that name values whose place newer ones have taken: nobody else may name them any more."""


class Entry(msgspec.Struct):
    """What is known of one result. `value` is its text, or names its blob."""

    function: str
    code: str
    version: str
    at: float
    run: str
    step: str
    expires: float | None
    value: msgspec.Raw

    def is_over(self, now: float) -> bool:
        """Whether its time was up."""
        return self.expires is not None and now >= self.at + self.expires


class Sought(NamedTuple):
    """Under what the result of a step is kept."""

    id: str
    function: str
    code: Code
    cache: Cache


class StoredResults:
    """See engine.caching.Results."""

    def __init__(self, store: Store, codec: Codec) -> None:
        self._store = store
        self._codec = codec
        self._told: set[str] = set()  # codes whose parts the store has
        self._seen: set[str] = set()  # functions that the store has results of
        self._stale: dict[str, str] = {}  # entries that are of no use any more -> the blobs they name

    def find(self, steps: Sequence[Step]) -> list[Kept | Missed]:
        answers: list[Kept | Missed | None] = [self._seek(step) for step in steps]
        wanted = [step.cached.id for step, known in zip(steps, answers, strict=True) if known is None]
        try:
            rows = self._store.get("documents", wanted) if wanted else {}
            now = self._store.now()
            return [
                known if known is not None else self._judge(rows.get(step.cached.id), step.cached, now)
                for step, known in zip(steps, answers, strict=True)
            ]
        except StoreError as error:
            unread = Missed("unread", f"the store could not be read: {error}")
            return [unread if known is None else known for known in answers]

    def entry(self, step: Step, text: str | None) -> list[Put]:
        sought = step.cached
        if not sought or text is None:
            return []
        puts: list[Put] = []
        entry = Entry(
            sought.function,
            sought.code.digest,
            sought.cache.version,
            self._store.now(),
            step.run.id,
            step.id,
            sought.cache.seconds,
            msgspec.Raw(stored(text, puts).encode()),
        )
        if sought.code.digest not in self._told:
            self._told.add(sought.code.digest)
            puts.append(put_parts(sought.code.digest, sought.code.parts))
        stale = self._stale.pop(sought.id, None)
        if stale is not None:
            puts.append(Put("documents", f"{REPLACED}:{stale}", {"kind": REPLACED, "data": stale}))
        return [
            *puts,
            Put("documents", sought.id, {"kind": KIND, "data": msgspec.json.encode(entry).decode()}),
        ]

    def _seek(self, step: Step) -> Missed | None:
        """Say under what its result is kept. An answer is one that the store need not be asked for."""
        cache = step.policy.cache
        assert cache is not None
        step.cached = False
        try:
            code, function = code_of(step.ask.fn), name_of(step.ask.fn)
            inputs = hashlib.sha256(self._codec.encode(_inputs(step, cache)).encode()).hexdigest()[:32]
        except PenstockError as error:
            return Missed("unknown", f"its inputs cannot be told apart: {error}")
        except Exception as error:
            return Missed("unknown", f"its inputs cannot be told apart: {type(error).__name__}: {error}")
        if code.stale is not None:
            return Missed("unknown", f"the file of {code.stale} has changed since this process imported it")
        step.cached = Sought(f"{KIND}:{function}:{inputs}", function, code, cache)
        refreshed = step.run.source.get(REFRESH, ())
        if EVERYTHING in refreshed or step.id in refreshed:
            return Missed("refresh", "it was to be refreshed")
        return None

    def _judge(self, row: Any, sought: Sought, now: float) -> Kept | Missed:
        if row is None:
            return self._never(sought)
        entry = msgspec.json.decode(row["data"], type=Entry)
        why = _why_not(entry, sought, now)
        blob = None if why is None else blob_of(bytes(entry.value).decode())
        if blob is not None:
            self._stale[sought.id] = blob
        if why == "code":
            return self._changed(entry, sought)
        if why is not None:
            return Missed(*why)
        text = bytes(entry.value).decode()
        try:
            text = self._whole(text)
            return Kept(self._codec.decode(text), entry.run, text)
        except (PenstockError, KeyError) as error:
            return Missed("unread", f"the result that is kept cannot be read: {error}")

    def _never(self, sought: Sought) -> Missed:
        """Nobody ran it with these inputs: perhaps with others."""
        function = sought.function
        if function not in self._seen and self._store.find(
            "documents", {"kind": KIND}, prefix=f"{KIND}:{function}:", limit=1
        ):
            self._seen.add(function)
        if function in self._seen:
            return Missed("inputs", "no result is kept for these inputs")
        return Missed("new", f"no result of {function} is kept yet")

    def _changed(self, entry: Entry, sought: Sought) -> Missed:
        before = parts_of(self._store, entry.code)
        names = changed(before, sought.code.parts) if before is not None else []
        said = f": {listed(names)}" if names else ""
        return Missed("code", f"its code changed{said}", tuple(names))

    def _whole(self, text: str) -> str:
        digest = blob_of(text)
        if digest is None:
            return text
        data: bytes = self._store.get("blobs", [digest])[digest]["data"]
        return data.decode()


def _why_not(entry: Entry, sought: Sought, now: float) -> tuple[str, str] | str | None:
    if entry.version != sought.cache.version:
        return "version", f"its version was {entry.version!r} and is {sought.cache.version!r}"
    if entry.code != sought.code.digest:
        return "code"
    seconds = sought.cache.seconds
    if entry.is_over(now) or (seconds is not None and now >= entry.at + seconds):
        return "expired", "the result that is kept has expired"
    return None


def _inputs(step: Step, cache: Cache) -> Any:
    arguments = dict(arguments_of(step))
    if cache.key is None:
        return arguments
    return cache.key(**{name: arguments[name] for name in inspect.signature(cache.key).parameters})


def blob_of(text: str) -> str | None:
    """The digest of the blob that a value's text names, if it does."""
    if len(text) == len('{"blob":""}') + 64 and text.startswith('{"blob":"'):
        return text[9:-2]
    return None
