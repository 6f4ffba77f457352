from pathlib import Path

import pytest

from shortlist.errors import ConfigError
from shortlist.serving.state import StateStore, tables
from shortlist.testing.state_store_tests import StateStoreTests


class TestSQLite(StateStoreTests):
    def make(self, folder: Path) -> StateStore:
        return StateStore.open(folder / "deep" / "state.db")


def test_it_waits_for_the_disk(tmp_path):
    store = StateStore.open(tmp_path / "state.db")
    with store._engine.connect() as connection:
        ask = connection.exec_driver_sql
        assert ask("PRAGMA journal_mode").scalar() == "wal"
        assert ask("PRAGMA synchronous").scalar() == 2
    store.close()


def test_what_cannot_be_opened(tmp_path):
    with pytest.raises(ConfigError, match="SQLite or PostgreSQL; received 'mysql'"):
        StateStore.open("mysql://somewhere/x")
    with pytest.raises(ConfigError, match=r"cannot be opened: .*refused"):
        StateStore.open("postgresql://anna:secret@127.0.0.1:1/x")
    with pytest.raises(ConfigError) as error:
        StateStore.open("postgresql://anna:secret@127.0.0.1:1/x")
    assert "secret" not in str(error.value)
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ConfigError, match="cannot be made"):
        StateStore.open(tmp_path / "file" / "state.db")
    (tmp_path / "no.db").write_text("this is no database, though it has its name" * 50)
    with pytest.raises(ConfigError, match="not a database"):
        StateStore.open(tmp_path / "no.db")


def test_a_state_of_another_version_is_refused(tmp_path):
    store = StateStore.open(tmp_path / "state.db")
    with store._engine.begin() as connection:
        connection.execute(tables.meta.update().values(value="99"))
    store.close()
    with pytest.raises(ConfigError, match="schema version 99"):
        StateStore.open(tmp_path / "state.db")
