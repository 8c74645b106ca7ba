"""The same computations by other means, each used the way its documentation suggests: the peers of the benchmarks."""

from collections.abc import Callable, Sequence
from functools import partial

import autograd
import autograd.numpy as anp
import jax
import numba
import numpy as np
import torch

jax.config.update("jax_enable_x64", True)
torch.set_num_threads(1)

Array = np.ndarray
Place = tuple[int, int, int]


def sigmoid(z: Array) -> Array:
    """Return the sigmoid as a textbook has it."""
    return 1 / (1 + np.exp(-z))


# Surfaces over two weights.


def naive_surface(W: Sequence[Array], X: Array, Y: Array, i: Place, j: Place, a: Array, b: Array) -> Array:
    """Return the surface by a Python loop over its points."""
    W = [w.copy() for w in W]
    out = np.empty((len(b), len(a)))
    for row, second in enumerate(b):
        W[j[0]][j[1:]] = second
        for column, first in enumerate(a):
            W[i[0]][i[1:]] = first
            H = X
            for w in W:
                H = sigmoid(H @ w)
            out[row, column] = ((H - Y) ** 2).sum() / (2 * Y.size)
    return out


def jax_surface(i: Place, j: Place, whole: bool) -> Callable:
    """Return a compiled surface: vmap over a row and map over the rows, or vmap over both."""

    def surface(W, X, Y, a, b):  # noqa: ANN001, ANN202
        def loss(first, second):  # noqa: ANN001, ANN202
            V = list(W)
            V[i[0]] = V[i[0]].at[i[1:]].set(first)
            V[j[0]] = V[j[0]].at[j[1:]].set(second)
            return _jax_loss(V, X, Y)

        row = jax.vmap(loss, (0, None))
        if whole:
            return jax.vmap(row, (None, 0))(a, b)
        return jax.lax.map(lambda second: row(a, second), b)

    return jax.jit(surface)


def _jax_loss(W, X, Y):  # noqa: ANN001, ANN202
    H = X
    for w in W:
        H = jax.nn.sigmoid(H @ w)
    return ((H - Y) ** 2).sum() / (2 * Y.size)


def torch_surface(W: Sequence[Array], X: Array, Y: Array, i: Place, j: Place, a: Array, b: Array) -> Array:
    """Return the surface by torch.func.vmap over a row and a loop over the rows."""
    V = [torch.tensor(w) for w in W]
    X, Y, a, b = (torch.tensor(v) for v in (X, Y, a, b))

    def loss(first, second):  # noqa: ANN001, ANN202
        H = X
        for layer, w in enumerate(V):
            for place, value in ((i, first), (j, second)):
                if place[0] == layer:
                    mark = torch.zeros_like(w)
                    mark[place[1:]] = 1
                    w = w * (1 - mark) + value * mark
            H = torch.sigmoid(H @ w)
        return ((H - Y) ** 2).sum() / (2 * Y.numel())

    row = torch.func.vmap(loss, (0, None))
    return torch.stack([row(a, second) for second in b]).numpy()


@numba.njit(cache=False, error_model="numpy")
def _numba_surface(flat, sizes, X, Y, i, j, a, b):  # noqa: ANN001, ANN202
    flat = flat.copy()
    out = np.empty((len(b), len(a)))
    h, z = np.empty(sizes.max()), np.empty(sizes.max())
    for row in range(len(b)):
        flat[j] = b[row]
        for column in range(len(a)):
            flat[i] = a[column]
            total = 0.0
            for n in range(len(X)):
                for d in range(sizes[0]):
                    h[d] = X[n, d]
                start = 0
                for layer in range(len(sizes) - 1):
                    for q in range(sizes[layer + 1]):
                        s = 0.0
                        for p in range(sizes[layer]):
                            s += h[p] * flat[start + p * sizes[layer + 1] + q]
                        z[q] = 1 / (1 + np.exp(-s))
                    start += sizes[layer] * sizes[layer + 1]
                    h, z = z, h
                for k in range(sizes[-1]):
                    total += (h[k] - Y[n, k]) ** 2
            out[row, column] = total / (2 * Y.size)
    return out


