"""The Scenario: everything that decides what a page shows, as plain values with stated limits.

One Scenario and the code make one picture; nothing else does. It is the only place where limits are written down, so
the work that any view can ask for is bounded here.
"""

import base64
import binascii
import math
import re
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from dashboard.data_input import EXAMPLE, MAX_BYTES, table_of
from nnlib import ACTIVATIONS, DATASETS, OPTIMIZERS, SCHEMES, Network, WeightRef
from nnlib.chain import LINKS, MAX_LINKS
from nnlib.sabotage import SABOTAGES
from nnlib.trace import DETAILS


@dataclass(frozen=True)
class Limit:
    """The smallest and the largest value of a number."""

    low: float
    high: float


LIMITS: dict[str, Limit] = {
    "samples": Limit(4, 500),
    "noise": Limit(0, 1),
    "hidden_layers": Limit(1, 6),
    "hidden_units": Limit(1, 8),
    "seed": Limit(0, 9999),
    "lr": Limit(1e-3, 1e3),
    "steps": Limit(1, 20_000),
    "threshold": Limit(-4, 4),
    "steepness": Limit(0.25, 50),
    "probe": Limit(-8, 8),
    "low": Limit(-20, 20),
    "high": Limit(-20, 20),
    "start_first": Limit(-1000, 1000),
    "start_second": Limit(-1000, 1000),
    "lab_rate": Limit(1e-3, 1e3),
    "lab_step": Limit(0, 40),
    "resolution": Limit(11, 121),
    "batch": Limit(0, 500),
    "test_share": Limit(0, 0.5),
    "split_seed": Limit(0, 9999),
    "stop_loss": Limit(0, 1),
    "patience": Limit(0, 5000),
    "room_step": Limit(0, 20_000),
    "room_x": Limit(1, 8),
    "room_y": Limit(1, 8),
    "room_layer": Limit(1, 7),
    "room_depth": Limit(1, 6),
    "walk_sample": Limit(1, 500),
    "walk_step": Limit(0, 9999),
    "chain_x": Limit(-5, 5),
    "chain_step": Limit(0, 2 * MAX_LINKS),
    "chain_dx": Limit(0.001, 1),
    "moment": Limit(0, 20_000),
    "lab_moment": Limit(0, 20_000),
}
"""The range of every number in a Scenario."""

CHOICES: dict[str, tuple[str, ...]] = {
    "dataset": (*DATASETS, "own"),
    "scheme": tuple(SCHEMES),
    "activation": tuple(ACTIVATIONS),
    "output": ("same", *ACTIVATIONS),
    "optimizer": tuple(OPTIMIZERS),
}
"""The possible values of every choice in a Scenario."""

MAX_DEPTH = 6
"""The most hidden layers that a list of sizes may have."""

PAGE_CHOICES: dict[str, tuple[str, ...]] = {
    "slice_mode": ("freeze", "reslice", "first"),
    "slice_plane": ("weights", "random", "path"),
    "lab_case": ("bowl", "network"),
    "room_view": ("units", "weights", "vanishing", "cloud", "seeds", "rows", "export"),
    "walk_part": ("steps", "why"),
    "walk_net": ("sidebar", "example"),
    "walk_activation": ("sidebar", "step"),
    "walk_what": ("one sample", "whole batch"),
    "walk_detail": DETAILS,
    "sabotage": ("none", *SABOTAGES),
}
"""The possible values of the choices that only one page draws."""

PLACES: tuple[str, ...] = ("walk_step", "walk_weight", "walk_weights", "chain_step", "camera", "moment", "lab_moment")
"""Fields that say where within its page a visitor stands. A copied link holds them; the address bar does not follow
them, since each of its entries is one more press of the browser's Back button."""

ALL_CHOICES: dict[str, tuple[str, ...]] = CHOICES | PAGE_CHOICES
"""The possible values of every choice, wherever it is drawn."""

ORDERED: tuple[tuple[str, str], ...] = (("low", "high"),)
"""Pairs of fields of which the first must be smaller."""

