"""What a message may be made of, whichever broker carries it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from penstock.errors import UserError
from penstock.model.wording import shown
from penstock.ports import Message

LONGEST_TOPIC = 1_000
LONGEST_HEADER = 16_000


def checked(
    topic: str,
    body: str | bytes,
    headers: Mapping[str, str] | None = None,
    *,
    reserved: Collection[str] = (),
) -> Message:
    """The message, whole and of its own. Raises UserError for what no message can hold, or a reserved header."""
    if not _is_line(topic):
        raise UserError(f"topic {shown(topic)} must be a line of text, such as 'orders'")
    said = {
        _header(name, "name", topic): _header(value, name, topic) for name, value in (headers or {}).items()
    }
    for name in said:
        if not name or name in reserved:
            raise UserError(
                f"header {name!r} of a message to {topic!r} is the broker's own: choose another name"
            )
    if isinstance(body, bytes | bytearray | memoryview):
        return Message(topic, bytes(body), said)
    if not isinstance(body, str):
        raise UserError(f"the body of a message to {topic!r} is {shown(body)}: it must be text or bytes")
    if "\0" in body:
        raise UserError(f"the body of a message to {topic!r} holds NUL, which is no text: send bytes instead")
    _encodable(body, f"the body of a message to {topic!r}")
    return Message(topic, body, said)


def _is_line(topic: object) -> bool:
    return isinstance(topic, str) and 0 < len(topic) <= LONGEST_TOPIC and topic.isprintable()


def _header(text: object, name: object, topic: str) -> str:
    place = f"header {shown(name)} of a message to {topic!r}"
    if not isinstance(text, str):
        raise UserError(f"{place} is {shown(text)}: names and values of headers are text, so use str()")
    if "\0" in text or len(text) > LONGEST_HEADER:
        raise UserError(
            f"{place} is {shown(text)}: a header is at most {LONGEST_HEADER:,} characters, none of them NUL"
        )
    _encodable(text, place)
    return text


def _encodable(text: str, place: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UserError(f"{place} cannot be written as UTF-8: {error}; send bytes instead") from error
