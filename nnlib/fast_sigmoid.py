"""The sigmoid of many numbers, in their own memory: by the exponential function, or by a table where that is faster.

sigma(z) = 1 / (1 + e^-z) is four sweeps over memory with a vectorised exp, which numpy has for processors with AVX-512.
Elsewhere each float64 exp costs as much as twenty additions. Then, let z0 be the table's entry nearest to z and
r = z - z0, less than half a spacing. With the e^-z0 of the table,

    sigma(z) = 1 / (1 + e^-z0 e^-r)   and   e^-r = (2 - r) / (2 + r), nearly,

so sigma(z) = (2 + r) / (2 + r + e^-z0 (2 - r)): a look-up and eight cheap sweeps. The fraction is off by r^3 / 12;
spread evenly over the interval, as Chebyshev would, that makes 5e-15 in e^-z with 8192 entries for each unit of z, and
at most 1.4e-15 in sigma. (`activations.logistic` keeps its full relative accuracy far to the left.)
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.lib import introspect

from nnlib._types import Array
from nnlib.activations import Activation, identity, relu
from nnlib.scratch import Scratch

ENTRIES = 8192
"""Entries of the table for each unit of z."""
REACH = 40
"""The table covers -REACH to REACH; beyond, sigma is 0 or 1 to within 1e-17."""
WORTHWHILE = 3000
"""With fewer numbers than this, the calls into numpy cost more than the exponentials they save."""
LARGEST = 1e11
"""The table must not be asked for larger |z|, or the whole numbers below no longer fit."""

# A step of the nearest-entry error r - r^3/12 is spread evenly (as the Chebyshev polynomial T3 does) by scaling r.
_SCALE = ENTRIES / (1 + (0.5 / ENTRIES) ** 2 / 16)
# Adding 1.5 * 2^52 rounds a float64 to a whole number and leaves that number in its lowest bits.
_ROUND = np.array(1.5 * 2.0**52)
_BITS_OF_FIRST = np.array(_ROUND.view(np.int64) - REACH * ENTRIES)
_ROUND_LESS_TWO = np.array(float(_ROUND) + 2 * ENTRIES)
_FOUR = np.array(4.0 * ENTRIES)


@dataclass(frozen=True)
class Sigmoid:
    """A way to compute the sigmoid: call it with scale * z, and these numbers are overwritten with sigma(z)."""

    scale: float
    by_table: bool

    def __call__(self, w: Array, scratch: Scratch) -> Array:
        """Return sigma(w / scale) in the memory of w."""
        if self.by_table:
            _look_up(w, scratch)
            return w
        np.exp(w, out=w)
        w += 1
        return np.divide(1, w, out=w)


BY_EXP = Sigmoid(-1.0, False)
BY_TABLE = Sigmoid(_SCALE, True)


def fastest_sigmoid(size: int, dtype: np.dtype[Any], largest: float) -> Sigmoid:
    """Return the faster way for `size` numbers of that type, none of them beyond +-largest."""
    table = dtype == np.float64 and size >= WORTHWHILE and largest <= LARGEST and not exp_is_vectorised()
    return BY_TABLE if table else BY_EXP


@cache
def exp_is_vectorised() -> bool:
    """Whether numpy's exp for float64 uses AVX-512 on this processor."""
    loops = introspect.opt_func_info(func_name="^exp$", signature="float64")
    current = str(loops.get("exp", {}).get("dd", {}).get("current", ""))
    return "V4" in current or "AVX512" in current


exp_is_vectorised()  # numpy takes half a millisecond for the answer: no first call shall wait for it


@cache
def _table() -> Array:
    """Return e^-z0 for z0 = -REACH ... REACH."""
    return np.exp(np.arange(REACH * ENTRIES, -REACH * ENTRIES - 1, -1) / _SCALE)


def _look_up(w: Array, scratch: Scratch) -> None:
    """Overwrite w = z * _SCALE with sigma(z). In units of 1 / ENTRIES, `s` below is 2 + r and _FOUR - s is 2 - r."""
    e = scratch.take("sigmoid e", w.shape, w.dtype)
    place = scratch.take("sigmoid place", w.shape, np.dtype(np.int64))
    np.add(w, _ROUND, out=e)
    np.subtract(e.view(np.int64), _BITS_OF_FIRST, out=place)
    np.subtract(e, _ROUND_LESS_TWO, out=e)
    s = np.subtract(w, e, out=w)
    # take(mode="clip") also keeps what lies beyond the table at its ends.
    np.take(_table(), place, out=e, mode="clip")  # type: ignore[call-overload]
    d = np.subtract(_FOUR, s, out=place.view(w.dtype))
    d *= e
    d += s
    np.divide(s, d, out=s)


@dataclass(frozen=True)
class InPlace:
    """An activation of scale * (z - shift), computed in the memory of its argument; of a sigmoid without its stretch.

    An activation low + span * sigma(k (z - theta)) gives sigma(...); the caller sees to low and span, and scales what
    it hands over, so that neither costs a sweep.
    """

    activation: Activation
    sigmoid: Sigmoid | None
    scale: float
    shift: float

    @classmethod
    def of(cls, activation: Activation, size: int, dtype: np.dtype[Any], largest: float) -> "InPlace":
        """Return the fastest way for arrays of `size` numbers with |z| up to `largest`."""
        form = activation.form
        if form is None:
            return cls(activation, None, 1.0, 0.0)
        sigmoid = fastest_sigmoid(size, dtype, form.steepness * (largest + abs(form.threshold)))
        return cls(activation, sigmoid, form.steepness * sigmoid.scale, form.threshold)

    def __call__(self, z: Array, scratch: Scratch) -> Array:
        """Return the activation; z, which holds scale * (z - shift), is overwritten."""
        if self.sigmoid is not None:
            return self.sigmoid(z, scratch)
        if self.activation is relu:
            return np.maximum(z, 0, out=z)
        if self.activation is not identity:
            z[...] = self.activation.f(z)  # what f returns may be its own; what we return is written to
        return z


def stretch(activation: Activation) -> tuple[float, float]:
    """Return low and span of an activation low + span * sigma(...); (0, 1) where the activation is taken as it is."""
    form = activation.form
    return (0.0, 1.0) if form is None else (form.low, form.high - form.low)