TEXTS: dict[str, re.Pattern[str]] = {
    "first": re.compile(r"[Wb]\d{1,2}\[\d{1,3}(,\d{1,3})?\]", re.ASCII),
    "second": re.compile(r"[Wb]\d{1,2}\[\d{1,3}(,\d{1,3})?\]", re.ASCII),
    "walk_weight": re.compile(r"[Wb]\d{1,2}\[\d{1,3}(,\d{1,3})?\]", re.ASCII),
    "own_data": re.compile(rf"[^\0\ud800-\udfff]{{0,{MAX_BYTES}}}"),
    "walk_weights": (PACKED := re.compile(r"[A-Za-z0-9_-]{0,6000}", re.ASCII)),
    "room_start": PACKED,
    "other_starts": PACKED,
}
"""What a text of a Scenario may look like; one that is not named here has only letters, digits and a few signs."""

ANY_TEXT = re.compile(r"[\w .,:;=+*/()\[\]-]{0,2000}", re.ASCII)

MAX_RECORD = 1_000_000
"""How many numbers the record of one descent may hold (8 MB): steps times parameters."""

MAX_WORK = 150_000_000
"""How many activations one surface, film or ensemble may compute: its networks times samples times units."""

MAX_DESCENTS = 100_000_000
"""How many activations a page's descents of one network may compute: their steps times samples times units."""

MAX_ENSEMBLE = 1_000_000_000
"""How many activations a hundred seeds may compute, with their progress and a way to stop."""

MAX_ENSEMBLE_STEPS = 2_000
"""How many steps each of a hundred seeds takes at most."""

MAX_WHY_STEPS = 400
"""How many steps the experiment "why multiply by the slope?" takes at most; the plain way to descend is slow."""

MAX_ANCHORED = 250_000
"""How many recorded numbers a script that is taken home may hold, to be put back on its run: about 5 MB."""

MAX_SCRIPT_AT_ONCE = 20_000_000
"""How many activations of a run may be computed once more for a script without progress and a way to stop."""

PAGE_BYTES = 32 * 2**20
"""What a page's records may take: four descents of MAX_RECORD numbers and what is read off them; tests measure it."""

SESSION_BYTES = PAGE_BYTES + 4 * 2**20
"""What is kept for one visitor: a page's records, and other pages' as long as they are within the rest."""

CHAIN_REACH = 10.0
"""The largest number, up or down, that a link of the chain may have of its own."""

CHAIN_NUMBERS: dict[str, int] = {"affine": 2, "step": 1}
"""How many numbers a kind of link has of its own; a kind that is not here has none."""

MAX_NUMBERS = 520
"""How many packed numbers a field holds at most: the largest network has 504 parameters."""

OWN_SIZE: dict[str, int] = {"iris": 150, "xor": 4, "and": 4, "or": 4, "line": 40, "sine": 40, "step": 40}
"""The samples that a data set comes with; the others have 200."""

ALL_STEPS = int(LIMITS["room_step"].high)
"""The step that stands for the last one, however many there are."""

FRONT_VIEW = "1.2 -1.55 0.85 -0.06 -0.06 -0.14"
"""Where the camera stands at first, and the point that it looks at."""


OPENINGS: dict[str, tuple[int, int, str, str]] = {
    "iris": (2, 6, "W1[2,2]", "W1[3,1]"),
    "xor": (2, 9, "W1[2,2]", "b2[1]"),
    "and": (2, 22, "W1[2,1]", "W2[2,1]"),
    "or": (2, 10, "W1[2,2]", "W2[1,1]"),
    "moons": (4, 12, "W1[2,2]", "W1[2,3]"),
    "circles": (4, 15, "W1[2,2]", "W2[4,1]"),
    "spirals": (8, 6, "W1[1,3]", "W2[7,1]"),
    "blobs": (3, 15, "W1[1,3]", "W2[1,1]"),
    "line": (3, 0, "W1[1,1]", "W2[1,1]"),
    "sine": (3, 0, "W1[1,1]", "W2[1,1]"),
    "step": (3, 0, "W1[1,1]", "W2[1,1]"),
    "own": (3, 0, "W1[1,1]", "W2[1,1]"),
}
"""How a data set opens: hidden units, seed and the two weights.

Chosen by search, so that the sigmoid network learns the set, its path over the two weights goes visibly downhill, and
the step's surface has many terraces (four samples and one output allow five levels at most).
"""

