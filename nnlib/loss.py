"""The loss: half the mean squared error, beside its slope; and the share of right answers.

The half is there so that the slope has no stray 2: d/dO of (O - Y)^2 / 2 is O - Y.
"""

import numpy as np
from numpy.typing import NDArray

from nnlib._types import Array


def mse(O_out: Array, Y: Array) -> Array:
    """Return half the mean squared error, sum((O_out - Y)^2) / (2 N K): one number for each network.

    O_out (..., N, K), Y (N, K) -> (...,). Raises ValueError if the last two axes differ. Source: Gauss, 1809; the half
    as in Rumelhart, Hinton and Williams, 1986.
    """
    O_out, Y = _checked(O_out, Y)
    error = O_out - Y
    total: Array = (error * error).sum((-2, -1))
    return total / (2 * Y.size)


def mse_slope(O_out: Array, Y: Array) -> Array:
    """Return dMSE/dO_out = (O_out - Y) / (N K), the slope of `mse` for each output.

    O_out (..., N, K), Y (N, K) -> (..., N, K). Raises ValueError if the last two axes differ. Source: the derivative of
    (O - Y)^2 / 2 is O - Y.
    """
    O_out, Y = _checked(O_out, Y)
    return (O_out - Y) / Y.size


def accuracy(O_out: Array, Y: Array) -> Array:
    """Return the share of samples whose class is the right one, a tie counting as wrong.

    O_out (..., N, K), Y (N, K) -> (...,), between 0 and 1. With K > 1 the answer is the single largest output; with K
    = 1 it is whether the output is above 0.5. Raises ValueError if the last two axes differ.
    """
    O_out, Y = _checked(O_out, Y)
    if Y.shape[-1] == 1:
        right = np.where(Y > 0.5, O_out > 0.5, O_out < 0.5)
        return np.asarray(right[..., 0].mean(-1))
    largest = O_out == O_out.max(-1, keepdims=True)
    wanted = Y.max(-1, keepdims=True) == Y
    return np.asarray((largest == wanted).all(-1).mean(-1))


def confusion(O_out: Array, Y: Array) -> NDArray[np.int64]:
    """Return how many samples of each class were taken for each class: rows the right class, columns the answer.

    O_out (N, K), Y (N, K) -> (C, C + 1), C the number of classes, which is 2 for K = 1. The last column counts the
    ties, for which there is no answer; the diagonal counts what `accuracy` calls right. Raises ValueError if the shapes
    differ.
    """
    O_out, Y = _checked(O_out, Y)
    if Y.shape[-1] == 1:
        O_out, Y = np.concatenate([1 - O_out, O_out], -1), np.concatenate([1 - Y, Y], -1)
    n_classes = Y.shape[-1]
    tie = (O_out == O_out.max(-1, keepdims=True)).sum(-1) > 1
    answer = np.where(tie, n_classes, O_out.argmax(-1))
    counts = np.zeros((n_classes, n_classes + 1), np.int64)
    np.add.at(counts, (Y.argmax(-1), answer), 1)
    return counts


def _checked(O_out: Array, Y: Array) -> tuple[Array, Array]:
    """Return both as arrays; ValueError unless the outputs' last two axes are those of the targets."""
    O_out, Y = np.asarray(O_out), np.asarray(Y)
    if O_out.shape[-2:] != Y.shape:
        raise ValueError(f"outputs of shape {O_out.shape} do not fit targets of shape {Y.shape}")
    return O_out, Y
