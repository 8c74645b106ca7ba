r"""The chain rule on plain numbers: links, the pass forwards, the pass backwards.

A chain feeds one number through simple functions, each link's output being the next one's input. Forwards gives the
values; backwards multiplies the local slopes, one link at a time, into the slope of the whole. With x = 2,

    y = 3x - 2 = 4,    z = y^2 = 16          forwards
    dz/dy = 2y = 8,    dz/dx = 8 * 3 = 24    backwards

A neural network is the same with many numbers side by side: see backprop.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nnlib._types import Array
from nnlib.activations import ACTIVATIONS, Activation
from nnlib.activations import sigmoid as sigmoid_activation
from nnlib.activations import step as step_activation

MAX_LINKS = 8
"""The longest chain that `evaluate` takes."""
LIMIT = 1e12
"""A value or slope beyond this ends the evaluation: a chain of cubes or exponentials leaves every scale quickly."""
MAX_DEGREE = 12
"""The highest power `expand` writes out."""


@dataclass(frozen=True)
class Link:
    """A function of one number beside its slope, both elementwise on arrays of any shape.

    In `formula` and `slope_formula` (LaTeX) the sign @ stands for the input; `written` puts a symbol or a number there.
    `breaks` lists the inputs at which no slope exists. `coefficients` c0, c1, ... are set for polynomials c0 + c1 u ...
    """

    name: str
    f: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    formula: str
    slope_formula: str
    breaks: tuple[float, ...] = ()
    coefficients: tuple[float, ...] = ()

    def written(self, u: str) -> str:
        """Return the formula with u as the input: 3x - 2 for a letter, 3 times 4 - 2 with a dot for a number."""
        return _insert(self.formula, u)

    def slope_written(self, u: str) -> str:
        """Return the slope's formula with u as the input, such as 2y for u = "y"."""
        return _insert(self.slope_formula, u)


def affine(a: float = 3.0, b: float = -2.0) -> Link:
    """Return u -> a u + b, a straight line: its slope is a everywhere. ValueError if a number is not finite."""
    _require_finite(a=a, b=b)
    return Link(
        "affine",
        lambda u: a * u + b,
        lambda u: np.full_like(u, a),
        _line(a, b),
        _number(a),
        coefficients=(float(b), float(a)),
    )


def square() -> Link:
    """Return u -> u^2, slope 2u."""
    return Link("square", lambda u: u**2, lambda u: 2 * u, "@^2", r"2 \cdot @", coefficients=(0.0, 0.0, 1.0))


def cube() -> Link:
    """Return u -> u^3, slope 3u^2."""
    return Link("cube", lambda u: u**3, lambda u: 3 * u**2, "@^3", r"3 \cdot @^2", coefficients=(0.0, 0.0, 0.0, 1.0))


def sine() -> Link:
    """Return u -> sin u, slope cos u."""
    return Link("sin", np.sin, np.cos, r"\sin(@)", r"\cos(@)")


def exponential() -> Link:
    """Return u -> e^u, which is its own slope."""
    return Link("exp", _exp, _exp, "e^{@}", "e^{@}")


def sigmoid(steepness: float = 1.0, threshold: float = 0.0) -> Link:
    """Return the sigmoid activation as a link; ValueError as in `activations.sigmoid`."""
    inside = "@" if threshold == 0 else f"(@ {_signed(-threshold)})"
    k = "" if steepness == 1 else rf"{_number(steepness)} \cdot "
    value = rf"\sigma({k}{inside})"
    return _from_activation(sigmoid_activation(steepness, threshold), value, rf"{k}{value}\,(1 - {value})")


def step(threshold: float = 0.0) -> Link:
    """Return the step activation as a link: its slope is 0 wherever it has one. ValueError as in `activations.step`."""
    comparison = rf"[\,@ \ge {_number(threshold)}\,]"
    return _from_activation(step_activation(threshold), rf"\text{{step}}{comparison}", "0")


def tanh() -> Link:
    """Return the tanh activation as a link, slope 1 - tanh^2."""
    return _from_activation(ACTIVATIONS["tanh"], r"\tanh(@)", r"1 - \tanh^2(@)")


