"""Measure everything that the tables of benchmarks/README.md show, and write them there.

    pip install -r benchmarks/requirements.txt
    python benchmarks/run.py                    # all tables, about five minutes
    python benchmarks/run.py surface descent    # some of them

One core, one thread, float64. Before a contestant is timed its answer is compared with a plain one, or a part of it.
"""

import os

# Before numpy, jax and torch are imported: every pool has one thread.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(name, None)

import platform  # noqa: E402
import re  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
import tracemalloc  # noqa: E402
from collections.abc import Callable  # noqa: E402
from functools import partial  # noqa: E402
from importlib.metadata import version  # noqa: E402
from itertools import pairwise, permutations  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import peers  # noqa: E402
from harness import Result, Work, compare, first_call, shown, table, times  # noqa: E402

import nnlib  # noqa: E402
from dashboard import exports, training  # noqa: E402
from dashboard.scenario import Scenario, for_dataset  # noqa: E402
from nnlib import GradientDescent, Network, Params, WeightRef  # noqa: E402
from nnlib import scratch as scratch_module  # noqa: E402
from nnlib.fast_sigmoid import BY_EXP, BY_TABLE, fastest_sigmoid  # noqa: E402

NETS = {"2-2-1": 4, "2-3-1": 200, "4-5-3": 150, "2-8-8-1": 500}
"""The networks, and how many samples each is measured with."""
G = 101


class Case:
    """A network without biases, its weights and data."""

    def __init__(self, name: str, n: int | None = None, runs: tuple[int, ...] = ()) -> None:
        sizes = tuple(int(size) for size in name.split("-"))
        rng = np.random.default_rng(0)
        n = n or NETS[name]
        self.network = Network(sizes)
        self.params = nnlib.init_params(self.network, rng, runs=runs, scheme="normal")
        self.W = list(self.params.weights)
        self.X = rng.uniform(-1, 1, (n, sizes[0]))
        self.Y = rng.integers(0, 2, (n, sizes[-1])).astype(float)
        self.label = f"{name} N={n}"

    @property
    def data(self) -> tuple[Network, Params, np.ndarray, np.ndarray]:
        """The first arguments of most functions of nnlib."""
        return self.network, self.params, self.X, self.Y


def pairs(network: Network) -> dict[str, tuple[WeightRef, WeightRef]]:
    """Return a pair of weights of every kind."""
    R, last = WeightRef, network.n_layers - 1
    found = {
        "last layer, one output": (R(last, 0, 0), R(last, 1, 0)),
        "first layer, one unit": (R(0, 0, 0), R(0, 1, 0)),
        "first layer, two units": (R(0, 0, 0), R(0, 1, 1)),
        "along a path": (R(0, 0, 0), R(1, 0, 0)),
        "across": (R(0, 0, 0), R(1, 1, 0)),
    }
    if network.sizes[-1] > 1:
        found["last layer, two outputs"] = (R(last, 0, 0), R(last, 0, 1))
    if last == 2:
        found |= {
            "second layer, one unit": (R(1, 0, 0), R(1, 1, 0)),
            "second layer, two units": (R(1, 0, 0), R(1, 1, 1)),
            "first and last layer": (R(0, 0, 0), R(2, 0, 0)),
            "second and last, a path": (R(1, 0, 0), R(2, 0, 0)),
        }
    return found


def agrees(found: object, expected: np.ndarray, tolerance: float = 1e-10) -> None:
    """Raise ArithmeticError unless two results are the same."""
    worst = np.abs(np.asarray(found) - expected).max()
    if not worst <= tolerance:
        raise ArithmeticError(f"a contestant is off by {worst}")


def best(results: dict[str, Result], names: list[str]) -> tuple[str, Result]:
    """Return the fastest of some contestants."""
    return min(((name, results[name]) for name in names if name in results), key=lambda item: item[1].ratio)


def ratio(result: Result) -> str:
    """Return a ratio with its spread."""
    return f"{times(result.ratio)} ({result.low:.3g}-{result.high:.3g})"


FOUND: dict[str, list[tuple[float, float | None]]] = {}
"""What the sections measured of what the targets are about: a ratio, and nnlib's time as a multiple of its floor."""


def note(target: str, value: float, floor: Result | None = None) -> None:
    """Keep a measured number for the table of targets, and the floor that was measured beside it."""
    FOUND.setdefault(target, []).append((value, 1 / floor.ratio if floor else None))


Floor = tuple[Work, float]
"""The bare numpy calls of a computation or a part of it, in memory that is there already, and that part's share."""


def calls(*prepared: tuple[Callable[..., object], tuple[object, ...]]) -> Work:
    """Return the work of making some calls, one after the other."""

    def work() -> None:
        for function, arguments in prepared:
            function(*arguments)

    return work


