"""What each kind of Python value becomes, and what is refused with which path."""

from __future__ import annotations

import array
import collections
import dataclasses
import datetime as dt
import enum
import functools
import gc
import math
import pathlib
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from decimal import Decimal
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import attrs
import numpy as np
import pydantic
import pydantic.v1
import pytest
from params_proto import EnvVar, proto

from ml_dash._record.jsonable import MAX_DEPTH, class_values, to_plain
from ml_dash.exceptions import InvalidValueError, SerializationError
from ml_dash.utils import _serialize_value

UTC = dt.timezone.utc


class Colour(enum.Enum):
    RED = "red"
    PATHS = (pathlib.PurePosixPath("a"), np.int32(2))


class Level(enum.IntEnum):
    LOW = 1


class Name(str, enum.Enum):
    A = "a"


class Text(str):
    __slots__ = ()


class Count(int):
    pass


@dataclasses.dataclass
class Optim:
    lr: float = 0.1
    shape: tuple[int, ...] = (1, 2)
    fn: Any = None
    kind: ClassVar[str] = "not a field"
    late: int = dataclasses.field(init=False)


@attrs.define
class Model:
    width: int
    optim: Optim


class Settings(pydantic.BaseModel):
    where: pathlib.Path
    token: str = pydantic.Field("secret", exclude=True)
    nested: dict[str, Any] = {}


class OldSettings(pydantic.v1.BaseModel):
    depth: int
    ratio: float = 0.5


class Point(NamedTuple):
    x: Any
    y: Any


def exactly(value: Any) -> Any:
    """Return a form of a plain value in which types and NaN count."""
    if isinstance(value, dict):
        return {key: exactly(item) for key, item in value.items()}
    if isinstance(value, list):
        return [exactly(item) for item in value]
    return type(value), repr(value)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (None, None),
        (True, True),
        (10**400, 10**400),
        (-0.0, -0.0),
        (math.nan, math.nan),
        ("é\u2028", "é\u2028"),
        (Text("x"), "x"),
        (Count(3), 3),
        (Colour.RED, "red"),
        (Colour.PATHS, ["a", 2]),
        (Level.LOW, 1),
        (Name.A, "a"),
        (dt.datetime(2024, 1, 2, 3, tzinfo=UTC), "2024-01-02T03:00:00+00:00"),
        (dt.date(2024, 1, 2), "2024-01-02"),
        (dt.time(1, 2, 3, 4), "01:02:03.000004"),
        (pathlib.PurePosixPath("a/b"), "a/b"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Point(1, (2,)), [1, [2]]),
        (collections.deque([1, 2]), [1, 2]),
        (range(3), [0, 1, 2]),
        (array.array("d", [1.5]), [1.5]),
        (MappingProxyType({"a": range(1)}), {"a": [0]}),
        (collections.OrderedDict(a=Text("b")), {"a": "b"}),
        (Model(3, Optim()), {"width": 3, "optim": {"lr": 0.1, "shape": [1, 2], "fn": None}}),
        (
            Settings(where="/tmp/x", nested={"at": pathlib.PurePosixPath("y")}),
            {"where": str(pathlib.Path("/tmp/x")), "nested": {"at": "y"}},
        ),
        (OldSettings(depth=2), {"depth": 2, "ratio": 0.5}),
    ],
)
def test_values_of_python_become_plain(value: Any, plain: Any) -> None:
    """Each kind of value has one plain form, of exactly the plain types."""
    assert exactly(to_plain(value)) == exactly(plain)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("3", 3), ("0", 0), ("-0", -0.0), ("0.1", 0.1), ("1.50", 1.5), ("1E+2", 100.0),
        ("0.1000000000000000055", "0.1000000000000000055"), ("1E+400", "1E+400"),
        ("1E+999999", "1E+999999"), ("1" * 30, int("1" * 30)),
        ("NaN", math.nan), ("sNaN", math.nan), ("-Infinity", -math.inf),
    ],
)
def test_a_decimal_is_a_number_only_without_loss(text: str, plain: Any) -> None:
    """A Decimal becomes a number where JSON's text of it is the same number, else text."""
    assert exactly(to_plain(Decimal(text))) == exactly(plain)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.float32(0.1), 0.10000000149011612),
        (np.float64(0.1), 0.1),
        (np.float16(1.5), 1.5),
        (np.longdouble(1.5), 1.5),
        (np.bool_(True), True),
        (np.uint64(2**64 - 1), 2**64 - 1),
        (np.int8(-3), -3),
        (np.str_("a"), "a"),
        (np.float32("nan"), math.nan),
        (np.array(3.5), 3.5),
        (np.arange(6).reshape(2, 3)[:, ::2], [[0, 2], [3, 5]]),
        (np.array([1.5, np.inf], dtype=">f4"), [1.5, math.inf]),
        (np.array([1.5], dtype=np.longdouble), [1.5]),
        (np.array([], dtype=np.int64), []),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array([None, {"a": np.int8(1)}], dtype=object), [None, {"a": 1}]),
        (np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")]), [[1, 2.5]]),
        (np.ma.array([1, 2], mask=[False, True]), [1, None]),
        (np.datetime64("2024-01-02T03:04:05.5", "ns"), "2024-01-02T03:04:05.500000000"),
        (np.array(["2024-01-02", "NaT"], dtype="M8[D]"), ["2024-01-02", "NaT"]),
    ],
)
def test_values_of_numpy_become_plain(value: Any, plain: Any) -> None:
    """Scalars and arrays of numpy keep their values, in the order of their axes."""
    assert exactly(to_plain({"v": value})) == exactly({"v": plain})


