"""What the views of one Walk say: boxes and lines of the graph, matrices, formulas, sentences. Pure.

Every number comes from `Walk.number` or from the micro-step itself and is written by `text.number`, so a value reads
the same wherever it appears.
"""

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

import nnlib
from dashboard.scene import fingerprint
from dashboard.text import MINUS, number, percent, plural
from dashboard.theme import Tokens
from dashboard.told import at_step, together, told
from dashboard.walk import PUBLISHED, PUBLISHED_LOSS, PUBLISHED_MSE, Walk
from dashboard.why import Run, Why
from nnlib import Activation, Array, GradientCheck, MicroStep, WeightRef
from nnlib.sabotage import SABOTAGES
from nnlib.trace import latex, matrix_latex, slope_substitution

MOST_UNITS = 8
"""A layer with more units shows the first ones and one box for the rest."""
MOST_LAYERS = 6
"""A deeper network shows its first and last layers and one box for those between."""
MOST_LABELS = 12
"""More lines than this between two layers carry numbers only where they matter to the step."""
MOST_NUMBERED = 4
"""So do the lines of a network of more layers than this, which stand too close."""
NOT_YET = "\N{MIDDLE DOT}"
"""What stands in the place of a value that the walk has not reached."""

CELL_WIDTH = 72
"""The width of one number in the graph, in pixels."""


def palette(colours: Tokens) -> dict[str, str]:
    """Return the colours that the browser's side needs, by name."""
    names = ("forward", "backward", "positive", "negative", "ink", "faint", "grid", "paper")
    return {name: getattr(colours, name) for name in names}


def math_number(value: float) -> str:
    """Return a number as LaTeX, with the digits that `text.number` gives it."""
    digits, _, exponent = number(value).replace(MINUS, "-").partition("e")
    if not exponent:
        return digits if digits.lstrip("-").replace(".", "").isdigit() else rf"\text{{{digits}}}"
    return rf"{digits}\mathrm{{e}}{{{exponent}}}"


def words_for(name: str) -> str:
    """Return a value's name as a reader says it: "the gradient of the MSE with respect to H_in[1]"."""
    return f"gradient with respect to {name[1:]}" if name.startswith("d") else name


def math_name(name: str) -> str:
    """Return a value's name as inline LaTeX for Streamlit's text."""
    return f"${latex(name)}$"


# --- how well a unit listens ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Listening:
    """A unit's slope beside the largest slope its activation has, and a word for it."""

    slope: float
    largest: float
    share_zero: float

    @property
    def word(self) -> str:
        """Whether an error that arrives at this unit gets through."""
        if self.slope == 0:
            return "deaf"
        return "hardly listening" if abs(self.slope) < 0.1 * self.largest else "listening"

    @property
    def sign(self) -> str:
        """The word as a sign: a full, half or empty circle."""
        return {"listening": "\N{BLACK CIRCLE}", "hardly listening": "\N{CIRCLE WITH LEFT HALF BLACK}"}.get(
            self.word, "\N{WHITE CIRCLE}"
        )


def listening(walk: Walk, layer: int, unit: int) -> Listening:
    """Return the slope at one unit; in a batch the mean over the samples."""
    slopes = walk.backward.slopes[layer][:, unit]
    largest = largest_slope(walk.setup.network.activation(layer))
    return Listening(float(slopes.mean()), largest, float((slopes == 0).mean()))


@lru_cache(maxsize=64)
def largest_slope(activation: Activation) -> float:
    """Return the largest slope of an activation between -8 and 8; a step has 0."""
    z = np.linspace(-8, 8, 1601)
    if activation.form:
        z = np.append(z, activation.form.threshold)
    return float(np.abs(activation.slope(z, activation.f(z))).max())


# --- the graph --------------------------------------------------------------------------------------------------------


def drawing_name(walk: Walk) -> str:
    """Return a name for everything that a walk's drawing depends on: other numbers have another name."""
    place = walk.place
    made = (walk.setup.key, walk.setup.lr, place.vector, walk.sample, walk.whole, walk.detail)
    name: str = walk.kept("name", lambda: fingerprint(*made, place.updates, place.loss_before))
    return name


def graph(walk: Walk, colours: Tokens) -> dict[str, Any]:
    """Return the network as boxes and lines for the graph component, told for all steps, and the step it is at."""
    drawing = walk.kept("graph", lambda: _network(walk))
    here = {"step": walk.place.pointer, "selected": walk.place.weight}
    return drawing | here | {"play": 0, "moves": {}, "slider": "", "colours": palette(colours)}


