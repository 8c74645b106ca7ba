r"""A forward and a backward pass as micro-steps: formula, factors, numbers, value, one operation at a time.

The passes themselves are a few matrix products. Here the same records are read slowly: every neuron, weight and
update is a step that says what it is made of, so that any number can be followed back to the data. A step is a sum of
terms, and a term is a product of factors:

    H_in[1]     = X[1] W1[1,1] + X[2] W1[2,1] + ...                                forward, one term an edge
    dH_out[1]   = dO_in[1] W2[1,1] + dO_in[2] W2[1,2] + ...                        backward, one term an edge
    dW1[1,2]    = X[1] dH_in[2]                                                    one term a sample

The gradient at a node is accumulated over its outgoing edges. Writing every path from a weight to the loss apart gives
the same number, but the paths multiply with every layer: that is why backpropagation works node by node.
"""

import itertools
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from nnlib._types import Array
from nnlib.activations import Activation
from nnlib.backprop import BackwardPass, backward
from nnlib.loss import mse
from nnlib.network import ForwardPass, Network, Params, WeightRef, forward

PHASES = ("forward", "loss", "backward", "update")
"""The four phases of a training step, in order."""
DETAILS = ("neuron", "matrix")
"""How fine a trace is: a step for every neuron and weight, or one for every matrix."""
MAX_PATHS = 64
"""The most paths from one weight to the loss that are listed one by one."""

Write = Callable[[float], str]
"""How a number is written."""


def written(value: float) -> str:
    """Return a number as LaTeX with four significant digits; exactly 0 gives "0"."""
    digits, _, exponent = f"{value:.4g}".partition("e")
    return digits + (rf"\mathrm{{e}}{{{int(exponent)}}}" if exponent else "")


@lru_cache(maxsize=4096)
def latex(name: str) -> str:
    r"""Return the name of a value, gradient or local slope as LaTeX.

    "H_in[2]" becomes H_{\mathrm{in}}[2], "W1[1,2]" stays, "dW1" is the partial derivative of the MSE with respect to
    W1, and "dO_in[1]/dH_out[2]" that of the one with respect to the other. ValueError for other names.
    """
    above, slash, below = name.partition("/")
    if slash:
        return rf"\frac{{\partial {latex(above[1:])}}}{{\partial {latex(below[1:])}}}"
    match = re.fullmatch(r"(d?)([A-Z]|MSE|b)(\d*)(_in|_out)?(\[[^\]]*\])?", name)
    if match is None:
        raise ValueError(f"{name!r} names no value of a network")
    d, letter, number, end, place = match.groups(default="")
    symbol = r"\text{MSE}" if letter == "MSE" else letter + number
    symbol += (rf"_{{\mathrm{{{end[1:]}}}}}" if end else "") + place
    return rf"\frac{{\partial \text{{MSE}}}}{{\partial {symbol}}}" if d else symbol


def mean(values: Array) -> float:
    """Return the mean of some numbers (N,); exactly 0 where they cancel up to rounding, as standardized data do."""
    result, rounding = float(values.mean()), len(values) * np.finfo(float).eps * float(np.abs(values).max())
    return 0.0 if len(values) > 1 and abs(result) < rounding else result


@dataclass(frozen=True, eq=False)
class Factor:
    """One factor of a step: its name in each of the step's terms, and its values (terms, ...)."""

    names: tuple[str, ...]
    values: Array


@dataclass(frozen=True)
class Term:
    """One term of a step's sum: its named factors, what it contributes, and the sum before and after it."""

    factors: tuple[tuple[str, float], ...]
    contribution: float
    before: float
    after: float


