"""How does one error reach every weight? A forward and a backward pass, one operation at a time, in four views."""

import inspect

import streamlit as st

import nnlib
from dashboard import components, controls, figures_backprop, walk_views
from dashboard.scenario import MAX_WHY_STEPS
from dashboard.text import count, number, plural
from dashboard.why import TOLERANCE, eps_samples
from nnlib.sabotage import SABOTAGES

s = controls.scenario()
colours = controls.colours()

st.title("How does one error reach every weight?", anchor=False)
st.markdown(
    "Forwards, the inputs become outputs, and the loss says how wrong they are. Backwards, the loss is traced to every "
    "weight: at each link of the chain, **multiply by one more slope**."
)


@st.fragment(key=controls.WALK)
def step_by_step() -> None:
    """One pointer, four views of the same step."""
    # The graph is made first, so that it is on its way while the rest is computed.
    above, network = st.container(), st.container()
    walk = controls.walk(s)
    with network:
        controls.walk_graph(walk)
        controls.walk_in_link()
    parts = controls.walk_parts(walk)
    with above:
        controls.walk_pointer(walk)
        components.notes(key="walk_words", data=parts["words"])
    st.caption(
        "Boxes: what enters and what leaves each unit. \N{PARTIAL DIFFERENTIAL}: the gradient of the MSE with respect "
        "to the number above it. f\N{PRIME}: the unit's slope. Click a number to go there, a line to select its weight."
    )
    calculation, curve = st.columns([7, 4], gap="medium")
    with calculation:
        components.notes(key="walk_formula", data=parts["formula"])
    with curve:
        components.curve(key="walk_curve", data=parts["curve"])
    components.notes(key="walk_badges", data=parts["badges"])
    controls.walk_matrices(parts["matrices"])
    controls.update_button(walk)
    components.notes(key="walk_update_words", data=parts["update"])


@st.fragment(key=controls.WHOLE_WALK)
def walk_and_weight() -> None:
    """The walk, and the product of factors of one weight, which does not depend on the pointer.

    A step redraws the inner part alone; another weight or another value of it is one run of both.
    """
    step_by_step()
    walk = controls.walk(s)
    st.header("One weight, its whole product of factors", anchor=False)
    controls.walk_weight(walk)
    components.notes(key="walk_product", data=controls.walk_parts(walk)["weight"])
    if walk.setup.key == ("worked example",):
        with st.expander("The published numbers beside ours", expanded=True):
            st.markdown(walk_views.PUBLISHED_WORDS)
            st.table(walk_views.published_table(walk), hide_index=True, border="horizontal")


@st.fragment
def why_the_slope() -> None:
    """Train right and wrong from the same start."""
    st.markdown(
        "Leave a factor out and see. Two runs start from the same weights. One uses the right gradient, the other a "
        "sabotaged one."
    )
    name = controls.choose_sabotage()
    why = controls.why_for(s, controls.walk_activation(s), name)
    with st.container():
        if why.wrong is not None:
            sabotage = SABOTAGES[why.wrong.sabotage]
            st.warning(
                f"**Sabotage is on: {sabotage.title}.** {sabotage.change}. "
                "It only affects the run marked sabotaged, here below.",
                icon=":material/report:",
            )
            if sabotage.note:
                st.markdown(sabotage.note)
    st.subheader(f"Only {why.refs[0]} and {why.refs[1]} learn: both paths on the surface", anchor=False)
    controls.show_why(why)
    st.markdown(walk_views.why_path_words(why))
    st.subheader("The whole network learns", anchor=False)
    left, right = st.columns([3, 2], gap="medium", vertical_alignment="center")
    with left:
        picture = figures_backprop.sabotage_losses(why, colours)
        controls.show(picture, "why_losses")
    right.markdown(walk_views.why_full_words(why))
    st.subheader("The gradient check", anchor=False)
    st.markdown(walk_views.check_words(why))
    controls.check_table(why.check, TOLERANCE)
    st.caption(
        f"Both runs take {plural(min(s.steps, MAX_WHY_STEPS), 'step')} at learning rate {number(s.lr)}. A cell is "
        f"wrong if it differs from the central difference by more than {number(TOLERANCE)} of the largest gradient."
    )
    with st.expander("How far can the check be trusted?"):
        picture = figures_backprop.eps_v(controls.eps_errors_for(s, controls.walk_activation(s)), colours)
        controls.show(picture, "why_eps")
        st.markdown(
            "The check nudges each weight by eps and looks at the loss. A large eps cuts off the curve of the loss. "
            "A tiny eps drowns in rounding, since a computer keeps about 16 digits. Between them lies the best eps."
        )
        if (some := eps_samples(why.network, s.samples)) < s.samples:
            st.caption(f"On a network of this size these checks look at the first {count(some)} samples only.")
    with st.expander("The sabotaged code"):
        st.code(inspect.getsource(nnlib.sabotage.sabotaged_backward), language="python")


if controls.walk_section() == controls.STEPS:
    controls.walk_settings(s)
    walk_and_weight()
    with st.expander("The code that computes all this"):
        for place, functions in zip(st.tabs(list(walk_views.CODE)), walk_views.CODE.values(), strict=True):
            for function in functions:
                place.code(inspect.getsource(function), language="python")
else:
    controls.walk_activation_choice(s)
    why_the_slope()
