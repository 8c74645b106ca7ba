"""One script a lesson: wiring only. The imports here are what every lesson needs."""

from dashboard import controls, experiment, figures, scenario

__all__ = ["controls", "experiment", "figures", "scenario"]
