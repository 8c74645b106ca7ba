"""What a visitor takes home: the run as CSV, the parameters as JSON, and scripts that do it all again. Pure.

The scripts hold data, initial weights and formulas, so nothing of this project is needed to run them. Numbers are
written so that they are read back to the last bit.
"""

import csv
import io
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from dashboard.data_input import MAX_BYTES, MAX_INPUTS
from dashboard.scenario import LIMITS, MAX_ANCHORED, MAX_DEPTH, MAX_SCRIPT_AT_ONCE
from dashboard.training import Moment, Room, Run
from nnlib import ACTIVATIONS, Activation, Params
from nnlib.plain_steps import PlainSteps

FORMAT = "nnlib parameters 1"
MAX_JSON = MAX_BYTES
"""Bytes of a file of parameters; the largest network needs about 20 000."""


def run_csv(room: Room, run: Run) -> str:
    """Return the run as CSV: each step with its losses and every parameter, to full precision."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    tests = [] if run.test_loss is None else [run.test_loss]
    names = [str(ref) for ref in room.network.refs()]
    writer.writerow(["step", "training loss", *(["test loss"] if tests else []), *names])
    losses = [run.trajectory.loss, *tests]
    for step, vector in enumerate(run.trajectory.params.to_vector()):
        writer.writerow([step, *(repr(float(loss[step])) for loss in losses), *map(repr, vector.tolist())])
    return out.getvalue()


# --- parameters -------------------------------------------------------------------------------------------------------


def parameters_json(room: Room, at: Moment) -> str:
    """Return the parameters after a step, with the network they belong to, as JSON."""
    return json.dumps(
        {
            "format": FORMAT,
            "sizes": list(room.network.sizes),
            "hidden": _activation_json(room.network.hidden),
            "output": _activation_json(room.network.output),
            "biases": room.network.biases,
            "step": at.step,
            "training loss": at.losses["training"],
            "inputs": list(room.raw.feature_names),
            "classes": list(room.raw.class_names),
            "mean": room.mean.tolist(),
            "spread": room.spread.tolist(),
            "parameters": dict(zip(map(str, room.network.refs()), at.params.to_vector().tolist(), strict=True)),
        },
        indent=1,
    )


def _activation_json(f: Activation) -> dict[str, Any]:
    found: dict[str, Any] = {"name": f.name}
    if f.name == "sigmoid" and f.form:
        found |= {"steepness": f.form.steepness, "threshold": f.form.threshold}
    if f.name == "step":
        found["threshold"] = f.breaks[0]
    return found


@dataclass(frozen=True)
class Loaded:
    """Parameters read from a file, and the network that they belong to, as fields of a Scenario."""

    sizes: tuple[int, ...]
    fields: dict[str, Any]
    vector: tuple[float, ...]
    step: int


def read_parameters(content: bytes, n_inputs: int, n_outputs: int) -> Loaded | str:
    """Return what a file of `parameters_json` holds, or what is wrong with it."""
    if len(content) > MAX_JSON:
        return f"The file has {len(content):,} bytes. A file of parameters has at most {MAX_JSON:,}."
    try:
        found = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):
        return "This is not a JSON file."
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        return "This JSON was not saved here: its format is missing."
    try:
        return _loaded(found, n_inputs, n_outputs)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        return f"The file is incomplete or was changed: {type(error).__name__}, {str(error)[:120]}."


def _loaded(found: dict[str, Any], n_inputs: int, n_outputs: int) -> Loaded | str:
    sizes = tuple(int(size) for size in found["sizes"])
    hidden = sizes[1:-1]
    most = LIMITS["hidden_units"].high
    if not 1 <= len(hidden) <= MAX_DEPTH or not all(1 <= size <= most for size in hidden):
        return f"The file's network has hidden layers of {hidden}. At most {MAX_DEPTH} of {most:g} units fit."
    if not 1 <= sizes[0] <= MAX_INPUTS:
        return f"The file's network has {sizes[0]} inputs."
    if (sizes[0], sizes[-1]) != (n_inputs, n_outputs):
        return (
            f"The file's network has {sizes[0]} inputs and {sizes[-1]} outputs. The data here have {n_inputs} and "
            f"{n_outputs}. Choose the data first."
        )
    biases = bool(found["biases"])
    vector = tuple(float(value) for value in found["parameters"].values())
    expected = sum((a + biases) * b for a, b in pairwise(sizes))
    if len(vector) != expected or not all(math.isfinite(value) for value in vector):
        return f"The file has {len(vector)} usable parameters. Its network needs {expected}."
    form, output = found["hidden"], found["output"]
    if form["name"] not in ACTIVATIONS or output["name"] not in ACTIVATIONS:
        return "The file names an activation that is not known here."
    fields: dict[str, Any] = {
        "hidden_sizes": ", ".join(map(str, hidden)),
        "activation": form["name"],
        "output": "same" if output == form else output["name"],
        "biases": biases,
    }
    if "steepness" in form:
        fields["steepness"] = float(form["steepness"])
    if form.get("threshold"):
        fields |= {"threshold": float(form["threshold"]), "threshold_in_nets": True}
    return Loaded(sizes, fields, vector, int(found["step"]))


# --- scripts ----------------------------------------------------------------------------------------------------------


SAME = 1e-14
"""How far a weight may be off, against the largest, and what that may do to the loss, before a script needs help."""
FAR = 1e-10
"""How far a weight may be off, against the largest, before a script that needs help goes on from the recorded weights.
Far below the 1e-6 at which a script says that it is another run."""


class Rehearsal:
    """Goes along a recorded run with the plain arithmetic of a script, and notes where a script has to be put back.

    The last digit of a sum depends on the order in which it is taken, so a script's numbers differ by a few 1e-17. Most
    runs forget such differences. Some, above all with a large learning rate or with RMSProp, make them grow, like the
    weather; there a script can only follow the run if it is told now and then where the run was.
    """

    def __init__(self, room: Room, run: Run) -> None:
        self.room, self.run, self.step = room, run, 0
        self.needs_help: int | None = None
        """The first step after which a script's loss would be another one."""
        self.found: list[int] = []
        self.full = False
        """Whether that needs more than `MAX_ANCHORED` recorded numbers; then it goes no further."""
        X, Y = room.train.X, room.train.Y
        self._samples = np.ascontiguousarray(X.T), np.ascontiguousarray(Y.T)
        self._rows = _shuffled(len(X), room.batch, np.random.default_rng(room.seed)) if room.batch else None
        self._steps = PlainSteps(room.network, room.start, room.optimizer)

    def go_on(self, most: int) -> int:
        """Follow the run for up to so many steps more; return how many steps are followed, or all if it is `full`."""
        first, last = self.step + 1, min(self.step + most, self.run.n_steps)
        if self.full or first > last:
            return self.run.n_steps
        recorded = self.run.trajectory.params[first : last + 1].to_vector()
        largest = np.abs(recorded).max(1)
        with np.errstate(over="ignore", invalid="ignore"):
            for exact, scale in zip(recorded, largest.tolist(), strict=True):
                rows = slice(None) if self._rows is None else next(self._rows)
                self._steps.take(*(samples[:, rows] for samples in self._samples))
                self.step += 1
                off = np.abs(self._steps.vector - exact)
                worst = off.max()
                if self.needs_help is None and not (worst <= SAME * scale and self._steps.harm(off) <= SAME):
                    self.needs_help = self.step
                if not worst <= FAR * scale:
                    self.found.append(self.step)
                    self._steps.vector[:] = exact
                    if len(self.found) * exact.size > MAX_ANCHORED:
                        self.full = True
                        return self.run.n_steps
        return self.step

    def anchors(self, n_steps: int) -> dict[int, Params] | None:
        """Return the steps at which a script of so many steps is put back on the run, with the weights there.

        None if they are too many. Raises ValueError if the run was not followed that far.
        """
        if self.full and self.step <= n_steps:
            return None
        if self.step < n_steps:
            raise ValueError(f"the run was followed for {self.step} steps, not for {n_steps}")
        steps = [step for step in self.found if step <= n_steps]
        if self.needs_help is not None and self.needs_help <= n_steps and n_steps not in steps:
            steps.append(n_steps)
        return {step: self.run.trajectory.params[step] for step in steps}