def _network(walk: Walk) -> dict[str, Any]:
    network = walk.setup.network
    symbols = network.symbols
    layers = _shown_layers(len(network.sizes))
    places = {layer: c for c, layer in enumerate(layers) if layer is not None}
    columns, nodes, edges = [], [], []
    for c, layer in enumerate(layers):
        if layer is None:
            hidden = len(network.sizes) - len(layers) + 1
            columns.append({"title": f"{hidden} more layers", "n": 1, "gap": 0.6})
            nodes.append(_box("between", c, 0, f"{hidden} layers not drawn", [_plain("...", "layers not drawn")]))
            continue
        units = _shown_units(network.sizes[layer])
        z, a = ("", "X") if layer == 0 else symbols[2 * layer - 1 : 2 * layer + 1]
        title = a if layer == 0 else f"{z} \N{RIGHTWARDS ARROW} f \N{RIGHTWARDS ARROW} {a}"
        last = layer == len(network.sizes) - 1
        columns.append({"title": title, "n": len(units), "gap": 0.24 if last else 1})
        for r, unit in enumerate(units):
            nodes.append(_unit(walk, layer, unit, c, r))
    for layer in range(1, len(network.sizes)):
        if layer in places and layer - 1 in places:
            edges += _weights(walk, layer)
    for c, layer in enumerate(layers):
        if layer is None:
            edges += [_line(f"x{end}", f"L{layers[c + end]}U0", "between", 0.5) for end in (-1, 1)]

    c, units = len(columns), _shown_units(network.sizes[-1])
    columns += [{"title": "MSE", "n": 1, "gap": 0.24}, {"title": "Y", "n": len(units), "gap": 0}]
    nodes.append(_box("MSE", c, 0, "The loss", [_cell(walk, "MSE", "loss")], "loss"))
    for r, unit in enumerate(units):
        if unit is None:
            nodes.append(_box("Ymore", c + 1, r, "Targets not drawn", [_plain("...", "more targets")]))
        else:
            nodes.append(
                _box(f"Y{unit}", c + 1, r, f"Target {unit + 1}", [_cell(walk, f"Y[{unit + 1}]", "")], f"{unit + 1}")
            )
        name = "more" if unit is None else str(unit)
        edges.append(_line(f"o{name}", f"L{len(network.sizes) - 1}U{name}", "MSE", 0.5))
        edges.append(_line(f"y{name}", f"Y{name}", "MSE", 0.5))
    n = len(walk.steps)
    return {
        "of": drawing_name(walk),
        "label": f"The network {'-'.join(map(str, network.sizes))}.",
        # The number of the step is put in where it is known.
        "words": told((i, f"Step # of {n}, {s.phase}. {step_words(s)}") for i, s in enumerate(walk.steps)),
        "n": n,
        "cell": CELL_WIDTH,
        "gap": None,
        "columns": columns,
        "nodes": nodes,
        "edges": edges,
    }


def _shown_layers(count: int) -> list[int | None]:
    if count <= MOST_LAYERS:
        return list(range(count))
    return [0, 1, 2, None, count - 2, count - 1]


def _shown_units(count: int) -> list[int | None]:
    return list(range(count)) if count <= MOST_UNITS else [*range(MOST_UNITS - 1), None]


def _box(id: str, c: int, r: int, name: str, cells: list[dict[str, Any]], caption: str = "") -> dict[str, Any]:
    return {"id": id, "c": c, "r": r, "name": name, "caption": caption, "cells": cells, "state": ""}


def _plain(text: str, name: str) -> dict[str, Any]:
    return {"id": name, "text": text, "name": name, "full": name, "state": "off"}


def _line(id: str, a: str, b: str, t: float) -> dict[str, Any]:
    return {"id": id, "a": a, "b": b, "t": t}


def _unit(walk: Walk, layer: int, unit: int | None, c: int, r: int) -> dict[str, Any]:
    size = walk.setup.network.sizes[layer]
    if unit is None:
        rest = size - MOST_UNITS + 1
        return _box(f"L{layer}Umore", c, r, f"{rest} more units, not drawn", [_plain(f"+ {rest}", f"{rest} more")])
    if layer == 0:
        return _box(f"L0U{unit}", c, r, f"Input {unit + 1}", [_cell(walk, f"X[{unit + 1}]", "")], f"{unit + 1}")
    z, a = walk.setup.network.symbols[2 * layer - 1 : 2 * layer + 1]
    cells = []
    for symbol in (z, a):
        name = f"{symbol}[{unit + 1}]"
        cells.append(_cell(walk, name, "forward") | {"grad": _cell(walk, "d" + name, "backward")})
    kind = "Output" if layer == len(walk.setup.network.sizes) - 1 else "Hidden"
    reached = walk.index("forward", f"{a}[{unit + 1}]")
    heard = listening(walk, layer - 1, unit)
    slope = f"f\N{PRIME} {number(heard.slope)} {heard.sign}"
    box = _box(f"L{layer}U{unit}", c, r, f"{kind} unit {unit + 1}, {heard.word}", cells)
    box["caption"] = told([(0, f"{unit + 1}"), (reached, slope)])
    box["state"] = told([(0, ""), (reached, "" if heard.slope else "deaf")])
    if walk.setup.network.biases:
        box["bias"] = _parameter(walk, WeightRef(layer - 1, None, unit), "b ")
    return box


def _cell(walk: Walk, name: str, phase: str) -> dict[str, Any]:
    """One value, told for all steps: a dot while the walk has not reached it; a click goes to where it is computed."""
    return walk.kept(f"{phase} {name}", lambda: _new_cell(walk, name, phase))


