"""Is this surface the real loss? A slice, the weights that it leaves out, and three ways to be honest about them."""

import streamlit as st

from dashboard import controls, figures, slices
from dashboard.text import count, diverged, noun, number, percent, plural

s = controls.scenario()
problem = controls.problem_for(s)
first, second = problem.refs
n_rest = problem.start.n_parameters - 2
everything, rest = f"all {plural(n_rest + 2, 'parameter')}", f"other {plural(n_rest, 'parameter')}"

st.title("Is this surface the real loss?", anchor=False)
st.markdown(
    f"The loss of the {noun(s.activation)} network depends on {everything}. A picture has room for two. "
    f"It is the true loss **only while the {rest} stand still**."
)
controls.warn(problem.messages)
controls.choice(
    "slice_plane",
    "The picture runs along",
    {"weights": f"{first} and {second}", "random": "two random directions", "path": "the path's own directions"},
    "Two weights; or two random directions through the start, each as long as the network, neuron by neuron; "
    "or the two directions along which the path moves most.",
)
with st.container():
    if s.slice_plane == "weights":
        controls.choice(
            "slice_mode",
            "Be honest by",
            {"freeze": "freezing the rest", "reslice": "re-cutting at every step", "first": "showing the gap"},
            "Only the two weights learn; or all learn and the surface is cut anew around each step's weights; "
            "or all learn and the first surface stays.",
        )
runs = controls.runs_for(s, problem)[1]
plane, message = slices.usable_kind(s.slice_plane, runs)
controls.warn([message] if message else [])
piece = slices.slice_of(s, problem, runs, s.slice_mode, plane, **figures.INK)
controls.show_slice(piece)
with st.container():
    if piece.run.stopped_at >= 0:
        which = "two weights" if piece.mode == "freeze" else "whole net"
        st.error(diverged(f"run of the {which}", piece.run.stopped_at))

# --- What to notice ---------------------------------------------------------------------------------------------------
worst, last = figures.largest_gap(piece), piece.gap[-1]
beside = f"**{number(abs(last))}** {'below' if last < 0 else 'above'} the drawn"
n_steps = piece.run.steps[-1].item()
with st.container():
    if s.slice_plane != "weights":
        st.markdown(
            f"The plane explains **{percent(piece.share)}** of the path's movement. The rest happens outside the "
            f"picture: after {plural(n_steps, 'step')} the true loss is {beside} surface. "
            "The dotted stem joins the two."
        )
    elif piece.mode == "freeze":
        st.markdown(
            f"Only {first} and {second} learn. The {rest} keep their start values, so every point of the path "
            f"lies on the surface. Largest gap over all steps: **{number(worst)}**."
        )
    elif piece.mode == "reslice":
        st.markdown(
            f"Now {everything} learn. **Move the step slider**: the surface is cut anew around each step's weights, "
            f"and the marker sits on it. Largest gap between the marker and its own surface: **{number(worst)}**."
        )
        st.caption(
            f"The film has {plural(piece.n_frames, 'surface')} of {plural(piece.surface.frames[0].size, 'point')}, "
            f"computed in one call and sent once, in {plural(len(piece.film), 'part')} after the first picture: only "
            f"what differs from frame to frame, {count(round(piece.n_bytes / 1000))} kB together. "
            "The step slider stops where there is a surface."
        )
    else:
        st.markdown(
            f"Now {everything} learn, but the surface is the one cut at the start. At step 0 the path lies on it. "
            f"After {plural(n_steps, 'step')} the true loss is {beside} one: "
            "the marker floats, and the dotted stem is the gap."
        )

st.header("Try this", anchor=False)
tries = (
    (
        "Let everything learn",
        {"slice_plane": "weights", "slice_mode": "first"},
        "Play from the start. When does the path leave the surface?",
    ),
    (
        "Watch the surface move",
        {"slice_plane": "weights", "slice_mode": "reslice"},
        "Scrub slowly. Does the valley stay where it was?",
    ),
    (
        "Look along the path itself",
        {"slice_plane": "path"},
        "Two directions out of many. How much of the movement do they catch?",
    ),
)
for place, (label, values, question) in zip(st.columns(3, gap="medium"), tries, strict=True):
    with place:
        controls.move_button(label, "Sets the choices above.", **values)
        st.markdown(question)
