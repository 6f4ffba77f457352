"""Conformance suites and mocks for those who write their own parts.

    class TestMyIndex(IndexTests):
        def make(self):
            return MyIndex()

The suites need pytest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shortlist.testing.index_tests import IndexTests
from shortlist.testing.mock_index import MockIndex
from shortlist.testing.post_ranker_tests import PostRankerTests

if TYPE_CHECKING:
    from shortlist.testing.state_store_tests import StateStoreTests

__all__ = ["IndexTests", "MockIndex", "PostRankerTests", "StateStoreTests"]


def __getattr__(name: str) -> Any:
    if name != "StateStoreTests":
        raise AttributeError(f"module 'shortlist.testing' has no attribute {name!r}")
    # The only one that needs the extra [serve].
    from shortlist.testing.state_store_tests import StateStoreTests  # noqa: PLC0415

    return StateStoreTests