def is_brief(room: Room, n_steps: int) -> bool:
    """Whether a script of so many steps is made in less than about a second, and surely holds few enough numbers."""
    work = len(room.train.X) * sum(room.network.sizes[1:]) + CALLS_OF_A_STEP
    return n_steps * work <= MAX_SCRIPT_AT_ONCE and n_steps * room.start.n_parameters <= MAX_ANCHORED


CALLS_OF_A_STEP = 2000
"""What the calls of a step cost, whatever they compute: as much as so many activations."""


def anchors(room: Room, run: Run, n_steps: int) -> dict[int, Params]:
    """Return the steps at which a script has to be put back on the recorded run, with the weights there.

    Raises ValueError if they are too many.
    """
    rehearsal = Rehearsal(room, run)
    rehearsal.go_on(n_steps)
    found = rehearsal.anchors(n_steps)
    if found is None:
        raise ValueError(f"a script of {n_steps} steps would hold more than {MAX_ANCHORED} recorded numbers")
    return found


def _shuffled(n: int, size: int, rng: np.random.Generator) -> Iterator[Any]:
    while True:
        order = rng.permutation(n)
        for at in range(0, n, size):
            yield order[at : at + size]


def numpy_script(room: Room, run: Run, at: Moment, recorded: dict[int, Params] | None = None) -> str:
    """Return a script that needs numpy alone: the same data, start and steps, and it prints the loss.

    `recorded` are the `anchors` up to that step, if they are known.
    """
    hidden, output = (_numpy_activation(f) for f in (room.network.hidden, room.network.output))
    names = ["W", "b"] if room.network.biases else ["W"]
    return NUMPY_SCRIPT.format(
        head=_head(room, at, "numpy"),
        data=_data(room, "np.array"),
        start=_start(room, "np.array"),
        recorded=_recorded(anchors(room, run, at.step) if recorded is None else recorded),
        hidden=hidden[0],
        hidden_slope=hidden[1],
        output=output[0],
        output_slope=output[1],
        plus_bias=" + b[layer]" if room.network.biases else "",
        bias_gradient="        db[layer] = d_in.sum(0)\n" if room.network.biases else "",
        lr=room.lr,
        n_steps=at.step,
        kept=NUMPY_OPTIMIZERS[room.optimizer_name][0],
        memory=NUMPY_MEMORY[room.optimizer_name],
        update=NUMPY_OPTIMIZERS[room.optimizer_name][1],
        arrays=" + ".join(names),
        gradients=" + ".join(f"d{name}" for name in names),
        rows=_rows(room),
        pick="rows = next(batches)\n    x, y = X[rows], Y[rows]" if room.batch else "x, y = X, Y",
        test=_test(room, "{mse(forward(X_test)[1][-1], Y_test)!r}"),
    )


