import json

import numpy as np
import pytest

from shortlist.errors import ConfigError
from shortlist.features import FeatureInfo
from shortlist.models import DCNv2, Ranker
from shortlist.ranking import cross_figure, cross_strengths

pytestmark = pytest.mark.backend

FEATURES = {
    "age": FeatureInfo("numeric"),
    "user": FeatureInfo("categorical", size=5),
    "item": FeatureInfo("categorical", size=6),
}


def test_the_strength_is_the_root_mean_square_of_a_block():
    model = DCNv2(FEATURES, embedding_dim=2, cross_layers=1)
    model.build_all()
    assert model.blocks == {"user": 2, "item": 2, "age": 1}
    matrix = np.zeros((5, 5))
    matrix[2:4, 0:2] = [[3.0, 0.0], [0.0, 4.0]]  # from item to user
    matrix[4, 4] = -2.0
    model.crosses[0].kernels[0].assign(matrix)
    found = cross_strengths(model)
    assert found.height == 9
    strengths = {(row[0], row[1]): row[2] for row in found.iter_rows()}
    assert strengths["user", "item"] == pytest.approx(2.5)
    assert strengths["age", "age"] == pytest.approx(2.0)
    assert sum(strengths.values()) == pytest.approx(4.5)


def test_low_rank_matrices_are_multiplied_out():
    model = DCNv2(FEATURES, embedding_dim=2, cross_layers=2, projection_dim=2)
    model.build_all()
    down, up = (np.asarray(w) for w in model.crosses[1].get_weights()[:2])
    np.testing.assert_allclose(model.cross_matrices()[1], down @ up, rtol=1e-5)


def test_the_figure_holds_the_data_as_json():
    figure = cross_figure(cross_strengths(DCNv2(FEATURES, embedding_dim=2)))
    assert len(json.loads(json.dumps(figure))["data"]["values"]) == 9
    assert figure["encoding"]["y"]["sort"] == ["user", "item", "age"]


def test_what_is_refused():
    with pytest.raises(ConfigError, match="expected a DCNv2; received Ranker"):
        cross_strengths(Ranker(FEATURES))
    with pytest.raises(ConfigError, match="layer expected 0 to 1; received 2"):
        cross_strengths(DCNv2(FEATURES), layer=2)
    with pytest.raises(ConfigError, match="mixtures of 2 experts"):
        cross_strengths(DCNv2(FEATURES, experts=2, projection_dim=2))
