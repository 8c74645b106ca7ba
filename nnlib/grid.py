"""What a loss surface over two weights is computed from: checked once, then handed on as one value."""

from typing import Any, NamedTuple

import numpy as np

from nnlib._types import Array
from nnlib.network import Network, Params, WeightRef


class Grid(NamedTuple):
    """A network on its data, two of its weights, and the values that these take: first_values (A,), second_values (B,).

    A surface over it has the shape (B, A).
    """

    network: Network
    params: Params
    X: Array
    Y: Array
    first: WeightRef
    second: WeightRef
    first_values: Array
    second_values: Array

    @classmethod
    def checked(
        cls,
        network: Network,
        params: Params,
        X: Array,
        Y: Array,
        first: WeightRef,
        second: WeightRef,
        first_values: Any,
        second_values: Any,
    ) -> "Grid":
        """Return the grid; ValueError for shapes or weights that do not fit, one weight twice, numbers not finite."""
        network.check_params(params)
        X, Y = network.check_data(X, Y)
        if params.runs:
            raise ValueError("a surface belongs to one network, not many")
        if not np.isfinite(params.to_vector()).all():
            raise ValueError("the parameters must be finite: a weight or bias is infinite or not a number")
        network.check_ref(first)
        network.check_ref(second)
        if first == second:
            raise ValueError(f"the two weights must differ, both are {first}")
        grids = []
        for ref, values in ((first, first_values), (second, second_values)):
            values = np.asarray(values, dtype=params.weights[0].dtype)
            if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all():
                raise ValueError(f"the grid values of {ref} must be a list of finite numbers")
            grids.append(values)
        return cls(network, params, X, Y, first, second, *grids)

    def turned(self) -> "Grid":
        """Return the same grid with the two weights' parts swapped."""
        return self._replace(
            first=self.second,
            second=self.first,
            first_values=self.second_values,
            second_values=self.first_values,
        )