def test_a_large_array_is_converted_whole() -> None:
    """A million numbers arrive, each of them."""
    assert to_plain(np.arange(1_000_000)) == list(range(1_000_000))


class Tensor:
    """What torch's tensors answer to: elements only after detach and cpu."""

    def __init__(self, values: Any, *, ready: bool = False) -> None:
        self.values, self.ready = values, ready

    def detach(self) -> Tensor:
        return self

    def cpu(self) -> Tensor:
        return Tensor(self.values, ready=True)

    def tolist(self) -> Any:
        if not self.ready:
            raise TypeError("can't convert a tensor on a device")
        return self.values


class Scalar:
    """An array scalar with only ``item``, as of a dtype that Python lacks (bfloat16)."""

    dtype = "bfloat16"

    def item(self) -> float:
        return 1.5

    def __float__(self) -> float:
        return 1.5


class Exported:
    """An array that only hands out numpy's view of it."""

    dtype = np.dtype("i4")

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array([[1], [2]], dtype=dtype)


class Deleted:
    """A JAX array whose memory was given away."""

    def tolist(self) -> Any:
        raise RuntimeError("Array has been deleted")


def test_other_arrays_are_read_through_their_protocols() -> None:
    """Arrays of packages that are not installed are known by what they can do."""
    value = {"t": Tensor([[1.5, 2]]), "s": Scalar(), "e": Exported()}
    assert to_plain(value) == {"t": [[1.5, 2]], "s": 1.5, "e": [[1], [2]]}


def test_a_failing_array_is_refused_with_its_cause() -> None:
    """What an array raises when it is read stays attached to our error."""
    with pytest.raises(SerializationError, match=r"grads\[0\].*Array has been deleted") as caught:
        to_plain({"grads": [Deleted()]})
    assert isinstance(caught.value.__cause__, RuntimeError)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("a.b", "a.b"), (1, "1"), (10**30, str(10**30)), (1.5, "1.5"), (math.nan, "NaN"),
        (math.inf, "Infinity"), (-math.inf, "-Infinity"), (True, "true"), (False, "false"),
        (None, "null"), (Name.A, "a"), (Level.LOW, "1"), (np.float64(0.5), "0.5"),
        (np.str_("n"), "n"),
    ],
)
def test_keys_become_the_text_that_json_writes(key: Any, text: str) -> None:
    """The keys that 0.6 took become the same text."""
    plain = to_plain({key: 0})
    assert plain == {text: 0}
    assert [type(name) for name in plain] == [str]


@pytest.mark.parametrize("key", [(1, 2), b"a", Colour.RED, np.int64(1), frozenset()])
def test_other_keys_are_refused(key: Any) -> None:
    """A key that JSON has no text for names the dict it is in."""
    with pytest.raises(SerializationError, match=r"config\.a has a key of type") as caught:
        to_plain({"a": {key: 1}}, "config")
    assert caught.value.context["key"] == "config.a"


@pytest.mark.parametrize("pair", [{1: "a", "1": "b"}, {True: 0, "true": 1}, {None: 0, "null": 1}])
def test_keys_of_the_same_text_are_refused(pair: dict[Any, Any]) -> None:
    """No value replaces another without a word."""
    with pytest.raises(SerializationError, match="Two keys of config have the same text"):
        to_plain(pair, "config")


