"""STOMP frames: what is encoded comes back, in whatever pieces it arrives; what is no frame is refused."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.brokers.stomp import frames
from penstock.brokers.stomp.frames import Decoder, Frame, encode
from penstock.errors import BrokerError

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=20)
headers = st.dictionaries(texts.filter(lambda name: name != "content-length"), texts, max_size=4)
plain = st.binary(max_size=50).map(lambda data: data.replace(b"\0", b"."))


@st.composite
def any_frame(draw: st.DrawFn) -> Frame:
    command = draw(st.sampled_from(["SEND", "MESSAGE", "RECEIPT", "ERROR"]))
    if draw(st.booleans()):
        return Frame(command, draw(headers), draw(plain))
    body = draw(st.binary(max_size=50))
    return Frame(command, {**draw(headers), "content-length": str(len(body))}, body)


@given(st.lists(any_frame(), max_size=4), st.data())
def test_frames_come_back_in_whatever_pieces_they_arrive(sent: list[Frame], data: st.DataObject) -> None:
    beats = st.sampled_from([b"", b"\n", b"\r\n", b"\n\n\r\n"])
    stream = b"".join(data.draw(beats) + encode(frame) for frame in sent) + data.draw(beats)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    decoder = Decoder()
    pieces = [stream[start:end] for start, end in itertools.pairwise([0, *cuts, len(stream)])]
    assert [frame for piece in pieces for frame in decoder.feed(piece)] == sent
    assert not decoder.within


@given(st.binary(max_size=200))
def test_any_bytes_are_frames_or_refused(data: bytes) -> None:
    decoder = Decoder()
    try:
        for at in range(len(data)):
            decoder.feed(data[at : at + 1])
    except BrokerError:
        return


@given(st.binary(max_size=100).map(lambda data: b"SEND\ncontent-length:3\n" + data))
def test_the_outcome_does_not_depend_on_the_pieces(data: bytes) -> None:
    def outcome(size: int) -> object:
        decoder, found = Decoder(), []
        try:
            for at in range(0, len(data), size):
                found += decoder.feed(data[at : at + size])
        except BrokerError as error:
            return str(error)
        return found, decoder.within

    assert isinstance(outcome(1), str) == isinstance(outcome(1000), str)
    if not isinstance(outcome(1), str):
        assert outcome(1) == outcome(7) == outcome(1000)


def test_a_frame_is_escaped_as_the_standard_says() -> None:
    assert encode(Frame("SEND", {"a:b": "c\nd\re\\f"}, b"x")) == b"SEND\na\\cb:c\\nd\\re\\\\f\n\nx\0"


def test_connect_is_not_escaped() -> None:
    assert encode(Frame("CONNECT", {"passcode": "a:b\\c"})) == b"CONNECT\npasscode:a:b\\c\n\n\0"
    assert Decoder().feed(b"CONNECTED\nserver:a:b\\c\n\n\0") == [Frame("CONNECTED", {"server": "a:b\\c"})]


def test_a_length_is_written_where_it_is_asked_for_or_needed() -> None:
    assert encode(Frame("SEND", {"content-length": "?"}, b"abc")) == b"SEND\ncontent-length:3\n\nabc\0"
    assert encode(Frame("SEND", {}, b"a\0c")) == b"SEND\ncontent-length:3\n\na\0c\0"


def test_lines_may_end_in_a_carriage_return_too() -> None:
    data = b"\r\nMESSAGE\r\na:1\r\ncontent-length:2\r\n\r\n\r\n\0"
    assert Decoder().feed(data) == [Frame("MESSAGE", {"a": "1", "content-length": "2"}, b"\r\n")]


def test_of_repeated_headers_the_first_counts() -> None:
    assert Decoder().feed(b"MESSAGE\na:1\na:2\n\n\0")[0].headers == {"a": "1"}


def test_blanks_of_headers_are_theirs() -> None:
    assert Decoder().feed(b"MESSAGE\n a : 1 \n\n\0")[0].headers == {" a ": " 1 "}


def test_a_frame_without_headers_is_one() -> None:
    assert Decoder().feed(b"ERROR\n\nwhy\0") == [Frame("ERROR", {}, b"why")]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n", r"expected came b'H"),
        (b"\x15\x03\x03\x00\x02\x02\x28", r"expected came b'\\x15"),
        (b"message\n\n\0", "expected came b'm"),
        (b"\0\0", "expected came"),
        (b"MESSAGE" * 10, "expected came"),
        (b"MESSAGE\nno colon\n\n\0", "MESSAGE came with a header without a colon: 'no colon'"),
        (b"MESSAGE\na:\\t\n\n\0", r"held '\\\\t', which is no escape"),
        (b"MESSAGE\na:\\\n\n\0", r"held '\\\\', which is no escape"),
        (b"MESSAGE\na:\xff\n\n\0", "no UTF-8"),
        (b"MESSAGE\ncontent-length:x\n\n\0", "content-length 'x', which is no number"),
        (b"MESSAGE\ncontent-length:-1\n\n\0", "content-length '-1'"),
        ("MESSAGE\ncontent-length:٣\n\n\0".encode(), "content-length '٣'"),
        (b"MESSAGE\ncontent-length:9999999999999999999999\n\n\0", "content-length"),
        (b"MESSAGE\ncontent-length:2\n\nabc\0", "went on after 2 bytes"),
        (b"MESSAGE\na:" + b"x" * frames.HEAD_BYTES, "headers of a frame were longer than 65,536 bytes"),
        (b"MESSAGE\n" + b"a:1\n" * frames.HEAD_BYTES + b"\n\0", "headers of a frame were longer"),
        (b"MESSAGE\ncontent-length:101\n\n", "body of a frame was longer than 100 bytes"),
        (b"MESSAGE\n\n" + b"x" * 101, "body of a frame was longer than 100 bytes"),
        (b"MESSAGE\n\n" + b"x" * 101 + b"\0", "body of a frame was longer than 100 bytes"),
    ],
)
@pytest.mark.parametrize("size", [1, 1_000_000])
def test_what_is_no_frame_is_refused(data: bytes, said: str, size: int) -> None:
    decoder = Decoder(body_limit=100)
    with pytest.raises(BrokerError, match=said):
        for at in range(0, len(data), size):
            decoder.feed(data[at : at + size])


def test_a_long_body_in_small_pieces_is_searched_once() -> None:
    """One byte at a time, a search from the beginning each time would take a hundred times as long as the rest of the tests."""
    decoder = Decoder()
    decoder.feed(b"MESSAGE\n\n")
    for _ in range(20_000):
        assert decoder.feed(b"x" * 10) == []
    assert decoder._scanned == 200_000
    assert len(decoder.feed(b"\0")[0].body) == 200_000
