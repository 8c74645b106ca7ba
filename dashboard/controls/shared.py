"""The sidebar: the controls that all pages share."""

import streamlit as st

from dashboard import experiment
from dashboard.controls.address import copy_link
from dashboard.controls.session import part_first, put, reset, scenario, seed_start, state
from dashboard.controls.widgets import live, number_box, warn
from dashboard.scenario import (
    CHOICES,
    FITTING_RATE,
    LIMITS,
    for_dataset,
    samples_range,
    usable_names,
)
from dashboard.text import title
from nnlib import SCHEMES, Network

OWN_CONTROLS = {
    "chain_rule": "The chain rule needs nothing from here: its controls are on the page.",
    "learning_rate": "This page has learning rates of its own. The network below is used where the page says so.",
}
"""What the sidebar says on the pages that have controls of their own, by the end of their address."""


def sidebar(page: str) -> None:
    """Draw the controls that all pages share, above them a word on what they are for on this page."""
    with st.sidebar:
        with st.container():
            if page in OWN_CONTROLS:
                st.caption(OWN_CONTROLS[page])
        with st.container(key="part_learning"):
            st.subheader("Learning", anchor=False)
            _learning()
        with st.container(key="part_data"):
            st.subheader("Data", anchor=False)
            _data()
        with st.container(key="part_network"):
            st.subheader("Network", anchor=False)
            _network()
        st.button(
            "Reset everything", icon=":material/restart_alt:", on_click=reset, help="Go back to the opening state."
        )
        copy_link()


def _learning() -> None:
    live(
        "lr",
        "Learning rate",
        "How far each step goes: the new weight is the old one minus the learning rate times the gradient. "
        "The slider moves over powers of ten. Textbooks write alpha or eta.",
        scale="log",
        bends=True,
    )
    number_box(
        "steps",
        "Steps",
        step=100,
        help="How often the weights are updated. Each step uses all samples (full-batch gradient descent).",
    )
    st.selectbox(
        "Optimizer",
        CHOICES["optimizer"],
        key="optimizer",
        format_func=title,
        on_change=_optimizer_chosen,
        help="How a gradient becomes a step. Gradient descent is the article's; the others remember past gradients. "
        "Each needs learning rates of its own size, so choosing one also sets a fitting rate.",
    )


def _optimizer_chosen() -> None:
    put(lr=FITTING_RATE[state.optimizer])
    part_first("optimizer")


def _data() -> None:
    st.selectbox(
        "Data set",
        CHOICES["dataset"],
        key="dataset",
        format_func=title,
        on_change=lambda: put(**for_dataset(state.dataset, state.own_data)),
        help="The training set: inputs X and the wanted outputs Y.",
    )
    with st.expander("Samples, noise, scaling"):
        number_box(
            "samples",
            "Samples",
            ends=samples_range(state.dataset, state.own_data),
            disabled=state.dataset == "own",
            help="How many examples there are, N. Of your own data all rows are used.",
        )
        st.slider(
            "Noise",
            0.0,
            1.0,
            step=0.05,
            key="noise",
            help="The standard deviation of random numbers added to every input; for a curve, to its targets. "
            "Your own data stay as they are.",
        )
        st.toggle(
            "Standardize inputs",
            key="standardize",
            help="Shift and scale every feature to mean 0 and standard deviation 1. Without it Iris hardly learns: "
            "its raw lengths are all positive, and the network has no biases to make up for that.",
        )


def _network() -> None:
    st.selectbox(
        "Activation beside the step",
        CHOICES["activation"],
        key="activation",
        format_func=title,
        help="The function that each neuron applies to its weighted sum, in the hidden and in the output layer.",
    )
    st.selectbox(
        "Activation of the outputs",
        CHOICES["output"],
        key="output",
        format_func=title,
        help="The same as in the hidden layers, as in the article, or another. Targets beyond 0 and 1 need identity.",
    )
    left, right = st.columns(2)
    number_box(
        "hidden_layers",
        "Hidden layers",
        left,
        then=seed_start,
        disabled=bool(state.hidden_sizes.strip()),
        help="Layers between the inputs and the outputs.",
    )
    number_box(
        "hidden_units",
        "Units in each",
        right,
        then=seed_start,
        help="Neurons in each hidden layer.",
        disabled=bool(state.hidden_sizes.strip()),
    )
    st.text_input(
        "or layer by layer",
        key="hidden_sizes",
        placeholder="8, 4, 2",
        on_change=seed_start,
        max_chars=40,
        help="Hidden layers of different sizes, up to six of one to eight units. Empty: the two numbers above.",
    )
    st.toggle(
        "Biases",
        key="biases",
        on_change=seed_start,
        help="A constant that each neuron adds to its sum. The article's Iris network has none. "
        "Without biases one hidden layer cannot solve XOR or circles.",
    )
    number_box(
        "seed",
        "Seed",
        then=seed_start,
        help="The number that the random initial weights grow from.",
    )
    st.button(
        "New random weights",
        icon=":material/casino:",
        on_click=lambda: put(seed=(state.seed + 1) % int(LIMITS["seed"].high + 1)),
        help="Take the next seed.",
        width="stretch",
    )
    st.selectbox(
        "Initial weights",
        CHOICES["scheme"],
        key="scheme",
        on_change=seed_start,
        format_func=title,
        help="How the initial weights are drawn. "
        + "; ".join(f"{name}: {what}" for name, what in SCHEMES.items())
        + ".",
    )
    network = Network(experiment.sizes(scenario()), biases=state.biases)
    (state["first"], state["second"]), messages = usable_names(network, state["first"], state["second"])
    warn(messages)
    names = [str(ref) for ref in network.refs()]
    left, right = st.columns(2)
    for place, key, label in ((left, "first", "First weight"), (right, "second", "Second weight")):
        place.selectbox(
            label,
            names,
            key=key,
            on_change=seed_start,
            help="A weight that the loss surface is drawn over. W1[3,2] leads from input 3 to hidden unit 2; "
            "b1[2] is the bias of hidden unit 2.",
        )
