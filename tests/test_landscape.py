"""The fast surfaces, fields and grids against the plain ones, which are forward passes and nothing else."""

import itertools
import threading
import tracemalloc
from unittest.mock import patch

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nnlib
from nnlib import Network, WeightRef, forward, init_params, loss_surface, loss_surface_plain, mse
from nnlib import fast_sigmoid as fs
from nnlib.scratch import Scratch, borrowed

KINDS = {
    "sigmoid": ("sigmoid", "sigmoid"),
    "tanh": ("tanh", "tanh"),
    "mixed": ("tanh", "sigmoid"),
    "stretched": (nnlib.sigmoid(3, 0.5), nnlib.sigmoid(2, -1.0)),
    "relu": ("relu", "identity"),
    "leaky": ("leaky_relu", "softplus"),
    "softplus": ("softplus", "sigmoid"),
}
A, B = np.linspace(-4, 4, 7), np.linspace(-3, 5, 5)


def problem(sizes, kind="sigmoid", biases=False, n=12, seed=0, scale=1.0, dtype=np.float64, classes=False):
    """Return the first arguments of most functions; with `classes` every target is an end of the output's range."""
    rng = np.random.default_rng(seed)
    network = Network(sizes, *KINDS.get(kind, (kind, kind)), biases=biases)
    params = init_params(network, rng, scheme="normal").map(lambda a: a.astype(dtype))
    X, Y = rng.normal(size=(n, sizes[0])) * scale, rng.uniform(size=(n, sizes[-1]))
    if classes:
        Y = np.where(Y < 0.4, -1.0 if network.output.name == "tanh" else 0.0, 1.0)
    return network, params, X.astype(dtype), Y.astype(dtype)


def close(fast, plain, tolerance=1e-12):
    assert fast.shape == plain.shape
    assert fast.dtype == plain.dtype
    assert (np.abs(fast - plain) <= tolerance * np.maximum(1, np.abs(plain))).all()


@pytest.mark.parametrize("classes", [True, False])
@pytest.mark.parametrize("n", [4, 40])
@pytest.mark.parametrize("sizes", [(2, 2, 1), (2, 3, 1), (4, 2, 3), (2, 1)])
def test_every_pair_of_weights_gives_the_plain_surface(sizes, n, classes):
    network, params, X, Y = problem(sizes, biases=True, n=n, classes=classes)
    for first, second in itertools.permutations(network.refs(), 2):
        arguments = network, params, X, Y, first, second, A, B
        close(loss_surface(*arguments), loss_surface_plain(*arguments))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizes", [(2, 3, 3, 1), (3, 2, 2, 2, 2), (2, 8, 8, 1)])
def test_deep_nets_of_every_activation_give_the_plain_surface(sizes, kind):
    rng = np.random.default_rng(3)
    for biases, n in ((False, 5), (True, 45)):
        network, params, X, Y = problem(sizes, kind, biases, n)
        pairs = list(itertools.permutations(network.refs(), 2))
        for place in rng.permutation(len(pairs))[:30]:
            for grid in ((A, B), (3 * rng.normal(size=6), 3 * rng.normal(size=9))):
                arguments = network, params, X, Y, *pairs[place], *grid
                close(loss_surface(*arguments), loss_surface_plain(*arguments))


@settings(max_examples=100, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 4), min_size=2, max_size=5),
    kind=st.sampled_from([*KINDS, "step"]),
    biases=st.booleans(),
    n=st.sampled_from([1, 3, 31, 32, 70]),
    scale=st.sampled_from([1e-3, 1.0, 200.0, 1e6]),
    lengths=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    even=st.booleans(),
    block=st.sampled_from([500, nnlib.scratch.BLOCK]),
    classes=st.booleans(),
    quick_exp=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_net_gives_the_plain_surface(sizes, kind, biases, n, scale, lengths, even, block, classes, quick_exp, seed):
    network, params, X, Y = problem(tuple(sizes), kind, biases, n, seed, scale, classes=classes)
    refs = network.refs()
    if len(refs) < 2:
        return
    rng = np.random.default_rng(seed)
    first, second = (refs[i] for i in rng.permutation(len(refs))[:2])
    a, b = np.linspace(-3, 2, lengths[0]), np.linspace(-2, 3, lengths[1]) if even else rng.normal(size=lengths[1])
    arguments = network, params, X, Y, first, second, a, b
    with patch("nnlib.fast_surface.BLOCK", block), patch("nnlib.fast_surface.exp_is_vectorised", lambda: quick_exp):
        fast = loss_surface(*arguments)
    close(fast, loss_surface_plain(*arguments), 1e-11 if scale > 1e3 else 1e-12)


