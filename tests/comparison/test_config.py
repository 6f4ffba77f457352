from __future__ import annotations

import pytest

from shortlist.comparison import ComparisonConfig
from shortlist.errors import ConfigError

DATA = {"dataset": "synthetic"}


def made(**compare):
    return ComparisonConfig.from_dict({"data": DATA, "compare": compare})


@pytest.mark.parametrize(
    ("compare", "message"),
    [
        ({"trails": 3}, r"Unknown key `trails` in \[compare\]. Did you mean 'trials'"),
        ({"models": ["itemknn"]}, "Unknown model 'itemknn'.* Did you mean 'item-knn'"),
        ({"models": ["ease", "ease"]}, "each model once"),
        ({"metric": "ndgc@10"}, "`metric`.*one of ndcg"),
        ({"metric": "ndcg@7"}, r"one of the `ks` \[1, 5"),
        ({"trials": -1}, "`trials`.*from 0 up"),
        ({"trials": 1.5}, "`trials`.*a whole number"),
        ({"seconds": 0.0}, "`seconds`.*above 0"),
        ({"validation": 1.0}, "`validation`.*between 0 and 1"),
        ({"ks": [0], "metric": "ndcg@0"}, "`ks`"),
        ({"options": {"eas": {}}}, "Unknown model 'eas' in `options`.*'ease'"),
        (
            {"options": {"ease": {"regularisation": 1.0}}},
            r"`regularisation` in \[compare.options.ease\]. Did you mean 'regularization'",
        ),
        ({"options": {"ease": {"regularization": "much"}}}, "expected a number; received 'much'"),
        ({"options": {"two-towers": {"epochs": 0}}}, "`epochs`"),
        ({"options": {"bm25": {"weighting": "cosine"}}}, "Unknown key `weighting`"),
    ],
)
def test_what_is_wrong_is_said_at_once(compare, message):
    with pytest.raises(ConfigError, match=message):
        made(**compare)


def test_the_file_of_a_job_is_a_comparison_too():
    config = ComparisonConfig.from_dict({"data": DATA, "retrieval": {"epochs": 2}})
    assert config.retrieval.epochs == 2
    assert config.compare.models[0] == "item-knn"
    assert config.compare.k == 10


def test_folders_are_taken_from_that_of_the_file(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text('[data]\ndataset = "synthetic"\n[compare]\nfolder = "found"\n')
    config = ComparisonConfig.from_toml(path)
    assert isinstance(config, ComparisonConfig)
    assert config.compare.folder == str(tmp_path / "found")
