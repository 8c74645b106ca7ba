"""The chain rule on plain numbers, against hand calculations and central differences."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnlib import chain
from nnlib.chain import LINKS, affine, cube, evaluate, expand, nudge, square, step

EXAMPLE = (affine(3, -2), square())


def test_the_worked_example():
    # x = 2: y = 3 * 2 - 2 = 4, z = 4^2 = 16; dz/dy = 2 * 4 = 8, dy/dx = 3, dz/dx = 24.
    p = evaluate(EXAMPLE, 2)
    assert p.symbols == ("x", "y", "z")
    assert p.values == (2, 4, 16)
    assert p.slopes == (3, 8)
    assert p.products == (24, 8, 1)
    assert p.slope == 24
    assert p.zero_links == p.broken_links == ()


def test_the_check_by_substitution():
    # z = (3x - 2)^2 = 9x^2 - 12x + 4; dz/dx = 18x - 12, which is 24 at x = 2.
    whole = expand(EXAMPLE)
    assert whole == (4, -12, 9)
    slope = chain.polynomial_slope(whole)
    assert slope == (-12, 18)
    assert chain.polynomial_value(slope, 2) == 24
    assert chain.polynomial_written(whole, "x") == "9x^{2} - 12x + 4"
    assert chain.polynomial_written(slope, "x") == "18x - 12"
    assert chain.polynomial_written((0, -1, 0.5), "v") == "0.5v^{2} - v"
    assert chain.polynomial_written((0,), "v") == "0"


def test_one_link_more_multiplies_by_one_factor_more():
    # x = 2v, v = 1: dz/dv = 24 * 2 = 48.
    p = evaluate((affine(2, 0), *EXAMPLE), 1)
    assert p.symbols == ("v", "x", "y", "z")
    assert p.values == (1, 2, 4, 16)
    assert p.products == (48, 24, 8, 1)


@pytest.mark.parametrize("name", LINKS)
@pytest.mark.parametrize("u", [-1.3, -0.2, 0.4, 1.7])
def test_every_slope_is_the_central_difference(name, u):
    link = LINKS[name]()
    assert evaluate([link], u).slope == pytest.approx(chain.numerical_slope([link], u), rel=1e-8, abs=1e-9)
    # The same functions draw the curves, so they work on arrays.
    grid = np.linspace(-2, 2, 7)
    assert link.f(grid).shape == link.slope(grid).shape == grid.shape


@pytest.mark.parametrize("name", LINKS)
def test_every_formula_takes_a_symbol_and_a_number(name):
    link = LINKS[name]()
    assert "@" not in link.written("x") + link.slope_written("(-1.5)")
    assert link.written("x").count("{") == link.written("x").count("}")


@given(st.lists(st.sampled_from(["affine", "sin", "sigmoid", "tanh"]), min_size=1, max_size=8), st.floats(-2, 2))
def test_the_product_is_the_slope_of_any_chain(names, x):
    links = [LINKS[n](0.8, 0.1) if n == "affine" else LINKS[n]() for n in names]
    p = evaluate(links, x)
    assert p.slope == pytest.approx(math.prod(p.slopes), rel=1e-12)
    assert p.slope == pytest.approx(chain.numerical_slope(links, x), rel=1e-6, abs=1e-9)


@given(st.lists(st.sampled_from([affine(3, -2), affine(-0.5, 1), square(), cube()]), min_size=1, max_size=3),
       st.floats(-1.5, 1.5))  # fmt: skip
def test_substitution_agrees_with_the_chain(links, x):
    whole = expand(links)
    if whole is None:
        return
    p = evaluate(links, x)
    size = sum(abs(c) * abs(x) ** i for i, c in enumerate(whole)) + max(map(abs, p.values))  # what may cancel
    assert chain.polynomial_value(whole, x) == pytest.approx(p.output, rel=1e-12, abs=1e-12 * size)
    slope = chain.polynomial_slope(whole)
    assert chain.polynomial_value(slope, x) == pytest.approx(p.slope, rel=1e-9, abs=1e-10 * (1 + size))


def test_only_short_polynomials_are_written_out():
    assert expand([square(), LINKS["sin"]()]) is None
    assert expand([cube(), cube(), square()]) is None  # degree 18
    assert len(expand([cube(), square(), square()])) == 13


def test_a_step_link_makes_the_whole_product_zero_and_is_named():
    p = evaluate((affine(3, -2), step(2), square()), 2)
    assert p.slopes == (3, 0, 2)
    assert p.products == (0, 0, 2, 1)
    assert p.zero_links == (1,)
    assert p.broken_links == ()
    assert evaluate((step(2),), 2).broken_links == (0,)


def test_a_zero_product_without_a_zero_link_has_none_to_name():
    # 1e-200 * 1e-200 is 0 in floating point, but no factor is.
    p = evaluate((affine(1e-200, 0), affine(1e-200, 0)), 1)
    assert p.slope == 0
    assert p.zero_links == ()


def test_the_nudge_predicts_and_its_gap_shrinks_faster_than_the_nudge():
    # z(2 + dx) - 16 = 24 dx + 9 dx^2 exactly.
    for dx in (0.1, 0.01, -0.1):
        n = nudge(EXAMPLE, 2, dx)
        assert n.predicted == pytest.approx((dx, 3 * dx, 24 * dx))
        assert n.actual[0] == n.predicted[0] == dx
        assert n.actual[-1] == pytest.approx(24 * dx + 9 * dx**2)
        assert n.gap == pytest.approx(9 * dx**2, rel=1e-9)


@pytest.mark.parametrize(
    ("links", "x", "message"),
    [
        ([], 1, "1 to 8 links, got 0"),
        ([square()] * 9, 1, "1 to 8 links, got 9"),
        (EXAMPLE, math.nan, "x must be a finite number"),
        ([LINKS["exp"]()] * 3, 4, r"the slope of link 2 \(exp\) leaves the range"),
        ([cube()] * 4, 10, "leaves the range"),
    ],
)
def test_what_it_refuses(links, x, message):
    with pytest.raises(ValueError, match=message):
        evaluate(links, x)


def test_other_refusals():
    with pytest.raises(ValueError, match="a must be a finite number"):
        affine(math.inf, 0)
    with pytest.raises(ValueError, match="eps must be positive"):
        chain.numerical_slope(EXAMPLE, 2, 0)


def test_negative_and_unit_numbers_are_written_as_one_writes_them():
    assert affine(3, -2).written("x") == "3x - 2"
    assert affine(3, -2).written("(-4)") == r"3 \cdot (-4) - 2"
    assert square().slope_written("y") == "2y"
    assert affine(1, 0).written("x") == "x"
    assert affine(-1, 0.5).written("x") == "-x + 0.5"
    assert LINKS["sigmoid"](2, 1).written("x") == r"\sigma(2 \cdot (x - 1))"