@dataclass(frozen=True, eq=False)
class MicroStep:
    r"""One operation of a training step.

    `name` is the value it computes, such as "dH_in[2]", counted from 1; `place` is the same from 0: () for a matrix or
    the loss, (unit,) for a neuron, (row, column) for a weight. `formula` is LaTeX. `value` is a number in the trace of
    one sample; in a trace of the batch, neurons have N values, and `number` tells the batch by one. `contributions`
    (terms, ...) are the terms, the products of the factors, whose sum is the value. `depends_on` names what goes in.
    """

    phase: str
    name: str
    symbol: str
    layer: int
    place: tuple[int, ...]
    formula: str
    factors: tuple[Factor, ...]
    contributions: Array
    value: Array
    depends_on: tuple[str, ...]
    # How the numbers are put together, in LaTeX: @0, @1 ... in `term` stand for the factors, @ in `whole` for the sum.
    term: str = ""
    whole: str = "@"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value."""
        return self.value.shape

    @property
    def ref(self) -> WeightRef | None:
        """The parameter this step is about, if it is a gradient of one or its update."""
        match = re.fullmatch(r"d?(W\d+\[.*\]|b\d+\[.*\])", self.name)
        return WeightRef.parse(match[1]) if match else None

    @property
    def number(self) -> float:
        """The value as one number: the mean over the samples, or for a gradient the sum of the samples' shares.

        A sample's share of the gradient already carries the loss' 1/N, so both are means. NaN for a matrix.
        """
        if self.value.ndim == 0:
            return float(self.value)
        if self.value.ndim > 1:
            return math.nan
        return float(self.value.sum()) if self.phase == "backward" else mean(self.value)

    @property
    def zero_factors(self) -> tuple[str, ...]:
        """The names of the factors that are exactly 0 in every term and sample, and so make the whole value 0.

        Only products have any: in a difference a 0 is a number like any other.
        """
        return tuple(
            factor.names[0]
            for factor in self.factors
            if self.value.ndim < 2 and not self.term and factor.values.size and not factor.values.any()
        )

    def terms(self, sample: int = 0) -> tuple[Term, ...]:
        """Return the terms of the sum one by one; `sample` chooses among the values of a neuron in a batch."""
        if self.value.ndim > 1:
            return ()
        values = [_of_sample(factor.values, sample) for factor in self.factors]
        terms, before = [], 0.0
        for i, contribution in enumerate(_of_sample(self.contributions, sample)):
            after = before + float(contribution)
            named = ((f.names[i], float(v[i])) for f, v in zip(self.factors, values, strict=True))
            terms.append(Term(tuple((n, v) for n, v in named if n != "1"), float(contribution), before, after))
            before = after
        return tuple(terms)

    def substitution(self, write: Write = written, sample: int = 0, max_terms: int = 6) -> str:
        r"""Return the formula's right side with numbers in place of symbols, as LaTeX.

        A long sum shows its first terms, dots and its last one. `write` turns a number into LaTeX. Raises ValueError
        for a step put together by hand whose value has more than two axes.
        """
        if self.value.ndim > 1:
            matrices = [matrix_latex(factor.values[0], write) for factor in self.factors]
            return self._filled(matrices)
        count = len(self.contributions)
        shown = range(count) if count <= max_terms else [*range(max_terms - 2), count - 1]
        values = [_of_sample(factor.values, sample) for factor in self.factors]
        parts = []
        for i in shown:
            numbers = [(f.names[i], _guarded(write, float(v[i]))) for f, v in zip(self.factors, values, strict=True)]
            if self.term:
                parts.append(self._filled([n for _, n in numbers]))
            else:
                parts.append(r" \cdot ".join(n for name, n in numbers if name != "1"))
        if count > max_terms:
            parts.insert(-1, r"\dots")
        return self.whole.replace("@", " + ".join(parts))

    def result(self, write: Write = written, sample: int = 0) -> str:
        """Return the value as LaTeX: a number, a sample's number in a batch, or a matrix.

        Raises ValueError for a step put together by hand whose value has more than two axes.
        """
        if self.value.ndim > 1:
            return matrix_latex(self.value, write)
        return write(float(self.value[sample] if self.value.ndim else self.value))

    def _filled(self, numbers: Sequence[str]) -> str:
        return re.sub(r"@(\d)", lambda m: numbers[int(m[1])], self.term)


def trace(
    network: Network,
    params: Params,
    X: Array,
    Y: Array,
    sample: int | None = None,
    *,
    lr: float = 1.0,
    detail: str = "neuron",
) -> tuple[MicroStep, ...]:
    """Return one step of gradient descent as micro-steps: forward, loss, backward, update, in the order of computing.

    X (N, D), Y (N, K), one network. `sample` counts from 0 and traces that sample alone, as if it were the whole data;
    None traces the batch. `detail` is "neuron" or "matrix". The values of the steps have the shapes that `MicroStep`
    tells. Raises ValueError for an unknown detail, a sample that is not there, many networks, or shapes that do not
    fit. Source: Rumelhart, Hinton and Williams, 1986.
    """
    if detail not in DETAILS:
        raise ValueError(f"unknown detail {detail!r}; known: {', '.join(DETAILS)}")
    passes = _passes(network, params, X, Y, sample)
    reader = _NeuronReader(passes, lr, sample is not None) if detail == "neuron" else _MatrixReader(passes, lr)
    return tuple(reader.steps())


@dataclass(frozen=True, eq=False)
class _Passes:
    network: Network
    params: Params
    forward: ForwardPass
    backward: BackwardPass
    Y: Array

    def fed(self, layer: int) -> tuple[str, Array]:
        """Return the symbol and the values of what a layer's weights are multiplied with."""
        return self.network.symbols[2 * layer], self.forward.outputs[layer - 1] if layer else self.forward.X


