"""The process's memory: what the garbage collector walks, and how many heaps the threads share."""

import ctypes
import gc
import operator
import threading
from collections import deque
from contextlib import suppress
from mmap import PAGESIZE
from pathlib import Path

EVERY = 8
"""How many runs begin before what lives is left alone once more."""

GROWTH = 2**26
"""When the process has grown by so many bytes, everything is looked at."""

_lock = threading.Lock()
_runs, _size = 0, 0


def settle() -> None:
    """Let the garbage collector leave alone what lives now; when memory has grown it looks at everything again.

    Streamlit collects after every run, and a collection walks every object that may be part of a cycle: with fifty
    visitors a tenth of a second. Nearly all of them live on, or go when the last reference to them does. What a run
    itself makes is full of cycles, though, and must be found when it is over: so this is called when a run begins, and
    acts at every eighth. What is left alone by mistake waits until it amounts to something. Where the system does not
    tell the size, only the first call changes anything.
    """
    global _runs, _size
    if not _lock.acquire(blocking=False):
        return  # another visitor's run is at it
    try:
        now = resident()
        if now > _size + GROWTH:
            # In one call that never leaves C: else the other visitors' collections, each of everything, come between.
            deque(map(operator.call, (gc.unfreeze, gc.collect, gc.freeze)), maxlen=0)
            _size = resident()
        elif (now and _runs % EVERY == 0) or not _size:
            gc.freeze()
            _size = _size or 1
        _runs += 1
    finally:
        _lock.release()


def resident() -> int:
    """Return how many bytes of memory the process takes, 0 where the system does not tell as Linux does."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * PAGESIZE
    except OSError:
        return 0


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
