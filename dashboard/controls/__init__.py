"""Widgets and state: the only home of st.session_state and of Streamlit's caches.

Each field of the Scenario is one key of the session state. The sidebar holds what all pages share; a page draws its
own controls with the functions below, next to what they change. A module is named after its page, or after
what pages share.
"""

from dashboard.controls.address import build_link, link_messages, remember_pages, start_session
from dashboard.controls.backpropagation import (
    STEPS,
    WALK,
    WHOLE_WALK,
    update_button,
    walk,
    walk_activation,
    walk_activation_choice,
    walk_graph,
    walk_in_link,
    walk_matrices,
    walk_parts,
    walk_pointer,
    walk_section,
    walk_settings,
    walk_weight,
)
from dashboard.controls.chain_rule import (
    chain,
    chain_buttons,
    chain_graph,
    chain_input,
    chain_link,
    chain_nudge,
    chain_pointer,
    chain_remove,
    chain_rows,
)
from dashboard.controls.data_table import own_data, sample_table
from dashboard.controls.descents import (
    SHOWN_START,
    columns_for,
    problem_for,
    runs_for,
    start_buttons,
    start_slider,
    weight_table,
)
from dashboard.controls.exports import (
    download,
    load_parameters,
    picture_to_keep,
    prepare_scripts,
    room_picture,
    script_downloads,
)
from dashboard.controls.learning_rate import full_limit, lab, optimizers, others, rate_sweep
from dashboard.controls.live_parts import Follows, live_part
from dashboard.controls.memory import keep_within_bounds
from dashboard.controls.session import at_rest, colours, opening_of, paint, scenario, within
from dashboard.controls.shared import sidebar
from dashboard.controls.stages import paths, show_grounds, show_rates, show_slice, show_stage, show_why
from dashboard.controls.training_room import (
    OWN_BASE_KEY,
    OWN_PROBLEMS_KEY,
    ROOM_RUN_KEY,
    SEEDS_KEY,
    remembered_history,
    restart_buttons,
    room,
    room_inputs,
    room_layer,
    room_run,
    room_seeds,
    room_settings,
    room_step,
    room_view,
    use_seed_button,
)
from dashboard.controls.why import check_table, choose_sabotage, eps_errors_for, why_for
from dashboard.controls.widgets import (
    choice,
    drawer,
    grid_range,
    live,
    move_button,
    show,
    show_kept,
    slider,
    toggle,
    warn,
)
