"""Whatever the codec takes comes back equal, of the same type, all the way down."""

import math
import string
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag, IntEnum, IntFlag, StrEnum, auto
from fractions import Fraction
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.codecs import JsonCodec, Unknown
from penstock.errors import CodecError


class Colour(Enum):
    RED = "r"
    BLUE = (0, 0, 255)
    CRIMSON = "r"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Mood(StrEnum):
    GLAD = auto()


class Access(Flag):
    READ = auto()
    WRITE = auto()


class Bits(IntFlag):
    ONE = 1
    TWO = 2


class Point(NamedTuple):
    x: Any
    y: Any = 0


@dataclass
class Open:
    name: Any
    rows: list[Any] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Closed:
    left: Any
    right: Any = None


@dataclass
class Late:
    given_at: int
    doubled: int = field(init=False)
    never_set: str = field(init=False)

    def __post_init__(self) -> None:
        self.doubled = 2 * self.given_at


KINDS = (Colour, Level, Mood, Access, Bits, Point, Open, Closed, Late)
CODEC = JsonCodec(types=KINDS)


def same(one: Any, other: Any) -> bool:
    """Equal in type and value, everywhere inside; NaN is itself, 0.0 is not -0.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, Enum):
        return one is other
    if isinstance(one, float):
        return math.isnan(one) == math.isnan(other) and (math.isnan(one) or repr(one) == repr(other))
    if isinstance(one, complex):
        return same(one.real, other.real) and same(one.imag, other.imag)
    if isinstance(one, Decimal):
        return str(one) == str(other)
    if isinstance(one, Counter):
        return one == other
    if isinstance(one, dict):
        return same([list(item) for item in one.items()], [list(item) for item in other.items()])
    if isinstance(one, (set, frozenset)):
        return len(one) == len(other) and all(any(same(item, twin) for twin in other) for item in one)
    if isinstance(one, deque) and one.maxlen != other.maxlen:
        return False
    if isinstance(one, (list, tuple, deque)):
        return len(one) == len(other) and all(map(same, one, other))
    if is_dataclass(one):
        return all(same(getattr(one, f.name, ...), getattr(other, f.name, ...)) for f in fields(one))
    if hasattr(one, "fold"):
        return (
            one == other
            and one.fold == other.fold
            and same(one.tzinfo, other.tzinfo)
            and str(one) == str(other)
        )
    if isinstance(one, timezone):
        return repr(one) == repr(other)
    return bool(one == other)


def assert_round_trip(value: Any, codec: JsonCodec = CODEC) -> str:
    text = codec.encode(value)
    back = codec.decode(text)
    assert same(value, back), f"{value!r} -> {text} -> {back!r}"
    assert same(value, codec.decode(text.encode()))
    assert codec.encode(back) == text
    return text


def named(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The same values under a short name: Hypothesis shows strategies whole, and warns of long ones."""

    @st.composite
    def values_of(draw: st.DrawFn) -> Any:
        return draw(strategy)

    return values_of()


zones = st.one_of(
    st.none(),
    st.just(UTC),
    st.sampled_from(["Europe/Berlin", "Asia/Kolkata", "America/New_York"]).map(ZoneInfo),
    st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone),
    st.tuples(st.timedeltas(timedelta(hours=-23), timedelta(hours=23)), st.text(max_size=5)).map(
        lambda p: timezone(*p)
    ),
)
folds = st.sampled_from([0, 1])
moments = st.builds(lambda at, zone, fold: at.replace(tzinfo=zone, fold=fold), st.datetimes(), zones, folds)
times = st.builds(lambda at, zone, fold: at.replace(tzinfo=zone, fold=fold), st.times(), zones, folds)
path_text = st.text(string.ascii_letters + "./é", min_size=1, max_size=8)
any_text = st.text(st.characters(), max_size=12) | st.text(st.characters(categories=["Cs", "Ll"]), max_size=4)

hashables = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    any_text,
    st.sampled_from(["$", "v", "$ref"]),
    st.binary(max_size=12),
    st.complex_numbers(),
    st.decimals().filter(lambda number: not number.is_snan()),
    st.uuids(),
    st.dates(),
    st.timedeltas(),
    moments,
    times,
    zones.filter(lambda zone: zone is not None),
    st.sampled_from([*Colour, *Level, *Mood, *Access, *Bits, Access.READ | Access.WRITE, Access(0), Bits(7)]),
    st.builds(Path, path_text),
    st.builds(PurePosixPath, path_text),
    st.builds(PureWindowsPath, path_text),
    st.builds(range, st.integers(-9, 9), st.integers(-9, 2**65), st.integers(1, 3)),
)
frozen = st.recursive(
    named(hashables),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple),
        st.frozensets(inner, max_size=3),
        st.builds(Point, inner, inner),
        st.builds(Closed, inner, inner),
    ),
    max_leaves=5,
)
frozen = named(frozen)
values = st.recursive(
    frozen | st.binary(max_size=9).map(bytearray) | st.builds(Late, st.integers(-9, 9)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(any_text | st.sampled_from(["$", "v"]), inner, max_size=4),
        st.dictionaries(frozen, inner, max_size=3),
        st.dictionaries(frozen, inner, max_size=3).map(OrderedDict),
        st.sets(frozen, max_size=3),
        st.builds(Open, inner, st.lists(inner, max_size=3)),
        st.builds(
            lambda items, most: deque(items, most), st.lists(inner, max_size=3), st.none() | st.just(5)
        ),
        st.builds(lambda tag, data: {"$": tag, "v": data}, any_text, inner),
    ),
    max_leaves=12,
)


