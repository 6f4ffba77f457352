"""Record what tensorflow-recommenders 0.7.7 gives for the cases, in golden.json beside this file.

Run it in an environment of its own: ``pip install tensorflow-recommenders==0.7.7 tf-keras``, then
``TF_USE_LEGACY_KERAS=1 python tests/tfrs/make_golden.py``.
"""

from __future__ import annotations

import json
from pathlib import Path

import cases
import tensorflow as tf
import tensorflow_recommenders as tfrs

HERE = Path(__file__).parent


def main() -> None:
    recorded = {name: case(tfrs, tf.keras) for name, case in cases.CASES.items()}
    corpus = tf.data.Dataset.from_tensor_slices(cases.CORPUS).batch(7)
    recorded["factorized-scores"] = cases.factorized(tfrs, corpus, layer=False, ids=False)
    recorded["factorized-ids"] = cases.factorized(tfrs, corpus, layer=True, ids=True)
    data = tf.data.Dataset.from_tensor_slices
    movielens = tfrs.examples.movielens
    recorded["movielens-evaluate"] = cases.evaluated(movielens, data, tf.gather)
    lists = movielens.sample_listwise(data(cases.RATINGS), 3, 5, seed=42)
    batch = next(lists.batch(100).as_numpy_iterator())
    recorded["movielens-lists"] = [cases.flat(batch[name]) for name in cases.RATINGS]
    text = json.dumps({"version": tfrs.__version__, "cases": recorded}, indent=1)
    (HERE / "golden.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
