"""A network's shape, its parameters as an immutable value, and the forward pass as a record.

Leading axes are many networks: weights of shape (..., fan_in, fan_out) broadcast through X @ W + b, so the same forward
pass serves one network, a sweep of learning rates, every step of a run, or a grid of weights.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np

from nnlib._types import Array, frozen, is_whole, sealed
from nnlib.activations import Activation, get_activation


@dataclass(frozen=True, init=False)
class Network:
    """The shape of a fully connected network: its layer sizes and activations, without any weights.

    `sizes` counts the units of each layer from the inputs to the outputs, such as (4, 2, 3). `hidden` and `output` are
    activations or their names. `biases` adds one b per unit. Raises ValueError for fewer than two sizes, a size below 1
    or an unknown name.
    """

    sizes: tuple[int, ...]
    hidden: Activation
    output: Activation
    biases: bool

    def __init__(
        self,
        sizes: Sequence[int],
        hidden: str | Activation = "sigmoid",
        output: str | Activation = "sigmoid",
        biases: bool = False,
    ) -> None:
        sizes = tuple(sizes) if isinstance(sizes, Iterable) else (sizes,)
        if len(sizes) < 2 or not all(is_whole(s) and s >= 1 for s in sizes):
            raise ValueError(f"sizes must be at least two whole numbers of 1 or more, got {sizes}")
        object.__setattr__(self, "sizes", tuple(int(s) for s in sizes))
        object.__setattr__(self, "hidden", get_activation(hidden))
        object.__setattr__(self, "output", get_activation(output))
        object.__setattr__(self, "biases", bool(biases))

    @property
    def n_layers(self) -> int:
        """The number of weight matrices, L: one for each layer after the inputs."""
        return len(self.sizes) - 1

    @cached_property
    def weight_shapes(self) -> tuple[tuple[int, int], ...]:
        """The shape (fan_in, fan_out) of every weight matrix."""
        return tuple(zip(self.sizes, self.sizes[1:], strict=False))

    @property
    def n_parameters(self) -> int:
        """How many numbers the network can learn: all weights and biases."""
        return sum(fan_in * fan_out + self.biases * fan_out for fan_in, fan_out in self.weight_shapes)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The names of the values of a forward pass, in order: X, H_in, H_out, O_in, O_out (H1_in ... if deeper)."""
        hidden = self.n_layers - 1
        names = ["H" if hidden == 1 else f"H{layer}" for layer in range(1, hidden + 1)]
        return ("X", *(f"{name}_{end}" for name in [*names, "O"] for end in ("in", "out")))

    def activation(self, layer: int) -> Activation:
        """Return the activation of a layer, 0 being the one that W1 feeds."""
        return self.output if layer == self.n_layers - 1 else self.hidden

    def refs(self) -> tuple["WeightRef", ...]:
        """Return a WeightRef for every parameter: each layer's weights row by row, then its biases."""
        refs: list[WeightRef] = []
        for layer, (fan_in, fan_out) in enumerate(self.weight_shapes):
            refs += [WeightRef(layer, row, column) for row in range(fan_in) for column in range(fan_out)]
            if self.biases:
                refs += [WeightRef(layer, None, column) for column in range(fan_out)]
        return tuple(refs)

    def check_ref(self, ref: "WeightRef") -> None:
        """Raise ValueError, naming the parameters there are, unless the network has this one."""
        if not isinstance(ref, WeightRef):
            raise ValueError(f"{ref!r} is no WeightRef: make one with WeightRef(0, 1, 2) or WeightRef.parse")
        if 0 <= ref.layer < self.n_layers:
            fan_in, fan_out = self.weight_shapes[ref.layer]
            if (self.biases if ref.row is None else 0 <= ref.row < fan_in) and 0 <= ref.column < fan_out:
                return
        shapes = ", ".join(f"W{i} is {rows} x {columns}" for i, (rows, columns) in enumerate(self.weight_shapes, 1))
        biases = "" if self.biases else "; it has no biases"
        raise ValueError(f"the network has no {ref}: {shapes}{biases}")

    def check_params(self, params: "Params") -> None:
        """Raise ValueError unless the parameters have this network's shapes."""
        weights = tuple(w.shape[-2:] for w in params.weights)
        biases = tuple(b.shape[-1:] for b in params.biases)
        wanted = tuple((size,) for size in self.sizes[1:]) if self.biases else ()
        if weights != self.weight_shapes or biases != wanted:
            raise ValueError(
                f"parameters do not fit a network of sizes {self.sizes} "
                f"{'with' if self.biases else 'without'} biases: weights {weights}, biases {biases}"
            )

    def check_inputs(self, X: Any) -> Array:
        """Return X as an array of floats; ValueError, naming what is wrong, unless it is finite and (N, inputs)."""
        return _checked("X", X, self.sizes[0])

    def check_data(self, X: Any, Y: Any) -> tuple[Array, Array]:
        """Return X and Y as arrays; ValueError unless both are finite, (N, inputs) and (N, outputs)."""
        X, Y = self.check_inputs(X), _checked("Y", Y, self.sizes[-1])
        if len(X) != len(Y):
            raise ValueError(f"X has {len(X)} samples but Y has {len(Y)}")
        return X, Y


