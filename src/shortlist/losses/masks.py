"""Score masks: which candidates of a batch a query is told apart from."""

from __future__ import annotations

from typing import Any

from keras import ops

__all__ = ["unseen_mask"]


def unseen_mask(candidate_ids: Any, seen_ids: Any) -> Any:
    """Where a candidate is none of those its query has met before.

    An item someone has met is no evidence of dislike, so it should not be a negative of theirs.

    Args:
        candidate_ids: ``[C]`` integer codes; they may repeat.
        seen_ids: ``[B, L]`` integer codes, padded with 0 or any code that is no candidate's.

    Returns:
        ``[B, C]`` bool, False where ``candidate_ids[c]`` is among ``seen_ids[b]``. It takes
        ``O(B L log C)`` steps, and memory for the result alone.

    >>> import numpy as np
    >>> mask = unseen_mask(np.array([5, 3, 5]), np.array([[5, 0], [3, 9]]))
    >>> np.asarray(mask).tolist()
    [[False, True, False], [True, False, True]]
    """
    candidate_ids = ops.cast(candidate_ids, "int32")
    seen_ids = ops.cast(seen_ids, "int32")
    batch, count = ops.shape(seen_ids)[0], ops.shape(candidate_ids)[0]
    ordered = ops.sort(candidate_ids)
    # The place of each seen id among the ordered candidates: of repeats, the first.
    place = ops.cast(ops.searchsorted(ordered, ops.reshape(seen_ids, (-1,))), "int32")
    place = ops.reshape(ops.minimum(place, count - 1), ops.shape(seen_ids))
    hit = ops.cast(ops.take(ordered, place) == seen_ids, "int32")
    rows = ops.broadcast_to(ops.arange(batch, dtype="int32")[:, None], ops.shape(place))
    where = ops.stack([ops.reshape(rows, (-1,)), ops.reshape(place, (-1,))], axis=1)
    hits = ops.scatter(where, ops.reshape(hit, (-1,)), (batch, count))
    column = ops.searchsorted(ordered, candidate_ids)
    return ops.take(hits, ops.cast(column, "int32"), axis=1) == 0
