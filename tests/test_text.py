import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnlib
from dashboard import text


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (0.25, "0.25"),
        (-0.251, "−0.251"),
        (0.10803462, "0.108"),
        (12345.6, "1.235e4"),
        (1.234e-5, "1.234e−5"),
        (-2.0e-9, "−2e−9"),
        (1e300, "1e300"),
        (math.nan, "undefined"),
        (math.inf, "too large"),
        (-math.inf, "−too large"),
    ],
)
def test_numbers(value, written):
    assert text.number(value) == written


@given(st.floats(-1e308, 1e308))
def test_a_written_number_reads_back_to_four_digits_and_only_zero_is_zero(value):
    written = text.number(value)
    assert (written == "0") == (value == 0)
    assert float(written.replace("−", "-")) == pytest.approx(value, rel=5.001e-4)
    assert "nan" not in written
    assert "-" not in written


def test_percent_plural_and_factor():
    assert text.percent(0.0) == "0\u202f%"
    assert text.percent(1.0) == "100\u202f%"
    assert text.percent(0.9599999) == "96.0\u202f%"
    assert text.plural(1, "level") == "1 level"
    assert text.plural(3721, "level") == "3,721 levels"
    assert text.partial("dH2_out/dH2_in") == r"$\partial H2_{\mathrm{out}} / \partial H2_{\mathrm{in}}$"


def test_source_is_the_code_that_runs():
    assert "d_in = d_out * slope" in text.source("backward")


def test_the_formula_follows_the_weight_and_the_depth():
    deep = nnlib.Network((2, 3, 3, 1), biases=True)
    assert text.gradient_formula(nnlib.Network((4, 2, 3)).symbols, nnlib.WeightRef(1, 0, 0)) == (
        r"\frac{\partial \text{MSE}}{\partial W2} = \frac{\partial \text{MSE}}{\partial O_{\mathrm{out}}} \cdot "
        r"\underbrace{\frac{\partial O_{\mathrm{out}}}{\partial O_{\mathrm{in}}}}_{f'} \cdot "
        r"\frac{\partial O_{\mathrm{in}}}{\partial W2}"
    )
    for layer in range(3):
        formula = text.gradient_formula(deep.symbols, nnlib.WeightRef(layer, None, 0))
        assert formula.count("underbrace") == 3 - layer
        assert formula.count(r"\cdot") == 6 - 2 * layer
        assert formula.endswith(rf"{{\partial b{layer + 1}}}")


def test_a_number_below_one_is_never_written_as_one():
    assert text.below_one(0.99999999) == "just below 1"
    assert text.below_one(0.95643) == "0.9564"
