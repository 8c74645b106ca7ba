"""The chain-rule page: a chain of links, an input, and a pointer that goes forwards and back. Pure."""

import re
from dataclasses import dataclass, replace
from typing import Any

from dashboard.scenario import CHAIN_REACH, LIMITS, chain_links, chain_text
from dashboard.scene import fingerprint
from dashboard.text import MINUS, number, plural
from dashboard.theme import Tokens
from dashboard.told import film
from dashboard.walk_views import math_number, palette
from nnlib.chain import (
    LINKS,
    MAX_LINKS,
    NAMES,
    ChainPass,
    Link,
    Nudge,
    evaluate,
    expand,
    nudge,
    numerical_slope,
    polynomial_slope,
    polynomial_value,
    polynomial_written,
)

X_REACH = LIMITS["chain_x"].high
NUMBER_REACH = CHAIN_REACH
"""The bounds of the input and of a link's own numbers."""
PARAMETERS: dict[str, tuple[tuple[str, float], ...]] = {
    "affine": (("times", 3.0), ("plus", -2.0)),
    "step": (("threshold", 2.0),),
}
"""The numbers that a link of each kind has, with their opening values; kinds that are not here have none."""
DX = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
"""The nudges to choose from."""
NAMED = 3
"""A chain of more links than this writes the slope of the rest without its name, which is told below."""
NOT_YET = "\N{MIDDLE DOT}"


@dataclass(frozen=True)
class Choice:
    """One link as chosen: its kind and its own numbers."""

    kind: str
    numbers: tuple[float, ...] = ()


@dataclass(frozen=True)
class Chain:
    """The chain that the learner has built, its input, and the pointer: n steps forwards, then n back."""

    choices: tuple[Choice, ...] = (Choice("affine", (3.0, -2.0)), Choice("square"))
    x: float = 2.0
    pointer: int = 4

    @property
    def links(self) -> tuple[Link, ...]:
        """The links themselves."""
        return tuple(LINKS[choice.kind](*choice.numbers) for choice in self.choices)

    @property
    def symbols(self) -> str:
        """The letters of the values, from the input to the output."""
        return NAMES[-len(self.choices) - 1 :]

    @property
    def n_steps(self) -> int:
        """How far the pointer goes: every link once forwards and once back."""
        return 2 * len(self.choices)

    def evaluated(self) -> ChainPass:
        """Return the passes over the chain; ValueError if a number leaves the range."""
        return evaluate(self.links, self.x)


def chain_of(text: str, x: float, pointer: int) -> Chain:
    """Return the chain that the fields of a Scenario describe."""
    chain = Chain(tuple(Choice(kind, numbers) for kind, numbers in chain_links(text)), x)
    return replace(chain, pointer=min(pointer, chain.n_steps))


def fields_of(chain: Chain) -> dict[str, Any]:
    """Return the fields of a Scenario from which `chain_of` makes the chain."""
    text = chain_text([(choice.kind, choice.numbers) for choice in chain.choices])
    return {"chain": text, "chain_x": chain.x, "chain_step": chain.pointer}


def finished(chain: Chain) -> Chain:
    """Return the chain with the pointer at its end."""
    return replace(chain, pointer=chain.n_steps)


def moved(chain: Chain, by: int) -> Chain:
    """Return the chain with the pointer `by` steps further, kept within it."""
    return replace(chain, pointer=min(max(chain.pointer + by, 0), chain.n_steps))


def with_link_in_front(chain: Chain) -> Chain:
    """Return the chain with "times 2" put before its first link; the input is halved, so all other values stay."""
    if len(chain.choices) == MAX_LINKS:
        return chain
    return finished(replace(chain, choices=(Choice("affine", (2.0, 0.0)), *chain.choices), x=chain.x / 2))


def without_link(chain: Chain, place: int) -> Chain:
    """Return the chain without one link; the last one stays."""
    if len(chain.choices) == 1:
        return chain
    return finished(replace(chain, choices=(*chain.choices[:place], *chain.choices[place + 1 :])))


def with_kind(chain: Chain, place: int, kind: str) -> Chain:
    """Return the chain with another kind of link at one place, if there is one, with its opening numbers."""
    if place >= len(chain.choices):
        return chain
    choice = Choice(kind, tuple(value for _, value in PARAMETERS.get(kind, ())))
    return _with_choice(chain, place, choice)


