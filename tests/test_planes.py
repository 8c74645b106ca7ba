"""Planes through the space of all parameters."""

import numpy as np
import pytest

import nnlib
from nnlib import Network, Params, Plane, forward, init_params, mse, plane_surface, random_plane, trajectory_plane

KINDS = [
    ("sigmoid", "sigmoid"),
    ("tanh", "tanh"),
    ("relu", "identity"),
    ("leaky_relu", "tanh"),
    ("softplus", "sigmoid"),
    (nnlib.sigmoid(3, 0.5), nnlib.sigmoid(2, -1.0)),
    ("step", "sigmoid"),  # along random directions no sum comes within rounding of a threshold
]


@pytest.mark.parametrize("block", [500, nnlib.scratch.BLOCK])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizes", [(2, 1), (2, 2, 1), (4, 5, 3), (2, 3, 3, 1)])
def test_the_surface_over_a_plane_is_the_loss_of_its_networks(sizes, kind, block, monkeypatch):
    monkeypatch.setattr("nnlib.fast_planes.BLOCK", block)
    rng = np.random.default_rng(0)
    a, b = np.linspace(-1, 1, 21), np.linspace(-2, 1, 17)
    for biases, n, scale in ((True, 5, 1), (False, 60, 1), (True, 60, 300)):
        network = Network(sizes, *kind, biases=biases)
        X, Y = scale * rng.normal(size=(n, sizes[0])), rng.uniform(size=(n, sizes[-1]))
        plane = random_plane(init_params(network, rng, scheme="normal"), rng)
        expected = mse(forward(network, plane.at(a, b[:, None]), X).O_out, Y)
        found = plane_surface(network, plane, X, Y, a, b)
        assert found.shape == (17, 21)
        assert (np.abs(found - expected) <= 1e-12 * np.maximum(1, expected)).all()


@pytest.mark.parametrize("biases", [False, True])
def test_random_directions_are_as_long_as_each_neuron_and_at_right_angles(biases):
    rng = np.random.default_rng(1)
    center = init_params(Network((3, 4, 4, 2), biases=biases), rng, scheme="normal")
    plane = random_plane(center, rng)
    for direction in (plane.u, plane.v):
        for layer in range(3):
            neurons = [
                np.vstack([p.weights[layer], *([p.biases[layer]] if biases else [])]) for p in (center, direction)
            ]
            lengths = [np.linalg.norm(columns, axis=0) for columns in neurons]
            assert lengths[1] == pytest.approx(lengths[0])
    assert plane.u.to_vector() @ plane.v.to_vector() == pytest.approx(0, abs=1e-12)


def test_a_path_in_a_plane_finds_it_and_falls_on_its_own_coordinates():
    rng = np.random.default_rng(2)
    center = init_params(Network((2, 3, 1)), rng)
    u, v = (center.from_vector(rng.normal(size=9)) for _ in range(2))
    steps = np.stack([np.linspace(1, 0, 30) ** 2, np.sin(np.linspace(3, 0, 30))], -1)
    path = Plane(center, u, v).at(steps[:, 0], steps[:, 1])
    found = trajectory_plane(path)
    assert sum(found.share) == pytest.approx(1)
    assert found.share[0] >= found.share[1]
    assert np.array_equal(found.center.to_vector(), path[-1].to_vector())
    where = found.coordinates(path)
    assert where.shape == (30, 2)
    assert found.at(where[:, 0], where[:, 1]).to_vector() == pytest.approx(path.to_vector())
    assert where[-1] == pytest.approx([0, 0])


def test_the_share_is_the_part_of_the_squared_distances_that_the_plane_keeps():
    rng = np.random.default_rng(3)
    path = init_params(Network((2, 3, 1)), rng, runs=(20,), scheme="normal")
    plane = trajectory_plane(path)
    where = plane.coordinates(path)
    total = ((path.to_vector() - path[-1].to_vector()) ** 2).sum()
    assert (where**2).sum(0) / total == pytest.approx(plane.share)


def test_coordinates_undo_at_even_on_a_skew_plane():
    rng = np.random.default_rng(4)
    center, u, v = (init_params(Network((2, 2, 1)), rng) for _ in range(3))
    plane = Plane(center, u, u + 0.2 * v)
    a, b = np.linspace(-1, 1, 4), np.linspace(2, 3, 4)
    assert plane.coordinates(plane.at(a, b)) == pytest.approx(np.stack([a, b], -1))


def test_planes_name_what_is_wrong():
    rng = np.random.default_rng(5)
    network = Network((2, 2, 1))
    center, u = init_params(network, rng), init_params(network, rng)
    with pytest.raises(ValueError, match="independent"):
        Plane(center, u, 2 * u)
    with pytest.raises(ValueError, match="same shapes"):
        Plane(center, u, init_params(Network((2, 3, 1)), rng))
    with pytest.raises(ValueError, match="single networks"):
        Plane(Params.stack([center]), u, u)
    with pytest.raises(ValueError, match="never moves"):
        trajectory_plane(Params.stack([center, center]))
    with pytest.raises(ValueError, match="leading axis"):
        trajectory_plane(center)
    with pytest.raises(ValueError, match="finite"):
        plane_surface(network, random_plane(center, rng), np.zeros((3, 2)), np.zeros((3, 1)), [np.inf], [0])


def test_a_random_plane_goes_through_one_network():
    rng = np.random.default_rng(3)
    for network, runs in ((Network((2, 3, 1)), (2,)), (Network((1, 1)), ())):
        with pytest.raises(ValueError, match="a plane goes through one network of at least two parameters"):
            random_plane(init_params(network, rng, runs), rng)
