"""The types that every module shares, and what makes a value one that nobody can change."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
"""A numpy array of real numbers; its shape is told where it is used."""

Number = float | np.floating
"""One real number."""

Shape = Sequence[int]
"""The lengths of an array's axes."""


def is_whole(number: Any) -> bool:
    """Return whether this is a whole number: an int or a numpy integer, but not True or False."""
    return isinstance(number, int | np.integer) and not isinstance(number, bool)


def frozen(name: str, values: Any) -> Array:
    """Return the values as a read-only array of floats; a writable array is copied, so no one can change it later.

    Floats keep their precision, whole numbers and booleans become float64. Raises ValueError for anything else.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} must be real numbers, got an array of {array.dtype}")
    if array.dtype.kind != "f":
        array = array.astype(np.float64)
    elif array.flags.writeable:
        array = array.copy()
    return sealed(array)


def sealed(array: Array) -> Array:
    """Return the same array, read-only from now on; for arrays that we made ourselves."""
    array.flags.writeable = False
    return array