@pytest.mark.parametrize("sizes", [(2, 3, 1), (2, 8, 8, 1), (4, 5, 3)])
def test_large_grids_with_tables_and_long_loops_agree_too(sizes):
    network, params, X, Y = problem(sizes, n=200, biases=True)
    last = network.n_layers - 1
    pairs = [
        (WeightRef(last, 0, 0), WeightRef(last, 1, 0)),
        (WeightRef(0, 0, 0), WeightRef(0, 1, 0)),
        (WeightRef(0, 0, 0), WeightRef(0, 1, 1)),
        (WeightRef(0, 0, 0), WeightRef(1, 0, 0)),
        (WeightRef(last, None, 0), WeightRef(0, 0, 1)),
        (WeightRef(0, 0, 0), WeightRef(last, None, 0)),
    ]
    for first, second in pairs:
        arguments = network, params, X, Y, first, second, np.linspace(-6, 6, 23), np.linspace(-6, 6, 101)
        close(loss_surface(*arguments), loss_surface_plain(*arguments))


def test_single_precision_stays_single_and_close():
    for n in (4, 60):
        network, params, X, Y = problem((2, 3, 1), n=n, dtype=np.float32)
        for first, second in itertools.permutations(network.refs(), 2):
            arguments = network, params, X, Y, first, second, A, B
            close(loss_surface(*arguments), loss_surface_plain(*arguments), 1e-6)


@pytest.mark.parametrize("quick_exp", [False, True])
@pytest.mark.parametrize("sizes", [(2, 4, 1), (2, 3, 3, 2)])
def test_processors_with_and_without_a_quick_exp_agree(sizes, quick_exp, monkeypatch):
    for module in (fs, nnlib.fast_surface):
        monkeypatch.setattr(module, "exp_is_vectorised", lambda: quick_exp)
    monkeypatch.setattr(fs, "WORTHWHILE", 1)
    rng = np.random.default_rng(0)
    network, params, X, Y = problem(sizes, biases=True, n=30)
    for first, second in itertools.islice(itertools.permutations(network.refs(), 2), 0, None, 7):
        arguments = network, params, X, Y, first, second, A, B
        close(loss_surface(*arguments), loss_surface_plain(*arguments))
    plane = nnlib.random_plane(params, rng)
    expected = mse(forward(network, plane.at(A, B[:, None]), X).O_out, Y)
    close(nnlib.plane_surface(network, plane, X, Y, A, B), expected)
    points = np.stack(np.meshgrid(A, B), -1)
    grid = nnlib.decision_grid(network, params, A, B)
    close(grid, np.moveaxis(forward(network, params, points.reshape(-1, 2)).O_out.reshape(5, 7, -1), -1, 0))
    for runs in ((), (3,), (40,)):
        starts = init_params(network, rng, runs=runs)
        one, other = (go(network, starts, X, Y, nnlib.Adam(0.1), 20) for go in (nnlib.descend, nnlib.descend_plain))
        close(one.params.to_vector(), other.params.to_vector(), 1e-10)


@pytest.mark.parametrize("kind", [("step", "step"), ("step", "sigmoid"), ("sigmoid", "step")])
def test_terraces_are_the_plain_ones_bit_for_bit(kind):
    rng = np.random.default_rng(1)
    network = Network((2, 3, 1), *kind, biases=True)
    params = init_params(network, rng, scheme="normal")
    X, Y = np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]]), np.array([[0], [1], [1], [0.0]])
    for first, second in itertools.permutations(network.refs(), 2):
        arguments = network, params, X, Y, first, second, np.linspace(-2, 2, 21), np.linspace(-2, 2, 21)
        fast = loss_surface(*arguments)
        assert np.array_equal(fast, loss_surface_plain(*arguments))
    assert nnlib.plateaus(fast).levels < 100


