"""What one visitor's session keeps, with links that ask for as much as they may."""

import gc
import platform
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest

from dashboard import heap
from dashboard.scenario import MAX_RECORD, PAGE_BYTES, SESSION_BYTES
from dashboard.sizes import size_of
from tests.test_app import MAIN, AppTest, assert_alive

ROOT = Path(__file__).parents[1]
PAGES = ("home", "slices", "learning_rate", "training_room", "backpropagation", "chain_rule", "share", "home")


def test_every_array_and_text_counts_once():
    array = np.zeros(1000)
    assert size_of([array, array[:10], {"a": (array.reshape(10, 100),)}, "four"]) == 8004


@pytest.mark.parametrize(("output", "optimizer"), [("identity", "adam"), ("same", "momentum")])
def test_a_session_is_bounded_whatever_the_link_and_the_pages(output, optimizer):
    # Few samples make it quick; the records are as large as they get.
    app = AppTest.from_file(MAIN, default_timeout=300)
    app.query_params.update(
        {
            "dataset": "xor",
            "hidden_sizes": "8 8 8 8 8 8",
            "steps": "20000",
            "optimizer": optimizer,
            "output": output,
            "lr": "0.001",
            "resolution": "121",
            "slice_mode": "reslice",
            "lab_case": "network",
            "room_view": "weights",
            "first": "W1[1,1]",
            "second": "b6[2]",
        }
    )
    sizes = []
    for page in PAGES:
        app.switch_page(f"app_pages/{page}.py").run()
        assert_alive(app)
        sizes.append(size_of(app.session_state.to_dict()))
    assert 8 * MAX_RECORD < max(sizes) < SESSION_BYTES, sizes
    assert sizes[0] < PAGE_BYTES, sizes


class Knot:
    """What refers to itself, so that only a collector finds out that nobody uses it."""

    def __init__(self):
        self.me = self


def test_the_collector_looks_at_what_is_new_and_at_everything_when_memory_has_grown(monkeypatch):
    size = 2**40
    monkeypatch.setattr(heap, "resident", lambda: size)
    monkeypatch.setattr(heap, "_size", size)
    monkeypatch.setattr(heap, "_runs", 0)
    try:
        new = weakref.ref(Knot())
        gc.collect()
        assert new() is None
        knot = Knot()
        old = weakref.ref(knot)
        heap.settle()
        assert not any(thing is knot for thing in gc.get_objects()), "it is left alone"
        del knot
        size += heap.GROWTH
        heap.settle()
        gc.collect()
        assert old() is not None
        young = Knot()
        heap.settle()
        assert any(thing is young for thing in gc.get_objects()), "one run in eight is enough"
        size += 1
        heap.settle()
        assert old() is None
    finally:
        gc.unfreeze()


def test_where_the_system_does_not_tell_its_size_only_the_first_call_counts(monkeypatch):
    monkeypatch.setattr(heap, "resident", lambda: 0)
    monkeypatch.setattr(heap, "_size", 0)
    try:
        for kept in (True, False):
            knot = Knot()
            old = weakref.ref(knot)
            heap.settle()
            del knot
            gc.collect()
            assert (old() is not None) == kept
    finally:
        gc.unfreeze()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux tells")
def test_the_process_tells_its_size():
    before = heap.resident()
    much = np.ones(2**24)
    assert heap.resident() >= before + much.nbytes / 2


THREADS = """
import ctypes, threading
from dashboard import heap
assert heap.share_arenas()
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fdopen.restype = ctypes.c_void_p
all_there = threading.Barrier(40)
def use():
    libc.malloc(1000)  # kept, so the heap that it comes from stays
    all_there.wait()
threads = [threading.Thread(target=use) for _ in range(40)]
for thread in threads: thread.start()
for thread in threads: thread.join()
out = ctypes.c_void_p(libc.fdopen(1, b"w"))
libc.malloc_info(0, out)
libc.fflush(out)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives threads heaps of their own")
def test_many_threads_share_two_heaps():
    command = [sys.executable, "-c", THREADS]
    report = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert 1 <= report.count("<heap nr=") <= 2
