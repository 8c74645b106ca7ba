"""Wrong backward passes, on purpose: what each factor of backpropagation is good for.

Nothing else in nnlib uses this module. Each sabotage is the right backward pass with one thing done wrong, a mistake
that people really make; training with it, and checking it against central differences, shows what the missing piece
was for. "No slope" variants also answer a question: why multiply by the activation's slope at all?
"""

from dataclasses import dataclass

import numpy as np

from nnlib._types import Array
from nnlib.backprop import BackwardPass, GradientCheck, backward, compare_gradients, numerical_gradient
from nnlib.loss import mse
from nnlib.network import ForwardPass, Network, Params, WeightRef, forward

EVERYTHING = "everything"
"""All gradients are wrong."""
BEFORE_LAST = "every weight and bias before the last layer"
"""What lies behind the last layer's error on the way back is wrong."""
FED_BY_HIDDEN = "the weights that hidden units feed; not the biases, not W1"
"""What is multiplied with the values of hidden units is wrong."""


@dataclass(frozen=True)
class Sabotage:
    """One way to get the backward pass wrong.

    `title` names it, `change` defines it exactly, `wrong` says which parameters' gradients it makes wrong, and `note`
    what is known about it.
    """

    name: str
    title: str
    change: str
    wrong: str
    note: str = ""

    def touches(self, ref: WeightRef, n_layers: int) -> bool:
        """Whether it can change the gradient of this parameter in a network of that many layers."""
        if self.wrong == BEFORE_LAST:
            return ref.layer < n_layers - 1
        if self.wrong == FED_BY_HIDDEN:
            return ref.layer > 0 and ref.row is not None
        return True


SABOTAGES: dict[str, Sabotage] = {
    sabotage.name: sabotage
    for sabotage in (
        Sabotage(
            "no_hidden_slope",
            "leave out the hidden slope",
            "dH_in = dH_out instead of dH_out * f'(H_in), in every hidden layer",
            BEFORE_LAST,
            "Measured with Iris (standardized, 4-2-3, sigmoid, no biases, learning rate 10, 1000 steps): with the "
            "right gradient 87 of 100 seeds reach an accuracy of 95 %, without the hidden slope none does.",
        ),
        Sabotage(
            "no_output_slope",
            "leave out the output slope",
            "dO_in = dO_out instead of dO_out * f'(O_in)",
            EVERYTHING,
            "With sigmoid outputs this is the gradient of another loss, cross-entropy. It can train faster than the "
            "right gradient of the MSE.",
        ),
        Sabotage(
            "no_slopes",
            "leave out every slope",
            "dO_in = dO_out and dH_in = dH_out",
            EVERYTHING,
            "With step activations this is the straight-through estimator: the weights move, though no slope lets "
            "them.",
        ),
        Sabotage(
            "wrong_sign",
            "turn the sign around",
            "dO_out = (Y - O_out) / (N K), so every gradient has the opposite sign",
            EVERYTHING,
            "Descent becomes ascent: each step makes the loss larger.",
        ),
        Sabotage(
            "path_forgotten",
            "forget one path",
            "the last hidden layer's dH_out leaves out the contribution of the last output unit",
            BEFORE_LAST,
        ),
        Sabotage(
            "z_for_a",
            "use z in place of a",
            "dW of every layer after the first is H_in.T @ d instead of H_out.T @ d: what enters the activation, not "
            "what leaves it",
            FED_BY_HIDDEN,
        ),
        Sabotage(
            "no_mean",
            "drop the factor 1/N",
            "dO_out = O_out - Y, not divided by the number of target values N K",
            EVERYTHING,
            "The direction is right and the length N K times too large, as if the learning rate were.",
        ),
        Sabotage(
            "updated_weights",
            "use weights that are already updated",
            "dH_out uses the next layer's weights after their update, W2 - lr dW2, instead of W2",
            BEFORE_LAST,
            "A small mistake while steps are small, which is why it is hard to notice.",
        ),
    )
}
"""Every sabotage by name."""


def get_sabotage(name: str) -> Sabotage:
    """Return the sabotage of that name; ValueError, listing the known names, for any other."""
    if name not in SABOTAGES:
        raise ValueError(f"unknown sabotage {name!r}; known: {', '.join(SABOTAGES)}")
    return SABOTAGES[name]


