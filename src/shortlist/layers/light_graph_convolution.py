"""`LightGraphConvolution`: vectors of users and items smoothed over who met what."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from shortlist._backend.graph import Entries, prepare, product
from shortlist.errors import ConfigError, DataError, NotFittedError

__all__ = ["LightGraphConvolution"]

_OVERSAMPLING = 24
_SWEEPS = 6


@keras.saving.register_keras_serializable(package="shortlist")
class LightGraphConvolution(keras.layers.Layer):
    r"""Averages the vectors of users and items over the graph of their interactions (LightGCN).

    .. math:: x^{(k+1)} = \tilde R\, y^{(k)}, \qquad y^{(k+1)} = \tilde R^\top x^{(k)}, \qquad
              \text{output} = \frac{1}{K+1} \sum_{k=0}^{K} \big(x^{(k)}, y^{(k)}\big)

    where ``R~ = D_u^-1/2 R D_i^-1/2``, ``R`` is 1 where a user met an item, and the ``D`` hold how
    often each user and item did. It has no weights of its own: what is trained are the two tables
    it is given, and all of their rows take part in every step.

    He et al. 2020, "LightGCN: simplifying and powering graph convolution network for
    recommendation".

    Args:
        layers: ``K``, how often neighbours hand on their vectors; 0 changes nothing.

    Call arguments:
        users: ``[U, D]``, the vectors of all users, by code.
        items: ``[I, D]``, those of all items.

    Returns:
        ``[U, D]`` and ``[I, D]``.

    Raises:
        ConfigError: ``layers`` is not a whole number of at least 0.
        NotFittedError: it is called before `connect`.

    >>> import numpy as np
    >>> layer = LightGraphConvolution(layers=1).connect([0, 1], [0, 0], shape=(2, 1))
    >>> users, items = layer(np.zeros((2, 1), "float32"), np.ones((1, 1), "float32"))
    >>> [round(float(x), 4) for x in ops.convert_to_numpy(users)[:, 0]]    # half of 1 / sqrt(2)
    [0.3536, 0.3536]
    >>> ops.convert_to_numpy(items).tolist()
    [[0.5]]
    """

    def __init__(self, layers: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layers = _whole(layers)
        self._entries: Entries | None = None

    def connect(self, users: Any, items: Any, *, shape: tuple[int, int]) -> LightGraphConvolution:
        """Take the interactions to smooth over; a pair that repeats counts once.

        Args:
            users: ``[P]`` user codes.
            items: ``[P]`` item codes.
            shape: how many users and items there are.

        Raises:
            DataError: there is no pair, or a code is out of range.
        """
        pairs = _distinct(np.asarray(users), np.asarray(items), shape)
        degrees = [np.bincount(x, minlength=n) for x, n in zip(pairs, shape, strict=True)]
        values = (degrees[0][pairs[0]] * degrees[1][pairs[1]].astype(np.float64)) ** -0.5
        self._set(Entries.of(*pairs, values, shape))
        return self

    def call(self, users: Any, items: Any) -> tuple[Any, Any]:
        """Smooth both tables."""
        self._connected()
        total = users, items
        for _ in range(self.layers):
            users, items = product(self._users, items), product(self._items, users)
            total = total[0] + users, total[1] + items
        return total[0] / (self.layers + 1), total[1] / (self.layers + 1)

    def singular_vectors(self, rank: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """The first singular vectors of ``R~``, scaled by their singular values.

        Tables that start from them need a fraction of the steps that random ones do.

        Args:
            rank: how many; less than users and items are.
            seed: of the random projection that finds them (Halko et al. 2011).

        Returns:
            ``[U, rank]`` and ``[I, rank]`` float32; the first columns are the smoothest.
        """
        shape = self._connected().shape
        if not 1 <= rank <= min(shape):
            raise ConfigError(f"Expected rank from 1 to {min(shape)}; received {rank!r}.")
        size = min(rank + _OVERSAMPLING, *shape)
        basis = np.random.default_rng(seed).standard_normal((shape[1], size)).astype(np.float32)
        for _ in range(_SWEEPS):
            basis = np.linalg.qr(self._times(self._items, self._times(self._users, basis)))[0]
        left, sizes, right = np.linalg.svd(self._times(self._users, basis), full_matrices=False)
        return (left * sizes)[:, :rank], ((basis @ right.T) * sizes)[:, :rank]

    def save_own_variables(self, store: Any) -> None:
        """Write the graph."""
        if self._entries is not None:
            for name, value in self._entries._asdict().items():
                store[name] = np.asarray(value)

    def load_own_variables(self, store: Any) -> None:
        """Take the graph that `save_own_variables` wrote."""
        if "rows" in store:
            rows, columns, values, shape = (np.asarray(store[name]) for name in Entries._fields)
            self._set(Entries(rows, columns, values, (int(shape[0]), int(shape[1]))))

    def compute_output_shape(self, users_shape: Any, items_shape: Any) -> Any:
        """Both as they come."""
        return tuple(users_shape), tuple(items_shape)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {**super().get_config(), "layers": self.layers}

    def _set(self, entries: Entries) -> None:
        self._entries = entries
        # Not tracked: they are constants, and no layers or variables are among them.
        self.__dict__["_users"] = prepare(entries)
        self.__dict__["_items"] = prepare(entries.T)

    def _connected(self) -> Entries:
        if self._entries is None:
            raise NotFittedError(
                f"{self.name!r} has no graph yet. Call connect(users, items, shape=...) first."
            )
        return self._entries

    @staticmethod
    def _times(prepared: Any, dense: np.ndarray) -> np.ndarray:
        return ops.convert_to_numpy(product(prepared, ops.convert_to_tensor(dense)))


def _whole(layers: Any) -> int:
    if isinstance(layers, bool) or not hasattr(layers, "__index__") or layers < 0:
        raise ConfigError(
            "LightGraphConvolution expected layers to be a whole number of at least 0; "
            f"received {layers!r}."
        )
    return int(layers)


def _distinct(
    users: np.ndarray, items: np.ndarray, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    if users.shape != items.shape or users.ndim != 1 or not len(users):
        raise DataError(
            "connect expected as many users as items, [P] each and one pair at least; received "
            f"arrays of shapes {users.shape} and {items.shape}."
        )
    for name, codes, size in (("user", users, shape[0]), ("item", items, shape[1])):
        if codes.dtype.kind not in "iu":
            raise DataError(f"connect expected integer {name} codes; received {codes.dtype}.")
        outside = codes[(codes < 0) | (codes >= size)]
        if len(outside):
            raise DataError(
                f"connect expected {name} codes from 0 to {size - 1}; received {outside[0]}."
            )
    pairs = np.unique(users.astype(np.int64) * shape[1] + items)
    return pairs // shape[1], pairs % shape[1]