def _new_cell(walk: Walk, name: str, phase: str) -> dict[str, Any]:
    value, start = walk.number(name), walk.index(phase, name) if phase else 0
    sign = "\N{PARTIAL DIFFERENTIAL}" if phase == "backward" else ""
    return {
        "id": name,
        "text": told([(0, NOT_YET), (start, sign + number(value))]),
        "name": told([(0, f"{words_for(name)}: not yet computed"), (start, f"{words_for(name)}: {number(value)}")]),
        "full": told([(0, f"{words_for(name)}: not yet computed"), (start, f"{words_for(name)} = {value!r}")]),
        "state": state_of(walk, name, phase),
        **({"goes": start} if phase else {}),
    }


def _parameter(walk: Walk, ref: WeightRef, before: str = "") -> dict[str, Any]:
    """One weight or bias with its gradient beneath it, told for all steps; from its update on the new value."""
    return walk.kept(f"{ref}", lambda: _new_parameter(walk, ref, before))


def _new_parameter(walk: Walk, ref: WeightRef, before: str) -> dict[str, Any]:
    name = str(ref)
    old, new, gradient = walk.number(name), walk.updated(name), walk.number("d" + name)
    back, update = walk.index("backward", "d" + name), walk.index("update", name)
    told_gradient, full_gradient = f", gradient {number(gradient)}", f"\ngradient {gradient!r}"
    return {
        "id": name,
        "text": told([(0, before + number(old)), (update, before + number(new))]),
        "name": told(
            [
                (0, f"{name}: {number(old)}, gradient not yet computed"),
                (back, f"{name}: {number(old)}{told_gradient}"),
                (update, f"{name}: {number(new)}{told_gradient}"),
            ]
        ),
        "full": told(
            [
                (0, f"{name} = {old!r}"),
                (back, f"{name} = {old!r}{full_gradient}"),
                (update, f"{name} = {new!r}{full_gradient}"),
            ]
        ),
        "state": state_of(walk, name, "update"),
        "selects": name,
        "grad": _cell(walk, "d" + name, "backward") | {"selects": name},
    }


def state_of(walk: Walk, name: str, phase: str) -> Any:
    """Return how a value takes part in every step: "now" it is computed, it is an "input" of it, or neither.

    The value is the one that `phase` computes, "" for one that is given. A weight that is updated is given before.
    """
    blocked = _blocked(walk, name) if phase == "backward" else False
    return walk.kept_for_all(("state", name, phase, blocked), lambda: _new_state(walk, name, phase, blocked))


def _blocked(walk: Walk, name: str) -> bool:
    """Whether a slope of 0 makes this gradient 0."""
    return any("/" in factor for factor in walk.steps[walk.index("backward", name)].zero_factors)


def _new_state(walk: Walk, name: str, phase: str, blocked: bool) -> Any:
    inputs = walk.read_at(name)
    changes: dict[int, str] = {0: "off" if phase not in ("", "update") else ""}
    start = walk.index(phase, name) if phase else -1
    if phase:
        changes |= {start: "zero" if blocked else "now", start + 1: ""}
    for i in inputs:
        if i < start if phase == "update" else i > start:
            changes |= {i: "input", **({} if i + 1 in inputs or i + 1 == start else {i + 1: ""})}
    return told(sorted(changes.items()))


def _state_of_line(walk: Walk, name: str) -> Any:
    """How a line takes part: as its weight, or as its gradient where that is computed."""
    key = ("line", name, _blocked(walk, "d" + name))
    states = state_of(walk, name, "update"), state_of(walk, "d" + name, "backward")
    return walk.kept_for_all(key, lambda: together(_line_state, *states))


def _weights(walk: Walk, layer: int) -> list[dict[str, Any]]:
    """The lines into one layer, with the weight on each and its gradient once it is known."""
    weights = walk.params.weights[layer - 1]
    fan_in, fan_out = weights.shape
    largest = float(np.abs(weights).max()) or 1.0
    lines = []
    for i, j in np.ndindex(fan_in, fan_out):
        if i not in _shown_units(fan_in) or j not in _shown_units(fan_out):
            continue
        part = _parameter(walk, WeightRef(layer - 1, int(i), int(j)))
        gradient = part["grad"]
        value = float(weights[i, j])
        lines.append(
            {
                "id": part["id"],
                "a": f"L{layer - 1}U{i}",
                "b": f"L{layer}U{j}",
                "t": 0.5 if fan_out == 1 else 0.36 + 0.3 * int(j) / (fan_out - 1),
                "name": part["name"],
                "full": part["full"],
                "text": part["text"],
                "grad": told((start, "" if text == NOT_YET else text) for start, text in gradient["text"]["told"]),
                "always": numbered(walk.setup.network.sizes, layer),
                "width": round(1.2 + 3 * abs(value) / largest, 2),
                "sign": "minus" if value < 0 else "plus",
                "state": _state_of_line(walk, part["id"]),
                "selects": part["id"],
            }
        )
    return lines


def numbered(sizes: tuple[int, ...], layer: int) -> bool:
    """Whether every line into a layer carries its number."""
    return sizes[layer - 1] * sizes[layer] <= MOST_LABELS and len(sizes) <= MOST_NUMBERED


def _line_state(weight: str, gradient: str) -> str:
    return gradient if gradient in ("zero", "now") else weight


