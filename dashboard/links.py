"""Links: a Scenario as the parameters of an address, and back again from any text that a browser may send.

Pure, and generic over the fields of the Scenario: a new field is part of every link at once. Only what differs from the
opening state of its data set is written, numbers with all their digits, so a link restores its view bit for bit.
Reading never raises: what cannot be used is replaced by the nearest valid value, and a message names it.

A teacher's link holds more than a Scenario: what is hidden, and a task. That is a `Lesson`.
"""

import base64
import binascii
import difflib
import math
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any
from urllib.parse import urlencode

from dashboard.data_input import EXAMPLE, MAX_BYTES, table_of
from dashboard.scenario import (
    ALL_CHOICES,
    LIMITS,
    ORDERED,
    PLACES,
    Scenario,
    for_dataset,
    is_text,
    samples_range,
)

VERSION = 1
"""The version of the links that this code writes; it reads all up to it."""

MAX_VALUE = 8_000
"""The longest value of one parameter that is looked at, in characters."""

MAX_DATA = 6_000
"""The longest own data, compressed, that a link carries."""

TOO_LARGE = "large"
"""What a link carries in place of data that are too large for it."""

MAX_PARAMETERS = 100
"""How many parameters are looked at."""

MAX_MESSAGES = 8
"""How many messages are given; the rest is counted."""

MAX_QUOTE = 40
MAX_REASON = 160
"""How much of a bad value is quoted."""

MAX_TASK = 300
"""The longest task, in characters."""

Query = Mapping[str, str | Sequence[str]]

NOT_OURS = re.compile(r"embed|embed_options|utm_\w{1,20}|fbclid|gclid|ref", re.ASCII)
"""Parameters that others add to links; no message is due."""

HIDEABLE: dict[str, str] = {
    "sidebar": "the whole sidebar",
    "learning": "its part Learning",
    "data": "its part Data",
    "network": "its part Network",
    "pages": "the list of pages",
    "share": "the button that copies the link",
}
"""What a lesson can hide besides the control of any field of the Scenario, which it hides by the field's name."""


NO_CONTROL = (
    "own_data",
    "own_start",
    "start_first",
    "start_second",
    "room_start",
    "lab_others",
    "chain",
    "other_starts",
)
"""Fields that no single control of their name sets."""


@dataclass(frozen=True)
class Lesson:
    """What a teacher adds to a view: the controls to hide, and a task whose answer is a number within a tolerance.

    An answer that is not finite means that there is nothing to check.
    """

    hide: tuple[str, ...] = ()
    task: str = ""
    answer: float = math.nan
    tolerance: float = 0.0

    @property
    def checks(self) -> bool:
        """Whether the task has an answer to compare with."""
        return bool(self.task) and math.isfinite(self.answer)

    def accepts(self, value: float) -> bool:
        """Whether a number is the answer, within the tolerance and the rounding of floating point."""
        return abs(value - self.answer) <= self.tolerance + 1e-12 * max(abs(self.answer), abs(value))


@dataclass(frozen=True)
class Link:
    """What a link says: a view, a lesson, and what had to be replaced, in words."""

    scenario: Scenario = field(default_factory=Scenario)
    lesson: Lesson = field(default_factory=Lesson)
    messages: tuple[str, ...] = ()


# --- writing ----------------------------------------------------------------------------------------------------------


def opening(dataset: str, own_data: str = EXAMPLE) -> Scenario:
    """Return the state that a link to a data set starts from."""
    return Scenario(**for_dataset(dataset, own_data), own_data=own_data)


def to_query(scenario: Scenario, lesson: Lesson | None = None) -> dict[str, str]:
    """Return the parameters of an address that restores the view, in a fixed order; empty for the opening state."""
    base = opening(scenario.dataset, scenario.own_data)
    query = {
        f.name: _written(getattr(scenario, f.name))
        for f in fields(Scenario)
        if _written(getattr(scenario, f.name)) != _written(getattr(base, f.name))
    }
    if scenario.dataset != Scenario().dataset:
        query = {"dataset": scenario.dataset} | query
    if scenario.own_data != EXAMPLE:
        packed = pack(scenario.own_data)
        query["data"] = packed if len(packed) <= MAX_DATA else TOO_LARGE
    if lesson is not None:
        if lesson.hide:
            query["hide"] = ",".join(lesson.hide)
        if lesson.task:
            query["task"] = lesson.task
            if lesson.checks:
                query["answer"] = _written(lesson.answer)
                query["tolerance"] = _written(lesson.tolerance)
    return {"v": str(VERSION)} | query if query else {}


