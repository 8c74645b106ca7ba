"""Planes through the space of all parameters: where a picture of the loss can be drawn when no two weights are enough.

A point of the plane is center + a u + b v, with u and v networks' worth of numbers. Random directions show what the
neighbourhood of a network looks like; the principal directions of a path show the path.
"""

from dataclasses import dataclass

import numpy as np

from nnlib._types import Array
from nnlib.fast_planes import plane_sum_squared_errors
from nnlib.network import Network, Params


@dataclass(frozen=True, eq=False)
class Plane:
    """The plane center + a u + b v; `share` tells how much of a path's movement each direction explains, if any.

    Raises ValueError if the three do not fit together or the directions are not independent.
    """

    center: Params
    u: Params
    v: Params
    share: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if any(p.runs for p in (self.center, self.u, self.v)):
            raise ValueError("a plane is spanned by single networks, not many")
        if len({tuple(w.shape for w in (*p.weights, *p.biases)) for p in (self.center, self.u, self.v)}) > 1:
            raise ValueError("the center and the directions must have the same shapes")
        uu, uv, vv = self._products
        if not uu * vv - uv * uv > 1e-12 * uu * vv:
            raise ValueError("the two directions must be independent and not zero")

    @property
    def _products(self) -> tuple[float, float, float]:
        u, v = self.u.to_vector(), self.v.to_vector()
        return float(u @ u), float(u @ v), float(v @ v)

    def at(self, a: float | Array, b: float | Array) -> Params:
        """Return the network at a point of the plane; coordinates a and b (...) that broadcast give networks (...)."""
        a, b = np.asarray(a)[..., None], np.asarray(b)[..., None]
        return self.center.from_vector(self.center.to_vector() + a * self.u.to_vector() + b * self.v.to_vector())

    def coordinates(self, params: Params) -> Array:
        """Return where the networks (...) fall on the plane, seen from straight above: (..., 2), a and b."""
        uu, uv, vv = self._products
        away = params.to_vector() - self.center.to_vector()
        along = np.stack([away @ self.u.to_vector(), away @ self.v.to_vector()], -1)
        inverse = np.array([[vv, -uv], [-uv, uu]]) / (uu * vv - uv * uv)
        return np.asarray(along @ inverse)


def random_plane(center: Params, rng: np.random.Generator) -> Plane:
    """Return a plane through a network along two random directions at right angles.

    center: one network, weights (fan_in, fan_out) and biases (fan_out); u and v have its shapes. Each direction is as
    long as the network, neuron by neuron: a neuron's incoming weights and its bias (a column) get a random direction of
    their own length, so that a step of 1 means the same for small and large weights. A neuron without weights gets
    length 1. Raises ValueError for many networks, or one of a single parameter. Source: Li et al., 2018 (filter
    normalization).
    """
    if center.runs or center.n_parameters < 2:
        raise ValueError("a plane goes through one network of at least two parameters")
    parts: tuple[list[Array], list[Array]] = ([], [])
    for layer, W in enumerate(center.weights):
        neurons = np.vstack([W, center.biases[layer]]) if center.biases else W
        length = np.linalg.norm(neurons, axis=0)
        length = np.where(length > 0, length, 1)
        u, v = rng.standard_normal((2, *neurons.shape))
        u /= np.linalg.norm(u, axis=0)
        if len(neurons) > 1:  # at right angles neuron by neuron, which is at right angles as a whole
            v -= (u * v).sum(0) * u
        v /= np.linalg.norm(v, axis=0)
        for part, direction in zip(parts, (u, v), strict=True):
            part.append((length * direction).ravel())
    u, v = (np.concatenate(part).astype(center.weights[0].dtype) for part in parts)
    v = v - (u @ v) / (u @ u) * u
    return Plane(center, center.from_vector(u), center.from_vector(v))


def trajectory_plane(path: Params) -> Plane:
    """Return the plane through a path's end that the path keeps closest to.

    path (steps, ...) with one leading axis. The directions are the principal directions of the steps seen from the end,
    of length 1; `share` is the part of the squared distances that each explains. Raises ValueError for a path that
    never moves or has another number of leading axes. Source: Pearson, 1901; Li et al., 2018.
    """
    if len(path.runs) != 1 or path.runs[0] < 2 or path.n_parameters < 2:
        raise ValueError("a path has one leading axis of at least two steps, and at least two parameters")
    away = path.to_vector() - path[-1].to_vector()
    largest = np.abs(away).max()
    if not 0 < largest < np.inf:
        raise ValueError("the path never moves, so it has no directions" if largest == 0 else "the path must be finite")
    away = away / largest
    _, lengths, directions = np.linalg.svd(np.vstack([away, np.zeros_like(away[:1])]), full_matrices=False)
    u, v = directions[:2] * np.where(directions[:2].sum(-1, keepdims=True) < 0, -1, 1)
    shares = lengths**2 / (lengths**2).sum()
    return Plane(path[-1], path.from_vector(u), path.from_vector(v), (float(shares[0]), float(shares[1])))


def plane_surface(network: Network, plane: Plane, X: Array, Y: Array, a: Array, b: Array) -> Array:
    """Return the MSE on a grid of points of a plane.

    a (A,) and b (B,) -> (B, A): a row for each b, as plots want it. Raises ValueError for shapes that do not fit and
    for values or data that are not finite. Source: the definition of `mse`, at each point. Computed by `fast_planes`;
    it agrees with `forward` at each point to 1e-12, except where the sum of a step is within rounding of its threshold:
    there it may fall on the other side.
    """
    for params in (plane.center, plane.u, plane.v):
        network.check_params(params)
    X, Y = network.check_data(X, Y)
    grids = [np.asarray(values, dtype=plane.center.weights[0].dtype) for values in (a, b)]
    if any(values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all() for values in grids):
        raise ValueError("the coordinates on the plane must be two lists of finite numbers")
    total = plane_sum_squared_errors(network, plane.center, plane.u, plane.v, X, Y, grids[0], grids[1])
    return total / (2 * Y.size)