# --- the matrices -----------------------------------------------------------------------------------------------------

MATRIX_SAMPLES = 3
"""How many samples of a batch have a row of their own."""


def matrices(walk: Walk, colours: Tokens) -> dict[str, Any]:
    """Return the matrices that the present step reads and writes, its own cells marked."""
    step = walk.step
    symbols = dict.fromkeys(name.partition("[")[0] for name in step.depends_on)
    shown = [_matrix(walk, symbol) for symbol in symbols]
    own = step.name.partition("[")[0]
    shown.append(_new_weights(walk, own) if step.phase == "update" else _matrix(walk, own))
    return {"matrices": shown, "colours": palette(colours)}


def _now(walk: Walk, cell: dict[str, Any], **other: Any) -> dict[str, Any]:
    """A cell as it is at the present step, without the sign of a gradient: the matrix's title says it."""
    now: dict[str, Any] = at_step(cell | other, walk.place.pointer)
    text = now["text"].removeprefix("\N{PARTIAL DIFFERENTIAL}")
    return now | {"text": text, "selected": cell.get("selects") == walk.place.weight, "grad": None}


def _title(symbol: str) -> str:
    return f"\N{PARTIAL DIFFERENTIAL}MSE/\N{PARTIAL DIFFERENTIAL}{symbol[1:]}" if symbol.startswith("d") else symbol


def _matrix(walk: Walk, symbol: str) -> dict[str, Any]:
    base = symbol.removeprefix("d")
    if base[0] in "Wb":
        return _parameter_matrix(walk, symbol)
    if symbol == "MSE":
        cells = [[_now(walk, _cell(walk, "MSE", "loss"))]]
        return {"title": "MSE", "shape": "one number", "kind": "", "columns": None, "rows": None, "cells": cells}
    phase = "" if symbol in "XY" else "backward" if symbol.startswith("d") else "forward"
    values = _values(walk, symbol)
    units = range(values.shape[1])
    cells = [[_now(walk, _cell(walk, f"{symbol}[{j + 1}]", phase)) for j in units]]
    rows = None
    if walk.whole:
        rows = ["sum" if phase == "backward" else "mean"]
        samples = sorted({walk.sample, *range(MATRIX_SAMPLES)} & set(range(len(values))))
        for n in samples:
            rows.append(f"sample {n + 1}")
            cells.append(
                [
                    {"text": NOT_YET if cell["state"] == "off" else number(values[n, j]), "state": cell["state"]}
                    for j, cell in zip(units, cells[0], strict=True)
                ]
            )
        if len(samples) < len(values):
            rows.append(f"{len(values) - len(samples)} more")
            cells.append([{"text": "...", "state": "off"} for _ in units])
    return {
        "title": _title(symbol),
        "shape": f"{values.shape[0]} \N{MULTIPLICATION SIGN} {values.shape[1]}",
        "kind": "grad" if phase == "backward" else "",
        "columns": [str(j + 1) for j in units],
        "rows": rows,
        "cells": cells,
    }


def _values(walk: Walk, symbol: str) -> Array:
    if symbol == "Y":
        return walk.data[1]
    return walk.backward[symbol] if symbol.startswith("d") else walk.forward[symbol]


def _refs(symbol: str, shape: tuple[int, ...]) -> list[list[WeightRef]]:
    layer = int(re.sub(r"\D", "", symbol)) - 1
    if "b" in symbol:
        return [[WeightRef(layer, None, j) for j in range(shape[-1])]]
    return [[WeightRef(layer, i, j) for j in range(shape[1])] for i in range(shape[0])]


def _parameter_matrix(walk: Walk, symbol: str) -> dict[str, Any]:
    is_gradient = symbol.startswith("d")
    base = symbol.removeprefix("d")
    layer = int(base[1:]) - 1
    shape = (walk.params.weights if base[0] == "W" else walk.params.biases)[layer].shape
    cells = []
    for line in _refs(base, shape):
        row = []
        for ref in line:
            part, old = _parameter(walk, ref), walk.number(str(ref))
            if is_gradient:
                row.append(_now(walk, part["grad"]))
            else:
                # The old value stays in this matrix; the new one has its own.
                told_old = {"text": number(old), "full": f"{ref} = {old!r}", "state": state_of(walk, str(ref), "")}
                row.append(_now(walk, part, **told_old))
        cells.append(row)
    return _parameter_table(_title(symbol), "grad" if is_gradient else "", shape, cells)


def _parameter_table(title: str, kind: str, shape: tuple[int, ...], cells: list[list[Any]]) -> dict[str, Any]:
    return {
        "title": title,
        "shape": " \N{MULTIPLICATION SIGN} ".join(map(str, shape)),
        "kind": kind,
        "columns": [str(j + 1) for j in range(shape[-1])],
        "rows": [str(i + 1) for i in range(len(cells))] if len(shape) > 1 else None,
        "cells": cells,
    }


