"""Each activation beside its slope: values, limits, accuracy and the formulas shown to the reader."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest

from nnlib import ACTIVATIONS, Activation, get_activation, sigmoid, step

NAMES = list(ACTIVATIONS)


def exact_sigmoid(z: float) -> Decimal:
    """Return sigma(z) to 50 digits."""
    with localcontext() as context:
        context.prec = 50
        return 1 / (1 + (-Decimal(float(z))).exp())


def ulps(got: float, exact: Decimal, spacing: float) -> float:
    with localcontext() as context:
        context.prec = 50
        return float(abs(Decimal(float(got)) - exact) / Decimal(spacing))


def test_the_registry_holds_the_seven_by_their_own_names():
    assert NAMES == ["step", "sigmoid", "tanh", "relu", "leaky_relu", "softplus", "identity"]
    assert all(activation.name == name for name, activation in ACTIVATIONS.items())


@pytest.mark.parametrize(
    ("name", "z", "a", "slope"),
    [
        # by hand: sigma(0) = 1 / (1 + 1) and sigma' = a (1 - a) = 1/2 * 1/2; sigma(ln 3) = 1 / (1 + 1/3) = 3/4
        ("sigmoid", 0.0, 0.5, 0.25),
        ("sigmoid", math.log(3), 0.75, 0.1875),
        ("sigmoid", -math.log(3), 0.25, 0.1875),
        # tanh(ln 2) = (2 - 1/2) / (2 + 1/2) = 3/5, slope 1 - 9/25
        ("tanh", math.log(2), 0.6, 0.64),
        ("tanh", 0.0, 0.0, 1.0),
        ("step", -1e-300, 0.0, 0.0),
        ("step", 0.0, 1.0, 0.0),
        ("step", 5.0, 1.0, 0.0),
        ("relu", -2.0, 0.0, 0.0),
        ("relu", 0.0, 0.0, 0.0),
        ("relu", 3.0, 3.0, 1.0),
        ("leaky_relu", -2.0, -0.02, 0.01),
        ("leaky_relu", 3.0, 3.0, 1.0),
        # softplus(0) = ln 2, its slope is sigma(0); softplus(ln 3) = ln 4, slope 3/4
        ("softplus", 0.0, math.log(2), 0.5),
        ("softplus", math.log(3), math.log(4), 0.75),
        ("identity", -7.5, -7.5, 1.0),
    ],
)
def test_values_worked_by_hand(name, z, a, slope):
    activation = ACTIVATIONS[name]
    z = np.array([z])
    assert activation.f(z) == pytest.approx([a], rel=1e-15, abs=0)
    assert activation(z) == pytest.approx([a], rel=1e-15, abs=0)
    assert activation.slope(z, activation.f(z)) == pytest.approx([slope], rel=4e-16, abs=0)


@pytest.mark.parametrize("name", NAMES)
def test_the_slope_is_the_central_difference_away_from_breaks(name):
    activation, eps = ACTIVATIONS[name], 1e-5
    z = np.linspace(-4, 4, 101) + 0.013  # the nearest point to 0 is .013 away
    numeric = (activation.f(z + eps) - activation.f(z - eps)) / (2 * eps)
    np.testing.assert_allclose(activation.slope(z, activation.f(z)), numeric, rtol=0, atol=1e-9)


@pytest.mark.parametrize("k", [0.25, 1.0, 3.0, 40.0])
@pytest.mark.parametrize("threshold", [-1.5, 0.0, 2.0])
def test_a_stretched_sigmoid_is_steepest_at_its_threshold_with_a_quarter_of_k(k, threshold):
    activation, eps = sigmoid(k, threshold), 1e-6
    z = np.array([threshold])
    assert activation.f(z) == 0.5
    assert activation.slope(z, activation.f(z)) == pytest.approx([k / 4], rel=1e-15)
    around = threshold + np.linspace(-3, 3, 61) / k
    slopes = activation.slope(around, activation.f(around))
    assert slopes.argmax() == 30
    numeric = (activation.f(around + eps) - activation.f(around - eps)) / (2 * eps)
    np.testing.assert_allclose(slopes, numeric, rtol=0, atol=k * 1e-7)


def test_a_steep_sigmoid_becomes_the_step():
    z = np.array([1.0, 1.9, 2.1, 3.0])
    np.testing.assert_allclose(sigmoid(500, 2).f(z), step(2).f(z), rtol=0, atol=1e-20)
    assert step(2).f(z).tolist() == [0, 0, 1, 1]
    assert step(2).f(np.array([2.0])) == 1  # z >= threshold
    assert step(2).breaks == (2.0,)


def test_no_gradient_passes_a_step_anywhere():
    z = np.linspace(-3, 3, 601)
    for threshold in (0.0, 2.0, -1.0):
        slope = step(threshold).slope(z, step(threshold).f(z))
        assert not slope.any()


def test_breaks_are_where_the_two_one_sided_slopes_or_values_differ():
    for name, activation in ACTIVATIONS.items():
        left, right = activation.f(np.array([-1e-9])), activation.f(np.array([1e-9]))
        jump = abs(right - left).item() > 1e-3
        bend = abs(right - 2 * activation.f(np.array([0.0])) + left).item() > 1e-12
        assert (activation.breaks == (0.0,)) == (jump or bend), name
        assert activation.breaks in ((), (0.0,)), name


def test_the_sigmoid_is_exactly_0_and_1_far_out_without_a_warning():
    with np.errstate(all="raise"):
        far = sigmoid().f(np.array([-np.inf, -1e308, -1000.0, 1000.0, 1e308, np.inf]))
        between = sigmoid().f(np.linspace(-760, -700, 6001))
    assert far.tolist() == [0, 0, 0, 1, 1, 1]
    assert (np.diff(between) >= 0).all()
    assert between[-1] == pytest.approx(np.exp(-700.0))
    assert sigmoid().f(np.array(-1000.0)) == 0


@pytest.mark.parametrize("name", NAMES)
def test_no_activation_warns_or_turns_nan_at_the_ends_of_the_number_line(name):
    z = np.array([-np.inf, -1000.0, -0.0, 0.0, 1000.0, np.inf])
    a = ACTIVATIONS[name].f(z)
    slope = ACTIVATIONS[name].slope(z, a)
    assert not np.isnan(a).any()
    assert not np.isnan(slope).any()
    assert (np.diff(a[[0, 1, 3, 4, 5]]) >= 0).all()  # all seven never fall
    assert (slope >= 0).all()


def test_the_sigmoid_is_right_to_4_ulp_down_to_minus_709():
    points = np.concatenate([np.linspace(-709, 709, 300), np.random.default_rng(0).normal(0, 10, 200), [1e-300, 37.5]])
    got = sigmoid().f(points)
    worst = max(
        ulps(a, exact, math.ulp(float(exact)))
        for a, exact in ((a, exact_sigmoid(z)) for z, a in zip(points, got, strict=True))
    )
    assert worst <= 4


def test_the_left_tail_keeps_its_relative_accuracy():
    # sigma(z) = e^z / (1 + e^z): far left it is e^z to within e^z itself
    z = np.array([-40.0, -100.0, -400.0, -700.0])
    exact = [float(exact_sigmoid(value)) for value in z]
    np.testing.assert_allclose(sigmoid().f(z), exact, rtol=1e-15, atol=0)
    slope = sigmoid().slope(z, sigmoid().f(z))
    np.testing.assert_allclose(slope, exact, rtol=1e-15, atol=0)  # a (1 - a) = a there


@pytest.mark.parametrize(("k", "theta"), [(1, 0), (50, 0), (3, 2.0), (0.5, -1.0)])
def test_the_sigmoids_slope_keeps_its_relative_accuracy_in_both_tails(k, theta):
    for u in (-700, -400, -37, -1, 0, 1, 37, 50, 400, 700):
        z = np.array([theta + u / k])
        exact = k * float(exact_sigmoid(k * (z[0] - theta)) * exact_sigmoid(-k * (z[0] - theta)))
        got = sigmoid(k, theta).slope(z, sigmoid(k, theta).f(z))
        assert exact > 0
        np.testing.assert_allclose(got, exact, rtol=1e-14, atol=0)


def test_a_steep_sigmoid_does_not_warn_where_its_argument_overflows():
    z = np.array([-1e307, 1e307])
    with np.errstate(all="raise"):
        a = sigmoid(50).f(z)
        assert a.tolist() == [0, 1]
        assert sigmoid(50).slope(z, a).tolist() == [0, 0]


def test_the_float32_sigmoid_is_right_to_4_ulp_of_float32():
    points = np.linspace(-87, 87, 200).astype(np.float32)
    for z, a in zip(points, sigmoid().f(points), strict=True):
        exact = exact_sigmoid(z)
        assert ulps(a, exact, float(np.spacing(np.float32(exact)))) <= 4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", [*ACTIVATIONS.values(), sigmoid(3, -1), step(2)], ids=lambda a: a.name)
def test_shape_and_precision_are_kept(activation, dtype):
    for shape in ((), (3,), (2, 0, 3), (2, 3, 4)):
        z = np.ones(shape, dtype)
        a = activation.f(z)
        slope = activation.slope(z, a)
        assert a.shape == slope.shape == shape
        assert a.dtype == slope.dtype == dtype


def test_form_tells_the_sigmoid_that_a_function_is_made_of():
    z = np.linspace(-3, 3, 13)
    found = []
    for activation in (sigmoid(), sigmoid(2.5, -0.5), ACTIVATIONS["tanh"]):
        form = activation.form
        rebuilt = form.low + (form.high - form.low) / (1 + np.exp(-form.steepness * (z - form.threshold)))
        np.testing.assert_allclose(activation.f(z), rebuilt, rtol=0, atol=1e-15)
        found.append(activation.name)
    assert [name for name, a in ACTIVATIONS.items() if a.form] == ["sigmoid", "tanh"]


def test_formulas_show_the_numbers_in_use():
    assert sigmoid().formula == r"f(z) = \frac{1}{1 + e^{-z}}"
    assert sigmoid(2).formula == r"f(z) = \frac{1}{1 + e^{-2\,z}}"
    assert sigmoid(2, 3).formula == r"f(z) = \frac{1}{1 + e^{-2\,(z - 3)}}"
    assert sigmoid(1, -3).formula == r"f(z) = \frac{1}{1 + e^{-(z + 3)}}"
    assert sigmoid(2).slope_formula == r"f'(z) = 2\,f(z)\,(1 - f(z))"
    assert r"z \ge 2 \\" in step(2).formula
    assert all(a.formula and a.slope_formula for a in ACTIVATIONS.values())


def test_an_activation_is_found_by_name_or_is_itself():
    assert get_activation("tanh") is ACTIVATIONS["tanh"]
    square = Activation("square", lambda z: z * z, lambda z, _: 2 * z, "f(z) = z^2")
    assert get_activation(square) is square
    assert square(np.array([3.0])) == 9


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown activation 'sigmiod'; known: step, sigmoid, tanh, .*identity"):
        get_activation("sigmiod")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sigmoid(0), "steepness must be positive, got 0"),
        (lambda: sigmoid(-1), "steepness must be positive, got -1"),
        (lambda: sigmoid(np.inf), "steepness must be a finite number, got inf"),
        (lambda: sigmoid(1, np.nan), "threshold must be a finite number, got nan"),
        (lambda: step(-np.inf), "threshold must be a finite number, got -inf"),
    ],
)
def test_numbers_out_of_range_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_softplus_is_the_logarithm_of_a_sum_from_end_to_end():
    z = np.concatenate([np.linspace(-750, 750, 3001), [-np.inf, np.inf, -1e308, 1e308, -0.0]])
    np.testing.assert_allclose(get_activation("softplus").f(z), np.logaddexp(0, z), rtol=4e-16)
    assert np.isnan(get_activation("softplus").f(np.array([np.nan])))
