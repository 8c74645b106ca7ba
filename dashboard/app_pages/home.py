"""Why can't a step learn? Two networks that differ only in their activation, from curve to surface to descent."""

import functools
from typing import Any

import streamlit as st

from dashboard import controls, experiment, figures
from dashboard.experiment import Column
from dashboard.scenario import Scenario
from dashboard.text import (
    below_one,
    count,
    diverged,
    gradient_formula,
    noun,
    number,
    partial,
    percent,
    plural,
    source,
    title,
)

s = controls.scenario()
colours = controls.colours()
names = ("Step", title(s.activation))
hues = (colours.step, colours.smooth)
sides = ("left", "right")

st.title("Why can't a step learn?", anchor=False)
differs = (
    "Here not even the activation function differs: both columns show the step. Choose another one in the sidebar. "
    if s.activation == "step" and s.output in ("same", "step")
    else "Only the activation function differs. "
)
st.markdown(
    "Two networks get the same data and the same initial weights. "
    + differs
    + "Backpropagation multiplies by its slope, and **a step's slope is 0**."
)

# --- 1. The curves ----------------------------------------------------------------------------------------------------
st.header("The two functions and their slopes", anchor=False)
at_probe, at_threshold, at_steepness = st.columns(3, gap="medium")
controls.live("probe", "Probe x", "Look at both functions here: value, slope and tangent.", at_probe, step=0.1)
controls.live(
    "threshold",
    "Threshold of both" if s.threshold_in_nets else "Threshold of the step",
    "Where the step jumps from 0 to 1. The article's step jumps at 2. With the threshold 0 it nearly coincides "
    "with the sigmoid, except close to 0.",
    at_threshold,
    step=0.1,
    bends=s.threshold_in_nets,
)
controls.live(
    "steepness",
    "Steepness k",
    "The sigmoid is 1 / (1 + exp(-k (x - threshold))). As k grows it turns into the step.",
    at_steepness,
    scale="log",
    disabled=s.activation != "sigmoid",
    bends=True,
)
curve = controls.Follows()
# What moves the surfaces too changes numbers all over the page when it is let go.
both_nets = controls.Follows(("grounds", "descents"), None, bends=True)


def both_curves() -> None:
    """Draw what the probe and the threshold of the curves change, so that dragging them draws nothing else."""
    s = controls.scenario()
    pair = experiment.curve_activations(s)
    for place, side, name, hue, f in zip(st.columns(2, gap="medium"), sides, names, hues, pair, strict=True):
        with place:
            here = figures.probe(f, s.probe)
            slope = f"slope {number(here.slope)}" if here.exists else "no slope here"
            st.markdown(f"**{name}:** f({number(s.probe)}) = {number(here.f)}, {slope}")
            ghost = pair[1] if side == "left" else None
            controls.show_kept(
                f"curves {side}",
                (s.activation, s.steepness, s.net_threshold, s.threshold, s.probe, hue),
                figures.curves,
                *(f, ghost, s.probe, hue, colours),
            )
    top = figures.peak(pair[1])
    if s.activation == "step":
        about = "You chose the step for the right column too."
    elif pair[1].form:
        about = (
            f"The {noun(s.activation)}'s slope is largest at {number(top.x)}, where it is {number(top.slope)}. It is "
            f"below {number(figures.FLAT)} on {percent(top.flat_share)} of the drawn range."
        )
    else:
        about = (
            f"The {noun(s.activation)}'s slope is {number(top.ends[0])} at the left end of the drawn range and "
            f"{number(top.ends[1])} at the right end."
        )
    st.markdown(
        "The step is flat on both sides of its jump: its slope is 0. "
        f"At the jump, {number(s.threshold)}, it has no slope. {about}"
    )


controls.live_part(
    both_curves,
    "curves",
    {"probe": curve, "threshold": both_nets if s.threshold_in_nets else curve, "steepness": both_nets},
)

with st.container(horizontal=True, vertical_alignment="center"):
    controls.move_button("Threshold 0", "Put the step's threshold at 0.", threshold=0.0)
    controls.move_button("Threshold 2", "Put the step's threshold at 2, as in the article.", threshold=2.0)
    controls.toggle(
        "threshold_in_nets",
        "use this threshold in the nets",
        "Off: both networks below use the threshold 0. On: both use the one chosen above.",
    )
    st.markdown(f"The networks below use the threshold **{number(s.net_threshold)}**.")