def bare_sigmoid(z: np.ndarray) -> list[tuple[Callable[..., object], tuple[object, ...]]]:
    """Return the calls that overwrite z with sigmoids, the faster way."""
    way = fastest_sigmoid(z.size, z.dtype, 10.0)
    z[...] = np.random.default_rng(0).uniform(-2, 2, z.shape) * way.scale
    # What comes out goes in again: between 0 and 1, for the table as close together as sums of a network are.
    return [(np.multiply, (z, way.scale, z)), (way, (z, scratch_module.Scratch()))]


def bare_surface(n_samples: int, kind: str) -> Floor:
    """Return the calls of a surface of few samples: a product of matrices, its sigmoid, the sum of squared errors."""
    rng = np.random.default_rng(0)
    left, right = rng.uniform(0.5, 2, (n_samples, G, 2)), rng.uniform(0.5, 2, (n_samples, 2, G))
    h, y, total = np.empty((n_samples, G, G)), np.full((n_samples, 1, 1), 0.5), np.empty((G, G))
    prepared: list[tuple[Callable[..., object], tuple[object, ...]]] = [(np.matmul, (left, right, h))]
    if kind == "along a path":
        prepared += bare_sigmoid(h)[1:]
    else:
        prepared.append((np.divide, (1, h, h)))
    if kind == "first layer, one unit":  # another layer follows
        prepared += [*bare_sigmoid(np.empty_like(h)), (np.subtract, (h, y, h))]
    return calls(*prepared, (partial(np.einsum, "nab,nab->ab", out=total), (h, h))), 1.0


def bare_curves(n_samples: int) -> Floor:
    """Return the calls of a surface of two outputs: two curves of sigmoids, their errors' squares, an outer sum."""
    h, total, y = np.empty((G, n_samples)), np.empty(G), np.full(n_samples, 0.5)
    values, hidden = np.linspace(-6, 6, G)[:, None], np.full(n_samples, 0.5)
    curve = [
        (np.multiply, (values, hidden, h)),
        (np.add, (h, hidden, h)),
        (np.exp, (h, h)),
        (np.add, (h, 1, h)),
        (np.divide, (1, h, h)),
        (np.subtract, (h, y, h)),
        (np.vecdot, (h, h, total)),
    ]
    return calls(*curve, *curve, (np.add, (total, total[:, None], np.empty((G, G))))), 1.0


def bare_layers(case: Case, n: int, columns: int, points: int) -> Floor:
    """Return the calls of networks (n,) over `columns` numbers each, of `points` in all.

    An addition and a division for the first layer, a product and a sigmoid for each one behind it.
    """
    rng = np.random.default_rng(0)
    sizes = case.network.sizes[1:]
    P, h = rng.uniform(0.5, 2, (n, sizes[0], columns)), np.empty((n, sizes[0], columns))
    prepared: list[tuple[Callable[..., object], tuple[object, ...]]] = [
        (np.add, (P, P, h)),
        (np.divide, (P, h, h)),
    ]
    for fan_in, fan_out in pairwise(sizes):
        z = np.empty((n, fan_out, columns))
        way = fastest_sigmoid(z.size, z.dtype, 10.0)
        W = way.scale * rng.normal(size=(n, fan_out, fan_in))
        prepared += [(np.matmul, (W, h, z)), (way, (z, scratch_module.Scratch()))]
        h = z
    return calls(*prepared), n * columns / points


ADDITIVE = ("last layer, one output", "first layer, two units", "across", "second layer, two units")
"""The pairs whose two terms add up before a sigmoid that nothing else has to follow for each unit."""

CALLS, SIGMOIDS, FUSED = "calls", "sigmoids", "fusing"
"""Why a target may be missed; the text around the table says what each means."""

