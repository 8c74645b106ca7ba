"""The fast descent against the plain loop, and the promises of both."""

import itertools
import tracemalloc

import autograd
import autograd.numpy as anp
import numpy as np
import pytest

import nnlib
from nnlib import OPTIMIZERS, Adam, GradientDescent, Momentum, Network, WeightRef, descend, descend_plain, init_params
from nnlib import descent as descent_module
from nnlib.plain_steps import PlainSteps

KINDS = {
    "sigmoid": ("sigmoid", "sigmoid"),
    "tanh": ("tanh", "tanh"),
    "stretched": (nnlib.sigmoid(3, 0.5), nnlib.sigmoid(2, -1.0)),
    "relu": ("relu", "identity"),
    "softplus": ("softplus", "leaky_relu"),
    "step": ("step", "sigmoid"),
}


def problem(sizes=(2, 3, 1), kind="sigmoid", biases=True, runs=(), n=4, seed=0):
    rng = np.random.default_rng(seed)
    network = Network(sizes, *KINDS[kind], biases=biases)
    params = init_params(network, rng, runs=runs, scheme="normal")
    return network, params, rng.normal(size=(n, sizes[0])), rng.uniform(size=(n, sizes[-1]))


def same(fast, plain, tolerance=1e-10):
    for a, b in ((fast.params.to_vector(), plain.params.to_vector()), (fast.loss, plain.loss)):
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        assert (np.abs(a - b) <= tolerance * np.maximum(1, np.abs(b))).all()
    assert np.array_equal(fast.diverged_at, plain.diverged_at)
    assert fast.n_steps == plain.n_steps


def identical(one, other):
    assert np.array_equal(one.params.to_vector(), other.params.to_vector())
    assert np.array_equal(one.loss, other.loss)
    assert np.array_equal(one.diverged_at, other.diverged_at)


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values())
@pytest.mark.parametrize("kind", KINDS)
def test_the_fast_descent_takes_the_plain_path(kind, optimizer):
    for sizes, runs, n, batch in (
        ((2, 2, 1), (), 4, None),
        ((2, 3, 1), (5,), 40, None),
        ((4, 3, 2), (2, 3, 2), 6, 4),
        ((2, 3, 3, 1), (9,), 300, None),
        ((2, 1), (), 300, 7),
    ):
        network, params, X, Y = problem(sizes, kind, True, runs, n)
        lr = 0.02 * np.arange(1, 1 + int(np.prod(runs))).reshape(runs) if runs else 0.05
        options = {"batch_size": batch}
        fast = descend(network, params, X, Y, optimizer(lr), 12, rng=np.random.default_rng(1), **options)
        plain = descend_plain(network, params, X, Y, optimizer(lr), 12, rng=np.random.default_rng(1), **options)
        # RMSProp divides a tiny gradient by its tiny size: rounding is magnified, in both.
        same(fast, plain, 1e-6 if optimizer is nnlib.RMSProp else 1e-10)


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values())
@pytest.mark.parametrize("n", [4, 500])
def test_runs_at_once_are_the_runs_one_by_one(n, optimizer):
    network, params, X, Y = problem(runs=(3, 4), n=n)
    lr = np.linspace(0.05, 0.6, 12).reshape(3, 4)
    together = descend(network, params, X, Y, optimizer(lr), 40)
    assert together.loss.shape == (41, 3, 4)
    for i, j in itertools.product(range(3), range(4)):
        alone = descend(network, params[i, j], X, Y, optimizer(float(lr[i, j])), 40)
        apart = np.abs(together.params.to_vector()[:, i, j] - alone.params.to_vector()).max()
        assert apart < (1e-6 if optimizer is nnlib.RMSProp else 1e-10)


@pytest.mark.parametrize("batch", [None, 3])
@pytest.mark.parametrize("runs", [(), (3,), (20,)])
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values())
def test_a_descent_in_pieces_is_the_descent_in_one_go_bit_for_bit(optimizer, runs, batch):
    network, params, X, Y = problem(runs=runs, n=10)

    def go(steps, rng, resume=None, every=1):
        return descend(
            network, params, X, Y, optimizer(0.1), steps,
            batch_size=batch, rng=rng, resume=resume, record_every=every,
        )  # fmt: skip

    whole = go(600, np.random.default_rng(2))
    rng = np.random.default_rng(2)
    path = None
    for steps in (0, 1, 299, 300):
        path = go(steps, rng, path)
    identical(path, whole)
    thin = go(600, np.random.default_rng(2), every=100)
    assert thin.n_steps == 600
    assert np.array_equal(thin.params.to_vector(), whole.params.to_vector()[::100])
    assert np.array_equal(thin.loss, whole.loss[::100])
    rng = np.random.default_rng(2)
    identical(go(200, rng, go(400, rng, every=100), every=100), thin)