def _passes(network: Network, params: Params, X: Array, Y: Array, sample: int | None) -> _Passes:
    if params.runs:
        raise ValueError("a trace follows one network, not many")
    X, Y = network.check_data(X, Y)
    if sample is not None:
        if not 0 <= sample < len(X):
            raise ValueError(f"sample must be from 0 to {len(X) - 1}, got {sample}")
        X, Y = X[sample : sample + 1], Y[sample : sample + 1]
    p = forward(network, params, X)
    return _Passes(network, params, p, backward(network, params, p, Y), Y)


class _NeuronReader:
    """Reads the passes neuron by neuron; with `single`, the one sample's axis is left out."""

    def __init__(self, passes: _Passes, lr: float, single: bool) -> None:
        self.p, self.lr, self.single = passes, lr, single
        self.n, self.k = passes.Y.shape
        self.many = "" if single else "n,"
        self.count = "K" if single else r"N \cdot K"

    def steps(self) -> Iterator[MicroStep]:
        layers = range(self.p.network.n_layers)
        for layer in layers:
            yield from self.layer_forward(layer)
        yield self.loss()
        for layer in reversed(layers):
            yield from self.layer_backward(layer)
        for ref in self.p.network.refs():
            yield self.update(ref)

    def by_unit(self, values: Array) -> Array:
        """(N, units) -> (units, N), or (units,) for a single sample."""
        return values[0] if self.single else values.T

    def at(self, symbol: str, unit: int | str) -> str:
        """Return the LaTeX of one unit's value; in a batch with the sample's index n."""
        return latex(f"{symbol}[{self.many}{unit}]")

    def layer_forward(self, layer: int) -> Iterator[MicroStep]:
        fed, values = self.p.fed(layer)
        z_symbol, a_symbol = self.p.network.symbols[2 * layer + 1 : 2 * layer + 3]
        W, H = self.p.params.weights[layer], self.by_unit(values)
        fan_in, fan_out = W.shape
        Z, A = (self.by_unit(v[layer]) for v in (self.p.forward.inputs, self.p.forward.outputs))
        inputs = tuple(f"{fed}[{i + 1}]" for i in range(fan_in))
        for j in range(fan_out):
            weights = tuple(f"W{layer + 1}[{i + 1},{j + 1}]" for i in range(fan_in))
            sum_formula = rf"\sum_i {self.at(fed, 'i')}\, {latex(f'W{layer + 1}[i,{j + 1}]')}"
            left, right, left_names, right_names = H, W[:, j], inputs, weights
            if self.p.network.biases:
                # A bias is the weight of an input that is always 1.
                bias = f"b{layer + 1}[{j + 1}]"
                left = np.concatenate([H, np.ones_like(H[:1])])
                right = np.append(W[:, j], self.p.params.biases[layer][j])
                left_names, right_names = (*inputs, "1"), (*weights, bias)
                sum_formula += f" + {latex(bias)}"
            right = right.reshape(-1, *(1,) * (H.ndim - 1))
            yield MicroStep(
                phase="forward",
                name=f"{z_symbol}[{j + 1}]",
                symbol=z_symbol,
                layer=layer,
                place=(j,),
                formula=f"{self.at(z_symbol, j + 1)} = {sum_formula}",
                factors=(Factor(left_names, left), Factor(right_names, right)),
                contributions=left * right,
                value=np.asarray(Z[j]),
                depends_on=(*inputs, *right_names),
            )
        activation = self.p.network.activation(layer)
        for j in range(fan_out):
            name = f"{z_symbol}[{j + 1}]"
            yield MicroStep(
                phase="forward",
                name=f"{a_symbol}[{j + 1}]",
                symbol=a_symbol,
                layer=layer,
                place=(j,),
                formula=f"{self.at(a_symbol, j + 1)} = f({self.at(z_symbol, j + 1)}), {activation_latex(activation)}",
                factors=(Factor((name,), Z[j : j + 1]),),
                contributions=A[j : j + 1],
                value=np.asarray(A[j]),
                depends_on=(name,),
                term=_function_of(activation),
            )

    def loss(self) -> MicroStep:
        O_out, Y = self.p.forward.O_out, self.p.Y
        size = rf"2 \cdot {Y.size}" if self.single else rf"2 \cdot {self.n} \cdot {self.k}"
        where = "k" if self.single else "n,k"
        names = [f"[{k + 1}]" if self.single else f"[{n + 1},{k + 1}]" for n in range(self.n) for k in range(self.k)]
        return MicroStep(
            phase="loss",
            name="MSE",
            symbol="MSE",
            layer=self.p.network.n_layers - 1,
            place=(),
            formula=(
                rf"\text{{MSE}} = \frac{{1}}{{2 \cdot {self.count}}} \sum_{{{where}}} "
                rf"({latex(f'O_out[{where}]')} - {latex(f'Y[{where}]')})^2"
            ),
            factors=(
                Factor(tuple("O_out" + n for n in names), O_out.ravel()),
                Factor(tuple("Y" + n for n in names), Y.ravel()),
            ),
            contributions=((O_out - Y) ** 2).ravel() / (2 * Y.size),
            value=np.asarray(mse(O_out, Y)),
            depends_on=tuple(f"{s}[{k + 1}]" for s in ("O_out", "Y") for k in range(self.k)),
            term="(@0 - @1)^2",
            whole=rf"\frac{{1}}{{{size}}} \big( @ \big)",
        )

    def layer_backward(self, layer: int) -> Iterator[MicroStep]:
        last = layer == self.p.network.n_layers - 1
        z_symbol, a_symbol = self.p.network.symbols[2 * layer + 1 : 2 * layer + 3]
        dA, dZ = (self.by_unit(v[layer]) for v in (self.p.backward.d_outputs, self.p.backward.d_inputs))
        for j in range(len(dA)):
            yield self.error(j, dA[j]) if last else self.accumulated(layer, j, dA[j])
        slopes = self.by_unit(self.p.backward.slopes[layer])
        for j in range(len(dZ)):
            above, slope = f"d{a_symbol}[{j + 1}]", f"d{a_symbol}[{j + 1}]/d{z_symbol}[{j + 1}]"
            yield MicroStep(
                phase="backward",
                name=f"d{z_symbol}[{j + 1}]",
                symbol=f"d{z_symbol}",
                layer=layer,
                place=(j,),
                formula=(
                    f"{self.at('d' + z_symbol, j + 1)} = {self.at('d' + a_symbol, j + 1)} \\cdot "
                    rf"\frac{{\partial {self.at(a_symbol, j + 1)}}}{{\partial {self.at(z_symbol, j + 1)}}}"
                ),
                factors=(Factor((above,), dA[j : j + 1]), Factor((slope,), slopes[j : j + 1])),
                contributions=dA[j : j + 1] * slopes[j : j + 1],
                value=np.asarray(dZ[j]),
                depends_on=(above, f"{z_symbol}[{j + 1}]", f"{a_symbol}[{j + 1}]"),
            )
        yield from self.gradients(layer)

    def error(self, k: int, value: Array) -> MicroStep:
        O_out, Y = self.by_unit(self.p.forward.O_out), self.by_unit(self.p.Y)
        size = str(self.k) if self.single else rf"{self.n} \cdot {self.k}"
        return MicroStep(
            phase="backward",
            name=f"dO_out[{k + 1}]",
            symbol="dO_out",
            layer=self.p.network.n_layers - 1,
            place=(k,),
            formula=(
                rf"{self.at('dO_out', k + 1)} = \frac{{{self.at('O_out', k + 1)} - {self.at('Y', k + 1)}}}"
                rf"{{{self.count}}}"
            ),
            factors=(
                Factor((f"O_out[{k + 1}]",), O_out[k : k + 1]),
                Factor((f"Y[{k + 1}]",), Y[k : k + 1]),
            ),
            contributions=(O_out[k : k + 1] - Y[k : k + 1]) / (self.n * self.k),
            value=np.asarray(value),
            depends_on=(f"O_out[{k + 1}]", f"Y[{k + 1}]"),
            term=rf"\frac{{@0 - @1}}{{{size}}}",
        )

    def accumulated(self, layer: int, j: int, value: Array) -> MicroStep:
        """Return the step of a hidden unit's output gradient: one contribution from every unit it feeds."""
        symbol, feeds = self.p.network.symbols[2 * layer + 2 : 2 * layer + 4]
        W = self.p.params.weights[layer + 1][j]
        dZ = self.by_unit(self.p.backward.d_inputs[layer + 1])
        weight = W.reshape(-1, *(1,) * (dZ.ndim - 1))
        above = tuple(f"d{feeds}[{k + 1}]" for k in range(len(W)))
        names = tuple(f"W{layer + 2}[{j + 1},{k + 1}]" for k in range(len(W)))
        return MicroStep(
            phase="backward",
            name=f"d{symbol}[{j + 1}]",
            symbol=f"d{symbol}",
            layer=layer,
            place=(j,),
            formula=(
                rf"{self.at('d' + symbol, j + 1)} = \sum_k {self.at('d' + feeds, 'k')} \cdot "
                rf"{latex(f'W{layer + 2}[{j + 1},k]')}"
            ),
            factors=(Factor(above, dZ), Factor(names, weight)),
            contributions=dZ * weight,
            value=np.asarray(value),
            depends_on=(*above, *names),
        )

    def gradients(self, layer: int) -> Iterator[MicroStep]:
        fed, H = self.p.fed(layer)
        symbol = self.p.network.symbols[2 * layer + 1]
        dZ = self.p.backward.d_inputs[layer]
        sum_n = "" if self.single else r"\sum_n "
        fed_names = [self.sample_names(fed, i) for i in range(H.shape[1])]
        d_names = [self.sample_names("d" + symbol, j) for j in range(dZ.shape[1])]
        for i, j in itertools.product(range(H.shape[1]), range(dZ.shape[1])):
            name = f"W{layer + 1}[{i + 1},{j + 1}]"
            local = rf"\frac{{\partial {self.at(symbol, j + 1)}}}{{\partial {latex(name)}}}"
            yield MicroStep(
                phase="backward",
                name="d" + name,
                symbol=f"dW{layer + 1}",
                layer=layer,
                place=(i, j),
                formula=(
                    rf"{latex('d' + name)} = {sum_n}{self.at('d' + symbol, j + 1)} \cdot {local}, \quad "
                    rf"{local} = {self.at(fed, i + 1)}"
                ),
                factors=(Factor(d_names[j], dZ[:, j]), Factor(fed_names[i], H[:, i])),
                contributions=dZ[:, j] * H[:, i],
                value=np.asarray(self.p.backward.gradient.weights[layer][i, j]),
                depends_on=(f"d{symbol}[{j + 1}]", f"{fed}[{i + 1}]"),
            )
        if not self.p.network.biases:
            return
        for j in range(dZ.shape[1]):
            name = f"b{layer + 1}[{j + 1}]"
            local = rf"\frac{{\partial {self.at(symbol, j + 1)}}}{{\partial {latex(name)}}}"
            yield MicroStep(
                phase="backward",
                name="d" + name,
                symbol=f"db{layer + 1}",
                layer=layer,
                place=(j,),
                formula=(
                    rf"{latex('d' + name)} = {sum_n}{self.at('d' + symbol, j + 1)} \cdot {local}, "
                    rf"\quad {local} = 1"
                ),
                factors=(Factor(d_names[j], dZ[:, j]),),
                contributions=dZ[:, j],
                value=np.asarray(self.p.backward.gradient.biases[layer][j]),
                depends_on=(f"d{symbol}[{j + 1}]",),
            )

    def sample_names(self, symbol: str, unit: int) -> tuple[str, ...]:
        if self.single:
            return (f"{symbol}[{unit + 1}]",)
        return tuple(f"{symbol}[{n + 1},{unit + 1}]" for n in range(self.n))

    def update(self, ref: WeightRef) -> MicroStep:
        name = str(ref)
        old, gradient = self.p.params.get(ref), self.p.backward.gradient.get(ref)
        return MicroStep(
            phase="update",
            name=name,
            symbol=name.partition("[")[0],
            layer=ref.layer,
            place=(ref.column,) if ref.row is None else (ref.row, ref.column),
            formula=rf"{latex(name)}^{{\text{{new}}}} = {latex(name)} - \alpha \cdot {latex('d' + name)}",
            factors=(
                Factor((name,), old[None]),
                Factor(("lr",), np.array([self.lr])),
                Factor(("d" + name,), gradient[None]),
            ),
            contributions=(old - self.lr * gradient)[None],
            value=np.asarray(old - self.lr * gradient),
            depends_on=(name, "d" + name),
            term=r"@0 - @1 \cdot @2",
        )