@pytest.mark.parametrize("room", [None, 300])
@pytest.mark.parametrize(
    "kind", [("step", "step"), ("step", "sigmoid"), ("sigmoid", "step"), (nnlib.step(0.3), "relu")]
)
@pytest.mark.parametrize("sizes", [(2, 3), (4, 2, 3), (2, 3, 3, 1), (3, 2, 2, 2, 2)])
def test_terraces_of_any_net_and_any_pair_are_the_plain_ones_bit_for_bit(sizes, kind, room, monkeypatch):
    if room:
        monkeypatch.setattr(nnlib.fast_terraces, "ROOM", room)  # many blocks of a few points of the grid
    for dtype, biases, n in ((np.float64, True, 23), (np.float32, False, 40)):
        network, params, X, Y = problem(sizes, "step", biases, n, seed=n, dtype=dtype)
        network = Network(sizes, kind[0], "step" if len(sizes) == 2 else kind[1], biases)
        a, b = np.linspace(-2, 2, 12), np.linspace(-3, 1, 9)
        pairs = list(itertools.permutations(network.refs(), 2))
        for first, second in pairs[:: -(-len(pairs) // 20)]:
            arguments = network, params, X, Y, first, second, a, b
            fast, plain = loss_surface(*arguments), loss_surface_plain(*arguments)
            assert fast.dtype == plain.dtype
            assert np.array_equal(fast, plain)


def test_rows_are_the_second_weight_and_columns_the_first():
    network, params, X, Y = problem((2, 2, 1))
    first, second = WeightRef(1, 1, 0), WeightRef(0, 1, 0)
    surface = loss_surface(network, params, X, Y, first, second, A, B)
    for row, column in ((0, 0), (4, 1), (2, 6)):
        here = params.replace(first, A[column]).replace(second, B[row])
        assert surface[row, column] == pytest.approx(float(mse(forward(network, here, X).O_out, Y)), abs=1e-14)


def test_the_surface_at_the_current_weights_is_the_current_loss():
    network, params, X, Y = problem((4, 5, 3), n=150)
    first, second = WeightRef(0, 1, 2), WeightRef(1, 3, 1)
    here = loss_surface(network, params, X, Y, first, second, [params.get(first)], [params.get(second)])
    assert here.shape == (1, 1)
    assert here[0, 0] == pytest.approx(float(mse(forward(network, params, X).O_out, Y)), abs=1e-14)


@pytest.mark.parametrize("kind", ["sigmoid", "tanh", "softplus"])
@pytest.mark.parametrize("size", [40.0, 800.0, 1e9, 1e13, 1e160])
def test_huge_weights_overflow_in_silence_and_to_the_right_value(size, kind):
    if kind == "softplus" and size > 1e100:
        size = 1e13
    network, params, X, Y = problem((2, 2, 1), kind, n=40)
    grid = np.array([-size, 0.0, 1.0, size])
    for first, second in itertools.permutations(network.refs(), 2):
        arguments = network, params, X, Y, first, second, grid, grid
        fast, plain = loss_surface(*arguments), loss_surface_plain(*arguments)
        assert np.isfinite(fast).all()
        close(fast, plain)


def test_an_independent_autodiff_library_sees_the_same_surface_and_gradient():
    network, params, X, Y = problem((3, 4, 2), n=9, biases=True)
    first, second = WeightRef(0, 2, 1), WeightRef(1, None, 0)

    def loss(a, b):
        (W1, W2), (b1, b2) = params.weights, params.biases
        mark = np.zeros(W1.shape)
        mark[2, 1] = 1
        W1 = W1 * (1 - mark) + a * mark
        b2 = b2 * np.array([0, 1.0]) + b * np.array([1.0, 0])
        hidden = 1 / (1 + anp.exp(-(anp.dot(X, W1) + b1)))
        outputs = 1 / (1 + anp.exp(-(anp.dot(hidden, W2) + b2)))
        return anp.sum((outputs - Y) ** 2) / (2 * Y.size)

    surface = loss_surface(network, params, X, Y, first, second, A, B)
    field = nnlib.gradient_field(network, params, X, Y, first, second, A, B)
    gradient = autograd.grad(loss, (0, 1))
    for row, column in itertools.product(range(len(B)), range(len(A))):
        assert surface[row, column] == pytest.approx(float(loss(A[column], B[row])), abs=1e-14)
        assert field[:, row, column] == pytest.approx([float(g) for g in gradient(A[column], B[row])], abs=1e-14)


def test_smooth_units_that_see_both_weights_of_many_samples_are_not_searched_for_terraces(monkeypatch):
    network, params, X, Y = problem((2, 3, 1), "sigmoid", biases=True, n=3000)
    network = Network((2, 3, 1), "sigmoid", "step", True)
    searched = []

    def terraces(grid):
        searched.append((grid.first, grid.second))
        return nnlib.fast_terraces.terraces(grid)

    monkeypatch.setattr(nnlib.landscape, "terraces", terraces)
    pairs = {
        (WeightRef(0, 0, 0), WeightRef(0, 1, 1)): False,
        (WeightRef(0, 0, 0), WeightRef(0, 1, 0)): True,
        (WeightRef(1, 0, 0), WeightRef(1, 1, 0)): True,
    }
    for pair in pairs:
        arguments = network, params, X, Y, *pair, A[:4], B[:3]
        assert np.array_equal(loss_surface(*arguments), loss_surface_plain(*arguments))
    assert searched == [pair for pair, wanted in pairs.items() if wanted]


@pytest.mark.parametrize("kind", [*KINDS, "step"])
@pytest.mark.parametrize("n", [4, 600])
def test_the_gradient_field_is_backpropagation_at_every_point(kind, n):
    network, params, X, Y = problem((2, 3, 2), kind, biases=True, n=n)
    first, second = WeightRef(1, 0, 1), WeightRef(0, None, 2)
    field = nnlib.gradient_field(network, params, X, Y, first, second, A, B)
    for row, column in itertools.product(range(len(B)), range(len(A))):
        here = params.replace(first, A[column]).replace(second, B[row])
        gradient = nnlib.backward(network, here, forward(network, here, X), Y).gradient
        assert field[:, row, column] == pytest.approx(np.array([gradient.get(first), gradient.get(second)]), abs=1e-12)


def test_surfaces_of_many_networks_are_the_surfaces_of_each():
    network, _, X, Y = problem((2, 2, 1), n=20)
    path = init_params(network, np.random.default_rng(5), runs=(2, 3))
    first, second = WeightRef(0, 0, 0), WeightRef(1, 0, 0)
    surfaces = nnlib.loss_surfaces(network, path, X, Y, first, second, A, B)
    assert surfaces.shape == (2, 3, 5, 7)
    for i, j in itertools.product(range(2), range(3)):
        assert np.array_equal(surfaces[i, j], loss_surface(network, path[i, j], X, Y, first, second, A, B))


@pytest.mark.parametrize("block", [500, nnlib.scratch.BLOCK])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizes", [(3, 1), (3, 4, 2), (3, 4, 4, 1)])
def test_decision_grids_are_forward_passes_over_two_inputs(sizes, kind, block, monkeypatch):
    monkeypatch.setattr("nnlib.fast_planes.BLOCK", block)
    network, _, _, _ = problem(sizes, kind, biases=True)
    path = init_params(network, np.random.default_rng(5), runs=(3,), scheme="normal")
    rest = np.array([0.3, -0.7, 9.0])
    a, b = np.linspace(-1, 2, 41), np.linspace(-3, 1, 60)
    grids = nnlib.decision_grid(network, path, a, b, first=2, second=0, rest=rest)
    points = np.tile(rest, (len(b), len(a), 1))
    points[..., 2], points[..., 0] = a, b[:, None]
    outputs = forward(network, path, points.reshape(-1, 3)).O_out
    close(grids, np.moveaxis(outputs, -1, 1).reshape(3, sizes[-1], 60, 41))
    assert nnlib.decision_grid(network, path[0], a, b).shape == (sizes[-1], 60, 41)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"first": 0, "second": 0}, "two of 0 to 1"),
        ({"second": 2}, "two of 0 to 1"),
        ({"first": 0.5}, "two of 0 to 1, got 0.5"),
        ({"params": init_params(Network((2, 2, 1)), np.random.default_rng(0), runs=(0,))}, "at least one network"),
        ({"rest": np.zeros(3)}, "2 fixed inputs"),
        ({"first_values": np.array([np.nan])}, "finite"),
    ],
)
def test_decision_grids_name_what_is_wrong(change, message):
    network, params, _, _ = problem((2, 2, 1))
    with pytest.raises(ValueError, match=message):
        nnlib.decision_grid(network, **{"params": params, "first_values": A, "second_values": B, **change})