def test_the_path_is_that_of_an_independent_autodiff_library():
    network, params, X, Y = problem((3, 4, 2), n=8)

    def loss(parts):
        W1, b1, W2, b2 = parts
        hidden = 1 / (1 + anp.exp(-(anp.dot(X, W1) + b1)))
        return anp.sum((1 / (1 + anp.exp(-(anp.dot(hidden, W2) + b2))) - Y) ** 2) / (2 * Y.size)

    gradient = autograd.grad(loss)
    parts = [params.weights[0], params.biases[0], params.weights[1], params.biases[1]]
    path = descend(network, params, X, Y, GradientDescent(0.7), 50)
    for step in range(51):
        here = path.params[step]
        for mine, theirs in zip([here.weights[0], here.biases[0], here.weights[1], here.biases[1]], parts, strict=True):
            assert mine == pytest.approx(theirs, abs=1e-12)
        assert path.loss[step] == pytest.approx(float(loss(parts)), abs=1e-14)
        parts = [p - 0.7 * g for p, g in zip(parts, gradient(parts), strict=True)]


@pytest.mark.parametrize("go", [descend, descend_plain])
@pytest.mark.parametrize("runs", [(), (12,)])
def test_a_run_that_diverges_stands_still_and_the_others_go_on(go, runs):
    network, params, X, Y = problem((2, 3, 1), "relu", runs=runs, n=10, seed=3)
    lr = np.geomspace(0.01, 1e3, 12) if runs else 1e3
    path = go(network, params, X, Y, GradientDescent(lr), 400)
    assert np.isfinite(path.loss).all()
    assert np.isfinite(path.params.to_vector()).all()
    assert path.diverged_at.shape == runs
    assert path.diverged_at.flat[-1] > 0
    vectors = path.params.to_vector().reshape(401, -1, 13)
    losses = path.loss.reshape(401, -1)
    for run, step in enumerate(path.diverged_at.flat):
        if step > 0:
            assert (vectors[step:, run] == vectors[step - 1, run]).all()
            assert (losses[step:, run] == losses[step - 1, run]).all()
            assert (vectors[step - 1, run] != vectors[step - 2, run]).any()
    if runs:
        assert path.diverged_at[0] == -1
        assert (path.params[400].to_vector()[0] != path.params[399].to_vector()[0]).any()
    again = go(network, params, X, Y, GradientDescent(lr), 100)
    identical(go(network, params, X, Y, GradientDescent(lr), 300, resume=again), path)


def test_fast_and_plain_agree_on_when_each_run_diverged():
    network, params, X, Y = problem((2, 3, 1), "relu", runs=(30,), n=10, seed=3)
    optimizer = GradientDescent(np.geomspace(0.1, 1e4, 30))
    fast, plain = (go(network, params, X, Y, optimizer, 300) for go in (descend, descend_plain))
    assert np.array_equal(fast.diverged_at, plain.diverged_at)
    assert (fast.diverged_at > 0).any()


@pytest.mark.parametrize("lr", [1e6, 1e13, 1e200])
@pytest.mark.parametrize("n", [4, 3000])
def test_absurd_rates_are_silent_and_saturate_as_the_plain_loop_does(lr, n):
    network, params, X, Y = problem((2, 3, 1), n=n)
    fast = descend(network, params, X, Y, GradientDescent(lr), 5)
    plain = descend_plain(network, params, X, Y, GradientDescent(lr), 5)
    assert np.isfinite(fast.loss).all()
    assert fast.loss[:2] == pytest.approx(plain.loss[:2], abs=1e-9)


def test_only_the_trainable_move():
    for runs in ((), (2,), (20,)):
        network, params, X, Y = problem(runs=runs)
        chosen = (WeightRef(0, 1, 2), WeightRef(1, None, 0))
        path = descend(network, params, X, Y, Adam(0.1), 20, trainable=chosen)
        moved = (path.params.to_vector() != path.start.to_vector()).reshape(21, -1, 13).any((0, 1))
        assert {ref for ref, has in zip(network.refs(), moved, strict=True) if has} == set(chosen)
    still = descend(network, params, X, Y, Momentum(0.1), 3, trainable=())
    assert (still.params.to_vector() == still.start.to_vector()).all()


def test_no_steps_give_the_start_and_its_loss():
    for runs in ((), (2,), (20,)):
        network, params, X, Y = problem(runs=runs)
        path = descend(network, params, X, Y, GradientDescent(0.1), 0)
        assert path.n_steps == 0
        assert path.loss.shape == (1, *runs)
        assert np.array_equal(path.end.to_vector(), params.to_vector())
        assert path.loss[0] == pytest.approx(nnlib.mse(nnlib.forward(network, params, X).O_out, Y))