class _MatrixReader:
    """Reads the passes matrix by matrix: the lines of `forward` and `backward` themselves."""

    def __init__(self, passes: _Passes, lr: float) -> None:
        self.p, self.lr = passes, lr

    def steps(self) -> Iterator[MicroStep]:
        network, params, f, b = self.p.network, self.p.params, self.p.forward, self.p.backward
        symbols = network.symbols
        for layer in range(network.n_layers):
            fed, H = self.p.fed(layer)
            z, a = symbols[2 * layer + 1 : 2 * layer + 3]
            W, bias = f"W{layer + 1}", f"b{layer + 1}"
            named = [(fed, H), (W, params.weights[layer])]
            if network.biases:
                named.append((bias, params.biases[layer]))
            plus = f" + {latex(bias)}" if network.biases else ""
            yield self.step(
                "forward", z, layer, f"{latex(fed)}\\, {latex(W)}{plus}", named, f.inputs[layer],
                "@0 @1 + @2" if network.biases else "@0 @1",
            )  # fmt: skip
            yield self.step("forward", a, layer, f"f({latex(z)})", [(z, f.inputs[layer])], f.outputs[layer], "f(@0)")
        n, k = self.p.Y.shape
        last = network.n_layers - 1
        yield self.step(
            "loss", "MSE", last, r"\frac{1}{2NK} \sum (O_{\mathrm{out}} - Y)^2",
            [("O_out", f.O_out), ("Y", self.p.Y)], mse(f.O_out, self.p.Y),
            rf"\frac{{1}}{{2 \cdot {n} \cdot {k}}} \sum \left( @0 - @1 \right)^2",
        )  # fmt: skip
        for layer in reversed(range(network.n_layers)):
            yield from self.layer_backward(layer)
        for layer in range(network.n_layers):
            pairs = [(f"W{layer + 1}", params.weights[layer], b.gradient.weights[layer])]
            if network.biases:
                pairs.append((f"b{layer + 1}", params.biases[layer], b.gradient.biases[layer]))
            for name, old, gradient in pairs:
                yield self.step(
                    "update", name, layer, rf"{latex(name)} - \alpha\, {latex('d' + name)}",
                    [(name, old), ("lr", np.asarray(self.lr)), ("d" + name, gradient)], old - self.lr * gradient,
                    r"@0 - @1 \cdot @2",
                )  # fmt: skip

    def layer_backward(self, layer: int) -> Iterator[MicroStep]:
        network, f, b = self.p.network, self.p.forward, self.p.backward
        n, k = self.p.Y.shape
        symbols = network.symbols
        z, a = symbols[2 * layer + 1 : 2 * layer + 3]
        if layer == network.n_layers - 1:
            yield self.step(
                "backward", "dO_out", layer, r"\frac{O_{\mathrm{out}} - Y}{NK}", [("O_out", f.O_out), ("Y", self.p.Y)],
                b.d_outputs[layer], rf"\frac{{1}}{{{n} \cdot {k}}} \left( @0 - @1 \right)",
            )  # fmt: skip
        else:
            above, W = "d" + symbols[2 * layer + 3], f"W{layer + 2}"
            yield self.step(
                "backward", "d" + a, layer, rf"{latex(above)}\, {latex(W)}^T",
                [(above, b.d_inputs[layer + 1]), (W, self.p.params.weights[layer + 1].T)], b.d_outputs[layer], "@0 @1",
            )  # fmt: skip
        yield self.step(
            "backward", "d" + z, layer, rf"{latex('d' + a)} \odot f'({latex(z)})",
            [("d" + a, b.d_outputs[layer]), (f"d{a}/d{z}", b.slopes[layer])], b.d_inputs[layer], r"@0 \odot @1",
        )  # fmt: skip
        fed, H = self.p.fed(layer)
        yield self.step(
            "backward", f"dW{layer + 1}", layer, rf"{latex(fed)}^T {latex('d' + z)}",
            [(fed, H.T), ("d" + z, b.d_inputs[layer])], b.gradient.weights[layer], "@0 @1",
        )  # fmt: skip
        if network.biases:
            yield self.step(
                "backward", f"db{layer + 1}", layer, rf"\sum_n {latex('d' + z)}", [("d" + z, b.d_inputs[layer])],
                b.gradient.biases[layer], r"\sum_n @0",
            )  # fmt: skip

    def step(
        self,
        phase: str,
        name: str,
        layer: int,
        right: str,
        named: Sequence[tuple[str, Array]],
        value: Array,
        term: str,
    ) -> MicroStep:
        new = r"^{\text{new}}" if phase == "update" else ""
        return MicroStep(
            phase=phase,
            name=name,
            symbol=name,
            layer=layer,
            place=(),
            formula=f"{latex(name)}{new} = {right}",
            factors=tuple(Factor((n,), np.atleast_2d(v)[None]) for n, v in named),
            contributions=np.asarray(value)[None],
            # Everything here is a matrix; a bias vector is one row, and the loss one cell.
            value=np.atleast_2d(value),
            depends_on=tuple(n for n, _ in named if "/" not in n and n != "lr"),
            term=term,
        )


