"""The network's shape, its parameters as a value, their names, and the forward pass."""

import dataclasses
import math
import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import nnlib
from nnlib import ACTIVATIONS, SCHEMES, Network, Params, WeightRef, forward, init_params, sigmoid


def rng(seed=0):
    return np.random.default_rng(seed)


# --- Network


def test_a_net_counts_its_layers_shapes_and_parameters():
    net = Network((4, 2, 3))
    assert (net.n_layers, net.weight_shapes, net.n_parameters) == (2, ((4, 2), (2, 3)), 14)
    assert Network((4, 2, 3), biases=True).n_parameters == 14 + 2 + 3
    assert Network((2, 1)).n_parameters == 2
    assert Network([np.int64(2), 3]).sizes == (2, 3)


def test_symbols_read_as_the_series_writes_them():
    assert Network((4, 2, 3)).symbols == ("X", "H_in", "H_out", "O_in", "O_out")
    assert Network((2, 1)).symbols == ("X", "O_in", "O_out")
    assert Network((2, 3, 3, 1)).symbols == ("X", "H1_in", "H1_out", "H2_in", "H2_out", "O_in", "O_out")


def test_the_last_layer_alone_has_the_output_activation():
    net = Network((2, 3, 3, 1), "tanh", "identity")
    assert [net.activation(layer).name for layer in range(3)] == ["tanh", "tanh", "identity"]
    custom = sigmoid(3)
    assert Network((2, 1), output=custom).activation(0) is custom


