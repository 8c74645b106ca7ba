"""The backward pass: the chain rule, one link at a time, from the loss back to every weight.

Read `backward` beside `forward`: the same names, a `d` in front, in reverse order. `dv` is the gradient of the loss
with respect to v and has v's shape. For one hidden layer the loop spells out

    dO_out = (O_out - Y) / (N K)        dMSE/dO_out
    dO_in  = dO_out * f'(O_in)          ... * dO_out/dO_in
    dW2    = H_out.T @ dO_in            ... * dO_in/dW2
    dH_out = dO_in @ W2.T               ... * dO_in/dH_out
    dH_in  = dH_out * f'(H_in)          ... * dH_out/dH_in
    dW1    = X.T @ dH_in                ... * dH_in/dW1

dO_in is computed once and shared by everything above it: that is what makes backpropagation cheap.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnlib._types import Array, sealed
from nnlib.loss import mse, mse_slope
from nnlib.network import ForwardPass, Network, Params, WeightRef, forward


@dataclass(frozen=True, eq=False)
class BackwardPass:
    """Everything a backward pass computed; `p["dH_in"]` finds a gradient by its symbol.

    `d_inputs[l]` and `d_outputs[l]` (..., N, units) are the gradients with respect to the forward pass' `inputs[l]`
    and `outputs[l]`; `slopes[l]` are the activations' slopes that were multiplied in; `gradient` holds dW1, db1, dW2
    ... as Params.
    """

    symbols: tuple[str, ...]
    d_inputs: tuple[Array, ...]
    d_outputs: tuple[Array, ...]
    slopes: tuple[Array, ...]
    gradient: Params

    def __getitem__(self, symbol: str) -> Array:
        """Return the gradient of a symbol such as "dH_in", "dW1" or "db1"; KeyError lists the known ones."""
        values = self._by_symbol()
        if symbol not in values:
            raise KeyError(f"no {symbol!r} in this pass; known: {', '.join(values)}")
        return values[symbol]

    def _by_symbol(self) -> dict[str, Array]:
        values: dict[str, Array] = {}
        for layer in range(len(self.d_inputs) - 1, -1, -1):
            values["d" + self.symbols[2 * layer + 2]] = self.d_outputs[layer]
            values["d" + self.symbols[2 * layer + 1]] = self.d_inputs[layer]
            values[f"dW{layer + 1}"] = self.gradient.weights[layer]
            if self.gradient.biases:
                values[f"db{layer + 1}"] = self.gradient.biases[layer]
        return values


def backward(network: Network, params: Params, forward_pass: ForwardPass, Y: Array) -> BackwardPass:
    """Return the gradient of the MSE with respect to every value and every parameter, by the chain rule.

    Y (N, K) -> gradients of the shapes of the values they belong to. Raises ValueError for shapes that do not fit and
    for data that is not finite. Source: Rumelhart, Hinton and Williams, 1986, equations 4 to 7.
    """
    network.check_params(params)
    _, Y = network.check_data(forward_pass.X, Y)
    if tuple(z.shape[-1] for z in forward_pass.inputs) != network.sizes[1:]:
        raise ValueError(f"the forward pass ({', '.join(forward_pass.symbols)}) is not one of a net of {network.sizes}")
    d_inputs: list[Array] = []
    d_outputs: list[Array] = []
    slopes: list[Array] = []
    dW: list[Array] = []
    db: list[Array] = []
    d_out = mse_slope(forward_pass.O_out, Y)
    for layer in range(network.n_layers - 1, -1, -1):
        z, a = forward_pass.inputs[layer], forward_pass.outputs[layer]
        H = forward_pass.outputs[layer - 1] if layer else forward_pass.X
        slope = network.activation(layer).slope(z, a)
        d_in = d_out * slope
        dW.append(H.mT @ d_in)
        db.append(d_in.sum(-2))
        d_inputs.append(d_in)
        d_outputs.append(d_out)
        slopes.append(slope)
        if layer:
            d_out = d_in @ params.weights[layer].mT
    return BackwardPass(
        forward_pass.symbols,
        tuple(map(sealed, reversed(d_inputs))),
        tuple(map(sealed, reversed(d_outputs))),
        tuple(map(sealed, reversed(slopes))),
        Params(reversed(dW), reversed(db) if network.biases else ()),
    )


def numerical_gradient(network: Network, params: Params, X: Array, Y: Array, eps: float = 1e-5) -> Params:
    """Return the gradient without any calculus: nudge each parameter by +-eps and see how the loss changes.

    (MSE(w + eps) - MSE(w - eps)) / (2 eps) for every parameter of one network, X (N, D), Y (N, K); error of order
    eps^2. Raises ValueError if eps is not positive and finite, for many networks, and for shapes that do not fit.
    Source: the central difference quotient.
    """
    if not 0 < eps < np.inf:
        raise ValueError(f"eps must be positive and finite, got {eps}")
    if params.runs:
        raise ValueError("numerical_gradient takes one network, not many")
    network.check_params(params)
    X, Y = network.check_data(X, Y)
    base = params.to_vector()
    nudge = eps * np.eye(base.size, dtype=base.dtype)
    up = mse(forward(network, params.from_vector(base + nudge), X).O_out, Y)
    down = mse(forward(network, params.from_vector(base - nudge), X).O_out, Y)
    return params.from_vector((up - down) / (2 * eps))


@dataclass(frozen=True, eq=False)
class GradientCheck:
    """Backpropagation's gradient beside the central difference, for every parameter.

    `error` is |analytic - numeric| divided by the largest entry of either gradient (0 where both are all 0).
    """

    analytic: Params
    numeric: Params
    error: Params
    refs: tuple[WeightRef, ...]

    @property
    def worst(self) -> tuple[WeightRef, float]:
        """The parameter with the largest error, and that error."""
        errors = self.error.to_vector()
        place = int(errors.argmax())
        return self.refs[place], float(errors[place])

    def passed(self, tolerance: float = 1e-7) -> bool:
        """Whether every error is at most the tolerance."""
        return self.worst[1] <= tolerance


def check_gradients(network: Network, params: Params, X: Array, Y: Array, eps: float = 1e-5) -> GradientCheck:
    """Compare backpropagation with central differences, parameter by parameter.

    Takes one network, X (N, D) and Y (N, K); the result holds three gradients of its parameters' shapes. Raises
    ValueError as `forward` and `numerical_gradient` do. Source: Rumelhart, Hinton and Williams, 1986, against the
    central difference quotient.
    """
    analytic = backward(network, params, forward(network, params, X), Y).gradient
    return compare_gradients(network, analytic, numerical_gradient(network, params, X, Y, eps))


def compare_gradients(network: Network, analytic: Params, numeric: Params) -> GradientCheck:
    """Compare two gradients of one network, parameter by parameter.

    Both hold weights (fan_in, fan_out) and biases (fan_out). Raises ValueError if one does not fit the network.
    """
    network.check_params(analytic)
    network.check_params(numeric)
    a, n = analytic.to_vector(), numeric.to_vector()
    largest = max(np.abs(a).max(), np.abs(n).max())
    error = np.abs(a - n) / largest if largest > 0 else np.abs(a - n)
    return GradientCheck(analytic, numeric, analytic.from_vector(error), network.refs())


def error_by_eps(network: Network, params: Params, X: Array, Y: Array, eps_values: Sequence[float]) -> Array:
    """Return the worst error of `check_gradients` for each eps: a V on logarithmic axes.

    eps_values (E,) -> (E,). A large eps cuts the curve off (error of order eps^2), a small one drowns in round-off
    (order 1e-16 / eps); near 1e-5 both are small. Raises ValueError as `check_gradients` does. Source: Taylor's theorem
    for the one error, IEEE 754 for the other.
    """
    return np.array([check_gradients(network, params, X, Y, float(eps)).worst[1] for eps in eps_values])