def _new_weights(walk: Walk, symbol: str) -> dict[str, Any]:
    layer = int(symbol[1:]) - 1
    shape = (walk.params.weights if symbol[0] == "W" else walk.params.biases)[layer].shape
    cells = []
    for line in _refs(symbol, shape):
        row = []
        for ref in line:
            known = walk.reached("update", str(ref))
            value = walk.updated(str(ref)) if known else math.nan
            row.append(
                {
                    "id": str(ref),
                    "text": number(value) if known else NOT_YET,
                    "name": f"new {ref}: {number(value) if known else 'not yet computed'}",
                    "full": f"new {ref} = {value!r}" if known else "not yet computed",
                    "state": at_step(state_of(walk, str(ref), "update"), walk.place.pointer) if known else "off",
                }
            )
        cells.append(row)
    return _parameter_table(f"{symbol} new", "", shape, cells)


def check_matrices(check: GradientCheck, tolerance: float, colours: Tokens) -> dict[str, Any]:
    """Return the gradient check as matrices: a cell is good or bad, with its error."""
    tables = []
    for layer, weights in enumerate(check.error.weights):
        kinds = [(f"W{layer + 1}", weights.shape)]
        if check.error.biases:
            kinds.append((f"b{layer + 1}", check.error.biases[layer].shape))
        for symbol, shape in kinds:
            cells = [[_checked(check, ref, tolerance) for ref in line] for line in _refs(symbol, shape)]
            tables.append(_parameter_table(symbol, "", shape, cells))
    return {"matrices": tables, "colours": palette(colours)}


def _checked(check: GradientCheck, ref: WeightRef, tolerance: float) -> dict[str, str]:
    error = float(check.error.get(ref))
    good = error <= tolerance
    mark = "\N{CHECK MARK}" if good else "\N{MULTIPLICATION X}"
    analytic, numeric = float(check.analytic.get(ref)), float(check.numeric.get(ref))
    return {
        "id": str(ref),
        "text": f"{mark} {number(analytic)}",
        "name": f"{ref}: {'agrees' if good else 'wrong'}, {number(analytic)} against {number(numeric)}",
        "full": f"{ref}: backward pass {analytic!r}\ncentral difference {numeric!r}\nerror {number(error)}",
        "state": "good" if good else "bad",
    }


# --- the formula ------------------------------------------------------------------------------------------------------


def position(walk: Walk) -> str:
    """Return where the pointer is: "Step 12 of 49, backward"."""
    return f"Step {walk.place.pointer + 1} of {len(walk.steps)}, {walk.step.phase}"


def formula(walk: Walk, colours: Tokens) -> str:
    """Return the present step as LaTeX: the general formula, the numbers put in, the value."""
    step = walk.step
    general, _, aside = step.formula.partition(r", \quad ")
    left, _, right = general.partition(" = ")
    write = _marking(step, colours)
    lines = [
        rf"{left} &= {right}",
        *(
            rf"&{'=' if i == 0 else '+'} {line}"
            for i, line in enumerate(_lines(step.substitution(write, walk.sample, 4)))
        ),
        rf"&= \mathbf{{{step.result(math_number, walk.sample)}}}"
        if step.value.ndim < 2
        else rf"&= {step.result(math_number)}",
        *([rf"&\;\; {aside.removeprefix(chr(92) + 'quad').strip()}"] if aside else []),
    ]
    return r"\begin{aligned} " + r" \\[4pt] ".join(lines) + r" \end{aligned}"


LINE = 60
"""A sum of more LaTeX than this many characters goes over several lines."""


