"""Parts as text and as tables: every form, every refusal, and the way there and back for the whole catalog."""

import tomllib
from dataclasses import MISSING, dataclass, fields, replace
from typing import Any, ClassVar, Literal, get_args, get_origin

import numpy as np
import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedmm import catalog, spec
from fedmm.algorithm import Algorithm
from fedmm.arguments import annotations_of
from fedmm.channels import Chain, Dither, RandK
from fedmm.convert import from_text, from_value, split_top
from fedmm.errors import SpecError
from fedmm.federation import Source
from fedmm.participation import Bernoulli, FixedSize
from fedmm.schedules import Constant, Inverse, InverseSqrt, Schedule

ALL = [(kind, cls) for kind in catalog.KINDS for cls in catalog.entries(kind).values()]


@dataclass(frozen=True)
class Everything(Source):
    """A source with one field of every type a field may have."""

    count: int
    size: float = 1.0
    flag: bool = False
    word: str = "a"
    mode: Literal["fast", "slow"] = "fast"
    level: Literal[1, 2] | None = 1
    pair: tuple[int, float] = (1, 2.0)
    many: float | tuple[float, ...] = 0.5
    step: float | Schedule | Literal["theory"] = "theory"
    steps: tuple[Schedule, ...] = ()
    array: Any = None
    maybe: float | None = 0.5
    name: ClassVar[str] = "everything"

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError("count must be >= 0")

    def load(self, clients: int | None, seed: int) -> Any:
        raise NotImplementedError


@pytest.fixture
def everything(monkeypatch):
    """`Everything` in the catalog."""
    found = catalog._enrolled
    monkeypatch.setattr(catalog, "_enrolled", lambda path: (*found(path), Everything))


def toml(table: dict) -> dict:
    """Through a file and back."""
    return tomllib.loads(tomli_w.dumps(table))


@pytest.mark.parametrize(
    ("kind", "text", "part"),
    [
        ("channel", "rand-k:3", RandK(3)),
        ("channel", " rand-k : k = 3 ", RandK(3)),
        ("channel", "rand-k:3+dither:4", Chain((RandK(3), Dither(4)))),
        ("channel", "rand-k:3 + dither:4,block=2", Chain((RandK(3), Dither(4, 2)))),
        ("channel", "chain:(rand-k:3;dither:4)", Chain((RandK(3), Dither(4)))),
        ("channel", "dither:4,none", Dither(4)),
        ("participation", "bernoulli:5e-1", Bernoulli(0.5)),
        ("participation", "bernoulli:(0.1;0.5)", Bernoulli((0.1, 0.5))),
        ("participation", "bernoulli:p=(0.1,0.5)", Bernoulli((0.1, 0.5))),
        ("participation", "fixed:3", FixedSize(3)),
        ("schedule", "inverse:1,offset=2", Inverse(1.0, 2.0)),
        ("schedule", "constant:1e+3", Constant(1000.0)),
    ],
)
def test_parse(kind, text, part):
    assert spec.parse(kind, text) == part
    assert type(spec.parse(kind, text)) is type(part)
    assert spec.parse(kind, spec.spell(part)) == part


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("fedmm:step=0.1", 0.1),
        ("fedmm:step=1", 1.0),
        ("fedmm:step=theory", "theory"),
        ("fedmm:step=inverse-sqrt:0.7", InverseSqrt(0.7)),
        ("fedmm:step=(inverse:1,offset=2),control_variates=false", Inverse(1.0, 2.0)),
    ],
)
def test_parse_nested(text, step):
    method = spec.parse("method", text)
    assert method.step == step
    assert type(method.step) is type(step)
    assert spec.parse("method", spec.spell(method)) == method


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("channel", "randk:3", "Unknown channel 'randk'. Did you mean 'rand-k'"),
        ("channel", "rand-k:3+dithr:4", "Unknown channel 'dithr'. Did you mean 'dither'"),
        ("channel", "", "Unknown channel ''"),
        ("channel", "rand-k", "rand-k needs k"),
        ("channel", "rand-k:3,4", "Unexpected value '4'"),
        ("channel", "rand-k:3,k=4", "given twice"),
        ("channel", "dither:levels=4,8,9", "Unexpected value '9'"),
        ("channel", "dither:block=4,8", "Unexpected value '8'"),
        ("channel", "dither:levls=4", "dither has no field 'levls'. Did you mean 'levels'"),
        ("channel", "identity:3", "identity takes no fields"),
        ("channel", "rand-k:3.5", "Expected rand-k.k to be an integer, got '3.5'"),
        ("channel", "rand-k:", "rand-k needs k"),
        ("channel", "dither:(4", "Parentheses do not match"),
        ("channel", "dither:4)", "Parentheses do not match"),
        ("schedule", "inverse:-1", "Expected inverse.scale > 0"),
        (
            "method",
            "fedmm:step=theori",
            r"a number or a schedule \(constant, .*\) or 'theory', got 'theori'. Did you mean 't",
        ),
        ("method", "fedmm:step=inverse:x", "Expected inverse.scale to be a number, got 'x'"),
        ("method", "fedmm:control_variates=1", "to be true or false, got '1'"),
        ("participation", "bernoulli:(0.1;x)", r"Expected bernoulli.p\[1\] to be a number, got 'x'"),
        ("data", "digits:labels=parties", "'parity' or 'digit', got 'parties'. Did you mean 'parity'"),
    ],
)
def test_parse_refuses(kind, text, message):
    with pytest.raises(SpecError, match=message):
        spec.parse(kind, text)