# --- 2. The loss surfaces ---------------------------------------------------------------------------------------------
problem = controls.problem_for(s)
first, second = problem.refs
n_parameters, n_samples = problem.start.n_parameters, len(problem.dataset.X)

st.header(f"The loss over two weights, {first} and {second}", anchor=False)
st.markdown(
    f"A surface shows the MSE (half the mean squared error) of one network on all {plural(n_samples, 'sample')}, "
    f"for every pair of values of {first} and {second}. The other {plural(n_parameters - 2, 'parameter')} stand still. "
    "The line on it is gradient descent on these two weights alone. Drag its start, or click a surface or a map."
)
controls.warn(problem.messages)
at_range, at_resolution, _ = st.columns([3, 3, 2], gap="medium")
controls.grid_range(at_range)
controls.slider(
    "resolution", "Resolution", at_resolution, "Grid points in each direction. More show finer terraces.", step=10
)
at_first, at_second, at_undo = st.columns([3, 3, 2], gap="medium", vertical_alignment="bottom")
controls.start_slider(problem, 0, at_first)
controls.start_slider(problem, 1, at_second)
controls.start_buttons(problem, at_undo.container(horizontal=True))
controls.columns_for(s, problem)  # a long descent shows its progress here


def present() -> tuple[Scenario, tuple[Column, Column]]:
    """Return the settings and both columns as they are by now, in a part that is drawn anew without the page."""
    s = controls.scenario()
    return s, controls.columns_for(s, controls.problem_for(s), quiet=True)


def grounds() -> None:
    """Send the two surfaces: only a steepness or a threshold moves them under the hand."""
    controls.show_grounds(present()[1], sides)


def descents() -> list[dict[str, Any]]:
    """Return the two descents: all that a learning rate or a start changes while it is dragged."""
    headings = [f"{name}: {'terraces' if name == 'Step' else 'slopes'}" for name in names]
    return controls.paths(present()[1], sides, headings)


def facts_beside(place: int) -> None:
    """Say what there is to say about one column. It waits until the hand lets go."""
    s, columns = present()
    with st.container(key=f"facts_{sides[place]}"):
        st.markdown(facts(s, names[place], columns[place], columns))


def facts(s: Scenario, name: str, column: Column, columns: tuple[Column, Column]) -> str:
    """Return what there is to say about one column: its surface, its two weights, how its network learnt and why."""
    ground, pair = column.ground, column.runs.pair
    low, high = ground.heights
    lines = [
        f"- **{plural(ground.terraces.levels, 'distinct level')}** on {plural(ground.surface.size, 'grid point')}; "
        f"{percent(ground.terraces.changing_share)} of neighbouring points differ.",
        f"- The height axis is not the other picture's: it reaches from {number(low)} to {number(high)}."
        if figures.other_heights(columns)
        else "",
        f"- Largest gradient that backpropagation finds, looking at {plural(ground.n_field, 'grid point')}: "
        f"**{number(ground.steepest)}**.",
    ]
    parts = [
        "\n".join(filter(None, lines)),
        f"### {name}: gradient descent from the same start",
        controls.weight_table(column),
    ]
    for which, run in (("two weights", pair), ("whole net", column.runs.full)):
        if run.diverged_at >= 0:
            parts.append(f":red[**{diverged(f'run of the {which}', int(run.diverged_at))}**]")
    parts.append(what_stands_still(column) if column.ground.is_step else how_far(s, column))
    if column.n_drawn <= pair.n_steps:
        parts.append(f"**The path runs away.** It leaves the picture at step {count(column.n_drawn)}.")
    if problem.dataset.class_names:
        parts.append(
            f"Accuracy of the whole net (ties count as wrong): **{percent(column.accuracy_before)}** before, "
            f"**{percent(column.accuracy_after)}** after all weights have learnt."
        )
    return "\n\n".join(filter(None, parts))


def what_stands_still(column: Column) -> str:
    """Return why a step's path has no length: which factors of the gradient are 0."""
    blocked = [z for z in column.slopes if z.zeros == z.total]
    if not blocked or column.moved != 0:
        return ""
    factors = " and ".join(
        f"{partial(z.factor)} is 0 for all {count(z.total)} values ({plural(n_samples, 'sample')} x "
        f"{plural(z.total // n_samples, 'unit')})"
        for z in blocked
    )
    return (
        f"**The step's path has length 0.** The gradient is a product, and {factors}. So the product is 0, every "
        f"update is 0, and after {plural(column.runs.pair.n_steps, 'step')} each weight is where it began."
    )


