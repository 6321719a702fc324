"""The whole way from the config to a dataset."""

import hashlib
import json
import logging
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from rlsr.config.data import DataConfig
from rlsr.data import load_dataset
from rlsr.data.dataset import Lengths
from rlsr.errors import ConfigError, DataError


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path("my.jsonl")


def write(path: Path, rows: list[object]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def good(count: int, **fields: object) -> list[object]:
    return [{"prompt": f"Q{n}", "response": f"A{n:03}", **fields} for n in range(count)]


def failure(config: DataConfig, error: type[Exception] = DataError) -> str:
    with pytest.raises(error) as caught:
        load_dataset(config)
    return str(caught.value)


def test_the_report_accounts_for_every_row(path: Path) -> None:
    dataset = load_dataset(DataConfig(path=write(path, good(20))))
    report = dataset.report
    assert (report.source, report.heldout_source) == ("my.jsonl", None)
    assert report.layout == "prompt_response"
    assert (report.num_rows, report.num_train, report.num_heldout) == (20, 18, 2)
    assert (len(dataset.train), len(dataset.heldout), report.skipped) == (18, 2, ())
    assert report.prompt_chars == Lengths(2, 2.5, 3)
    assert report.reference_chars == Lengths(4, 4.0, 4)
    assert [record.location for record in dataset.train] == sorted(
        (record.location for record in dataset.train), key=lambda place: int(place.split(":")[1])
    )


def test_all_bad_rows_are_listed_at_once(path: Path) -> None:
    rows: list[object] = [*good(3), {"prompt": "x", "response": " "}, {"prompt": "y"}]
    config = DataConfig(path=write(path, rows))
    assert failure(config) == (
        "my.jsonl: 2 of 5 rows cannot be used: 1 empty response, 1 missing field\n"
        "  my.jsonl:4: empty response: `response` holds no text; write an answer or remove the row\n"
        "  my.jsonl:5: missing field: `response` is missing, the row has `prompt`; "
        "add it or remove the row\n"
        "To go on, put them right, or leave them out with data.on_bad_row=skip (up to 1 % are left out without it, "
        "data.max_bad_share)"
    )


def test_twenty_are_shown_and_all_are_kept(path: Path) -> None:
    rows = [*good(30), *({"prompt": f"x{n}", "response": ""} for n in range(33))]
    with pytest.raises(DataError) as caught:
        load_dataset(DataConfig(path=write(path, rows)))
    lines = str(caught.value).splitlines()
    assert len(lines) == 23
    assert lines[0] == "my.jsonl: 33 of 63 rows cannot be used: 33 empty response"
    assert lines[20].startswith("  my.jsonl:50: ")
    assert lines[21] == "  ... and 13 more"
    assert len(caught.value.problems) == 33
    assert caught.value.problems[32].startswith("my.jsonl:63: empty response: ")


def test_bad_rows_of_every_stage_come_in_file_order(path: Path) -> None:
    path.write_text(
        '{"prompt": "long prompt", "response": "A"}\n{\n{"prompt": "Q", "response": "A"}\n'
        '{"prompt": "Q", "response": "B"}\n{"prompt": "P", "response": ""}\n',
        encoding="utf-8",
    )
    config = DataConfig(path=str(path), on_bad_row="skip", same_prompt="error", heldout=0)
    dataset = load_dataset(
        config, count_tokens=lambda record: len(record.prompt), max_prompt_tokens=5
    )
    assert [(problem.location, problem.kind) for problem in dataset.report.skipped] == [
        ("my.jsonl:1", "prompt_too_long"),
        ("my.jsonl:2", "broken_json"),
        ("my.jsonl:4", "conflicting_reference"),
        ("my.jsonl:5", "empty_response"),
    ]
    assert [record.reference for record in dataset.train] == ["A"]


def test_skipping_is_said_and_counted(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = DataConfig(path=write(path, [*good(9), 3]), on_bad_row="skip")
    with caplog.at_level(logging.WARNING):
        report = load_dataset(config).report
    assert caplog.messages == [
        "my.jsonl: 1 of 10 rows cannot be used: 1 not an object; they are skipped (data.on_bad_row), the first is "
        "my.jsonl:10"
    ]
    assert (report.num_rows, report.num_train, report.num_heldout) == (10, 8, 1)
    assert len(report.skipped) == 1


@pytest.mark.parametrize(
    ("num_bad", "settings", "is_read"),
    [
        (1, {}, True),
        (2, {}, False),
        (2, {"max_bad_share": 0.02}, True),
        (1, {"max_bad_share": 0.009}, False),
        (1, {"on_bad_row": "error"}, False),
        (60, {"on_bad_row": "skip"}, True),
        (60, {"on_bad_row": "skip_few", "max_bad_share": 0.6}, True),
    ],
)
def test_few_bad_rows_are_left_out(
    path: Path, num_bad: int, settings: dict[str, Any], is_read: bool
) -> None:
    bad = [{"prompt": f"x{number}", "response": ""} for number in range(num_bad)]
    config = DataConfig(path=write(path, [*good(100 - num_bad), *bad]), **settings)
    if is_read:
        assert len(load_dataset(config).report.skipped) == num_bad
    else:
        assert f"{num_bad} of 100 rows cannot be used" in failure(config)


def test_bad_rows_are_few_or_many_in_each_file(path: Path) -> None:
    other = write(Path("other.jsonl"), [{"prompt": "P", "response": "A"}, {"prompt": "R"}])
    message = failure(DataConfig(path=write(path, good(400)), heldout_path=other))
    assert "my.jsonl: 1 of 402 rows cannot be used" in message
    assert "other.jsonl:2: missing field" in message


@pytest.mark.parametrize("choice", ["skip", "error"])
def test_a_share_of_bad_rows_needs_a_choice_that_counts_them(path: Path, choice: Any) -> None:
    config = DataConfig(path=write(path, good(3)), on_bad_row=choice, max_bad_share=0.5)
    assert failure(config, ConfigError) == (
        f"data.max_bad_share: only data.on_bad_row=skip_few counts bad rows, got 0.5 with data.on_bad_row={choice}; "
        "remove one of the two"
    )


def test_an_upper_bound_without_effect_is_refused(path: Path) -> None:
    marked = [*good(30), {"prompt": "P", "response": "A", "split": "test"}]
    way_out = (
        "; remove data.max_heldout, or choose by a share with data.use_marks=false and "
        "data.heldout below 1"
    )
    rule = "data.max_heldout: bounds the share data.heldout alone, got 2 where "
    config = DataConfig(path=write(path, marked), max_heldout=2)
    assert failure(config, ConfigError) == f"{rule}1 rows are marked as held out{way_out}"
    assert len(load_dataset(config.model_copy(update={"use_marks": False})).heldout) == 2
    for count in (0, 5):
        counted = DataConfig(path=write(path, good(30)), heldout=count, max_heldout=2)
        assert failure(counted, ConfigError) == f"{rule}data.heldout is no share{way_out}"


def test_no_usable_row(path: Path) -> None:
    config = DataConfig(path=write(path, [1, 2]), on_bad_row="skip")
    message = failure(config)
    assert message.startswith("my.jsonl: no usable row is left: 2 of 2 rows cannot be used: ")
    assert message.endswith(
        "To go on, put them right, or set data.path or data.layout to what is meant"
    )


def test_nothing_held_out(path: Path) -> None:
    dataset = load_dataset(DataConfig(path=write(path, good(1)), heldout=0))
    assert (len(dataset.train), dataset.heldout) == (1, ())


def test_the_limit_counts_rows_before_the_split(path: Path) -> None:
    report = load_dataset(DataConfig(path=write(path, good(50)), limit=10)).report
    assert (report.num_rows, report.num_train, report.num_heldout) == (10, 9, 1)


def test_ids_are_unique(path: Path) -> None:
    write(path, good(2, id="a"))
    other = write(Path("other.jsonl"), [{"prompt": "P", "response": "A", "id": "b"}])
    dataset = load_dataset(DataConfig(path=str(path), heldout_path=other))
    assert [record.id for record in dataset.train] == ["a (my.jsonl:1)", "a (my.jsonl:2)"]
    assert [record.id for record in dataset.heldout] == ["b"]


def test_a_file_of_held_out_rows_in_another_layout(path: Path) -> None:
    write(path, good(3))
    other = write(Path("other.jsonl"), [{"instruction": "P", "output": "A"}])
    dataset = load_dataset(DataConfig(path=str(path), heldout_path=other))
    assert dataset.report.heldout_source == "other.jsonl"
    assert (dataset.report.num_train, dataset.report.num_heldout) == (3, 1)
    assert dataset.heldout[0].location == "other.jsonl:1"


def test_held_out_rows_that_are_trained_on(path: Path) -> None:
    write(path, good(3))
    other = write(Path("other.jsonl"), [{"prompt": "q1", "response": "A"}])
    message = failure(DataConfig(path=str(path), heldout_path=other))
    assert "\n  my.jsonl:2: split leak: the prompt is also held out, at other.jsonl:1 " in message


def test_a_training_row_among_the_held_out(path: Path) -> None:
    write(path, good(3))
    other = write(Path("other.jsonl"), [{"prompt": "P", "response": "A", "split": "train"}])
    config = DataConfig(path=str(path), heldout_path=other)
    assert (
        "other.jsonl:1: bad split: `split` is train, but the row stands in `data.heldout_path`; "
        "change it or move the row"
    ) in failure(config)
    assert failure(config.model_copy(update={"on_bad_row": "skip"})) == (
        "other.jsonl: no usable row is left to hold out; put its rows right"
    )


def test_a_setting_without_effect_is_said(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [*good(3), {"prompt": "P", "response": "A", "split": "test"}]
    with caplog.at_level(logging.WARNING):
        load_dataset(DataConfig(path=write(path, rows), heldout=2))
    assert caplog.messages == [
        "data.heldout=2 has no effect: 1 rows are marked as held out; data.use_marks=false ignores that"
    ]


def test_marks_can_be_ignored(path: Path) -> None:
    rows = [*good(3), {"prompt": "P", "response": "A", "split": "test"}]
    config = DataConfig(path=write(path, rows), heldout=2, use_marks=False)
    chosen = {
        record.id
        for seed in range(20)
        for record in load_dataset(config.model_copy(update={"seed": seed})).heldout
    }
    assert len(load_dataset(config).heldout) == 2
    assert len(chosen) == 4, "every row may be held out"
    assert len(load_dataset(DataConfig(heldout=128, use_marks=False)).heldout) == 128


def test_a_file_has_no_splits(path: Path) -> None:
    config = DataConfig(path=write(path, good(3)), split="test")
    assert failure(config, ConfigError) == (
        "data.split: only Hugging Face datasets have splits, got test for my.jsonl; "
        "remove data.split, or mark the rows in a column `split`"
    )


def test_held_out_rows_come_from_a_file(path: Path) -> None:
    config = DataConfig(path=write(path, good(3)), heldout_path="org/set")
    assert failure(config, ConfigError) == (
        "data.heldout_path: must name a file, got the dataset org/set; "
        "save its rows as .jsonl first"
    )


def test_a_missing_held_out_file(path: Path) -> None:
    config = DataConfig(path=write(path, good(3)), heldout_path="ny.jsonl")
    assert failure(config) == "ny.jsonl: no such file; similar names in that folder: `my.jsonl`"


def test_importing_the_package_is_light() -> None:
    code = "import sys, rlsr.data; print({'torch', 'datasets', 'pyarrow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_hash_is_that_of_all_facts_as_json(path: Path) -> None:
    rows = [
        *good(3, category="c", system="s", further=1),
        {"prompt": "Q", "response": "A", "rejected": "B", "id": 7},
        {"prompt": "P", "response": "A"},
        {"prompt": "P", "response": "B"},
    ]
    dataset = load_dataset(DataConfig(path=write(path, rows), heldout=1))
    digest = hashlib.sha256()
    for part in (dataset.train, dataset.heldout):
        for record in part:
            facts = asdict(record) | {"location": None}
            del facts["columns"]
            absent = [name for name in ("rejected", "other_references") if not facts[name]]
            kept = {name: value for name, value in facts.items() if name not in absent}
            digest.update(json.dumps(kept, sort_keys=True).encode())
        digest.update(b"|")
    assert dataset.sha256 == digest.hexdigest()


def test_rows_and_split_are_those_that_earlier_runs_were_trained_on() -> None:
    dataset = load_dataset(DataConfig(heldout=128, use_marks=False))
    # Of a run that was made when all rows were held in memory.
    assert dataset.sha256 == "5d6a679d8368984d8e4680c50810f97eaae217197f7e97b56e7193d58bc00dab"