@settings(max_examples=300, suppress_health_check=list(HealthCheck), deadline=None)
@given(values)
def test_any_value_comes_back_as_it_went_in(value: Any) -> None:
    assert_round_trip(value)


@settings(max_examples=200, deadline=None)
@given(values)
def test_without_the_classes_a_text_is_kept_as_it_is(value: Any) -> None:
    text = CODEC.encode(value)
    stranger = JsonCodec()
    assert stranger.encode(stranger.decode(text)) == text


json_trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(max_size=4), inner, max_size=4),
        st.builds(
            lambda tag, data: {"$": tag, "v": data},
            st.sampled_from(
                """at deep dict tuple set frozenset str int float complex bytes bytearray range deque OrderedDict Counter
                datetime date time timedelta timezone Decimal UUID Path PurePosixPath PureWindowsPath ZoneInfo
                msgspec.UNSET numpy.ndarray numpy.scalar pandas.Index pandas.DataFrame pandas.Timestamp""".split()
            )
            | st.sampled_from([f"{kind.__module__}:{kind.__qualname__}" for kind in KINDS])
            | st.text(max_size=5),
            inner,
        ),
    ),
    max_leaves=15,
)


@settings(max_examples=500, suppress_health_check=list(HealthCheck), deadline=None)
@given(json_trees)
def test_any_json_is_decoded_or_refused_with_a_codec_error(tree: Any) -> None:
    import msgspec

    try:
        value = CODEC.decode(msgspec.json.encode(tree))
    except CodecError as error:
        assert str(error)
    else:
        repr(value)


@given(st.binary(max_size=20) | st.text(max_size=20))
def test_any_text_is_decoded_or_refused_with_a_codec_error(text: Any) -> None:
    try:
        CODEC.decode(text)
    except CodecError as error:
        assert str(error)


@pytest.mark.parametrize(
    "value",
    [
        None, True, 0, -1, 2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**400, -(2**20_000),
        0.0, -0.0, 5e-324, 1.7976931348623157e308, math.nan, math.inf, -math.inf,
        "", "é\U0001f600\x00", "\ud800", "a\udcff",
        complex(-0.0, math.inf), Decimal("-0E+3"), Decimal("sNaN12"), range(3, 10**30, 7),
        {}, {"$": 1}, {"$": "tuple"}, {"$": "tuple", "v": [1]}, {"$": "x", "v": 1, "w": 2}, {"$": None, "v": {}},
        {1: "int", "1": "str", None: 0, (1, (2,)): [], 1.5: 1}, {True: 1, 2: True}, {"\ud800": 1}, {math.inf: 1},
        [[], (), set(), frozenset(), b"", bytearray()],
        Counter("abca"), OrderedDict(b=1, a=2), deque([1, 2], maxlen=3),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_an_awkward_value_comes_back(value: Any) -> None:
    assert_round_trip(value)
    assert_round_trip([value, {"key": value}, (value,)])


def test_plain_trees_appear_as_plain_json() -> None:
    assert CODEC.encode({"a": [1, 2.5, None, True, "x"]}) == '{"a":[1,2.5,null,true,"x"]}'
    assert CODEC.encode((1, {2})) == '{"$":"tuple","v":[1,{"$":"set","v":[2]}]}'
    assert CODEC.encode(Closed(1, "z")) == f'{{"$":"{__name__}:Closed","v":{{"left":1,"right":"z"}}}}'


def test_a_set_is_the_same_text_whatever_its_order() -> None:
    words = ["b", "a", "d", "c"]
    assert CODEC.encode(set(words)) == '{"$":"set","v":["a","b","c","d"]}'


def test_a_fold_and_a_zone_are_kept() -> None:
    from datetime import datetime

    late = datetime(2024, 10, 27, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1)
    text = assert_round_trip(late)
    assert '"2024-10-27T02:30:00+01:00"' in text
    assert '"Europe/Berlin"' in text
    assert CODEC.decode(text).tzinfo is ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize("levels", [10, 63, 64, 65, 127, 200, 1_000, 5_000])
def test_deep_nesting_comes_back(levels: int) -> None:
    deep: Any = "bottom"
    for level in range(levels):
        deep = ([deep], {"k": deep}, (deep,), {level: deep})[level % 4]
    text = CODEC.encode(deep)
    back = CODEC.decode(text)
    for level in reversed(range(levels)):
        assert type(back) is (list, dict, tuple, dict)[level % 4]
        back = back[{0: 0, 1: "k", 2: 0, 3: level}[level % 4]]
    assert back == "bottom"


def test_a_deep_value_of_unknown_class_is_kept_as_it_is() -> None:
    deep: Any = {"when": (1,)}
    for _ in range(150):
        deep = Closed([deep], {1: "x"})
    text = CODEC.encode(deep)
    stranger = JsonCodec()
    assert stranger.encode(stranger.decode(text)) == text


def test_shared_references_become_copies() -> None:
    row = [1]
    first, second = CODEC.decode(CODEC.encode([row, row]))
    assert first == second
    assert first is not second


def test_what_is_no_value_of_ours_is_not_taken_for_one() -> None:
    assert isinstance(CODEC.decode('{"$":"from the future","v":1}'), Unknown)
    with pytest.raises(CodecError, match="Fraction"):
        CODEC.encode(Fraction(1, 2))
    assert isinstance(CODEC.decode(CODEC.encode(PurePath("a"))), PurePath)