def test_a_net_is_a_value():
    assert Network((4, 2, 3)) == Network([4, 2, 3], ACTIVATIONS["sigmoid"])
    assert Network((4, 2, 3)) != Network((4, 2, 3), biases=True)
    assert len({Network((4, 2, 3)), Network((4, 2, 3))}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        Network((4, 2, 3)).biases = True


@pytest.mark.parametrize("sizes", [(), (4,), (4, 0), (4, -1, 3), (4, 2.0), (4, True), (4, "2"), "42", (4, None)])
def test_sizes_that_are_none_are_refused(sizes):
    with pytest.raises(ValueError, match=r"sizes must be at least two whole numbers of 1 or more, got \("):
        Network(sizes)


def test_unknown_activations_are_refused_with_the_known_ones():
    for names in (("sinus", "sigmoid"), ("sigmoid", "sinus")):
        with pytest.raises(ValueError, match="unknown activation 'sinus'; known: step, sigmoid, tanh, relu"):
            Network((4, 2, 3), *names)


# --- WeightRef


def test_refs_list_every_parameter_once_in_the_order_of_the_vector():
    net = Network((2, 3, 1), biases=True)
    names = [str(ref) for ref in net.refs()]
    assert names == [
        "W1[1,1]", "W1[1,2]", "W1[1,3]", "W1[2,1]", "W1[2,2]", "W1[2,3]", "b1[1]", "b1[2]", "b1[3]",
        "W2[1,1]", "W2[2,1]", "W2[3,1]", "b2[1]",
    ]  # fmt: skip
    params = Params([[[1, 2, 3], [4, 5, 6]], [[10], [11], [12]]], [[7, 8, 9], [13]])
    assert params.to_vector().tolist() == list(range(1, 14))
    assert [params.get(ref) for ref in net.refs()] == list(range(1, 14))
    assert len(Network((2, 3, 1)).refs()) == Network((2, 3, 1)).n_parameters == 9


def test_names_count_from_1_and_places_from_0():
    assert str(WeightRef(0, 0, 1)) == "W1[1,2]"
    assert str(WeightRef(1, None, 2)) == "b2[3]"
    assert WeightRef.parse("W1[1,2]") == WeightRef(0, 0, 1)
    assert WeightRef.parse(" b2[3] ") == WeightRef(1, None, 2)
    assert WeightRef.parse("W12[10, 345]") == WeightRef(11, 9, 344)


places = st.integers(0, 10**9 - 2)


@settings(deadline=None)
@given(places, st.none() | places, places)
def test_every_name_is_read_back(layer, row, column):
    ref = WeightRef(layer, row, column)
    assert WeightRef.parse(str(ref)) == ref


@settings(deadline=None)
@given(
    st.text(max_size=20)
    | st.from_regex(r"[WbwB]\d{1,4}\[\d{1,4}(,[ \d]{1,5})?\]", fullmatch=True)
    | st.text("Wb[],0123456789 -+._\u0661\u0662\u00b2\uff11\n", max_size=12)
)
@example("")
@example("W0[1,1]")
@example("W1[0,1]")
@example("W01[1,1]")
@example("W1[1]")
@example("b1[1,2]")
@example("W1[-1,2]")
@example("W1[+1,2]")
@example("W1[1_0,2]")
@example("W\u0661[\u0661,\u0662]")  # Arabic digits, which int() would read
@example("W\uff11[\uff11,\uff12]")  # full-width digits
@example("W\u00b2[1,1]")
@example("W1\u0661[1,1]")
@example("W1[1,1\uff11]")
@example("b1[1\u0662]")
@example("W1[1,\u00a01]")
@example("\u2003W1[1,1]")
@example("W1[1,2]W1[1,2]")
@example("W1[1,2]\n")
@example("W" + "9" * 5000 + "[1,1]")  # longer than int() reads
@example("b1[" + "1" * 5000 + "]")
def test_any_text_is_a_name_or_a_value_error(text):
    try:
        ref = WeightRef.parse(text)
    except ValueError as error:
        assert "names no weight: write W1[1,2] for a weight or b1[2] for a bias" in str(error)  # noqa: PT017
        return
    assert str(ref) == re.sub(r"\s", "", text)
    assert text.isascii()


@pytest.mark.parametrize("text", ["W0[1,1]", "W1[1]", "b1[1,2]", "W\u0661[1,1]", "w1[1,2]", "W" + "9" * 5000 + "[1,1]"])
def test_a_name_that_is_none_is_quoted_in_the_message(text):
    with pytest.raises(ValueError, match="^" + re.escape(repr(text)) + " names no weight"):
        WeightRef.parse(text)


@pytest.mark.parametrize("place", [(-1, 0, 0), (0, -1, 0), (0, 0, -1), (0.0, 0, 0), (0, 0, None), (True, 0, 0)])
def test_a_place_is_made_of_whole_numbers_from_0(place):
    with pytest.raises(ValueError, match="layer, row and column must be whole numbers of 0 or more, got"):
        WeightRef(*place)


@pytest.mark.parametrize("text", ["W3[1,1]", "W1[5,1]", "W1[1,3]", "W2[3,1]", "W2[1,4]", "b1[1]"])
def test_a_weight_that_is_not_there_is_named_with_those_that_are(text):
    net = Network((4, 2, 3))
    expected = f"the network has no {text}: W1 is 4 x 2, W2 is 2 x 3; it has no biases"
    with pytest.raises(ValueError, match=re.escape(expected)):
        net.check_ref(WeightRef.parse(text))
    params = init_params(net, rng())
    with pytest.raises(ValueError, match=re.escape(f"there is no {text} among W1 (4, 2), W2 (2, 3)")):
        params.get(WeightRef.parse(text))
    with pytest.raises(ValueError, match=re.escape(f"there is no {text}")):
        params.replace(WeightRef.parse(text), 1.0)


def test_a_bias_that_is_not_there_is_named():
    net = Network((4, 2, 3), biases=True)
    for name in ("b3[1]", "b1[3]"):
        with pytest.raises(ValueError, match=re.escape(f"the network has no {name}: W1 is 4 x 2, W2 is 2 x 3")):
            net.check_ref(WeightRef.parse(name))
        with pytest.raises(ValueError, match=re.escape(f"there is no {name}")):
            init_params(net, rng()).get(WeightRef.parse(name))
    assert net.check_ref(WeightRef.parse("b1[2]")) is None


# --- Params


def sample(runs=(), biases=True, seed=0):
    return init_params(Network((3, 2, 2), biases=biases), rng(seed), runs, "normal")


def assert_same(params, vector):
    np.testing.assert_allclose(params.to_vector(), vector, rtol=1e-15)


@pytest.mark.parametrize("biases", [False, True])
def test_params_do_arithmetic_like_one_long_vector(biases):
    p, q = sample(biases=biases), sample(biases=biases, seed=1)
    v, w = p.to_vector(), q.to_vector()
    assert_same(p + q, v + w)
    assert_same(p - q, v - w)
    assert_same(p * q, v * w)
    assert_same(p / q, v / w)
    assert_same(-p, -v)
    assert_same(p**2, v**2)
    assert_same(p * 3, 3 * v)
    assert_same(3 * p, 3 * v)
    assert_same(2.5 + p, 2.5 + v)
    assert_same(p - 1, v - 1)
    assert_same(p / 4, v / 4)
    assert_same(np.float64(0.5) * p, v / 2)
    assert_same(p.map(np.maximum, q), np.maximum(v, w))


def test_an_array_of_numbers_scales_each_network_by_its_own():
    rates = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    for p in (sample(), sample((2, 3))):
        for scaled in (rates * p, p * rates):
            assert isinstance(scaled, Params)
            assert scaled.runs == (2, 3)
            np.testing.assert_allclose(scaled.to_vector(), rates[..., None] * p.to_vector(), rtol=1e-15)


def test_vectors_and_params_are_two_views_of_one_thing():
    for runs in ((), (2,), (2, 3), (0,)):
        p = sample(runs)
        vector = p.to_vector()
        assert vector.shape == (*runs, p.n_parameters)
        back = sample().from_vector(vector)
        assert back.runs == runs
        np.testing.assert_array_equal(back.to_vector(), vector)
    with pytest.raises(ValueError, match="expected 14 parameters, got 13"):
        sample().from_vector(np.zeros(13))


def test_leading_axes_are_indexed_and_stacked():
    p = sample((2, 3))
    assert p[1].runs == (3,)
    assert p[:, 2].runs == (2,)
    assert p[None].runs == (1, 2, 3)
    np.testing.assert_array_equal(p[1, 2].weights[1], p.weights[1][1, 2])
    again = Params.stack([p[0], p[1]])
    np.testing.assert_array_equal(again.to_vector(), p.to_vector())
    with pytest.raises(IndexError):
        p[2]
    with pytest.raises(ValueError, match="at least one network to stack"):
        Params.stack([])


def test_replacing_a_parameter_changes_that_one_only():
    net = Network((3, 2, 2), biases=True)
    for p in (sample(), sample((2,))):
        for place, ref in enumerate(net.refs()):
            expected = p.to_vector().copy()
            expected[..., place] = 7
            np.testing.assert_array_equal(p.replace(ref, 7).to_vector(), expected)


def test_replacing_by_an_array_makes_a_network_for_each_value():
    ref, values = WeightRef(1, 0, 1), np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    for p in (sample(), sample((2, 1)), sample((3,))):
        grid = p.replace(ref, values)
        assert grid.runs == (2, 3)
        np.testing.assert_array_equal(grid.get(ref), values)
        one = Params.stack([p]) if p.runs == () else p
        np.testing.assert_array_equal(
            grid[1, 2].replace(ref, 0).to_vector(), one[(-1,) * len(one.runs)].replace(ref, 0).to_vector()
        )


def test_all_arrays_get_the_finest_precision_among_them():
    mixed = Params([np.ones((2, 2), np.float32), np.ones((2, 1))], [np.ones(2, np.float16), np.ones(1, np.float32)])
    assert {a.dtype for a in (*mixed.weights, *mixed.biases)} == {np.dtype(np.float64)}
    assert Params([np.ones((2, 2), int)]).weights[0].dtype == np.float64
    assert Params([np.ones((2, 2), np.float32)]).weights[0].dtype == np.float32


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Params([]), "at least one weight matrix"),
        (lambda: Params([np.ones(3)]), "weights need at least two axes"),
        (lambda: Params([np.ones((2, 2))], [1.0]), "biases one"),
        (lambda: Params([np.ones((3, 2, 2)), np.ones((2, 1))]), "must have the same leading axes"),
        (lambda: Params([np.ones((3, 2, 2))], [np.ones(2)]), "must have the same leading axes"),
        (lambda: Params([np.ones((2, 2)) * 1j]), "weights must be real numbers, got an array of complex128"),
        (lambda: Params([np.ones((2, 2))], [["a", "b"]]), "biases must be real numbers, got an array of <U1"),
        (lambda: Params([[[None, 1.0]]]), "weights must be real numbers, got an array of object"),
    ],
)
def test_params_that_are_none_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# --- init_params


