"""A run that was interrupted and resumed is the run that was not interrupted, number by number."""

import json
import os
from pathlib import Path

import pytest

from interrupted import interrupt_after, numbers_of
from rlsr.runs import RunDirectory
from tiny import Cli


@pytest.mark.parametrize(
    ("method", "dtype", "lora"),
    [
        ("rlsr", "float32", "null"),
        pytest.param("rlsr", "bfloat16", "null", marks=pytest.mark.slow),
        ("rlsr", "bfloat16", "{rank: 4}"),
        pytest.param(
            "{type: rlsr, updates_per_rollout: 2}", "bfloat16", "null", marks=pytest.mark.slow
        ),
        pytest.param("rank", "float32", "null", marks=pytest.mark.slow),
        pytest.param("rank", "bfloat16", "{rank: 4}", marks=pytest.mark.slow),
        pytest.param("rlpt", "float32", "null", marks=pytest.mark.slow),
        pytest.param("osft", "float32", "null", marks=pytest.mark.slow),
        pytest.param("raft", "float32", "null", marks=pytest.mark.slow),
    ],
)
def test_resume_equals_no_resume(
    cli: Cli, tiny_settings: list[str], tmp_path: Path, method: str, dtype: str, lora: str
) -> None:
    # 8 training prompts and 2 a step: five steps cross the border of an epoch.
    settings = [
        *tiny_settings,
        f"method={method}",
        f"model.dtype={dtype}",
        f"model.lora={lora}",
        "training.steps=5",
        "training.keep_checkpoints=9",
    ]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    result = cli("train", *settings, "--out", whole)
    assert result.returncode == 0, result.stderr
    interrupt_after(2, whole, broken)
    result = cli("train", "--resume", "--out", broken)
    assert result.returncode == 0, result.stderr
    assert numbers_of(broken) == numbers_of(whole)
    weights = "model.safetensors" if lora == "null" else "adapter_model.safetensors"
    assert (broken / "final" / weights).read_bytes() == (whole / "final" / weights).read_bytes()
    assert RunDirectory(broken).read_evaluation("after") == RunDirectory(whole).read_evaluation(
        "after"
    )


@pytest.mark.parametrize(
    ("method", "dtype", "lora"),
    [
        ("sft", "bfloat16", "{rank: 4}"),
        pytest.param("pear", "float32", "null", marks=pytest.mark.slow),
        pytest.param("iw_sft", "bfloat16", "null", marks=pytest.mark.slow),
        pytest.param("ift", "bfloat16", "{rank: 4}", marks=pytest.mark.slow),
    ],
)
def test_supervised_runs_resume_exactly(
    cli: Cli, tiny_settings: list[str], tmp_path: Path, method: str, dtype: str, lora: str
) -> None:
    settings = [
        *(setting for setting in tiny_settings if not setting.startswith("method.")),
        f"method={method}",
        "method.max_response_tokens=8",
        f"model.dtype={dtype}",
        f"model.lora={lora}",
        "training.steps=5",
        "training.keep_checkpoints=9",
    ]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    result = cli("train", *settings, "--out", whole)
    assert result.returncode == 0, result.stderr
    interrupt_after(2, whole, broken)
    result = cli("train", "--resume", "--out", broken)
    assert result.returncode == 0, result.stderr
    assert numbers_of(broken) == numbers_of(whole)
    weights = "model.safetensors" if lora == "null" else "adapter_model.safetensors"
    assert (broken / "final" / weights).read_bytes() == (whole / "final" / weights).read_bytes()


@pytest.mark.parametrize(
    ("label", "kl", "dtype", "lora"),
    [
        pytest.param("label_loss=nll", "0.1", "bfloat16", "{rank: 4}", marks=pytest.mark.slow),
        ("label_loss=ratio_clip", "0", "float32", "null"),
        pytest.param(
            "label_loss=one_sided_clip", "0.1", "bfloat16", "null", marks=pytest.mark.slow
        ),
        pytest.param(
            "prefix_ratios=[0, 0.2, 0.5, 1]", "0.1", "bfloat16", "null", marks=pytest.mark.slow
        ),
    ],
)
def test_runs_with_labels_resume_exactly(
    cli: Cli, tiny_settings: list[str], tmp_path: Path, label: str, kl: str, dtype: str, lora: str
) -> None:
    settings = [
        *tiny_settings,
        "method=sgrpo",
        f"method.{label}",
        "method.label_schedule=cosine",
        f"method.kl_coefficient={kl}",
        f"model.dtype={dtype}",
        f"model.lora={lora}",
        "training.steps=5",
        "training.keep_checkpoints=9",
    ]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    result = cli("train", *settings, "--out", whole)
    assert result.returncode == 0, result.stderr
    weights = [row["optim/label_weight"] for row in RunDirectory(whole).read_metrics()]
    assert weights == sorted(weights, reverse=True)
    interrupt_after(2, whole, broken)
    result = cli("train", "--resume", "--out", broken)
    assert result.returncode == 0, result.stderr
    assert numbers_of(broken) == numbers_of(whole)
    name = "model.safetensors" if lora == "null" else "adapter_model.safetensors"
    assert (broken / "final" / name).read_bytes() == (whole / "final" / name).read_bytes()