FITTING_RATE: dict[str, float] = {
    "gradient descent": 10.0,
    "momentum": 1.0,
    "nesterov": 1.0,
    "rmsprop": 0.05,
    "adam": 0.1,
}
"""A learning rate of a fitting size for each optimizer: later ones add steps up or divide by the gradient's size."""


@dataclass(frozen=True)
class Scenario:
    """Everything a view depends on; ValueError names the field that is out of range or unknown."""

    dataset: str = "iris"
    samples: int = 150
    noise: float = 0.0
    standardize: bool = True
    hidden_layers: int = 1
    hidden_units: int = OPENINGS["iris"][0]
    biases: bool = False
    scheme: str = "xavier"
    seed: int = OPENINGS["iris"][1]
    activation: str = "sigmoid"
    first: str = OPENINGS["iris"][2]
    second: str = OPENINGS["iris"][3]
    own_start: bool = False
    start_first: float = 0.0
    start_second: float = 0.0
    lr: float = 10.0
    steps: int = 1000
    optimizer: str = "gradient descent"
    threshold: float = 2.0
    threshold_in_nets: bool = False
    steepness: float = 1.0
    probe: float = 1.0
    low: float = -8.0
    high: float = 8.0
    resolution: int = 61
    own_data: str = EXAMPLE
    hidden_sizes: str = ""
    output: str = "same"
    batch: int = 0
    test_share: float = 0.2
    split_seed: int = 2
    stop_loss: float = 0.0
    patience: int = 0
    room_step: int = ALL_STEPS
    room_x: int = 3
    room_y: int = 4
    room_layer: int = 1
    room_depth: int = 6
    room_view: str = "units"
    slice_mode: str = "first"
    slice_plane: str = "weights"
    lab_case: str = "bowl"
    lab_rate: float = 5.0
    lab_step: int = 4
    lab_others: str = "too small, about right, too large"
    room_start: str = ""
    walk_part: str = "steps"
    walk_net: str = "sidebar"
    walk_activation: str = "sidebar"
    walk_what: str = "one sample"
    walk_sample: int = 1
    walk_detail: str = DETAILS[0]
    walk_step: int = 0
    walk_weight: str = "W1[1,1]"
    walk_weights: str = ""
    sabotage: str = "no_hidden_slope"
    chain: str = "affine 3 -2, square"
    chain_x: float = 2.0
    chain_step: int = 4
    chain_dx: float = 0.1
    camera: str = FRONT_VIEW
    moment: int = ALL_STEPS
    lab_moment: int = ALL_STEPS
    other_starts: str = ""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if type(value) is not field.type and not (field.type is float and type(value) is int):
                raise ValueError(f"{field.name} must be a {field.type.__name__}, got {value!r}")
        for name, choices in ALL_CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {', '.join(choices)}, got {getattr(self, name)!r}")
        for name, limit in LIMITS.items():
            value = getattr(self, name)
            if not limit.low <= value <= limit.high:
                raise ValueError(f"{name} must be from {limit.low:g} to {limit.high:g}, got {value:g}")
        hidden_sizes(self.hidden_sizes)
        for field in fields(self):
            if (
                field.type is str
                and field.name not in ALL_CHOICES
                and not is_text(field.name, getattr(self, field.name))
            ):
                raise ValueError(f"{field.name} is not a text of the right form")
        chain_links(self.chain)
        camera_numbers(self.camera)
        unpacked(self.walk_weights)
        unpacked(self.room_start)
        starts_in(self.other_starts)
        if self.low >= self.high:
            raise ValueError(f"the grid's low end {self.low:g} must be below its high end {self.high:g}")
        if self.dataset == "iris" and self.samples > OWN_SIZE["iris"]:
            raise ValueError(f"samples must be at most {OWN_SIZE['iris']} for iris, got {self.samples}")
        if self.dataset == "own" and self.samples != len(table_of(self.own_data).rows):
            raise ValueError(f"samples must be all {len(table_of(self.own_data).rows)} rows of your own data")

    @property
    def hidden(self) -> tuple[int, ...]:
        """How many units each hidden layer has: the list if there is one, otherwise the same number in each."""
        return hidden_sizes(self.hidden_sizes) or (self.hidden_units,) * self.hidden_layers

    @property
    def net_threshold(self) -> float:
        """The threshold that both networks use: 0 unless the switch hands them the curves' one."""
        return self.threshold if self.threshold_in_nets else 0.0

    def changed(self, **values: Any) -> "Scenario":
        """Return a copy with some values replaced."""
        return replace(self, **values)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)


