"""The data sets: Fisher's numbers, truth tables, and clouds that come from a seed alone."""

import re

import numpy as np
import pytest

from nnlib import DATASETS, Dataset, load_dataset, split

GATES = {"xor": [0, 1, 1, 0], "and": [0, 0, 0, 1], "or": [0, 1, 1, 1]}
CLOUDS = ["moons", "circles", "spirals", "blobs"]
CURVES = ["line", "sine", "step"]


def test_the_registry_is_complete():
    assert list(DATASETS) == ["iris", *GATES, *CLOUDS, *CURVES]


def test_iris_has_its_known_means():
    iris = load_dataset("iris")
    assert iris.X.shape == (150, 4)
    assert iris.Y.shape == (150, 3)
    np.testing.assert_allclose(iris.X.mean(0), [5.843333, 3.057333, 3.758000, 1.199333], rtol=0, atol=5e-7)
    assert np.bincount(iris.labels).tolist() == [50, 50, 50]
    # setosa, versicolor, virginica; Fisher's table I gives these means of the 50
    np.testing.assert_allclose(iris.X[:50].mean(0), [5.006, 3.428, 1.462, 0.246], atol=1e-12)
    np.testing.assert_allclose(iris.X[50:100].mean(0), [5.936, 2.770, 4.260, 1.326], atol=1e-12)
    np.testing.assert_allclose(iris.X[100:].mean(0), [6.588, 2.974, 5.552, 2.026], atol=1e-12)


def test_iris_rows_35_and_38_are_as_fisher_published_them():
    # copies in circulation have 4.9, 3.1, 1.5, 0.1 in both places
    X = load_dataset("iris").X
    assert X[34].tolist() == [4.9, 3.1, 1.5, 0.2]
    assert X[37].tolist() == [4.9, 3.6, 1.4, 0.1]


def test_iris_names_its_features_and_species_in_the_order_of_the_columns():
    iris = load_dataset("iris")
    assert iris.feature_names == ("sepal length", "sepal width", "petal length", "petal width")
    assert [name.split()[-1] for name in iris.class_names] == ["setosa", "versicolor", "virginica"]
    assert iris.labels.tolist() == [0] * 50 + [1] * 50 + [2] * 50
    assert iris.Y[[0, 50, 149]].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_fewer_flowers_are_different_flowers_of_the_150():
    whole, some = load_dataset("iris"), load_dataset("iris", 20, seed=3)
    rows = {(*x, *y) for x, y in zip(whole.X.tolist(), whole.Y.tolist(), strict=True)}
    assert some.X.shape == (20, 4)
    assert all((*x, *y) in rows for x, y in zip(some.X.tolist(), some.Y.tolist(), strict=True))
    assert (np.diff(some.labels) >= 0).all()  # in the order of the table
    assert some.X.tolist() != load_dataset("iris", 20, seed=4).X.tolist()
    assert load_dataset("iris", 150, seed=3).X.tolist() == whole.X.tolist()


@pytest.mark.parametrize("name", GATES)
def test_a_gate_is_its_truth_table_on_plus_and_minus_1(name):
    gate = load_dataset(name)
    assert gate.X.tolist() == [[-1, -1], [-1, 1], [1, -1], [1, 1]]
    assert gate.Y.tolist() == [[value] for value in GATES[name]]
    assert gate.labels.tolist() == GATES[name]
    more = load_dataset(name, 10)
    assert more.X.tolist() == (gate.X.tolist() * 3)[:10]
    assert more.labels.tolist() == (GATES[name] * 3)[:10]


@pytest.mark.parametrize("name", CLOUDS)
def test_a_cloud_has_200_samples_in_equal_classes_round_the_origin(name):
    cloud = load_dataset(name)
    assert cloud.X.shape == (200, 2)
    counts = np.bincount(cloud.labels)
    assert counts.max() - counts.min() <= 1
    assert np.abs(cloud.X.mean(0)).max() < 0.2
    assert np.abs(cloud.X).max() < 3


