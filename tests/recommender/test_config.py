from __future__ import annotations

import dataclasses
import difflib
import json
import re
import typing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.errors import ConfigError
from shortlist.recommender.config import Config, DataConfig

ROOT = Path(__file__).parents[2]
BASE: dict[str, Any] = {"data": {"dataset": "movielens-100k"}}
SECTIONS = {
    name: kind
    for name, kind in typing.get_type_hints(Config).items()
    if dataclasses.is_dataclass(kind)
}
KEYS = [(section, f.name) for section, kind in SECTIONS.items() for f in dataclasses.fields(kind)]


def with_key(section: str, key: str, value: Any) -> dict[str, Any]:
    tables = {name: dict(table) for name, table in BASE.items()}
    tables.setdefault(section, {})[key] = value
    return tables


def misspellings(word: str) -> list[str]:
    """Every word one usual slip away: a letter left out, doubled or swapped with the next."""
    out = {word[:i] + word[i + 1 :] for i in range(len(word))}
    out |= {word[: i + 1] + word[i:] for i in range(len(word))}
    out |= {word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1)}
    return sorted(out - {word, ""})


def nearness(word: str, other: str) -> float:
    return difflib.SequenceMatcher(None, word, other).ratio()


@given(st.data(), st.sampled_from(KEYS))
def test_every_misspelt_key_is_named_with_the_nearest(data: st.DataObject, where: Any) -> None:
    section, key = where
    known = [f.name for f in dataclasses.fields(SECTIONS[section])]
    wrong = data.draw(st.sampled_from([w for w in misspellings(key) if w not in known]))
    with pytest.raises(ConfigError) as raised:
        Config.from_dict(with_key(section, wrong, 1))
    message = str(raised.value)
    assert message.startswith(f"Unknown key `{wrong}` in [{section}].")
    assert f"Known: {', '.join(known)}." in message
    if len(key) > 3:
        hint = re.search(r"Did you mean '(\w+)'\?", message)
        assert hint is not None
        # A slip may land as near to a neighbour: `itme` is `item` as well as `time`.
        assert nearness(wrong, hint[1]) >= nearness(wrong, key)


@given(st.data(), st.sampled_from([s for s in SECTIONS if s != "data"]))
def test_every_misspelt_section_is_named_with_the_nearest(
    data: st.DataObject, section: str
) -> None:
    wrong = data.draw(st.sampled_from(misspellings(section)))
    with pytest.raises(ConfigError, match=rf"Unknown section \[{wrong}\]\. Did you mean '"):
        Config.from_dict({**BASE, wrong: {}})


@pytest.mark.parametrize("wrong", ["dta", "dataa", "Data", "adta"])
def test_a_misspelt_data_section_is_recognised(wrong: str) -> None:
    with pytest.raises(ConfigError, match=rf"Did you mean \[data\] by \[{wrong}\]\?"):
        Config.from_dict({wrong: {"dataset": "movielens-100k"}})


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_no_key_takes_a_value_of_every_kind(section: str, key: str) -> None:
    refused = 0
    for value in ("?", 1.5, True, {"a": 1}, [[]]):
        try:
            Config.from_dict(with_key(section, key, value))
        except ConfigError as error:
            refused += f"`{key}`" in str(error)
    assert refused >= 3


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("split", "test", 0.0),
        ("split", "test", 1),
        ("split", "test", float("nan")),
        ("split", "seed", -1),
        ("features", "history_length", 0),
        ("retrieval", "embedding_dim", 0),
        ("retrieval", "epochs", -3),
        ("retrieval", "batch_size", 0),
        ("retrieval", "learning_rate", 0.0),
        ("retrieval", "learning_rate", float("inf")),
        ("retrieval", "weight_decay", -0.1),
        ("retrieval", "unknown_user_rate", 1.0),
        ("ranking", "pool", 0),
        ("ranking", "epochs", 0),
        ("ranking", "learning_rate", float("nan")),
        ("ranking", "name", "dcnv2"),
        ("evaluation", "ks", []),
        ("evaluation", "ks", [10, 0]),
        ("postranking", "steps", [{"trade_off": 0.5}]),
        ("postranking", "steps", [{"name": ""}]),
    ],
)
def test_a_value_out_of_range_is_named(section: str, key: str, value: Any) -> None:
    with pytest.raises(ConfigError) as raised:
        Config.from_dict(with_key(section, key, value))
    assert str(raised.value).startswith(f"`{key}` in [{section}] expected ")
    assert "received" in str(raised.value)


TASKS: dict[str, Any] = {"met": {}, "stars": {"column": "rating", "loss": "squared"}}
MANY: dict[str, Any] = {"name": "multi_task", "tasks": TASKS}