def how_far(s: Scenario, column: Column) -> str:
    """Return how far the other activation's path goes, and what its network answers then."""
    pair, full = column.runs.pair, column.runs.full
    lowest, highest = column.outputs
    drawn = ", as far as it is drawn," if column.n_drawn <= pair.n_steps else ""
    return (
        f"**The {noun(s.activation)}'s path{drawn} has length {number(column.moved)}.** "
        f"In {plural(pair.n_steps, 'step')} the loss goes from {number(pair.loss[0])} to "
        f"{number(pair.loss[-1])} when two weights learn, and to {number(full.loss[-1])} when all do. "
        + (
            f"The trained network no longer answers just 0 or 1, but anything strictly between: here from "
            f"{number(lowest)} to {below_one(highest)}."
            if s.activation == "sigmoid"
            else f"The trained network answers {number(lowest)} whatever the input."
            if lowest == highest
            else f"The trained network's outputs go from {number(lowest)} to {number(highest)}."
        )
    )


controls.live_part(grounds, "grounds")
controls.live_part(
    descents,
    "descents",
    {
        "lr": controls.Follows(at_last=("facts left", "facts right", "tries"), bends=True),
        # The button that undoes an own start stands outside.
        **dict.fromkeys(controls.SHOWN_START, controls.Follows(at_last=None, bends=True)),
    },
)
for place, at in enumerate(st.columns(2, gap="medium")):
    with at:
        controls.show_stage(sides[place])
        controls.live_part(functools.partial(facts_beside, place), f"facts {sides[place]}")

st.caption(
    "At a jump the step has no slope. Backpropagation takes 0 there by convention, "
    "so its gradient is 0 at every point of the terraces. "
    f"The dashed loss curves are other runs, in which all {count(n_parameters)} parameters learn. "
    f"Their paths are not drawn: a surface holds the other {plural(n_parameters - 2, 'parameter')} still, "
    "so they would leave this slice."
)

# --- 4. The reason ----------------------------------------------------------------------------------------------------
st.header("The gradient is a product", anchor=False)
st.markdown(
    "Backpropagation is gradient descent, partial derivatives and the chain rule together. Written out as one "
    "formula, the derivative of the MSE with respect to a weight is long. The chain rule makes it a product of "
    "short factors:"
)
for formula in dict.fromkeys(gradient_formula(problem.networks[0].symbols, ref) for ref in problem.refs):
    st.latex(formula)
st.markdown("Every factor marked $f'$ is a slope of the activation function. **For a step it is 0.**")

# --- 5. Try this ------------------------------------------------------------------------------------------------------
st.header("Try this", anchor=False)


def tries() -> None:
    """Draw three moves to make, each with what the page shows now."""
    s = controls.scenario()
    left, right = controls.columns_for(s, controls.problem_for(s), quiet=True)
    levels = left.ground.terraces.levels
    moves = (
        (
            "Turn the sigmoid into a step",
            {"activation": "sigmoid", "steepness": 50.0, "threshold": 0.0},
            "k = 50: its peak slope is 12.5, but almost everywhere it is flat. Does it still learn?",
            f"Now k is {number(s.steepness)}, and the whole network reaches {percent(right.accuracy_after)}.",
        ),
        (
            "Put the threshold 2 into the nets",
            controls.opening_of("iris") | {"threshold": 2.0, "threshold_in_nets": True},
            "Each unit's weighted sum now has to reach 2 before it jumps. How many levels are left?",
            f"Now the step's surface has {plural(levels, 'level')}"
            + (": no output changes anywhere on this grid." if levels == 1 else "."),
        ),
        (
            "Learn far too fast",
            controls.opening_of("iris") | {"lr": 1000.0},
            "Learning rate 1000: the run of the whole network leaps onto a plateau. Compare its loss and accuracy.",
            f"Now the rate is {number(s.lr)}. The whole network ends at MSE {number(right.runs.full.loss[-1])}, "
            f"{percent(right.accuracy_after)} right.",
        ),
    )
    for place, (label, values, question, answer) in zip(st.columns(3, gap="medium"), moves, strict=True):
        with place:
            controls.move_button(label, "Sets the controls. Reset everything, in the sidebar, undoes it.", **values)
            st.markdown(f"{question}\n\n*{answer}*")


controls.live_part(tries, "tries")

with st.expander("The code behind it"):
    st.markdown(
        "The backward pass of `nnlib`, as one reads it. The descents run a faster version of it, "
        "which the tests compare with this one."
    )
    st.code(source("backward"), language="python")