def torch_script(room: Room, run: Run, at: Moment, recorded: dict[int, Params] | None = None) -> str:
    """Return the same as a script for PyTorch, in double precision; its gradients come from autograd."""
    return TORCH_SCRIPT.format(
        head=_head(room, at, "torch"),
        data=_data(room, "tensor"),
        start=_start(room, "parameter"),
        recorded=_recorded(anchors(room, run, at.step) if recorded is None else recorded),
        arrays="[*W, *b]" if room.network.biases else "W",
        hidden=_torch_activation(room.network.hidden),
        output=_torch_activation(room.network.output),
        plus_bias=" + b[layer]" if room.network.biases else "",
        lr=room.lr,
        n_steps=at.step,
        optimizer=TORCH_OPTIMIZERS[room.optimizer_name],
        rows=_rows(room),
        pick="rows = next(batches)\n    x, y = X[rows], Y[rows]" if room.batch else "x, y = X, Y",
        test=_test(room, "{mse(forward(X_test), Y_test).item()!r}"),
    )


def _head(room: Room, at: Moment, library: str) -> str:
    sizes = "-".join(map(str, room.network.sizes))
    return (
        f"A network of {sizes} units on {len(room.train.X)} samples, {at.step} steps of {room.optimizer_name}, "
        f"in plain {library}.\n\nThe loss that the app shows after step {at.step}: {at.losses['training']!r}"
    )


def _data(room: Room, make: str) -> str:
    lines = [f"X = {make}({room.train.X.tolist()!r})", f"Y = {make}({room.train.Y.tolist()!r})"]
    if room.test is not None:
        lines += [f"X_test = {make}({room.test.X.tolist()!r})", f"Y_test = {make}({room.test.Y.tolist()!r})"]
    return "\n".join(lines)


