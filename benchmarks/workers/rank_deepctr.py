"""deepctr-torch: an epoch of its DCN with matrices on the examples of ``rank-train``."""

from __future__ import annotations

import os
from collections.abc import Callable

from bench import serve
from rank_examples import CROSSES, DIM, HIDDEN, RATE, columns


def make(folder: str, model: str, sizes: list[int], batch: int) -> Callable[[], None]:
    del model  # it has no DLRM, so it is not asked for one
    import torch
    from deepctr_torch.inputs import DenseFeat, SparseFeat
    from deepctr_torch.models import DCN

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    codes, numbers, labels = columns(folder)
    features = [
        SparseFeat(name, size, embedding_dim=DIM) for name, size in zip(codes, sizes, strict=True)
    ]
    features += [DenseFeat(name, 1) for name in numbers]
    # Its penalties would read every row of every table at every step; the other sides have none.
    network = DCN(
        linear_feature_columns=[],
        dnn_feature_columns=features,
        cross_num=CROSSES,
        cross_parameterization="matrix",
        dnn_hidden_units=HIDDEN,
        l2_reg_linear=0,
        l2_reg_embedding=0,
        l2_reg_cross=0,
        l2_reg_dnn=0,
        device="cpu",
    )
    network.compile(torch.optim.Adagrad(network.parameters(), lr=RATE), "binary_crossentropy")
    given = {**codes, **numbers}

    def run() -> None:
        network.fit(given, labels, batch_size=batch, epochs=1, verbose=0, shuffle=True)

    return run


serve(make)
