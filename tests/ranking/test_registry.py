import pytest

from shortlist.errors import ConfigError
from shortlist.features import FeatureInfo
from shortlist.ranking import RANKERS, make_ranker, ranker_class, ranker_name

FEATURES = {
    "item": FeatureInfo("categorical", size=6, vocabulary="item"),
    "history": FeatureInfo("multi", size=6, length=3, vocabulary="item"),
}


@pytest.mark.backend
@pytest.mark.parametrize("name", [name for name in RANKERS if name != "multi_task"])
def test_every_name_makes_a_ranker_of_the_one_constructor(name):
    ranker = make_ranker(name, FEATURES, loss="squared", label="rating")
    assert isinstance(ranker, ranker_class(name))
    assert (ranker.loss_name, ranker.label) == ("squared", "rating")
    assert ranker.features == FEATURES
    config = ranker.get_config()
    assert type(ranker)(**config).get_config() == config


@pytest.mark.backend
def test_the_one_of_several_tasks_takes_them_in_place_of_a_loss():
    ranker = make_ranker("multi_task", FEATURES, tasks={"click": "binary"}, embedding_dim=4)
    assert (ranker_name(ranker), ranker.embedding_dim) == ("multi_task", 4)
    with pytest.raises(ConfigError, match="no option 'loss'"):
        make_ranker("multi_task", FEATURES, tasks={"click": "binary"}, loss="squared")


@pytest.mark.backend
def test_a_class_of_ones_own_has_no_name():
    class Mine(ranker_class("mlp")):
        pass

    assert ranker_name(Mine(FEATURES)) is None
    assert ranker_name(make_ranker("din", FEATURES)) == "din"
    assert ranker_name(make_ranker("lightgbm", FEATURES)) == "lightgbm"


@pytest.mark.backend
def test_options_are_those_of_the_class_and_of_what_it_is_made_of():
    ranker = make_ranker("dcn_v2", FEATURES, cross_layers=3, embedding_dim=4, initial=1.0)
    assert (ranker.cross_layers, ranker.embedding_dim, ranker.initial) == (3, 4, 1.0)
    with pytest.raises(ConfigError, match=r"no option 'cross_layer'.*Did you mean 'cross_layers'"):
        make_ranker("dcn_v2", FEATURES, cross_layer=3)
    with pytest.raises(ConfigError, match="no option 'hidden_units'"):
        make_ranker("fm", FEATURES, hidden_units=(3,))
    with pytest.raises(ConfigError, match="no option 'embedding_dim'"):
        make_ranker("logistic_regression", FEATURES, embedding_dim=3)
    with pytest.raises(ConfigError, match="no option 'embedding_dim'"):
        make_ranker("lightgbm", FEATURES, embedding_dim=3)


def test_an_unknown_name():
    with pytest.raises(ConfigError, match=r"called 'dcnv2'.*Did you mean 'dcn_v2'"):
        ranker_class("dcnv2")
