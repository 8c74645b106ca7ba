"""What does a tiny change at the start do at the end? The chain rule, one link at a time, forwards and back."""

import inspect

import streamlit as st

from dashboard import chain_walk, components, controls, figures_backprop
from nnlib.chain import evaluate

colours = controls.colours()

st.title("What does a tiny change at the start do at the end?", anchor=False)
st.markdown(
    "A chain of simple functions, each fed by the one before. Forwards, compute the values. Backwards, **multiply the "
    "slopes**: that is the chain rule."
)

chain = controls.chain()
controls.chain_input(chain)
with st.container():
    try:
        passed = chain.evaluated()
    except ValueError as error:
        passed = None
        st.error(f"This chain cannot be shown: {error}. Choose a smaller input or a tamer link.")

if passed is not None:
    controls.chain_pointer(chain)
    st.markdown(f"**{chain_walk.position(chain)}.** {chain_walk.words(chain, passed)}")
    controls.chain_graph(chain, passed)
    st.caption(
        f"In each box: the value, and below it how fast {passed.symbols[-1]} changes with it. "
        "On each line: what the link does, and its own slope."
    )
    with st.container():
        if warning := chain_walk.zero_words(passed):
            st.error(warning, icon=":material/block:")
    steps, check = st.columns(2, gap="medium")
    with steps:
        st.markdown("**This step**")
        st.latex(chain_walk.step_formula(chain, passed))
    with check:
        # What is still to come keeps its place, so that nothing below moves when it is there.
        done = chain.pointer == chain.n_steps
        st.markdown("**The whole product**" if done else "**The whole product** comes at the end of the way back.")
        st.latex(chain_walk.told_at_the_end(chain, chain_walk.whole_formula(passed)))
        st.markdown(
            "**Check by substitution**: put the links into one formula and take its slope."
            if chain_walk.is_polynomial(passed)
            else "**Check without calculus**: nudge the input both ways and divide."
        )
        for line in chain_walk.substitution(chain, passed):
            st.latex(chain_walk.told_at_the_end(chain, line))

st.header("The links", anchor=False)
controls.chain_buttons(chain)
for row in controls.chain_rows(chain):
    for place, column in row:
        with column.container(border=True, height="stretch"):
            controls.chain_link(chain, place)
            if passed is not None:
                components.curve(key=f"link_{place}", data=figures_backprop.link_curve(passed, place, colours))
            controls.chain_remove(chain, place)

if passed is not None:
    st.header("Nudge it", anchor=False)
    dx = controls.chain_nudge()
    pushed = chain_walk.nudged(chain, dx)
    if pushed is None:
        st.warning("That nudge takes the chain out of range.")
    else:
        st.markdown(chain_walk.nudge_words(passed, pushed))
        left, right = st.columns(2, gap="medium")
        left.table(chain_walk.nudge_table(passed, pushed), hide_index=True, border="horizontal")
        ends = (passed.symbols[0], passed.symbols[-1])
        series = chain_walk.nudge_series(chain)
        with right:
            if any(nudge.actual[-1] for nudge in series):
                controls.show(figures_backprop.nudge_gaps(series, pushed, ends, colours), "nudge")
            else:
                st.markdown(f"None of these nudges moves {ends[1]} at all.")
    st.markdown(
        "These are ordinary derivatives: every link has one number in and one number out. A network has many numbers "
        "side by side, so its slopes are *partial* derivatives. The next page does the same with them."
    )
with st.expander("The code that computed this"):
    st.code(inspect.getsource(evaluate), language="python")
