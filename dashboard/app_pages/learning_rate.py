"""How large may a learning rate be? Predicted from curvature, then tried."""

import streamlit as st

from dashboard import controls, figures, rates
from dashboard.text import count, number, plural, title

s = controls.scenario()
colours = controls.colours()
problem = controls.problem_for(s)
lab = controls.lab(s, problem)
first, second = lab.refs
limits = lab.prediction

st.title("How large may a learning rate be?", anchor=False)
st.markdown(
    "Each step goes against the gradient, as far as the learning rate says. Too small, and it takes for ever. "
    "Too large, and it overshoots. **Curvature tells beforehand which it will be.**"
)
controls.choice(
    "lab_case",
    "Descend on",
    {"bowl": "an exact bowl", "network": "the network of the other pages"},
    "The bowl: identity output and two weights of the last layer, where the loss is exactly quadratic. "
    "The network: the one in the sidebar, with its two weights.",
)
at_rate, at_others = st.columns(2, gap="medium")
marks = [(limits.smooth, "1/λ"), (limits.limit, "η*")] if limits.limit else []
controls.live(
    "lab_rate",
    "Your learning rate",
    "Drag it: the path bends under your finger. Up to 1/λ nothing overshoots, beyond η* = 2/λ nothing settles; "
    "λ is the largest curvature.",
    at_rate,
    scale="log",
    marks=marks,
    ends=lab.ends,
)
chosen = controls.others(at_others)
shares = [rates.PRESETS[name] * lab.scale for name in chosen]
tried = rates.trials(lab, [s.lab_rate, *shares])
labels = ["yours", *chosen]
controls.show_rates(lab, rates.runs(lab, tried, labels, figures.FIVE), "rates")

# --- Predicted and observed -------------------------------------------------------------------------------------------
st.header("Predicted, then observed", anchor=False)
st.markdown(limits.why)
with st.container():
    st.table(figures.trial_table(lab, tried, labels), hide_index=True, border="horizontal")
    mine = tried[0]
    if mine.factor is not None:
        st.markdown(
            f"Largest curvature λ = {number(limits.largest_curvature)}, so η* = 2/λ = **{number(limits.limit)}**. "
            f"With your rate each step multiplies the distance to the bottom, along the most curved direction, "
            f"by 1 − rate · λ = **{number(mine.factor)}**."
        )
    for trial, label in zip(tried, labels, strict=True):
        if trial.stopped_at >= 0:
            st.error(
                f"The rate {number(trial.rate)} ({label}) was stopped at step {count(trial.stopped_at)}: the error "
                f"grows {number(abs(trial.factor or 0))}-fold with every step, until a number is too large for "
                f"floating point. The last finite loss is {number(trial.path.loss[-1])}."
            )
    if limits.limit and s.lab_case == "network":
        whole = controls.full_limit(lab)
        st.caption(
            f"When all {plural(lab.start.n_parameters, 'parameter')} learn, the largest curvature of the full Hessian "
            f"counts: the limit there is {number(whole) if whole else 'not defined'}."
        )

# --- The sweep --------------------------------------------------------------------------------------------------------
swept, final = controls.rate_sweep(lab)
st.header(f"{len(swept)} rates at once", anchor=False)
controls.show_kept("sweep", (lab.origin, s.lab_rate, colours), figures.sweep, lab, swept, final, s.lab_rate, colours)
st.caption(
    f"The loss after {plural(rates.N_STEPS, 'step')} for every rate, computed as one ensemble of networks. "
    "The dotted level is the loss at the start."
)

# --- Optimizers -------------------------------------------------------------------------------------------------------
st.header("Five ways to use a gradient", anchor=False)
st.markdown(
    "Gradient descent uses this step's gradient only. The others also remember earlier ones, or divide by the size "
    "that gradients have had. Same start, same surface:"
)
paths, used = controls.optimizers(lab)
controls.show_rates(lab, figures.optimizer_runs(lab, paths, used), "optimizers")
controls.slider(
    "lab_step",
    "Take apart the update after step",
    st,
    "The arrows below show the update that follows this step.",
    step=1,
)
parts = {name: rates.update_parts(lab, name, used[name], path, s.lab_step) for name, path in paths.items()}
controls.show_kept("updates", (lab.origin, s.lab_step, colours), figures.updates, parts, colours)
st.caption(
    f"The update from step {count(s.lab_step)} to {count(s.lab_step + 1)} of each, over {first} and {second}: what is "
    "remembered and what this gradient adds, head to tail. Each panel has its own scale."
)

st.header("Try this", anchor=False)
tries = (
    (
        title("too small"),
        rates.PRESETS["too small"] * lab.scale,
        "An almost straight, slow curve. How many steps would it need?",
    ),
    (title("about right"), rates.PRESETS["about right"] * lab.scale, "A quick drop that tapers off."),
    (
        title("too large"),
        rates.PRESETS["too large"] * lab.scale,
        "Just over the limit. Play it: which direction runs away?",
    ),
    ("Five times the limit", 5 * lab.scale, "At which step do the numbers end?"),
)
for place, (label, rate, question) in zip(st.columns(4, gap="medium"), tries, strict=True):
    with place:
        controls.move_button(label, "Sets your learning rate.", lab_rate=controls.within("lab_rate", rate))
        st.markdown(question)