@numba.njit(cache=False, fastmath=True, error_model="numpy")
def numba_factorised(p, q, y):  # noqa: ANN001, ANN201
    """The factorised surface of two weights into one output, as a plain loop: p (A, N), q (B, N), y (N,)."""
    out = np.empty((q.shape[0], p.shape[0]))
    for row in range(q.shape[0]):
        for column in range(p.shape[0]):
            total = 0.0
            for n in range(len(y)):
                e = p[column, n] / (p[column, n] + q[row, n]) - y[n]
                total += e * e
            out[row, column] = total
    return out / (2 * len(y))


def numba_surface(W: Sequence[Array], X: Array, Y: Array, i: Place, j: Place, a: Array, b: Array) -> Array:
    """Return the surface by plain loops, compiled."""
    sizes = np.array([len(W[0]), *(w.shape[1] for w in W)])
    starts = np.cumsum([0, *(w.size for w in W)])
    places = [starts[at[0]] + at[1] * W[at[0]].shape[1] + at[2] for at in (i, j)]
    return _numba_surface(np.concatenate([w.ravel() for w in W]), sizes, X, Y, *places, a, b)


# Planes and decision grids.


def jax_plane(whole: bool) -> Callable:
    """Return a compiled surface over a plane of directions."""

    def surface(W, U, V, X, Y, a, b):  # noqa: ANN001, ANN202
        def loss(s, t):  # noqa: ANN001, ANN202
            return _jax_loss([w + s * u + t * v for w, u, v in zip(W, U, V, strict=True)], X, Y)

        row = jax.vmap(loss, (0, None))
        return jax.vmap(row, (None, 0))(a, b) if whole else jax.lax.map(lambda t: row(a, t), b)

    return jax.jit(surface)


def torch_plane(W, U, V, X, Y, a, b):  # noqa: ANN001, ANN201
    """Return the surface over a plane by torch.func.vmap over a row."""

    def loss(s, t):  # noqa: ANN001, ANN202
        H = X
        for w, u, v in zip(W, U, V, strict=True):
            H = torch.sigmoid(H @ (w + s * u + t * v))
        return ((H - Y) ** 2).sum() / (2 * Y.numel())

    row = torch.func.vmap(loss, (0, None))
    return torch.stack([row(a, t) for t in b])


def _jax_outputs(W, points):  # noqa: ANN001, ANN202
    H = points
    for w in W:
        H = jax.nn.sigmoid(H @ w)
    return H


def jax_grids(whole: bool) -> Callable:
    """Return the compiled outputs of many networks over points: vmap or map over the networks."""
    if whole:
        return jax.jit(jax.vmap(_jax_outputs, (0, None)))
    return jax.jit(lambda W, points: jax.lax.map(lambda w: _jax_outputs(w, points), W))


def torch_grids(W, points):  # noqa: ANN001, ANN201
    """Return the outputs of many networks over points."""
    H = points
    for w in W:
        H = torch.sigmoid(H @ w)
    return H


# Descents.


def textbook_descent(W: Sequence[Array], X: Array, Y: Array, lr: float, n_steps: int) -> tuple[Array, Array]:
    """Return the path and the losses the way a textbook computes them."""
    W = [w.copy() for w in W]
    path, losses = [], []
    for _ in range(n_steps):
        A = [X]
        for w in W:
            A.append(sigmoid(A[-1] @ w))
        E = A[-1] - Y
        losses.append((E**2).sum() / (2 * Y.size))
        path.append(np.concatenate([w.ravel() for w in W]))
        D = E * A[-1] * (1 - A[-1]) / Y.size
        gradients = []
        for layer in range(len(W) - 1, -1, -1):
            gradients.insert(0, A[layer].T @ D)
            if layer:
                D = (D @ W[layer].T) * A[layer] * (1 - A[layer])
        for w, g in zip(W, gradients, strict=True):
            w -= lr * g
    return np.array(path), np.array(losses)