@dataclass(frozen=True)
class PathFactor:
    """One factor of a weight's gradient: its name, its value, and whether later layers have computed it already."""

    name: str
    value: float
    shared: bool


@dataclass(frozen=True)
class Path:
    """One way from a weight to the loss: the sample, the units it passes, and the product of its factors."""

    sample: int
    units: tuple[int, ...]
    factors: tuple[PathFactor, ...]

    @property
    def value(self) -> float:
        """The product of the factors."""
        return math.prod(factor.value for factor in self.factors)


@dataclass(frozen=True)
class WeightProduct:
    """The whole chain of factors from the loss to one parameter.

    `formula` is that chain for this one parameter (LaTeX): `factors` names its factors with their units and, for every
    layer on the way, a letter that `summed` sums over, the batch's samples n first. `symbols` are the factors' names
    without units, which hide order and transposes. `paths` lists every path, or nothing if there are more than
    `MAX_PATHS`; `n_paths` counts them anyway. `gradient` is the sum of all paths, as backpropagation computed it.
    `n_shared` factors, counted from the loss, are computed once and used by several layers.
    """

    ref: WeightRef
    formula: str
    factors: tuple[str, ...]
    summed: tuple[str, ...]
    symbols: tuple[str, ...]
    n_shared: int
    n_paths: int
    paths: tuple[Path, ...]
    gradient: float