TARGETS: tuple[tuple[str, str, float, str], ...] = (
    ("Surface on 2-2-1: naive loop", "naive 2-2-1", 300, CALLS),
    ("Surface on 2-3-1: naive loop", "naive 2-3-1", 20, CALLS),
    ("Surfaces of weights that add up, N >= 150: best of JAX and torch", "additive", 1.5, SIGMOIDS),
    ("Surfaces of any pair, N >= 150: best of JAX and torch", "any", 0.87, SIGMOIDS),
    ("Surface of two outputs: best of JAX and torch", "outputs", 30, CALLS),
    ("Surfaces on 2-2-1: JAX", "small", 0.71, CALLS),
    ("Surface: evaluating its sigmoids", "floor", 1, SIGMOIDS),
    ("First call for a pair: twice the steady state", "first", 1, "memory"),
    ("First call of a process: twice the steady state", "process", 1, "memory"),
    ("Planes, N >= 150: best of JAX and torch", "plane", 1.5, SIGMOIDS),
    ("Decision grids: JAX", "grids jax", 1.1, f"{CALLS}, {SIGMOIDS}"),
    ("Decision grids: torch", "grids torch", 1.5, SIGMOIDS),
    ("One descent on 2-2-1: textbook", "textbook 2-2-1", 3, CALLS),
    ("One descent on 2-8-8-1: textbook", "textbook 2-8-8-1", 1.5, SIGMOIDS),
    ("One descent: torch", "torch", 5, SIGMOIDS),
    ("One descent: HIPS autograd", "autograd", 10, SIGMOIDS),
    ("256 descents on 2-2-1: JAX", "runs 2-2-1", 0.59, FUSED),
    ("256 descents on 2-3-1: JAX", "runs 2-3-1", 1.2, f"{SIGMOIDS}, {FUSED}"),
    ("256 descents on 2-8-8-1: JAX", "runs 2-8-8-1", 1.2, f"{SIGMOIDS}, {FUSED}"),
    ("Many descents: JAX with its compilation", "compiled", 1, FUSED),
)
"""What was aimed at: its name, the numbers it is about, the least of them allowed, and why it may not be reached."""


def targets() -> str:
    """Return every target beside what was measured; the worst case counts."""
    rows = []
    for name, key, least, why in TARGETS:
        if key not in FOUND:
            raise SystemExit("the targets need all sections, measured in the same run")
        measured, over_floor = min(FOUND[key], key=lambda found: found[0])
        reached = measured >= least
        above = times(over_floor) if over_floor else "–"
        rows.append([name, f"{least:g}×", f"{measured:.4g}×", "reached" if reached else f"**missed**: {why}", above])
    return table(["how much slower is", "at least", "measured, worst case", "", "nnlib / its floor"], rows)


