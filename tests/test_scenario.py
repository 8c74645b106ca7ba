import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.scenario import CHOICES, LIMITS, Scenario, for_dataset, usable_weights
from nnlib import DATASETS, Network


@pytest.mark.parametrize("name", list(LIMITS))
def test_each_number_has_its_ends_and_nothing_beyond(name):
    limit = LIMITS[name]
    kind = type(getattr(Scenario(), name))
    base = {"dataset": "moons", "low": -20.0, "high": 20.0}
    for value in (limit.low, limit.high):
        if name not in ("low", "high"):
            assert getattr(Scenario(**base | {name: kind(value)}), name) == value
    for value in (limit.low - 1, limit.high + 1):
        with pytest.raises(ValueError, match=f"{name} must be from"):
            Scenario(**base | {name: kind(value)})


@pytest.mark.parametrize("name", list(CHOICES))
def test_unknown_choices_list_the_known_ones(name):
    with pytest.raises(ValueError, match=CHOICES[name][-1]):
        Scenario(**{name: "nonsense"})


@pytest.mark.parametrize("bad", [float("nan"), "10", None, True, [1.0]])
def test_wrong_types_and_nan_are_refused(bad):
    with pytest.raises(ValueError, match="lr must be"):
        Scenario(lr=bad)


def test_grid_ends_must_be_in_order():
    with pytest.raises(ValueError, match="low end 3 must be below its high end -2"):
        Scenario(low=3.0, high=-2.0)


def test_iris_has_no_more_than_its_flowers():
    with pytest.raises(ValueError, match="at most 150 for iris"):
        Scenario(samples=151)


@pytest.mark.parametrize("dataset", list(DATASETS))
def test_settings_of_every_data_set_are_a_valid_scenario(dataset):
    scenario = Scenario(**for_dataset(dataset))
    assert scenario.biases == scenario.standardize is False or dataset == "iris" or scenario.biases


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_text_gives_two_different_weights_and_says_so(first, second):
    network = Network((4, 2, 3))
    (one, other), messages = usable_weights(network, first, second)
    assert one != other
    assert {one, other} <= set(network.refs())
    assert len(messages) == (str(one) != first.strip()) + (str(other) != second.strip())


def test_named_weights_are_kept_and_repeated_ones_replaced():
    network = Network((4, 2, 3))
    assert usable_weights(network, "W1[1,2]", "W2[2,3]")[1] == []
    (_, other), messages = usable_weights(network, "W1[1,1]", "W1[1,1]")
    assert str(other) == "W2[1,1]"
    assert "must differ" in messages[0]
    assert "W2[1,1] is shown instead" in messages[0]
    _, messages = usable_weights(network, "b1[1]", "W1[5,1]")
    assert "it has no biases" in messages[0]
    assert "W1 is 4 x 2" in messages[1]
