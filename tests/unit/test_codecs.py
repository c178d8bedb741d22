"""Classes, refusals, tags that are not trusted, and how values are shown."""

import io
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import InitVar, dataclass, field
from datetime import datetime, time, timedelta, timezone, tzinfo
from enum import Enum
from functools import cached_property
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, TypedDict, TypeVar

import attrs
import msgspec
import pydantic
import pytest

from penstock.codecs import JsonCodec, Unknown, preview
from penstock.errors import CodecError

T = TypeVar("T")


class Side(Enum):
    LEFT = 1


@dataclass
class Leaf:
    size: int
    made: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Branch:
    leaf: "Leaf | None"
    twigs: "tuple[Branch, ...]" = ()
    more: dict[str, "Twig"] = field(default_factory=dict)


class Twig(NamedTuple):
    side: Side


class Nest(TypedDict):
    leaf: Leaf


@dataclass
class Box(Generic[T]):
    content: T


@dataclass
class Seeded:
    seed: InitVar[int]
    total: int = field(init=False)

    def __post_init__(self, seed: int) -> None:
        self.total = seed + 1

    @cached_property
    def square(self) -> int:
        return self.total**2


@attrs.frozen(cache_hash=True)
class Coin:
    worth: int = attrs.field(converter=int)
    side: Side = Side.LEFT
    tags: tuple[str, ...] = attrs.Factory(tuple)

    @cached_property
    def double(self) -> int:
        return 2 * self.worth


@attrs.define(slots=False)
class Purse:
    coins: list[Coin]
    _owner: str = "me"


class Plain(msgspec.Struct):
    x: int
    y: Any = None


class Fixed(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    inner_plain: Plain
    total: int | msgspec.UnsetType = msgspec.UNSET

    def __post_init__(self) -> None:
        if self.inner_plain.x < 0:
            msgspec.structs.force_setattr(self, "total", 99)


class Person(pydantic.BaseModel):
    name: str
    age: int = 3
    leaf: Leaf | None = None
    _seen: set[int] = pydantic.PrivateAttr(default_factory=set)


class Loose(pydantic.BaseModel, extra="allow", frozen=True):
    name: str = "n"


def back(value: Any, *types: Any) -> Any:
    codec = JsonCodec(types=types or (type(value),))
    text = codec.encode(value)
    result = codec.decode(text)
    assert codec.encode(result) == text
    assert type(result) is type(value)
    return result


# ── classes ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "value",
    [
        Leaf(1, [2]),
        Branch(Leaf(1), (Branch(None),), {"a": Twig(Side.LEFT)}),
        Box[int](3),
        Coin("7"),  # type: ignore[arg-type]
        Purse([Coin(1)], "you"),
        Plain(1, (2,)),
        Fixed(inner_plain=Plain(1)),
        Person(name="a"),
        Person(name="a", age=3, leaf=Leaf(2)),
        Loose(),
    ],
    ids=repr,
)
def test_a_record_comes_back_as_itself(value: Any) -> None:
    assert back(value) == value


def test_attrs_with_a_cached_hash_can_be_hashed_again() -> None:
    assert hash(back(Coin(7))) == hash(Coin(7))
    assert back({Coin(7)}, Coin) == {Coin(7)}


def test_a_property_that_attrs_caches_is_not_part_of_the_value() -> None:
    coin = Coin(7)
    assert coin.double == 14
    assert "double" not in JsonCodec().encode(coin)
    assert back(coin).double == 14


def test_a_record_is_restored_without_being_constructed_again() -> None:
    value = Seeded(4)
    assert value.square == 25  # what is only cached is not part of the value
    value.total = 7
    restored = back(value)
    assert (restored.total, restored.square) == (7, 49)


def test_fields_of_a_struct_win_over_its_post_init() -> None:
    inner = Plain(-1)
    value = Fixed(inner_plain=inner)
    msgspec.structs.force_setattr(value, "total", 5)
    assert back(value).total == 5


