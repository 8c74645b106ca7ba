"""The chain-rule and the backpropagation page without a browser, and the pure walk behind them."""

import itertools
import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

import nnlib as nn
from dashboard import chain_walk, figures_backprop, walk_views, why
from dashboard.chain_walk import Chain, Choice
from dashboard.scenario import MAX_WORK, Scenario
from dashboard.text import number
from dashboard.theme import LIGHT
from dashboard.told import at_step, film, together, told
from dashboard.walk import PUBLISHED, WHAT, Walk, edited, moved, opening, same_step, setup_of, worked_example
from nnlib.chain import LINKS, MAX_LINKS
from nnlib.sabotage import SABOTAGES
from nnlib.trace import DETAILS

STEPS, WHY = "steps", "why"
MAIN = str(Path(__file__).parents[1] / "dashboard" / "main.py")


def page(name):
    # Straight to the page: the home page would train for a second each time.
    return alive(AppTest.from_file(MAIN, default_timeout=60).switch_page(f"app_pages/{name}.py").run())


def alive(app):
    assert not app.exception, app.exception[0].message
    assert "nan" not in text(app).lower()
    return app


def text(app):
    return "\n".join(block.value for block in (*app.markdown, *app.latex, *app.error, *app.warning))


def components(app, holding):
    """What the components were given to show, of those that show nodes, matrices or lines."""
    found = [json.loads(block.proto.json) for block in app.get("bidi_component")]
    return [data for data in found if holding in data]


def graph(app):
    drawing, shown = components(app, "nodes")[0], components(app, "moves")[0]
    assert drawing["of"] == shown["of"]
    return drawing | shown


def cells(data):
    """Every value that a component shows at its step, by its id."""
    found = {}
    data = at_step(data, data.get("step", 0))
    for node in data.get("nodes", ()):
        for cell in (*node["cells"], *([node["bias"]] if node.get("bias") else ())):
            found[cell["id"]] = cell
            if cell.get("grad"):
                found[cell["grad"]["id"]] = cell["grad"]
    for edge in data.get("edges", ()):
        if edge.get("name"):
            found[edge["id"]] = edge
    for matrix in data.get("matrices", ()):
        for row in matrix["cells"]:
            found |= {cell["id"]: cell for cell in row if cell.get("id")}
    return found


def go_to(app, pointer):
    """What the slider over all steps does."""
    kept = app.session_state["_walk"]
    app.session_state["_walk"] = kept | {"place": replace(kept["place"], pointer=pointer)}
    app.run()
    return alive(app)


def click(app, label):
    next(b for b in app.button if b.label == label).click().run()
    return alive(app)


def a_walk(scenario=None, whole=False, detail="neuron", activation="sigmoid", pointer=None, sample=0):
    setup = setup_of(scenario or Scenario(), activation)
    place = opening(setup, whole, detail)
    if pointer is not None:
        place = replace(place, pointer=pointer)
    return Walk(setup, place, sample, whole, detail)


BIASED = Scenario(biases=True, hidden_layers=2, hidden_units=3)


# --- the walk ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("detail", DETAILS)
def test_back_undoes_next(detail):
    walk = a_walk(BIASED, detail=detail)
    n = len(walk.steps)
    for pointer in range(n - 1):
        place = replace(walk.place, pointer=pointer)
        assert moved(moved(place, 1, n), -1, n) == place
    for pointer in range(1, n):
        place = replace(walk.place, pointer=pointer)
        assert moved(moved(place, -1, n), 1, n) == place
    assert moved(replace(walk.place, pointer=n - 1), 1, n).pointer == n - 1
    assert moved(replace(walk.place, pointer=0), -1, n).pointer == 0


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("detail", DETAILS)
@pytest.mark.parametrize("activation", ["sigmoid", "step", "relu"])
def test_a_number_is_the_same_in_every_view_at_every_step(whole, detail, activation):
    first = a_walk(BIASED, whole, detail, activation)
    for pointer in range(0, len(first.steps), 1 if detail == "matrix" else 3):
        walk = replace(first, place=replace(first.place, pointer=pointer))
        step = walk.step
        drawn = cells(walk_views.graph(walk, LIGHT))
        listed = cells(walk_views.matrices(walk, LIGHT))
        for name in drawn.keys() & listed.keys():
            if step.phase == "update" and drawn[name]["state"] in ("now", ""):
                continue  # a weight that has been updated is listed twice, old and new
            bare = {re.sub("^(b |\N{PARTIAL DIFFERENTIAL})", "", cells[name]["text"]) for cells in (drawn, listed)}
            assert len(bare - {""}) <= 1, (name, bare)
        if detail == "neuron" and step.name in drawn:
            shown = {re.sub("^(b |\N{PARTIAL DIFFERENTIAL})", "", v[step.name]["text"]) for v in (drawn, listed)}
            wanted = number(step.number)
            assert shown - {""} == {wanted}
            formula = walk_views.formula(walk, LIGHT)
            if not whole or step.value.ndim == 0:
                assert rf"\mathbf{{{walk_views.math_number(step.number)}}}" in formula
            else:
                assert f"**{wanted}**" in walk_views.batch_words(walk)


