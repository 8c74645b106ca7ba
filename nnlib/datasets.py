"""Data sets: a seed in, inputs X and targets Y out.

Two classes are one target column of 0 and 1; more are one column a class, 1 in the right one (one-hot). The points of
the logic gates sit on +-1. The sets for regression have one input and one target, a number, and no classes.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlib._types import Array, frozen, is_whole


@dataclass(frozen=True, eq=False)
class Dataset:
    """Inputs X (N, D) and targets Y (N, K), with the names of the features and of the classes.

    X is in the units of its features, such as cm for Iris; the points of the made-up sets have none. Raises ValueError
    if X and Y differ in length or are not real numbers.
    """

    name: str
    X: Array
    Y: Array
    feature_names: tuple[str, ...]
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        for name in ("X", "Y"):
            object.__setattr__(self, name, frozen(name, getattr(self, name)))
        if self.X.shape[:1] != self.Y.shape[:1]:
            raise ValueError(f"X and Y must have the same number of samples, got shapes {self.X.shape}, {self.Y.shape}")

    @property
    def is_regression(self) -> bool:
        """Whether the targets are numbers to be met, not classes to be told apart."""
        return not self.class_names

    @property
    def labels(self) -> NDArray[np.int64]:
        """The class of every sample as a number from 0, (N,)."""
        if self.Y.shape[1] == 1:
            return (self.Y[:, 0] > 0.5).astype(np.int64)
        return np.asarray(self.Y.argmax(1))

    def standardized(self, by: "Dataset | None" = None) -> "Dataset":
        """Return the same data with every feature at mean 0 and standard deviation 1; a constant feature becomes 0.

        The unit of every feature is its standard deviation then. `by` is the set whose means and deviations are used,
        itself if None: test data take those of the training data, so that nothing about them leaks into the training.
        Raises ValueError if `by` has other features.
        """
        by = by or self
        if by.X.shape[1:] != self.X.shape[1:]:
            raise ValueError(f"the other set has features of shape {by.X.shape[1:]}, not {self.X.shape[1:]}")
        mean, spread = by.X.mean(0), by.X.std(0)
        constant = (by.X[0] == by.X).all(0)
        mean, spread = np.where(constant, by.X[0], mean), np.where(constant, 1, spread)
        return replace(self, X=(self.X - mean) / spread)

    def rows(self, which: Any) -> "Dataset":
        """Return some of the samples, by their numbers from 0 or by a mask (N,), in that order.

        Raises IndexError for numbers or a mask that do not fit.
        """
        return replace(self, X=self.X[which], Y=self.Y[which])


def split(dataset: Dataset, test_share: float, seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the numbers of the training samples and of the test samples, both in their old order.

    A dataset of N samples gives two lists (N - T,) and (T,). The share T / N is rounded to a whole number of samples,
    but at least two stay for training. Raises ValueError for a share that is not at least 0 and below 1, or a seed that
    is not a whole number of 0 or more.
    """
    if not 0 <= test_share < 1:
        raise ValueError(f"the share of test samples must be at least 0 and below 1, got {test_share}")
    if not is_whole(seed) or seed < 0:
        raise ValueError(f"seed must be a whole number of 0 or more, got {seed}")
    n = len(dataset.X)
    n_test = max(min(round(test_share * n), n - 2), 0)
    order = np.random.default_rng(seed).permutation(n)
    return np.sort(order[n_test:]), np.sort(order[:n_test])


Maker = Callable[[int | None, float, np.random.Generator], Dataset]


def iris(n_samples: int | None, noise: float, rng: np.random.Generator) -> Dataset:
    """Return Fisher's 150 Iris flowers: four lengths in cm, three species; fewer samples are drawn at random.

    X (N, 4), Y (N, 3). Raises ValueError for more than 150 samples. Source: R. A. Fisher, The use of multiple
    measurements in taxonomic problems, 1936 (rows 35 and 38 as published).
    """
    lines = (Path(__file__).parent / "data" / "iris.csv").read_text(encoding="utf-8").splitlines()
    names, *rows = [line.split(",") for line in lines if not line.startswith("#")]
    if n_samples is not None and n_samples > len(rows):
        raise ValueError(f"iris has {len(rows)} samples, not {n_samples}")
    X = np.array([[float(value) for value in row[:-1]] for row in rows])
    species = [row[-1] for row in rows]
    class_names = tuple(dict.fromkeys(species))
    Y = np.array([[float(name == wanted) for wanted in class_names] for name in species])
    if n_samples is not None and n_samples < len(rows):
        chosen = np.sort(rng.permutation(len(rows))[:n_samples])
        X, Y = X[chosen], Y[chosen]
    return Dataset("iris", X + noise * rng.standard_normal(X.shape), Y, tuple(names[:-1]), class_names)


def _gate(name: str, truth: tuple[int, int, int, int]) -> Maker:
    corners = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])

    def make(n_samples: int | None, noise: float, rng: np.random.Generator) -> Dataset:
        which = np.arange(4 if n_samples is None else n_samples) % 4
        X = corners[which] + noise * rng.standard_normal((len(which), 2))
        return Dataset(name, X, np.array(truth, float)[which, None], ("x1", "x2"), ("0", "1"))

    make.__doc__ = f"Return the truth table of {name.upper()} on +-1, repeated to n_samples and blurred by the noise."
    return make