def to_text(scenario: Scenario, lesson: Lesson | None = None, *, embed: bool = False) -> str:
    """Return these parameters as the text after the question mark of an address."""
    query = to_query(scenario, lesson) | ({"embed": "true"} if embed else {})
    return urlencode(query, safe="[],:")


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return str(value)


# --- reading ----------------------------------------------------------------------------------------------------------


def from_query(query: Query) -> tuple[Scenario, tuple[str, ...]]:
    """Return the nearest valid Scenario to what the parameters say, and what had to be replaced."""
    link = read(query)
    return link.scenario, link.messages


def read(query: Query, own_data: str | None = None) -> Link:
    """Return the view and the lesson that the parameters of an address describe; never raises.

    `own_data` stands in for data that were too large for the address, where they are still known.
    """
    said: list[str] = []
    given = _given(query, said)
    _check_version(given.pop("v", None), said)
    lesson = _read_lesson(given, said)
    known = [f.name for f in fields(Scenario) if f.name != "own_data"]
    for name in given.keys() - {"data"}:
        if name not in known and not NOT_OURS.fullmatch(name):
            near = difflib.get_close_matches(name[:MAX_QUOTE].lower(), known, 1)
            said.append(f"There is no parameter {quoted(name)}" + (f", did you mean {near[0]}?" if near else "."))
    data = _data(given.pop("data", ""), own_data, said)
    values = for_dataset(_dataset(given, said), data) | {"own_data": data}
    for name in known:
        if name in given and name not in ("dataset", "own_data"):
            values[name] = _value(name, given[name], values, said)
    _put_in_order(values, given, said)
    return Link(_nearest(values, said), lesson, _few(said))


def quoted(text: str, most: int = MAX_QUOTE) -> str:
    """Return foreign text so that it can be shown in Markdown: short, printable, as code, nothing in it at work."""
    short = text if len(text) <= most else text[:most] + "\N{HORIZONTAL ELLIPSIS}"
    clean = "".join(c if c.isprintable() and c != "`" else "\N{REPLACEMENT CHARACTER}" for c in short)
    return f"`{clean}`" if clean.strip() else "an empty text"


def _given(query: Query, said: list[str]) -> dict[str, str]:
    """Return one text a parameter: the last one given, none that is oversized."""
    found: dict[str, str] = {}
    for number, (name, value) in enumerate(query.items()):
        if number == MAX_PARAMETERS:
            said.append(f"The link has more than {MAX_PARAMETERS} parameters; the others are ignored.")
            break
        texts = [value] if isinstance(value, str) else list(value)[-2:]
        if not texts:
            continue
        if len(texts) > 1:
            said.append(f"{quoted(name)} is given more than once; the last one is used.")
        if len(texts[-1]) > MAX_VALUE:
            said.append(f"{quoted(name)} is longer than {MAX_VALUE:,} characters and is ignored.")
            continue
        found[name] = texts[-1]
    return found


def _check_version(text: str | None, said: list[str]) -> None:
    if text is None or text == "":
        return
    version = _integer(text)
    if version is None or version < 1:
        said.append(f"The link's version {quoted(text)} is unknown; it is read as version {VERSION}.")
    elif version > VERSION:
        said.append(
            f"The link was made by a newer version of this app (v={quoted(text)}, this one reads up to {VERSION}); "
            "what is known here is used."
        )


def _dataset(given: Mapping[str, str], said: list[str]) -> str:
    default = Scenario().dataset
    return str(_choice("dataset", given["dataset"], default, said)) if "dataset" in given else default


def _data(packed: str, known: str | None, said: list[str]) -> str:
    if not packed:
        return EXAMPLE
    if packed == TOO_LARGE:
        if known is None:
            said.append("The own data were too large for a link and are not in it; an example takes their place.")
        return known or EXAMPLE
    try:
        text = unpack(packed, MAX_BYTES)
        table_of(text)
        if not is_text("own_data", text):
            raise ValueError("they contain something that is no text")
    except ValueError as error:
        said.append(f"The own data in the link cannot be used ({quoted(str(error))}); an example takes their place.")
        return EXAMPLE
    return text