def test_the_curve_shows_the_same_point_and_slope():
    from dashboard.figures_backprop import activation_curve

    walk = a_walk(pointer=next(i for i, s in enumerate(a_walk().steps) if s.name == "dH_in[2]"))
    drawing = activation_curve(walk, LIGHT)
    (point,) = drawing["points"]
    assert point["at"] == [walk.number("H_in[2]"), walk.number("H_out[2]")]
    ((x1, y1), (x2, y2)) = next(line for line in drawing["lines"] if line["kind"] == "tangent")["parts"][0]
    slope = (y2 - y1) / (x2 - x1)
    assert f"output {number(walk.number('H_out[2]'))}" in drawing["alt"]
    factor = walk.step.factors[1]
    assert factor.names == ("dH_out[2]/dH_in[2]",)
    assert slope == pytest.approx(float(factor.values[0]), rel=1e-4)
    assert f"slope {number(factor.values[0])}" in walk_views.badges(walk)[0].text


def test_values_that_are_not_reached_are_not_shown():
    walk = a_walk(pointer=0)
    drawn = cells(walk_views.graph(walk, LIGHT))
    assert drawn["H_in[1]"]["text"] != walk_views.NOT_YET
    assert drawn["H_in[2]"]["text"] == drawn["MSE"]["text"] == drawn["dO_out[1]"]["text"] == walk_views.NOT_YET
    assert drawn["W1[1,1]"]["grad"] == ""
    end = replace(walk, place=replace(walk.place, pointer=len(walk.steps) - 1))
    drawn = cells(walk_views.graph(end, LIGHT))
    assert not [name for name, cell in drawn.items() if cell["text"] == walk_views.NOT_YET]
    assert drawn["W1[1,1]"]["text"] == number(end.updated("W1[1,1]"))


@pytest.mark.parametrize("detail", DETAILS)
def test_the_drawing_of_all_steps_marks_in_each_what_it_computes_and_what_it_reads(detail):
    first = a_walk(BIASED, detail=detail)
    of = walk_views.graph(first, LIGHT)["of"]
    for pointer, step in enumerate(first.steps):
        walk = first.at(pointer)
        drawing = walk_views.graph(walk, LIGHT)
        assert (drawing["of"], drawing["step"]) == (of, pointer)
        shown = cells(drawing)

        def named(names, shown=shown):
            return {id for id in shown if id in names or id.partition("[")[0] in names}

        # The line of a weight lights up with its gradient.
        own = named({step.name, step.name[1:]} if step.symbol.startswith("dW") else {step.name})
        assert {id for id, cell in shown.items() if cell["state"] == "now"} == own
        read = named(step.depends_on) - own
        assert {id for id, cell in shown.items() if cell["state"] == "input"} == read
        off = {id for id, cell in shown.items() if cell["state"] == "off"}
        assert off == {id for id, cell in shown.items() if cell["text"] == walk_views.NOT_YET}
        assert not off & (own | read)
        words = at_step(drawing["words"], pointer).replace("#", str(pointer + 1))
        assert words == f"{walk_views.position(walk)}. {walk_views.step_words(step)}"


def test_a_click_leads_the_browser_where_it_leads_the_server():
    for detail in DETAILS:
        walk = a_walk(BIASED, detail=detail)
        for id, cell in cells(walk_views.graph(walk, LIGHT)).items():
            place = walk.picked(id)
            assert place.weight == cell.get("selects", walk.place.weight)
            assert place.pointer == (walk.place.pointer if "selects" in cell else cell.get("goes", walk.place.pointer))
    chain = Chain()
    for id, cell in cells(chain_walk.graph(chain, chain.evaluated(), LIGHT)).items():
        if not id.startswith("link"):
            shown = cells(chain_walk.graph(replace(chain, pointer=cell["goes"]), chain.evaluated(), LIGHT))
            # The forward pass ends where the way back begins, at dz/dz.
            assert shown[id]["state"] == "now" or id == "z slope"