def surface() -> str:
    """Every kind of pair on every network, all contestants."""
    rows = []
    for name in NETS:
        case = Case(name)
        grid = np.linspace(-6, 6, G)
        for kind, (first, second) in pairs(case.network).items():
            i, j = ((ref.layer, ref.row, ref.column) for ref in (first, second))
            part = min(G, max(1, int(2e5 // (len(case.X) * G))))
            arguments = case.W, case.X, case.Y, i, j

            def ours() -> np.ndarray:
                return nnlib.loss_surface(*case.data, first, second, grid, grid)  # noqa: B023

            jitted = {"jax map": peers.jax_surface(i, j, False)}
            if len(case.X) * G * G < 3e6:
                jitted["jax vmap²"] = peers.jax_surface(i, j, True)
            works: dict[str, Work] = {"nnlib": ours}
            compiling = {}
            for peer, function in jitted.items():
                works[peer] = lambda f=function: f(case.W, case.X, case.Y, grid, grid).block_until_ready()  # noqa: B023
                compiling[peer] = first_call(works[peer])
            works |= {
                "torch": lambda: peers.torch_surface(*arguments, grid, grid[:part]),  # noqa: B023
                "numba": lambda: peers.numba_surface(*arguments, grid, grid[:part]),  # noqa: B023
                "naive": lambda: peers.naive_surface(*arguments, grid, grid[:1]),  # noqa: B023
            }
            expected = peers.naive_surface(*arguments, grid, grid[:1])
            agrees(ours()[:1], expected, 1e-12)
            for work in works.values():
                agrees(np.asarray(work())[:1], expected)
            shares = {"torch": part / G, "numba": part / G, "naive": 1 / G}
            if len(case.X) < 150:
                works["floor"], shares["floor"] = bare_surface(len(case.X), kind)
            elif kind == "last layer, two outputs":
                works["floor"], shares["floor"] = bare_curves(len(case.X))
            results = compare(works, shares=shares)
            peer, rival = best(results, ["jax map", "jax vmap²", "torch"])
            if kind == "last layer, one output" and name in ("2-2-1", "2-3-1"):
                note(f"naive {name}", results["naive"].ratio)
            if len(case.X) < 150:
                note("small", min(results[p].ratio for p in jitted), results["floor"])
            else:
                note("any", rival.ratio)
                if kind in ADDITIVE:
                    note("additive", rival.ratio)
                elif kind == "last layer, two outputs":
                    note("outputs", rival.ratio, results["floor"])
            rows.append(
                [case.label, kind, shown(results["nnlib"].seconds), f"{peer} {ratio(rival)}"]
                + [times(results[p].ratio) if p in results else "–" for p in ("jax map", "jax vmap²", "torch", "numba")]
                + [times(results["naive"].ratio), shown(compiling["jax map"])]
            )
    head = ["network", "pair", "nnlib", "best of JAX and torch (middle half)", "jax map", "jax vmap²", "torch vmap"]
    return table([*head, "numba loops", "naive loop", "JAX, first call"], rows)


def agreement() -> str:
    """Every pair of weights of every network, in both orders, beside the naive loop."""
    rows = []
    a, b = np.linspace(-6, 6, 5), np.linspace(-6, 6, 4)
    for name in NETS:
        case, worst = Case(name), 0.0
        found = list(permutations(case.network.refs(), 2))
        for first, second in found:
            i, j = ((ref.layer, ref.row, ref.column) for ref in (first, second))
            expected = peers.naive_surface(case.W, case.X, case.Y, i, j, a, b)
            surface = nnlib.loss_surface(*case.data, first, second, a, b)
            agrees(surface, expected, 1e-12)
            worst = max(worst, float(np.abs(surface - expected).max()))
        rows.append([case.label, f"{len(found):,}", f"{worst:.1e}"])
    return table(["network", "ordered pairs", "largest difference"], rows)


FIRST_CALLS = """
import sys, time
import numpy as np
from run import G, NETS, Case, pairs, nnlib
case, grid = Case(sys.argv[1]), np.linspace(-6, 6, G)
for kind in sys.argv[2:]:
    spent = []
    for _ in range(8):
        start = time.process_time()
        nnlib.loss_surface(*case.data, *pairs(case.network)[kind], grid, grid)
        spent.append(time.process_time() - start)
    print(spent[0], sorted(spent[1:])[3])
"""
"""Prints the CPU time of a first surface and of the later ones, for one pair after the other in a fresh process."""


def first() -> str:
    """The first call of a process, and the first for another pair, beside the steady state; nine processes for each."""
    rows = []
    for name in NETS:
        case = Case(name)
        kinds = list(pairs(case.network))[:3]
        of_process: dict[str, list[float]] = {kind: [] for kind in kinds}
        of_pair: dict[str, list[float]] = {kind: [] for kind in kinds}
        steady: dict[str, list[float]] = {kind: [] for kind in kinds}
        for turn in range(9):
            order = kinds[turn % 3 :] + kinds[: turn % 3]
            command = [sys.executable, "-c", FIRST_CALLS, name, *order]
            printed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=HERE)  # noqa: S603
            for place, (kind, line) in enumerate(zip(order, printed.stdout.splitlines(), strict=True)):
                once, later = map(float, line.split())
                (of_pair if place else of_process)[kind].append(once / later)
                steady[kind].append(later)
        for kind in kinds:
            process, pair = float(np.median(of_process[kind])), float(np.median(of_pair[kind]))
            note("process", 2 / process)
            note("first", 2 / pair)
            rows.append([case.label, kind, shown(float(np.median(steady[kind]))), times(pair), times(process)])
    return table(["network", "pair", "steady state", "first call for the pair", "first call of the process"], rows)


def terraces() -> str:
    """Surfaces of networks with a step beside the plain way, which they equal bit for bit."""
    flowers = nnlib.load_dataset("iris").standardized()
    grid = np.linspace(-6, 6, 61)
    rows = []
    for hidden, output in (("step", "step"), ("step", "sigmoid"), ("sigmoid", "step")):
        network = Network((4, 2, 3), hidden, output)
        params = nnlib.init_params(network, np.random.default_rng(6))
        row = [f"{hidden}, {output}"]
        for pair in list(pairs(network).values())[:5]:
            arguments = network, params, flowers.X, flowers.Y, *pair, grid, grid
            if not np.array_equal(nnlib.loss_surface(*arguments), nnlib.loss_surface_plain(*arguments)):
                raise ArithmeticError("a surface with steps must equal the plain one")
            works = {
                "nnlib": lambda: nnlib.loss_surface(*arguments),  # noqa: B023
                "plain": lambda: nnlib.loss_surface_plain(*arguments),  # noqa: B023
            }
            results = compare(works)
            row.append(f"{shown(results['nnlib'].seconds)}, {times(results['plain'].ratio)}")
        rows.append(row)
    return table(["hidden, output", *list(pairs(Network((4, 2, 3))))[:5]], rows)


def floor() -> str:
    """The factorised surface beside the bare evaluation of its sigmoids, and beside other compilers' loops."""
    rows = []
    for name in ("2-3-1", "2-8-8-1"):
        case = Case(name)
        last = case.network.n_layers - 1
        pair = WeightRef(last, 0, 0), WeightRef(last, 1, 0)
        grid = np.linspace(-6, 6, G)
        block = np.random.default_rng(0).normal(size=2**15)
        out = np.empty_like(block)
        share = block.size / (G * G * len(case.X))

        def sigmoids() -> None:
            np.negative(block, out=out)  # noqa: B023
            np.exp(out, out=out)  # noqa: B023
            np.add(out, 1, out=out)  # noqa: B023
            np.divide(1, out, out=out)  # noqa: B023

        hidden = nnlib.forward(case.network, case.params, case.X).outputs[-2]
        rest = hidden[:, 2:] @ case.W[-1][2:, 0]
        p, q = np.exp(rest + grid[:, None] * hidden[:, 0]), np.exp(-grid[:, None] * hidden[:, 1])
        y = case.Y[:, 0].copy()
        works: dict[str, Work] = {
            "nnlib": lambda: nnlib.loss_surface(*case.data, *pair, grid, grid),  # noqa: B023
            "sigmoids": sigmoids,
            "numba": lambda: peers.numba_factorised(p, q, y),  # noqa: B023
        }
        agrees(works["numba"](), works["nnlib"](), 1e-12)  # type: ignore[arg-type]
        results = compare(works, shares={"sigmoids": share})
        note("floor", results["sigmoids"].ratio)
        points = G * G * len(case.X) * 1e-9
        rows.append(
            [case.label]
            + [f"{results[n].seconds / points:.3g} ns" for n in works]
            + [times(1 / results["sigmoids"].ratio), times(results["numba"].ratio)]
        )
    head = ["network", "nnlib, per point and sample", "only the sigmoids, in numpy", "the same formula in numba"]
    return table([*head, "nnlib / sigmoids", "numba / nnlib"], rows)


def plane() -> str:
    """Planes along directions, where all weights move."""
    rows = []
    for name in NETS:
        case = Case(name)
        a = np.linspace(-1, 1, G)
        plane = nnlib.random_plane(case.params, np.random.default_rng(1))
        U, V = list(plane.u.weights), list(plane.v.weights)
        works: dict[str, Work] = {"nnlib": lambda: nnlib.plane_surface(case.network, plane, case.X, case.Y, a, a)}  # noqa: B023
        for label, whole in (("jax map", False), ("jax vmap²", True)):
            if not whole or len(case.X) * G * G < 3e6:
                function = peers.jax_plane(whole)
                works[label] = lambda f=function: f(case.W, U, V, case.X, case.Y, a, a).block_until_ready()  # noqa: B023
        tensors = [[peers.torch.tensor(w) for w in part] for part in (case.W, U, V)]
        data = [peers.torch.tensor(v) for v in (case.X, case.Y, a)]
        part = max(1, int(1e6 // (len(case.X) * G)))
        works["torch"] = lambda: peers.torch_plane(*tensors, *data, data[-1][:part])  # noqa: B023
        expected = nnlib.mse(nnlib.forward(case.network, plane.at(a, a[:2, None]), case.X).O_out, case.Y)
        for work in works.values():
            agrees(np.asarray(work())[:2], expected)
        n = max(1, scratch_module.BLOCK // (max(case.network.sizes[1:]) * len(case.X)))
        works["floor"], floor_share = bare_layers(case, n, len(case.X), G * G * len(case.X))
        results = compare(works, shares={"torch": min(1.0, part / G), "floor": floor_share})
        peer, rival = best(results, ["jax map", "jax vmap²", "torch"])
        if len(case.X) >= 150:
            note("plane", rival.ratio, results["floor"])
        rows.append(
            [case.label, shown(results["nnlib"].seconds), f"{peer} {ratio(rival)}"]
            + [times(results[p].ratio) if p in results else "–" for p in ("jax map", "jax vmap²", "torch")]
        )
    return table(["network", "nnlib", "best of JAX and torch", "jax map", "jax vmap²", "torch vmap"], rows)


def decision() -> str:
    """Decision grids, a frame for each of 20 steps."""
    rows = []
    for name in ("2-2-1", "2-3-1", "2-8-8-1"):
        case = Case(name, runs=(20,))
        for g in (51, 101, 201):
            a = np.linspace(-2, 2, g)
            points = np.stack(np.meshgrid(a, a), -1).reshape(-1, 2)
            works: dict[str, Work] = {"nnlib": lambda: nnlib.decision_grid(case.network, case.params, a, a)}  # noqa: B023
            for label, whole in (("jax map", False), ("jax vmap", True)):
                function = peers.jax_grids(whole)
                works[label] = lambda f=function: f(case.W, points).block_until_ready()  # noqa: B023
            tensors = [peers.torch.tensor(w) for w in case.W]
            points_t = peers.torch.tensor(points)
            works["torch"] = lambda: peers.torch_grids(tensors, points_t)  # noqa: B023
            expected = nnlib.forward(case.network, case.params, points).O_out[..., 0].reshape(20, g, g)
            agrees(np.asarray(works["nnlib"]())[:, 0], expected)
            for label, work in works.items():
                if label != "nnlib":
                    agrees(np.asarray(work())[..., 0].reshape(20, g, g), expected)
            n = min(20, max(1, scratch_module.BLOCK // (max(case.network.sizes[1:]) * g * g)))
            columns = min(g * g, 2 * scratch_module.BLOCK // max(case.network.sizes[1:]))
            works["floor"], floor_share = bare_layers(case, n, columns, 20 * g * g)
            results = compare(works, shares={"floor": floor_share})
            note("grids jax", best(results, ["jax map", "jax vmap"])[1].ratio, results["floor"])
            note("grids torch", results["torch"].ratio, results["floor"])
            rows.append(
                [
                    case.label.partition(" ")[0],
                    str(g),
                    shown(results["nnlib"].seconds / 20),
                    ratio(best(results, ["jax map", "jax vmap"])[1]),
                    ratio(results["torch"]),
                ]
            )
    return table(["network", "grid", "nnlib, per frame", "best of JAX", "torch"], rows)


def bare_calls(name: str, n_runs: int = 1) -> Floor:
    """Return the numpy calls of one step of gradient descent of as many runs as make a block, and nothing else."""
    case = Case(name)
    per_run = len(case.X) * sum(case.network.sizes[1:])
    n = min(n_runs, max(1, 2 * scratch_module.BLOCK // per_run))
    kind = nnlib.fast_descent._choose(case.network, len(case.X), n_runs)
    runs = kind(case.network, n, np.dtype(float), len(case.X))
    runs.load(case.X, case.Y)
    np.multiply(kind.turned(np.tile(case.params.to_vector(), (n, 1))), runs.unit, runs.parameters)
    # At a rate of 0 the calls are the same, and the weights stay what they are however often this is repeated.
    errors, rate = np.empty_like(runs.outputs[-1]), np.asarray(0 * runs.unit * runs.factor)
    step = [
        *(runs.table_calls or runs.forward_calls),
        *runs.slope_calls,
        (np.subtract, (runs.outputs[-1], runs.wanted, errors)),
        (runs.to_last, (errors, *runs.last)),
        *runs.backward_calls,
        (np.multiply, (runs.gradient, rate, runs.gradient)),
        (np.subtract, (runs.parameters, runs.gradient, runs.parameters)),
    ]
    return calls(*step), n / n_runs


def descent() -> str:
    """One run, every step recorded."""
    rows = []
    for name in NETS:
        case = Case(name)
        n_steps = 1000

        def ours(steps: int = n_steps) -> nnlib.Trajectory:
            return nnlib.descend(*case.data, GradientDescent(0.5), steps)  # noqa: B023

        short = 30
        expected = peers.textbook_descent(case.W, case.X, case.Y, 0.5, short)[1]
        agrees(ours().loss[:short], expected, 1e-12)
        agrees([np.asarray(r[1]) for r in peers.torch_descent(case.W, case.X, case.Y, 0.5, short)], expected)
        agrees([r[1] for r in peers.autograd_descent(case.W, case.X, case.Y, 0.5, short)], expected)
        agrees(peers.jax_descent(case.W, case.X, case.Y, 0.5, short)[1], expected)
        works: dict[str, Work] = {
            "nnlib": ours,
            "textbook": lambda: peers.textbook_descent(case.W, case.X, case.Y, 0.5, n_steps // 2),  # noqa: B023
            "jax": lambda: peers.jax_descent(case.W, case.X, case.Y, 0.5, n_steps)[1].block_until_ready(),  # noqa: B023
            "torch": lambda: peers.torch_descent(case.W, case.X, case.Y, 0.5, short),  # noqa: B023
            "autograd": lambda: peers.autograd_descent(case.W, case.X, case.Y, 0.5, short),  # noqa: B023
            "floor": bare_calls(name)[0],
        }
        if len(case.W) == 2 and case.Y.shape[1] == 1:
            works["numba"] = lambda: peers.numba_xor_descent(*case.W, case.X, case.Y, 0.5, n_steps)  # noqa: B023
            agrees(peers.numba_xor_descent(*case.W, case.X, case.Y, 0.5, short)[1], expected)
        compiling = first_call(works["jax"])
        shares = {"textbook": 0.5, "torch": short / n_steps, "autograd": short / n_steps, "floor": 1 / n_steps}
        results = compare(works, shares=shares)
        note(f"textbook {name}", results["textbook"].ratio, results["floor"])
        note("torch", results["torch"].ratio, results["floor"])
        note("autograd", results["autograd"].ratio, results["floor"])
        rows.append(
            [case.label, shown(results["nnlib"].seconds / n_steps)]
            + [ratio(results[p]) if p in results else "–" for p in ("textbook", "torch", "autograd", "jax", "numba")]
            + [times(1 / results["floor"].ratio), shown(compiling)]
        )
    head = ["network", "nnlib, per step", "textbook numpy", "torch eager", "HIPS autograd", "jitted JAX scan"]
    return table([*head, "numba loops", "nnlib / its bare numpy calls", "JAX, first call"], rows)


def ensemble() -> str:
    """Many runs at once, each with its own start and learning rate, every step recorded."""
    rows = []
    for name, n_steps in (("2-2-1", 1000), ("2-3-1", 60), ("2-8-8-1", 10)):
        for n_runs in (16, 256):
            case = Case(name, runs=(n_runs,))
            lr = np.geomspace(0.05, 5, n_runs)
            works: dict[str, Work] = {
                "nnlib": lambda: nnlib.descend(*case.data, GradientDescent(lr), n_steps),  # noqa: B023
                "jax": lambda: peers.jax_descents(case.W, case.X, case.Y, lr, n_steps)[1].block_until_ready(),  # noqa: B023
            }
            compiling = first_call(works["jax"])
            mine = np.asarray(works["nnlib"]().loss)  # type: ignore[attr-defined]
            agrees(np.asarray(peers.jax_descents(case.W, case.X, case.Y, lr, n_steps)[1])[:, :10].T, mine[:10])
            for run in (0, n_runs // 2, n_runs - 1):
                plain = peers.textbook_descent([w[run] for w in case.W], case.X, case.Y, lr[run], 10)[1]
                agrees(mine[:10, run], np.asarray(plain))
            works["floor"], floor_share = bare_calls(name, n_runs)
            results = compare(works, shares={"floor": floor_share / n_steps})
            per = n_steps * n_runs
            whole = (compiling - results["jax"].seconds) / results["nnlib"].seconds
            if n_runs == 256:
                note(f"runs {name}", results["jax"].ratio, results["floor"])
            note("compiled", max(0.0, whole) + results["jax"].ratio)
            rows.append(
                [
                    case.label,
                    str(n_runs),
                    str(n_steps),
                    shown(results["nnlib"].seconds / per),
                    ratio(results["jax"]),
                    shown(compiling),
                    times(max(0.0, whole) + results["jax"].ratio),
                ]
            )
    head = ["network", "runs", "steps", "nnlib, per run and step", "jitted JAX vmap(scan)", "JAX, first call"]
    return table([*head, "JAX with its compilation"], rows)


def _grown(label: str, work: Work, note: str = "") -> list[str]:
    work()
    spent = []
    for _ in range(7):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    tracemalloc.start()
    result = work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    arrays = [result] if isinstance(result, np.ndarray) else [*result.params.weights, result.loss]  # type: ignore[attr-defined]
    own = sum(array.nbytes for array in arrays)
    return [label, shown(float(np.median(spent))), f"{peak / 2**20:.3g} MiB", f"{own / 2**20:.3g} MiB", note]


def growth() -> str:
    """How cost grows with the grid, the samples, the depth and the runs."""
    rows = []
    case = Case("2-8-8-1")
    first, second = WeightRef(0, 0, 0), WeightRef(0, 1, 1)
    for g in (51, 101, 201, 401):
        grid = np.linspace(-6, 6, g)
        rows.append(_grown(f"grid {g} x {g}", lambda: nnlib.loss_surface(*case.data, first, second, grid, grid)))  # noqa: B023
    grid = np.linspace(-6, 6, 51)
    for n in (4, 100, 1000, 10_000, 100_000):
        small = Case("2-3-1", n)
        rows.append(
            _grown(f"N = {n}", lambda: nnlib.loss_surface(*small.data, first, second, grid, grid), "2-3-1, grid 51")  # noqa: B023
        )
    for depth in range(1, 7):
        deep = Case("-".join(["2", *["4"] * (depth - 1), "1"]), 200)
        a, b = deep.network.refs()[:2] if depth == 1 else (first, second)
        rows.append(
            _grown(f"{depth} layers", lambda: nnlib.loss_surface(*deep.data, a, b, grid, grid), "width 4, N=200")  # noqa: B023
        )
    for n_runs in (1, 4, 16, 64, 256, 1024, 4096):
        many = Case("2-2-1", runs=(n_runs,))
        rows.append(
            _grown(
                f"{n_runs} runs",
                lambda: nnlib.descend(*many.data, GradientDescent(0.5), 200),  # noqa: B023
                "descents, 2-2-1, 200 steps recorded",
            )
        )
    return table(["what", "time", "peak memory", "of that the result", "of"], rows)


def sigmoid() -> str:
    """The sigmoid, nanoseconds for each number."""
    rows = []
    memory = scratch_module.Scratch()
    for n in (200, 2048, 16384, 65536):
        z = np.random.default_rng(0).normal(size=n) * 3
        w = np.empty_like(z)
        jitted = peers.jax.jit(peers.jax.nn.sigmoid)
        z_jax, z_torch = peers.jax.numpy.asarray(z), peers.torch.tensor(z)

        def by(way: object) -> Work:
            def work() -> None:
                np.multiply(z, way.scale, out=w)  # type: ignore[attr-defined] # noqa: B023
                way(w, memory)  # type: ignore[operator] # noqa: B023

            return work

        works: dict[str, Work] = {
            "logistic": lambda: nnlib.activations.logistic(z),  # noqa: B023
            "exp": by(BY_EXP),
            "table": by(BY_TABLE),
            "textbook": lambda: peers.sigmoid(z),  # noqa: B023
            "jax": lambda: jitted(z_jax).block_until_ready(),  # noqa: B023
            "torch": lambda: peers.torch.sigmoid(z_torch),  # noqa: B023
        }
        results = compare(works)
        rows.append([str(n)] + [f"{results[k].seconds / n * 1e9:.3g}" for k in works])
    return table(["numbers", "`logistic`", "in place, exp", "in place, table", "textbook", "JAX", "torch"], rows)


RUNS: dict[str, dict[str, object]] = {
    "Iris, gradient descent": {},
    "Iris, momentum, batches of 32": {"optimizer": "momentum", "lr": 1.0, "batch": 32},
    "Iris, Nesterov": {"optimizer": "nesterov", "lr": 1.0},
    "Iris, RMSProp": {"optimizer": "rmsprop", "lr": 0.05},
    "Iris, Adam, 4-8-8-3, tanh, biases": {
        "optimizer": "adam",
        "lr": 0.02,
        "hidden_sizes": "8 8",
        "activation": "tanh",
        "biases": True,
    },
    "Iris, gradient descent far too fast": {"lr": 1000.0},
    "sine, ReLU, biases": {**for_dataset("sine"), "lr": 0.05, "activation": "relu", "output": "identity"},
    "XOR, biases": {**for_dataset("xor"), "lr": 3.0},
}
"""Runs of the training room whose scripts are tried."""


def scripts() -> str:
    """Run the scripts that the training room exports, and compare the loss that they print with the screen's."""
    rows = []
    for name, values in RUNS.items():
        room = training.make_room(Scenario(**values))  # type: ignore[arg-type]
        run = training.go_on(room, room.n_steps)
        now = training.moment(room, run, run.n_steps)
        row = [name, repr(now.losses["training"])]
        for make in (exports.numpy_script, exports.torch_script):
            command = [sys.executable, "-W", "error", "-c", make(room, run, now)]
            printed = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
            off = abs(float(printed.stdout.split()[1]) - now.losses["training"])
            if not off <= 1e-12:
                raise ArithmeticError(f"{make.__name__} of {name} is off by {off}")
            row.append(f"{off:.1e}" if off else "0")
        rows.append([*row, str(len(exports.anchors(room, run, now.step)))])
    return table(
        ["run, 1,000 steps", "loss on the screen", "numpy script off by", "torch script off by", "anchors"], rows
    )


SECTIONS = {
    f.__name__: f
    for f in (surface, agreement, first, floor, terraces, plane, decision, descent, ensemble, growth, sigmoid, scripts)
}


def machine() -> str:
    """Return what was measured on."""
    model = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        found = re.search(r"model name\s*: (.*)", information.read_text())
        model = found[1] if found else model
    widest = "with AVX-512" if nnlib.fast_sigmoid.exp_is_vectorised() else "without AVX-512"
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "jax", "torch", "numba", "autograd"))
    return f"{model} ({widest}), one core, one thread; Python {platform.python_version()}, {packages}."


def main(names: list[str]) -> None:
    """Measure the named sections, or all, and write each between its markers."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    readme = HERE / "README.md"
    for name in names or ["machine", *SECTIONS, "targets"]:
        start = time.perf_counter()
        body = {"machine": machine, "targets": targets, **SECTIONS}[name]()
        text = readme.read_text(encoding="utf-8")
        begin, end = f"<!-- benchmark:{name} -->", "<!-- /benchmark -->"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        readme.write_text(f"{before}{begin}\n{body}\n{end}{after}", encoding="utf-8")
        print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
