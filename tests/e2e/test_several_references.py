"""Prompts with several references, from the file to the answers that a run leaves."""

import json
from pathlib import Path

import pytest

from rlsr.runs import RunDirectory
from tiny import WORDS, Cli


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven prompts, each with two references but for the last; two prompts are held out."""
    path = tmp_path_factory.mktemp("several") / "sft.jsonl"
    rows = [
        {
            "prompt": f"Tell me about the {WORDS[i]}",
            "response": " ".join(WORDS[i + shift : i + shift + 3]),
            "split": "heldout" if i < 2 else "train",
            "level": i,
        }
        for shift in (0, 5)
        for i in range(7)
        if (shift, i) != (5, 6)
    ]
    text = "".join(json.dumps(row) + "\n" for row in [*rows, rows[-1]])
    path.write_text(text, encoding="utf-8")
    return path


def test_a_check_counts_merged_rows_and_lists_columns(cli: Cli, data: Path) -> None:
    result = cli("data", "check", data)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[1:4] == [
        "  train 5, held out 2, skipped 0",
        "  rows merged: 6, prompts with several references: 6 (data.same_prompt)",
        "  rows left out that repeat the prompt and answer of another: 1",
    ]
    assert "  further columns: `level` (number, in 7 of 7 rows)" in lines
    assert lines[-2:] == ["  reference: sat on a", "  reference: dog ran to"]


def test_supervised_training_learns_from_each(
    cli: Cli, data: Path, tiny_settings: list[str], tmp_path: Path
) -> None:
    settings = [text for text in tiny_settings if "num_generations" not in text]
    result = cli(
        "train", *settings, f"data.path={data}", "method.type=sft",
        "training.steps=null", "training.prompts_per_step=3", "--out", tmp_path / "run",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    run = RunDirectory(tmp_path / "run")
    manifest = run.read_manifest()
    assert manifest["num_steps"] == 3, "nine references, three a step"
    assert manifest["data"]["num_merged"] == 6
    assert manifest["warnings"][:2] == [
        "rows merged: 6, prompts with several references: 6 (data.same_prompt)",
        "rows left out that repeat the prompt and answer of another: 1 (data.same_prompt)",
    ]
    assert manifest["data"]["columns"] == ["level"]
    rows = run.read_evaluation("after")
    assert rows is not None
    assert [row.references for row in rows] == [
        (" ".join(WORDS[i : i + 3]), " ".join(WORDS[i + 5 : i + 8])) for i in range(2)
    ]
    assert [row.reference for row in rows] == [row.references[0] for row in rows]


def test_rows_that_stay_apart_are_trained_on_by_themselves(
    cli: Cli, data: Path, tiny_settings: list[str], tmp_path: Path
) -> None:
    result = cli(
        "train", *tiny_settings, f"data.path={data}", "data.same_prompt=keep", "training.steps=null",
        "evaluation.enabled=false", "training.prompts_per_step=5", "--out", tmp_path / "run",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    run = RunDirectory(tmp_path / "run")
    manifest = run.read_manifest()
    assert manifest["num_steps"] == 2, "ten rows, five a step"
    assert (manifest["data"]["num_train"], manifest["data"]["num_merged"]) == (10, 0)
    samples = [
        json.loads(line)
        for file in sorted((run.path / "samples").iterdir())
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    assert all("references" not in row for row in samples)