def relu() -> Link:
    """Return the ReLU activation as a link: slope 1 for positive inputs, 0 for negative ones."""
    return _from_activation(ACTIVATIONS["relu"], r"\max(0, @)", r"[\,@ > 0\,]")


LINKS: dict[str, Callable[..., Link]] = {
    "affine": affine,
    "square": square,
    "cube": cube,
    "sin": sine,
    "exp": exponential,
    "sigmoid": sigmoid,
    "tanh": tanh,
    "relu": relu,
    "step": step,
}
"""Every kind of link by name: a function of that link's own numbers, all of which have defaults."""

NAMES = "qrstuvxyz"
"""The letters of a chain's values: n links use the last n + 1, so that two links are x, y, z and three start with v."""


@dataclass(frozen=True)
class ChainPass:
    """Everything the pass forwards and the pass backwards computed, for n links.

    `values` (n + 1) starts with the input. `slopes` (n) holds each link's slope at its own input. `products` (n + 1) is
    the slope of the last value with respect to each value: 1 for the last itself, then one factor more for every link
    backwards. `symbols` (n + 1) names the values.
    """

    links: tuple[Link, ...]
    symbols: tuple[str, ...]
    values: tuple[float, ...]
    slopes: tuple[float, ...]
    products: tuple[float, ...]

    @property
    def output(self) -> float:
        """The last value."""
        return self.values[-1]

    @property
    def slope(self) -> float:
        """The slope of the whole chain: the product of all local slopes."""
        return self.products[0]

    @property
    def zero_links(self) -> tuple[int, ...]:
        """The places, from 0, of the links whose slope is 0: each alone makes the whole product 0."""
        return tuple(i for i, slope in enumerate(self.slopes) if slope == 0)

    @property
    def broken_links(self) -> tuple[int, ...]:
        """The places of the links that have no slope at their input; there `slopes` holds a convention."""
        return tuple(i for i, link in enumerate(self.links) if self.values[i] in link.breaks)


def evaluate(links: Sequence[Link], x: float) -> ChainPass:
    """Feed x through the links, then multiply the local slopes from the last link back to the first.

    Raises ValueError for no link or more than `MAX_LINKS`, an x that is not finite, or a value or slope beyond `LIMIT`.
    Source: the chain rule, Leibniz, 1676.
    """
    if not 1 <= len(links) <= MAX_LINKS:
        raise ValueError(f"a chain has 1 to {MAX_LINKS} links, got {len(links)}")
    _require_finite(x=x)
    symbols = tuple(NAMES[-len(links) - 1 :])
    values, slopes = [float(x)], []
    for i, link in enumerate(links):
        u = np.asarray(values[-1])
        slopes.append(_bounded(link.slope(u), f"the slope of link {i + 1} ({link.name})"))
        values.append(_bounded(link.f(u), f"{symbols[i + 1]}, the output of link {i + 1} ({link.name}),"))
    products = [1.0]
    for i in reversed(range(len(links))):
        products.append(_bounded(np.asarray(products[-1] * slopes[i]), f"d{symbols[-1]}/d{symbols[i]}"))
    return ChainPass(tuple(links), symbols, tuple(values), tuple(slopes), tuple(reversed(products)))


@dataclass(frozen=True)
class Nudge:
    """A small push dx at the start of a chain: what the slope predicts at its end, and what really happens there.

    `predicted` and `actual` (n + 1) hold the change of every value of the chain, the first being dx itself.
    """

    dx: float
    predicted: tuple[float, ...]
    actual: tuple[float, ...]

    @property
    def gap(self) -> float:
        """Actual minus predicted change of the last value; it shrinks faster than dx where the slope exists."""
        return self.actual[-1] - self.predicted[-1]


def nudge(links: Sequence[Link], x: float, dx: float) -> Nudge:
    """Push x by dx and compare the change of every value with the one its slope predicts.

    Raises ValueError as `evaluate` does, at x or at x + dx. Source: the definition of the derivative.
    """
    here, there = evaluate(links, x), evaluate(links, x + dx)
    predicted = [dx]
    for slope in here.slopes:
        predicted.append(predicted[-1] * slope)
    # The first change is the push itself; x + dx - x would be it only up to rounding.
    changes = (b - a for a, b in zip(here.values[1:], there.values[1:], strict=True))
    return Nudge(dx, tuple(predicted), (dx, *changes))


