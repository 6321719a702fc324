"""Preference runs through the command line, with worse answers from the data and from the policy."""

import json
from pathlib import Path

import pytest

from rlsr.runs import RunDirectory
from tiny import WORDS, Cli

STEP_METRICS = {
    "preference/accuracy", "preference/margin", "preference/chosen", "preference/rejected", "optim/loss", "optim/grad_norm",
    "optim/learning_rate", "tokens/trained", "tokens/per_second", "time/step", "time/reference", "time/update", "memory/peak_gb",
}  # fmt: skip


@pytest.fixture(scope="module")
def settings(tiny_settings: list[str]) -> list[str]:
    shared = [setting for setting in tiny_settings if not setting.startswith("method.")]
    return [
        *shared,
        "method=dpo",
        "method.max_response_tokens=12",
        "training.steps=8",
        "training.learning_rate=0.003",
    ]


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.jsonl"
    rows = [
        {
            "prompt": f"Tell me about the {WORDS[place]}",
            "chosen": f"the {WORDS[place]} sat",
            "rejected": " ".join(WORDS[place + 1 : place + 4]),
        }
        for place in range(10)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_run_learns_the_pairs_of_the_data(
    cli: Cli, settings: list[str], pairs: Path, tmp_path: Path
) -> None:
    path = tmp_path / "run"
    result = cli("train", *settings, f"data.path={pairs}", "--out", path)
    assert result.returncode == 0, result.stderr
    run = RunDirectory(path)
    rows = run.read_metrics()
    assert [row["step"] for row in rows] == list(range(1, 9))
    for row in rows:
        assert set(row) >= STEP_METRICS
        assert row["tokens/trained"] > 0
    assert rows[0]["optim/loss"] == pytest.approx(0.6931, abs=1e-3)
    assert rows[-1]["optim/loss"] < 0.65
    assert rows[-1]["preference/accuracy"] == 1
    assert rows[-1]["preference/margin"] > rows[1]["preference/margin"] > 0
    assert not run.preferences_file.exists()
    assert run.read_manifest()["method"] == "dpo"
    assert (path / "final" / "model.safetensors").is_file()


def test_a_run_finds_worse_answers_by_its_reward(
    cli: Cli, settings: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "run"
    result = cli("train", *settings, "training.steps=3", "method.num_generations=3", "--out", path)
    assert result.returncode == 0, result.stderr
    run = RunDirectory(path)
    kept = run.read_preferences()
    assert kept is not None
    # Three steps of two prompts come to six of the eight training prompts.
    assert len(kept) == 6
    for row in kept:
        assert row["scores"]["num"] == 3
        assert row["scores"]["lowest"] == row["score"] <= row["scores"]["highest"]
        assert (row["rejected"] is None) == (row["left_out"] is not None)
    left_out = [row for row in kept if row["rejected"] is None]
    warnings = run.read_manifest()["warnings"]
    assert any("prompts have no worse answer" in warning for warning in warnings) == bool(left_out)
    assert run.read_metrics()[0]["optim/loss"] == pytest.approx(0.6931, abs=1e-3)


def test_pairs_that_the_data_do_not_have_are_refused_before_anything_is_written(
    cli: Cli, settings: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "run"
    result = cli("train", *settings, "method.rejected=data", "--out", path)
    assert result.returncode == 2
    assert "method.rejected=worst_sample" in result.stderr
    assert "Traceback" not in result.stderr
    assert not path.exists()


def test_an_option_that_would_have_no_effect_is_refused(
    cli: Cli, settings: list[str], tmp_path: Path
) -> None:
    result = cli(
        "train", *settings, "engine.options.label_smoothing=0.1", "--out", tmp_path / "run"
    )
    assert result.returncode == 2
    assert "engine.options.label_smoothing: rlsr sets this field itself" in result.stderr


def test_the_check_of_data_shows_pairs(cli: Cli, pairs: Path) -> None:
    result = cli("data", "check", pairs)
    assert result.returncode == 0, result.stderr
    assert "layout preference" in result.stdout
    assert "rejected answers: in 10 of 10 rows" in result.stdout
    assert "rejected: " in result.stdout
