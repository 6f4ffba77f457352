"""`CompositeOptimizer`: different optimizers for different variables of a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from shortlist.errors import ConfigError
from shortlist.layers._named import name_of
from shortlist.layers._refused import RefusedError

__all__ = ["CompositeOptimizer"]


class CompositeOptimizer(keras.optimizers.Optimizer):
    """Updates each variable with the optimizer it is assigned to.

    Tables of `shortlist.layers.Embedding` are assigned like any variable, and updated row by row.
    (For a table alone ``Embedding(optimizer=)`` says the same in fewer words.)

    Args:
        optimizers_and_vars: pairs of an optimizer and a function that returns the variables it
            updates. The functions are called once, when the model is built.
        name: the name of the optimizer.

    Raises:
        ConfigError: there is no optimizer, or, when it is built, a variable has none or several.

    >>> import numpy as np
    >>> first, second = keras.Variable(np.ones(1)), keras.Variable(np.ones(1))
    >>> optimizer = CompositeOptimizer([
    ...     (keras.optimizers.SGD(0.5), lambda: [first]),
    ...     (keras.optimizers.SGD(0.25), lambda: [second]),
    ... ])
    >>> optimizer.apply([keras.ops.ones(1), keras.ops.ones(1)], [first, second])
    >>> [keras.ops.convert_to_numpy(variable).item() for variable in (first, second)]
    [0.5, 0.75]
    """

    def __init__(
        self,
        optimizers_and_vars: Sequence[tuple[Any, Callable[[], Sequence[Any]]]],
        name: str = "CompositeOptimizer",
    ) -> None:
        if not optimizers_and_vars:
            raise ConfigError(
                "CompositeOptimizer expected pairs of an optimizer and a function that returns its "
                "variables; received none."
            )
        super().__init__(learning_rate=0.0, name=name)
        self._parts = [optimizer for optimizer, _ in optimizers_and_vars]
        self._functions = [function for _, function in optimizers_and_vars]
        self._owner: dict[int, int] = {}
        self._adopted: set[int] = set()

    def assign_variables(self) -> None:
        """Ask each function for its variables."""
        self._owner = {}
        for place, function in enumerate(self._functions):
            for variable in function():
                other = self._owner.setdefault(id(variable), place)
                if other != place:
                    raise ConfigError(
                        "CompositeOptimizer expected each variable in one optimizer; received "
                        f"{name_of(variable)!r} both in {self._parts[other].name!r} and in "
                        f"{self._parts[place].name!r}."
                    )

    @property
    def is_assigned(self) -> bool:
        """Whether the functions have been asked."""
        return bool(self._owner)

    def optimizer_of(self, variable: Any) -> Any:
        """The optimizer that a variable is assigned to.

        Raises:
            ConfigError: there is none.
        """
        if id(variable) not in self._owner:
            raise ConfigError(
                "CompositeOptimizer expected an optimizer for every variable; "
                f"{name_of(variable)!r} has none and would not be trained. Add it to what one of "
                "the functions returns, or set trainable=False on its layer."
            )
        return self._parts[self._owner[id(variable)]]

    def adopt(self, variable: Any) -> None:
        """Take a variable that is not to be updated by any of the optimizers."""
        self._adopted.add(id(variable))

    def build(self, variables: list[Any]) -> None:
        """Build each optimizer on its variables."""
        if self.built:
            return
        super().build(variables)
        self.assign_variables()
        own = [v for v in variables if id(v) not in self._adopted]
        for variable in own:
            self.optimizer_of(variable)
        for part in self._parts:
            part.build([v for v in own if self.optimizer_of(v) is part])

    def apply(self, grads: list[Any], trainable_variables: list[Any] | None = None) -> None:
        """Update the variables, each with its optimizer."""
        if not self.built:
            self.build(list(trainable_variables or []))
        variables = (
            self._trainable_variables if trainable_variables is None else trainable_variables
        )
        pairs = [
            pair for pair in zip(grads, variables, strict=True) if id(pair[1]) not in self._adopted
        ]
        for part in self._parts:
            own = [pair for pair in pairs if self.optimizer_of(pair[1]) is part]
            if own:
                part.apply(*map(list, zip(*own, strict=True)))
            else:
                # All its variables are rows, which are written elsewhere.
                part.iterations.assign_add(1)

    @property
    def optimizers(self) -> list[Any]:
        """The optimizers, in the order given."""
        return list(self._parts)

    @property
    def variables(self) -> list[Any]:
        """Own variables and those of all optimizers."""
        return [*super().variables, *self.weights]

    @property
    def weights(self) -> list[Any]:
        """The variables of all optimizers."""
        return [variable for part in self._parts for variable in part.variables]

    @property
    def iterations(self) -> Any:
        """The number of steps the first optimizer made."""
        return self._parts[0].iterations if hasattr(self, "_parts") else self._iterations

    @iterations.setter
    def iterations(self, variable: Any) -> None:
        for part in self._parts:
            part.iterations = variable

    @property
    def learning_rate(self) -> Any:
        """The learning rate of the first optimizer."""
        return self._parts[0].learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        del value
        raise ConfigError(
            "CompositeOptimizer has no learning rate of its own. Set the one of an optimizer in "
            "its list optimizers."
        )

    def finalize_variable_values(self, var_list: list[Any]) -> None:
        """What each optimizer does after the last step."""
        for part in self._parts:
            part.finalize_variable_values(
                [v for v in var_list if self._owner.get(id(v)) == self._parts.index(part)]
            )

    def get_config(self) -> dict[str, Any]:
        """There is none, for functions cannot be saved.

        Raises:
            RefusedError: always; a `ConfigError` and a `NotImplementedError`.
        """
        raise RefusedError(
            "CompositeOptimizer cannot be saved, because it uses functions to find its variables. "
            "Save the weights with model.save_weights, or give the Embedding layers their own "
            "optimizer with optimizer=, which is saved with the model."
        )