def test_every_type_of_field(everything):
    text = "everything:3,2,true,(a,b;c),slow,2,(4;5),(1;2),inverse:2,((constant:1);inverse),maybe=none"
    part = spec.parse("data", text)
    assert part == Everything(
        3, 2.0, True, "a,b;c", "slow", 2, (4, 5.0), (1.0, 2.0), Inverse(2.0), (Constant(1.0), Inverse()), maybe=None
    )
    assert [type(v) for v in (part.size, part.level, part.pair[0], part.pair[1])] == [float, int, int, float]
    assert spec.parse("data", spec.spell(part)) == part
    table = spec.describe(part)
    assert spec.build("data", toml(table)) == part
    assert table["maybe"] == "none"  # the default is not None, so leaving it out would not do
    assert "array" not in table
    assert spec.describe(spec.build("data", {"name": "everything", "count": 3}))["maybe"] == 0.5


def test_arrays_are_recorded_by_digest_and_asked_for(everything):
    part = Everything(1, array=np.arange(3.0))
    table = toml(spec.describe(part))
    assert set(table["array"]) == {"sha256"}
    assert table["array"] == spec.describe(Everything(1, array=np.arange(3.0)))["array"]
    assert table["array"] != spec.describe(Everything(1, array=np.arange(3.0) + 1.0))["array"]
    with pytest.raises(SpecError, match=f"everything.array was an array given in memory .sha256 {table['array']['sha256']}"):
        spec.build("data", table)
    with pytest.raises(SpecError, match="cannot be given as text"):
        spec.spell(part)
    with pytest.raises(SpecError, match="an array, which only Python can give, got '3'"):
        spec.parse("data", "everything:1,array=3")
    with pytest.raises(SpecError, match=r"everything.array holds a function"):
        spec.describe(Everything(1, array=toml))


@pytest.mark.parametrize(
    ("kind", "table", "message"),
    [
        ("channel", {"name": "rand-k", "kk": 3}, "rand-k has no field 'kk'. Did you mean 'k'"),
        ("channel", {"name": "rand-k"}, "rand-k needs k"),
        ("channel", {"name": "rand-k", "k": True}, "Expected rand-k.k to be an integer, got True"),
        ("channel", {"name": "rand-k", "k": 2.0}, "Expected rand-k.k to be an integer, got 2.0"),
        ("channel", {"name": "randk", "k": 2}, "Did you mean 'rand-k'"),
        ("channel", {"k": 2}, "Expected the name of the channel"),
        ("channel", {"name": "rand-k", "kind": "method", "k": 2}, "of kind 'channel', the table says 'method'"),
        ("channel", "rand-k:3", "Expected a table"),
        ("participation", {"name": "bernoulli", "p": [0.1, "x"]}, r"bernoulli.p\[1\] to be a number, got 'x'"),
        ("participation", {"name": "bernoulli", "p": {"q": 1}}, "Expected bernoulli.p to be a number or a tuple"),
        ("method", {"name": "fedmm", "step": {"name": "invers"}}, "Did you mean 'inverse'"),
        (
            "method",
            {"name": "fedmm", "step": {"kind": "channel", "name": "identity"}},
            "Expected fedmm.step to be a numb",
        ),
    ],
)
def test_build_refuses(kind, table, message):
    with pytest.raises(SpecError, match=message):
        spec.build(kind, table)


def test_a_third_partys_own_check_becomes_a_spec_error(everything):
    for make in (
        lambda: spec.parse("data", "everything:-3"),
        lambda: spec.build("data", {"name": "everything", "count": -3}),
        lambda: spec.assign({"data": Everything(1)}, "count=-3"),
    ):
        with pytest.raises(SpecError, match="everything: count must be >= 0"):
            make()


OBJECTS = {
    "problem": spec.parse("problem", "logistic"),
    "method": spec.parse("method", "fedmm:step=inverse-sqrt:0.5"),
    "channel": Chain((RandK(3), Dither(4))),
    "downlink": RandK(5),
    "participation": FixedSize(2),
    "data": None,
}