def weight_product(
    network: Network, params: Params, X: Array, Y: Array, ref: WeightRef, sample: int | None = None
) -> WeightProduct:
    """Return every factor of one parameter's gradient, path by path.

    X (N, D), Y (N, K), one network; `sample` as in `trace`. Every factor is one number. Raises ValueError as `trace`
    does, or if the network has no such parameter. Source: the chain rule of several variables, a sum over all paths.
    """
    network.check_ref(ref)
    passes = _passes(network, params, X, Y, sample)
    n_paths = len(passes.Y) * math.prod(network.sizes[ref.layer + 2 :])
    factors, summed = _indexed_chain(network, ref, "" if sample is not None else "n")
    total = rf"\sum_{{{','.join(summed)}}} " if summed else ""
    # The last layer's error is used by every layer before; a hidden weight takes over all of the layer after it.
    n_shared = 0 if network.n_layers == 1 else max(2, 2 * (network.n_layers - 1 - ref.layer))
    return WeightProduct(
        ref=ref,
        formula=f"{latex(f'd{ref}')} = {total}" + r" \cdot ".join(map(latex, factors)),
        factors=factors,
        summed=summed,
        symbols=_ratios(_chain_names(network, ref)),
        n_shared=n_shared,
        n_paths=n_paths,
        paths=tuple(paths(network, params, X, Y, ref, sample)) if n_paths <= MAX_PATHS else (),
        gradient=float(passes.backward.gradient.get(ref)),
    )