def with_number(chain: Chain, place: int, which: int, value: float) -> Chain:
    """Return the chain with another value of one of a link's own numbers, if the link there has it."""
    if place >= len(chain.choices) or which >= len(chain.choices[place].numbers):
        return chain
    numbers = list(chain.choices[place].numbers)
    numbers[which] = value
    return _with_choice(chain, place, replace(chain.choices[place], numbers=tuple(numbers)))


def _with_choice(chain: Chain, place: int, choice: Choice) -> Chain:
    choices = list(chain.choices)
    choices[place] = choice
    return replace(chain, choices=tuple(choices))


# --- what the views say -----------------------------------------------------------------------------------------------


def guarded(value: float) -> str:
    """Return a number as LaTeX, in parentheses if it is negative."""
    return f"({math_number(value)})" if value < 0 else math_number(value)


def plain(formula: str) -> str:
    """Return a link's LaTeX as plain text for the graph."""
    formula = re.sub(r"e\^\{?(\w+)\}?", r"exp(\1)", formula)
    text = re.sub(r"\\text\{(\w+)\}", r"\1 ", formula).replace(r"\,", "")
    for command, sign in ((r"\cdot", "\N{DOT OPERATOR}"), (r"\ge", "\N{GREATER-THAN OR EQUAL TO}"), ("-", MINUS)):
        text = text.replace(command, sign)
    text = text.replace(r"\sigma", "\N{GREEK SMALL LETTER SIGMA}").replace("^2", "\N{SUPERSCRIPT TWO}")
    return re.sub(r"[\\{}]", "", text.replace("^3", "\N{SUPERSCRIPT THREE}"))


def graph(chain: Chain, passed: ChainPass, colours: Tokens) -> dict[str, Any]:
    """Return the chain as boxes and lines for the graph component, told for all steps, and the step it is at."""
    drawing = film([_still(replace(chain, pointer=i), passed) for i in range(chain.n_steps + 1)])
    of = fingerprint([(c.kind, c.numbers) for c in chain.choices], chain.x)
    here = {"step": chain.pointer, "selected": "", "play": 0, "moves": {}, "slider": ""}
    return drawing | here | {"of": of, "colours": palette(colours)}


def _still(chain: Chain, passed: ChainPass) -> dict[str, Any]:
    """The chain's picture at one step."""
    n, at, last = len(chain.choices), chain.pointer, passed.symbols[-1]
    nodes, edges = [], []
    for i, symbol in enumerate(passed.symbols):
        known, back = i <= min(at, n), at >= n and i >= 2 * n - at
        now = at == i and at <= n
        derivative = f"d{last}/d{symbol}"
        value, product = number(passed.values[i]), number(passed.products[i])
        state = "now" if now else "input" if i == at - 1 and at <= n else ""
        product_state = "input" if i == 2 * n - at + 1 and at > n else ""
        if i == 2 * n - at and at > n:
            product_state = "zero" if passed.products[i] == 0 else "now"
        nodes.append(
            {
                "id": symbol,
                "c": i,
                "r": 0,
                "name": f"{symbol}",
                "caption": symbol,
                "state": "",
                "cells": [
                    {
                        "id": f"{symbol} value",
                        "text": value if known else NOT_YET,
                        "name": f"{symbol} = {value}" if known else f"{symbol}: not yet computed",
                        "full": f"{symbol} = {passed.values[i]!r}" if known else "not yet computed",
                        "state": state if known else "off",
                        "goes": i,
                        "grad": {
                            "id": f"{symbol} slope",
                            "text": (f"{derivative} = {product}" if n <= NAMED else product) if back else NOT_YET,
                            "name": f"{derivative} = {product}" if back else f"{derivative}: not yet computed",
                            "full": f"{derivative} = {passed.products[i]!r}" if back else "not yet computed",
                            "state": product_state if back else "off",
                            "goes": 2 * n - i,
                        },
                    }
                ],
            }
        )
    for i, link in enumerate(passed.links):
        back = at > n and i >= 2 * n - at
        now = at - 1 == i or at == 2 * n - i
        slope = number(passed.slopes[i])
        a, b = passed.symbols[i : i + 2]
        text = plain(link.written(a))
        told = f", local slope d{b}/d{a} = {slope}" if back else ""
        edges.append(
            {
                "id": f"link {i}",
                "a": a,
                "b": b,
                "t": 0.5,
                "name": f"link {i + 1}: {b} = {text}{told}",
                "full": f"{b} = {text}{told}",
                "text": text,
                "grad": f"\N{MULTIPLICATION SIGN} {slope}" if back else "",
                "width": 2,
                "sign": "",
                "state": "zero" if passed.slopes[i] == 0 and back else "now" if now else "",
                "always": True,
            }
        )
    return {
        "label": f"A chain of {plural(n, 'link')}.",
        "words": words(chain, passed),
        "n": chain.n_steps + 1,
        "cell": 124 if n <= NAMED else 82,
        "gap": 76,
        "folds": True,
        "columns": [{"title": "", "n": 1, "gap": 1} for _ in passed.symbols],
        "nodes": nodes,
        "edges": edges,
    }


