"""Optimizers: how a gradient becomes a step. In order of complexity; each adds one idea to the one before.

Every optimizer is a frozen value with two pure functions: `init(params)` gives its memory, and `step(params,
gradient, memory)` gives the new parameters and the new memory. They only add, multiply and take powers, so they work
on `Params`, on a numpy vector, and on many runs at once; `lr` may be one learning rate or one for each run. The
conventions are those of torch.optim, so the numbers can be compared one by one.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from nnlib._types import Array, frozen

Rate = float | Array
"""A learning rate: one number, or one for each run."""
Memory = tuple[Any, ...]
"""What an optimizer remembers between steps: values with the shape of the parameters, or counters."""


class Optimizer(Protocol):
    """Anything with a learning rate, `init` and `step`."""

    @property
    def lr(self) -> Rate:
        """The learning rate alpha: one number, or one for each run."""
        ...

    def init(self, params: Any) -> Memory:
        """Return the memory before the first step."""
        ...

    def step(self, params: Any, gradient: Any, memory: Memory) -> tuple[Any, Memory]:
        """Return the parameters after one step, and the new memory."""
        ...


@dataclass(frozen=True, eq=False)
class GradientDescent:
    """Walk against the gradient: w <- w - lr * g.

    Raises ValueError if lr is negative or not finite. Source: Cauchy, 1847.
    """

    lr: Rate

    def __post_init__(self) -> None:
        _check(self)

    def init(self, params: Any) -> Memory:
        """Return an empty memory: every step depends on the present gradient only."""
        return ()

    def step(self, params: Any, gradient: Any, memory: Memory) -> tuple[Any, Memory]:
        """Return w - lr * g."""
        return params - self.lr * gradient, ()


@dataclass(frozen=True, eq=False)
class Momentum:
    """Keep a velocity, as a rolling ball does: v <- beta * v + g; w <- w - lr * v.

    Raises ValueError if lr is negative or beta not in [0, 1). Source: Polyak, 1964.
    """

    lr: Rate
    beta: float = 0.9

    def __post_init__(self) -> None:
        _check(self, beta=self.beta)

    def init(self, params: Any) -> Memory:
        """Return the velocity 0."""
        return (0 * params,)

    def step(self, params: Any, gradient: Any, memory: Memory) -> tuple[Any, Memory]:
        """Return w - lr * v with the new velocity v."""
        velocity = self.beta * memory[0] + gradient
        return params - self.lr * velocity, (velocity,)


@dataclass(frozen=True, eq=False)
class Nesterov:
    """Momentum that looks ahead: v <- beta * v + g; w <- w - lr * (g + beta * v).

    Raises ValueError if lr is negative or beta not in [0, 1). Source: Nesterov, 1983; Sutskever et al., 2013.
    """

    lr: Rate
    beta: float = 0.9

    def __post_init__(self) -> None:
        _check(self, beta=self.beta)

    def init(self, params: Any) -> Memory:
        """Return the velocity 0."""
        return (0 * params,)

    def step(self, params: Any, gradient: Any, memory: Memory) -> tuple[Any, Memory]:
        """Return w - lr * (g + beta * v) with the new velocity v."""
        velocity = self.beta * memory[0] + gradient
        return params - self.lr * (gradient + self.beta * velocity), (velocity,)


@dataclass(frozen=True, eq=False)
class RMSProp:
    """Divide by the gradient's recent size: s <- beta * s + (1 - beta) * g^2; w <- w - lr * g / (sqrt(s) + eps).

    Raises ValueError if lr is negative, beta not in [0, 1) or eps not positive. Source: Tieleman and Hinton, 2012.
    """

    lr: Rate
    beta: float = 0.99
    eps: float = 1e-8

    def __post_init__(self) -> None:
        _check(self, self.eps, beta=self.beta)

    def init(self, params: Any) -> Memory:
        """Return the mean square 0."""
        return (0 * params,)

    def step(self, params: Any, gradient: Any, memory: Memory) -> tuple[Any, Memory]:
        """Return w - lr * g / (sqrt(s) + eps) with the new mean square s."""
        square = self.beta * memory[0] + (1 - self.beta) * (gradient * gradient)
        return params - self.lr * gradient / (square**0.5 + self.eps), (square,)


@dataclass(frozen=True, eq=False)
class Adam:
    """Momentum and RMSProp together, both corrected for starting at 0.

    m <- beta1 * m + (1 - beta1) * g; s <- beta2 * s + (1 - beta2) * g^2; at step t,
    w <- w - lr * (m / (1 - beta1^t)) / (sqrt(s / (1 - beta2^t)) + eps).
    Raises ValueError if lr is negative, a beta not in [0, 1) or eps not positive. Source: Kingma and Ba, 2015.
    """

    lr: Rate
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    def __post_init__(self) -> None:
        _check(self, self.eps, beta1=self.beta1, beta2=self.beta2)

    def init(self, params: Any) -> Memory:
        """Return mean 0, mean square 0 and step count 0."""
        return (0 * params, 0 * params, 0)

    def step(self, params: Any, gradient: Any, memory: Memory) -> tuple[Any, Memory]:
        """Return the parameters after one step with the new mean, mean square and count."""
        mean, square, count = memory
        count += 1
        mean = self.beta1 * mean + (1 - self.beta1) * gradient
        square = self.beta2 * square + (1 - self.beta2) * (gradient * gradient)
        size = (square / (1 - self.beta2**count)) ** 0.5 + self.eps
        return params - self.lr * (mean / (1 - self.beta1**count)) / size, (mean, square, count)


OPTIMIZERS: dict[str, type[GradientDescent] | type[Momentum] | type[Nesterov] | type[RMSProp] | type[Adam]] = {
    "gradient descent": GradientDescent,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "rmsprop": RMSProp,
    "adam": Adam,
}
"""Every optimizer class by name, in order of complexity."""


def _check(optimizer: Optimizer, eps: float = 1.0, **betas: float) -> None:
    """Raise ValueError for settings that are of no use, and make many rates ones that nobody can change."""
    lr = optimizer.lr
    if np.asarray(lr).dtype.kind not in "fiu":
        raise ValueError(f"the learning rate must be a number, got {lr!r}")
    if not (np.isfinite(lr).all() and (np.asarray(lr) >= 0).all()):
        raise ValueError(f"the learning rate must be finite and not negative, got {lr}")
    for name, beta in betas.items():
        if not 0 <= beta < 1:
            raise ValueError(f"{name} must be at least 0 and below 1, got {beta}")
    if not 0 < eps < np.inf:
        raise ValueError(f"eps must be positive and finite, got {eps}")
    if np.ndim(lr) > 0:
        object.__setattr__(optimizer, "lr", frozen("lr", lr))