def stairs(z):
    return np.floor(np.clip(z, -1, 1))


def test_an_activation_of_ones_own_is_told_by_what_it_is_and_not_by_its_name():
    three = nnlib.Activation("step", stairs, lambda _, a: 0 * a, "", levels=(-1.0, 0.0, 1.0))
    cube = nnlib.Activation("softplus", lambda z: z**3, lambda z, _: 3 * z * z, "")
    for kind in ((three, "sigmoid"), (three, three), (cube, "step"), (cube, "identity")):
        KINDS["own"] = kind
        try:
            network, params, X, Y = problem((2, 3, 1), "own", biases=True)
        finally:
            del KINDS["own"]
        X, Y = np.round(2 * X) / 2, np.round(Y)  # many sums at a threshold
        params = params.map(lambda a: np.round(2 * a) / 2)
        for first, second in itertools.permutations(network.refs(), 2):
            arguments = network, params, X, Y, first, second, A, B
            fast, plain = loss_surface(*arguments), loss_surface_plain(*arguments)
            close(fast, plain)
            assert np.array_equal(fast, plain) or kind == (cube, "identity")


def test_what_an_activation_of_ones_own_hands_out_is_not_written_to():
    kept = []

    def f(z):
        kept.append(np.maximum(z, 0))
        kept[-1].flags.writeable = False
        return kept[-1]

    own = nnlib.Activation("own", f, lambda z, _: (z > 0) * 1.0, "")
    rng = np.random.default_rng(0)
    for output in (own, "identity"):
        network, X, Y = Network((2, 3, 1), own, output), rng.normal(size=(9, 2)), rng.normal(size=(9, 1))
        params = init_params(network, rng)
        first, second = network.refs()[:2]
        close(*(go(network, params, X, Y, first, second, A, B) for go in (loss_surface, loss_surface_plain)))
        plane = nnlib.random_plane(params, rng)
        close(
            nnlib.plane_surface(network, plane, X, Y, A, B),
            mse(forward(network, plane.at(A, B[:, None]), X).O_out, Y),
        )
        path = nnlib.descend(network, params, X, Y, nnlib.GradientDescent(0.1), 5)
        close(path.loss, nnlib.descend_plain(network, params, X, Y, nnlib.GradientDescent(0.1), 5).loss)


