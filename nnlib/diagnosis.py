"""Diagnosis: what passes through a network's layers, and why a descent came to rest.

A gradient on its way back is multiplied by a slope and a weight at every layer. The slopes' product alone is bounded: a
sigmoid's slope is at most 1/4, so that of n sigmoid layers is at most (1/4)^n. The weights multiply too, so the bound
holds for the product of slopes, not for dW.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nnlib._types import Array
from nnlib.backprop import BackwardPass, backward
from nnlib.loss import mse
from nnlib.network import Network, Params, forward

SIGMOID_BOUND = 0.25
"""The largest slope of a sigmoid of steepness 1: sigma(z) (1 - sigma(z)) = 1/4 at z = 0."""


@dataclass(frozen=True, eq=False)
class SlopeProducts:
    """The product of the slopes from the loss back to each layer: its largest and its mean value, (..., L) each.

    A path takes one unit of each layer; `largest` is over all paths and samples, `mean` too.
    """

    largest: Array
    mean: Array


def slope_products(passed: BackwardPass) -> SlopeProducts:
    """Return, for each layer, the product of the activations' slopes from the output layer back to that one.

    slopes (..., N, units) for each of L layers -> (..., L). The largest product over all paths of units is the product
    of each layer's largest slope, sample by sample; the mean over all paths is the product of the means. Source:
    Hochreiter, 1991; Bengio, Simard and Frasconi, 1994.
    """
    largest = np.stack([np.abs(s).max(-1) for s in passed.slopes], -1)
    mean = np.stack([np.abs(s).mean(-1) for s in passed.slopes], -1)

    def back(factors: Array) -> Array:
        return np.asarray(np.flip(np.cumprod(np.flip(factors, -1), -1), -1))

    return SlopeProducts(back(largest).max(-2), back(mean).mean(-2))


def layer_sizes(params: Params) -> Array:
    """Return the size of each weight matrix: the root of the mean of its squares, (..., L) for L layers.

    Works for weights and for gradients; biases are left out.
    """
    return np.stack([np.sqrt((w * w).mean((-2, -1))) for w in params.weights], -1)


ENDINGS: dict[str, str] = {
    "solved": "the loss is at most the target",
    "diverged": "a number left the range of floating point",
    "dead": "a whole hidden layer has slope 0 for nearly all samples, so no gradient gets through it",
    "saturated": "the gradient is almost 0 because most slopes of a hidden layer are almost 0",
    "plateau": "the gradient is almost 0 although the slopes are not: the contributions of the samples cancel",
    "moving": "the loss still falls; more steps or larger ones would go on",
}
"""How a descent can end, in words, in the order in which it is asked."""

SMALL_SLOPE = 0.01
"""A slope below this share of the activation's largest counts as almost 0."""
SMALL_GRADIENT = 1e-3
"""A gradient of at most this norm counts as almost 0."""


def endings(
    network: Network, params: Params, X: Array, Y: Array, target: float, diverged: NDArray[np.bool_] | None = None
) -> NDArray[np.str_]:
    """Return how each of many descents ended, one of `ENDINGS`.

    params (R, ...) after the last step -> (R,). `target` is the loss that counts as solved, `diverged` (R,) the runs
    that were stopped because a number became too large. Raises ValueError for shapes that do not fit.
    """
    n_runs = params.runs[0]
    with np.errstate(over="ignore", invalid="ignore"):
        passed = forward(network, params, X)
        back = backward(network, params, passed, Y)
        loss = mse(passed.O_out, Y)
        norm = np.linalg.norm(back.gradient.to_vector(), axis=-1)
    hidden = back.slopes[:-1] or back.slopes
    top = np.max([np.abs(s).max() for s in hidden])
    zero = np.max([(s == 0).mean((-2, -1)) for s in hidden], axis=0)
    flat = np.max([(np.abs(s) < SMALL_SLOPE * max(top, 1e-12)).mean((-2, -1)) for s in hidden], axis=0)
    stopped = np.zeros(n_runs, bool) if diverged is None else diverged
    small = ~(norm > SMALL_GRADIENT)
    conditions = [stopped, loss <= target, zero > 0.95, small & (flat > 0.5), small]
    return np.select(conditions, ["diverged", "solved", "dead", "saturated", "plateau"], "moving")