@pytest.mark.parametrize(
    ("value", "type_name", "hint"),
    [
        ({1, 2}, "set", "sorted"),
        (frozenset(), "frozenset", "sorted"),
        (b"x", "bytes", "Decode"),
        (bytearray(b"x"), "bytearray", "Decode"),
        (memoryview(b"x"), "memoryview", "tolist"),
        (np.bytes_(b"x"), "numpy.bytes_", "Decode"),
        (1j, "complex", "real"),
        (np.complex64(1), "numpy.complex64", "Pass"),
        (np.array([1j]), "numpy.ndarray", "Pass"),
        (np.timedelta64(1, "s"), "numpy.timedelta64", "Pass"),
        (dt.timedelta(1), "datetime.timedelta", "Pass"),
        (len, "builtin_function_or_method", "Pass"),
        (functools.partial(len), "functools.partial", "Pass"),
        (Optim, "type", "name"),
        (Colour, "enum.Enum", "name"),
        (object(), "object", "Pass"),
        (iter([]), "list_iterator", "Pass"),
    ],
)
def test_values_without_a_json_form_are_refused(value: Any, type_name: str, hint: str) -> None:
    """The error names the path, the type and what to pass instead."""
    with pytest.raises(SerializationError, match=r"config\.optim\[2\]\.fn is of type") as caught:
        to_plain({"optim": (0, 1, Optim(fn=value))}, "config")
    assert caught.value.context["key"] == "config.optim[2].fn"
    assert caught.value.context["type"].startswith(type_name)
    assert hint in caught.value.hint
    assert isinstance(caught.value, (InvalidValueError, TypeError))


def test_the_path_starts_with_the_first_key_when_none_is_given() -> None:
    """Without a name for the whole, the path has no leading dot."""
    with pytest.raises(SerializationError) as caught:
        to_plain({"a": [object()]})
    assert caught.value.context == {"key": "a[0]", "type": "object"}
    with pytest.raises(SerializationError, match="The value is of type object"):
        to_plain(object())


def test_an_int_that_python_does_not_write_is_refused() -> None:
    """An int beyond Python's own limit of digits is a typed error."""
    if not hasattr(sys, "get_int_max_str_digits"):
        pytest.skip("this Python has no limit")
    huge = 10 ** (sys.get_int_max_str_digits() + 1)
    with pytest.raises(SerializationError, match="more digits"):
        to_plain({"n": huge})
    with pytest.raises(SerializationError, match="more digits"):
        to_plain({huge: 1})


def test_surrogates_survive_and_pairs_are_joined() -> None:
    """Half a pair stays; both halves become the character that they mean, as in JSON."""
    assert to_plain(["\ud800", "\ud83d\ude00", {"\ude00\ud83d": 1}]) == [
        "\ud800", "\U0001f600", {"\ude00\ud83d": 1},
    ]


def nested(depth: int) -> Any:
    value: Any = 1
    for level in range(depth):
        value = [value] if level % 2 else {"k": value}
    return value


def test_depth_is_limited() -> None:
    """As many containers as orjson takes are taken; one more is a typed error."""
    assert to_plain(nested(MAX_DEPTH)) == nested(MAX_DEPTH)
    with pytest.raises(SerializationError, match="more than 254 containers"):
        to_plain(nested(MAX_DEPTH + 1))


def test_a_cycle_is_refused_where_it_closes() -> None:
    """The error names the first place whose value contains itself."""
    config: dict[str, Any] = {"a": {}}
    config["a"]["up"] = [config["a"]]
    with pytest.raises(SerializationError, match=r"config\.a\.up\[0\] contains itself") as caught:
        to_plain(config, "config")
    assert caught.value.context["key"] == "config.a.up[0]"