def test_surfaces_name_what_is_wrong():
    network, params, X, Y = problem((2, 2, 1))
    first, second = WeightRef(0, 0, 0), WeightRef(1, 0, 0)
    for function in (loss_surface, loss_surface_plain, nnlib.gradient_field):
        for arguments, message in [
            ((params, X, Y, first, first, A, B), "must differ"),
            ((params, X, Y, first, WeightRef(1, None, 0), A, B), "no biases"),
            ((params, X, Y, first, second, [np.nan], B), r"grid values of W1\[1,1\]"),
            ((params, X, Y, first, second, A, []), r"grid values of W2\[1,1\]"),
            ((params, X * np.inf, Y, first, second, A, B), "X must be finite"),
            ((nnlib.Params.stack([params]), X, Y, first, second, A, B), "one network"),
            ((params * np.inf, X, Y, first, second, A, B), "parameters must be finite"),
            ((params, X, Y, "W1[1,1]", second, A, B), "no WeightRef: make one with"),
        ]:
            with pytest.raises(ValueError, match=message):
                function(network, *arguments)


def test_nothing_given_is_changed_and_read_only_arrays_are_welcome():
    for kind, n in (("sigmoid", 4), ("tanh", 50), ("relu", 50)):
        network, params, X, Y = problem((2, 3, 1), kind, biases=True, n=n)
        grid = np.linspace(-1, 1, 9)
        given = (X, Y, grid)
        for array in given:
            array.flags.writeable = False
        before = params.to_vector()
        for first, second in itertools.permutations(network.refs()[:10], 2):
            loss_surface(network, params, X, Y, first, second, grid, grid)
        assert np.array_equal(params.to_vector(), before)


