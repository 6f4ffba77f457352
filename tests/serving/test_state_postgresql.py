"""The same suite on a real PostgreSQL server."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy
from tests.serving.serverside import Server

from shortlist.serving import Settings
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

    def test_a_server_works_with_it(self, made: Path) -> None:
        settings = Settings(made, state=self.url, deadline=30.0)
        event = {"user": 99, "item": 10, "key": "k"}
        with Server(settings) as one, Server(settings) as other:
            assert one.recommended({"user": 99, "k": 1}) == [10]
            assert one.post("/v1/events", {"events": [event]}).json()["stored"] == 1
            assert other.post("/v1/events", {"events": [event]}).json()["duplicates"] == 1
            assert one.recommended({"user": 99, "k": 1}) == [11]
            assert other.recommended({"user": 99, "k": 1}) == [11]
            assert one.delete("/v1/users/99").status_code == 200
            assert one.recommended({"user": 99, "k": 1}) == [10]