def sabotaged_backward(
    network: Network, params: Params, forward_pass: ForwardPass, Y: Array, *, sabotage: str, lr: float = 1.0
) -> BackwardPass:
    """Return a wrong backward pass, as `SABOTAGES[sabotage].change` defines it.

    Y (N, K) -> gradients of the shapes of the values they belong to; `lr` matters to "updated_weights" only. Raises
    ValueError for an unknown sabotage, and as `backward` does. Source: Rumelhart, Hinton and Williams, 1986, equations
    4 to 7, with the change.
    """
    get_sabotage(sabotage)
    network.check_params(params)
    _, Y = network.check_data(forward_pass.X, Y)
    last = network.n_layers - 1
    d_inputs: list[Array] = []
    d_outputs: list[Array] = []
    slopes: list[Array] = []
    dW: list[Array] = []
    db: list[Array] = []

    O_out = forward_pass.O_out
    d_out = Y - O_out if sabotage == "wrong_sign" else O_out - Y
    if sabotage != "no_mean":
        d_out = d_out / Y.size
    for layer in range(last, -1, -1):
        z, a = forward_pass.inputs[layer], forward_pass.outputs[layer]
        left_out = {"no_slopes", "no_output_slope" if layer == last else "no_hidden_slope"}
        slope = np.ones_like(a) if sabotage in left_out else network.activation(layer).slope(z, a)
        d_in = d_out * slope

        if layer == 0:
            H = forward_pass.X
        elif sabotage == "z_for_a":
            H = forward_pass.inputs[layer - 1]
        else:
            H = forward_pass.outputs[layer - 1]
        dW.append(H.mT @ d_in)
        db.append(d_in.sum(-2))
        d_inputs.append(d_in)
        d_outputs.append(d_out)
        slopes.append(slope)

        if layer:
            W = params.weights[layer]
            if sabotage == "updated_weights":
                W = W - lr * dW[-1]
            kept = slice(0, -1) if sabotage == "path_forgotten" and layer == last else slice(None)
            d_out = d_in[..., kept] @ W[..., kept].mT
    return BackwardPass(
        forward_pass.symbols,
        tuple(reversed(d_inputs)),
        tuple(reversed(d_outputs)),
        tuple(reversed(slopes)),
        Params(reversed(dW), reversed(db) if network.biases else ()),
    )


def check_sabotaged_gradients(
    network: Network, params: Params, X: Array, Y: Array, *, sabotage: str, lr: float = 1.0, eps: float = 1e-5
) -> GradientCheck:
    """Compare a sabotaged gradient with central differences: the parameters with a large error are the broken ones.

    Takes one network, X (N, D) and Y (N, K). Raises ValueError as `sabotaged_backward` and `numerical_gradient` do.
    Source: the central difference quotient.
    """
    wrong = sabotaged_backward(network, params, forward(network, params, X), Y, sabotage=sabotage, lr=lr).gradient
    return compare_gradients(network, wrong, numerical_gradient(network, params, X, Y, eps))


@dataclass(frozen=True, eq=False)
class SabotagePath:
    """The path of plain gradient descent with a right or a sabotaged gradient: `params` (steps + 1, ...), `loss`.

    `stopped_at` is the step at which a number left the range of floating point, or None.
    """

    params: Params
    loss: Array
    stopped_at: int | None


def descend_with(
    network: Network,
    params: Params,
    X: Array,
    Y: Array,
    lr: float,
    n_steps: int,
    *,
    sabotage: str | None = None,
    trainable: tuple[WeightRef, ...] | None = None,
) -> SabotagePath:
    """Take `n_steps` steps of plain gradient descent, with a sabotaged gradient or, for None, the right one.

    One network, X (N, D), Y (N, K) -> a path of params (steps + 1, ...). `trainable` lists the parameters that may move
    (all if None). Raises ValueError for many networks, a negative number of steps, an unknown sabotage, and as
    `backward` does. Source: Cauchy, 1847.
    """
    if params.runs:
        raise ValueError("descend_with trains one network, not many")
    if n_steps < 0:
        raise ValueError(f"n_steps must not be negative, got {n_steps}")
    mask = params.map(np.ones_like if trainable is None else np.zeros_like)
    for ref in trainable or ():
        network.check_ref(ref)
        mask = mask.replace(ref, 1.0)

    steps, stopped_at = [params], None
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(n_steps):
            p = forward(network, steps[-1], X)
            if sabotage is None:
                gradient = backward(network, steps[-1], p, Y).gradient
            else:
                gradient = sabotaged_backward(network, steps[-1], p, Y, sabotage=sabotage, lr=lr).gradient
            moved = steps[-1] - lr * (gradient * mask)
            if not (np.isfinite(moved.to_vector()).all() and np.isfinite(mse(forward(network, moved, X).O_out, Y))):
                stopped_at = step + 1
                break
            steps.append(moved)
        path = Params.stack(steps)
        return SabotagePath(path, mse(forward(network, path, X).O_out, Y), stopped_at)