def test_other_weights_data_or_rate_make_another_drawing():
    walk = a_walk()
    of = walk_views.graph(walk, LIGHT)["of"]
    assert walk_views.graph(walk.went_on(walk.picked("W2[1,1]")), LIGHT)["of"] == of
    others = [
        walk.went_on(edited(walk.place, walk.setup, 0.5)),
        *(a_walk(**changed) for changed in ({"sample": 1}, {"whole": True}, {"detail": "matrix"})),
        *(a_walk(Scenario(**changed)) for changed in ({"lr": 0.5}, {"seed": 8})),
    ]
    assert len({of, *(walk_views.graph(other, LIGHT)["of"] for other in others)}) == 1 + len(others)


def test_a_walk_that_goes_on_keeps_no_product_of_another_weight():
    walk = a_walk(whole=True)
    before = walk.product.gradient
    other = walk.went_on(walk.picked("W2[2,3]"))
    assert other.product.ref == nn.WeightRef.parse("W2[2,3]")
    assert walk_views.paths_table(other, LIGHT) != walk_views.paths_table(walk, LIGHT)
    assert other.went_on(walk.place).product.gradient == before
    changed = walk.went_on(edited(walk.place, walk.setup, 0.5))
    assert changed.loss != walk.loss


STILLS = st.integers(1, 5).flatmap(
    lambda n: st.lists(
        st.fixed_dictionaries({"a": st.sampled_from("xyz"), "b": st.lists(st.booleans(), min_size=n, max_size=n)}),
        min_size=1,
        max_size=9,
    )
)


@given(STILLS)
def test_a_film_shows_its_stills(stills):
    whole = film(stills)
    assert [at_step(whole, i) for i in range(len(stills))] == stills


def test_what_never_changes_is_told_once():
    assert told([(0, "a"), (3, "a")]) == "a"
    assert told([(0, "a"), (0, "b"), (2, "c")]) == {"told": [[0, "b"], [2, "c"]]}
    both = together(lambda a, b: a + b, told([(0, "a"), (2, "b")]), told([(0, "x"), (3, "y")]))
    assert [at_step(both, i) for i in range(4)] == ["ax", "ax", "bx", "by"]


def test_a_name_from_another_network_changes_nothing():
    walk = a_walk()
    for name in ("W9[1,1]", "b1[1]", "H3_in[1]", "dH_in[9]", "X[1]", "", "d", "W2", "W2[", "dW2", "nonsense"):
        assert walk.picked(name) == walk.place
    assert walk.picked("dW2[1,1]").weight == "W2[1,1]"
    assert walk.at(walk.picked("MSE").pointer).step.name == "MSE"


def test_every_box_and_line_says_its_name_to_a_screen_reader():
    data = walk_views.graph(a_walk(BIASED), LIGHT)
    assert data["label"] == "The network 4-3-3-3."
    for node in data["nodes"]:
        assert node["name"]
        assert all(cell["name"] for cell in node["cells"])
    assert cells(data)["W1[1,2]"]["name"].startswith("W1[1,2]: ")


def test_update_is_locked_until_the_backward_pass_has_arrived():
    walk = a_walk(whole=True)
    assert not walk.arrived
    assert walk.after_update() == walk.place
    assert "Locked" in walk_views.update_words(walk)
    ready = replace(walk, place=replace(walk.place, pointer=walk.last_backward))
    after = replace(walk, place=ready.after_update())
    network, X, Y, start = walk.setup.network, walk.setup.X, walk.setup.Y, walk.setup.start
    gradient = nn.backward(network, start, nn.forward(network, start, X), Y).gradient
    np.testing.assert_array_equal(after.params.to_vector(), (start - walk.setup.lr * gradient).to_vector())
    assert after.place.loss_before == ready.loss
    assert after.loss < ready.loss
    assert after.step.phase == "loss"
    words = walk_views.update_words(after)
    assert f"fell, from **{number(ready.loss)}** to **{number(after.loss)}**" in words


