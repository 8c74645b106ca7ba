"""Scratch memory that is reused: fresh pages from the system cost more than the arithmetic done in them.

The engines work through a large computation in blocks that stay in the processor's cache, and every block writes into
the same buffers. A thread borrows a set of buffers for one call and gives it back; no two threads ever share a set.
"""

import math
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from nnlib._types import Array, Shape

BLOCK = 2**16
"""How many numbers one buffer should hold: few enough for the cache, enough to pay for the calls into numpy."""

_KEPT = 2**23
"""A buffer of more bytes than this is dropped after the call that needed it."""

_LINE = 64
"""The bytes of a cache line."""


class Scratch:
    """Named buffers; asking for a name again gives the same memory, with whatever was left in it."""

    def __init__(self) -> None:
        self._buffers: dict[tuple[str, np.dtype[Any]], Array] = {}

    def take(self, name: str, shape: Shape, dtype: np.dtype[Any]) -> Array:
        """Return an array of that shape, not cleared; the previous one of this name is overwritten."""
        size = math.prod(shape)
        buffer = self._buffers.get((name, dtype))
        if buffer is None or buffer.size < size:
            buffer = self._buffers[name, dtype] = _aligned(size, dtype)
        return buffer[:size].reshape(shape)

    def drop_large(self) -> None:
        """Forget the buffers that are too large to keep."""
        for key in [key for key, buffer in self._buffers.items() if buffer.nbytes > _KEPT]:
            del self._buffers[key]


def _aligned(size: int, dtype: np.dtype[Any]) -> Array:
    """Return an array that begins with a cache line: AVX-512 writes whole lines, and half as fast across their ends."""
    memory = np.empty(size * dtype.itemsize + _LINE, np.uint8)
    start = -memory.ctypes.data % _LINE
    return memory[start : start + size * dtype.itemsize].view(dtype)


_free: deque[Scratch] = deque(maxlen=8)


@contextmanager
def borrowed() -> Iterator[Scratch]:
    """Lend a Scratch that nobody else uses until the `with` block ends."""
    try:
        scratch = _free.pop()
    except IndexError:
        scratch = Scratch()
    try:
        yield scratch
    finally:
        scratch.drop_large()
        _free.append(scratch)
