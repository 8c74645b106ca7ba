"""Links, without a browser: every Scenario comes back bit for bit, and no text whatever breaks the reader."""

import math
import random
import struct
import time
from dataclasses import fields
from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dashboard import links
from dashboard.links import Lesson, from_query, pack, read, to_query, to_text, unpack
from dashboard.rates import PRESETS
from dashboard.scenario import (
    ALL_CHOICES,
    CHAIN_NUMBERS,
    LIMITS,
    MAX_NUMBERS,
    ORDERED,
    Scenario,
    chain_links,
    chain_text,
    for_dataset,
    packed,
    samples_range,
    unpacked,
)
from nnlib import DATASETS
from nnlib.chain import LINKS

NAMES = [field.name for field in fields(Scenario)]
DEFAULTS = Scenario()


def weights():
    bias, weight = (
        st.builds("b{}[{}]".format, *[st.integers(1, 9)] * 2),
        st.builds("W{}[{},{}]".format, *[st.integers(1, 9)] * 3),
    )
    return st.one_of(bias, weight)  # fmt: skip


@st.composite
def chain_link(draw):
    kind = draw(st.sampled_from(list(LINKS)))
    return kind, tuple(draw(st.floats(-10, 10)) for _ in range(CHAIN_NUMBERS.get(kind, 0)))


@st.composite
def scenarios(draw):
    """Any valid Scenario: each number anywhere within its limits, with all the digits a float has."""
    values = {}
    for name in NAMES:
        default = getattr(DEFAULTS, name)
        if name in ALL_CHOICES:
            values[name] = draw(st.sampled_from(ALL_CHOICES[name]))
        elif type(default) is bool:
            values[name] = draw(st.booleans())
        elif type(default) is int:
            values[name] = draw(st.integers(int(LIMITS[name].low), int(LIMITS[name].high)))
        elif type(default) is float:
            values[name] = draw(st.floats(float(LIMITS[name].low), float(LIMITS[name].high)))
        elif name in ("first", "second", "walk_weight"):
            values[name] = draw(weights())
        elif name == "hidden_sizes":
            values[name] = draw(st.lists(st.integers(1, 8), max_size=6).map(lambda sizes: ", ".join(map(str, sizes))))
        elif name == "chain":
            values[name] = chain_text(draw(st.lists(chain_link(), min_size=1, max_size=8)))
        elif name == "camera":
            values[name] = " ".join(
                draw(st.lists(st.integers(-99, 99).map(lambda x: f"{x / 8:g}"), min_size=6, max_size=6))
            )
        elif name in ("walk_weights", "room_start"):
            values[name] = packed(draw(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=30)))
        elif name == "other_starts":
            starts = st.lists(st.tuples(st.floats(-1000, 1000), st.floats(-1000, 1000)), max_size=4)
            values[name] = packed([x for start in draw(starts) for x in start])
        elif name == "lab_others":
            values[name] = ", ".join(draw(st.lists(st.sampled_from(list(PRESETS)), unique=True)))
        elif name == "own_data":
            rows = draw(
                st.lists(st.tuples(st.floats(-9, 9).map(lambda x: round(x, 3)), st.sampled_from("ab")), min_size=4)
            )
            values[name] = "x1,label\n" + "".join(f"{x},{label}\n" for x, label in rows) + "0,a\n1,b\n"
    for low, high in ORDERED:
        a, b = sorted((values[low], values[high]))
        values[low], values[high] = (a, b) if a < b else (getattr(DEFAULTS, low), getattr(DEFAULTS, high))
    least, most = samples_range(values["dataset"], values["own_data"])
    values["samples"] = min(max(values["samples"], least), most)
    return Scenario(**values)


def bits(scenario):
    """The values with floats as their bytes: -0.0 is not 0.0 here."""
    return [struct.pack("<d", v) if isinstance(v, float) else v for v in scenario.as_dict().values()]


def through_address(scenario, lesson=None):
    return read(parse_qs(to_text(scenario, lesson), keep_blank_values=True))