def test_a_budget_ends_a_resumed_run_where_it_ends_the_whole_one(
    cli: Cli, tiny_settings: list[str], tmp_path: Path
) -> None:
    settings = [
        *(setting for setting in tiny_settings if not setting.startswith("method.")),
        "method=sft",
        "method.max_response_tokens=8",
        "training.steps=50",
        # 2 references of at most 8 tokens a step: the budget is used up by the fourth or fifth.
        "training.max_tokens=60",
        "training.keep_checkpoints=9",
    ]
    whole, broken, ended = tmp_path / "whole", tmp_path / "broken", tmp_path / "ended"
    result = cli("train", *settings, "--out", whole)
    assert result.returncode == 0, result.stderr
    run = RunDirectory(whole)
    tokens = [row["tokens/trained"] for row in run.read_metrics()]
    steps = len(tokens)
    assert steps == run.read_manifest()["num_steps"]
    assert sum(tokens[:-1]) < 60 <= sum(tokens) == run.read_manifest()["tokens_trained"]
    assert "training.max_tokens" in run.read_manifest()["stopped"]
    interrupt_after(2, whole, broken)
    # Training had come to its end, and the run was killed before the last evaluation.
    interrupt_after(steps, whole, ended)
    for interrupted in (broken, ended):
        result = cli("train", "--resume", "--out", interrupted)
        assert result.returncode == 0, result.stderr
        assert numbers_of(interrupted) == numbers_of(whole)
        weights = Path("final") / "model.safetensors"
        assert (interrupted / weights).read_bytes() == (whole / weights).read_bytes()


def test_resume_refuses_other_settings(cli: Cli, tiny_settings: list[str], tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert cli("train", *tiny_settings, "--out", whole).returncode == 0
    interrupt_after(1, whole, broken)
    result = cli("train", *tiny_settings, "training.learning_rate=0.5", "--resume", "--out", broken)
    assert result.returncode == 2
    assert "training.learning_rate" in result.stderr
    assert "Traceback" not in result.stderr


def test_resume_refuses_other_data(
    cli: Cli, tiny_settings: list[str], tiny_data: Path, tmp_path: Path
) -> None:
    data = tmp_path / "own.jsonl"
    data.write_bytes(tiny_data.read_bytes())
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    settings = [*tiny_settings, f"data.path={data}", "training.steps=2"]
    assert cli("train", *settings, "--out", whole).returncode == 0
    interrupt_after(1, whole, broken)
    data.write_text(data.read_text(encoding="utf-8").replace("cat", "cow"), encoding="utf-8")
    result = cli("train", "--resume", "--out", broken)
    assert result.returncode == 2
    assert "own.jsonl has changed" in result.stderr


@pytest.fixture(scope="module")
def run_with_checkpoints(
    cli: Cli, tiny_settings: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A whole run, with a checkpoint after every step."""
    path = tmp_path_factory.mktemp("run") / "whole"
    result = cli("train", *tiny_settings, "training.keep_checkpoints=9", "--out", path)
    assert result.returncode == 0, result.stderr
    return path


def test_damaged_checkpoints_are_passed_over_with_a_notice(
    cli: Cli, run_with_checkpoints: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    interrupt_after(3, run_with_checkpoints, broken)
    checkpoints = broken / "checkpoints"
    os.truncate(checkpoints / "checkpoint-3" / "model.safetensors", 1000)
    os.truncate(checkpoints / "checkpoint-2" / "optimizer.pt", 1000)
    result = cli("train", "--resume", "--out", broken)
    assert result.returncode == 0, result.stderr
    for step, name in ((3, "model.safetensors"), (2, "optimizer.pt")):
        assert f"{name} has 1,000 bytes" in result.stderr
        assert f"the checkpoint of step {step} is passed over" in result.stderr
    assert numbers_of(broken) == numbers_of(run_with_checkpoints)
    weights = Path("final") / "model.safetensors"
    assert (broken / weights).read_bytes() == (run_with_checkpoints / weights).read_bytes()


def test_where_no_checkpoint_is_whole_the_run_ends_with_one_message(
    cli: Cli, run_with_checkpoints: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    interrupt_after(1, run_with_checkpoints, broken)
    os.truncate(broken / "checkpoints" / "checkpoint-1" / "scheduler.pt", 3)
    result = cli("train", "--resume", "--out", broken)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert f"error: {broken / 'checkpoints'}: every checkpoint is damaged (" in result.stderr


def test_half_a_checkpoint_is_passed_over(
    cli: Cli, run_with_checkpoints: Path, tmp_path: Path
) -> None:
    whole, broken = run_with_checkpoints, tmp_path / "broken"
    interrupt_after(2, whole, broken)
    newest = broken / "checkpoints" / "checkpoint-2"
    # As a run of an older version leaves it when it is killed: without checksums.
    (newest / "checksums.json").unlink()
    (newest / "trainer_state.json").write_text("{", encoding="utf-8")
    (newest / "model.safetensors").write_bytes(b"")
    result = cli("train", "--resume", "--out", broken)
    assert result.returncode == 0, result.stderr
    assert numbers_of(broken) == numbers_of(whole)


def test_a_resumed_run_decodes_on_as_many_threads_as_its_first_session(
    cli: Cli, tiny_settings: list[str], tmp_path: Path
) -> None:
    # Which number is the fastest is measured, and on another one greedy answers are rounded otherwise.
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    result = cli("train", *tiny_settings, "training.steps=3", "training.keep_checkpoints=9", "--out", whole)  # fmt: skip
    assert result.returncode == 0, result.stderr
    interrupt_after(2, whole, broken)
    file = broken / "provenance.json"
    found = json.loads(file.read_text(encoding="utf-8"))
    assert found["sessions"][0]["decoding_threads"] >= 1
    found["sessions"][0]["decoding_threads"] = 7
    file.write_text(json.dumps(found), encoding="utf-8")
    result = cli("train", "--resume", "--out", broken)
    assert result.returncode == 0, result.stderr
    assert [one["decoding_threads"] for one in RunDirectory(broken).read_sessions()] == [7, 7]