@pytest.mark.parametrize("ref", ["W1[2,1]", "W2[1,3]"])
@pytest.mark.parametrize("whole", [False, True])
def test_the_row_of_a_weight_adds_up(ref, whole):
    walk = a_walk(whole=whole)
    walk = replace(walk, place=walk.picked(ref))
    row = {name: cell[0] for name, cell in walk_views.weight_row(walk).items()}
    old, gradient = walk.number(ref), walk.number("d" + ref)
    assert row["weight"] == ref
    assert row["new"] == number(old - walk.setup.lr * gradient)
    assert row["gradient"] == number(gradient) == number(walk.product.gradient)
    assert f"**{row['gradient']}**" in walk_views.paths_words(walk)
    table = walk_views.paths_table(walk, LIGHT)
    assert len(table["product"]) == (1 if ref[1] == "2" else 3)
    assert len(table) == (5 if ref[1] == "2" else 7)
    assert r"\underbrace" in walk_views.product_formulas(walk)[0]


def test_a_step_activation_stops_everything_and_says_so():
    walk = a_walk(activation="step", whole=True)
    at = next(i for i, s in enumerate(walk.steps) if s.name == "dO_in[1]")
    walk = replace(walk, place=replace(walk.place, pointer=at))
    assert r"\boxed" in walk_views.formula(walk, LIGHT)
    assert "is 0: the step is flat here" in walk_views.zero_words(walk)
    assert cells(walk_views.graph(walk, LIGHT))["dO_in[1]"]["state"] == "zero"
    assert walk_views.badges(walk)[0].text.startswith("Unit 1 is deaf: mean slope 0")
    end = replace(walk, place=replace(walk.place, pointer=len(walk.steps) - 1))
    assert "every update is 0" in walk_views.zero_words(end)
    assert replace(walk, place=end.after_update()).place.vector == walk.place.vector


def test_only_a_factor_of_0_glows():
    walk = a_walk()
    names = [s.name for s in walk.steps]
    assert walk.number("Y[2]") == 0
    # A target of 0 is subtracted, not multiplied with.
    assert r"\boxed" not in walk_views.formula(walk.at(names.index("dO_out[2]")), LIGHT)
    stuck = a_walk(activation="step")
    assert r"\boxed" in walk_views.formula(stuck.at(names.index("dO_in[2]")), LIGHT)
    assert r"\boxed" in walk_views.formula(stuck.at(len(names) - 1), LIGHT)
    # In the product of factors the slopes glow, and the weight between them does not.
    table = walk_views.paths_table(stuck, LIGHT)
    glowing = [all(r"\boxed" in cell for cell in column) for column in table.values()]
    assert glowing == [False, False, True, False, True, False, False]
    assert r"\boxed" not in str(walk_views.paths_table(walk, LIGHT))
    # On the way forwards a 0 stops nothing.
    zeros = replace(walk, setup=replace(walk.setup, X=np.zeros_like(walk.setup.X)))
    assert zeros.number("H_in[1]") == 0
    assert r"\boxed" not in walk_views.formula(zeros.at(0), LIGHT)


def test_another_detail_stays_at_the_same_operation():
    fine = a_walk(BIASED)
    for pointer in range(0, len(fine.steps), 5):
        walk = replace(fine, place=replace(fine.place, pointer=pointer))
        coarse = replace(walk, place=same_step(walk, "matrix"), detail="matrix")
        assert (coarse.step.phase, coarse.step.symbol) == (walk.step.phase, walk.step.symbol)
        back = replace(coarse, place=same_step(coarse, "neuron"), detail="neuron")
        assert (back.step.phase, back.step.symbol) == (walk.step.phase, walk.step.symbol)


def test_wide_and_deep_networks_are_drawn_in_part_and_it_says_so():
    network = nn.Network((12, 9, 3, 3, 3, 3, 3, 2))
    rng = np.random.default_rng(0)
    setup = replace(
        worked_example(), key=("big",), network=network, start=nn.init_params(network, rng),
        X=rng.normal(size=(2, 12)), Y=rng.uniform(size=(2, 2)),
    )  # fmt: skip
    walk = Walk(setup, opening(setup, False, "neuron"), 0, False, "neuron")
    data = walk_views.graph(walk, LIGHT)
    assert max(column["n"] for column in data["columns"]) == 8
    assert len(data["columns"]) == 8
    ids = {node["id"] for node in data["nodes"]}
    assert {"L0Umore", "between"} <= ids
    assert all({edge["a"], edge["b"]} <= ids for edge in data["edges"])
    words = " ".join(walk_views.aggregate_words(walk))
    assert "first 7" in words
    assert "one box" in words
    assert len(cells(walk_views.matrices(replace(walk, place=replace(walk.place, pointer=0)), LIGHT))) > 100