def _two_classes(name: str, shape: str, place: Callable[[Array, Array], Array], default_noise: float) -> Maker:
    """Make a data set from a curve for each class: place(u, side) -> (N, 2), u from 0 to 1 and side 0 or 1.

    `shape` tells in words what the two curves are.
    """

    def make(n_samples: int | None, noise: float, rng: np.random.Generator) -> Dataset:
        n = 200 if n_samples is None else n_samples
        side = np.arange(n) % 2
        u = rng.uniform(0, 1, n)
        X = place(u, side.astype(float)) + (default_noise + noise) * rng.standard_normal((n, 2))
        return Dataset(name, X, side[:, None].astype(float), ("x1", "x2"), ("0", "1"))

    make.__doc__ = f"Return two classes of points, {shape}, in equal parts, blurred by the noise."
    return make


def _on_circle(angle: Array, radius: Array) -> Array:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1)


def _moons(u: Array, side: Array) -> Array:
    """Place points on two half circles that hold each other, centred on the origin."""
    sign = 1 - 2 * side
    return sign[:, None] * (_on_circle(np.pi * u, np.ones_like(u)) - [0.5, 0.25])


def _circles(u: Array, side: Array) -> Array:
    """Place points on a ring and on a smaller ring inside it."""
    return _on_circle(2 * np.pi * u, 1 - 0.5 * side)


def _spirals(u: Array, side: Array) -> Array:
    """Place points on two arms that wind seven eighths of a turn around the origin."""
    radius = 0.2 + 1.3 * u
    return _on_circle(1.75 * np.pi * u + np.pi * side, radius)


def blobs(n_samples: int | None, noise: float, rng: np.random.Generator) -> Dataset:
    """Return three round clouds of points, one a class, around the corners of a triangle: X (N, 2), Y (N, 3)."""
    n = 200 if n_samples is None else n_samples
    label = np.arange(n) % 3
    centre = _on_circle(2 * np.pi * np.arange(3) / 3 + np.pi / 2, np.full(3, 1.2))
    X = centre[label] + (0.3 + noise) * rng.standard_normal((n, 2))
    return Dataset("blobs", X, np.eye(3)[label], ("x1", "x2"), ("0", "1", "2"))


def _curve(name: str, words: str, f: Callable[[Array], Array]) -> Maker:
    """Make a regression set from a curve y = f(x), x even between -1 and 1; `words` is its formula."""

    def make(n_samples: int | None, noise: float, rng: np.random.Generator) -> Dataset:
        n = 40 if n_samples is None else n_samples
        x = np.linspace(-1, 1, n)[:, None] if n > 1 else np.zeros((1, 1))
        return Dataset(name, x, f(x) + noise * rng.standard_normal((n, 1)), ("x",), ())

    make.__doc__ = f"Return points of the curve {words}, x between -1 and 1; the noise is added to y."
    return make


DATASETS: dict[str, Maker] = {
    "iris": iris,
    "xor": _gate("xor", (0, 1, 1, 0)),
    "and": _gate("and", (0, 0, 0, 1)),
    "or": _gate("or", (0, 1, 1, 1)),
    "moons": _two_classes("moons", "two half circles that hold each other", _moons, 0.08),
    "circles": _two_classes("circles", "a ring and a smaller ring inside it", _circles, 0.08),
    "spirals": _two_classes("spirals", "two arms that wind around each other", _spirals, 0.03),
    "blobs": blobs,
    "line": _curve("line", "y = 0.5 + 0.4 x", lambda x: 0.5 + 0.4 * x),
    "sine": _curve("sine", "y = 0.5 + 0.4 sin(pi x)", lambda x: 0.5 + 0.4 * np.sin(np.pi * x)),
    "step": _curve("step", "y = 1 where x >= 0, else 0", lambda x: (x >= 0).astype(float)),
}
"""Every data set by name: a function of n_samples, noise and a random generator."""


def load_dataset(name: str, n_samples: int | None = None, noise: float = 0.0, seed: int = 0) -> Dataset:
    """Return a data set of that name; the same arguments give the same bits.

    `n_samples` None means the set's own size; the result has X (n_samples, D) and Y (n_samples, K). `noise` is the
    standard deviation of what is added to every input, in the inputs' units (to the target, for regression). Raises
    ValueError for an unknown name (the message lists the known ones), fewer than one sample, more than the 150 of Iris,
    a negative seed, or noise that is negative or not finite.
    """
    if not isinstance(name, str) or name not in DATASETS:
        raise ValueError(f"unknown data set {name!r}; known: {', '.join(DATASETS)}")
    if n_samples is not None and not (is_whole(n_samples) and n_samples >= 1):
        raise ValueError(f"n_samples must be a whole number of 1 or more, got {n_samples}")
    if not is_whole(seed) or seed < 0:
        raise ValueError(f"seed must be a whole number of 0 or more, got {seed}")
    if np.asarray(noise).dtype.kind not in "fiu" or not (noise >= 0 and np.isfinite(noise)):
        raise ValueError(f"noise must be finite and not negative, got {noise}")
    return DATASETS[name](n_samples, noise, np.random.default_rng(seed))
