"""What a step prints and logs is kept with its attempt.

`install` puts thin proxies on `sys.stdout` and `sys.stderr` and a hook on `Logger.callHandlers`. While a step is current they
append to `Context.lines`; outside a step everything passes straight through. Rules:

- No handler is added to the root logger: one would turn a user's later `logging.basicConfig()` into a call without effect and
  silence the last-resort handler. The hook sees every record that the loggers' levels let pass, and then the handlers do.
- What a logging handler writes to a captured stream is not kept a second time.
- Logging is never imported here; the hook is put in place once something else has imported it.
- A proxy that somebody kept (pytest and notebooks swap the streams) passes through what it is given, installed or not.
- An attempt keeps its first million characters and is told so once.
"""

from __future__ import annotations

import sys
from _thread import _local

from penstock.context import _current
from penstock.model.texts import writable

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from collections.abc import Callable
    from typing import Any, TextIO

    from penstock.context import Context

    Line = tuple[float, str, str]

LIMIT = 1_000_000  # characters an attempt
_CUT = f"output cut here: an attempt keeps its first {LIMIT:,} characters"


class Lines(list["Line"]):
    """What one attempt wrote: (at, stream, text) by finished line; stream is "stdout", "stderr" or "log".

    One thread writes; another may `take` what is there.
    """

    __slots__ = ("parts", "room")

    def __init__(self) -> None:
        self.room = LIMIT
        self.parts: dict[str, tuple[float, list[str]]] = {}

    def write(self, at: float, stream: str, text: str) -> None:
        """Add text as it is printed; a line is kept when its end has come."""
        text = self._fitting(at, writable(text))
        *whole, rest = text.split("\n")
        for line in whole:
            began, parts = self.parts.pop(stream, (at, []))
            parts.append(line)
            self.append((began, stream, _as_seen("".join(parts))))
        if rest:
            self.parts.setdefault(stream, (at, []))[1].append(rest)
            if "\r" in rest:
                self._overwrite(stream)

    def add(self, at: float, stream: str, text: str) -> None:
        """Add a whole line, which may hold several."""
        if text := self._fitting(at, writable(text)):
            self.append((at, stream, text))

    def finish(self) -> None:
        """Keep the last line though it has no end."""
        for stream in list(self.parts):
            at, parts = self.parts.pop(stream)
            self.append((at, stream, _as_seen("".join(parts))))

    def take(self) -> list[Line]:
        """The finished lines, which are removed here."""
        taken = self[:]
        del self[: len(taken)]
        return taken

    def _fitting(self, at: float, text: str) -> str:
        room, self.room = self.room, self.room - len(text)
        if self.room >= 0:
            return text
        if room >= 0:
            self.append((at, "log", _CUT))
        return text[: max(0, room)]

    def _overwrite(self, stream: str) -> None:
        """Progress bars return to the start of their line: keep, and count, only what they show last."""
        at, parts = self.parts[stream]
        text = "".join(parts)
        shown = _as_seen(text) + ("\r" if text.endswith("\r") else "")
        self.room += len(text) - len(shown)
        self.parts[stream] = (at, [shown])


def _as_seen(line: str) -> str:
    return line.rstrip("\r").rpartition("\r")[2] if "\r" in line else line


class _State:
    """How the process captures now."""

    def __init__(self) -> None:
        self.count = 0
        self.clock: Callable[[], float] = lambda: 0.0
        self.echo = True
        self.wrote: Callable[[Context], None] | None = None
        self.call_handlers: Callable[[logging.Logger, logging.LogRecord], None] | None = None


_state = _State()
_here = _local()  # `logging` is set while a thread is inside the handlers


def install(
    *, clock: Callable[[], float], echo: bool = True, wrote: Callable[[Context], None] | None = None
) -> None:
    """Capture from now on; each call wants one `uninstall`. The newest call's settings hold.

    `clock` stamps lines. With `echo` what is printed also goes where it went before. `wrote(context)` is called after a step
    wrote, on the step's own thread.
    """
    _state.count += 1
    _state.clock, _state.echo, _state.wrote = clock, echo, wrote
    _put_proxies()
    hook_logging()


