"""The files of a run, and what a crash may do to them."""

import json
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlsr.config import load_config
from rlsr.config.run import RunConfig
from rlsr.errors import RunError
from rlsr.runs import RunDirectory
from rlsr.runs.json_file import write_json_lines
from rlsr.runs.rows import HeldoutRow

NAN, INFINITY = float("nan"), float("inf")


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory.create(tmp_path / "run", RunConfig())


def files_under(path: Path) -> set[str]:
    return {str(file.relative_to(path)) for file in path.rglob("*") if file.is_file()}


def lines_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line]


# --- a new run and one begun before -------------------------------------------------------------


def test_a_new_run_has_its_config_and_its_directories(tmp_path: Path) -> None:
    config = load_config(overrides=["seed=7", "model.lora.alpha=0.1", "embedding=org/encoder"])
    run = RunDirectory.create(tmp_path / "deep" / "run", config)
    assert files_under(run.path) == {"config.json"}
    assert all(place.is_dir() for place in (run.samples, run.checkpoints, run.evaluation))
    assert RunDirectory.open(run.path).read_config() == config
    assert not run.is_complete


def test_an_empty_directory_is_free(tmp_path: Path) -> None:
    RunDirectory.check_free(tmp_path)
    RunDirectory.check_free(tmp_path / "new")
    RunDirectory.create(tmp_path, RunConfig())


@pytest.mark.parametrize("kind", ["a file", "a directory with a file", "a run"])
def test_nothing_is_ever_overwritten(kind: str, tmp_path: Path) -> None:
    place = tmp_path / "taken"
    if kind == "a file":
        place.write_text("mine", encoding="utf-8")
    elif kind == "a run":
        RunDirectory.create(place, RunConfig(seed=1))
    else:
        place.mkdir()
        (place / "thesis.txt").write_text("mine", encoding="utf-8")
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    for refuse in (
        lambda: RunDirectory.check_free(place),
        lambda: RunDirectory.create(place, RunConfig(seed=2)),
    ):
        with pytest.raises(RunError) as caught:
            refuse()
        assert str(caught.value) == (
            f"{place}: a new run needs a directory that does not exist or is empty; "
            "name another with --out, or continue this run with --resume"
        )
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


def test_a_place_that_cannot_be_written_is_a_run_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(RunError, match="the run directory cannot be made"):
        RunDirectory.create(tmp_path / "file" / "run", RunConfig())


def test_opening_what_is_no_run_is_refused(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "none"):
        with pytest.raises(RunError, match=r"no run was begun here \(there is no config\.json\)"):
            RunDirectory.open(place)


