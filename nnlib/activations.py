"""An activation function beside its slope.

A neuron hands its weighted sum z through an activation f. Backpropagation multiplies by the slope of f
at every neuron it passes, so the slope decides whether a network can learn: where it is 0, nothing gets
through. Each function here stands next to its slope, with the formula of both.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nnlib._types import Array


@dataclass(frozen=True)
class SigmoidForm:
    """An activation that is a stretched, shifted sigmoid: low + (high - low) * sigma(steepness * (z - threshold))."""

    steepness: float = 1.0
    threshold: float = 0.0
    low: float = 0.0
    high: float = 1.0


@dataclass(frozen=True)
class Activation:
    """An activation function f with its slope df/dz, both elementwise on arrays of any shape.

    `f(z)` gives the activation a. `slope(z, a)` gives da/dz; it may use a, which the forward pass has computed already.
    `formula` and `slope_formula` are LaTeX. `breaks` lists the z at which no slope exists; `slope` returns a stated
    convention there. `form` is set where f is built from the sigmoid, `levels` to the values of an f that jumps between
    a few, as the step does. `bend(z, a)` gives d2a/dz2; without one it is taken from differences of the slope.
    """

    name: str
    f: Callable[[Array], Array]
    slope: Callable[[Array, Array], Array]
    formula: str
    breaks: tuple[float, ...] = ()
    slope_formula: str = ""
    form: SigmoidForm | None = None
    levels: tuple[float, ...] = ()
    bend: Callable[[Array, Array], Array] | None = None

    def __call__(self, z: Array) -> Array:
        """Return f(z), with the shape of z."""
        return self.f(z)


def step(threshold: float = 0.0) -> Activation:
    """Return the step function of the first neuron models: 1.0 where z >= threshold, else 0.0.

    It has no slope at the threshold and slope 0 everywhere else. `slope` returns 0.0 there too, by convention, so no
    gradient ever passes a step. Raises ValueError if the threshold is not a finite number. Source: McCulloch and Pitts,
    1943.
    """
    _require_finite(threshold=threshold)

    def f(z: Array) -> Array:
        return np.greater_equal(z, threshold).astype(np.result_type(z, np.float32), copy=False)

    def slope(z: Array, a: Array) -> Array:
        return np.zeros_like(a)

    shown = f"{threshold:.4g}"
    return Activation(
        name="step",
        f=f,
        slope=slope,
        formula=rf"f(z) = \begin{{cases}} 1 & z \ge {shown} \\ 0 & z < {shown} \end{{cases}}",
        breaks=(float(threshold),),
        slope_formula=rf"f'(z) = 0 \quad (z \ne {shown})",
        levels=(0.0, 1.0),
        bend=_no_bend,
    )


def sigmoid(steepness: float = 1.0, threshold: float = 0.0) -> Activation:
    """Return the logistic sigmoid 1 / (1 + exp(-k (z - theta))), k the steepness and theta the threshold.

    Its slope is k * a * (1 - a): largest at the threshold, where it is k / 4, and almost 0 far from it. 1 - a is
    computed as sigma(-k (z - theta)), which is the same but does not round to 0 where a rounds to 1. As k grows the
    function turns into the step. Raises ValueError if k is not positive or a number is not finite. Source: Verhulst,
    1845; as an activation Rumelhart, Hinton and Williams, 1986.
    """
    _require_finite(steepness=steepness, threshold=threshold)
    if steepness <= 0:
        raise ValueError(f"steepness must be positive, got {steepness}")
    plain = steepness == 1 and threshold == 0

    def inner(z: Array) -> Array:
        if plain:
            return z
        with np.errstate(over="ignore"):  # inf is right there: the sigmoid is 0 or 1
            return steepness * (z - threshold)

    def f(z: Array) -> Array:
        return logistic(inner(z))

    def slope(z: Array, a: Array) -> Array:
        one_minus_a = logistic(-inner(z))
        return a * one_minus_a if plain else steepness * a * one_minus_a

    k = "" if steepness == 1 else rf"{steepness:.4g}\,"
    inside = "z" if threshold == 0 else f"(z {'-' if threshold > 0 else '+'} {abs(threshold):.4g})"
    return Activation(
        name="sigmoid",
        f=f,
        slope=slope,
        formula=rf"f(z) = \frac{{1}}{{1 + e^{{-{k}{inside}}}}}",
        slope_formula=rf"f'(z) = {k}f(z)\,(1 - f(z))",
        form=SigmoidForm(float(steepness), float(threshold)),
    )


def logistic(z: Array) -> Array:
    """Return sigma(z) = 1 / (1 + exp(-z)) elementwise: exactly 0 and 1 at -inf and +inf, and no warning anywhere.

    exp overflows to inf for z < -709, and 1 / inf = 0 is the right answer; it underflows to 0 for z > 745, and 1 is
    right; a result just right of -709 has lost some digits: none of it is an error. This form keeps its relative
    accuracy in the left tail, which 0.5 + 0.5 * tanh(z / 2) does not. Source: Verhulst, 1845.
    """
    with np.errstate(over="ignore", under="ignore"):
        a = np.exp(np.negative(z))
        a += 1
        result: Array = np.divide(1, a, out=a) if isinstance(a, np.ndarray) else 1 / a
    return result


def _require_finite(**numbers: float) -> None:
    for name, value in numbers.items():
        if not np.isfinite(value):
            raise ValueError(f"{name} must be a finite number, got {value}")


def _no_bend(z: Array, a: Array) -> Array:
    return np.zeros_like(a)


def _tanh_slope(z: Array, a: Array) -> Array:
    return 1 - a * a


def _relu(z: Array) -> Array:
    return np.maximum(z, 0)


def _relu_slope(z: Array, a: Array) -> Array:
    return (z > 0).astype(a.dtype)


LEAK = 0.01
"""The slope of leaky ReLU for negative z."""


def _leaky_relu(z: Array) -> Array:
    return np.where(z > 0, z, LEAK * z)


def _leaky_relu_slope(z: Array, a: Array) -> Array:
    return np.where(z > 0, a.dtype.type(1), a.dtype.type(LEAK))


def _softplus(z: Array) -> Array:
    # The same as np.logaddexp(0, z), which takes several times as long.
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def _softplus_slope(z: Array, a: Array) -> Array:
    return logistic(z)


def _softplus_bend(z: Array, a: Array) -> Array:
    # 1 - sigma(z) would have few digits left where sigma is almost 1.
    return logistic(z) * logistic(-z)


def _identity(z: Array) -> Array:
    return z


def _identity_slope(z: Array, a: Array) -> Array:
    return np.ones_like(a)


tanh = Activation(
    "tanh",
    np.tanh,
    _tanh_slope,
    r"f(z) = \tanh z",
    slope_formula=r"f'(z) = 1 - f(z)^2",
    form=SigmoidForm(steepness=2.0, low=-1.0, high=1.0),
)
relu = Activation(
    "relu",
    _relu,
    _relu_slope,
    r"f(z) = \max(0, z)",
    breaks=(0.0,),
    slope_formula=r"f'(z) = \begin{cases} 1 & z > 0 \\ 0 & z \le 0 \end{cases}",
    bend=_no_bend,
)
leaky_relu = Activation(
    "leaky_relu",
    _leaky_relu,
    _leaky_relu_slope,
    rf"f(z) = \begin{{cases}} z & z > 0 \\ {LEAK} z & z \le 0 \end{{cases}}",
    breaks=(0.0,),
    slope_formula=rf"f'(z) = \begin{{cases}} 1 & z > 0 \\ {LEAK} & z \le 0 \end{{cases}}",
    bend=_no_bend,
)
softplus = Activation(
    "softplus",
    _softplus,
    _softplus_slope,
    r"f(z) = \ln(1 + e^z)",
    slope_formula=r"f'(z) = \frac{1}{1 + e^{-z}}",
    bend=_softplus_bend,
)
identity = Activation("identity", _identity, _identity_slope, r"f(z) = z", slope_formula=r"f'(z) = 1", bend=_no_bend)

ACTIVATIONS: dict[str, Activation] = {
    a.name: a for a in (step(), sigmoid(), tanh, relu, leaky_relu, softplus, identity)
}
"""Every activation by name; step and sigmoid with threshold 0 and steepness 1."""


def get_activation(name: str | Activation) -> Activation:
    """Return the activation of that name, or the argument itself if it is one.

    Raises ValueError for any other argument; the message lists the known names.
    """
    if isinstance(name, Activation):
        return name
    if not isinstance(name, str) or name not in ACTIVATIONS:
        raise ValueError(f"unknown activation {name!r}; known: {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]