def test_single_precision_stays_single():
    for runs in ((), (2,), (20,)):
        network, params, X, Y = problem(runs=runs)
        params = params.map(lambda a: a.astype(np.float32))
        X, Y = X.astype(np.float32), Y.astype(np.float32)
        fast, plain = (go(network, params, X, Y, Adam(0.1), 20) for go in (descend, descend_plain))
        assert fast.loss.dtype == np.float32
        same(fast, plain, 1e-3)
        rates = GradientDescent(np.full(runs, 0.5))
        fast, plain = (go(network, params, X, Y, rates, 20) for go in (descend, descend_plain))
        assert fast.loss.dtype == fast.params.weights[0].dtype == np.float32
        same(fast, plain, 1e-3)


def test_an_optimizer_of_ones_own_takes_the_plain_loop():
    class Sign:
        lr = 0.01

        def init(self, params):
            return (0 * params,)

        def step(self, params, gradient, memory):
            return params - self.lr * gradient.map(np.sign), memory

    network, params, X, Y = problem()
    path = descend(network, params, X, Y, Sign(), 5)
    assert np.abs(np.diff(path.params.to_vector(), axis=0)) == pytest.approx(0.01)
    losses = [nnlib.mse(nnlib.forward(network, path.params[i], X).O_out, Y) for i in range(6)]
    assert path.loss == pytest.approx(losses)


def test_the_plain_loop_needs_no_more_memory_for_many_samples_and_steps():
    network, params, X, Y = problem(n=5000)
    tracemalloc.start()
    path = descend_plain(network, params, X, Y, GradientDescent(0.1), 100)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * 2**20 + 4 * path.params.to_vector().nbytes  # all 101 passes at once would take 32 MB


def test_nothing_given_is_changed_and_read_only_data_is_welcome():
    for runs in ((), (20,)):
        network, params, X, Y = problem(runs=runs)
        X.flags.writeable = Y.flags.writeable = False
        before = params.to_vector()
        path = descend(network, params, X, Y, Adam(0.1), 5)
        kept = path.params.to_vector()
        descend(network, params, X, Y, Adam(0.1), 5, resume=path)
        assert np.array_equal(params.to_vector(), before)
        assert np.array_equal(path.params.to_vector(), kept)


def test_a_record_beyond_the_limit_is_refused_before_it_is_made(monkeypatch):
    network, params, X, Y = problem(runs=(4096,))
    with pytest.raises(ValueError, match="MiB, more than 1024: take fewer steps or runs, or record every k-th"):
        descend(network, params, X, Y, GradientDescent(0.1), 10**6)
    monkeypatch.setattr(descent_module, "RECORD_LIMIT", 10_000)
    network, params, X, Y = problem()
    with pytest.raises(ValueError, match="record"):
        descend(network, params, X, Y, GradientDescent(0.1), 100)
    assert descend(network, params, X, Y, GradientDescent(0.1), 100, record_every=10).n_steps == 100
    single = params.map(lambda a: a.astype(np.float32))
    monkeypatch.setattr(descent_module, "RECORD_LIMIT", 101 * 14 * 4)
    descend(network, single, X.astype(np.float32), Y.astype(np.float32), GradientDescent(0.1), 100)
    with pytest.raises(ValueError, match="record"):  # the record of single weights on double data is a double one
        descend(network, single, X, Y, GradientDescent(0.1), 100)


