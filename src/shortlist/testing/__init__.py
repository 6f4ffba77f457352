"""Conformance suites and mocks for those who write their own parts.

    class TestMyIndex(IndexTests):
        def make(self):
            return MyIndex()

The suites need pytest.
"""

from __future__ import annotations

from shortlist.testing.index_tests import IndexTests
from shortlist.testing.mock_index import MockIndex
from shortlist.testing.post_ranker_tests import PostRankerTests

__all__ = ["IndexTests", "MockIndex", "PostRankerTests"]
