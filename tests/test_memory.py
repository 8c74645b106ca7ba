"""What one visitor's session keeps, with links that ask for as much as they may."""

import gc
import platform
import subprocess
import sys
import weakref
from pathlib import Path
from types import SimpleNamespace

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


def test_the_collector_looks_at_what_is_new_and_now_and_then_at_everything(monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(heap.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(heap, "_due", 1010.0)
    monkeypatch.setattr(heap, "_runs", 0)
    try:
        new = weakref.ref(Knot())
        gc.collect()
        assert new() is None
        knot = Knot()
        old = weakref.ref(knot)
        heap.settle()
        assert not any(thing is knot for thing in gc.get_objects()), "it is left alone"
        young = Knot()
        heap.settle()
        assert any(thing is young for thing in gc.get_objects()), "once in a while is enough"
        del knot
        clock[0] = 1009.9
        heap.settle()
        gc.collect()
        assert old() is not None
        clock[0] = 1010.0
        heap.settle()
        assert old() is None
    finally:
        gc.unfreeze()


def test_looking_at_everything_takes_a_small_share_of_the_time(monkeypatch):
    ticks = iter([50.0, 50.1, 59.9, 60.1, 61.1, 80.0, 80.2, 80.3])
    looked = []
    monkeypatch.setattr(heap.time, "monotonic", lambda: next(ticks))
    monkeypatch.setattr(
        heap,
        "gc",
        SimpleNamespace(**dict.fromkeys(("unfreeze", "freeze"), lambda: None), collect=lambda: looked.append(1)),
    )
    monkeypatch.setattr(heap, "_due", 50.0)
    heap.settle()
    heap.settle()
    assert looked == [1], "0.1 s are a hundredth of 10 s"
    heap.settle()
    assert looked == [1, 1]
    heap.settle()
    assert looked == [1, 1], "1 s would be a hundredth of 100 s, but 20 are the most"
    heap.settle()
    assert looked == [1, 1, 1]


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
