"""Micro-steps: their factors multiply to their values, their values are the passes' own, nothing is left out."""

import math
import re

import numpy as np
import pytest

from nnlib import ACTIVATIONS, Network, Params, backward, forward, init_params, load_dataset, mse
from nnlib.network import WeightRef
from nnlib.trace import (
    MAX_PATHS,
    PHASES,
    latex,
    matrix_latex,
    mean,
    paths,
    slope_substitution,
    trace,
    weight_product,
    written,
)

# The classic worked example: two inputs, two hidden units, two outputs, sigmoid, biases; one sample.
EXAMPLE = Network((2, 2, 2), biases=True)
EXAMPLE_PARAMS = Params([[[0.15, 0.25], [0.20, 0.30]], [[0.40, 0.50], [0.45, 0.55]]], [[0.35, 0.35], [0.60, 0.60]])
EXAMPLE_X, EXAMPLE_Y = np.array([[0.05, 0.10]]), np.array([[0.01, 0.99]])


def example(**options):
    return {
        (s.phase, s.name): s for s in trace(EXAMPLE, EXAMPLE_PARAMS, EXAMPLE_X, EXAMPLE_Y, **{"sample": 0, **options})
    }


def random_case(sizes, activation="tanh", biases=True, n=4):
    network = Network(sizes, hidden=activation, biases=biases)
    rng = np.random.default_rng(len(sizes))
    params = init_params(network, rng, scheme="uniform")
    return network, params, rng.normal(size=(n, sizes[0])), rng.uniform(size=(n, sizes[-1]))


CASES = [(2, 3), (4, 2, 3), (3, 4, 2, 3), (2, 3, 2, 4, 2), (2, 2, 3, 2, 2, 3, 2)]


def test_the_worked_example():
    steps = example(lr=1.0)
    # H_in[1] = .05 * .15 + .10 * .20 + .35 = .3775
    assert steps["forward", "H_in[1]"].value == pytest.approx(0.3775, abs=1e-15)
    assert steps["forward", "H_in[1]"].substitution() == r"0.05 \cdot 0.15 + 0.1 \cdot 0.2 + 0.35"
    assert steps["forward", "H_out[2]"].value == pytest.approx(0.596884378, abs=5e-10)
    assert steps["forward", "O_out[1]"].value == pytest.approx(0.751365070, abs=5e-10)
    assert steps["loss", "MSE"].value == pytest.approx(0.298371109 / 2, abs=5e-10)
    published = {"W1[1,1]": 0.149780716, "W1[2,2]": 0.29950229, "W2[1,1]": 0.35891648, "W2[2,2]": 0.561370121}
    for name, value in published.items():
        assert steps["update", name].value == pytest.approx(value, abs=5e-9)


def test_the_sum_over_paths_grows_term_by_term():
    terms = example()["backward", "dH_out[1]"].terms()
    assert [[name for name, _ in t.factors] for t in terms] == [["dO_in[1]", "W2[1,1]"], ["dO_in[2]", "W2[1,2]"]]
    assert terms[0].before == 0
    assert terms[0].after == terms[1].before
    for term in terms:
        assert term.before + term.contribution == term.after
        assert math.prod(v for _, v in term.factors) == pytest.approx(term.contribution, rel=1e-15)