@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_many_networks_at_once_are_what_as_many_calls_would_draw(scheme, biases):
    net = Network((3, 4, 2), biases=biases)
    generator = rng(7)
    alone = [init_params(net, generator, scheme=scheme).to_vector() for _ in range(6)]
    for runs in ((6,), (2, 3), (3, 1, 2)):
        together = init_params(net, rng(7), runs, scheme)
        assert together.runs == runs
        np.testing.assert_array_equal(together.to_vector().reshape(6, -1), alone)
    if scheme != "zeros":
        assert len({tuple(v) for v in alone}) == 6


def test_the_schemes_draw_what_they_say():
    net = Network((100, 50, 200), biases=True)
    limits = [math.sqrt(6 / 150), math.sqrt(6 / 250)]
    for w, limit in zip(init_params(net, rng()).weights, limits, strict=True):
        assert np.abs(w).max() == pytest.approx(limit, rel=0.01)
        assert np.abs(w).max() <= limit
        assert w.std() == pytest.approx(limit / math.sqrt(3), rel=0.03)
    for w, fan_in in zip(init_params(net, rng(), scheme="he").weights, (100, 50), strict=True):
        assert w.std() == pytest.approx(math.sqrt(2 / fan_in), rel=0.03)
        assert np.abs(w).max() > 3 * math.sqrt(2 / fan_in)
    normal = init_params(net, rng(), scheme="normal")
    assert normal.to_vector().std() == pytest.approx(1, rel=0.03)
    assert normal.biases[1].std() == pytest.approx(1, rel=0.2)
    uniform = init_params(net, rng(), scheme="uniform")
    assert 0.99 < np.abs(uniform.to_vector()).max() <= 1
    assert uniform.biases[1].std() == pytest.approx(1 / math.sqrt(3), rel=0.2)
    assert not init_params(net, rng(), scheme="zeros").to_vector().any()
    assert not np.signbit(init_params(net, rng(), scheme="zeros").to_vector()).any()  # no -0.0 for the eye
    for scheme in ("xavier", "he"):
        assert not any(b.any() for b in init_params(net, rng(), scheme=scheme).biases)