def _value(name: str, text: str, values: Mapping[str, Any], said: list[str]) -> Any:
    default = values.get(name, getattr(Scenario(), name))
    kind = type(default)
    if name in ALL_CHOICES:
        return _choice(name, text, default, said)
    if kind is bool:
        return _truth(name, text, default, said)
    if kind is str:
        if is_text(name, text):
            return text
        said.append(f"{name} cannot be {quoted(text)}; {quoted(default) if default else 'none'} is used.")
        return default
    return _number(name, text, default, said)


def _choice(name: str, text: str, default: str, said: list[str]) -> str:
    choices = ALL_CHOICES[name]
    if text in choices:
        return text
    plain = text[:MAX_QUOTE].strip().lower().replace("_", " ")
    spoken = {choice.replace("_", " "): choice for choice in choices}
    near = difflib.get_close_matches(plain, spoken, 1, 0.75)
    chosen = spoken[near[0]] if near else default
    said.append(f"{name} cannot be {quoted(text)}; {chosen} is used. Possible are {', '.join(choices)}.")
    return chosen


TRUTHS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


def _truth(name: str, text: str, default: bool, said: list[str]) -> bool:
    value = TRUTHS.get(text.strip().lower())
    if value is None:
        said.append(f"{name} must be 1 or 0, not {quoted(text)}; {_written(default)} is used.")
        return default
    return value


_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?inf(inity)?", re.ASCII | re.IGNORECASE)
MAX_DIGITS = 60


def _integer(text: str) -> int | None:
    # A plus sign in an address is read as a space, so there may be one.
    return int(text) if len(text) <= MAX_DIGITS and re.fullmatch(r"[+-]?\d+", text.strip(), re.ASCII) else None


def _number(name: str, text: str, default: Any, said: list[str]) -> Any:
    """Return the nearest allowed number: of the field's kind, within its limits."""
    whole = type(default) is int
    value: float | int | None = _integer(text) if whole else None
    if value is None and len(text) <= MAX_DIGITS and _NUMBER.fullmatch(text.strip()):
        value = float(text)
    if value is None:
        said.append(f"{name} must be a number, not {quoted(text)}; {_written(default)} is used.")
        return default
    low, high = (LIMITS[name].low, LIMITS[name].high) if name in LIMITS else (-math.inf, math.inf)
    if not low <= value <= high or not math.isfinite(value):
        end = low if value < low else high
        nearest = (int(end) if whole else float(end)) if math.isfinite(end) else default
        said.append(
            f"{name} must be from {_written(float(low))} to {_written(float(high))}, not {quoted(text)}; "
            f"{_written(nearest)} is used."
        )
        return nearest
    if whole and value != int(value):
        said.append(f"{name} must be a whole number, not {quoted(text)}; {round(value)} is used.")
        return round(value)
    return int(value) if whole else float(value)


def _put_in_order(values: dict[str, Any], given: Mapping[str, str], said: list[str]) -> None:
    for low_name, high_name in ORDERED:
        default = Scenario()
        low, high = (values.get(name, getattr(default, name)) for name in (low_name, high_name))
        if low > high:
            low, high = high, low
            said.append(f"{low_name} and {high_name} are in the wrong order; they are swapped.")
        if low == high:
            top = LIMITS[high_name].high
            low, high = (low, min(high + 1, top)) if high < top else (low - 1, high)
            said.append(f"{low_name} and {high_name} are equal; {_written(low)} and {_written(high)} are used.")
        if low_name in given or high_name in given:
            values |= {low_name: low, high_name: high}