@dataclass(frozen=True)
class WeightRef:
    """The place of one parameter, counted from 0; its text is the textbook's name, counted from 1: W1[1,2] or b1[2].

    `layer` counts the matrices, `row` the unit it comes from (None for a bias), `column` the unit it feeds.
    Raises ValueError for a number that is negative or not whole.
    """

    layer: int
    row: int | None
    column: int

    def __post_init__(self) -> None:
        for place in (self.layer, 0 if self.row is None else self.row, self.column):
            if not is_whole(place) or place < 0:
                raise ValueError(f"layer, row and column must be whole numbers of 0 or more, got {place!r}")

    def __str__(self) -> str:
        if self.row is None:
            return f"b{self.layer + 1}[{self.column + 1}]"
        return f"W{self.layer + 1}[{self.row + 1},{self.column + 1}]"

    @classmethod
    def parse(cls, text: str) -> "WeightRef":
        """Return the reference that a name such as "W1[1,2]" or "b2[1]" stands for; ValueError for other text."""
        if not isinstance(text, str):
            raise ValueError(f"{text!r} names no weight: write W1[1,2] for a weight or b1[2] for a bias")
        match = re.fullmatch(
            r"\s*(?:W([1-9]\d{0,8})\[([1-9]\d{0,8}),\s*|b([1-9]\d{0,8})\[)([1-9]\d{0,8})\]\s*", text, re.ASCII
        )
        if match is None:
            raise ValueError(f"{text!r} names no weight: write W1[1,2] for a weight or b1[2] for a bias")
        layer, row, bias_layer, column = match.groups()
        if bias_layer is not None:
            return cls(int(bias_layer) - 1, None, int(column) - 1)
        return cls(int(layer) - 1, int(row) - 1, int(column) - 1)