def test_an_unknown_scheme_lists_the_known_ones():
    with pytest.raises(ValueError, match="unknown scheme 'glorot'; known: xavier, he, normal, uniform, large, zeros"):
        init_params(Network((2, 1)), rng(), scheme="glorot")


# --- forward


def test_a_forward_pass_worked_by_hand():
    # X W1 = (1 * 1 + 2 * 3, 1 * 2 + 2 * 4) = (7, 10); + b1 = (6, -2); relu (6, 0); * W2 = 6 * 5 + 0 * 6 = 30; + b2
    params = Params([[[1, 2], [3, 4]], [[5], [6]]], [[-1, -12], [0.5]])
    p = forward(Network((2, 2, 1), "relu", "identity", biases=True), params, [[1, 2]])
    assert p["X"].tolist() == [[1, 2]]
    assert p["H_in"].tolist() == [[6, -2]]
    assert p["H_out"].tolist() == [[6, 0]]
    assert p["O_in"].tolist() == p["O_out"].tolist() == p.O_out.tolist() == [[30.5]]
    assert p.symbols == ("X", "H_in", "H_out", "O_in", "O_out")
    with pytest.raises(KeyError, match="no 'Z' in this pass; known: X, H_in, H_out, O_in, O_out"):
        p["Z"]


def test_the_symbols_find_the_values_of_any_depth():
    net = Network((2, 3, 4, 1))
    p = forward(net, init_params(net, rng()), np.ones((5, 2)))
    assert p["H1_in"] is p.inputs[0]
    assert p["H1_out"] is p.outputs[0]
    assert p["H2_in"] is p.inputs[1]
    assert p["H2_out"] is p.outputs[1]
    assert p["O_in"] is p.inputs[2]
    assert p["O_out"] is p.outputs[2]
    assert [p[s].shape for s in net.symbols] == [(5, 2), (5, 3), (5, 3), (5, 4), (5, 4), (5, 1), (5, 1)]


def test_whole_numbers_booleans_and_lists_are_data_too():
    net = Network((2, 2, 1))
    params = init_params(net, rng())
    expected = forward(net, params, np.array([[0.0, 1.0], [1.0, 1.0]])).O_out
    for X in ([[0, 1], [1, 1]], np.array([[0, 1], [1, 1]], np.uint8), np.array([[False, True], [True, True]])):
        np.testing.assert_array_equal(forward(net, params, X).O_out, expected)


