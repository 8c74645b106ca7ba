"""What of a link does not fit its own network, data or run: the page shows the nearest, and this says so.

`links` keeps each number within its own limits. Whether there is a sample 150 or a weight W3[1,1] only the whole view
tells.
"""

from collections.abc import Collection

from dashboard import experiment, rates
from dashboard.links import quoted
from dashboard.scenario import ALL_STEPS, PAGE_CHOICES, Scenario, chain_links, unpacked
from dashboard.walk import WHAT, n_steps_of, setup_of, worked_example


def misfits(s: Scenario, given: Collection[str], page: str) -> list[str]:
    """Return a sentence for every given parameter of a link that the page has to bring nearer or leave out."""
    check = {
        "": _steps,
        "slices": _steps,
        "chain_rule": _chain,
        "backpropagation": _walk,
        "learning_rate": _lab,
        "training_room": _room,
    }.get(page)
    return check(s, given) if check and given else []


def _beyond(s: Scenario, given: Collection[str], **most: int) -> list[str]:
    """Return what is beyond the largest that there is; the last of all steps stands for the end of any run."""
    return [
        f"{name} can be at most {largest} here, not {getattr(s, name)}; {largest} is used."
        for name, largest in most.items()
        if name in given and getattr(s, name) > largest and getattr(s, name) != ALL_STEPS
    ]


def _steps(s: Scenario, given: Collection[str]) -> list[str]:
    return _beyond(s, given, moment=s.steps)


def _chain(s: Scenario, given: Collection[str]) -> list[str]:
    return _beyond(s, given, chain_step=2 * len(chain_links(s.chain)))


def _lab(s: Scenario, given: Collection[str]) -> list[str]:
    unknown = [name for name in s.lab_others.split(", ") if name and name not in rates.PRESETS]
    said = _beyond(s, given, moment=rates.N_STEPS, lab_moment=rates.N_STEPS)
    if "lab_others" in given and unknown:
        said.append(f"lab_others: there is no {quoted(unknown[0])}, only {', '.join(rates.PRESETS)}; it is left out.")
    return said


def _walk(s: Scenario, given: Collection[str]) -> list[str]:
    is_example = s.walk_net == PAGE_CHOICES["walk_net"][1]
    setup = worked_example() if is_example else setup_of(s, s.activation)
    said = _beyond(s, given, walk_step=n_steps_of(setup, s))
    if not is_example and s.walk_what == WHAT[0]:
        said += _beyond(s, given, walk_sample=len(setup.X))
    if "walk_weight" in given and s.walk_weight not in map(str, setup.network.refs()):
        said.append(f"walk_weight: this network has no {quoted(s.walk_weight)}; its first weight is chosen.")
    return said


def _room(s: Scenario, given: Collection[str]) -> list[str]:
    n_inputs, *units = experiment.sizes(s)
    said = _beyond(s, given, room_step=s.steps)
    if n_inputs > 2:  # otherwise there is nothing to choose
        said += _beyond(s, given, room_x=n_inputs, room_y=n_inputs)
    if s.room_view in ("units", "weights"):
        said += _beyond(s, given, room_layer=len(units))
    n_parameters = experiment.network_of(s, s.activation).n_parameters
    if s.room_start and len(unpacked(s.room_start)) != n_parameters:
        said.append(f"room_start does not hold {n_parameters} numbers; the run begins with the seed's weights.")
    return said