@settings(max_examples=400, deadline=None)
@given(scenarios())
@example(Scenario(noise=-0.0, probe=-0.0))
@example(Scenario(lr=0.1 + 0.2, probe=math.nextafter(8, 0)))
def test_every_scenario_comes_back_bit_for_bit(scenario):
    link = through_address(scenario)
    assert bits(link.scenario) == bits(scenario)
    assert link.messages == ()


def test_only_what_differs_from_the_opening_state_is_written():
    assert to_query(DEFAULTS) == {}
    assert to_query(Scenario(lr=0.5, standardize=False)) == {"v": "1", "standardize": "0", "lr": "0.5"}
    for dataset in DATASETS:
        if dataset not in ("iris", "own"):
            assert to_query(Scenario(**for_dataset(dataset))) == {"v": "1", "dataset": dataset}


@pytest.mark.parametrize(
    ("name", "text", "value", "message"),
    [
        ("lr", "abc", 10.0, "lr must be a number, not `abc`; 10 is used"),
        ("lr", "", 10.0, "lr must be a number, not an empty text"),
        ("lr", "nan", 10.0, "lr must be a number, not `nan`"),
        ("lr", "1e309", 1000.0, "lr must be from 0.001 to 1000, not `1e309`; 1000 is used"),
        ("lr", "-inf", 0.001, "lr must be from 0.001 to 1000, not `-inf`; 0.001 is used"),
        ("lr", "-5", 0.001, "0.001 is used"),
        ("lr", "١٠", 10.0, "lr must be a number"),
        ("lr", "1_0", 10.0, "lr must be a number"),
        ("lr", "0x10", 10.0, "lr must be a number"),
        ("seed", "3.7", 4, "seed must be a whole number, not `3.7`; 4 is used"),
        ("seed", "99999999999999999999999999", 9999, "seed must be from 0 to 9999"),
        ("seed", "9" * 5000, 6, "seed must be a number"),
        ("biases", "maybe", False, "biases must be 1 or 0, not `maybe`; 0 is used"),
        ("activation", "Tanh ", "tanh", "activation cannot be `Tanh `; tanh is used"),
        ("activation", "sigmoyd", "sigmoid", "sigmoid is used"),
        ("activation", "../../etc/passwd", "sigmoid", "activation cannot be `../../etc/passwd`"),
        ("optimizer", "gradient_descent", "gradient descent", "gradient descent is used"),
        ("first", "<script>alert(1)</script>", "W1[2,2]", "first cannot be `<script>alert(1)</script>`"),
        ("first", "W1[2,2]\n", "W1[2,2]", "first cannot be"),
        ("samples", "151", 150, "samples must be at most 150 for iris"),
    ],
)
def test_a_bad_value_gives_the_nearest_good_one_and_is_named(name, text, value, message):
    scenario, messages = from_query({name: text})
    assert getattr(scenario, name) == value
    assert type(getattr(scenario, name)) is type(value)
    assert len(messages) == 1
    assert message in messages[0]
    assert scenario.changed(**{name: getattr(DEFAULTS, name)}) == DEFAULTS


def test_whole_numbers_may_be_written_as_floats():
    assert from_query({"seed": "7.0", "steps": "1e3"}) == (Scenario(seed=7, steps=1000), ())


def test_reversed_and_empty_ranges_are_put_right():
    scenario, messages = from_query({"low": "3", "high": "-2"})
    assert (scenario.low, scenario.high) == (-2.0, 3.0)
    assert messages == ("low and high are in the wrong order; they are swapped.",)
    for both in (5.0, 20.0, -20.0):
        scenario, messages = from_query({"low": str(both), "high": str(both)})
        assert scenario.low < scenario.high
        assert both in (scenario.low, scenario.high)
        assert "low and high are equal" in messages[0]
    scenario, messages = from_query({"low": "9"})
    assert (scenario.low, scenario.high) == (8.0, 9.0)
    assert len(messages) == 1