def _start(room: Room, make: str) -> str:
    def listed(name: str, arrays: Any) -> str:
        return f"{name} = [{', '.join(f'{make}({a.tolist()!r})' for a in arrays)}]"

    start: Params = room.start
    return "\n".join([listed("W", start.weights), *([listed("b", start.biases)] if start.biases else [])])


def _recorded(found: dict[int, Params]) -> str:
    """Anchors as a dict of a script: for each step the arrays in the order of `arrays`."""
    if not found:
        return "recorded = {}"
    lines = [
        f"    {step}: [{', '.join(repr(a.tolist()) for a in (*params.weights, *params.biases))}],\n"
        for step, params in found.items()
    ]
    return (
        "# This run makes differences in the last digit grow, and those differ from machine to machine. At these\n"
        "# steps it is compared with the weights of the screen and goes on from them.\n"
        f"recorded = {{\n{''.join(lines)}}}"
    )


def _rows(room: Room) -> str:
    if room.batch is None:
        return ""
    return f'''
def shuffled(n, size, rng):
    """Yield the rows of each step; every epoch has an order of its own."""
    while True:
        order = rng.permutation(n)
        for at in range(0, n, size):
            yield order[at : at + size]


batches = shuffled(len(X), {room.batch}, np.random.default_rng({room.seed}))
'''


def _test(room: Room, loss: str) -> str:
    return "" if room.test is None else f'print(f"test loss {loss}")\n'


def _numpy_activation(f: Activation) -> tuple[str, str]:
    """The formula of an activation of z and of its slope, which may use a = f(z)."""
    z = _shifted(f)
    scale = "" if not f.form or f.form.steepness == 1 else f"{f.form.steepness!r} * "
    return {
        "step": (f"(z >= {f.breaks[0] if f.breaks else 0.0!r}).astype(float)", "np.zeros_like(a)"),
        "sigmoid": (f"1 / (1 + np.exp(-{z}))", f"{scale}a * (1 - a)"),
        "tanh": ("np.tanh(z)", "1 - a * a"),
        "relu": ("np.maximum(z, 0)", "(z > 0).astype(float)"),
        "leaky_relu": ("np.where(z > 0, z, 0.01 * z)", "np.where(z > 0, 1.0, 0.01)"),
        "softplus": ("np.logaddexp(0, z)", "1 / (1 + np.exp(-z))"),
        "identity": ("z", "np.ones_like(a)"),
    }[f.name]


def _torch_activation(f: Activation) -> str:
    return {
        "step": f"(z >= {f.breaks[0] if f.breaks else 0.0!r}).to(z) + 0 * z  # autograd finds slope 0",
        "sigmoid": f"1 / (1 + torch.exp(-{_shifted(f)}))",
        "tanh": "torch.tanh(z)",
        "relu": "torch.relu(z)",
        "leaky_relu": "torch.nn.functional.leaky_relu(z, 0.01)",
        "softplus": "torch.logaddexp(torch.zeros_like(z), z)",
        "identity": "z",
    }[f.name]


def _shifted(f: Activation) -> str:
    if f.name != "sigmoid" or not f.form or (f.form.steepness == 1 and f.form.threshold == 0):
        return "z"
    return f"({f.form.steepness!r} * (z - {f.form.threshold!r}))"


NUMPY_OPTIMIZERS: dict[str, tuple[str, str]] = {
    "gradient descent": ("", "w[:] = w - lr * g"),
    "momentum": ("v,", "v[:] = 0.9 * v + g\n        w[:] = w - lr * v"),
    "nesterov": ("v,", "v[:] = 0.9 * v + g\n        w[:] = w - lr * (g + 0.9 * v)"),
    "rmsprop": ("s,", "s[:] = 0.99 * s + (1 - 0.99) * (g * g)\n        w[:] = w - lr * g / (s**0.5 + 1e-8)"),
    "adam": (
        "m, s",
        "m[:] = 0.9 * m + (1 - 0.9) * g\n"
        "        s[:] = 0.999 * s + (1 - 0.999) * (g * g)\n"
        "        size = (s / (1 - 0.999**step)) ** 0.5 + 1e-8\n"
        "        w[:] = w - lr * (m / (1 - 0.9**step)) / size",
    ),
}
"""For each optimizer the names of what it remembers, and one step with it."""