def position(chain: Chain) -> str:
    """Return where the pointer is: "Step 3 of 4, backwards"."""
    n = len(chain.choices)
    if chain.pointer == 0:
        return f"Before step 1 of {chain.n_steps}"
    return f"Step {chain.pointer} of {chain.n_steps}, {'forwards' if chain.pointer <= n else 'backwards'}"


def step_formula(chain: Chain, passed: ChainPass) -> str:
    """Return the pointer's operation as LaTeX: the formula, the numbers put in, the value."""
    n, at, last = len(chain.choices), chain.pointer, passed.symbols[-1]
    if at == 0:
        return f"{passed.symbols[0]} = {math_number(passed.values[0])}"
    if at <= n:
        link, a, b = passed.links[at - 1], passed.symbols[at - 1], passed.symbols[at]
        number_in = link.written(guarded(passed.values[at - 1]))
        return f"{b} = {link.written(a)} = {number_in} = {math_number(passed.values[at])}"
    i = 2 * n - at
    link, a, b = passed.links[i], passed.symbols[i], passed.symbols[i + 1]
    local = _derivative(b, a)
    slope = rf"{local} = {link.slope_written(a)} = {link.slope_written(guarded(passed.values[i]))} "
    if link.slope_written(a) == link.slope_written(guarded(passed.values[i])):
        slope = rf"{local} = {link.slope_written(a)} "
    elif not i < n - 1:
        slope += f"= {math_number(passed.slopes[i])}"
    if i == n - 1:
        return slope
    if "@" in link.slope_formula:
        slope += f"= {math_number(passed.slopes[i])}"
    before = _derivative(last, b)
    product = (
        rf"{_derivative(last, a)} = {before} \cdot {local} = {guarded(passed.products[i + 1])} \cdot "
        rf"{guarded(passed.slopes[i])} = \mathbf{{{math_number(passed.products[i])}}}"
    )
    return rf"\begin{{gathered}} {slope} \\[6pt] {product} \end{{gathered}}"


def _derivative(top: str, bottom: str) -> str:
    return rf"\frac{{d{top}}}{{d{bottom}}}"


def whole_formula(passed: ChainPass) -> str:
    """Return the whole product as LaTeX: dz/dx = dz/dy dy/dx = 8 * 3 = 24."""
    s = passed.symbols
    pairs = [_derivative(s[i + 1], s[i]) for i in reversed(range(len(passed.links)))]
    slopes = [guarded(slope) for slope in reversed(passed.slopes)]
    total = rf"\mathbf{{{math_number(passed.slope)}}}"
    if len(pairs) == 1:
        return f"{pairs[0]} = {total}"
    dot = r" \cdot "
    parts = (dot.join(pairs), dot.join(slopes), total)
    if len(pairs) <= NAMED:
        return f"{_derivative(s[-1], s[0])} = " + " = ".join(parts)
    # A long product has a line for the symbols and one for the numbers.
    lines = r" \\[4pt] &= ".join(parts)
    return rf"\begin{{aligned}} {_derivative(s[-1], s[0])} &= {lines} \end{{aligned}}"


def told_at_the_end(chain: Chain, formula: str) -> str:
    """Return the LaTeX formula, or the empty room that it takes while the pointer is not yet at the end."""
    return formula if chain.pointer == chain.n_steps else rf"\phantom{{{formula}}}"


def words(chain: Chain, passed: ChainPass) -> str:
    """Return what the slope of the whole chain means, or what the present step does."""
    n, at = len(chain.choices), chain.pointer
    first, last = passed.symbols[0], passed.symbols[-1]
    if at < n:
        return "Forwards: each link gets what the one before has computed."
    if at == n:
        return f"The forward pass is done: {last} = {number(passed.output)}. Now backwards, from {last}."
    if at < chain.n_steps:
        return "Backwards: look up the local slope at the value that went in, and multiply."
    return (
        f"If {first} grows by a tiny amount, {last} "
        f"{'does not change' if passed.slope == 0 else 'grows' if passed.slope > 0 else 'falls'}"
        f"{'' if passed.slope == 0 else f' by {number(abs(passed.slope))} times that amount'}."
    )