@dataclass(frozen=True, eq=False)
class Params:
    """All weights and biases of one network, or of many along leading axes: a value that never changes.

    `weights[l]` (..., fan_in, fan_out) and `biases[l]` (..., fan_out), or no biases at all. It adds, subtracts,
    multiplies and divides elementwise, like one long vector; a number scales it, an array of numbers scales each
    network by its own. All arrays get one precision, the finest among them. Raises ValueError for no weights, arrays
    of too few axes or different leading axes.
    """

    weights: tuple[Array, ...]
    biases: tuple[Array, ...] = ()

    # Without this, `lr * gradient` with an array lr would be taken over by numpy and give an array of objects.
    __array_ufunc__ = None

    def __init__(self, weights: Iterable[Any], biases: Iterable[Any] = ()) -> None:
        object.__setattr__(self, "weights", tuple(frozen("weights", w) for w in weights))
        object.__setattr__(self, "biases", tuple(frozen("biases", b) for b in biases))
        if not self.weights:
            raise ValueError("there must be at least one weight matrix")
        if len({a.dtype for a in (*self.weights, *self.biases)}) > 1:
            finest = np.result_type(*self.weights, *self.biases)
            object.__setattr__(self, "weights", tuple(sealed(w.astype(finest)) for w in self.weights))
            object.__setattr__(self, "biases", tuple(sealed(b.astype(finest)) for b in self.biases))
        if any(w.ndim < 2 for w in self.weights) or any(b.ndim < 1 for b in self.biases):
            raise ValueError("weights need at least two axes (fan_in, fan_out), biases one (fan_out)")
        if len({w.shape[:-2] for w in self.weights} | {b.shape[:-1] for b in self.biases}) > 1:
            raise ValueError("all weights and biases must have the same leading axes")

    @property
    def runs(self) -> tuple[int, ...]:
        """The leading axes: () for one network, (3,) for three."""
        return self.weights[0].shape[:-2]

    @property
    def n_parameters(self) -> int:
        """How many numbers one network has."""
        return sum(math.prod(w.shape[-2:]) for w in self.weights) + sum(math.prod(b.shape[-1:]) for b in self.biases)

    def map(self, function: Callable[..., Array], *others: "Params") -> "Params":
        """Return the Params of function(array, *other arrays) for every weight matrix and bias vector.

        The function gets arrays (..., fan_in, fan_out) and (..., fan_out) and returns arrays of at least these axes.
        """
        return Params(
            (function(*group) for group in zip(self.weights, *(o.weights for o in others), strict=True)),
            (function(*group) for group in zip(self.biases, *(o.biases for o in others), strict=True)),
        )

    def _with(self, other: Any, function: Callable[[Array, Any], Array]) -> "Params":
        if isinstance(other, Params):
            mine, theirs = (
                ([w.shape[-2:] for w in p.weights], [b.shape[-1:] for b in p.biases]) for p in (self, other)
            )
            if mine != theirs:
                raise ValueError(f"parameters of shapes {mine} and {theirs} do not go together")
            return self.map(function, other)
        number = np.asarray(other, dtype=self.weights[0].dtype)
        if number.ndim == 0:
            return self.map(lambda a: function(a, number))
        return Params(
            (function(w, number[..., None, None]) for w in self.weights),
            (function(b, number[..., None]) for b in self.biases),
        )

    def __add__(self, other: Any) -> "Params":
        return self._with(other, np.add)

    def __sub__(self, other: Any) -> "Params":
        return self._with(other, np.subtract)

    def __mul__(self, other: Any) -> "Params":
        return self._with(other, np.multiply)

    def __truediv__(self, other: Any) -> "Params":
        return self._with(other, np.divide)

    def __pow__(self, exponent: float) -> "Params":
        return self.map(lambda a: a**exponent)

    def __neg__(self) -> "Params":
        return self.map(np.negative)

    __radd__ = __add__
    __rmul__ = __mul__

    def __getitem__(self, index: Any) -> "Params":
        """Index the leading axes: params[3] is the fourth network."""
        index = index if isinstance(index, tuple) else (index,)
        return Params(
            (w[(*index, ..., slice(None), slice(None))] for w in self.weights),
            (b[(*index, ..., slice(None))] for b in self.biases),
        )

    @classmethod
    def stack(cls, networks: Sequence["Params"]) -> Self:
        """Return many networks of one shape as one Params with a new leading axis: n times (...) gives (n, ...).

        Raises ValueError for none at all, or networks of different shapes.
        """
        if not networks:
            raise ValueError("there must be at least one network to stack")
        return cls(
            (np.stack(group) for group in zip(*(n.weights for n in networks), strict=True)),
            (np.stack(group) for group in zip(*(n.biases for n in networks), strict=True)),
        )

    def get(self, ref: WeightRef) -> Array:
        """Return the value of one parameter, one for each network: (...,); ValueError if there is none of that name."""
        self._check_ref(ref)
        if ref.row is None:
            return np.asarray(self.biases[ref.layer][..., ref.column])
        return np.asarray(self.weights[ref.layer][..., ref.row, ref.column])

    def replace(self, ref: WeightRef, value: Any) -> "Params":
        """Return a copy with another value of one parameter: a number, or (...,) whose axes become leading axes.

        Raises ValueError if there is no such parameter.
        """
        self._check_ref(ref)
        value = np.asarray(value)
        weights, biases = list(self.weights), list(self.biases)
        runs = np.broadcast_shapes(self.runs, value.shape)
        if ref.row is None:
            biases[ref.layer] = b = np.broadcast_to(biases[ref.layer], (*runs, biases[ref.layer].shape[-1])).copy()
            b[..., ref.column] = value
        else:
            weights[ref.layer] = w = np.broadcast_to(weights[ref.layer], (*runs, *weights[ref.layer].shape[-2:])).copy()
            w[..., ref.row, ref.column] = value
        return Params(
            (np.broadcast_to(w, (*runs, *w.shape[-2:])) for w in weights),
            (np.broadcast_to(b, (*runs, b.shape[-1])) for b in biases),
        )

    def _check_ref(self, ref: WeightRef) -> None:
        arrays = self.biases if ref.row is None else self.weights
        place = (ref.column,) if ref.row is None else (ref.row, ref.column)
        if ref.layer >= len(arrays) or np.any(place >= np.array(arrays[ref.layer].shape[-len(place) :])):
            shapes = ", ".join(f"W{i} {w.shape[-2:]}" for i, w in enumerate(self.weights, 1))
            raise ValueError(f"there is no {ref} among {shapes} and {len(self.biases)} bias vectors")

    def to_vector(self) -> Array:
        """Return all parameters as (..., n_parameters), in the order of `Network.refs`."""
        parts: list[Array] = []
        for layer, w in enumerate(self.weights):
            parts.append(w.reshape(*self.runs, w.shape[-2] * w.shape[-1]))
            if self.biases:
                parts.append(self.biases[layer])
        return np.concatenate(parts, -1)

    def from_vector(self, vector: Array) -> "Params":
        """Return a vector (..., n_parameters) as Params of this one's shapes: the inverse of `to_vector`.

        Raises ValueError for another number of parameters.
        """
        if vector.shape[-1] != self.n_parameters:
            raise ValueError(f"expected {self.n_parameters} parameters, got {vector.shape[-1]}")
        weights, biases, start = [], [], 0
        for w in self.weights:
            fan_in, fan_out = w.shape[-2:]
            weights.append(vector[..., start : start + fan_in * fan_out].reshape(*vector.shape[:-1], fan_in, fan_out))
            start += fan_in * fan_out
            if self.biases:
                biases.append(vector[..., start : start + fan_out])
                start += fan_out
        return Params(weights, biases)