def test_versions():
    assert from_query({"v": "1", "seed": "7"}) == (Scenario(seed=7), ())
    scenario, messages = from_query({"v": "2", "seed": "7", "colour": "green"})
    assert scenario == Scenario(seed=7)
    assert "newer version" in messages[0]
    assert "no parameter `colour`" in messages[1]
    assert "version `x` is unknown" in from_query({"v": "x"})[1][0]


def test_unknown_repeated_and_foreign_parameters():
    scenario, messages = from_query({"sead": "7", "lr": ["1", "2", "3"], "utm_source": "a", "embed": "true"})
    assert scenario == Scenario(lr=3.0)
    assert messages == (
        "`lr` is given more than once; the last one is used.",
        "There is no parameter `sead`, did you mean seed?",
    )


def test_oversized_links_say_so_and_are_read_quickly():
    began = time.perf_counter()
    scenario, messages = from_query({"seed": "7", "first": "W" * 3_000_000, "x" * 1_000_000: "1"})
    assert scenario == Scenario(seed=7)
    assert "longer than 8,000 characters" in messages[0]
    assert all(len(message) < 200 for message in messages)
    many = {f"p{i}": "1" for i in range(100_000)}
    _, messages = from_query(many)
    assert len(messages) == links.MAX_MESSAGES + 1
    assert from_query({"hide": "a," * 4_000, "task": "x" * 8_000, "lr": "9" * 8_000})[0] == DEFAULTS
    assert time.perf_counter() - began < 2


HOSTILE = [
    "", " ", "\0", "a\0b", "nan", "NaN", "inf", "-inf", "1e309", "-1e309", "1e-400", "9" * 400, "0x1f", "1_000",
    "٣", "½",
    "true", "None", "null", "undefined", "[]", "{}", "{{7*7}}", "${7*7}", "%s%s%n", "%00", "'; DROP TABLE nets; --",
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "javascript:alert(1)", "![x](http://127.0.0.1:1/x.png)",
    "[x](javascript:alert(1))", "`code`", "``` ```", ":red[x]", "$x^2$", "../../../etc/passwd", "..\\..\\windows",
    "/dev/zero", "file:///etc/passwd", "__import__('os').system('true')", "W1[2,2]", "W99[1,1]", "W1[0,0]", "b1[1]",
    "W1[2,2]; rm -rf /", "\ud800", "\u202eevil", "\U0001f600" * 50, "e\u0301", "iris", "moons", "Iris", "sigmoid",
    "-0", "+7", "1e3", "1.5", ".5", "5.", "1,5", "x" * 10_000,
]  # fmt: skip


def hostile_query(rng):
    """A query as an attacker or a cut-off mail would make it: true names, wrong names, wrong values."""
    names = [
        *NAMES,
        "v",
        "hide",
        "task",
        "answer",
        "tolerance",
        "embed",
        "",
        "__class__",
        "constructor",
        "a\0",
        "<b>",
        "x" * 9000,
    ]
    query = {}
    for _ in range(rng.randint(1, 12)):
        kind = rng.random()
        if kind < 0.6:
            value = rng.choice(HOSTILE)
        elif kind < 0.8:
            value = repr(struct.unpack("<d", rng.randbytes(8))[0])
        else:
            value = "".join(
                chr(rng.choice((rng.randrange(0x80), rng.randrange(0x110000)))) for _ in range(rng.randrange(30))
            )
        query[rng.choice(names)] = [value, rng.choice(HOSTILE)] if rng.random() < 0.1 else value
    return query  # fmt: skip


def test_ten_thousand_hostile_queries_give_a_view_and_a_message():
    rng = random.Random(20261124)  # noqa: S311 (made-up inputs, no secrets)
    spoken = 0
    for _ in range(10_000):
        query = hostile_query(rng)
        link = read(query)
        assert isinstance(link.scenario, Scenario)
        assert from_query(to_query(link.scenario, link.lesson))[0] == link.scenario
        assert set(link.lesson.hide) <= set(links.hideable())
        spoken += bool(link.messages)
        for message in link.messages:
            # Foreign text stands between backticks only, where Markdown leaves it alone.
            assert message.isprintable()
            outside = message.split("`")
            assert len(outside) % 2 == 1
            assert not any(c in piece for piece in outside[::2] for c in "<>$!*\\"), message
    assert spoken > 9_000