def test_the_worked_example_gives_the_published_numbers():
    setup = worked_example()
    walk = Walk(setup, opening(setup, False, "neuron"), 0, False, "neuron")
    table = walk_views.published_table(walk)
    assert len(table["ours"]) == len(PUBLISHED) + 2
    for published, ours in zip(table["published"], table["ours"], strict=True):
        assert abs(float(published) - float(ours)) <= 5e-9
    assert "0.298371109" in table["ours"]
    assert (table["published"][5], table["ours"][5]) == ("0.149185554", "0.149185554")
    assert "0.19956143" in table["published"]
    assert cells(walk_views.graph(walk, LIGHT))["b1[1]"]["text"] == "b 0.35"


def test_an_edited_weight_is_everywhere():
    walk = a_walk()
    place = edited(replace(walk.place, weight="W2[1,2]"), walk.setup, 0.5)
    walk = replace(walk, place=place)
    assert cells(walk_views.graph(walk, LIGHT))["W2[1,2]"]["text"] == "0.5"
    assert walk_views.weight_row(walk)["old"] == ["0.5"]
    network, params = walk.setup.network, walk.setup.start.replace(nn.WeightRef.parse("W2[1,2]"), 0.5)
    loss = nn.mse(nn.forward(network, params, walk.data[0]).O_out, walk.data[1])
    assert walk.number("MSE") == float(loss)


# --- why multiply by the slope? ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SABOTAGES)
def test_every_sabotage_turns_the_cells_red_that_it_breaks(name):
    found = why.make_why(Scenario(steps=5, biases=True), "sigmoid", name)
    data = walk_views.check_matrices(found.check, why.TOLERANCE, LIGHT)
    red = {id for id, cell in cells(data).items() if cell["state"] == "bad"}
    refs = found.network.refs()
    assert red == {str(ref) for ref in refs if SABOTAGES[name].touches(ref, 2)} == {str(ref) for ref in found.broken}
    assert f"{len(red)} of {len(refs)} gradients are wrong" in walk_views.check_words(found)


def test_the_right_gradient_is_all_green():
    found = why.make_why(Scenario(steps=5), "sigmoid", None)
    data = walk_views.check_matrices(found.check, why.TOLERANCE, LIGHT)
    assert {cell["state"] for cell in cells(data).values()} == {"good"}
    assert found.wrong is None
    assert "All 14 gradients agree" in walk_views.check_words(found)


def test_both_paths_start_at_the_same_place_on_the_surface():
    found = why.make_why(Scenario(steps=20), "sigmoid", "no_hidden_slope")
    for run in (found.right, found.wrong):
        for ref in found.refs:
            assert run.pair.params.get(ref)[0] == found.start.get(ref)
        assert run.pair.loss[0] == found.right.full.loss[0]
    assert found.right.pair.loss[-1] < found.right.pair.loss[0]


@pytest.mark.parametrize(("activation", "sabotage"), [("sigmoid", "no_hidden_slope"), ("step", "no_slopes")])
def test_both_paths_are_drawn_on_the_surface_they_belong_to(activation, sabotage):
    found = why.make_why(Scenario(steps=150), activation, sabotage)
    scene = figures_backprop.sabotage_scene(found)
    surface, (right, wrong) = scene["surface"], scene["runs"]
    assert surface.terraces == (activation == "step")
    assert right.origin == wrong.origin == surface.origin
    assert (right.label, wrong.label) == ("right", "sabotaged")
    assert right.dash != wrong.dash
    iris = nn.load_dataset("iris").standardized()
    for shown, run in ((right, found.right), (wrong, found.wrong)):
        np.testing.assert_array_equal(shown.first, run.pair.params.get(found.refs[0])[shown.steps])
        np.testing.assert_array_equal(shown.second, run.pair.params.get(found.refs[1])[shown.steps])
        np.testing.assert_array_equal(shown.loss, run.pair.loss[shown.steps])
        # Only the two weights have moved, so the surface is the loss of every point of both paths.
        for t in (0, len(shown.steps) - 1):
            at = [np.array([values[t]]) for values in (shown.first, shown.second)]
            height = nn.loss_surface(found.network, found.start, iris.X, iris.Y, *found.refs, *at)
            assert height[0, 0] == pytest.approx(shown.loss[t], abs=1e-15)
        # The arrow is the right gradient's, also where another one is followed.
        last = run.pair.params[-1]
        passed = nn.backward(found.network, last, nn.forward(found.network, last, iris.X), iris.Y)
        assert shown.down_first[-1] == pytest.approx(-passed.gradient.get(found.refs[0]), abs=1e-15)


