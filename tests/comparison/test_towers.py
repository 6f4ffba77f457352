from __future__ import annotations

import pytest

from shortlist.comparison.contenders import CONTENDERS, Material
from shortlist.datasets import synthetic
from shortlist.evaluation import Truth
from shortlist.recommender.config import Config
from shortlist.recommender.splitting import split

pytestmark = [pytest.mark.backend, pytest.mark.slow]


def test_towers_and_the_pipeline_are_asked_like_any_other_model():
    data = synthetic(users=40, items=30, interactions=600)
    tables = {
        "data": {"dataset": "synthetic"},
        "split": {"method": "user-time"},
        "retrieval": {"epochs": 1, "embedding_dim": 8},
        "ranking": {"epochs": 1, "pool": 10},
    }
    config = Config.from_dict(tables)
    parts = split(data, config.split)
    truth = Truth.of(parts, items=data.items["item"], users=data.users)
    material = Material(parts.train, data.users, data.items, config)
    for name, options in {"two-towers": {"embedding_dim": 4}, "pipeline": {}}.items():
        model = CONTENDERS[name].fit(material, options)
        lists = model(truth.queries, 5).lists()
        assert len(lists) == len(truth.queries)
        for row, known in zip(lists, truth.queries.exclude, strict=True):
            assert not set(row) & set(known.tolist())
        if name == "two-towers":
            assert model.model.embedding_dim == 4