@pytest.mark.parametrize("content", ["", '{"seed": 1', "\udcff"], ids=["empty", "cut", "not UTF-8"])
def test_a_damaged_config_is_a_run_error(content: str, run: RunDirectory) -> None:
    (run.path / "config.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(RunError, match=r"config\.json: damaged or unreadable"):
        run.read_config()


@pytest.mark.parametrize("content", ['{"sed": 1}', "[]"], ids=["another version", "no table"])
def test_a_config_that_does_not_fit_is_a_run_error_that_names_the_file(
    content: str, run: RunDirectory
) -> None:
    (run.path / "config.json").write_text(content, encoding="utf-8")
    with pytest.raises(RunError, match=r"config\.json"):
        run.read_config()


# --- metrics ------------------------------------------------------------------------------------


def test_metrics_come_back_one_row_a_step_in_order(run: RunDirectory) -> None:
    rows = [{"step": step, "reward/mean": step / 10} for step in (1, 2, 3)]
    for row in rows:
        run.append_metrics(row)
    assert run.read_metrics() == rows
    assert run.metrics_file.read_text(encoding="utf-8").count("\n") == 3


def test_before_the_first_step_there_are_no_metrics(run: RunDirectory) -> None:
    assert run.read_metrics() == []


def test_of_a_step_taken_twice_the_last_line_counts(run: RunDirectory) -> None:
    for step, value in ((1, 0.1), (2, 0.2), (3, 0.3), (2, 0.4), (3, 0.5), (4, 0.6)):
        run.append_metrics({"step": step, "value": value})
    assert [(row["step"], row["value"]) for row in run.read_metrics()] == [
        (1, 0.1), (2, 0.4), (3, 0.5), (4, 0.6),
    ]  # fmt: skip


def test_every_line_is_on_disk_as_soon_as_it_is_written(run: RunDirectory) -> None:
    run.append_metrics({"step": 1})
    assert lines_of(run.metrics_file) == [{"step": 1}]


def test_numbers_that_json_cannot_hold_become_null(run: RunDirectory) -> None:
    row = {"step": 1, "a": NAN, "b": -INFINITY, "c": 0.0, "d": None}
    run.append_metrics(row)
    assert lines_of(run.metrics_file) == [{"step": 1, "a": None, "b": None, "c": 0.0, "d": None}]
    (found,) = run.read_metrics()
    assert found == pytest.approx({"step": 1, "a": NAN, "b": NAN, "c": 0.0, "d": NAN}, nan_ok=True)
    assert isinstance(found["step"], int)


@pytest.mark.parametrize("tail", ['{"step": 3, "rew', '{"step": 3', "{", '{"step": 3, "a": nul'])
def test_a_last_line_cut_off_by_a_crash_is_left_out(tail: str, run: RunDirectory) -> None:
    run.append_metrics({"step": 1})
    run.append_metrics({"step": 2})
    with run.metrics_file.open("a", encoding="utf-8") as file:
        file.write(tail)
    assert [row["step"] for row in run.read_metrics()] == [1, 2]


@pytest.mark.parametrize("num_steps", [1, 2])
def test_a_run_resumed_after_a_crash_in_mid_line_keeps_its_new_steps(
    num_steps: int, run: RunDirectory
) -> None:
    run.append_metrics({"step": 1})
    with run.metrics_file.open("a", encoding="utf-8") as file:
        file.write('{"step": 2, "rew')
    for step in range(2, 2 + num_steps):
        run.append_metrics({"step": step})
    assert [row["step"] for row in run.read_metrics()] == list(range(1, 2 + num_steps))


def test_a_damaged_line_in_the_middle_is_named(run: RunDirectory) -> None:
    run.metrics_file.write_text('{"step": 1}\n{"step": \n{"step": 3}\n', encoding="utf-8")
    with pytest.raises(RunError) as caught:
        run.read_metrics()
    assert str(caught.value).startswith(f"{run.metrics_file}:2: damaged line in the run's own file")


# --- samples and evaluation ---------------------------------------------------------------------


def test_samples_of_a_step_have_a_file_of_their_own(run: RunDirectory) -> None:
    rows = [{"id": "1", "response": "Ünï 🙂 \n \x00", "reward": 0.5}, {"id": "2", "reward": NAN}]
    run.write_samples(12, rows)
    file = run.samples / "step-000012.jsonl"
    assert lines_of(file) == [rows[0], {"id": "2", "reward": None}]
    assert "Ünï 🙂" in file.read_text(encoding="utf-8")
    run.write_samples(12, [{"id": "again"}])
    assert lines_of(file) == [{"id": "again"}]


def answer(response: str, chrf: float = 0.5) -> HeldoutRow:
    return HeldoutRow("1", "?", "!", response, {"chrf": chrf})


def test_an_evaluation_that_was_not_finished_is_none(run: RunDirectory) -> None:
    rows = [answer("a", NAN), replace(answer("b", 1.5), further={"formula": None})]
    assert run.read_evaluation("before") is None
    run.write_evaluation("before", rows)
    lines = lines_of(run.evaluation / "before.jsonl")
    assert [line["scores"] for line in lines] == [{"chrf": None}, {"chrf": 1.5}]
    assert list(lines[1]) == [
        "id", "category", "prompt", "reference", "response", "formula", "scores"
    ]  # fmt: skip
    found = run.read_evaluation("before")
    assert found is not None
    assert math.isnan(found[0].scores["chrf"])
    assert found[1] == rows[1]
    assert run.read_evaluation("after") is None


@pytest.mark.parametrize("place", [0, 1], ids=["first row", "last row"])
@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\x85"], ids=ascii)
def test_answers_with_unicode_line_ends_come_back(
    character: str, place: int, run: RunDirectory
) -> None:
    rows = [answer("one"), answer("two")]
    rows[place] = answer(f"left{character}right")
    run.write_evaluation("before", rows)
    assert run.read_evaluation("before") == rows


# --- manifest, provenance, and files that are whole or not there --------------------------------


def test_the_manifest_makes_a_run_complete(run: RunDirectory) -> None:
    with pytest.raises(RunError, match=r"the run is not complete \(no manifest\.json\)"):
        run.read_manifest()
    run.write_manifest({"steps": 3, "mean": NAN, "name": "é"})
    assert run.is_complete
    assert run.read_manifest() == {"steps": 3, "mean": None, "name": "é"}


def test_a_resumed_run_adds_its_session_to_the_provenance(run: RunDirectory) -> None:
    run.write_provenance({"python": "3.12"})
    run.write_provenance({"python": "3.13"})
    file = run.path / "provenance.json"
    assert json.loads(file.read_text(encoding="utf-8")) == {
        "sessions": [{"python": "3.12"}, {"python": "3.13"}]
    }


def test_nothing_temporary_is_left_behind(run: RunDirectory) -> None:
    run.write_samples(1, [{"a": 1}])
    run.write_provenance({})
    run.append_metrics({"step": 1})
    run.write_manifest({})
    assert files_under(run.path) == {
        "config.json",
        "manifest.json",
        "metrics.jsonl",
        "provenance.json",
        "samples/step-000001.jsonl",
    }


class UnlikelyError(Exception):
    """Raised in the middle of writing."""


def test_a_crash_while_rows_are_made_leaves_the_old_file_whole(tmp_path: Path) -> None:
    def rows() -> Any:
        yield {"row": "new"}
        raise UnlikelyError

    file = write_json_lines(tmp_path / "rows.jsonl", [{"row": "old"}])
    with pytest.raises(UnlikelyError):
        write_json_lines(file, rows())
    assert lines_of(file) == [{"row": "old"}]
    assert files_under(tmp_path) == {"rows.jsonl"}


def test_what_json_cannot_hold_leaves_the_old_file_whole(run: RunDirectory) -> None:
    run.write_manifest({"steps": 1})
    with pytest.raises(TypeError):
        run.write_manifest({"steps": object()})
    assert run.read_manifest() == {"steps": 1}


def test_half_of_a_surrogate_pair_is_written_and_read(run: RunDirectory) -> None:
    run.write_evaluation("before", [answer("\ud800")])
    assert run.read_evaluation("before") == [answer("\ud800")]


def test_a_directory_that_is_gone_is_not_made_anew(run: RunDirectory) -> None:
    run.append_metrics({"step": 1})
    run.path.rename(run.path.with_name("moved"))
    # As a checkpoint makes it.
    (run.checkpoints / "checkpoint-1").mkdir(parents=True)
    with pytest.raises(RunError, match="was moved or deleted"):
        run.append_metrics({"step": 2})
    assert not run.metrics_file.exists()


def test_names_of_numbers_are_kept_once(run: RunDirectory) -> None:
    for step in (1, 2):
        run.append_metrics({"step": step, "".join(["reward/", "mean"]): 0.5})
    first, second = (next(name for name in row if name != "step") for row in run.read_metrics())
    assert first is second


def test_reading_many_steps_takes_as_long_a_step_as_reading_few(run: RunDirectory) -> None:
    def seconds(count: int) -> float:
        run.metrics_file.write_text(
            "".join(f'{{"step": {step}}}\n' for step in range(1, count + 1))
        )
        started = time.process_time()
        assert len(run.read_metrics()) == count
        return time.process_time() - started

    seconds(500)
    assert seconds(10_000) < 40 * max(seconds(1_000), 0.001)
