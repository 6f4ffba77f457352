import keras
import numpy as np
import pytest

from shortlist.data import Batches
from shortlist.errors import ConfigError, SchemaError
from shortlist.features import FeatureInfo
from shortlist.models import TwoTower
from shortlist.training import BatchDataset, set_seed

pytestmark = pytest.mark.backend

QUERY = {
    "history": FeatureInfo("multi", size=7, length=4),
    "gender": FeatureInfo("categorical", size=3),
    "age": FeatureInfo("numeric"),
}
CANDIDATE = {
    "item": FeatureInfo("categorical", size=7),
    "genres": FeatureInfo("multi", size=4, length=2),
}
RNG = np.random.default_rng(5)
BATCH = {
    "history": np.array([[1, 2, 0, 0], [3, 1, 4, 2], [0, 0, 0, 0], [5, 0, 0, 0]], "int32"),
    "gender": np.array([1, 2, 0, 1], "int32"),
    "age": RNG.normal(size=4).astype("float32"),
    "item": np.array([3, 5, 3, 6], "int32"),
    "genres": np.array([[1, 2], [3, 0], [1, 2], [0, 0]], "int32"),
    "candidate_probability": np.array([0.4, 0.2, 0.4, 0.1], "float32"),
}


def made(**options):
    options.setdefault("history", "history")
    model = TwoTower(QUERY, CANDIDATE, embedding_dim=3, **options)
    model.build_all()
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if "seed" not in weight.path:
            weight.assign(rng.normal(size=weight.shape).astype("float32"))
    return model


def values(model):
    tables = {**model.query_tower.tables, **model.candidate_tower.tables}
    found = {n: keras.ops.convert_to_numpy(t.table).astype("float64") for n, t in tables.items()}
    found["bias"] = keras.ops.convert_to_numpy(model.bias.table).astype("float64")
    found["linear"] = keras.ops.convert_to_numpy(model.query_tower.linear.kernel)
    found["weights"] = np.exp(keras.ops.convert_to_numpy(model.query_tower.pooling.log_weights))
    return found


def naive_query(w, batch, row):
    total = w["gender"][batch["gender"][row]] + batch["age"][row] * w["linear"][0]
    items = [i for i in batch["history"][row] if i]
    weights = [w["weights"][int(np.log2(len(items) - place))] for place in range(len(items))]
    if items:
        pooled = sum(a * w["history"][i] for a, i in zip(weights, items, strict=True))
        total = total + pooled / np.sqrt(sum(weights))
    return np.append(total, 1.0)


def naive_candidate(w, batch, row):
    genres = [g for g in batch["genres"][row] if g]
    total = w["item"][batch["item"][row]]
    if genres:
        total = total + sum(w["genres"][g] for g in genres) / np.sqrt(len(genres))
    return np.append(total, w["bias"][batch["item"][row], 0])


def naive_loss(w, batch):
    rows = range(len(batch["item"]))
    losses = []
    for q in rows:
        query = naive_query(w, batch, q)
        own = batch["item"][q]
        logits = []
        for c in rows:
            item = batch["item"][c]
            if c != q and (item == own or item in batch["history"][q]):
                continue
            score = query @ naive_candidate(w, batch, c)
            logits.append((c == q, score - np.log(batch["candidate_probability"][c])))
        positive = next(z for mine, z in logits if mine)
        losses.append(np.log(sum(np.exp(z) for _, z in logits)) - positive)
    return np.mean(losses)


def test_the_vectors_equal_the_formula():
    model = made()
    w = values(model)
    queries, candidates = model.embed_queries(BATCH), model.embed_candidates(BATCH)
    for row in range(4):
        np.testing.assert_allclose(queries[row], naive_query(w, BATCH, row), rtol=1e-5, atol=1e-5)
        expected = naive_candidate(w, BATCH, row)
        np.testing.assert_allclose(candidates[row], expected, rtol=1e-5, atol=1e-5)


def test_the_loss_equals_the_formula():
    model = made()
    loss = float(keras.ops.convert_to_numpy(model.compute_loss(BATCH)))
    assert loss == pytest.approx(naive_loss(values(model), BATCH), rel=1e-5)


def test_distinct_items_scored_once_give_the_same_loss():
    model = made()
    batches = Batches(BATCH, 4, shuffle=False, unique=["item"], sizes=[4])
    (batch,) = list(batches)
    once = float(keras.ops.convert_to_numpy(model.compute_loss(batch)))
    assert once == pytest.approx(naive_loss(values(model), BATCH), rel=1e-5)


def test_an_example_of_weight_zero_does_not_count():
    model = made()
    weights = np.array([1, 1, 1, 0], "float32")
    some = float(
        keras.ops.convert_to_numpy(model.compute_loss({**BATCH, "sample_weight": weights}))
    )
    again = {**BATCH, "gender": np.array([1, 2, 0, 2], "int32"), "sample_weight": weights}
    other = float(keras.ops.convert_to_numpy(model.compute_loss(again)))
    assert some == pytest.approx(other, rel=1e-6)


def test_training_finds_who_likes_what():
    rng = np.random.default_rng(1)
    taste = rng.integers(0, 2, size=600)
    items = (1 + rng.integers(0, 3, size=600) + 3 * taste).astype("int32")
    history = (1 + rng.integers(0, 3, size=(600, 4)) + 3 * taste[:, None]).astype("int32")
    batch = {
        "history": history,
        "gender": np.zeros(600, "int32"),
        "age": np.zeros(600, "float32"),
        "item": items,
        "genres": np.zeros((600, 2), "int32"),
        "candidate_probability": np.full(600, 1 / 6, "float32"),
    }
    set_seed(0)
    model = TwoTower(QUERY, CANDIDATE, embedding_dim=3, history="history")
    model.compile(keras.optimizers.Adam(0.05))
    model.fit(BatchDataset(Batches(batch, 100)), epochs=8, shuffle=False, verbose=0)
    catalogue = {"item": np.arange(1, 7, dtype="int32"), "genres": np.zeros((6, 2), "int32")}
    asked = {name: batch[name][:50] for name in QUERY}
    scores = model.embed_queries(asked) @ model.embed_candidates(catalogue).T
    best = np.argsort(-scores, axis=1)[:, :3] + 1
    assert ((best > 3) == taste[:50, None]).mean() > 0.95


def test_config_round_trip():
    model = made(unknown_rate={"gender": 0.5}, hidden_units=(4,), dropout=0.1)
    again = TwoTower.from_config(model.get_config())
    assert again.get_config() == model.get_config()


def test_what_is_refused():
    with pytest.raises(ConfigError, match=r"\['item'\] stand on the query's and on the candidate"):
        TwoTower({**QUERY, "item": CANDIDATE["item"]}, CANDIDATE)
    with pytest.raises(ConfigError, match=r"candidate_id='itme'.*Did you mean 'item'"):
        TwoTower(QUERY, CANDIDATE, candidate_id="itme")
    with pytest.raises(ConfigError, match="no feature 'histroy'"):
        TwoTower(QUERY, CANDIDATE, history="histroy")
    batch = {k: v for k, v in BATCH.items() if k != "candidate_probability"}
    with pytest.raises(SchemaError, match="'candidate_probability'"):
        made().compute_loss(batch)
    batch = {k: v for k, v in BATCH.items() if k != "gender"}
    with pytest.raises(SchemaError, match="expected the feature 'gender'"):
        made().compute_loss(batch)