def test_the_clouds_have_the_shapes_they_are_named_for():
    circles = load_dataset("circles", 400)
    radius = np.hypot(*circles.X.T)
    assert (radius[circles.labels == 0] > 0.7).all()
    assert (radius[circles.labels == 1] < 0.8).all()
    moons = load_dataset("moons", 400)
    middle = np.array([[-0.5, -0.25], [0.5, 0.25]])[moons.labels]  # where the two half circles have their centres
    assert np.abs(np.hypot(*(moons.X - middle).T) - 1).max() < 0.4
    spirals = load_dataset("spirals", 400)
    quarters = [set(np.flatnonzero((spirals.X > 0) @ [1, 2] == q) % 2) for q in range(4)]
    assert quarters == [{0, 1}] * 4  # both arms pass through every quarter
    blobs = load_dataset("blobs", 400)
    centres = np.array([blobs.X[blobs.labels == c].mean(0) for c in range(3)])
    nearest = ((blobs.X[:, None] - centres) ** 2).sum(-1).argmin(1)
    assert (nearest == blobs.labels).mean() > 0.98


@pytest.mark.parametrize("name", [name for name in DATASETS if name not in CURVES])
def test_every_set_is_well_formed(name):
    for n in (None, 1, 7):
        data = load_dataset(name, n, noise=0.1, seed=5)
        rows = len(data.X)
        assert data.name == name
        assert n is None or rows == n
        assert data.X.shape == (rows, len(data.feature_names))
        assert data.Y.shape == (rows, 1 if len(data.class_names) == 2 else len(data.class_names))
        assert data.labels.shape == (rows,)
        assert data.labels.dtype.kind == "i"
        assert data.labels.max() < len(data.class_names)
        assert set(np.unique(data.Y)) <= {0.0, 1.0}
        assert data.Y.shape[1] == 1 or (data.Y.sum(1) == 1).all()
        assert np.isfinite(data.X).all()
        assert data.X.dtype == data.Y.dtype == np.float64
        assert (data.labels == (data.Y[:, 0] if data.Y.shape[1] == 1 else data.Y.argmax(1))).all()


@pytest.mark.parametrize("name", DATASETS)
def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not(name):
    def bits(seed):
        data = load_dataset(name, 30, noise=0.2, seed=seed)
        return data.X.tobytes() + data.Y.tobytes()

    assert bits(1) == bits(1)
    assert bits(1) != bits(2)


@pytest.mark.parametrize("name", ["iris", *GATES])
def test_noise_is_the_standard_deviation_of_what_is_added(name):
    n = 150 if name == "iris" else 400
    added = load_dataset(name, n, noise=0.3, seed=1).X - load_dataset(name, n, noise=0, seed=1).X
    assert added.std() == pytest.approx(0.3, rel=0.1)
    assert np.abs(added.mean()) < 0.05


@pytest.mark.parametrize("name", CLOUDS)
def test_noise_blurs_a_cloud_without_moving_its_points_elsewhere(name):
    clean, noisy = (load_dataset(name, 400, noise, seed=1) for noise in (0.0, 0.3))
    assert (noisy.X - clean.X).std() == pytest.approx(0.3, rel=0.1)
    assert (noisy.Y == clean.Y).all()