@pytest.mark.parametrize(
    ("text", "changed", "expected"),
    [
        ("method.step=0.1", "method", {"step": 0.1}),
        ("step=0.1", "method", {"step": 0.1}),
        (" step = theory ", "method", {"step": "theory"}),
        ("method.step.scale=0.7", "method", {"step": InverseSqrt(0.7)}),
        ("step.scale=0.7", "method", {"step": InverseSqrt(0.7)}),
        ("step=(inverse:1,offset=2)", "method", {"step": Inverse(1.0, 2.0)}),
        ("ridge=1e-3", "problem", {"ridge": 1e-3}),
        ("downlink.k=7", "downlink", {"k": 7}),
        ("channel.channels.1.levels=9", "channel", {"channels": (RandK(3), Dither(9))}),
    ],
)
def test_assign(text, changed, expected):
    before = dict(OBJECTS)
    after = spec.assign(OBJECTS, text)
    assert before == OBJECTS
    assert after == {**OBJECTS, changed: replace(OBJECTS[changed], **expected)}
    assert after != before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("k=3", "'k' is ambiguous; say downlink.k or participation.k"),
        ("rigde=3", "a field 'rigde'. Did you mean 'ridge'"),
        ("method.stp=3", r"method \(fedmm\) has no field 'stp'. Did you mean 'step'"),
        ("methd.step=3", "a field 'methd.step'. Did you mean 'method'"),
        ("data.d=3", "this run has no data"),
        ("step", "Expected field=value"),
        ("=3", "Expected field=value"),
        ("method.=3", "Expected field=value"),
        ("method.step.scal=3", "has no field 'scal'. Did you mean 'scale'"),
        ("problem.ridge.x=3", "ridge is 0.0, which has no fields"),
        ("channel.channels.2.k=3", "channels has 2 elements"),
        ("downlink.k=x", "Expected downlink.k to be an integer, got 'x'"),
        ("step.scale=-1", "Expected inverse-sqrt.scale > 0"),
    ],
)
def test_assign_refuses(text, message):
    with pytest.raises(SpecError, match=message):
        spec.assign(OBJECTS, text)


def test_split_outside_parentheses():
    assert split_top("a,(b,c),d=(e;(f,g))", ",") == ["a", "(b,c)", "d=(e;(f,g))"]
    assert split_top("", ",") == []
    assert split_top("a,", ",") == ["a", ""]


def test_text_and_table_differ_where_they_must():
    assert from_text("3", float | str, "x") == 3.0
    assert from_value("3", float | str, "x") == "3"  # a table says itself what is text
    assert from_value(3, float, "x") == 3.0
    assert type(from_value(3, float, "x")) is float


def values_of(annotation: Any) -> st.SearchStrategy:
    """Values a field of this type may take."""
    if annotation is type(None):
        return st.none()
    if annotation is float:
        return st.floats(0.0, 1.0, allow_subnormal=False) | st.floats(1.0, 1e300)
    if annotation is int:
        return st.integers(1, 9)
    if annotation is bool:
        return st.booleans()
    if annotation is str:
        return st.text("abcxyz./-_ ,;", min_size=1).map(str.strip).filter(bool)
    if get_origin(annotation) is Literal:
        return st.sampled_from(get_args(annotation))
    if get_origin(annotation) is tuple:
        inner = get_args(annotation)
        if inner[-1] is Ellipsis:
            return st.lists(values_of(inner[0]), min_size=1, max_size=3).map(tuple)
        return st.tuples(*map(values_of, inner))
    if (kind := catalog.kind_of(annotation)) is not None:
        plain = [cls for cls in catalog.entries(kind).values() if cls is not Chain]
        return st.sampled_from(plain).flatmap(parts_of)
    if annotation is Any:
        return st.nothing()
    return st.one_of(*(values_of(arm) for arm in get_args(annotation)))


def parts_of(cls: type) -> st.SearchStrategy:
    """Configurations of a class; those it refuses are dropped."""
    types = annotations_of(cls)
    choices = {}
    for field in fields(cls):
        values = values_of(types[field.name])
        if field.default is not MISSING:
            values = st.just(field.default) | values
        choices[field.name] = values
    return st.fixed_dictionaries(choices).map(lambda given: constructed(cls, given)).filter(lambda part: part is not None)


def constructed(cls: type, given: dict) -> Any:
    try:
        return cls(**given)
    except SpecError:
        return None


@pytest.mark.parametrize(("kind", "cls"), ALL, ids=lambda value: value if isinstance(value, str) else value.__name__)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_there_and_back(kind, cls, data):
    part = data.draw(parts_of(cls))
    table = spec.describe(part)
    again = spec.build(kind, toml(table))
    assert type(again) is cls
    assert spec.describe(again) == table
    read = spec.parse(kind, spec.spell(part))
    assert spec.describe(read) == table
    if cls.__eq__ is not object.__eq__:
        assert again == part
        assert read == part


def test_every_method_field_is_recorded():
    for cls in catalog.entries("method").values():
        assert issubclass(cls, Algorithm)
        table = spec.describe(cls())
        optional = {field.name for field in fields(cls) if field.default is None}
        assert set(table) | optional == {"name"} | {field.name for field in fields(cls)}


def test_strange_parts_are_refused():
    with pytest.raises(SpecError, match="derived from one of fedmm's abstract bases, got int"):
        spec.describe(3)