def _nearest(values: dict[str, Any], said: list[str]) -> Scenario:
    """Return the Scenario of these values; should they not go together, without those that are in the way."""
    least, most = samples_range(values["dataset"], values["own_data"])
    nearest = min(max(values["samples"], least), most)
    if values["samples"] != nearest:
        how = f"at most {most}" if least < most else f"all {most}"
        said.append(f"samples must be {how} for {values['dataset']}; {nearest} is used.")
        values["samples"] = nearest
    base = opening(values["dataset"], values["own_data"])
    try:
        return replace(base, **values)
    except ValueError:
        pass
    in_pairs = {name for pair in ORDERED for name in pair}
    for name in values.keys() - in_pairs:
        try:
            replace(base, **{name: values[name]})
        except ValueError as error:
            said.append(f"{name} cannot be used ({quoted(str(error), MAX_REASON)}) and is ignored.")
            del values[name]
    try:
        return replace(base, **values)
    except ValueError as error:
        said.append(f"The link's settings do not go together ({quoted(str(error), MAX_REASON)}).")
        return base


def _few(said: list[str]) -> tuple[str, ...]:
    more = len(said) - MAX_MESSAGES
    return (*said[:MAX_MESSAGES], f"... and {more} more.") if more > 0 else tuple(said)


def hideable() -> tuple[str, ...]:
    """Return the names of everything that a lesson can hide."""
    return (*HIDEABLE, *(f.name for f in fields(Scenario) if f.name not in (*PLACES, *NO_CONTROL)))


def _read_lesson(given: dict[str, str], said: list[str]) -> Lesson:
    hide, unknown = _names(given.pop("hide", ""))
    for name in unknown:
        said.append(f"hide: there is no control {quoted(name)}.")
    task = given.pop("task", "")
    if len(task) > MAX_TASK:
        said.append(f"The task is longer than {MAX_TASK} characters; its end is left out.")
    task = "".join(c if c.isprintable() else " " for c in task[:MAX_TASK]).strip()
    numbers = {}
    for name, default in (("answer", math.nan), ("tolerance", 0.0)):
        text = given.pop(name, "")
        numbers[name] = default
        if text:
            value = float(text) if len(text) <= MAX_DIGITS and _NUMBER.fullmatch(text.strip()) else math.nan
            if not math.isfinite(value) or (name == "tolerance" and value < 0):
                said.append(f"{name} must be a finite number, not {quoted(text)}; it is left out.")
            else:
                numbers[name] = value
    if not task and math.isfinite(numbers["answer"]):
        said.append("The link has an answer but no task; it is left out.")
    elif not task and numbers["tolerance"]:
        said.append("The link has a tolerance but no task; it is left out.")
    return Lesson(hide, task, **numbers) if task else Lesson(hide)


def _names(text: str) -> tuple[tuple[str, ...], list[str]]:
    known, found, unknown = hideable(), {}, []
    for name in text.split(",")[:MAX_PARAMETERS]:
        plain = name.strip().lower()
        if plain in known:
            found[plain] = True
        elif plain:
            unknown.append(name.strip())
    return tuple(found), unknown


# --- texts too long for an address ------------------------------------------------------------------------------------


def pack(text: str) -> str:
    """Return a text compressed, in the letters that an address may hold."""
    return base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("=")


def unpack(packed: str, most: int) -> str:
    """Return the text of `pack`, which is at most `most` bytes long; ValueError for anything else.

    Decompression stops at that bound, so that a small link cannot fill the memory.
    """
    try:
        raw = base64.b64decode(packed.encode("ascii") + b"=" * (-len(packed) % 4), b"-_", validate=True)
        machine = zlib.decompressobj()
        content = machine.decompress(raw, most + 1)
        if len(content) > most:
            raise ValueError(f"the data are larger than {most:,} bytes")
        if not machine.eof or machine.unused_data:
            raise ValueError("the data are cut off")
        return content.decode()
    except (binascii.Error, zlib.error, UnicodeError) as error:
        raise ValueError("the data cannot be read") from error


# --- lesson pages -----------------------------------------------------------------------------------------------------


def iframe(address: str, height: int, title: str) -> str:
    """Return the line of HTML that puts a page at an address into another one."""
    return (
        f'<iframe src="{_attribute([address])}" title="{_attribute([title])}" width="100%" height="{height}" '
        'style="border:0" loading="lazy" allow="clipboard-write; fullscreen"></iframe>'
    )


def _attribute(parts: Iterable[str]) -> str:
    escaped = "".join(parts).replace("&", "&amp;").replace('"', "&quot;")
    return escaped.replace("<", "&lt;").replace(">", "&gt;")