@pytest.mark.parametrize("name", DATASETS)
def test_standardized_features_have_mean_0_and_spread_1(name):
    data = load_dataset(name, seed=2).standardized()
    np.testing.assert_allclose(data.X.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(data.X.std(0), 1, rtol=1e-12)
    again = load_dataset(name, seed=2)
    np.testing.assert_array_equal(data.Y, again.Y)
    assert data.name == name
    assert data.feature_names == again.feature_names


def test_a_constant_feature_becomes_0_even_where_its_mean_is_rounded():
    X = np.array([[0.1, 1.0], [0.1, 2.0], [0.1, 4.0]])  # the mean of three .1 is .10000000000000002
    data = Dataset("x", X, np.zeros((3, 1)), ("a", "b"), ("0", "1")).standardized()
    assert data.X[:, 0].tolist() == [0, 0, 0]
    assert data.X[:, 1].std() == pytest.approx(1)
    one = Dataset("x", X[:1], np.zeros((1, 1)), ("a", "b"), ("0", "1")).standardized()
    assert one.X.tolist() == [[0, 0]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"name": "irises"},
            "unknown data set 'irises'; known: iris, xor, and, or, moons, circles, spirals, blobs, line",
        ),
        ({"name": "xor", "n_samples": 0}, "n_samples must be a whole number of 1 or more, got 0"),
        ({"name": "moons", "n_samples": -5}, "n_samples must be a whole number of 1 or more, got -5"),
        ({"name": "moons", "n_samples": 2.5}, "n_samples must be a whole number of 1 or more, got 2.5"),
        ({"name": "moons", "n_samples": True}, "n_samples must be a whole number of 1 or more, got True"),
        ({"name": "iris", "n_samples": 151}, "iris has 150 samples, not 151"),
        ({"name": "blobs", "noise": -0.1}, "noise must be finite and not negative, got -0.1"),
        ({"name": "blobs", "noise": np.nan}, "noise must be finite and not negative, got nan"),
        ({"name": "blobs", "noise": np.inf}, "noise must be finite and not negative, got inf"),
        ({"name": "blobs", "seed": -1}, "seed must be a whole number of 0 or more, got -1"),
        ({"name": "blobs", "seed": 1.5}, "seed must be a whole number of 0 or more, got 1.5"),
    ],
)
def test_what_cannot_be_made_is_named(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        load_dataset(**arguments)


def test_a_curve_goes_through_the_points_that_its_formula_names():
    line, sine, step = (load_dataset(name, 5) for name in CURVES)
    assert line.X[:, 0].tolist() == [-1, -0.5, 0, 0.5, 1]
    np.testing.assert_allclose(line.Y[:, 0], [0.1, 0.3, 0.5, 0.7, 0.9], atol=1e-15)
    np.testing.assert_allclose(sine.Y[:, 0], [0.5, 0.1, 0.5, 0.9, 0.5], atol=1e-15)
    assert step.Y[:, 0].tolist() == [0, 0, 1, 1, 1]
    for data in (line, sine, step):
        assert data.is_regression
        assert data.class_names == ()
        noisy = load_dataset(data.name, 2000, noise=0.2, seed=3)
        assert (noisy.Y - load_dataset(data.name, 2000).Y).std() == pytest.approx(0.2, rel=0.1)
    assert not load_dataset("iris").is_regression


def test_a_split_takes_every_sample_once_and_depends_on_its_seed_alone():
    iris = load_dataset("iris")
    train, test = split(iris, 0.2, 3)
    assert len(test) == 30
    assert sorted([*train, *test]) == list(range(150))
    assert split(iris, 0.2, 3)[1].tolist() == test.tolist() != split(iris, 0.2, 4)[1].tolist()
    assert len(split(iris, 0.0)[1]) == 0
    assert len(split(load_dataset("xor"), 0.9)[0]) == 2
    for share, seed in ((1.0, 0), (-0.1, 0), (float("nan"), 0), (0.5, -1)):
        with pytest.raises(ValueError, match=r"share of test samples|seed"):
            split(iris, share, seed)


def test_test_data_are_standardized_by_the_training_data():
    train = Dataset("x", [[0.0, 5], [2, 5]], [[0.0], [1]], ("a", "b"), ("0", "1"))
    test = Dataset("x", [[5.0, 7]], [[1.0]], ("a", "b"), ("0", "1"))
    assert test.standardized(train).X.tolist() == [[4, 2]]  # mean 1, deviation 1; a constant feature is only shifted
    other = Dataset("x", [[1.0]], [[1.0]], ("a",), ("0", "1"))
    with pytest.raises(ValueError, match=r"the other set has features of shape \(1,\), not \(2,\)"):
        test.standardized(other)