@pytest.mark.parametrize("go", [descend, descend_plain])
def test_descents_name_what_is_wrong(go):
    network, params, X, Y = problem()
    optimizer = GradientDescent(0.1)
    path = go(network, params, X, Y, optimizer, 2)
    many = init_params(network, np.random.default_rng(0), runs=(3,))
    nobody = init_params(network, np.random.default_rng(0), runs=(0,))
    for arguments, options, message in [
        ((params, X, Y, optimizer, -1), {}, "must not be negative"),
        ((params * np.inf, X, Y, optimizer, 1), {}, "start must be finite"),
        ((params, X * np.nan, Y, optimizer, 1), {}, "X must be finite"),
        ((params, X, Y[:2], optimizer, 1), {}, "samples"),
        ((params, X, Y, optimizer, 1), {"trainable": [WeightRef(5, 0, 0)]}, "no W6"),
        ((params, X, Y, optimizer, 1), {"batch_size": 2}, "need an rng"),
        ((params, X, Y, optimizer, 1), {"batch_size": 2, "rng": 5}, "rng must be a numpy Generator"),
        ((params, X, Y, optimizer, 1), {"resume": "before"}, "resume must be the Trajectory"),
        ((params, X, Y, optimizer, 1), {"trainable": ["W1[1,1]"]}, "no WeightRef"),
        ((nobody, X, Y, optimizer, 1), {}, "at least one run"),
        ((params, X, Y, optimizer, 1), {"batch_size": 9, "rng": np.random.default_rng(0)}, "from 1 to"),
        ((params, X, Y, optimizer, 5), {"record_every": 2}, "must divide the 5 steps"),
        ((params, X, Y, optimizer, 4), {"record_every": 0}, "must divide the 4 steps"),
        ((params, X, Y, optimizer, 4), {"resume": path, "record_every": 2}, "keeps every 1 steps"),
        ((params * 2, X, Y, optimizer, 1), {"resume": path}, "other parameters"),
        ((params, X, Y, Adam(0.1), 1), {"resume": path}, "another optimizer: GradientDescent, not Adam"),
        ((params, X[:3], Y[:3], optimizer, 1), {"resume": path}, "another number of samples: 4, not 3"),
        ((params, X, Y, optimizer, 1), {"resume": path, "trainable": [WeightRef(0, 0, 0)]}, "all, not W1"),
        ((params, X, Y, optimizer, 1), {"trainable": WeightRef(0, 0, 0)}, "must be a list of weights"),
        ((params, X, Y, "adam", 1), {}, "is no optimizer: make one of gradient descent, momentum"),
        ((params, X, Y, optimizer, 1.5), {}, "n_steps must be a whole number, got 1.5"),
        ((params, X, Y, optimizer, "3"), {}, "n_steps must be a whole number"),
        ((params, X, Y, optimizer, True), {}, "n_steps must be a whole number"),
        ((params, X, Y, optimizer, 1), {"batch_size": 1.5, "rng": np.random.default_rng(0)}, "from 1 to"),
        ((many, X, Y, GradientDescent(np.ones(4)), 1), {}, r"rates of shape \(4,\) do not fit runs of shape \(3,\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            go(network, *arguments, **options)


@pytest.mark.parametrize("go", [descend, descend_plain])
def test_a_start_of_infinite_loss_is_refused(go):
    network, params, X, Y = problem(kind="relu")
    with pytest.raises(ValueError, match="the loss at the start is not finite"):
        go(network, params.map(lambda a: np.full_like(a, 1e200)), X, Y, GradientDescent(0.1), 1)


def test_the_learning_rate_may_change_between_two_pieces():
    network, params, X, Y = problem()
    path = descend(network, params, X, Y, GradientDescent(0.1), 2)
    assert descend(network, params, X, Y, GradientDescent(0.2), 2, resume=path).n_steps == 4


def test_other_kinds_of_wrong_arguments_are_named():
    network = problem()[0]
    rng = np.random.default_rng(0)
    for call, message in [
        (lambda: Adam("x"), "learning rate must be a number"),
        (lambda: GradientDescent(None), "learning rate must be a number"),
        (lambda: init_params(network, 6), "rng must be a numpy Generator"),
        (lambda: init_params(network, rng, runs=3), "runs must be a tuple"),
        (lambda: init_params(network, rng, scheme=["x"]), "known: xavier"),
        (lambda: Network(5), "at least two whole numbers"),
        (lambda: nnlib.get_activation(["a"]), "known: step"),
        (lambda: WeightRef.parse(3), "3 names no weight"),
        (lambda: nnlib.load_dataset("xor", noise="a"), "noise must be finite"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()


def test_most_seeds_learn_the_flowers():
    flowers = nnlib.load_dataset("iris").standardized()
    network = Network((4, 2, 3))
    starts = nnlib.Params.stack([init_params(network, np.random.default_rng(seed)) for seed in range(100)])
    path = descend(network, starts, flowers.X, flowers.Y, GradientDescent(10.0), 1000, record_every=1000)
    right = nnlib.accuracy(nnlib.forward(network, path.end, flowers.X).O_out, flowers.Y)
    assert (right >= 0.95).sum() >= 85


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_plain_steps_are_the_steps_of_the_descent_to_read(name, biases, kind):
    rng = np.random.default_rng(0)
    network = Network((3, 4, 2, 2), *KINDS[kind], biases=biases)
    X, Y = rng.normal(size=(7, 3)), rng.random((7, 2))
    start, optimizer = init_params(network, rng), OPTIMIZERS[name](0.05)
    path = descend_plain(network, start, X, Y, optimizer, 5).params.to_vector()
    steps = PlainSteps(network, start, optimizer)
    for exact in path[1:]:
        steps.take(X.T, Y.T)
        np.testing.assert_allclose(steps.vector, exact, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(start.to_vector(), path[0])
    assert steps.harm(np.ones_like(path[0])) == pytest.approx(np.abs(steps.gradient).sum())