def _lines(text: str) -> list[str]:
    """Break a sum at the plus signs that no brace or bracket encloses, so that it fits beside the curve."""
    parts, depth, start = [], 0, 0
    for i, letter in enumerate(text):
        depth += (letter in "{[") - (letter in "}]")
        if depth == 0 and text.startswith(" + ", i):
            parts.append(text[start:i])
            start = i + 3
    parts.append(text[start:])
    lines = [parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + len(part) > LINE:
            lines.append(part)
        else:
            lines[-1] += f" + {part}"
    return lines


def _marking(step: MicroStep, colours: Tokens) -> Any:
    """A writer of numbers that frames the 0 of a factor on the way back, which makes everything behind it 0."""
    blocked = (
        step.zero_factors if step.phase == "backward" else step.phase == "update" and not step.factors[-1].values.any()
    )
    if not blocked:
        return math_number
    return lambda value: glowing_zero(colours) if value == 0 else math_number(value)


def glowing_zero(colours: Tokens) -> str:
    """Return a framed 0 as LaTeX: a factor that makes its whole product 0."""
    return rf"\textcolor{{{colours.negative}}}{{\boxed{{\mathbf{{0}}}}}}"


def slope_line(walk: Walk) -> str | None:
    """Return the slope that the present step multiplies with, as formula, numbers and value; None if it has none."""
    step = walk.step
    if step.phase != "backward" or not any("/" in f.names[0] for f in step.factors) or not step.place:
        return None
    z, a = walk.setup.network.symbols[2 * step.layer + 1 : 2 * step.layer + 3]
    unit = step.place[0]
    n = walk.sample if walk.whole else 0
    z_value, a_value = float(walk.forward[z][n, unit]), float(walk.forward[a][n, unit])
    slope = float(walk.backward.slopes[step.layer][n, unit])
    activation = walk.setup.network.activation(step.layer)
    name = f"d{a}[{unit + 1}]/d{z}[{unit + 1}]"
    numbers = slope_substitution(activation, z_value, a_value, math_number)
    between = r",\quad " if numbers.startswith("f'") else " = "
    return rf"{latex(name)} = {activation.slope_formula}{between}{numbers} = {math_number(slope)}"


STEP_WORDS = {
    "in": "Each input times its weight, added up.",
    "out": "The activation turns the sum into the unit's output.",
    "MSE": "Half the mean of the squared errors: one number for how wrong the outputs are.",
    "dO_out": "If this output grew a little, the loss would change this many times as much.",
    "din": "The gradient passes the activation backwards: times the slope at this unit's own sum.",
    "dout": "The units that this one feeds send their gradients back along their lines. The contributions add up.",
    "dW": "The gradient at the sum, times what came in along this line.",
    "db": "A bias is the weight of an input that is always 1, so the gradient at the sum arrives unchanged.",
    "update": "The new weight is the old one minus the learning rate times its gradient.",
}


def step_words(step: MicroStep) -> str:
    """Return what a step does in one sentence."""
    if step.phase == "update":
        return STEP_WORDS["update"]
    symbol = step.symbol
    if symbol in STEP_WORDS:
        return STEP_WORDS[symbol]
    if symbol[:2] in ("dW", "db"):
        return STEP_WORDS[symbol[:2]]
    end = symbol.rpartition("_")[2]
    return STEP_WORDS[("d" if symbol.startswith("d") else "") + end]


def batch_words(walk: Walk) -> str:
    """Return how a neuron's many values in a batch are told by one number; empty where there is nothing to say."""
    step = walk.step
    if not walk.whole or step.value.ndim != 1:
        return ""
    if step.phase == "backward":
        return (
            f"The numbers are sample {walk.sample + 1}'s share. "
            f"The sum over {plural(len(step.value), 'sample')} is **{number(step.number)}**."
        )
    return (
        f"The numbers are those of sample {walk.sample + 1}. "
        f"The mean over {plural(len(step.value), 'sample')} is **{number(step.number)}**."
    )


MOST_TERMS = 8


def terms(walk: Walk) -> dict[str, list[str]] | None:
    """Return a sum's terms as a table, before + contribution = after; None where there are not several."""
    step = walk.step
    if step.term or step.value.ndim > 1:
        return None
    every = step.terms(walk.sample)
    if len(every) < 2:
        return None
    kept = every if len(every) <= MOST_TERMS else (*every[: MOST_TERMS - 2], None, every[-1])
    table: dict[str, list[str]] = {"term": [], "before": [], r"\+ contribution": [], "= after": []}
    for term in kept:
        if term is None:
            cells = [f"... {len(every) - MOST_TERMS + 1} more", "...", "...", "..."]
        else:
            name = r" \cdot ".join(latex(f) for f, _ in term.factors)
            cells = [f"${name}$", number(term.before), number(term.contribution), number(term.after)]
        for column, cell in zip(table.values(), cells, strict=True):
            column.append(cell)
    return table


def zero_words(walk: Walk) -> str:
    """Return what a factor of 0 means for this step and for all before it; empty if there is none."""
    slopes = [f for f in walk.step.zero_factors if "/" in f]
    if slopes and walk.step.phase == "backward":
        activation = walk.setup.network.activation(walk.step.layer)
        return (
            f"The factor {math_name(slopes[0])} is 0: the {activation.name} is flat here. "
            "The product is 0, whatever the other factors are, and so is every gradient behind it."
        )
    gradient = walk.backward.gradient.to_vector()
    if walk.step.phase == "update" and not gradient.any():
        return (
            "Every gradient is 0, so every update is 0. The weights stay what they are, however many steps are taken."
        )
    if walk.step.phase == "backward" and walk.step.number == 0 and not math.isnan(walk.step.number):
        return "This gradient is 0 because a factor before it was 0."
    return ""


# --- one weight -------------------------------------------------------------------------------------------------------


LINE_LENGTHS = (16, 8, 5, 4, 3, 2)
"""How many factors go on a line of a long product: what a wide, a narrower and the narrowest place have room for."""


def product_formulas(walk: Walk) -> list[str]:
    """Return the selected weight's chain of factors as LaTeX, the shared ones under a brace.

    The same product again and again, the widest first; the last one is for a phone.
    """
    return list(dict.fromkeys(_product(walk, most) for most in LINE_LENGTHS))


def _product(walk: Walk, most: int) -> str:
    """A weight's product with at most so many factors on a line."""
    p = walk.product
    names = [latex(name) for name in p.factors]
    left = p.formula.partition(" = ")[0]
    braced = r"\text{{computed once, shared}}"
    shared, own = names[: p.n_shared], names[p.n_shared :]
    lines = [rf"\underbrace{{{line}}}_{{{braced}}}" for line in _factor_lines(shared, most)]
    if shared and len(names) <= most:
        lines = [rf"{lines[0]} \cdot {_factor_lines(own, most)[0]}"]
    else:
        lines += _factor_lines(own, most)
    if p.summed:
        lines[0] = rf"\sum_{{{','.join(p.summed)}}} {lines[0]}"
    if len(lines) == 1:
        return f"{left} = {lines[0]}"
    rest = "".join(rf" \\[4pt] &\cdot {line}" for line in lines[1:])
    return rf"\begin{{aligned}} {left} = &\; {lines[0]}{rest} \end{{aligned}}"


def _factor_lines(names: list[str], most: int) -> list[str]:
    """Factors on as few lines as have room for them, about as many on each."""
    n_lines = -(-len(names) // most)
    each = -(-len(names) // max(n_lines, 1))
    return [r" \cdot ".join(names[i : i + each]) for i in range(0, len(names), max(each, 1))]


def paths_table(walk: Walk, colours: Tokens) -> dict[str, list[str]] | None:
    """Return every path from the loss to the selected weight as a table of its factors; None if they are too many."""
    zero = f"${glowing_zero(colours)}$"
    shown = walk.shown_paths
    if not shown:
        return None
    table: dict[str, list[str]] = {"path": [], **{f"${latex(s)}$": [] for s in walk.product.symbols}, "product": []}
    columns = list(table.values())
    for path in shown:
        columns[0].append(_path_name(walk, path.units))
        for column, factor in zip(columns[1:-1], path.factors, strict=True):
            column.append(number(factor.value) if factor.value else zero)
        columns[-1].append(number(path.value))
    return table


def _path_name(walk: Walk, units: tuple[int, ...]) -> str:
    """The units that a path passes, from the loss back: "O1, H2"."""
    layers = range(walk.ref.layer, walk.setup.network.n_layers)
    names = [walk.setup.network.symbols[2 * layer + 1].removesuffix("_in") for layer in layers]
    return ", ".join(f"{name}[{unit + 1}]" for name, unit in reversed(list(zip(names, units, strict=True))))


def paths_words(walk: Walk) -> str:
    """Return in words how the paths add up to the gradient."""
    p = walk.product
    name = math_name(f"d{p.ref}")
    total = f"{name} = **{number(p.gradient)}**"
    if p.paths:
        if p.n_paths == 1:
            return f"There is one path from the loss to this weight: {total}."
        return f"There are {p.n_paths} paths from the loss to this weight. Their products add up to {total}."
    if walk.shown_paths:
        share = number(math.fsum(path.value for path in walk.shown_paths))
        return (
            f"There are {plural(p.n_paths, 'path')}, {len(walk.shown_paths)} for each sample. These are sample "
            f"{walk.sample + 1}'s; its share is {share}. All together: {total}."
        )
    return (
        f"There are {plural(p.n_paths, 'path')} from the loss to this weight: too many to list. "
        f"Node by node, backpropagation needs one product for each line of the network: {total}."
    )


def weight_row(walk: Walk) -> dict[str, list[str]]:
    """Return the selected weight's old value, gradient, learning rate times gradient and new value."""
    name = walk.place.weight
    old, gradient = walk.number(name), walk.number("d" + name)
    return {
        "weight": [name],
        "old": [number(old)],
        "gradient": [number(gradient)],
        "learning rate \N{MULTIPLICATION SIGN} gradient": [number(walk.setup.lr * gradient)],
        "new": [number(walk.updated(name))],
    }


# --- the worked example -----------------------------------------------------------------------------------------------


def published_table(walk: Walk) -> dict[str, list[str]]:
    """Return the published numbers of the worked example, as they were published, beside ours with nine decimals."""
    table: dict[str, list[str]] = {"value": [], "published": [], "ours": []}
    rows = [
        (math_name(name) + (" after the step" if name[0] == "W" else ""), published, _ours(walk, name))
        for name, published in PUBLISHED.items()
    ]
    rows.insert(4, ("half the sum of the squared errors = 2 MSE", PUBLISHED_LOSS, 2 * walk.number("MSE")))
    rows.insert(5, ("our MSE, half the mean", PUBLISHED_MSE, walk.number("MSE")))
    for name, published, ours in rows:
        for column, cell in zip(table.values(), (name, f"{published}", f"{ours:.9f}"), strict=True):
            column.append(cell)
    return table


def _ours(walk: Walk, name: str) -> float:
    return walk.updated(name) if name[0] == "W" else walk.number(name)


def matrix_text(values: Array) -> str:
    """Return a matrix as LaTeX with the interface's numbers."""
    return matrix_latex(values, math_number)


# --- sentences of the page --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Badge:
    """A short statement with an icon and a colour."""

    text: str
    icon: str
    colour: Any


BADGES: dict[str, tuple[str, Any]] = {
    "listening": (":material/hearing:", "green"),
    "hardly listening": (":material/hearing:", "orange"),
    "deaf": (":material/hearing_disabled:", "red"),
}


def badges(walk: Walk) -> list[Badge]:
    """Return for each unit of the present step whether an error gets through it, with the slope that says so."""
    layer, units = walk.focus()
    found = []
    for unit in units[:MOST_UNITS]:
        heard = listening(walk, layer, unit)
        share = f", {percent(heard.slope / heard.largest)} of its largest" if heard.largest else ""
        zero = f", 0 for {heard.share_zero:.0%} of the samples" if walk.whole and 0 < heard.share_zero < 1 else ""
        mean = "mean slope" if walk.whole else "slope"
        icon, colour = BADGES[heard.word]
        found.append(Badge(f"Unit {unit + 1} is {heard.word}: {mean} {number(heard.slope)}{share}{zero}", icon, colour))
    return found


def aggregate_words(walk: Walk) -> list[str]:
    """Return what the graph leaves out, if it leaves anything out."""
    sizes = walk.setup.network.sizes
    words = []
    if max(sizes) > MOST_UNITS:
        words.append(
            f"A layer of more than {MOST_UNITS} units is drawn with its first {MOST_UNITS - 1}; the matrices show all."
        )
    if len(sizes) > MOST_LAYERS:
        words.append("The layers in the middle are drawn as one box; the steps go through all of them.")
    if not all(numbered(sizes, layer) for layer in range(1, len(sizes))):
        words.append("Where lines are many or close, only those of the present step carry numbers.")
    if walk.whole:
        n = plural(len(walk.setup.X), "sample")
        words.append(f"All {n} at once: a value is the mean over them, a gradient is the sum of their shares.")
    return words


def update_words(walk: Walk) -> str:
    """Return why the update is locked, or what it did to the loss."""
    what = "on the batch" if walk.whole else f"on sample {walk.sample + 1}"
    if walk.place.loss_before is not None:
        before, after = walk.place.loss_before, walk.loss
        way = "fell" if after < before else "rose" if after > before else "did not change"
        return (
            f"After {plural(walk.place.updates, 'update')}: the loss {what} {way}, from **{number(before)}** to "
            f"**{number(after)}**. Over all samples it is {number(walk.batch_loss)}."
        )
    if not walk.arrived:
        left = walk.last_backward - walk.place.pointer
        return f"Locked: the backward pass needs {plural(left, 'more step')} to reach the first layer."
    return f"The gradient of every weight is known. The loss {what} is {number(walk.loss)}."


PUBLISHED_WORDS = (
    "This example is often worked by hand. Its authors take half the *sum* of the squared errors and the learning rate "
    "0.5. We take half the *mean* over the two target values, so our loss is half of theirs, our gradient too, and the "
    "learning rate 1 makes the same step. The published update holds the biases; the new weights are the same."
)


def _moved(run: Run) -> float:
    first = run.pair.params.to_vector()
    return float(np.abs(np.diff(first, axis=0)).sum())


def why_path_words(why: Why) -> str:
    """Return where both paths went over the two weights."""
    lines = []
    for name, run in _runs(why):
        first, second = (number(run.pair.params.get(ref)[-1]) for ref in why.refs)
        text = (
            f"- **{name}**: MSE {number(run.pair.loss[0])} to {number(run.pair.loss[-1])}, end at ({first}, {second})."
        )
        leaves = why.leaves(run)
        if leaves is not None:
            text += f" It leaves the picture at step {leaves}."
        if _moved(run) == 0:
            text += " It has not moved at all."
        lines.append(text)
    if why.wrong is not None and np.array_equal(*(run.pair.params.to_vector() for run in (why.right, why.wrong))):
        first, second = why.refs
        lines.append(
            f"\nBoth paths are the same: here the sabotage leaves the gradients of {first} and {second} right."
        )
    return "\n".join(lines)


def why_full_words(why: Why) -> str:
    """Return how well the whole network did both ways."""
    lines = []
    for name, run in _runs(why):
        text = f"- **{name}**: MSE {number(run.full.loss[-1])}, accuracy {percent(run.accuracy)}."
        if run.full.stopped_at is not None:
            text += f" Stopped at step {run.full.stopped_at}: a number grew too large."
        lines.append(text)
    if why.wrong is not None and why.wrong.accuracy > why.right.accuracy:
        lines.append(
            "\nHere the sabotaged run is the better one. A wrong gradient can still lead downhill, and it can be the "
            "right one of another loss."
        )
    return "\n".join(lines)


def check_words(why: Why) -> str:
    """Return how many gradients the check finds wrong, and which."""
    total = why.network.n_parameters
    if why.wrong is None:
        return f"All {total} gradients agree with central differences." if not why.broken else _broken(why, total)
    if not why.broken:
        return (
            f"All {total} gradients agree with central differences: in this network the sabotage changes nothing, for "
            "instance because what it leaves out is 1 or everything is 0 anyway."
        )
    return f"{_broken(why, total)} By its definition this sabotage breaks {SABOTAGES[why.wrong.sabotage or ''].wrong}."


def _broken(why: Why, total: int) -> str:
    return f"**{len(why.broken)} of {total} gradients are wrong.**"


def _runs(why: Why) -> list[tuple[str, Run]]:
    return [("Right", why.right), *([("Sabotaged", why.wrong)] if why.wrong is not None else [])]


CODE: dict[str, tuple[Any, ...]] = {
    "forward": (nnlib.forward,),
    "loss": (nnlib.mse, nnlib.mse_slope),
    "backward": (nnlib.backward,),
    "update": (nnlib.GradientDescent,),
}
"""The functions behind each phase."""
