"""What a user sees of the passes: policies that take the plain way, sizes of passes, and memory that is short."""

from pathlib import Path

import pytest

from families import UNSUPPORTED, make_policy, save_with_tokenizer
from rlsr.config import load_config
from rlsr.pipeline import plan_run
from rlsr.runs import RunDirectory
from tiny import Cli


def test_a_policy_with_a_sliding_window_trains_plainly_and_says_so_once(
    cli: Cli, tiny_settings: list[str], tiny_model: Path, tmp_path: Path
) -> None:
    policy = make_policy("mistral", {**UNSUPPORTED["mistral"], "vocab_size": 320})
    model = save_with_tokenizer(policy, tiny_model, tmp_path / "mistral")
    path = tmp_path / "run"
    result = cli("train", *tiny_settings, f"model.name={model}", "training.steps=2", "--out", path)
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("MistralForCausalLM: its attention has sliding_window") == 1
    assert "so rollouts and updates take the plain way" in result.stderr
    rows = RunDirectory(path).read_metrics()
    assert [row["step"] for row in rows] == [1, 2]
    assert all(row["optim/grad_norm"] > 0 for row in rows)


@pytest.mark.slow
def test_passes_shorter_than_a_response_train_the_same_policy(
    cli: Cli, tiny_settings: list[str], tmp_path: Path
) -> None:
    found = []
    for tokens in (10, 10_000):
        path = tmp_path / str(tokens)
        result = cli(
            "train", *tiny_settings, "training.steps=1", f"training.tokens_per_pass={tokens}",
            "evaluation.enabled=false", "--out", path,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        (row,) = RunDirectory(path).read_metrics()
        found.append(row)
    for name in ("reward/mean", "optim/loss", "optim/grad_norm", "optim/entropy"):
        assert found[0][name] == pytest.approx(found[1][name], rel=1e-4, abs=1e-7)


def test_a_run_is_told_where_memory_is_short(
    tiny_settings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_config(overrides=tiny_settings)
    assert plan_run(config).memory.notices == ()
    monkeypatch.setattr("rlsr.engines.trl.engine.free_memory_gb", lambda _: 0.5)
    plan = plan_run(config)
    (notice,) = plan.memory.notices
    assert notice in plan.warnings
    assert "of the 0.5 GB that are free" in notice