def affordable(wanted: int, each: int, *, squared: bool = False, least: int = 1) -> int:
    """Return the number nearest to the wanted one of which as many, or its square, stay within MAX_WORK.

    `each` is what one costs in activations. At least `least`, whatever that costs.
    """
    most = MAX_WORK // max(each, 1)
    return max(least, min(wanted, math.isqrt(most) if squared else most))


def affordable_steps(
    wanted: int, n_parameters: int, n_samples: int, n_units: int, n_descents: int = 1
) -> tuple[int, list[str]]:
    """Return how many of the wanted steps that many descents may take, and a message if that is not all of them."""
    by_record = MAX_RECORD // n_parameters
    by_work = MAX_DESCENTS // (n_samples * n_units * n_descents)
    steps = max(1, min(wanted, by_record, by_work))
    if steps == wanted:
        return steps, []
    factors = [f"{n_units} units", f"{n_samples} samples"] + [f"{n_descents} descents"] * (n_descents > 1)
    why = f"{n_parameters} parameters" if steps == by_record else ", ".join(factors[:-1]) + f" and {factors[-1]}"
    return steps, [f"With {why} a run is kept to {steps:,} steps instead of {wanted:,}."]


def is_text(name: str, text: str) -> bool:
    """Whether a text may be the value of that field."""
    return bool(TEXTS.get(name, ANY_TEXT).fullmatch(text))


def samples_range(dataset: str, own_data: str = EXAMPLE) -> tuple[int, int]:
    """Return how many samples a data set can have, at least and at most."""
    if dataset == "own":
        rows = len(table_of(own_data).rows)
        return rows, rows
    return int(LIMITS["samples"].low), OWN_SIZE["iris"] if dataset == "iris" else int(LIMITS["samples"].high)


def hidden_sizes(text: str) -> tuple[int, ...]:
    """Return the sizes that a list such as "8, 4, 2" names; ValueError says what is wrong with it."""
    parts = text.replace(",", " ").split()
    most = int(LIMITS["hidden_units"].high)
    if len(parts) > MAX_DEPTH or not all(
        part.isdecimal() and len(part) < 4 and 1 <= int(part) <= most for part in parts
    ):
        shown = text if len(text) <= 40 else text[:40] + " ..."
        raise ValueError(
            f"hidden sizes must be at most {MAX_DEPTH} numbers from 1 to {most}, such as 8, 4; got {shown!r}"
        )
    return tuple(int(part) for part in parts)


def chain_links(text: str) -> tuple[tuple[str, tuple[float, ...]], ...]:
    """Return the kinds of a chain's links with their own numbers; ValueError says what is wrong with the text."""
    links = []
    for part in text.split(","):
        kind, *words = part.split() or [""]
        numbers = tuple(_finite(word) for word in words)
        if kind not in LINKS:
            raise ValueError(f"{kind[:20]!r} is no link of a chain")
        if len(numbers) != CHAIN_NUMBERS.get(kind, 0) or any(abs(x) > CHAIN_REACH for x in numbers):
            raise ValueError(f"{kind} takes {CHAIN_NUMBERS.get(kind, 0)} numbers up to {CHAIN_REACH:g}")
        links.append((kind, numbers))
    if len(links) > MAX_LINKS:
        raise ValueError(f"a chain has at most {MAX_LINKS} links, got {len(links)}")
    return tuple(links)


def chain_text(links: Sequence[tuple[str, tuple[float, ...]]]) -> str:
    """Return the text that `chain_links` reads."""
    return ", ".join(" ".join((kind, *(repr(x).removesuffix(".0") for x in numbers))) for kind, numbers in links)