def paths(
    network: Network,
    params: Params,
    X: Array,
    Y: Array,
    ref: WeightRef,
    sample: int | None = None,
    *,
    through: int | None = None,
) -> Iterator[Path]:
    """Yield every path from one parameter to the loss; their number multiplies with each layer.

    X (N, D), Y (N, K), one network. `through` keeps the paths through one sample of a batch. Raises ValueError as
    `weight_product` does. Source: the chain rule of several variables.
    """
    network.check_ref(ref)
    p = _passes(network, params, X, Y, sample)
    last = network.n_layers - 1
    n_shared = 0 if last == 0 else max(2, 2 * (last - ref.layer))
    symbols = network.symbols
    H = p.fed(ref.layer)[1]
    for n in range(len(p.Y)) if through is None else (through,):
        for way in itertools.product(*(range(size) for size in network.sizes[ref.layer + 2 :])):
            units = (ref.column, *way)
            k = units[-1]
            factors = [(f"dMSE/dO_out[{k + 1}]", (p.forward.O_out[n, k] - p.Y[n, k]) / p.Y.size)]
            for layer in range(last, ref.layer - 1, -1):
                z, a = symbols[2 * layer + 1 : 2 * layer + 3]
                j = units[layer - ref.layer]
                factors.append((f"d{a}[{j + 1}]/d{z}[{j + 1}]", p.backward.slopes[layer][n, j]))
                if layer > ref.layer:
                    i = units[layer - ref.layer - 1]
                    factors.append((f"d{z}[{j + 1}]/d{symbols[2 * layer]}[{i + 1}]", params.weights[layer][i, j]))
            last_factor = 1.0 if ref.row is None else H[n, ref.row]
            factors.append((f"d{symbols[2 * ref.layer + 1]}[{ref.column + 1}]/d{ref}", last_factor))
            yield Path(n, units, tuple(PathFactor(f, float(v), i < n_shared) for i, (f, v) in enumerate(factors)))