def set_echo(yes: bool) -> None:
    """Let what is printed also go where it went before, or not."""
    _state.echo = yes


def echoing() -> bool:
    """Whether what is printed also goes where it went before."""
    return _state.echo


def uninstall() -> None:
    """Undo one `install`; the last one takes proxies and hook away."""
    _state.count = max(0, _state.count - 1)
    if _state.count:
        return
    for name in ("stdout", "stderr"):
        while isinstance(stream := getattr(sys, name), _Proxy):
            setattr(sys, name, stream._target)
    _unhook_logging()


class _Proxy:
    """A text stream that keeps what a step writes; in all else it is the stream it stands for."""

    def __init__(self, target: TextIO, stream: str) -> None:
        self.__dict__.update(_target=target, _stream=stream)

    _target: TextIO
    _stream: str

    def write(self, text: str) -> int:
        context = _current.get()
        if context is None or not _state.count:
            return self._target.write(text)
        if not getattr(_here, "logging", False):
            _lines(context).write(_state.clock(), self._stream, text)
            if _state.wrote is not None:
                _state.wrote(context)
        return self._target.write(text) if _state.echo else len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        if "_target" not in self.__dict__:  # it is being copied
            raise AttributeError(name)
        return getattr(self._target, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._target, name, value)

    def __iter__(self) -> Any:
        return iter(self._target)

    def __repr__(self) -> str:
        return f"<captured {self._target!r}>"


def _put_proxies() -> None:
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, _Proxy):
            setattr(sys, name, _Proxy(stream, name))


def _lines(context: Context) -> Lines:
    lines = context.lines
    if lines is None:
        lines = context.lines = Lines()
    return lines


def hook_logging() -> None:
    """Put the hook in place if capture is installed and logging was imported; to be called again whenever it may have been."""
    logging = sys.modules.get("logging")
    if _state.call_handlers is not None or not _state.count or not hasattr(logging, "Logger"):
        return
    _state.call_handlers = logging.Logger.callHandlers  # type: ignore[union-attr]
    logging.Logger.callHandlers = _call_handlers  # type: ignore[union-attr]


def _unhook_logging() -> None:
    """Take the hook away, unless somebody put another one over it: that one calls ours, which passes through."""
    logging = sys.modules.get("logging")
    if _state.call_handlers is not None and logging.Logger.callHandlers is _call_handlers:  # type: ignore[union-attr]
        logging.Logger.callHandlers = _state.call_handlers  # type: ignore[union-attr]
        _state.call_handlers = None


def _call_handlers(self: logging.Logger, record: logging.LogRecord) -> None:
    """`Logger.callHandlers`, keeping the record first."""
    assert _state.call_handlers is not None
    context = _current.get()
    if context is None or not _state.count or getattr(_here, "logging", False):
        _state.call_handlers(self, record)
        return
    _here.logging = True
    try:
        _lines(context).add(_state.clock(), "log", _text(record))
        if _state.wrote is not None:
            _state.wrote(context)
        _state.call_handlers(self, record)
    finally:
        _here.logging = False


def _text(record: logging.LogRecord) -> str:
    """`WARNING name: message`, with the traceback if there is one."""
    import logging

    formatter = logging.Formatter("%(levelname)s %(name)s: %(message)s")
    known, record.exc_text = record.exc_text, None  # where formatters leave their rendering for the next one
    try:
        return formatter.format(record)
    except Exception as error:  # logging never fails a step
        return f"{record.levelname} {record.name}: {record.msg!r} ({error})"
    finally:
        record.exc_text = known


def step_logger() -> logging.Logger:
    """The logger behind `Context.log`."""
    import logging

    logger = logging.getLogger("penstock.step")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)
    hook_logging()
    return logger