@given(
    st.dictionaries(st.text(max_size=12), st.one_of(st.text(max_size=30), st.lists(st.text(max_size=9), max_size=3)))
)
def test_any_mapping_of_texts_gives_a_view(query):
    assert isinstance(read(query).scenario, Scenario)


@given(st.sampled_from(NAMES), st.text(max_size=40))
def test_a_value_that_changed_is_always_named(name, text):
    scenario, messages = from_query({name: text})
    if not messages:
        got = getattr(scenario, name)
        assert str(got) == text or text.strip().lower() in links.TRUTHS or float(text) == got


# --- weights, chains, cameras ----------------------------------------------------------------------------------------


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=20))
def test_packed_numbers_come_back_bit_for_bit(numbers):
    assert struct.pack(f"{len(numbers)}d", *unpacked(packed(numbers))) == struct.pack(f"{len(numbers)}d", *numbers)


@pytest.mark.parametrize(
    "bad", ["A", "AAAA", packed([math.nan]), packed([math.inf]), packed([0.0] * (MAX_NUMBERS + 1))]
)
@pytest.mark.parametrize("name", ["walk_weights", "room_start", "other_starts"])
def test_packed_numbers_that_are_none_are_named_and_left_out(name, bad):
    scenario, messages = from_query({name: bad, "seed": "7"})
    assert scenario == Scenario(seed=7)
    assert name in messages[0]


@given(st.lists(chain_link(), min_size=1, max_size=8))
def test_chains_come_back(chain):
    assert chain_links(chain_text(chain)) == tuple(chain)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "'' is no link of a chain"),
        ("affine 3", "affine takes 2 numbers"),
        ("affine 3 99", "affine takes 2 numbers up to 10"),
        ("square, magic", "'magic' is no link of a chain"),
        ("square 1", "square takes 0 numbers"),
        ("step nan", "'nan' is no number"),
        (", ".join(["square"] * 9), "at most 8 links"),
    ],
)
def test_a_chain_that_is_none_is_named_and_left_out(text, what):
    scenario, messages = from_query({"chain": text, "chain_x": "1.5"})
    assert scenario == Scenario(chain_x=1.5)
    assert what in messages[0]


@pytest.mark.parametrize("text", ["1 2 3", "a b c d e f", "1 2 3 4 5 999", "1 2 3 4 5 1e309"])
def test_a_camera_that_is_none_is_named_and_left_out(text):
    scenario, messages = from_query({"camera": text})
    assert scenario == DEFAULTS
    assert "camera cannot be used" in messages[0]


def test_each_text_that_is_none_is_named_and_all_else_is_kept():
    bad = {"camera": "1 2 3", "hidden_sizes": "99", "chain": "twice", "walk_weights": "A", "other_starts": "AAAAAAAA"}
    scenario, messages = from_query({"seed": "7", "lr": " 0.5", **bad})
    assert scenario == Scenario(seed=7, lr=0.5)
    for name in bad:
        assert any(text.startswith(f"{name} cannot be used") for text in messages), name
    assert any("numbers from 1 to 8" in text for text in messages)


# --- lessons ---------------------------------------------------------------------------------------------------------


@given(
    st.lists(st.sampled_from(links.hideable()), unique=True, max_size=4),
    st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=60),
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(0, 1e9),
)
def test_lessons_come_back(hide, task, answer, tolerance):
    lesson = Lesson(tuple(hide), task, answer, tolerance)
    assert through_address(DEFAULTS, lesson) == links.Link(DEFAULTS, lesson, ())


