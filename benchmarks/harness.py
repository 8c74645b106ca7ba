"""How the benchmarks measure: every contestant in every round, in rotating order, on one core, in CPU time.

A round's ratios compare runs a few milliseconds apart, so what else the machine does falls on all alike; the CPU time
of the process is not fooled by being interrupted, though a shared cache still shows. Reported are the median time and
the median of the rounds' ratios; the spread is the range of the middle half of those ratios.
"""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
ROUNDS = 7
SHORTEST = 0.006
"""A sample repeats its work until it has taken about this many seconds."""

Work = Callable[[], object]


@dataclass(frozen=True)
class Result:
    """Median seconds of one contestant, the median ratio to the first contestant, and that ratio's middle half."""

    seconds: float
    ratio: float
    low: float
    high: float


def compare(works: dict[str, Work], rounds: int = ROUNDS, shares: dict[str, float] | None = None) -> dict[str, Result]:
    """Time all contestants side by side; the first is the reference. `shares`: the part of the work one only does."""
    repeats = {}
    for name, work in works.items():
        work()
        start = time.process_time()
        work()
        repeats[name] = max(1, int(SHORTEST / max(time.process_time() - start, 1e-7)))
    samples: dict[str, list[float]] = {name: [] for name in works}
    names = list(works)
    for round_ in range(rounds):
        turn = round_ % len(names)
        for name in names[turn:] + names[:turn]:
            work = works[name]
            start = time.process_time()
            for _ in range(repeats[name]):
                work()
            spent = (time.process_time() - start) / repeats[name]
            samples[name].append(spent / (shares or {}).get(name, 1.0))
    reference = np.array(samples[names[0]])
    results = {}
    for name, times in samples.items():
        ratios = np.array(times) / reference
        low, high = np.percentile(ratios, [25, 75])
        results[name] = Result(float(np.median(times)), float(np.median(ratios)), float(low), float(high))
    return results


def first_call(work: Work) -> float:
    """Return the wall time of one call in seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def shown(seconds: float) -> str:
    """Return a time with three digits and a unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def times(ratio: float) -> str:
    """Return a ratio with three digits."""
    return f"{ratio:.3g}×"


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in lines)


class Server:
    """A page served by a process of its own, and what that process uses."""

    def __init__(self, page: str, freeze: bool = True) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        settings = {
            "STREAMLIT_SERVER_PORT": str(port),
            "STREAMLIT_SERVER_ADDRESS": "127.0.0.1",
            "STREAMLIT_SERVER_HEADLESS": "true",
            "STREAMLIT_SERVER_FILE_WATCHER_TYPE": "none",
            "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
            "BENCHMARK_PAGE": page,
            "BENCHMARK_FREEZE": "1" if freeze else "0",
        }
        command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "benchmarks" / "bare" / "server.py")]
        self.process = subprocess.Popen(command, cwd=ROOT, env=os.environ | settings, stdout=subprocess.DEVNULL)  # noqa: S603
        self.url = f"http://127.0.0.1:{port}"
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=1)  # noqa: S310
                return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.25)
        self.process.kill()
        raise RuntimeError("the server did not answer within a minute")

    def cpu(self) -> float:
        """Return the seconds of processor time used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """Return the resident memory in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024


@contextmanager
def served(page: str, freeze: bool = True) -> Iterator[Server]:
    """Serve a page on a free port, its heap frozen unless told not to."""
    server = Server(page, freeze)
    try:
        yield server
    finally:
        server.process.terminate()
        server.process.wait(30)
