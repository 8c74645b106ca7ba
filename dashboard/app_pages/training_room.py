"""What has the network learnt? Your own data, deeper networks, and every picture from one recorded run."""

import streamlit as st

from dashboard import controls, exports, training
from dashboard import figures_training as pictures
from dashboard.data_input import plain
from dashboard.text import count, diverged, noun, number, percent, plural, title

s = controls.scenario()
colours = controls.colours()
page_room = room = controls.room(s)

st.title("What has the network learnt?", anchor=False)
shape = " \N{MULTIPLICATION SIGN} ".join(str(size) for size in room.network.sizes)
st.markdown(
    f"A network of {shape} units learns from {plural(len(room.train.X), 'sample')}. "
    "**Move the step**: everything below shows the network as it was then."
)
controls.warn(room.messages)
controls.drawer(
    "Your own data: type a table or upload a file",
    ":material/table_edit:",
    "own_open",
    lambda: controls.own_data(controls.scenario()),
)
controls.drawer("Test samples, mini-batches, when to stop", ":material/tune:", "settings_open", controls.room_settings)
controls.room_run(room)


def confusions(room: training.Room, now: training.Moment) -> None:
    """Draw the confusion matrices."""
    st.markdown("Each row is a right class, each column an answer. The textbook's name is confusion matrix.")
    for place, (name, counts) in zip(st.columns(2, gap="medium"), now.confusions.items(), strict=False):
        with place:
            st.markdown(f"**{title(name)} samples**")
            st.dataframe(pictures.confusion_table(room, counts), hide_index=True)


