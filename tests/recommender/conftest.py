"""A small recommender of two towers and a ranker, untrained, and its bundle."""

import numpy as np
import polars as pl
import pytest

from shortlist.baselines import Popularity
from shortlist.data import Interactions
from shortlist.features import FeatureInfo
from shortlist.postranking import AttributeCap, Pipeline, Seen
from shortlist.recommender import Recommender, UserStore
from shortlist.recommender.config import FeaturesConfig
from shortlist.recommender.encoders import Encoders
from shortlist.recommender.reranking import Reranker
from shortlist.recommender.retrieval import TowerRetriever
from shortlist.recommender.signals import SIGNALS, Signals

N = 40
ITEMS = pl.DataFrame(
    {
        "item": list(range(100, 100 + N)),
        "title": [f"Film {n}" for n in range(N)],
        "year": [1980 + n for n in range(N)],
        "genres": [["drama"] if n % 2 else ["comedy", "war"] for n in range(N)],
    }
)
USERS = pl.DataFrame({"user": [1, 2, 3, 4], "job": ["cook", "cook", "clerk", "clerk"]})
LOG = Interactions(
    {
        "user": [1, 1, 1, 2, 2, 2, 3, 3, 3, 3],
        "item": [100, 101, 102, 103, 104, 100, 101, 100, 105, 106],
        "time": list(range(10)),
    }
)


def made(**options):
    from shortlist.models import Ranker, TwoTower
    from shortlist.training import set_seed

    set_seed(3)
    encoders = Encoders.fit(LOG, USERS, ITEMS, FeaturesConfig(), 8)
    model = options.pop("model", TwoTower)(
        encoders.query.describe(), encoders.candidate.describe(), embedding_dim=8, history="history"
    )
    model.build_all()
    retriever = TowerRetriever.of(model, encoders.query, encoders.candidate, ITEMS)
    ranker = Ranker({name: FeatureInfo("numeric") for name in SIGNALS}, loss="listwise")
    ranker.build_all()
    kernel = ranker.output_layer.kernel
    kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
    return Recommender(
        retriever,
        UserStore.of(LOG, USERS),
        ITEMS,
        fallback=Popularity().fit(LOG),
        ranker=Reranker(ranker, Signals.of(LOG), retriever.item_vectors),
        postranker=Pipeline([Seen(), AttributeCap(column="genres", at_most=3)]),
        pool=20,
        **options,
    )


@pytest.fixture(scope="session")
def towers():
    """A function that makes the recommender, with another class of towers if asked."""
    return made


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    path = tmp_path_factory.mktemp("bundles") / "1"
    made().save(path, about={"metrics": {}})
    return path


@pytest.fixture(scope="session")
def film_items():
    return ITEMS