def test_little_stack_left_is_no_recursion_error() -> None:
    """Deep values from deep inside a program are a typed error."""

    def descend(frames: int) -> None:
        if frames:
            descend(frames - 1)
        else:
            to_plain(nested(MAX_DEPTH))

    with pytest.raises(SerializationError, match="call stack"):
        descend(sys.getrecursionlimit() - 200 - MAX_DEPTH // 2)


def test_the_input_is_not_changed_and_not_shared() -> None:
    """What comes out can be changed without touching what the script passed."""
    config = {"a": [1, {"b": 2}]}
    plain = to_plain(config)
    plain["a"][1]["b"] = 3
    assert config == {"a": [1, {"b": 2}]}


@pytest.fixture
def _eager_switching() -> Iterator[None]:
    """Let other threads run as often as possible, during garbage collections too."""

    def in_collection(phase: str, info: dict[str, int]) -> None:
        sum(range(200))  # Python code: here the interpreter may switch threads

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    gc.callbacks.append(in_collection)
    yield
    gc.callbacks.remove(in_collection)
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("_eager_switching")
@pytest.mark.parametrize("kind", [dict, collections.defaultdict])
def test_a_dict_may_change_meanwhile(kind: type[dict[str, int]]) -> None:
    """Another thread that adds and removes keys causes no error."""
    shared = kind()
    shared.update({str(number): number for number in range(2000)})
    stop = threading.Event()

    def change() -> None:
        number = 0
        while not stop.is_set():
            shared[f"new{number % 5000}"] = number
            shared.pop(f"new{(number + 2500) % 5000}", None)
            number += 1

    thread = threading.Thread(target=change)
    thread.start()
    try:
        plain = [to_plain({"shared": shared})["shared"] for _ in range(60)]
    finally:
        stop.set()
        thread.join()
    assert min(len(each) for each in plain) >= 2000


# --- classes that hold settings ---------------------------------------------------------------


class Plain:
    lr = 0.1
    layers = (1, 2)
    annotated_only: int
    _private = 1

    class Nested:
        pass

    @property
    def prop(self) -> int:
        return 1

    @classmethod
    def make(cls) -> int:
        return 1

    @staticmethod
    def helper() -> int:
        return 1

    @functools.cached_property
    def cached(self) -> int:
        return 1

    def method(self) -> int:
        return 1


class Inherited(Plain):
    more = 1


def test_a_plain_class_holds_its_own_public_values() -> None:
    """Code, descriptors, private and inherited names are no settings."""
    assert class_values(Plain) == {"lr": 0.1, "layers": (1, 2)}
    assert class_values(Inherited) == {"more": 1}


@proto
class Sub:
    width: int = 4


@pytest.fixture
def args(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A new params-proto class for each test: overrides are kept on the class."""
    monkeypatch.setenv("ML_DASH_TEST_PLACE", "here")

    @proto
    class Args:
        lr: float = 0.1
        colour: Colour = Colour.RED
        place: str = EnvVar @ "ML_DASH_TEST_PLACE" | "there"
        unset: int
        bare = 3
        sub = Sub()
        _hidden: int = 7

        @property
        def twice(self) -> float:
            return self.lr * 2

        def method(self) -> int:
            return 1

    return Args


def test_a_params_proto_class_holds_its_current_values(args: Any) -> None:
    """An override on the class is what is recorded, not the default."""
    args.lr = 0.9
    args.bare = 5
    assert to_plain(class_values(args)) == {
        "lr": 0.9, "colour": "red", "place": "here", "unset": None, "bare": 5,
        "sub": {"width": 4},
    }
    assert to_plain({"args": args})["args"]["lr"] == 0.9


def test_a_params_proto_prefix_class_and_function_hold_their_current_values() -> None:
    """The other two uses of the decorator are read alike."""

    @proto.prefix
    class Prefixed:
        lr: float = 0.1

    @proto
    def train(epochs: int = 1, name: str = "x") -> None:
        """Train."""

    Prefixed.lr = 0.4
    train.epochs = 4
    assert to_plain([Prefixed, train]) == [{"lr": 0.4}, {"epochs": 4, "name": "x"}]


def test_a_params_proto_instance_holds_its_own_values(args: Any) -> None:
    """An instance's values are its own, over those of its class."""
    args.lr = 0.9
    instance = args()
    instance.bare = 6
    plain = to_plain(instance)
    assert (plain["lr"], plain["bare"], plain["sub"]) == (0.9, 6, {"width": 4})
    assert "_hidden" not in plain
    assert class_values(args)["bare"] == 3


def test_a_params_proto_class_inside_another_is_opened() -> None:
    """A class as value of a field holds settings too."""

    @proto
    class Outer:
        inner = None

    Outer.inner = Sub
    assert to_plain(Outer) == {"inner": {"width": 4}}


# --- around it --------------------------------------------------------------------------------


def test_the_old_name_converts_one_value() -> None:
    """``ml_dash.utils._serialize_value`` makes numpy's values plain."""
    assert _serialize_value({"a": np.arange(2), "b": (np.float32(0.5),)}) == {
        "a": [0, 1], "b": [0.5],
    }


def test_nothing_heavy_is_imported() -> None:
    """Converting imports no package that the script has not imported."""
    code = (
        "import sys\n"
        "from ml_dash._record import codec, jsonable, flatten, aggregate\n"
        "class A:\n    tolist = lambda self: [1]\n"
        "class B: pass\n"
        "assert codec.encode({'a': A(), 'n': float('nan')}) == b'{\"a\":[1],\"n\":\"NaN\"}'\n"
        "try: jsonable.to_plain(B())\nexcept TypeError: pass\n"
        "heavy = {'numpy', 'torch', 'jax', 'pydantic', 'params_proto', 'attr', 'httpx', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