def run_and_closer_look() -> None:
    """Draw all that shows the run: what the learning rate and the step change."""
    s = controls.scenario()
    room = controls.room(s)
    network, raw = room.network, room.raw
    run = controls.room_run(room, quiet=True)
    # The pictures are computed before anything is sent, and sent first: so they are the first to be seen.
    now = training.moment(room, run, s.room_step)
    plane = training.input_plane(room, s)
    answers = pictures.regions(room, plane, training.outputs_over(room, now.params, plane), now, colours)
    until = run.n_steps if run.stopped else room.n_steps
    loss_curves = pictures.losses(training.curves(room, run), now.step, until, colours)

    # --- The run ------------------------------------------------------------------------------------------------------
    above, (left, right) = st.container(), st.columns(2, gap="medium")
    inputs = right.container()
    with left:
        controls.show(loss_curves, "room losses")
    with right:
        controls.show(answers, "room regions")
    with above:
        controls.room_step(run)
        cards = [(f"{title(name)} loss", number(loss), repr(loss)) for name, loss in now.losses.items()]
        cards += [(f"{title(name)} accuracy", percent(share), repr(share)) for name, share in now.accuracies.items()]
        with st.container(horizontal=True):
            for label, shown, exact in cards:
                st.metric(label, shown, help=f"After step {count(now.step)}, to full precision: {exact}", width=150)
    with inputs:
        controls.room_inputs(raw.feature_names)
    with left:
        controls.restart_buttons(s, room, now.vector, now.step)
        said = [f"This run began with the weights of {room.origin}."] if room.origin else []
        first, last = number(run.trajectory.loss[0]), number(run.trajectory.loss[-1])
        said.append(f"The training loss went from {first} to {last} in {plural(run.n_steps, 'step')}.")
        if run.stopped == "loss":
            said.append(f"Training ended there, because the loss is at most {number(room.stop_loss)}.")
        elif run.stopped == "patience":
            said.append(f"Training ended there, after {plural(room.patience, 'step')} without a new lowest loss.")
        st.markdown(" ".join(said))
        if run.stopped == "diverged":
            st.error(diverged("run", run.n_steps))
    with right:
        held = [f"{plain(raw.feature_names[i])} at {number(room.held_at(i))}" for i in plane.held]
        if held:
            st.caption(f"Held still: {', '.join(held)}, the means of the training samples.")
    controls.warn(training.warnings(room, now))
    with st.container():
        if now.confusions:
            controls.drawer(
                "Which class is taken for which", ":material/grid_on:", "confusion_open", lambda: confusions(room, now)
            )

    # --- Look closer --------------------------------------------------------------------------------------------------
    st.header("Look closer", anchor=False)
    controls.room_view(
        {
            "units": "Hidden units",
            "weights": "Weights and gradients",
            "vanishing": "Vanishing gradients",
            "cloud": "How the plane folds",
            "seeds": "100 seeds",
            "rows": "Samples",
            "export": "Take it home",
        }
    )
    if s.room_view in ("seeds", "export") and room is not page_room and controls.at_rest():
        st.rerun()  # what is below belongs to the run before
    if s.room_view == "seeds":
        return
    hidden_names = [name.removesuffix("_out") for name in network.symbols[2:-1:2]]
    if s.room_view == "units":
        layer = controls.room_layer(hidden_names, "Layer", "The hidden layer whose units are drawn.")
        values = training.units_over(room, now.params, plane, layer)
        controls.show(pictures.units(room, plane, values, layer, colours), "room units")
        st.markdown(
            f"Each unit turns the inputs into one number. A {noun(s.activation)} unit of the first layer changes along "
            "one direction only; deeper units combine those before them."
        )
    elif s.room_view == "weights":
        past = controls.remembered_history(room, run)
        names = [*(f"W{i + 1}" for i in range(network.n_layers)), "all layers"]
        place = controls.room_layer(names, "Weights", "One layer's weights one by one, or the size of each layer's.")
        if names[place] == "all layers":
            controls.show(pictures.layers_over_steps(past, now.step, colours), "room layers")
            st.caption("Size: the root of the mean of the squares. The gradient is that of all training samples.")
        else:
            controls.show(pictures.weights_over_steps(past, place, now.step, colours), "room weights")
            st.caption("A line for each weight, coloured by the unit it leads to. Dotted: biases.")
    elif s.room_view == "vanishing":
        controls.slider(
            "room_depth", "Hidden layers", st, "Depth of the three untrained networks that are compared.", step=1
        )
        compared = training.depths(room, s.room_depth)
        own = training.this_depth(room, now)
        controls.show(pictures.vanishing(compared, own, f"this run, step {count(now.step)}", colours), "room vanishing")
        sigmoid = compared[0]
        deepest = s.room_depth + 1
        st.markdown(
            f"Left: how large dW is, layer by layer, in untrained networks of {training.DEEP_UNITS} units a layer. "
            f"With sigmoids it falls from {number(sigmoid.gradient[0])} at the last layer to "
            f"**{number(sigmoid.gradient[-1])}** at the first. Right: why. On the way back each layer multiplies by "
            f"its slope, and a sigmoid's slope is at most 0.25. The product of {deepest} slopes is at most "
            f"{number(training.bound(deepest))}; the largest found is **{number(sigmoid.largest[-1])}**."
        )
        st.caption(
            "The bound holds for the product of the slopes, not for dW: the weights multiply too, and large weights "
            "can make up for small slopes. Means over 20 seeds, with the sidebar's scheme for initial weights. The "
            "sigmoid here has steepness 1. Lines end where a number is exactly 0."
        )
    elif s.room_view == "cloud":
        seen = training.cloud(room, run, now, plane)
        controls.show(pictures.hidden_cloud(room, seen, colours), "room cloud")
        many = network.sizes[-2] > 2
        axes = (
            f"The last hidden layer has {network.sizes[-2]} units. The picture shows the two directions along which "
            f"the samples spread most after the last step, {percent(seen.share)} of the spread there."
            if many
            else "Each sample sits where the last hidden layer puts it. Colours: what the output layer answers there."
        )
        st.markdown(
            f"{axes} The thin lines are the straight grid of the inputs, bent by the hidden layers. "
            "**Move the step**: the plane folds until one straight cut can part the classes."
        )
    elif s.room_view == "rows":
        st.markdown("Select a row. The backpropagation page then follows this sample forwards and backwards.")
        controls.sample_table(training.sample_columns(room, now))
        scaled = "are standardized" if room.scaled else "stay as they are"
        st.markdown(
            f"The inputs **{scaled}** (a switch in the sidebar). What standardizing does, from training samples only:"
        )
        st.dataframe(pictures.scaling_table(room), hide_index=True)
        if room.test is not None and room.scaled:
            st.caption(
                "The backpropagation page has no test samples. There the means are those of all samples, so its inputs "
                "differ a little."
            )
    else:
        st.markdown(
            f"The run up to step {count(now.step)}. Its training loss, to full precision: "
            f"`{now.losses['training']!r}`. The scripts hold the data, the first weights and the formulas. They print "
            "this loss."
        )
        with st.container(horizontal=True):
            controls.download("Run as CSV", lambda: exports.run_csv(room, run), "run.csv", "text/csv", "Every step.")
            controls.download(
                "Parameters as JSON",
                lambda: exports.parameters_json(room, now),
                "parameters.json",
                "application/json",
                "The weights after this step. They can be loaded again below.",
            )
            controls.script_downloads(room, run, now)
        controls.load_parameters(room)
        st.subheader("One picture", anchor=False)
        layer = min(s.room_layer, network.n_layers - 1) - 1
        drawn = {
            f"Answers after step {count(now.step)}": lambda: answers,
            "Losses": lambda: loss_curves,
            f"Units of {hidden_names[layer]}": lambda: pictures.units(
                room, plane, training.units_over(room, now.params, plane, layer), layer, colours
            ),
            "Weights and gradients": lambda: pictures.layers_over_steps(
                controls.remembered_history(room, run), now.step, colours
            ),
            "Vanishing gradients": lambda: pictures.vanishing(
                training.depths(room, s.room_depth), training.this_depth(room, now), "this run", colours
            ),
            "How the plane folds": lambda: pictures.hidden_cloud(room, training.cloud(room, run, now, plane), colours),
        }
        name = controls.room_picture(list(drawn))
        kept = pictures.to_keep(drawn[name](), name, colours)
        controls.download(
            "Picture as HTML",
            lambda: pictures.as_html(kept),
            "picture.html",
            "text/html",
            "The picture below with its hover, as one file that needs no network. About 5 MB.",
        )
        st.markdown("The **camera** at the picture's upper right corner saves it as PNG.")
        controls.picture_to_keep(kept, "room keep")


controls.live_part(run_and_closer_look, "run", {"lr": controls.Follows(bends=True)}, first=("optimizer",))
with st.container():
    if s.room_view == "seeds":
        st.markdown(
            "The seed decides where the descent begins, and so where it ends. Train the same network from a hundred "
            "starts."
        )
        ended = controls.room_seeds(room)
        if ended is not None:
            controls.show(pictures.seeds(ended, s.seed, colours), "room seeds")
            st.markdown(
                f"**{count(ended.n_solved)} of {count(len(ended.loss))} seeds solved it** in the steps they had."
            )
            st.table(pictures.seeds_table(ended), hide_index=True, border="horizontal")
            controls.use_seed_button()
    elif s.room_view == "export":
        controls.prepare_scripts(room, controls.room_run(room, quiet=True))

# --- Try this ---------------------------------------------------------------------------------------------------------
st.header("Try this", anchor=False)
for place, (label, values, question) in zip(st.columns(4, gap="medium"), training.TRIES, strict=True):
    with place:
        controls.move_button(label, "Sets the controls. Reset everything, in the sidebar, undoes it.", **values)
        st.markdown(question)