def numerical_slope(links: Sequence[Link], x: float, eps: float = 1e-6) -> float:
    """Return the slope of the whole chain without any calculus: (z(x + eps) - z(x - eps)) / (2 eps).

    Raises ValueError as `evaluate` does, or if eps is not positive. Source: the central difference quotient.
    """
    if not eps > 0:
        raise ValueError(f"eps must be positive, got {eps}")
    return (evaluate(links, x + eps).output - evaluate(links, x - eps).output) / (2 * eps)


def expand(links: Sequence[Link]) -> tuple[float, ...] | None:
    """Return the coefficients c0, c1, ... of the whole chain as one polynomial: the check by substitution.

    (3x - 2)^2 gives (4, -12, 9). None if a link is no polynomial or the degree passes `MAX_DEGREE`.
    """
    whole: Array = np.array([0.0, 1.0])
    for link in links:
        if not link.coefficients or (len(whole) - 1) * (len(link.coefficients) - 1) > MAX_DEGREE:
            return None
        # Horner's rule: c0 + u (c1 + u (c2 + ...)), u being the polynomial so far.
        result: Array = np.array([link.coefficients[-1]])
        for c in reversed(link.coefficients[:-1]):
            result = np.polynomial.polynomial.polymul(result, whole)
            result[0] += c
        whole = result
    return tuple(float(c) for c in whole)


def polynomial_slope(coefficients: Sequence[float]) -> tuple[float, ...]:
    """Return the coefficients of a polynomial's derivative: c1, 2 c2, 3 c3, ..."""
    return tuple(i * c for i, c in enumerate(coefficients))[1:] or (0.0,)


def polynomial_value(coefficients: Sequence[float], x: float) -> float:
    """Return the value of the polynomial c0 + c1 x + c2 x^2 + ... at x."""
    return float(np.polynomial.polynomial.polyval(x, list(coefficients)))


def polynomial_written(coefficients: Sequence[float], u: str) -> str:
    """Return a polynomial in u as LaTeX, highest power first, such as 9x^2 - 12x + 4."""
    text = ""
    for power in reversed(range(len(coefficients))):
        c = coefficients[power]
        if c == 0:
            continue
        letter = "" if power == 0 else u if power == 1 else f"{u}^{{{power}}}"
        size = "" if abs(c) == 1 and power else _number(abs(c))
        sign = ("-" if c < 0 else "") if not text else (" - " if c < 0 else " + ")
        text += sign + size + letter
    return text or "0"


def _from_activation(activation: Activation, formula: str, slope_formula: str) -> Link:
    def slope(u: Array) -> Array:
        return activation.slope(u, activation.f(u))

    return Link(activation.name, activation.f, slope, formula, slope_formula, activation.breaks)


def _exp(u: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.exp(u)


def _bounded(value: Array, what: str) -> float:
    number = float(value)
    if not abs(number) <= LIMIT:
        raise ValueError(f"{what} leaves the range of \N{PLUS-MINUS SIGN}{LIMIT:.0e}".replace("e+", "e"))
    return number


def _require_finite(**numbers: float) -> None:
    for name, value in numbers.items():
        if not np.isfinite(value):
            raise ValueError(f"{name} must be a finite number, got {value}")


def _insert(formula: str, u: str) -> str:
    return (formula.replace(r" \cdot @", "@") if u.isalpha() else formula).replace("@", u)


def _number(value: float) -> str:
    return f"{value:.6g}"


def _signed(value: float) -> str:
    return f"{'-' if value < 0 else '+'} {_number(abs(value))}"


def _line(a: float, b: float) -> str:
    times = "" if a == 1 else "-" if a == -1 else rf"{_number(a)} \cdot "
    return f"{times}@" if b == 0 else f"{times}@ {_signed(b)}"