def test_a_path_that_stops_stands_there_until_the_other_ends():
    path = why.make_why(Scenario(steps=30), "sigmoid", "wrong_sign").right.pair
    short = replace(path, params=path.params[:11], loss=path.loss[:11], stopped_at=11)
    network, iris = nn.Network((4, 2, 3)), nn.load_dataset("iris").standardized()
    refs = (nn.WeightRef(0, 1, 1), nn.WeightRef(0, 2, 0))
    shown = why._shown(network, short, 30, iris.X, iris.Y, refs, "short", {})
    assert shown.stopped_at == 11
    assert list(shown.steps) == list(range(31))
    assert set(shown.loss[10:]) == {path.loss[10]}


def test_two_paths_that_are_the_same_are_called_so():
    # Both weights of the picture are in W1, whose gradient does not use the values of hidden units.
    same = why.make_why(Scenario(steps=5), "sigmoid", "z_for_a")
    other = why.make_why(Scenario(steps=5), "sigmoid", "no_mean")
    assert "Both paths are the same" in walk_views.why_path_words(same)
    assert "Both paths are the same" not in walk_views.why_path_words(other)


def test_without_any_slope_the_step_moves():
    found = why.make_why(Scenario(steps=20), "step", "no_slopes")
    assert "It has not moved at all" in walk_views.why_path_words(found).splitlines()[0]
    assert "It has not moved at all" not in walk_views.why_path_words(found).splitlines()[1]
    assert "straight-through" in SABOTAGES["no_slopes"].note


# --- the pages --------------------------------------------------------------------------------------------------------


def test_backpropagation_opens_at_the_loss_with_the_way_back_ahead():
    app = page("backpropagation")
    assert "Step 11 of 49, loss" in text(app)
    assert next(b for b in app.button if b.label == "Update all weights").disabled
    shown = cells(graph(app))
    iris = nn.load_dataset("iris").standardized()
    network = nn.Network((4, 2, 3))
    p = nn.forward(network, nn.init_params(network, np.random.default_rng(Scenario().seed)), iris.X[:1])
    assert shown["H_out[2]"]["text"] == number(p["H_out"][0, 1])
    assert shown["MSE"]["text"] == number(nn.mse(p.O_out, iris.Y[:1]))


def test_next_back_and_the_phases_move_the_one_pointer():
    app = page("backpropagation")
    click(app, "Next")
    assert "Step 12 of 49, backward" in text(app)
    assert graph(app)["step"] == 11
    click(app, "Back")
    assert "Step 11 of 49, loss" in text(app)
    click(app, "Update")
    assert "Step 36 of 49, update" in text(app)
    assert not next(b for b in app.button if b.label == "Update all weights").disabled
    click(app, "Forward")
    assert "Step 1 of 49, forward" in text(app)
    assert next(b for b in app.button if b.label == "Back").disabled
    go_to(app, 48)
    assert "Step 49 of 49" in text(app)
    assert next(b for b in app.button if b.label == "Next").disabled


def test_an_update_changes_the_weights_and_can_be_taken_back():
    app = page("backpropagation")
    before = cells(graph(app))["W2[1,1]"]["text"]
    click(app, "Update")
    click(app, "Update all weights")
    assert "After 1 update: the loss on sample 1 fell" in text(app)
    assert cells(graph(app))["W2[1,1]"]["text"] != before
    click(app, "Back to the first weights")
    assert cells(graph(app))["W2[1,1]"]["text"] == before


@pytest.mark.parametrize(
    ("key", "value"),
    [("seed", 8), ("dataset", "xor"), ("activation", "tanh"), ("hidden_units", 5), ("biases", True), ("noise", 0.5)],
)
def test_no_view_is_stale_after_an_edit(key, value):
    app = page("backpropagation")
    click(app, "Update")
    click(app, "Update all weights")
    app.run()  # the update has redrawn its part of the page alone
    kinds = (app.number_input, app.selectbox, app.slider, app.toggle)
    widget = next(w for kind in kinds for w in kind if w.key == key)
    widget.set_value(value).run()
    alive(app)
    s = Scenario(**{field: app.session_state[field] for field in Scenario().as_dict()})
    fresh = a_walk(s, activation=s.activation)
    shown = cells(graph(app))
    wanted = cells(walk_views.graph(fresh, LIGHT))
    assert {name: cell["text"] for name, cell in shown.items()} == {n: c["text"] for n, c in wanted.items()}
    assert "After 1 update" not in text(app)
    assert f"**{number(fresh.product.gradient)}**" in text(app)