def _chain_names(network: Network, ref: WeightRef) -> tuple[str, ...]:
    """Name the values from the loss back to a parameter: MSE, O_out, O_in, H_out, H_in, W1."""
    values = reversed(network.symbols[2 * ref.layer + 1 :])
    return ("MSE", *values, f"{'b' if ref.row is None else 'W'}{ref.layer + 1}")


LETTERS = "kjihgfedcba"
"""The letters that a sum over a layer's units uses, from the outputs back."""


def _indexed_chain(network: Network, ref: WeightRef, n: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Name the factors from the loss back to one parameter with their units; a unit that is summed over is a letter."""
    last = network.n_layers - 1
    letters = [LETTERS[i] if i < len(LETTERS) else f"u_{{{last - i + 1}}}" for i in range(last - ref.layer)]
    values = ["MSE"]
    for layer, unit in zip(range(last, ref.layer - 1, -1), (*letters, f"{ref.column + 1}"), strict=True):
        z, a = network.symbols[2 * layer + 1 : 2 * layer + 3]
        values += [f"{symbol}[{n and n + ','}{unit}]" for symbol in (a, z)]
    return _ratios((*values, str(ref))), (*n, *letters)


def _ratios(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"d{a}/d{b}" for a, b in itertools.pairwise(names))


def activation_latex(activation: Activation) -> str:
    r"""Return an activation's formula for use beside another one: "f(z) = ..." with a space before it."""
    return rf"\quad {activation.formula}"


def slope_substitution(activation: Activation, z: float, a: float, write: Write = written) -> str:
    r"""Return the activation's slope formula with the numbers z and a = f(z) in it, as LaTeX.

    Formulas by cases are left as f'(z), since reading off the case is the calculation.
    """
    right = activation.slope_formula.partition("=")[2]
    if "cases" in right or not right or activation.name == "step":
        return rf"f'({write(z)})"
    return _insert(right.replace("f(z)", _guarded(write, a)), _guarded(write, z)).strip()


def matrix_latex(values: Array, write: Write = written, max_rows: int = 4, max_columns: int = 5) -> str:
    """Return a matrix as LaTeX; a large one shows its first rows and columns, dots and its last ones.

    values (rows, columns), or one axis or none for a row or a number. Raises ValueError for more than two axes.
    """
    values = np.atleast_2d(values)
    if values.ndim > 2:
        raise ValueError(f"a matrix has two axes, got shape {values.shape}")
    if values.shape == (1, 1):
        return write(float(values[0, 0]))
    rows, columns = _shown_places(len(values), max_rows), _shown_places(values.shape[1], max_columns)
    lines = []
    for i in rows:
        if i is None:
            lines.append(" & ".join(r"\vdots" for _ in columns))
        else:
            lines.append(" & ".join(r"\cdots" if j is None else write(float(values[i, j])) for j in columns))
    return r"\begin{bmatrix} " + r" \\ ".join(lines) + r" \end{bmatrix}"


def _shown_places(count: int, most: int) -> list[int | None]:
    return list(range(count)) if count <= most else [*range(most - 2), None, count - 1]


def _function_of(activation: Activation) -> str:
    """Return the right side of f(z) = ... with @0 for z; formulas by cases stay f(@0)."""
    right = activation.formula.partition("=")[2].strip()
    return "f(@0)" if "cases" in right or not right else _insert(right, "@0")


def _insert(formula: str, number: str) -> str:
    """Put a number in the place of the letter z, but not inside a command's name."""
    return re.sub(r"(?<![A-Za-z\\])z(?![A-Za-z])", lambda _: number, formula)


def _guarded(write: Write, value: float) -> str:
    """Put a negative number into parentheses, so that it can follow any sign."""
    return rf"({write(value)})" if value < 0 else write(value)


def _of_sample(values: Array, sample: int) -> Array:
    """(terms,) as it is; (terms, N) or (terms, 1) -> the sample's column."""
    if values.ndim < 2:
        return values
    return values[:, sample if values.shape[1] > 1 else 0]
