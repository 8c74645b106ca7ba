"""What of a link does not fit its own network, data or run is said on the page that it is about."""

import pytest

from dashboard.fit import misfits
from dashboard.links import read
from dashboard.scenario import Scenario, packed
from dashboard.walk import place_from, setup_of

PAGES = ("", "slices", "chain_rule", "backpropagation", "learning_rate", "training_room", "share")
MISFITS = [
    ("backpropagation", {"walk_step": "9999"}, "walk_step can be at most 49 here, not 9999; 49 is used."),
    ("backpropagation", {"walk_sample": "500"}, "walk_sample can be at most 150 here"),
    ("backpropagation", {"walk_weight": "W9[9,9]"}, "this network has no `W9[9,9]`"),
    ("backpropagation", {"walk_net": "example", "walk_weight": "W3[1,1]"}, "this network has no `W3[1,1]`"),
    ("training_room", {"room_step": "5000"}, "room_step can be at most 1000 here"),
    ("training_room", {"room_x": "8"}, "room_x can be at most 4 here"),
    ("training_room", {"room_layer": "7"}, "room_layer can be at most 2 here"),
    ("training_room", {"room_start": packed([1.0, 2.0])}, "room_start does not hold 14 numbers"),
    ("learning_rate", {"lab_others": "too small, foo"}, "there is no `foo`, only too small, about right, too large"),
    ("learning_rate", {"lab_moment": "300"}, "lab_moment can be at most 200 here"),
    ("", {"moment": "15000"}, "moment can be at most 1000 here"),
    ("slices", {"moment": "1001"}, "moment can be at most 1000 here"),
    ("chain_rule", {"chain_step": "16"}, "chain_step can be at most 4 here"),
]


@pytest.mark.parametrize(("page", "query", "sentence"), MISFITS)
def test_what_does_not_fit_is_named_on_its_page_and_nowhere_else(page, query, sentence):
    link = read(query)
    assert link.messages == ()
    (said,) = misfits(link.scenario, query, page)
    assert sentence in said
    for other in PAGES:
        if other != page and "moment" not in query:
            assert misfits(link.scenario, query, other) == []


@pytest.mark.parametrize("page", PAGES)
def test_what_fits_needs_no_words(page):
    fitting = {
        "walk_step": "49", "walk_sample": "150", "walk_weight": "W2[2,3]", "room_step": "1000", "room_x": "4",
        "room_layer": "2", "lab_others": "too large", "chain_step": "4", "room_start": packed([0.1] * 14),
    }  # fmt: skip
    assert misfits(read(fitting).scenario, fitting, page) == []
    assert misfits(Scenario(), dict.fromkeys(Scenario().as_dict(), ""), page) == []


@pytest.mark.parametrize("numbers", [[0.0], [0.0, 1.0, 2.0], [0.0] * 17, [-1.0, *[0.5] * 15]])
def test_weights_of_another_network_are_refused_in_words(numbers):
    s = Scenario(walk_weights=packed(numbers))
    with pytest.raises(ValueError, match="the walk's weights are not 14 numbers"):
        place_from(setup_of(s, "sigmoid"), s)