def test_a_pydantic_model_keeps_what_was_set_what_is_extra_and_what_is_private() -> None:
    value = Person(name="a")
    value._seen.add(3)
    restored = back(value)
    assert restored.model_fields_set == {"name"}
    assert restored._seen == {3}
    extra = back(Loose(name="x", hobby=(1, 2)))  # type: ignore[call-arg]
    assert extra.__pydantic_extra__ == {"hobby": (1, 2)}


def test_a_pydantic_model_is_not_validated_again() -> None:
    value = Person.model_construct(name=5)
    assert back(value).name == 5


def test_an_attribute_beside_the_fields_is_refused_rather_than_lost() -> None:
    leaf = Leaf(1)
    leaf.colour = "red"  # type: ignore[attr-defined]
    with pytest.raises(CodecError, match=r"^\$\[0\]: .*Leaf carries 'colour' beside its fields.*init=False"):
        JsonCodec().encode([leaf])


def version(fields: str, defaults: str = "") -> type:
    """A dataclass named Order whose fields differ from one version of the code to the next."""
    names: dict[str, Any] = {"__annotations__": dict.fromkeys(fields.split(), int), "__module__": __name__}
    names |= dict.fromkeys(defaults.split(), 8)
    names["__annotations__"] |= dict.fromkeys(defaults.split(), int)
    return dataclass(type("Order", (), names))


def test_a_field_added_since_takes_its_default() -> None:
    old, new = version("a"), version("a", "b")
    value = JsonCodec(types=[new]).decode(JsonCodec().encode(old(1)))
    assert (type(value), value.a, value.b) == (new, 1, 8)


def test_a_field_added_without_default_is_asked_for() -> None:
    old, new = version("a"), version("a b")
    with pytest.raises(CodecError, match=r":Order: the stored value has no 'b' yet: give it a default"):
        JsonCodec(types=[new]).decode(JsonCodec().encode(old(1)))


def test_a_field_removed_since_is_not_dropped_silently() -> None:
    old, new = version("a b"), version("a")
    with pytest.raises(CodecError, match=r":Order: the class no longer has the field 'b'"):
        JsonCodec(types=[new]).decode(JsonCodec().encode(old(1, 2)))


def test_a_registered_class_is_written_as_its_author_says() -> None:
    class Money:
        def __init__(self, cents: int) -> None:
            self.cents = cents

    codec = JsonCodec()
    codec.register(Money, tag="shop:Money", encode=lambda m: (m.cents, "EUR"), decode=lambda p: Money(p[0]))
    text = codec.encode({"price": Money(5)})
    assert text == '{"price":{"$":"shop:Money","v":{"$":"tuple","v":[5,"EUR"]}}}'
    assert codec.decode(text)["price"].cents == 5
    assert JsonCodec().encode(JsonCodec().decode(text)) == text


def test_a_registered_class_may_be_written_as_bytes() -> None:
    import pickle

    codec = JsonCodec()
    codec.register(frozenset, tag="own:frozenset", encode=pickle.dumps, decode=pickle.loads)
    assert codec.decode(codec.encode([frozenset({1})])) == [frozenset({1})]


def test_a_failing_encoder_or_decoder_is_named_with_its_path() -> None:
    codec = JsonCodec()
    codec.register(Leaf, tag="x:Leaf", encode=lambda leaf: leaf.nothing, decode=lambda data: data["nothing"])
    with pytest.raises(CodecError, match=r"^\$\.a: encoding as x:Leaf failed: AttributeError"):
        codec.encode({"a": Leaf(1)})
    with pytest.raises(CodecError, match=r"^x:Leaf: the stored data does not fit: TypeError"):
        codec.decode('{"$":"x:Leaf","v":[]}')


def test_a_tag_needs_a_colon_so_that_ours_stay_ours() -> None:
    with pytest.raises(CodecError, match="the tag 'money' must look like 'module:Name'"):
        JsonCodec().register(Leaf, tag="money", encode=str, decode=str)
    with pytest.raises(CodecError, match="must look like"):
        JsonCodec(allow=["shop"])


