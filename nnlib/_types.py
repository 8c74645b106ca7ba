"""The types that every module shares, and what makes a value one that nobody can change."""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
"""A numpy array of real numbers; its shape is told where it is used."""

Number = float | np.floating
"""One real number."""

AnyNumber = TypeVar("AnyNumber", bound=np.generic)

Shape = Sequence[int]
"""The lengths of an array's axes."""


def is_whole(number: Any) -> bool:
    """Return whether this is a whole number: an int or a numpy integer, but not True or False."""
    return isinstance(number, int | np.integer) and not isinstance(number, bool)


def frozen(name: str, values: Any) -> Array:
    """Return the values as a read-only array of floats; what somebody could still write to is copied.

    Floats keep their precision, whole numbers and booleans become float64. Raises ValueError for anything else.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} must be real numbers, got an array of {array.dtype}")
    if array.dtype.kind != "f":
        array = array.astype(np.float64)
    elif any(part.flags.writeable for part in (array, array.base) if isinstance(part, np.ndarray)):
        array = array.copy()
    return sealed(array)


def sealed(array: NDArray[AnyNumber]) -> NDArray[AnyNumber]:
    """Return the same array, read-only from now on, and so is the one that it is a view of; for those we made."""
    for part in (array, array.base):
        if isinstance(part, np.ndarray):
            part.flags.writeable = False
    return array