def zero_words(passed: ChainPass) -> str:
    """Return which factor makes the product 0, and where a link has no slope at all; empty if all is well."""
    parts = []
    for i in passed.zero_links:
        a, b = passed.symbols[i : i + 2]
        parts.append(
            f"Link {i + 1} ({passed.links[i].name}) is flat at {a} = {number(passed.values[i])}: "
            f"d{b}/d{a} is 0. That factor alone makes the whole product 0."
        )
    for i in passed.broken_links:
        a = passed.symbols[i]
        parts.append(
            f"Link {i + 1} ({passed.links[i].name}) has no slope at {a} = {number(passed.values[i])}. "
            f"By convention {number(passed.slopes[i])} is used."
        )
    return " ".join(parts)


def substitution(chain: Chain, passed: ChainPass) -> list[str]:
    """Return the check by substitution as LaTeX lines: one formula for the whole chain, its derivative, its value.

    Chains that are no short polynomial are checked with a central difference instead.
    """
    first, last = passed.symbols[0], passed.symbols[-1]
    coefficients = expand(passed.links)
    if coefficients is None:
        try:
            numeric = numerical_slope(passed.links, chain.x)
        except ValueError:
            return []
        eps = r"10^{-6}"
        return [
            rf"\frac{{{last}({first} + {eps}) - {last}({first} - {eps})}}{{2 \cdot {eps}}} = "
            rf"\mathbf{{{math_number(numeric)}}}"
        ]
    inner = first
    for i, link in enumerate(passed.links):
        inner = link.written(inner if i == 0 else f"({inner})")
    slope = polynomial_slope(coefficients)
    expanded = polynomial_written(coefficients, first)
    whole = rf"{last} = {inner} = {expanded}" if inner != expanded else f"{last} = {inner}"
    if len(passed.links) > NAMED and inner != expanded:
        whole = rf"\begin{{aligned}} {last} &= {inner} \\[4pt] &= {expanded} \end{{aligned}}"
    return [
        whole,
        rf"{_derivative(last, first)} = {polynomial_written(slope, first)} = "
        rf"\mathbf{{{math_number(polynomial_value(slope, chain.x))}}} \quad "
        rf"({first} = {math_number(chain.x)})",
    ]


def is_polynomial(passed: ChainPass) -> bool:
    """Whether the check by substitution can be written out."""
    return expand(passed.links) is not None


def nudged(chain: Chain, dx: float) -> Nudge | None:
    """Return what a nudge does, or None if it leaves the range."""
    try:
        return nudge(chain.links, chain.x, dx)
    except ValueError:
        return None


def nudge_series(chain: Chain) -> list[Nudge]:
    """Return the same nudge at every size in `DX`."""
    return [n for n in (nudged(chain, dx) for dx in DX) if n is not None]


def nudge_table(passed: ChainPass, pushed: Nudge) -> dict[str, list[str]]:
    """Return for every value of the chain its predicted and actual change."""
    return {
        "value": [f"d{symbol}" for symbol in passed.symbols],
        "predicted": [
            number(p)
            if i == 0
            else f"{number(passed.slopes[i - 1])} \N{MULTIPLICATION SIGN} "
            f"{number(pushed.predicted[i - 1])} = {number(p)}"
            for i, p in enumerate(pushed.predicted)
        ],
        "actual": [number(a) for a in pushed.actual],
        "gap": [_gap(a, p) for a, p in zip(pushed.actual, pushed.predicted, strict=True)],
    }


def _gap(actual: float, predicted: float) -> str:
    """A gap in the last digits that a computer keeps is none of the curve's."""
    return "0" if abs(actual - predicted) < 1e-12 else number(actual - predicted)


def nudge_words(passed: ChainPass, pushed: Nudge) -> str:
    """Return what the nudge shows, in a sentence."""
    first, last = passed.symbols[0], passed.symbols[-1]
    gap = _gap(pushed.actual[-1], pushed.predicted[-1])
    if gap == "0":
        told = "There is no gap: here the slope tells the whole truth."
    elif any(link.name == "step" for link in passed.links):
        told = f"The gap is {gap}. A step stays flat or jumps, and no slope tells which."
    else:
        told = f"The gap is {gap}. Make the nudge smaller and the gap shrinks much faster than the nudge."
    return (
        f"Push {first} by {number(pushed.dx)}. The slope predicts that {last} changes by "
        f"**{number(pushed.predicted[-1])}**. It really changes by **{number(pushed.actual[-1])}**. {told}"
    )