def test_plain_json_types_cannot_be_registered() -> None:
    with pytest.raises(CodecError, match="dict is plain JSON"):
        JsonCodec().register(dict, tag="x:dict", encode=list, decode=dict)


# ── annotations ──────────────────────────────────────────────────────────────────────────────────────────────────────

Name = NewType("Name", Leaf)
Bound = TypeVar("Bound", bound=Leaf)


@pytest.mark.parametrize(
    "annotation",
    [
        Leaf, list[Leaf], dict[str, list[Leaf]], Leaf | None, tuple[Leaf, ...], Annotated[Leaf, "said"], Nest, Name,
        Bound, Box[Leaf], Branch, type[Leaf], Callable[[Leaf], None],
    ],
    ids=str,
)  # fmt: skip
def test_classes_are_learned_from_annotations(annotation: Any) -> None:
    codec = JsonCodec()
    codec.learn(annotation)
    assert codec.decode(codec.encode(Leaf(1))) == Leaf(1)


@pytest.mark.parametrize(
    "annotation", [None, Any, int, list, list[int], "Leaf", Box["Leaf"], Literal["Leaf"]], ids=str
)
def test_other_annotations_teach_nothing(annotation: Any) -> None:
    codec = JsonCodec(types=[annotation])
    assert isinstance(codec.decode(codec.encode(Leaf(1))), Unknown)


def test_fields_are_learned_through_names_and_literals() -> None:
    codec = JsonCodec(types=[Branch])
    tree = Branch(Leaf(1), (Branch(None),), {"a": Twig(Side.LEFT)})
    assert codec.decode(codec.encode(tree)) == tree
    codec = JsonCodec(types=[Literal[Side.LEFT]])
    assert codec.decode(codec.encode(Side.LEFT)) is Side.LEFT


def test_an_annotation_nobody_can_resolve_is_passed_over() -> None:
    @dataclass
    class Odd:
        there: "list[NotImported]"  # type: ignore[name-defined]  # noqa: F821 - the point of this test
        leaf: Leaf

    codec = JsonCodec(types=[Odd])
    assert codec.decode(codec.encode(Odd([], Leaf(2)))) == Odd([], Leaf(2))


# ── what is not trusted ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_class_nobody_named_stays_inert() -> None:
    text = JsonCodec().encode([Leaf(1)])
    (unknown,) = JsonCodec().decode(text)
    assert unknown == Unknown(f"{__name__}:Leaf", {"size": 1, "made": []})
    assert JsonCodec().encode([unknown]) == text
    with pytest.raises(
        AttributeError, match=r"Unknown\('.*:Leaf'\), stored as data only, and has no 'size': annotate"
    ):
        _ = unknown.size
    with pytest.raises(AttributeError):
        unknown.tag = "other"


def test_unknown_values_can_be_keys_and_members_of_sets() -> None:
    text = JsonCodec().encode({Twig(Side.LEFT): {Coin(1), Coin(2)}})
    value = JsonCodec().decode(text)
    assert JsonCodec().encode(value) == text


def test_tags_resolve_to_what_is_allowed_and_imported() -> None:
    text = JsonCodec().encode([Leaf(1), Side.LEFT])
    assert JsonCodec(allow=[f"{__name__}:*"]).decode(text) == [Leaf(1), Side.LEFT]
    leaf, side = JsonCodec(allow=[f"{__name__}:Leaf"]).decode(text)
    assert leaf == Leaf(1)
    assert isinstance(side, Unknown)


@pytest.mark.parametrize(
    "tag", ["io:StringIO", "no.such.module:X", "os:system", "builtins:eval", f"{__name__}:attrs"]
)
def test_allowing_a_module_gives_no_more_than_its_records(tag: str) -> None:
    value = JsonCodec(allow=[f"{tag.partition(':')[0]}:*"]).decode(msgspec.json.encode({"$": tag, "v": {}}))
    assert isinstance(value, Unknown)


