"""Programs as their users have written them, with the strings and the saving of the tutorials."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from shortlist import tfrs

pytestmark = [
    pytest.mark.backend,
    pytest.mark.filterwarnings("ignore:.shuffle=True. was passed"),
    pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="tf.data and strings"),
]

USERS = np.array([str(i) for i in range(12)])
TITLES = np.array([f"Film {i} (19{i + 10})" for i in range(20)])
RNG = np.random.default_rng(0)


def ratings(tf):
    users, films = RNG.integers(0, 12, 200), RNG.integers(0, 20, 200)
    columns = {
        "user_id": USERS[users],
        "movie_title": TITLES[films],
        "user_rating": (1 + (users + films) % 5).astype("float32"),
    }
    return tf.data.Dataset.from_tensor_slices(columns)


def tower(words):
    return keras.Sequential(
        [
            keras.layers.StringLookup(vocabulary=words, mask_token=None),
            keras.layers.Embedding(len(words) + 1, 8),
        ]
    )


class RetrievalModel(tfrs.Model):
    def __init__(self, movies):
        super().__init__()
        self.user_model, self.movie_model = tower(USERS), tower(TITLES)
        metrics = tfrs.metrics.FactorizedTopK(candidates=movies.batch(8).map(self.movie_model))
        self.task = tfrs.tasks.Retrieval(metrics=metrics)

    def compute_loss(self, features, training=False):
        del training
        return self.task(
            self.user_model(features["user_id"]), self.movie_model(features["movie_title"])
        )


def test_retrieval_with_an_index_that_is_saved_loaded_and_called(tmp_path):
    import tensorflow as tf

    movies = tf.data.Dataset.from_tensor_slices(TITLES)
    model = RetrievalModel(movies)
    model.compile(optimizer=tf.keras.optimizers.Adagrad(0.1))
    data = ratings(tf).shuffle(1000).batch(64).cache()
    model.fit(data, epochs=1, verbose=0)
    logs = model.evaluate(data, return_dict=True, verbose=0)
    assert logs["factorized_top_k/top_50_categorical_accuracy"] == 1.0

    index = tfrs.layers.factorized_top_k.BruteForce(model.user_model)
    batches = (movies.batch(7), movies.batch(7).map(model.movie_model))
    index.index_from_dataset(tf.data.Dataset.zip(batches))
    _, titles = index(tf.constant(["4"]))
    tf.saved_model.save(index, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    assert loaded(["4"])[1].numpy().tolist() == titles.numpy().tolist()
    assert loaded(tf.constant(["4", "5"]), tf.constant(2))[1].shape == (2, 2)


class RankingModel(keras.Model):
    def __init__(self):
        super().__init__()
        self.user_embeddings, self.movie_embeddings = tower(USERS), tower(TITLES)
        self.ratings = keras.Sequential([keras.layers.Dense(8, "relu"), keras.layers.Dense(1)])

    def call(self, inputs):
        users, titles = inputs
        found = [self.user_embeddings(users), self.movie_embeddings(titles)]
        return self.ratings(keras.ops.concatenate(found, axis=1))


class MovielensModel(tfrs.models.Model):
    def __init__(self):
        super().__init__()
        self.ranking_model = RankingModel()
        self.task = tfrs.tasks.Ranking(
            loss=keras.losses.MeanSquaredError(),
            metrics=[keras.metrics.RootMeanSquaredError()],
        )

    def call(self, features):
        return self.ranking_model((features["user_id"], features["movie_title"]))

    def compute_loss(self, features, training=False):
        del training
        labels = features.pop("user_rating")
        return self.task(labels=labels, predictions=self(features))


def test_a_ranking_model_that_is_saved_loaded_and_called(tmp_path):
    import tensorflow as tf

    model = MovielensModel()
    model.compile(optimizer=tf.keras.optimizers.Adagrad(0.1))
    data = ratings(tf).batch(64).cache()
    model.fit(data, epochs=1, verbose=0)
    assert model.evaluate(data, return_dict=True, verbose=0)["root_mean_squared_error"] < 5
    asked = {"user_id": np.array(["3"]), "movie_title": TITLES[:1]}
    expected = model(asked).numpy()
    tf.saved_model.save(model, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    again = loaded({"user_id": np.array(["3"]), "movie_title": [str(TITLES[0])]})
    np.testing.assert_allclose(again, expected, rtol=1e-6)
    served = loaded.signatures["serving_default"](
        **{name: tf.constant(values) for name, values in asked.items()}
    )
    np.testing.assert_allclose(next(iter(served.values())), expected, rtol=1e-6)


class DCN(tfrs.Model):
    """With the attributes of the tutorial, of which some look like a library's own."""

    def __init__(self, projection_dim):
        super().__init__()
        self._all_features = {"user_id": USERS, "movie_title": TITLES}
        self._embeddings = {name: tower(words) for name, words in self._all_features.items()}
        self._cross_layer = tfrs.layers.dcn.Cross(
            projection_dim=projection_dim, kernel_initializer="glorot_uniform"
        )
        self._deep_layers = [keras.layers.Dense(units, activation="relu") for units in (8, 8)]
        self._logit_layer = keras.layers.Dense(1)
        self._model = self._task = self._update = self._forward = self._step = None
        self.task = tfrs.tasks.Ranking(loss=keras.losses.MeanSquaredError())

    def call(self, features):
        found = [self._embeddings[name](features[name]) for name in self._all_features]
        x = self._cross_layer(keras.ops.concatenate(found, axis=1))
        for layer in self._deep_layers:
            x = layer(x)
        return self._logit_layer(x)

    def compute_loss(self, features, training=False):
        del training
        return self.task(labels=features.pop("user_rating"), predictions=self(features))


@pytest.mark.parametrize("projection_dim", [None, 4])
def test_a_deep_and_cross_network_whose_kernel_is_looked_at(projection_dim):
    import tensorflow as tf

    model = DCN(projection_dim)
    model.compile(optimizer=tf.keras.optimizers.Adam(0.01))
    model.fit(ratings(tf).batch(64), epochs=1, verbose=False)
    if projection_dim is None:
        assert model._cross_layer._dense.kernel.shape == (16, 16)
        assert model._cross_layer._dense.bias.shape == (16,)
    else:
        assert model._cross_layer._dense_u.kernel.shape == (16, 4)
        assert model._cross_layer._dense_v.kernel.shape == (4, 16)