NUMPY_MEMORY: dict[str, str] = {
    "gradient descent": "",
    "momentum": "0 * w,",
    "nesterov": "0 * w,",
    "rmsprop": "0 * w,",
    "adam": "0 * w, 0 * w",
}

TORCH_OPTIMIZERS: dict[str, str] = {
    "gradient descent": "SGD(arrays, lr=lr)",
    "momentum": "SGD(arrays, lr=lr, momentum=0.9)",
    "nesterov": "SGD(arrays, lr=lr, momentum=0.9, nesterov=True)",
    "rmsprop": "RMSprop(arrays, lr=lr, alpha=0.99, eps=1e-8)",
    "adam": "Adam(arrays, lr=lr, betas=(0.9, 0.999), eps=1e-8)",
}

NUMPY_SCRIPT = '''"""{head}
"""

import numpy as np

np.seterr(over="ignore", under="ignore")  # exp of a large number is inf, and 1 / inf = 0 is right

{data}
{start}
{recorded}
lr, n_steps = {lr!r}, {n_steps}


def hidden(z):
    return {hidden}


def hidden_slope(z, a):
    return {hidden_slope}


def output(z):
    return {output}


def output_slope(z, a):
    return {output_slope}


def forward(X):
    """Return what enters and what leaves every layer; leaves[0] are the inputs."""
    enters, leaves = [], [X]
    for layer in range(len(W)):
        z = leaves[-1] @ W[layer]{plus_bias}
        enters.append(z)
        leaves.append((output if layer == len(W) - 1 else hidden)(z))
    return enters, leaves


def mse(O_out, Y):
    error = O_out - Y
    return float((error * error).sum() / (2 * Y.size))


def gradient(x, y):
    """Return dW and db: the chain rule from the loss back, layer by layer."""
    enters, leaves = forward(x)
    dW, db = [None] * len(W), [None] * len(W)
    d_out = (leaves[-1] - y) / y.size
    for layer in reversed(range(len(W))):
        slope = output_slope if layer == len(W) - 1 else hidden_slope
        d_in = d_out * slope(enters[layer], leaves[layer + 1])
        dW[layer] = leaves[layer].T @ d_in
{bias_gradient}        d_out = d_in @ W[layer].T
    return dW, db


{rows}
arrays = {arrays}
memory = [({memory}) for w in arrays]  # what the optimizer remembers of each array
for step in range(1, n_steps + 1):
    {pick}
    dW, db = gradient(x, y)
    for w, g, ({kept}) in zip(arrays, {gradients}, memory):
        {update}
    for w, exact in zip(arrays, recorded.get(step, [])):
        assert np.abs(w - exact).max() <= 1e-6 * np.abs(exact).max(), f"step {{step}} is another run"
        w[:] = exact

print(f"loss {{mse(forward(X)[1][-1], Y)!r}}")
{test}'''

TORCH_SCRIPT = '''"""{head}
"""

import numpy as np
import torch


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def parameter(values):
    return tensor(values).requires_grad_()


{data}
{start}
{recorded}
lr, n_steps = {lr!r}, {n_steps}


def hidden(z):
    return {hidden}


def output(z):
    return {output}


def forward(H):
    for layer in range(len(W)):
        z = H @ W[layer]{plus_bias}
        H = output(z) if layer == len(W) - 1 else hidden(z)
    return H


def mse(O_out, Y):
    return ((O_out - Y) ** 2).sum() / (2 * Y.numel())

{rows}
arrays = {arrays}
optimizer = torch.optim.{optimizer}
for step in range(1, n_steps + 1):
    {pick}
    optimizer.zero_grad()
    mse(forward(x), y).backward()
    optimizer.step()
    with torch.no_grad():
        for w, exact in zip(arrays, map(tensor, recorded.get(step, []))):
            assert (w - exact).abs().max() <= 1e-6 * exact.abs().max(), f"step {{step}} is another run"
            w.copy_(exact)

with torch.no_grad():
    print(f"loss {{mse(forward(X), Y).item()!r}}")
    {test}'''