def test_a_name_imported_into_an_allowed_module_is_not_its_own() -> None:
    tag = f"{__name__}:dataclass"
    assert isinstance(JsonCodec(allow=[tag]).decode(f'{{"$":"{tag}","v":{{}}}}'), Unknown)


def test_decoding_an_unknown_tag_imports_nothing() -> None:
    code = """
import sys
from penstock.codecs import JsonCodec
codec = JsonCodec(allow=["wave:*", "xml.dom:*"])
codec.decode('[{"$":"tuple","v":[1]}]')
before = set(sys.modules)
codec.decode('[{"$":"wave:Error","v":{}},{"$":"xml.dom:Node","v":1},{"$":"mailbox.Mailbox","v":1},{"$":"numpy:X","v":1}]')
print(sorted(set(sys.modules) - before))
print({"asyncio", "numpy", "pandas", "pydantic", "attr", "pickle", "dataclasses", "zoneinfo"} & set(sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300
    )
    assert done.stdout == "[]\nset()\n"


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Text(str):
    __slots__ = ()


class Table(dict[str, int]):
    pass


class Moscow(tzinfo):
    def utcoffset(self, _: Any) -> None:
        return None


def some() -> Any:
    yield 1


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (io.BytesIO(), "read it and pass what was read, or pass its path"),
        (threading.Lock(), "create it inside the step"),
        (some, "type function cannot be stored: code is no value"),
        (lambda: 1, "code is no value"),
        (len, "code is no value"),
        (some(), "collect it first"),
        (iter([1]), "collect it first"),
        (io, "import it inside the step"),
        (Leaf, "a class is code"),
        (ValueError("x"), r"type ValueError cannot be stored: raise it, or pass str\(error\)"),
        (memoryview(b""), r"pass bytes\(value\)"),
        (
            Text("x"),
            r"Text cannot be stored: it would come back as a plain str; pass str\(value\), or register it",
        ),
        (Table(), r"plain dict; pass dict\(value\)"),
        (object(), "make object a dataclass, or register it"),
        (..., "make ellipsis a dataclass"),
        (Moscow(), "use datetime with zoneinfo.ZoneInfo"),
        (Unknown("a:b", {1}), "the data of an Unknown is plain JSON, not set"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_stored_is_refused_with_its_path_and_a_remedy(value: Any, said: str) -> None:
    codec = JsonCodec()
    with pytest.raises(CodecError, match=r"^\$\S*: .*" + said):
        codec.encode(value)
    with pytest.raises(CodecError, match=r"^\$\.rows\[3\]\.conn\S*: .*" + said):
        codec.encode({"rows": [1, 2, 3, {"conn": value}]})


def test_a_path_leads_through_every_kind_of_container() -> None:
    value = {"a b": ({"k": Branch(None, more={"x": {(1, 2): [object()]}})},)}  # type: ignore[dict-item]
    with pytest.raises(
        CodecError, match=r"^\$\['a b'\]\[0\]\.k\.more\.x\[\(1, 2\)\]\[0\]: a value of type object"
    ):
        JsonCodec().encode(value)
    with pytest.raises(CodecError, match=r"^\$\[0\]\[<object .*>\]: a value of type object"):
        JsonCodec().encode([{object(): 1}])


def test_a_value_that_contains_itself_is_refused() -> None:
    row: list[Any] = [1]
    value = {"rows": [row]}
    row.append({"up": value})
    with pytest.raises(CodecError, match=r"^\$\.rows\[0\]\[1\]\.up: the value contains itself"):
        JsonCodec().encode(value)
    box: Box[Any] = Box(None)
    box.content = [box]
    with pytest.raises(CodecError, match=r"^\$\.content\[0\]: the value contains itself"):
        JsonCodec().encode(box)


def test_nesting_without_end_is_refused() -> None:
    deep: Any = None
    for _ in range(20_000):
        deep = [deep]
    with pytest.raises(CodecError, match="nested deeper than 10000 levels"):
        JsonCodec().encode(deep)
    codec = JsonCodec()
    codec.register(Leaf, tag="x:Leaf", encode=lambda leaf: Leaf(leaf.size + 1), decode=lambda leaf: leaf)
    with pytest.raises(CodecError, match="nested deeper than 10000 levels"):
        codec.encode(Leaf(1))
    with pytest.raises(CodecError, match="nested too deeply"):
        codec.decode("[" * 100_000 + "]" * 100_000)


def test_a_full_stack_is_a_codec_error_and_not_a_recursion_error() -> None:
    deep: Any = ()
    for _ in range(60):
        deep = (deep,)

    def sink() -> str:
        try:
            JsonCodec().encode(deep)
        except CodecError as error:
            return str(error)
        return sink()

    assert "stack" in sink() or "RecursionError" in sink()
    assert JsonCodec().decode(JsonCodec().encode(deep)) == deep


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a text that can be read"),
        ("{'a': 1}", "not a text that can be read.*\"{'a': 1}\""),
        ("nan", "not a text"),
        (b"\xff", "not a text"),
        ("[1e999]", "out of range"),
        ('{"$":"tuple","v":1}', "^tuple: data of type list is expected, not int"),
        ('{"$":"datetime","v":"soon"}', "^datetime: the stored data does not fit: ValueError"),
        ('{"$":"ZoneInfo","v":"Mars/Olympus"}', "^ZoneInfo: .*Mars/Olympus"),
        ('{"$":"bytes","v":"?"}', "^bytes: "),
        ('{"$":"set","v":[[]]}', "^set: .*unhashable"),
        ('{"$":"at","v":1}', "^at: there is no chunk 1"),
        ('{"$":"deep","v":[{"$":"at","v":0}]}', "^at: there is no chunk 0"),
        ('{"$":"deep","v":[[{"$":"at","v":1},{"$":"at","v":1}],1]}', "^at: there is no chunk 1"),
    ],
)
def test_a_text_that_makes_no_value_is_refused(text: Any, said: str) -> None:
    with pytest.raises(CodecError, match=said):
        JsonCodec().decode(text)


# ── previews ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "None"),
        ('"text"', "'text'"),
        ('{"a":[1,true]}', "{'a': [1, True]}"),
        ("no json", "no json"),
        ((1, {2}, b"x"), "(1, {2}, bytes('eA=='))"),
        (Leaf(1, [2]), "Leaf(size=1, made=[2])"),
        (Side.LEFT, "Side('LEFT')"),
        ({1: 2}, "dict([[1, 2]])"),
        pytest.param(object(), "'<object>'", id="object"),
        ('"red\\u001b[31m\\n"', r"'red\x1b[31m\n'"),
        ("\x1b[31m", "\ufffd[31m"),
        ('{"$":"a\\nb:\\u001bC","v":{"\\u001b":1}}', "\ufffdC(\ufffd=1)"),
    ],
    ids=repr,
)
def test_a_preview_is_one_short_line(value: Any, shown: str) -> None:
    assert preview(value) == shown


def test_a_preview_is_no_longer_than_asked_for() -> None:
    assert preview(list(range(100)), limit=12) == "[0, 1, 2, 3…"
    assert len(preview({"key": "x" * 10_000_000})) == 80
    assert len(preview("[" * 500 + "]" * 500)) == 80


@pytest.mark.parametrize("microseconds", [1, -1, 999_999, 1_000_001])
def test_an_offset_of_less_than_a_second_comes_back(microseconds: int) -> None:
    zone = timezone(timedelta(microseconds=microseconds))
    for moment in (time(1, tzinfo=zone), datetime(2020, 1, 1, tzinfo=zone)):
        back = JsonCodec().decode(JsonCodec().encode(moment))
        assert (back, back.utcoffset()) == (moment, moment.utcoffset())  # type: ignore[attr-defined]
