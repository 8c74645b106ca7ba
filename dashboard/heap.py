"""The process's memory: kept from growing with the number of threads that have ever run."""

import ctypes
from contextlib import suppress

M_ARENA_MAX = -8
"""The number that glibc's <malloc.h> gives this parameter."""

ARENAS = 2


def share_arenas() -> bool:
    """Let all threads share two heaps, and return whether that could be had: it is glibc's matter, so Linux's.

    Left alone, glibc gives threads up to eight heaps a core, and what is free in one is of no use to the others.
    Streamlit computes each answer in a thread of its own, so the free parts add up, about 1 MB a minute with four busy
    visitors. Two visitors' numpy rarely waits for the same heap.
    """
    with suppress(AttributeError, OSError, TypeError):  # another C library, or none that can be asked
        return bool(ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS))
    return False
