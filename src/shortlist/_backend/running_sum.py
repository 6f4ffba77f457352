"""How many flags are set up to each place, on JAX."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

__all__ = ["running_sum"]


def running_sum(flags: Any) -> Any:
    """Of ``[N]`` bool, how many are set up to and with each: ``[N]`` int32."""
    if not len(flags):
        return jnp.zeros(0, "int32")
    # XLA takes four times as long to compile its own sum for a processor, and as long to run it.
    # An accelerator is no place for a loop of thousands of steps.
    return jax.lax.platform_dependent(flags, cpu=_one_by_one, default=_at_once)


def _one_by_one(flags: Any) -> Any:
    def step(place: Any, state: tuple[Any, Any]) -> tuple[Any, Any]:
        total, sums = state
        total = total + flags[place].astype("int32")
        return total, sums.at[place].set(total)

    start = (jnp.int32(0), jnp.zeros(len(flags), "int32"))
    return jax.lax.fori_loop(0, len(flags), step, start)[1]


def _at_once(flags: Any) -> Any:
    return jnp.cumsum(flags, dtype="int32")
