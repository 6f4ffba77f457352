"""The same suite on a real PostgreSQL server."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy

from shortlist.serving.state import StateStore
from shortlist.testing.state_store_tests import StateStoreTests

pytestmark = pytest.mark.slow


class TestPostgreSQL(StateStoreTests):
    @pytest.fixture(autouse=True)
    def _empty(self, postgres: str) -> None:
        pytest.importorskip("psycopg")
        self.url = postgres
        engine = sqlalchemy.create_engine(postgres.replace("postgresql:", "postgresql+psycopg:"))
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA public")
        engine.dispose()

    def make(self, folder: Path) -> StateStore:
        return StateStore.open(self.url)
