"""Conversion over the entire space (ESMM): what follows a click, learned from all impressions.

    both = entire_space_logits(click_logits, conversion_logits)
    task({
        "click": {"labels": clicks, "predictions": click_logits},
        "conversion": {
            "labels": entire_space_labels(clicks, conversions), "predictions": both
        },
    })

A model of conversions that learns from clicks alone is asked about all impressions when it serves,
and has seen none but the clicked ones. ESMM learns ``P(click)`` and ``P(click and conversion)``,
both from all impressions; ``P(conversion | click)`` is the factor between them.
"""

from __future__ import annotations

from typing import Any

from keras import ops

Tensor = Any

__all__ = ["entire_space_labels", "entire_space_logits"]


def entire_space_logits(click_logits: Tensor, conversion_logits: Tensor) -> Tensor:
    r"""The logit of ``P(click and conversion)``, of any shape.

    .. math:: \mathrm{pCTCVR} = \sigma(a) \, \sigma(b), \qquad
              z = \log \frac{\mathrm{pCTCVR}}{1 - \mathrm{pCTCVR}}

    Computed from the logits, without a probability that could round to 0 or 1.

    Args:
        click_logits: of ``P(click)``.
        conversion_logits: of ``P(conversion | click)``, of the same shape.

    Reference: Ma et al. 2018, "Entire space multi-task model: an effective approach for estimating
    post-click conversion rate".

    >>> import numpy as np
    >>> zero = np.zeros(1, "float32")
    >>> print(f"{float(entire_space_logits(zero, zero)[0]):.4f}")    # 1/4: log(1/3)
    -1.0986
    """
    a, b = ops.convert_to_tensor(click_logits), ops.convert_to_tensor(conversion_logits)
    # (1 - pq) / (pq) = (1 + e^-a)(1 + e^-b) - 1 = e^-a + e^-b + e^-(a + b)
    return -ops.logsumexp(ops.stack([-a, -b, -a - b], axis=-1), axis=-1)


def entire_space_labels(clicks: Tensor, conversions: Tensor) -> Tensor:
    """1 where there was a click and a conversion, 0 where one of them is known not to be.

    NaN, that is a missing label for `MultiTask`, where that cannot be said: a click whose
    conversion is not known yet, or an unknown click.

    Args:
        clicks: 0, 1, or NaN where unknown; any shape.
        conversions: 0, 1, or NaN; of the same shape. What stands beside no click does not matter.

    >>> import numpy as np
    >>> labels = entire_space_labels(np.array([0.0, 1.0, 1.0]), np.array([np.nan, 1.0, np.nan]))
    >>> [float(label) for label in labels]
    [0.0, 1.0, nan]
    """
    clicks, conversions = ops.cast(clicks, "float32"), ops.cast(conversions, "float32")
    return ops.where(clicks == 0, 0.0, clicks * conversions)