def camera_numbers(text: str) -> tuple[float, ...]:
    """Return where a camera stands and the point that it looks at, three numbers each; ValueError for another text."""
    numbers = tuple(_finite(word) for word in text.split())
    if len(numbers) != 6 or any(abs(x) > 100 for x in numbers):
        raise ValueError("a camera is six numbers from -100 to 100")
    return numbers


def packed(numbers: Sequence[float]) -> str:
    """Return numbers with all their bits as a text that an address may hold; none as the empty text."""
    return base64.urlsafe_b64encode(struct.pack(f"<{len(numbers)}d", *numbers)).decode().rstrip("=")


def unpacked(text: str) -> tuple[float, ...]:
    """Return the numbers of `packed`; ValueError for a text that holds no finite numbers, or too many."""
    try:
        raw = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (binascii.Error, UnicodeError) as error:
        raise ValueError("the packed numbers cannot be read") from error
    if len(raw) % 8 or len(raw) > 8 * MAX_NUMBERS:
        raise ValueError(f"packed numbers must be at most {MAX_NUMBERS} whole ones")
    numbers = struct.unpack(f"<{len(raw) // 8}d", raw)
    if not all(map(math.isfinite, numbers)):
        raise ValueError("packed numbers must be finite")
    return numbers


MAX_STARTS = 4
"""How many other starts are compared with the present one."""


def starts_in(text: str) -> tuple[tuple[float, float], ...]:
    """Return the starts over two weights that a packed text holds; ValueError for more than four or half a one."""
    numbers, limit = unpacked(text), LIMITS["start_first"]
    if len(numbers) % 2 or len(numbers) > 2 * MAX_STARTS:
        raise ValueError(f"other starts are at most {MAX_STARTS} pairs of numbers")
    if not all(limit.low <= x <= limit.high for x in numbers):
        raise ValueError(f"a start is from {limit.low:g} to {limit.high:g}")
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def _finite(word: str) -> float:
    if not re.fullmatch(r"-?\d{1,20}(\.\d{1,20})?([eE][+-]?\d{1,3})?", word, re.ASCII):
        raise ValueError(f"{word[:40]!r} is no number")
    return float(word)


def for_dataset(dataset: str, own_data: str = EXAMPLE) -> dict[str, Any]:
    """Return the settings that suit a data set when it is chosen.

    Iris is standardized and has no biases, as in the series. Every other set has biases: without them a network with
    one hidden layer of sigmoids has output sums for x and -x that add up to the same for every x, so XOR is impossible.
    A logic gate has no rows to spare for a test.
    """
    iris = dataset == "iris"
    units, seed, first, second = OPENINGS[dataset]
    own = table_of(own_data) if dataset == "own" else None
    return {
        "dataset": dataset,
        "samples": len(own.rows) if own else OWN_SIZE.get(dataset, 200),
        "standardize": iris or own is not None,
        "biases": not iris,
        "hidden_layers": 1,
        "hidden_units": units,
        "seed": seed,
        "first": first,
        "second": second,
        "test_share": 0.0 if dataset in ("xor", "and", "or") else 0.2,
        "room_x": 3 if iris else 1,
        "room_y": 4 if iris else 2,
    }


def usable_weights(network: Network, first: str, second: str) -> tuple[tuple[WeightRef, WeightRef], list[str]]:
    """Return two different weights of the network, the named ones if there are, and what had to be replaced."""
    known, messages, chosen = network.refs(), [], []
    spare = [WeightRef(0, 0, 0), WeightRef(network.n_layers - 1, 0, 0), *known]
    for text in (first, second):
        try:
            ref = WeightRef.parse(text)
            network.check_ref(ref)
            if ref in chosen:
                raise ValueError(f"the two weights must differ, both are {ref}")
        except ValueError as error:
            ref = next(r for r in spare if r not in chosen)
            messages.append(f"{error}. {ref} is shown instead.")
        chosen.append(ref)
    return (chosen[0], chosen[1]), messages


def usable_names(network: Network, first: str, second: str) -> tuple[tuple[str, str], list[str]]:
    """Return the same as names."""
    (one, other), messages = usable_weights(network, first, second)
    return (str(one), str(other)), messages