@pytest.mark.parametrize("sizes", CASES)
@pytest.mark.parametrize("sample", [None, 0, 3])
def test_every_value_is_the_passes_own_and_nothing_is_missing(sizes, sample):
    network, params, X, Y = random_case(sizes)
    steps = trace(network, params, X, Y, sample, lr=0.3)
    if sample is not None:
        X, Y = X[[sample]], Y[[sample]]
    p = forward(network, params, X)
    b = backward(network, params, p, Y)

    expected = {}
    for symbol in network.symbols[1:]:
        for phase, values, d in (("forward", p[symbol], ""), ("backward", b["d" + symbol], "d")):
            for j in range(values.shape[1]):
                expected[phase, f"{d}{symbol}[{j + 1}]"] = values[:, j] if sample is None else values[0, j]
    expected["loss", "MSE"] = mse(p.O_out, Y)
    for ref in network.refs():
        expected["backward", f"d{ref}"] = b.gradient.get(ref)
        expected["update", str(ref)] = params.get(ref) - 0.3 * b.gradient.get(ref)

    assert {(s.phase, s.name) for s in steps} == set(expected)
    assert len(steps) == len(expected)
    for step in steps:
        np.testing.assert_array_equal(step.value, expected[step.phase, step.name])
        assert step.shape == np.shape(expected[step.phase, step.name])
        np.testing.assert_allclose(step.contributions.sum(0), step.value, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("sizes", CASES)
@pytest.mark.parametrize("sample", [None, 1])
@pytest.mark.parametrize("biases", [False, True])
def test_the_products_of_the_factors_summed_over_the_terms_are_the_value(sizes, sample, biases):
    network, params, X, Y = random_case(sizes, biases=biases)
    for step in trace(network, params, X, Y, sample):
        if step.term:
            continue  # no product: an activation, an error, the loss, an update
        product = math.prod(factor.values for factor in step.factors)
        assert np.abs(product.sum(0) - step.value).max() < 1e-12
        assert {len(factor.names) for factor in step.factors} == {len(step.contributions)}


@pytest.mark.parametrize("sizes", CASES)
@pytest.mark.parametrize("sample", [None, 2])
def test_the_paths_of_every_weight_add_up_to_its_gradient(sizes, sample):
    network, params, X, Y = random_case(sizes)
    data = (X, Y) if sample is None else (X[[sample]], Y[[sample]])
    gradient = backward(network, params, forward(network, params, data[0]), data[1]).gradient
    for ref in network.refs():
        every = list(paths(network, params, X, Y, ref, sample))
        assert abs(math.fsum(path.value for path in every) - gradient.get(ref)) < 1e-12
        product = weight_product(network, params, X, Y, ref, sample)
        assert product.gradient == gradient.get(ref)
        assert product.n_paths == len(every)
        assert len(product.paths) == (len(every) if len(every) <= MAX_PATHS else 0)


def test_the_paths_through_one_sample_are_its_share_of_the_batch():
    network, params, X, Y = random_case((2, 3, 2))
    ref = WeightRef(0, 1, 2)
    every = list(paths(network, params, X, Y, ref))
    assert list(paths(network, params, X, Y, ref, through=2)) == [path for path in every if path.sample == 2]


def test_only_a_few_paths_are_listed():
    network, params, X, Y = random_case((2, 2, 5, 4, 4), n=3)
    assert len(weight_product(network, params, X, Y, WeightRef(0, 0, 0), 0).paths) == 0
    assert weight_product(network, params, X, Y, WeightRef(0, 0, 0), 0).n_paths == 80
    assert len(weight_product(network, params, X, Y, WeightRef(1, 0, 0), 0).paths) == 16
    assert weight_product(network, params, X, Y, WeightRef(1, 0, 0)).n_paths == 48


def test_the_chain_of_the_second_matrix_and_of_the_first():
    second = weight_product(EXAMPLE, EXAMPLE_PARAMS, EXAMPLE_X, EXAMPLE_Y, WeightRef(1, 0, 0), 0)
    first = weight_product(EXAMPLE, EXAMPLE_PARAMS, EXAMPLE_X, EXAMPLE_Y, WeightRef(0, 0, 0), 0)
    assert second.symbols == ("dMSE/dO_out", "dO_out/dO_in", "dO_in/dW2")
    assert first.symbols == ("dMSE/dO_out", "dO_out/dO_in", "dO_in/dH_out", "dH_out/dH_in", "dH_in/dW1")
    # The first two factors are the same numbers in both: computed once.
    assert first.n_shared == second.n_shared == 2
    for a, b in zip(first.paths[0].factors[:2], second.paths[0].factors[:2], strict=True):
        assert a == b
        assert a.shared
    assert [f.shared for f in first.paths[1].factors] == [True, True, False, False, False]
    # .370682... * .186815... * .593269... by hand from (O_out - Y)/2, a(1 - a), H_out.
    assert [f.value for f in second.paths[0].factors] == pytest.approx(
        [(0.751365070 - 0.01) / 2, 0.751365070 * (1 - 0.751365070), 0.593269992], abs=1e-9
    )


@pytest.mark.parametrize("sizes", CASES)
def test_the_indexed_chain_names_the_factors_of_every_path(sizes):
    network, params, X, Y = random_case(sizes)
    for ref in network.refs():
        product = weight_product(network, params, X, Y, ref, 0)
        assert product.formula.startswith(latex(f"d{ref}") + " = ")
        for path in paths(network, params, X, Y, ref, 0):
            # From the outputs back; the last unit is the parameter's own.
            named = dict(zip(product.summed, reversed(path.units[1:]), strict=True))
            told = [re.sub(r"\[([a-k])\]", lambda m: f"[{named[m[1]] + 1}]", name) for name in product.factors]  # noqa: B023
            assert told == [factor.name for factor in path.factors]


def test_the_formula_of_a_weight_is_written_with_indices():
    ref = WeightRef(0, 1, 0)
    one = weight_product(EXAMPLE, EXAMPLE_PARAMS, EXAMPLE_X, EXAMPLE_Y, ref, 0)
    assert one.factors == (
        "dMSE/dO_out[k]", "dO_out[k]/dO_in[k]", "dO_in[k]/dH_out[1]", "dH_out[1]/dH_in[1]", "dH_in[1]/dW1[2,1]",
    )  # fmt: skip
    assert r"= \sum_{k} \frac" in one.formula
    every = weight_product(EXAMPLE, EXAMPLE_PARAMS, EXAMPLE_X, EXAMPLE_Y, ref)
    assert every.factors[0] == "dMSE/dO_out[n,k]"
    assert every.summed == ("n", "k")
    assert weight_product(EXAMPLE, EXAMPLE_PARAMS, EXAMPLE_X, EXAMPLE_Y, WeightRef(1, 0, 1), 0).summed == ()


def test_a_deeper_weight_takes_over_all_factors_of_the_next_layer():
    network, params, X, Y = random_case((2, 2, 2, 2))
    assert weight_product(network, params, X, Y, WeightRef(0, 0, 0), 0).n_shared == 4
    single, params, X, Y = random_case((2, 3))
    assert weight_product(single, params, X, Y, WeightRef(0, 0, 0), 0).n_shared == 0


def test_the_phases_come_in_order_and_the_gradient_flows_backwards():
    network, params, X, Y = random_case((2, 3, 2, 2))
    steps = trace(network, params, X, Y)
    order = [PHASES.index(s.phase) for s in steps]
    assert order == sorted(order)
    known = {f"X[{i + 1}]" for i in range(2)} | {f"Y[{k + 1}]" for k in range(2)} | {str(r) for r in network.refs()}
    for step in steps:
        assert set(step.depends_on) <= known, step.name
        known.add(step.name)


def test_a_bias_is_visible_as_a_term_of_its_own():
    terms = example()["forward", "H_in[1]"].terms()
    assert terms[-1].factors == (("b1[1]", 0.35),)
    assert terms[-1].contribution == 0.35
    assert r"b1[1]" in example()["forward", "H_in[1]"].formula


def test_a_step_activation_has_a_zero_factor_and_it_is_named():
    network = Network((4, 2, 3), hidden="step", output="step")
    params = init_params(network, np.random.default_rng(0))
    data = load_dataset("iris")
    steps = {s.name: s for s in trace(network, params, data.X, data.Y) if s.phase == "backward"}
    assert steps["dO_in[1]"].zero_factors == ("dO_out[1]/dO_in[1]",)
    assert steps["dH_in[2]"].zero_factors == ("dH_out[2]", "dH_out[2]/dH_in[2]")
    assert steps["dW2[1,1]"].number == 0
    updates = [s for s in trace(network, params, data.X, data.Y, 0) if s.phase == "update"]
    assert all(s.value == params.get(s.ref) for s in updates)
    # In a difference a 0 makes nothing 0: not the target in the error, not the gradient in the update.
    assert (data.Y[0, 1], steps["dO_out[2]"].zero_factors) == (0, ())
    assert not any(s.zero_factors for s in updates)


def test_the_batch_is_told_by_one_number():
    network, params, X, Y = random_case((2, 2, 2))
    each = [{s.name: s for s in trace(network, params, X, Y, n) if s.phase != "update"} for n in range(4)]
    for step in trace(network, params, X, Y):
        if step.phase != "update":
            # Means over the samples, for values and gradients and the loss alike.
            assert step.number == pytest.approx(np.mean([float(t[step.name].value) for t in each]), abs=1e-14)


def test_a_mean_of_numbers_that_cancel_is_0_and_not_its_rounding():
    X = load_dataset("iris").standardized().X
    assert (X.mean(0) != 0).all()
    assert [mean(column) for column in X.T] == [0.0] * 4
    assert mean(np.array([np.inf, np.inf])) == np.inf
    assert mean(np.array([1e-20])) == 1e-20
    assert mean(np.array([1.0, -1.0 + 1e-12])) == pytest.approx(5e-13, rel=1e-3)


@pytest.mark.parametrize("sample", [None, 0])
def test_the_matrix_trace_is_the_lines_of_the_passes(sample):
    network, params, X, Y = random_case((2, 3, 2))
    steps = trace(network, params, X, Y, sample, detail="matrix", lr=0.5)
    assert [s.name for s in steps] == [
        *("H_in", "H_out", "O_in", "O_out", "MSE", "dO_out", "dO_in", "dW2", "db2", "dH_out", "dH_in", "dW1", "db1"),
        *("W1", "b1", "W2", "b2"),
    ]
    data = (X, Y) if sample is None else (X[[0]], Y[[0]])
    p = forward(network, params, data[0])
    b = backward(network, params, p, data[1])
    for step in steps:
        if step.phase == "forward":
            np.testing.assert_array_equal(step.value, p[step.name])
        if step.phase == "backward":
            np.testing.assert_array_equal(step.value, np.atleast_2d(b[step.name]))
        assert step.place == ()
        assert step.terms() == ()
        assert math.isnan(step.number)
        assert "begin{bmatrix}" in step.substitution()
    np.testing.assert_array_equal(steps[-2].value, params.weights[1] - 0.5 * b["dW2"])


@pytest.mark.parametrize("detail", ["neuron", "matrix"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("sample", [None, 0])
def test_every_formula_is_complete(detail, activation, sample):
    network, params, X, Y = random_case((2, 3, 2, 2), activation, n=9)
    for step in trace(network, params, X, Y, sample, detail=detail):
        for text in (step.formula, step.substitution(), step.result()):
            assert "@" not in text
            assert text.count("{") == text.count("}"), text
            assert text.count(r"\begin") == text.count(r"\end")
            assert "nan" not in text


def test_a_long_sum_shows_its_ends():
    data = load_dataset("iris")
    network = Network((4, 2, 3))
    steps = {s.name: s for s in trace(network, init_params(network, np.random.default_rng(0)), data.X, data.Y)}
    text = steps["dW1[1,1]"].substitution(max_terms=4)
    assert text.count("+") == 3
    assert r"\dots" in text
    assert len(steps["dW1[1,1]"].terms()) == 150
    assert len(steps["dH_out[1]"].terms(sample=149)) == 3
    assert steps["dH_out[1]"].terms(149)[-1].after == pytest.approx(steps["dH_out[1]"].value[149], rel=1e-12)
    assert steps["dH_out[1]"].result(sample=149) == written(steps["dH_out[1]"].value[149])


def test_names_as_latex():
    assert latex("X[1]") == "X[1]"
    assert latex("H_in[2]") == r"H_{\mathrm{in}}[2]"
    assert latex("H2_out") == r"H2_{\mathrm{out}}"
    assert latex("W1[1,2]") == "W1[1,2]"
    assert latex("dW1[1,2]") == r"\frac{\partial \text{MSE}}{\partial W1[1,2]}"
    assert latex("dMSE/dO_out") == r"\frac{\partial \text{MSE}}{\partial O_{\mathrm{out}}}"
    with pytest.raises(ValueError, match="names no value"):
        latex(r"\def")


def test_numbers_and_matrices_as_latex():
    assert [written(v) for v in (0.0, -0.123456, 1.23456e-5, 3.0)] == ["0", "-0.1235", r"1.235\mathrm{e}{-5}", "3"]
    assert matrix_latex(np.eye(2)) == r"\begin{bmatrix} 1 & 0 \\ 0 & 1 \end{bmatrix}"
    assert matrix_latex(np.ones((9, 9))).count(r"\\") == 3
    assert matrix_latex(np.array(0.5)) == "0.5"
    with pytest.raises(ValueError, match="two axes"):
        matrix_latex(np.ones((2, 2, 2)))


def test_the_slope_with_numbers_in_it():
    assert slope_substitution(ACTIVATIONS["sigmoid"], 0.0, 0.5) == r"0.5\,(1 - 0.5)"
    assert slope_substitution(ACTIVATIONS["tanh"], -1.0, -0.7616) == "1 - (-0.7616)^2"
    assert slope_substitution(ACTIVATIONS["relu"], -1.0, 0.0) == "f'(-1)"
    assert slope_substitution(ACTIVATIONS["step"], 0.3, 1.0) == "f'(0.3)"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample": 4}, "sample must be from 0 to 3, got 4"),
        ({"sample": -1}, "sample must be from 0 to 3, got -1"),
        ({"detail": "atom"}, "unknown detail 'atom'; known: neuron, matrix"),
    ],
)
def test_what_it_refuses(options, message):
    network, params, X, Y = random_case((2, 3, 2))
    with pytest.raises(ValueError, match=message):
        trace(network, params, X, Y, **options)


def test_many_networks_and_unknown_weights_are_refused():
    network, _, X, Y = random_case((2, 3, 2))
    many = init_params(network, np.random.default_rng(0), runs=(2,))
    with pytest.raises(ValueError, match="one network"):
        trace(network, many, X, Y)
    with pytest.raises(ValueError, match="the network has no W3"):
        weight_product(network, many[0], X, Y, WeightRef(2, 0, 0))
