"""The two towers of ``shortlist train`` on a random split of MovieLens-100K."""

from __future__ import annotations

import warnings
from typing import Any


class Learned:
    """The data, split at random, and what is learned of its larger part.

    Attributes:
        data: interactions and what is known of users and items.
        split: the random split.
        items: the catalogue.
        config: what the towers read and how they are trained.
    """

    def __init__(self, seed: int, epochs: int) -> None:
        from shortlist.data.splits import LeakWarning
        from shortlist.recommender import encoders, source, splitting
        from shortlist.recommender.config import Config

        # A random split leaks the future, and says so; it is what the figures of others are on.
        warnings.simplefilter("ignore", LeakWarning)
        self.config = Config.from_dict(
            {
                "data": {"dataset": "movielens-100k"},
                "split": {"method": "random", "seed": seed},
                "features": {"history": "others", "history_length": 64},
                "retrieval": {"weight_decay": 0.5, "epochs": epochs},
            }
        )
        self._seed = seed
        self.data = source.load(self.config.data)
        self.split = splitting.split(self.data, self.config.split)
        self.items = encoders.catalogue(self.split.train, self.data.items)

    def retriever(self) -> Any:
        """Train the towers, and index the items."""
        from shortlist.recommender import fit

        return fit.fit_retriever(
            self.split.train,
            self.data.users,
            self.items,
            features=self.config.features,
            retrieval=self.config.retrieval,
            seed=self._seed,
        )