NET = Network((4, 2, 3))
PARAMS = init_params(NET, rng())
X, Y = np.ones((5, 4)), np.zeros((5, 3))


def broken(value):
    data = X.copy()
    data[2, 3] = value
    return data


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: forward(NET, PARAMS, np.ones((5, 3))), r"X must have shape \(samples, 4\), got \(5, 3\)"),
        (lambda: forward(NET, PARAMS, np.ones(4)), r"X must have shape \(samples, 4\), got \(4,\)"),
        (lambda: forward(NET, PARAMS, np.ones((2, 5, 4))), r"X must have shape \(samples, 4\), got \(2, 5, 4\)"),
        (lambda: forward(NET, PARAMS, np.ones((0, 4))), "X has no samples"),
        (lambda: forward(NET, PARAMS, broken(np.nan)), "X must be finite: row 3, column 4 is nan"),
        (lambda: forward(NET, PARAMS, broken(-np.inf)), "X must be finite: row 3, column 4 is -inf"),
        (lambda: forward(NET, PARAMS, np.full((5, 4), "a")), "X must be real numbers, got an array of <U1"),
        (lambda: forward(NET, PARAMS, None), "X must be real numbers, got an array of object"),
        (lambda: forward(NET, PARAMS, X * 1j), "X must be real numbers, got an array of complex128"),
        (lambda: NET.check_data(X, Y[:4]), "X has 5 samples but Y has 4"),
        (lambda: NET.check_data(X, Y[:, :2]), r"Y must have shape \(samples, 3\), got \(5, 2\)"),
        (lambda: NET.check_data(X, Y[:, 0]), r"Y must have shape \(samples, 3\), got \(5,\)"),
        (lambda: NET.check_data(X, Y + np.inf), "Y must be finite: row 1, column 1 is inf"),
        (
            lambda: forward(Network((4, 3, 3)), PARAMS, X),
            r"parameters do not fit a network of sizes \(4, 3, 3\) without biases: weights \(\(4, 2\), \(2, 3\)\)",
        ),
        (
            lambda: forward(Network((4, 2, 3), biases=True), PARAMS, X),
            r"parameters do not fit a network of sizes \(4, 2, 3\) with biases: .* biases \(\)",
        ),
        (lambda: forward(NET, Params(PARAMS.weights[:1]), X), "parameters do not fit"),
        (lambda: forward(NET, Params([np.ones((4, 2)), np.ones((3, 3))]), X), "parameters do not fit"),
        (lambda: forward(NET, Params(PARAMS.weights, [np.ones(2), np.ones(3)]), X), "parameters do not fit"),
    ],
)
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_values_that_do_not_go_together_are_refused():
    one = nnlib.Params([np.ones((2, 3))])
    for other in (nnlib.Params([np.ones((1, 3))]), nnlib.Params([np.ones((2, 3)), np.ones((3, 1))])):
        with pytest.raises(ValueError, match="do not go together"):
            one + other
    with pytest.raises(ValueError, match="same number of samples"):
        nnlib.Dataset("mine", np.ones((3, 1)), np.ones((2, 1)), ("x",), ("0", "1"))
    with pytest.raises(ValueError, match="NaN"):
        nnlib.plateaus(np.array([[1.0, np.nan]]))
    assert nnlib.plateaus([[1.0, 2.0]]).levels == 2
    assert nnlib.mse([[1.0]], [[0.0]]) == 0.5


def test_weights_that_are_not_finite_give_values_that_are_not_and_leave_other_networks_alone():
    # A run that diverged is shown beside one that did not: both are networks of one forward pass.
    params = PARAMS.replace(WeightRef(0, 1, 1), [np.nan, np.inf, 0.5])
    passed = forward(NET, params, X)
    assert np.isnan(passed["H_in"][0, :, 1]).all()
    assert np.isinf(passed["H_in"][1, :, 1]).all()
    assert np.isnan(passed.O_out[0]).all()
    assert np.isfinite(np.delete(passed["H_in"], 1, axis=-1)).all()
    np.testing.assert_array_equal(passed.O_out[2], forward(NET, params[2], X).O_out)
    assert np.isfinite(passed.O_out[2]).all()