def _checked(name: str, values: Any, size: int) -> Array:
    data = frozen(name, values)
    if data.ndim != 2 or data.shape[1] != size:
        raise ValueError(f"{name} must have shape (samples, {size}), got {data.shape}")
    if len(data) == 0:
        raise ValueError(f"{name} has no samples")
    if not np.isfinite(data).all():
        row, column = np.argwhere(~np.isfinite(data))[0]
        raise ValueError(f"{name} must be finite: row {row + 1}, column {column + 1} is {data[row, column]}")
    return data


SCHEMES: dict[str, str] = {
    "xavier": "uniform in +-sqrt(6 / (fan_in + fan_out)), biases 0 (Glorot and Bengio, 2010)",
    "he": "normal with standard deviation sqrt(2 / fan_in), biases 0 (He et al., 2015)",
    "normal": "normal with mean 0 and standard deviation 1, biases too",
    "uniform": "uniform between -1 and 1, biases too",
    "large": "normal with standard deviation 10, biases 0: sums get large and sigmoids saturate",
    "zeros": "all 0: the hidden units start equal, get equal gradients and stay equal",
}
"""Every way to draw initial parameters, in words."""


def init_params(
    network: Network, rng: np.random.Generator, runs: tuple[int, ...] = (), scheme: str = "xavier"
) -> Params:
    """Return random initial parameters, one network for each place in `runs`: what that many calls would draw.

    runs (...) -> weights (..., fan_in, fan_out). Raises ValueError for an unknown scheme (the message lists the known
    ones), an rng that is no Generator, or runs that are no tuple of whole numbers. Source: told by `SCHEMES`.
    """
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"rng must be a numpy Generator such as np.random.default_rng(0), got {rng!r}")
    if not isinstance(runs, tuple | list) or not all(is_whole(n) and n >= 0 for n in runs):
        raise ValueError(f"runs must be a tuple of whole numbers such as (3,), got {runs!r}")
    if not isinstance(scheme, str) or scheme not in SCHEMES:
        raise ValueError(f"unknown scheme {scheme!r}; known: {', '.join(SCHEMES)}")

    def draw(shape: tuple[int, ...]) -> Array:
        if scheme == "zeros":
            return np.zeros(shape)
        return rng.standard_normal(shape) if scheme in ("he", "normal", "large") else rng.uniform(-1, 1, shape)

    def spread(fan_in: int, fan_out: int) -> float:
        return {"xavier": math.sqrt(6 / (fan_in + fan_out)), "he": math.sqrt(2 / fan_in), "large": 10.0}.get(
            scheme, 1.0
        )

    bias_shapes = [(fan_out,) for _, fan_out in network.weight_shapes if network.biases]
    shapes = [*network.weight_shapes, *(bias_shapes if scheme in ("normal", "uniform") else [])]
    counts = [math.prod(shape) for shape in shapes]
    # One row of numbers for each network, so that a network does not depend on how many are drawn with it.
    parts = np.split(draw((*runs, sum(counts))), np.cumsum(counts)[:-1], axis=-1)
    drawn = [part.reshape(*runs, *shape) for part, shape in zip(parts, shapes, strict=True)]
    weights = [w * spread(*shape) for w, shape in zip(drawn, network.weight_shapes, strict=False)]
    return Params(weights, drawn[network.n_layers :] or [np.zeros((*runs, *shape)) for shape in bias_shapes])


