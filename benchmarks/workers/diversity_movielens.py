"""What post-rankers do to relevance and diversity on MovieLens-100K, by their parameter."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from bench import serve

_K, _POOL, _DIM = 10, 200, 8
# The two that have bars, finely; and all methods, for their pictures.
_MMR = (0.9, 0.8, 0.7, 0.65, 0.6, 0.57, 0.55, 0.54, 0.53, 0.52, 0.51, 0.5, 0.45, 0.4)
_DPP = (0.99, 0.98, 0.97, 0.96, 0.95, 0.94, 0.93, 0.92, 0.91, 0.9, 0.88, 0.86, 0.84, 0.8)
_WIDE = (1.0, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)


def make(
    protocols: tuple[str, ...] = ("by_time", "by_user_time", "random"),
    pictures: str = "",
    quick: bool = False,
) -> Callable[[], dict[str, Any]]:
    from shortlist.data.splits import LeakWarning
    from shortlist.datasets import movielens

    # A random split leaks the future, and says so; it is here to show how much it flatters.
    warnings.simplefilter("ignore", LeakWarning)
    data = movielens("100k")

    def run() -> dict[str, Any]:
        found: dict[str, Any] = {"protocols": [], "pictures": []}
        for name in protocols:
            case = _Case(data, name)
            found["protocols"].append(case.told() | {"rows": case.rows(_swept(quick))})
        if pictures:
            case = _Case(data, pictures)
            for method, steps in _drawn(quick).items():
                found["pictures"].append({"method": method, "points": case.points(steps)})
        return found

    return run


def _swept(quick: bool) -> dict[str, dict[float, Any]]:
    """The steps of the methods with bars, by their parameter."""
    from shortlist.postranking import DPP, MMR

    mmr, dpp = (_MMR[::5], _DPP[::6]) if quick else (_MMR, _DPP)
    return {
        "MMR": {value: MMR(trade_off=value) for value in mmr},
        "DPP": {value: DPP(trade_off=value) for value in dpp},
    }


def _drawn(quick: bool) -> dict[str, dict[float, Any]]:
    """The steps of every picture, by their parameter."""
    from shortlist.postranking import DPP, MMR, SSD, Calibrated, XQuAD

    values = _WIDE[::4] if quick else _WIDE
    near = (0.99, 0.97, 0.95, 0.9, 0.8)
    return {
        "mmr": {value: MMR(trade_off=value) for value in values},
        "dpp": {value: DPP(trade_off=value) for value in sorted({*values, *near}, reverse=True)},
        "dpp_window": {
            value: DPP(trade_off=value, window=4)
            for value in sorted({*values, *near}, reverse=True)
        },
        "ssd": {value: SSD(gamma=value, window=4) for value in (0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)},
        "xquad": {value: XQuAD(column="genres", trade_off=value) for value in values},
        "calibrated": {value: Calibrated(column="genres", trade_off=value) for value in values},
    }


class _Case:
    """EASE on one split, its lists, and what a step makes of them."""

    def __init__(self, data: Any, protocol: str) -> None:
        import numpy as np

        from shortlist.baselines import EASE
        from shortlist.data import splits
        from shortlist.postranking import ItemTable
        from shortlist.queries import Queries

        options = {"seed": 42} if protocol == "random" else {}
        split = getattr(splits, protocol)(data.interactions, test=0.2, **options)
        past, test = split.train.by_user(), split.test.by_user()
        users = np.array([user for user in test if user in past])
        histories = [past[user] for user in users.tolist()]
        self.protocol, self.items = protocol, ItemTable(data.items)
        self.queries = Queries(users, histories, None, histories)
        self.truths = [set(test[user].tolist()) for user in users.tolist()]
        self.relevant = np.array([len(truth) for truth in self.truths])
        self.vectors = _vectors(split.train, self.items)
        self.genres = _genres(self.items)
        self.pool = EASE().fit(split.train)(self.queries, _POOL)
        self.base = self._measured(self.pool)
        # Each half of the users is reported by what the other half chose.
        self.halves = np.random.default_rng(0).permutation(len(users)) % 2

    def told(self) -> dict[str, Any]:
        return {
            "protocol": self.protocol,
            "users": len(self.truths),
            **{name: float(values.mean()) for name, values in self.base.items()},
        }

    def rows(self, methods: dict[str, dict[float, Any]]) -> list[dict[str, Any]]:
        """For each method and parameter the ratios to the list as retrieved, and the chosen one."""
        rows = []
        for method, steps in methods.items():
            found = {value: self._measured(self._apply(step)) for value, step in steps.items()}
            for value, measured in found.items():
                rows.append({"method": method, "trade_off": value, **self._ratios(measured)})
            chosen = [self._chosen(found, half) for half in (0, 1)]
            mixed = self._mixed([found[value] for value in chosen])
            rows.append({"method": method, "chosen": chosen, **self._ratios(mixed)})
        return rows

    def points(self, steps: dict[float, Any]) -> list[dict[str, float]]:
        """The means for each parameter."""
        return [
            {"value": value}
            | {name: float(v.mean()) for name, v in self._measured(self._apply(step)).items()}
            for value, step in steps.items()
        ]

    def _apply(self, step: Any) -> Any:
        from shortlist.postranking import Context

        return step(
            self.pool,
            Context(self.queries, k=_K, items=self.items, vectors=self.vectors),
        )

    def _measured(self, ranked: Any) -> dict[str, Any]:
        """NDCG, diversity of the vectors and diversity of the genres, one value a user each."""
        import numpy as np

        from shortlist.metrics import ndcg
        from shortlist.metrics.beyond import diversity

        shown = ranked.top(_K)
        rows = zip(shown.ids.tolist(), self.truths, strict=True)
        hits = np.array([[item in truth for item in ids] for ids, truth in rows])
        flat, shape = shown.ids.ravel(), (*shown.ids.shape, -1)
        return {
            "ndcg": ndcg(hits, self.relevant, _K),
            "diversity": diversity(self.vectors(flat).reshape(shape), shown.valid, _K),
            "genres": diversity(
                self.genres[self.items.places(flat)].reshape(shape), shown.valid, _K
            ),
        }

    def _chosen(self, found: dict[float, dict[str, Any]], half: int) -> float:
        """What the users of the other half would take: most diversity for 1.5 % of their NDCG."""
        others = self.halves != half
        base = {name: values[others].mean() for name, values in self.base.items()}
        kept = {
            value: measured["diversity"][others].mean()
            for value, measured in found.items()
            if measured["ndcg"][others].mean() >= _CAREFUL * base["ndcg"]
        }
        return max(kept, key=lambda value: kept[value]) if kept else max(found)

    def _mixed(self, measured: list[dict[str, Any]]) -> dict[str, Any]:
        import numpy as np

        one, other = measured
        return {name: np.where(self.halves == 0, one[name], other[name]) for name in one}

    def _ratios(self, measured: dict[str, Any]) -> dict[str, Any]:
        """The ratio of the means of each metric and its interval, over users drawn anew."""
        import numpy as np

        draws = np.random.default_rng(0).integers(0, len(self.truths), (1000, len(self.truths)))
        ratios: dict[str, Any] = {}
        for name, values in measured.items():
            base = self.base[name]
            again = values[draws].mean(axis=1) / base[draws].mean(axis=1)
            low, high = np.quantile(again, [0.025, 0.975]).tolist()
            ratios[name] = float(values.mean() / base.mean())
            ratios[f"{name}_low"], ratios[f"{name}_high"] = low, high
        return ratios


# What a choice must keep of the NDCG of the users it is made on: a little more than is promised,
# as others are reported.
_CAREFUL = 0.985


def _vectors(train: Any, items: Any) -> Callable[[Any], Any]:
    """The items' vectors: the first singular vectors of the training users' items, scaled."""
    import numpy as np

    users = {user: row for row, user in enumerate(train.users.tolist())}
    met = np.zeros((len(users), len(items)))
    rows = [users[user] for user in train.frame["user"].to_list()]
    met[rows, items.places(train.frame["item"].to_numpy())] = 1.0
    # By the smaller of the two products: its eigenvectors are the users' singular vectors.
    _, left = np.linalg.eigh(met @ met.T)
    table = (met.T @ left[:, -_DIM:]).astype(np.float32)
    return lambda ids: table[items.places(ids)]


def _genres(items: Any) -> Any:
    """The genres of each row of the items' table, 1 for each."""
    import numpy as np

    codes, values = items.codes("genres")
    table = np.zeros((len(codes), len(values) + 1))
    table[np.arange(len(codes))[:, None], codes] = 1.0
    return table[:, :-1]


serve(make)
