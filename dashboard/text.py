"""How numbers, percentages and symbols are written, everywhere the same."""

import inspect
import math
from itertools import pairwise

import nnlib
from nnlib.trace import latex

MINUS = "\N{MINUS SIGN}"


def number(value: float) -> str:
    """Return a number with four significant digits and a true minus sign; only an exact 0 is written "0"."""
    value = float(value)
    if math.isnan(value):
        return "undefined"
    if math.isinf(value):
        return ("" if value > 0 else MINUS) + "too large"
    if value == 0:
        return "0"
    size = abs(value)
    text = f"{size:.4g}" if 1e-3 <= size < 1e5 else f"{size:.3e}"
    if "e" in text:
        digits, exponent = text.split("e")
        digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
        text = f"{digits}e{int(exponent)}".replace("-", MINUS)
    return (MINUS if value < 0 else "") + text


def percent(share: float) -> str:
    """Return a share of 1 as a percentage with one decimal; exactly 0 and 1 without any."""
    if share in (0, 1):
        return f"{share:.0%}".replace("%", "\N{NARROW NO-BREAK SPACE}%")
    return f"{100 * share:.1f} %".replace(" ", "\N{NARROW NO-BREAK SPACE}")


def count(value: int) -> str:
    """Return a whole number with its thousands set apart."""
    return f"{value:,}"


def plural(value: int, one: str, many: str | None = None) -> str:
    """Return the number with its noun: "1 level", "24 levels"."""
    return f"{count(value)} {one if value == 1 else many or one + 's'}"


def partial(factor: str) -> str:
    """Return a factor of the chain such as "dO_out/dO_in" as inline LaTeX with its subscripts."""
    top, bottom = factor.split("/")
    return rf"$\partial {latex(top[1:])} / \partial {latex(bottom[1:])}$"


SPELLED = {
    "relu": "ReLU",
    "leaky_relu": "leaky ReLU",
    "rmsprop": "RMSProp",
    "xor": "XOR",
    "and": "AND",
    "or": "OR",
    "own": "your own data",
    "same": "the same",
    "line": "a line",
    "sine": "a sine",
}


def noun(name: str) -> str:
    """Return the name of an activation, an optimizer, a scheme or a data set as it is written within a sentence."""
    return SPELLED.get(name, name)


def title(name: str) -> str:
    """Return such a name as it is written at the start of a line."""
    spelled = noun(name)
    return spelled[0].upper() + spelled[1:]


def below_one(value: float) -> str:
    """Return a number below 1 so that it is never written as 1."""
    return "just below 1" if number(value) == "1" else number(value)


def gradient_formula(symbols: tuple[str, ...], ref: nnlib.WeightRef) -> str:
    """Return the chain rule for a weight as LaTeX: from the loss back to its layer, the activations' slopes marked."""
    parameter = f"{'b' if ref.row is None else 'W'}{ref.layer + 1}"
    names = ("MSE", *reversed(symbols[2 * ref.layer + 1 :]), parameter)
    factors = [latex(f"d{top}/d{bottom}") for top, bottom in pairwise(names)]
    # The first is the loss's slope, the last what enters the weight; between them slopes and weights take turns.
    factors[1:-1:2] = [rf"\underbrace{{{factor}}}_{{f'}}" for factor in factors[1:-1:2]]
    return f"{latex('d' + parameter)} = " + r" \cdot ".join(factors)


def source(name: str) -> str:
    """Return the source of a public nnlib function, as it runs."""
    return inspect.getsource(getattr(nnlib, name))


def diverged(what: str, step: int) -> str:
    """Return the sentence on a descent that was stopped because a number left the range of floating point."""
    return (
        f"The {what} diverged. At step {count(step)} a number grew too large for floating point, so the run stopped "
        "there and its last finite state is kept. Try a smaller learning rate."
    )