@dataclass(frozen=True, eq=False)
class ForwardPass:
    """Everything a forward pass computed, in order; `p["H_in"]` finds a value by its symbol.

    `inputs[l]` (..., N, units) is what enters the activation of layer l, `outputs[l]` what leaves it; `X` (N, D).
    """

    symbols: tuple[str, ...]
    X: Array
    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...]

    @property
    def O_out(self) -> Array:
        """The network's outputs (..., N, K)."""
        return self.outputs[-1]

    def __getitem__(self, symbol: str) -> Array:
        """Return the value of a symbol such as "H_in"; KeyError lists the known ones."""
        if symbol not in self.symbols:
            raise KeyError(f"no {symbol!r} in this pass; known: {', '.join(self.symbols)}")
        place = self.symbols.index(symbol)
        if place == 0:
            return self.X
        layer, is_output = divmod(place - 1, 2)
        return (self.outputs if is_output else self.inputs)[layer]


def forward(network: Network, params: Params, X: Array) -> ForwardPass:
    """Run the inputs through the network, layer by layer: z = h W + b, then a = f(z).

    X (N, D) and weights (..., fan_in, fan_out) -> values (..., N, units). Raises ValueError for shapes that do not fit
    and for data that is not finite. Weights need not be finite: what a run that diverged computes is part of its
    record, and with NaN weights the values are NaN. Source: Rumelhart, Hinton and Williams, 1986, equations 1 and 2.
    """
    network.check_params(params)
    X = network.check_inputs(X)
    inputs, outputs, H = [], [], X
    for layer, W in enumerate(params.weights):
        z = H @ W
        if network.biases:
            z = z + params.biases[layer][..., None, :]
        H = network.activation(layer).f(z)
        inputs.append(z)
        outputs.append(H)
    return ForwardPass(network.symbols, X, tuple(map(sealed, inputs)), tuple(map(sealed, outputs)))