def test_typing_a_weight_and_choosing_another():
    app = page("backpropagation")
    app.selectbox(key="walk_weight").set_value("W2[2,3]").run()
    alive(app)
    assert graph(app)["selected"] == "W2[2,3]"
    app.number_input(key="walk_value").set_value(0.25).run()
    alive(app)
    assert cells(graph(app))["W2[2,3]"]["text"] == "0.25"


def test_every_choice_of_the_walk_at_every_phase():
    app = page("backpropagation")
    for net, what, detail in itertools.product(("sidebar", "example"), WHAT, DETAILS):
        for key, value in (("walk_net", net), ("walk_what", what), ("walk_detail", detail)):
            app.segmented_control(key=key).set_value(value)
        app.run()
        for label in ("Forward", "Loss", "Backward", "Update"):
            click(app, label)
        if net == "example":
            assert "0.298371109" in str(app.table[-1].value)


def test_the_step_activation_says_why_nothing_moves():
    app = page("backpropagation")
    app.segmented_control(key="walk_activation").set_value("step").run()
    go_to(app, 14)
    assert "the step is flat here" in text(app)
    click(app, "Update")
    assert "every update is 0" in text(app)


def test_every_sabotage_has_its_banner_and_none_has_none():
    app = page("backpropagation")
    app.number_input(key="steps").set_value(5)
    app.segmented_control(key="walk_part").set_value(WHY).run()
    for name in ("none", *SABOTAGES):
        app.selectbox(key="sabotage").set_value(name).run()
        alive(app)
        banner = "Sabotage is on" in text(app)
        assert banner == (name != "none")
        bad = [cell for cell in cells(components(app, "matrices")[0]).values() if cell["state"] == "bad"]
        assert bool(bad) == (name != "none")


def test_the_sabotage_touches_nothing_but_its_experiment():
    app = page("backpropagation")
    before = graph(app)
    assert "Sabotage" not in text(app)
    app.segmented_control(key="walk_part").set_value(WHY).run()
    app.selectbox(key="sabotage").set_value("wrong_sign").run()
    assert "Sabotage is on: turn the sign around" in text(app)
    app.segmented_control(key="walk_part").set_value(STEPS).run()
    assert graph(app) == before


def test_chain_rule_opens_on_the_worked_example():
    app = page("chain_rule")
    assert "If x grows by a tiny amount, z grows by 24 times that amount." in text(app)
    shown = cells(graph(app))
    assert [shown[f"{v} value"]["text"] for v in "xyz"] == ["2", "4", "16"]
    assert [shown[f"{v} slope"]["text"] for v in "xyz"] == ["dz/dx = 24", "dz/dy = 8", "dz/dz = 1"]
    assert r"8 \cdot 3 = \mathbf{24}" in text(app)
    assert "z = (3x - 2)^2 = 9x^{2} - 12x + 4" in text(app)
    assert r"18x - 12 = \mathbf{24}" in text(app)


def test_chain_rule_one_operation_a_click_forwards_and_back():
    app = page("chain_rule")
    click(app, "Start")
    seen = [cells(graph(app))]
    for _ in range(4):
        click(app, "Next")
        seen.append(cells(graph(app)))
    known = [sum(cell["text"] != "\N{MIDDLE DOT}" for id, cell in s.items() if "link" not in id) for s in seen]
    assert known == [1, 2, 4, 5, 6]
    n_formulas = len(app.latex)
    for wanted in reversed(seen[:-1]):
        click(app, "Back")
        assert cells(graph(app)) == wanted
        # What the end will tell is not told before, but its room is kept.
        assert not any("24" in f.value for f in app.latex if "phantom" not in f.value)
        assert len(app.latex) == n_formulas


def test_chain_rule_add_a_link_and_put_a_step_in():
    app = page("chain_rule")
    click(app, "Add a link in front")
    assert "If v grows by a tiny amount, z grows by 48 times" in text(app)
    assert r"\frac{dz}{dy} \cdot \frac{dy}{dx} \cdot \frac{dx}{dv}" in text(app)
    click(app, "Put a step in")
    assert "Link 3 (step) is flat at y = 4: dz/dy is 0. That factor alone makes the whole product 0." in text(app)
    for _ in range(MAX_LINKS - 3):
        click(app, "Add a link in front")
    assert next(b for b in app.button if b.label == "Add a link in front").disabled
    for _ in range(MAX_LINKS - 1):
        click(app, "Remove")
    assert all(b.disabled for b in app.button if b.label == "Remove")
    click(app, "The worked example")
    assert "24 times" in text(app)


