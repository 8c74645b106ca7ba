"""The process's memory: what the garbage collector walks, and how many heaps the threads share."""

import ctypes
import gc
import operator
import threading
import time
from collections import deque
from contextlib import suppress

EVERY = 32
"""How many runs begin before what lives is left alone once more."""

SHARE, LONGEST = 0.01, 20.0
"""The share of the time that looking at everything may take, and how many seconds it waits at most."""

_lock = threading.Lock()
_runs, _due = 0, 0.0


def settle() -> None:
    """Let the garbage collector leave alone what lives now; now and then it looks at everything again.

    Streamlit collects after every run, and a collection walks every object that may be part of a cycle: with fifty
    visitors a tenth of a second. Nearly all of them live on, or go when the last reference to them does. What a run
    itself makes is full of cycles, though, and must be found when it is over: so this is called when a run begins, and
    acts once in a while. What is left alone by mistake, such as the module of a page that has just been replaced, waits
    until everything is looked at: with few visitors seconds, with many a little longer.
    """
    global _runs, _due
    if not _lock.acquire(blocking=False):
        return  # another visitor's run is at it
    try:
        now = time.monotonic()
        if now >= _due:
            # In one call that never leaves C: else the other visitors' collections, each of everything, come between.
            deque(map(operator.call, (gc.unfreeze, gc.collect, gc.freeze)), maxlen=0)
            _due = now + min((time.monotonic() - now) / SHARE, LONGEST)
        elif _runs % EVERY == 0:
            gc.freeze()
        _runs += 1
    finally:
        _lock.release()


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