def test_answers_are_checked_with_their_tolerance():
    lesson = Lesson(task="?", answer=0.3, tolerance=0.01)
    assert lesson.accepts(0.1 + 0.2)
    assert lesson.accepts(0.31)
    assert not lesson.accepts(0.3101)
    assert not lesson.accepts(math.nan)
    assert Lesson(task="?", answer=0.3).accepts(0.1 + 0.2)
    assert not Lesson(task="?").checks


def test_a_lesson_says_what_it_does_not_know():
    link = read({"hide": "sidebar,nonsense, LR", "task": "a\nb" + "x" * 400, "answer": "nan", "tolerance": "-1"})
    assert link.lesson.hide == ("sidebar", "lr")
    assert len(link.lesson.task) == links.MAX_TASK
    assert "\n" not in link.lesson.task
    assert not link.lesson.checks
    assert [m.partition(" ")[0] for m in link.messages] == ["hide:", "The", "answer", "tolerance"]
    assert read({"answer": "1"}).messages == ("The link has an answer but no task; it is left out.",)


def test_the_iframe_line_cannot_be_broken_out_of():
    text = to_text(DEFAULTS, Lesson(task='"><script>alert(1)</script>', answer=1.0), embed=True)
    line = links.iframe("https://example.org/?" + text, 700, 'a "title"')
    assert line.count('"') == 2 * line.count('="')
    assert "<script" not in line
    assert "&amp;embed=true" in line


# --- own data --------------------------------------------------------------------------------------------------------


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_packed_texts_come_back_and_fit_an_address(text):
    packed = pack(text)
    assert unpack(packed, 2000) == text
    assert urlencode({"data": packed}) == f"data={packed}"


def test_a_small_link_cannot_fill_the_memory():
    bomb = pack("0" * 20_000_000)
    assert len(bomb) < 40_000
    with pytest.raises(ValueError, match="larger than 1,000 bytes"):
        unpack(bomb, 1000)


@given(st.one_of(st.text(max_size=60), st.binary(max_size=60).map(lambda b: b.decode("latin-1"))))
def test_broken_data_are_a_value_error(text):
    try:
        unpacked = unpack(text, 100)
    except ValueError:
        return
    assert len(unpacked.encode()) <= 100


def test_own_data_travel_and_large_ones_say_that_they_do_not():
    small = "x1,label\n" + "".join(f"{i / 8},{'ab'[i % 2]}\n" for i in range(64))
    own = Scenario(**for_dataset("own", small), own_data=small)
    assert through_address(own) == links.Link(own)
    assert len(to_text(own)) < 2000
    large = "x1,x2,label\n" + "".join(
        f"{math.sin(i * i):.15f},{math.cos(i * i * i):.15f},{'ab'[i % 2]}\n" for i in range(500)
    )
    own = Scenario(**for_dataset("own", large), own_data=large)
    assert to_query(own)["data"] == links.TOO_LARGE
    link = through_address(own)
    assert link.scenario.dataset == "own"
    assert "too large for a link" in link.messages[0]
    assert read(to_query(own), large) == links.Link(own)


@pytest.mark.parametrize(
    "bad", ["x", "eJwDAAAAAAE", pack("x" * 2_000_000), pack("a,b\n1,<script>\n"), pack("\0,label\n1,a\n" * 9)]
)
def test_bad_own_data_are_named_and_replaced(bad):
    scenario, messages = from_query({"dataset": "own", "data": bad})
    assert scenario == Scenario(**for_dataset("own"))
    assert "own data in the link cannot be used" in messages[0]


def test_links_without_own_data_are_short():
    far = {name: (limit.high + limit.low) / 3.7 for name, limit in LIMITS.items()}
    values = {name: type(getattr(DEFAULTS, name))(value) for name, value in far.items()} | {"low": -3.3333333333333335}
    everything = Scenario(**values | {"dataset": "moons", "hidden_sizes": "1, 2, 3, 4, 5, 6"})
    assert 400 < len(to_text(everything)) < 2000