@pytest.mark.parametrize(("n", "length"), [(200, 301), (20000, 101), (4, 801)])
def test_memory_stays_bounded_however_large_the_grid_or_the_data(n, length):
    network, params, X, Y = problem((2, 8, 8, 1), n=n)
    grid = np.linspace(-2, 2, length)
    tracemalloc.start()
    surface = loss_surface(network, params, X, Y, WeightRef(0, 0, 0), WeightRef(1, 0, 0), grid, grid)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 * 2**20 + 4 * surface.nbytes


def test_memory_stays_bounded_before_a_step_and_for_gradients_too():
    network, params, X, Y = problem((2, 4, 1), n=5000)
    network = Network((2, 4, 1), "sigmoid", "step")
    first, second, grid = WeightRef(0, 0, 0), WeightRef(0, 1, 1), np.linspace(-2, 2, 301)
    small, deep = problem((2, 8, 8, 1), n=4), WeightRef(1, 2, 2)
    for call in (
        lambda: loss_surface(network, params, X, Y, first, second, grid, grid[:2]),
        lambda: nnlib.gradient_field(*small, first, deep, grid, grid),
    ):
        tracemalloc.start()
        result = call()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 50 * 2**20 + 4 * result.nbytes


def test_threads_do_not_share_scratch_memory():
    network, params, X, Y = problem((2, 8, 1), n=100)
    grid = np.linspace(-2, 2, 60)
    refs = network.refs()[:6]
    expected = [loss_surface(network, params, X, Y, ref, refs[-1], grid, grid) for ref in refs[:-1]]
    wrong = []

    def work(place):
        for _ in range(5):
            surface = loss_surface(network, params, X, Y, refs[place], refs[-1], grid, grid)
            if not np.array_equal(surface, expected[place]):
                wrong.append(place)

    threads = [threading.Thread(target=work, args=(place,)) for place in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_two_borrowers_never_get_the_same_scratch():
    with borrowed() as one, borrowed() as two:
        assert one is not two
        first = one.take("x", (3,), np.dtype(float))
        first[:] = 1
        two.take("x", (3,), np.dtype(float))[:] = 2
        assert (first == 1).all()


@pytest.mark.parametrize("sigmoid", [fs.BY_EXP, fs.BY_TABLE])
def test_both_ways_to_the_sigmoid_are_accurate(sigmoid):
    z = np.concatenate([np.linspace(-45, 45, 400_001), [-1e11, 1e11, -700, 700, 0.0, -0.0, 1e-300]])
    w = z * sigmoid.scale
    z = w.astype(np.longdouble) / np.longdouble(sigmoid.scale)
    with np.errstate(all="ignore"):
        exact = 1 / (1 + np.exp(-z))
        result = sigmoid(w, Scratch())
    assert np.abs(result - exact).max() < 2e-15
    inside = np.abs(z) < 39
    assert (np.abs(result - exact)[inside] / exact[inside]).max() < 1e-14


def test_the_table_gives_way_to_exp_where_it_cannot_serve():
    double = np.dtype(np.float64)
    assert fs.fastest_sigmoid(10, double, 1.0) is fs.BY_EXP
    assert fs.fastest_sigmoid(10**6, double, np.inf) is fs.BY_EXP
    assert fs.fastest_sigmoid(10**6, double, np.nan) is fs.BY_EXP
    assert fs.fastest_sigmoid(10**6, np.dtype(np.float32), 1.0) is fs.BY_EXP


def test_plateaus_counts_levels_and_changes():
    found = nnlib.plateaus(np.array([[0, 0, 1], [0, 0, 1.0]]))
    assert (found.levels, found.changing_share) == (2, 2 / 7)
    for bad in (np.zeros(4), np.zeros((1, 1))):
        with pytest.raises(ValueError, match="two axes"):
            nnlib.plateaus(bad)
