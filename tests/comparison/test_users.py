from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from shortlist.comparison.users import segments
from shortlist.errors import ConfigError

FRAME = pl.DataFrame(
    {
        "user": range(30),
        "age": [None, *range(21, 50)],
        "kind": ["a", "b", None] * 10,
        "old": [True, False] * 15,
        "tags": [["x"]] * 30,
    }
)


def test_values_are_labels_and_many_numbers_are_cut_in_thirds():
    users = np.array([29, 0, 1, 99])
    found = segments(users, FRAME, ["age", "kind", "old"])
    assert found["kind"].tolist() == ["unknown", "a", "b", "unknown"]
    assert found["old"].tolist() == ["false", "true", "false", "unknown"]
    few = found["age"].tolist()
    assert few == ["49", "unknown", "21", "unknown"]
    many = segments(np.arange(30), FRAME, ["age"])["age"].tolist()
    assert many[0] == "unknown"
    assert [many[1], many[15], many[29]] == ["1. up to 30", "2. up to 39", "3. over 39"]


@pytest.mark.parametrize("frame", [FRAME, None])
def test_what_is_no_label_is_an_error(frame):
    with pytest.raises(ConfigError, match="names 'kin'"):
        segments(np.arange(3), frame, ["kin"])
    with pytest.raises(ConfigError, match=r"several values a user|the users have"):
        segments(np.arange(3), frame, ["tags"])