@pytest.mark.parametrize(
    ("ranking", "message"),
    [
        ({"tasks": TASKS}, r"tasks and `name = 'multi_task'` together; received name='mlp'"),
        ({"name": "multi_task"}, r"together; received name='multi_task' and the tasks \[\]"),
        (MANY | {"formula": {"star": 1.0}}, r"task 'star', which is not in .*Did you mean 'stars'"),
        (MANY | {"formula": {"stars": float("inf")}}, r"`formula` in \[ranking\] expected finite"),
        (MANY | {"combine": "max"}, r"`combine` in \[ranking\] expected one of 'product', 'sum'"),
        (MANY | {"tasks": {"met": {"colum": "x"}}}, r"`colum` in \[ranking.tasks.met\].*'column'"),
        (
            MANY | {"tasks": {"met": {"loss": "hinge"}}},
            r"`loss` in \[ranking.tasks.met\] exp",
        ),
        (
            MANY | {"tasks": {"met": {"at_least": 4}}},
            r"`column` in \[ranking.tasks.met\] exp",
        ),
        (
            MANY | {"tasks": {"met": {"weight": 0}}},
            r"`weight` in \[ranking.tasks.met\] exp",
        ),
        (MANY | {"options": {"loss": "binary"}}, r"`options` in \[ranking\] may not hold 'loss'"),
    ],
)
def test_a_wrong_task_or_formula_is_named(ranking: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Config.from_dict({**BASE, "ranking": ranking})


def test_who_reads_what() -> None:
    def of(**ranking: Any) -> bool:
        return Config.from_dict({**BASE, "ranking": ranking}).ranking.reads_all

    assert not of()
    assert of(features="all")
    assert of(name="din")
    assert not of(name="fm")
    with pytest.raises(ConfigError, match="'din', which reads the user's history"):
        of(name="din", features="signals")


def test_a_negative_seed_is_an_error() -> None:
    with pytest.raises(ConfigError, match="`seed` expected a whole number from 0 up"):
        Config.from_dict({**BASE, "seed": -1})


@pytest.mark.parametrize("data", [{}, {"dataset": "movielens-100k", "interactions": "a.csv"}])
def test_exactly_one_source_of_data(data: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"exactly one of `dataset`.* and `interactions`"):
        Config.from_dict({"data": data})


@pytest.mark.parametrize(
    "data",
    [
        {"dataset": "movielens-100k", "items": "items.csv"},
        {"dataset": "movielens-100k", "users": "users.csv"},
        {"interactions": "events.csv", "path": "ml-100k.zip"},
    ],
)
def test_a_key_of_the_other_source_is_an_error(data: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="does not go with"):
        DataConfig(**data)  # type: ignore[arg-type]


def test_a_configuration_survives_json() -> None:
    tables = {
        "data": {"interactions": "events.csv", "rating": "stars"},
        "features": {"user": ["city"], "item": []},
        "evaluation": {"ks": [5]},
        "postranking": {"steps": [{"name": "mmr", "trade_off": 0.7}]},
    }
    tables["ranking"] = {"name": "multi_task", "tasks": TASKS, "options": {"experts": "ple"}}
    config = Config.from_dict(tables)
    assert Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_relative_paths_are_taken_from_the_folder_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "job.toml"
    file.write_text(
        '\ufeff[data]\ninteractions = "events/*.parquet"\nitems = "s3://bucket/items.parquet"\n'
        f"users = {json.dumps(str(tmp_path / 'users.csv'))}\n"
        '[output]\nbundle = "~/bundles"\n',
        encoding="utf-8",
    )
    config = Config.from_toml(file)
    assert config.data.interactions == str(tmp_path.resolve() / "events" / "*.parquet")
    assert config.data.items == "s3://bucket/items.parquet"
    assert config.data.users == str(tmp_path / "users.csv")
    assert config.output.bundle == str(Path.home() / "bundles")


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("[data\n", encoding="utf-8")
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    for path, message in (
        (tmp_path / "missing.toml", "No configuration file at"),
        (tmp_path, "Cannot read the configuration file"),
        (broken, "is not valid TOML"),
        (binary, "is not valid TOML"),
    ):
        with pytest.raises(ConfigError, match=message):
            Config.from_toml(path)


def test_the_section_of_a_comparison_is_passed_over() -> None:
    both = {**BASE, "compare": {"trials": 3}}
    assert Config.from_dict(both) == Config.from_dict(BASE)
    with pytest.raises(ConfigError, match="Unknown key `compare`"):
        Config.from_dict({**BASE, "compare": 3})


def test_the_documentation_names_every_key_with_its_default() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    for section, kind in SECTIONS.items():
        text = page.split(f"## `[{section}]`")[1].split("\n## ")[0]
        rows = {
            row[0].strip("` "): row[1].strip()
            for line in text.splitlines()
            if line.startswith("| `") and (row := line.strip("|").split("|"))
        }
        assert set(rows) == {f.name for f in dataclasses.fields(kind)}, section
        for f in dataclasses.fields(kind):
            made = f.default_factory() if callable(f.default_factory) else f.default
            shown = "—" if made is None else f"`{json.dumps(made)}`"
            assert rows[f.name] == shown, (section, f.name)


def test_the_example_of_several_tasks_is_a_good_configuration() -> None:
    config = Config.from_toml(ROOT / "examples" / "several_tasks.toml").ranking
    assert [*config.chosen_tasks] == ["met", "like", "stars"]
    assert config.score_formula.to_config()["weights"] == {"met": 1.0, "stars": 0.5}


def test_the_example_of_ones_own_data_is_a_good_configuration() -> None:
    config = Config.from_toml(ROOT / "examples" / "own_data.toml")
    assert config.data.interactions is not None
    assert Path(config.data.interactions).is_absolute()
