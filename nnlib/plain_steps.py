"""One step of descent at a time with the plain formulas, quick enough to go along a long run.

The arithmetic is that of `forward`, `backward` and the optimizers, with a sigmoid's slope as a (1 - a): no table of
sigmoids, no scaled parameters as in the engine of `fast_descent`. So it is what a reader's own program computes, up to
the order of its sums.
"""

from collections.abc import Callable

import numpy as np

from nnlib._types import Array
from nnlib.activations import Activation
from nnlib.network import Network, Params
from nnlib.optimizers import Optimizer


class PlainSteps:
    """A descent that goes on step by step: `vector` (P,) are its parameters, which may be changed between two steps.

    `gradient` (P,) is that of the last step, in the order of `Params.to_vector`.
    """

    def __init__(self, network: Network, params: Params, optimizer: Optimizer) -> None:
        network.check_params(params)
        self.vector = params.to_vector().copy()
        self.gradient = np.zeros_like(self.vector)
        self.biases = network.biases
        self.optimizer, self.memory = optimizer, optimizer.init(self.vector)
        self.functions = [_function(network.activation(layer)) for layer in range(network.n_layers)]
        self.layers = list(
            zip(self._views(network, self.vector), self._views(network, self.gradient), self.functions, strict=True)
        )

    def _views(self, network: Network, vector: Array) -> list[tuple[Array, Array]]:
        """Return each layer's weights and biases as views of a vector of all parameters."""
        found, start = [], 0
        for fan_in, fan_out in network.weight_shapes:
            middle = start + fan_in * fan_out
            end = middle + fan_out * self.biases
            found.append((vector[start:middle].reshape(fan_in, fan_out), vector[middle:end]))
            start = end
        return found

    def take(self, X: Array, Y: Array) -> None:
        """Take one step on samples X (D, N) and targets Y (K, N), a column each."""
        values, passed = X, []
        for (W, b), _, (f, _) in self.layers:
            z = W.T @ values
            if self.biases:
                z += b[:, None]
            passed.append((values, z, values := f(z)))
        d_out = (values - Y) / Y.size
        for (W, _), (dW, db), (_, slope) in reversed(self.layers):
            fed, z, a = passed.pop()
            d_in = d_out * slope(z, a)
            np.dot(fed, d_in.T, out=dW)
            if self.biases:
                d_in.sum(1, out=db)
            if passed:
                d_out = W @ d_in
        self.vector[:], self.memory = self.optimizer.step(self.vector, self.gradient, self.memory)

    def harm(self, off: Array) -> float:
        """Return what errors (P,) of the parameters can do to the loss, to first order, by the last gradient."""
        return float(np.dot(np.abs(self.gradient), np.abs(off)))


def _function(f: Activation) -> tuple[Callable[[Array], Array], Callable[[Array, Array], Array]]:
    """Return f and its slope; a sigmoid's slope comes from its value alone, as one writes it down."""
    if f.name != "sigmoid" or not f.form:
        return f.f, f.slope
    k = f.form.steepness
    return f.f, lambda _, a: k * a * (1 - a)
