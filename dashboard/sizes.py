"""How much memory a record takes. Pure."""

from types import FunctionType
from typing import Any

import numpy as np


def size_of(thing: Any) -> int:
    """Return how many bytes the arrays and texts take that can be reached from a record, each counted once."""
    seen: set[int] = set()
    size, ahead = 0, [thing]
    while ahead:
        this = ahead.pop()
        if isinstance(this, np.ndarray) and this.base is not None:
            this = this.base
        if id(this) in seen or isinstance(this, type | FunctionType):
            continue
        seen.add(id(this))
        if isinstance(this, np.ndarray):
            size += this.nbytes
        elif isinstance(this, str | bytes):
            size += len(this)
        elif isinstance(this, dict):
            ahead += this.values()
        elif isinstance(this, tuple | list | set | frozenset):
            ahead += this
        elif hasattr(this, "__dict__"):
            ahead += vars(this).values()
    return size
