from __future__ import annotations

from shortlist.testing import IndexTests, MockIndex


class TestMockIndex(IndexTests):
    rows = 300

    def make(self):
        return MockIndex()