def test_chain_rule_every_kind_of_link():
    app = page("chain_rule")
    app.session_state["chain_x"] = -1.5
    app.select_slider(key="chain_dx").set_value(0.01)
    for kind in LINKS:
        app.selectbox(key="chain_kind_0").set_value(kind).run()
        alive(app)
        assert len(components(app, "lines")) == 2


def test_chain_rule_a_chain_that_blows_up_is_named():
    app = page("chain_rule")
    for place in (0, 1):
        app.selectbox(key=f"chain_kind_{place}").set_value("exp").run()
    app.session_state["chain_x"] = 5.0
    app.run()
    alive(app)
    assert "This chain cannot be shown" in text(app)
    assert "link 2 (exp)" in text(app)


def test_chains_move_and_change_as_values():
    chain = Chain()
    for pointer in range(chain.n_steps):
        at = replace(chain, pointer=pointer)
        assert chain_walk.moved(chain_walk.moved(at, 1), -1) == at
    longer = chain_walk.with_link_in_front(chain)
    assert longer.evaluated().values[1:] == chain.evaluated().values
    assert chain_walk.without_link(longer, 0).choices == chain.choices
    assert chain_walk.with_number(chain, 0, 0, 5.0).choices[0] == Choice("affine", (5.0, -2.0))
    assert chain_walk.with_number(chain, 1, 0, 5.0) == chain
    assert chain_walk.with_kind(chain, 7, "sin") == chain


def test_the_nudge_says_what_there_is_to_see():
    def said(*choices, x=2.0, dx=0.1):
        chain = Chain(choices, x)
        return chain_walk.nudge_words(chain.evaluated(), chain_walk.nudged(chain, dx))

    line, square, step = Choice("affine", (3.0, -2.0)), Choice("square"), Choice("step", (2.05,))
    assert "The gap is 0.09. Make the nudge smaller" in said(line, square)
    assert "There is no gap" in said(line)
    assert "There is no gap" in said(step, dx=0.01)
    assert "The gap is 1. A step stays flat or jumps" in said(step)
    assert "Make the nudge smaller" in said(line, square, Choice("relu"))


def test_a_chain_that_stands_still_has_no_empty_picture():
    app = page("chain_rule")
    assert len(app.get("plotly_chart")) == 1
    click(app, "Put a step in")
    assert "None of these nudges moves z at all." in text(app)
    assert not app.get("plotly_chart")


def test_a_long_chain_writes_its_formula_over_lines():
    chain = Chain(tuple(Choice("affine", (2.0, 0.0)) for _ in range(6)) + Chain().choices, 0.03125)
    written = chain_walk.substitution(chain, chain.evaluated())
    assert written[0].startswith(r"\begin{aligned} z &= (3")
    assert r"\\[4pt] &= 36864q^{2} - 768q + 4 \end{aligned}" in written[0]
    assert chain_walk.substitution(Chain(), Chain().evaluated())[0] == "z = (3x - 2)^2 = 9x^{2} - 12x + 4"


def test_the_nudge_table_is_the_nudge():
    chain = Chain()
    pushed = chain_walk.nudged(chain, 0.1)
    table = chain_walk.nudge_table(chain.evaluated(), pushed)
    assert table["predicted"][-1].endswith("= 2.4")
    assert table["actual"][-1] == "2.49"
    assert table["gap"][-1] == "0.09"
    assert math.isclose(pushed.gap, 0.09)


def test_the_check_of_every_nudge_is_bounded_and_says_so():
    assert why.eps_samples(nn.Network((4, 2, 3)), 150) == 150
    network = nn.Network((2, *[8] * 6, 1), biases=True)
    n = why.eps_samples(network, 500)
    assert n == MAX_WORK // (2 * len(why.EPS) * network.n_parameters * sum(network.sizes[1:])) < 500
    app = AppTest.from_file(MAIN, default_timeout=120).switch_page("app_pages/backpropagation.py")
    large = {"dataset": "spirals", "hidden_sizes": "8 8 8 8 8 8", "samples": "500", "steps": "1", "walk_part": WHY}
    app.query_params.update(large)
    assert any(f"the first {n} samples" in caption.value for caption in alive(app.run()).caption)