@partial(jax.jit, static_argnames="n_steps")
def jax_descent(W, X, Y, lr, n_steps):  # noqa: ANN001, ANN201
    """Return the path and the losses of one run, by scan."""

    def step(W, _):  # noqa: ANN001, ANN202
        loss, gradient = jax.value_and_grad(_jax_loss)(W, X, Y)
        return [w - lr * g for w, g in zip(W, gradient, strict=True)], (W, loss)

    return jax.lax.scan(step, W, None, n_steps)[1]


jax_descents = jax.jit(
    lambda W, X, Y, lr, n_steps: jax.vmap(lambda w, r: jax_descent(w, X, Y, r, n_steps))(W, lr),
    static_argnames="n_steps",
)
"""Many runs: vmap of scan."""


def torch_descent(W: Sequence[Array], X: Array, Y: Array, lr: float, n_steps: int) -> list:
    """Return the path and the losses of eager autograd."""
    W = [torch.tensor(w, requires_grad=True) for w in W]
    X, Y = torch.tensor(X), torch.tensor(Y)
    record = []
    for _ in range(n_steps):
        H = X
        for w in W:
            H = torch.sigmoid(H @ w)
        loss = ((H - Y) ** 2).sum() / (2 * Y.numel())
        gradients = torch.autograd.grad(loss, W)
        record.append((torch.cat([w.detach().ravel() for w in W]), loss.detach()))
        with torch.no_grad():
            for w, g in zip(W, gradients, strict=True):
                w -= lr * g
    return record


def autograd_descent(W: Sequence[Array], X: Array, Y: Array, lr: float, n_steps: int) -> list:
    """Return the path and the losses of HIPS autograd."""

    def loss(W):  # noqa: ANN001, ANN202
        H = X
        for w in W:
            H = 1 / (1 + anp.exp(-anp.dot(H, w)))
        return anp.sum((H - Y) ** 2) / (2 * Y.size)

    both = autograd.value_and_grad(loss)
    W = list(W)
    record = []
    for _ in range(n_steps):
        value, gradients = both(W)
        record.append((np.concatenate([w.ravel() for w in W]), value))
        W = [w - lr * g for w, g in zip(W, gradients, strict=True)]
    return record


@numba.njit(cache=False, error_model="numpy")
def numba_xor_descent(W1, W2, X, Y, lr, n_steps):  # noqa: ANN001, ANN201
    """Return the path and the losses of a network with one hidden layer and one output, by plain loops, compiled."""
    W1, W2 = W1.copy(), W2.copy()
    D, H = W1.shape
    path, losses = np.empty((n_steps, D * H + H)), np.empty(n_steps)
    h, g1, g2 = np.empty(H), np.empty((D, H)), np.empty(H)
    for step in range(n_steps):
        path[step, : D * H] = W1.ravel()
        path[step, D * H :] = W2.ravel()
        g1[:] = 0
        g2[:] = 0
        total = 0.0
        for n in range(len(X)):
            z = 0.0
            for q in range(H):
                s = 0.0
                for d in range(D):
                    s += X[n, d] * W1[d, q]
                h[q] = 1 / (1 + np.exp(-s))
                z += h[q] * W2[q, 0]
            o = 1 / (1 + np.exp(-z))
            e = o - Y[n, 0]
            total += e * e
            delta = e * o * (1 - o) / len(X)
            for q in range(H):
                g2[q] += h[q] * delta
                inner = delta * W2[q, 0] * h[q] * (1 - h[q])
                for d in range(D):
                    g1[d, q] += X[n, d] * inner
        losses[step] = total / (2 * len(X))
        W1 -= lr * g1
        for q in range(H):
            W2[q, 0] -= lr * g2[q]
    return path, losses
