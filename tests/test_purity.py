"""Nothing that goes in is changed, nothing that comes out can be, and the same seed gives the same bits."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

import nnlib
from nnlib import (
    ACTIVATIONS,
    DATASETS,
    OPTIMIZERS,
    SCHEMES,
    Network,
    Params,
    WeightRef,
    backward,
    forward,
    init_params,
    load_dataset,
)

NET = Network((3, 4, 2), biases=True)
FIRST, SECOND = WeightRef(0, 0, 1), WeightRef(1, 2, 0)


def raw(seed=0):
    """Return fresh arrays: weights and biases of NET, X, Y and the values of a grid."""
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(size=shape) for shape in ((3, 4), (4, 2), (4,), (2,), (6, 3), (6, 2))]
    return [*arrays, np.linspace(-1, 1, 5)]


def use(arrays):
    """Call everything in nnlib that takes an array; return every array that comes out."""
    W1, W2, b1, b2, X, Y, grid = arrays
    params = Params([W1, W2], [b1, b2])
    f = forward(NET, params, X)
    b = backward(NET, params, f, Y)
    found = [*f.inputs, *f.outputs, *b.d_inputs, *b.d_outputs, *b.slopes, b.gradient.to_vector()]
    for activation in ACTIVATIONS.values():
        a = activation.f(X)
        found += [a.copy(), activation.slope(X, a)]
    found += [nnlib.mse(Y, Y * Y), nnlib.mse_slope(Y, Y * Y), nnlib.accuracy(Y, (Y > 0) * 1.0)]
    found += [nnlib.numerical_gradient(NET, params, X, Y).to_vector()]
    found += [nnlib.check_gradients(NET, params, X, Y).error.to_vector()]
    for make in OPTIMIZERS.values():
        path = nnlib.descend(
            NET, params, X, Y, make(0.1), 3, trainable=[FIRST, SECOND], batch_size=4, rng=np.random.default_rng(1)
        )
        found += [path.params.to_vector(), path.loss]
        optimizer = make(grid**2)
        moved, memory = optimizer.step(params, b.gradient, optimizer.init(params))
        found += [moved.to_vector(), optimizer.step(moved, b.gradient, memory)[0].to_vector()]
        found += [make(0.1).step(W1, W1, make(0.1).init(W1))[0]]
    for surface in (nnlib.loss_surface, nnlib.gradient_field):
        found += [surface(NET, params, X, Y, FIRST, SECOND, grid, grid)]
    assert nnlib.plateaus(X).levels == X.size
    found += [params.replace(FIRST, grid).to_vector(), params.from_vector(params.to_vector()).to_vector()]
    found += [(grid * params).to_vector(), Params.stack([params, params]).to_vector()]
    found += [nnlib.Dataset("mine", X, Y, ("a", "b", "c"), ("0", "1")).standardized().X]
    return found


def test_read_only_inputs_are_taken_everywhere_and_give_the_same():
    arrays = raw()
    for array in arrays:
        array.flags.writeable = False
    for frozen, free in zip(use(arrays), use(raw()), strict=True):
        np.testing.assert_array_equal(frozen, free)


def test_no_input_is_changed_by_anything():
    arrays, untouched = raw(), raw()
    use(arrays)
    for array, before in zip(arrays, untouched, strict=True):
        assert array.flags.writeable
        np.testing.assert_array_equal(array, before)


def test_the_same_inputs_give_the_same_bits():
    once, twice = use(raw()), use(raw())
    assert [np.asarray(a).tobytes() for a in once] == [np.asarray(a).tobytes() for a in twice]


@pytest.mark.parametrize("scheme", [scheme for scheme in SCHEMES if scheme != "zeros"])
def test_the_same_seed_draws_the_same_parameters(scheme):
    def bits(seed):
        return init_params(NET, np.random.default_rng(seed), (2,), scheme).to_vector().tobytes()

    assert bits(3) == bits(3)
    assert bits(3) != bits(4)


def test_nothing_touches_the_global_random_state():
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    use(raw())
    for name in DATASETS:
        load_dataset(name, 10, noise=0.1)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_what_is_changed_outside_does_not_reach_in():
    W1, W2, b1, b2, X, Y, _ = raw()
    params = Params([W1, W2], [b1, b2])
    vector = params.to_vector()
    view = params.from_vector(vector)
    f = forward(NET, params, X)
    data = nnlib.Dataset("mine", X, Y, ("a", "b", "c"), ("0", "1"))
    kept = params.to_vector(), view.to_vector(), f.X.copy(), f.O_out.copy(), data.X.copy(), data.Y.copy()
    for array in (W1, W2, b1, b2, X, Y, vector):
        array += 100
    now = params.to_vector(), view.to_vector(), f.X, f.O_out, data.X, data.Y
    for before, after in zip(kept, now, strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_read_only_view_is_no_promise_by_whom_the_array_belongs_to():
    W = np.ones((2, 3, 4))
    view, many, rates = W[0], np.broadcast_to(W[1], (5, 3, 4)), np.full(2, 0.5)
    view.flags.writeable = False
    params, stacked, optimizer = Params([view]), Params([many]), nnlib.GradientDescent(rates)
    W[...], rates[...] = 99, -1
    assert (params.to_vector() == 1).all()
    assert (stacked.to_vector() == 1).all()
    assert (optimizer.lr == 0.5).all()


def test_a_record_of_a_view_leaves_the_array_that_it_shows_writable():
    losses = np.zeros((3, 2))
    nnlib.Trajectory(Params([np.zeros((3, 2, 1, 1))]), losses[:, :], np.full(2, -1), ())
    losses += 1


def everything_recorded():
    W1, W2, b1, b2, X, Y, _ = raw()
    params = Params([W1, W2], [b1, b2])
    f = forward(NET, params, X)
    b = backward(NET, params, f, Y)
    sets = [load_dataset(name) for name in DATASETS]
    yield from (("Params", a) for a in (*params.weights, *params.biases))
    for name, made in {
        "sum": params + params,
        "index": params[None],
        "stack": Params.stack([params]),
        "replace": params.replace(FIRST, 1.0),
        "from_vector": params.from_vector(params.to_vector()),
        "init": init_params(NET, np.random.default_rng(0)),
        "map": params.map(np.copy),
    }.items():
        yield from ((name, a) for a in (*made.weights, *made.biases))
    yield from (("ForwardPass", a) for a in (f.X, *f.inputs, *f.outputs))
    for go in (nnlib.descend, nnlib.descend_plain):
        path = go(NET, params, X, Y, OPTIMIZERS["adam"](0.1), 3)
        path = go(NET, params, X, Y, OPTIMIZERS["adam"](0.1), 3, resume=path)
        yield from ((go.__name__, a) for a in (*path.params.weights, *path.params.biases, path.loss, path.diverged_at))
    path = nnlib.descend(NET, params, X, Y, OPTIMIZERS["adam"](0.1), 1, batch_size=2, rng=np.random.default_rng(0))
    yield from (("rates", OPTIMIZERS[name](b2**2).lr) for name in OPTIMIZERS)
    yield "order", path.order
    curves = nnlib.hessian(NET, params, X, Y)
    yield from (("Curvature", a) for a in (curves.hessian, curves.eigenvalues, curves.directions))
    yield from (("BackwardPass", a) for a in (*b.d_inputs, *b.d_outputs, *b.slopes))
    yield from (("gradient", a) for a in (*b.gradient.weights, *b.gradient.biases))
    yield from ((data.name, a) for data in (*sets, *(d.standardized() for d in sets)) for a in (data.X, data.Y))


def test_no_number_of_a_record_can_be_overwritten():
    for name, array in everything_recorded():
        assert not array.flags.writeable, name
    with pytest.raises(ValueError, match="read-only"):
        init_params(NET, np.random.default_rng(0)).weights[0][0, 0] = 1


def test_no_field_of_a_record_can_be_replaced():
    W1, W2, b1, b2, X, Y, _ = raw()
    params = Params([W1, W2], [b1, b2])
    f = forward(NET, params, X)
    records = [NET, params, FIRST, f, backward(NET, params, f, Y), ACTIVATIONS["sigmoid"], load_dataset("xor")]
    records += [make(0.1) for make in OPTIMIZERS.values()]
    records += [nnlib.check_gradients(NET, params, X, Y), nnlib.plateaus(X)]
    for record in records:
        for field in dataclasses.fields(record):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(record, field.name, None)


def test_importing_nnlib_brings_in_numpy_and_the_standard_library_only():
    code = """
import sys, numpy.random
before = set(sys.modules)
import nnlib
print(*sorted({name.partition(".")[0] for name in set(sys.modules) - before}))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    brought = set(run.stdout.split())
    assert "nnlib" in brought
    assert brought - set(sys.stdlib_module_names) <= {"nnlib", "numpy"}
    assert run.stderr == ""
