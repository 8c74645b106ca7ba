"""What one visitor's session keeps, with links that ask for as much as they may."""

import numpy as np
import pytest

from dashboard.scenario import MAX_RECORD, PAGE_BYTES, SESSION_BYTES
from dashboard.sizes import size_of
from tests.test_app import MAIN, AppTest, assert_alive

PAGES = ("home", "slices", "learning_rate", "training_room", "backpropagation", "chain_rule", "share", "home")


def test_every_array_and_text_counts_once():
    array = np.zeros(1000)
    assert size_of([array, array[:10], {"a": (array.reshape(10, 100),)}, "four"]) == 8004


@pytest.mark.parametrize(("output", "optimizer"), [("identity", "adam"), ("same", "momentum")])
def test_a_session_is_bounded_whatever_the_link_and_the_pages(output, optimizer):
    # Few samples make it quick; the records are as large as they get.
    app = AppTest.from_file(MAIN, default_timeout=300)
    app.query_params.update(
        {
            "dataset": "xor",
            "hidden_sizes": "8 8 8 8 8 8",
            "steps": "20000",
            "optimizer": optimizer,
            "output": output,
            "lr": "0.001",
            "resolution": "121",
            "slice_mode": "reslice",
            "lab_case": "network",
            "room_view": "weights",
            "first": "W1[1,1]",
            "second": "b6[2]",
        }
    )
    sizes = []
    for page in PAGES:
        app.switch_page(f"app_pages/{page}.py").run()
        assert_alive(app)
        sizes.append(size_of(app.session_state.to_dict()))
    assert 8 * MAX_RECORD < max(sizes) < SESSION_BYTES, sizes
    assert sizes[0] < PAGE_BYTES, sizes
