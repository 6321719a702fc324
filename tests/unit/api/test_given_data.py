"""Rows in memory: what is taken for rows, how they are kept, and what becomes of them when a run is not begun."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rlsr.api.given_data import GivenData
from rlsr.config.data import DataConfig
from rlsr.config.run import RunConfig
from rlsr.data import load_dataset
from rlsr.errors import ConfigError, DataError, RunError
from rlsr.runs import RunDirectory
from rlsr.runs.given_rows import HELDOUT_FILE, ROWS_FILE, with_moved_rows
from rlsr.runs.pipeline_directory import PipelineDirectory

ROWS = [{"prompt": f"question {place}", "response": f"answer {place}"} for place in range(8)]


class Polars:
    """As far as a frame of polars is looked at."""

    def to_dicts(self) -> list[dict[str, Any]]:
        return ROWS


def kept(data: Any, tmp_path: Path) -> list[Any]:
    with GivenData.of(data).kept_in(tmp_path / "run") as settings:
        (setting,) = settings
        file = Path(setting["data"]["path"])
        assert file == (tmp_path / "run" / ROWS_FILE).resolve()
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("data", [ROWS, tuple(ROWS), iter(ROWS), Polars()], ids=type)
def test_rows_are_kept_as_they_are(data: Any, tmp_path: Path) -> None:
    assert kept(data, tmp_path) == ROWS


@pytest.mark.slow
def test_a_frame_of_pandas_has_null_where_it_has_no_value(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"prompt": ["a", "b"], "response": ["c", "d"], "year": [1.0, None]})
    frame["when"] = pandas.to_datetime(["2026-01-02", None])
    first, second = kept(frame, tmp_path)
    assert first == {"prompt": "a", "response": "c", "year": 1.0, "when": "2026-01-02T00:00:00"}
    assert second == {"prompt": "b", "response": "d", "year": None, "when": None}


@pytest.mark.slow
def test_a_dataset_is_a_list_of_rows(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    assert kept(datasets.Dataset.from_list(ROWS), tmp_path) == ROWS


def test_values_of_numpy_and_dates_become_json(tmp_path: Path) -> None:
    row = {"n": np.float32(0.5), "of": np.array([1, 2]), "in": [{"k": np.int64(3)}], "d": date(2026, 1, 2)}  # fmt: skip
    assert kept([row], tmp_path) == [{"n": 0.5, "of": [1, 2], "in": [{"k": 3}], "d": "2026-01-02"}]


def test_kept_rows_are_the_data_of_the_file_that_holds_them(tmp_path: Path) -> None:
    mine = tmp_path / "mine.jsonl"
    mine.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    with GivenData.of(ROWS).kept_in(tmp_path / "run") as (setting):
        given = load_dataset(DataConfig(**setting[0]["data"]))
    assert given.sha256 == load_dataset(DataConfig(path=str(mine))).sha256


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "data: holds no rows"),
        ({"prompt": ["a"]}, "must be rows, one a prompt, got a mapping with 'prompt'"),
        (4, "data: must be a file, the id of a dataset, or rows .* got int"),
        (["text"], "row 1: a row is a dict with named columns, got str"),
        ([ROWS[0], {4: "a"}], "row 2: a column's name is a text, got 4"),
        ([{"prompt": "a", "image": b"bytes"}], "row 1, 'image': .* cannot hold bytes"),
        ([{"prompt": "a", "n": float("inf")}], "row 1, 'n': .* cannot hold float"),
    ],
)
def test_what_holds_no_rows_is_refused(data: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        GivenData.of(data)


def test_names_of_data_are_left_to_the_config() -> None:
    given = GivenData.of("my.jsonl", Path("other.jsonl"))
    assert (given.name, given.rows) == ("my.jsonl", {})
    with given.kept_in(Path("nowhere")) as settings:
        assert settings == [{"data": {"path": "my.jsonl"}}, {"data": {"heldout_path": "other.jsonl"}}]  # fmt: skip
    assert not Path("nowhere").exists()


def test_heldout_rows_have_a_file_of_their_own(tmp_path: Path) -> None:
    with GivenData.of("my.jsonl", ROWS).kept_in(tmp_path) as settings:
        assert settings[1] == {"data": {"heldout_path": str(tmp_path / HELDOUT_FILE)}}


def test_a_run_that_is_not_begun_leaves_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigError, match="no"),
        GivenData.of(ROWS).kept_in(tmp_path / "a" / "run"),
    ):
        raise ConfigError("no")
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_has_begun_keeps_its_rows(tmp_path: Path) -> None:
    def begin() -> None:
        with GivenData.of(ROWS).kept_in(tmp_path / "run"):
            RunDirectory.check_free(tmp_path / "run")
            RunDirectory.create(tmp_path / "run", RunConfig())
            raise ConfigError("no")

    with pytest.raises(ConfigError, match="no"):
        begin()
    assert (tmp_path / "run" / ROWS_FILE).is_file()


def test_the_same_rows_go_on_and_others_are_refused(tmp_path: Path) -> None:
    for _ in range(2):
        kept(ROWS, tmp_path)
    with pytest.raises(RunError, match="other rows were given here before"):
        kept(ROWS[:3], tmp_path)
    assert kept(ROWS, tmp_path) == ROWS, "they are still there"
    assert [file.name for file in (tmp_path / "run").iterdir()] == [ROWS_FILE]


@pytest.fixture
def moved(tmp_path: Path) -> tuple[Path, RunConfig]:
    """A directory with rows, and the config of a run that knew them in another place."""
    (tmp_path / ROWS_FILE).write_text("{}", encoding="utf-8")
    return tmp_path, RunConfig(data=DataConfig(path=f"/gone/{ROWS_FILE}"))


def test_rows_are_found_where_the_run_was_moved_to(moved: tuple[Path, RunConfig]) -> None:
    directory, config = moved
    for place in (directory, directory / "1-sft"):
        assert with_moved_rows(config, place).data.path == str(directory / ROWS_FILE)
    other = RunConfig(data=DataConfig(path="/gone/my.jsonl"))
    assert with_moved_rows(other, directory) is other


def test_stages_find_them_too(moved: tuple[Path, RunConfig]) -> None:
    from rlsr.config import StagedConfig

    directory, config = moved
    PipelineDirectory.create(directory, StagedConfig(("1-rlsr",), (config,), is_pipeline=True))
    assert PipelineDirectory.open(directory).staged.configs[0].data.path == str(
        directory / ROWS_FILE
    )
