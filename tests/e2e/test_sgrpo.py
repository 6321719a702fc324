"""Runs with a supervised term on the labels through the command line."""

import json
import shutil
from pathlib import Path

import pytest

from rlsr.runs import RunDirectory
from tiny import Cli

SEPARATOR = "; "

STEP_METRICS = {
    "reward/mean", "reward/group_std", "optim/loss", "optim/kl", "optim/label_loss", "optim/label_nll", "optim/label_weight",
    "tokens/trained", "time/generate", "time/reference", "time/update",
}  # fmt: skip


def test_a_policy_learns_its_labels_beside_the_reward(
    cli: Cli, tiny_settings: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "run"
    result = cli(
        "train", *tiny_settings, "method=sgrpo", "method.label_weight=1", "training.steps=12",
        "training.learning_rate=0.003", "--out", path,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "S-GRPO trains all weights" in result.stdout
    assert "2 x 4 responses and 2 references" in result.stdout
    assert "label nll" in result.stdout
    run = RunDirectory(path)
    rows = run.read_metrics()
    for row in rows:
        assert set(row) >= STEP_METRICS
        assert row["optim/label_weight"] == 1
    assert rows[-1]["optim/label_nll"] < rows[0]["optim/label_nll"] - 0.3
    assert run.read_manifest()["method"] == "sgrpo"
    assert "with a supervised term on the references" in (run.final / "README.md").read_text()


@pytest.mark.parametrize("loss", ["ratio_clip", "one_sided_clip", "as_released"])
def test_a_ratio_is_to_the_policy_before_training(
    cli: Cli, tiny_settings: list[str], tmp_path: Path, loss: str
) -> None:
    path = tmp_path / "run"
    result = cli(
        "train", *tiny_settings, "method=sgrpo", f"method.label_loss={loss}", "method.kl_coefficient=0",
        "model.lora={rank: 4}", "--out", path,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    rows = RunDirectory(path).read_metrics()
    start = -0.8 if loss == "as_released" else -1.0
    assert rows[0]["optim/label_loss"] == pytest.approx(start, abs=1e-5)
    assert rows[0]["optim/label_weight"] == 0.25


def test_formulas_have_labels_too(cli: Cli, tiny_settings: list[str], tmp_path: Path) -> None:
    data = tmp_path / "formulas.jsonl"
    rows = [
        {"prompt": f"All A{row} are B.", "response": f"∀x (A{row}(x) → B(x))"} for row in range(12)
    ]
    data.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    result = cli(
        "train", *tiny_settings, f"data.path={data}", "data.heldout=4", "reward=logic",
        "method=sgrpo", "training.steps=2", "--out", tmp_path / "run",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    first, second = RunDirectory(tmp_path / "run").read_metrics()
    # A random policy writes no formulas: no group has signal, and the labels are learnt from all the same.
    assert first["advantage/share_without_signal"] == 1
    assert first["optim/grad_norm"] > 0
    assert first["tokens/trained"] > 0
    assert second["reward/mean"] == -0.5


def test_a_label_in_its_group_is_scored_by_the_reward_of_the_run(
    cli: Cli, tiny_settings: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "run"
    result = cli(
        "train", *tiny_settings, "method=sgrpo", "method.label_in_group=true", "method.label_weight=0",
        "training.steps=12", "training.learning_rate=0.003", "--out", path,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    rows = RunDirectory(path).read_metrics()
    for row in rows:
        assert row["reward/label"] == pytest.approx(1, abs=1e-6)
        assert row["advantage/label"] > 0
    assert rows[-1]["optim/label_nll"] < rows[0]["optim/label_nll"] - 0.1
    assert "references as responses of their groups" in (path / "final" / "README.md").read_text()


def test_responses_go_on_from_prefixes(cli: Cli, tiny_settings: list[str], tmp_path: Path) -> None:
    path = tmp_path / "run"
    result = cli(
        "train", *tiny_settings, "method=sgrpo", "method.prefix_ratios=[0, 0.2, 0.5, 1]", "method.label_weight=0",
        "training.steps=12", "training.learning_rate=0.003", "--out", path,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    run = RunDirectory(path)
    rows = run.read_metrics()
    assert rows[-1]["optim/prefix_nll"] < rows[0]["optim/prefix_nll"] - 0.1
    assert all("optim/label_nll" not in row for row in rows)
    assert all(row["reward/unguided"] < row["reward/mean"] for row in rows)
    assert "responses that go on from parts of the references on cpu" in result.stdout
    samples = [json.loads(line) for line in (run.path / "samples" / "step-000001.jsonl").read_text().splitlines()]  # fmt: skip
    lengths = [row["num_prefix_tokens"] for row in samples]
    assert lengths[0] == 0 < lengths[1] < lengths[2] < lengths[3] == samples[3]["num_tokens"]
    assert samples[3]["response"] == samples[3]["reference"]
    assert samples[3]["reward"] == pytest.approx(1, abs=1e-6)
    for row, length in zip(samples, lengths, strict=True):
        assert row["num_tokens"] > length or length == lengths[3]
    assert "prefixes of the references given" in (run.final / "README.md").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("lora", [pytest.param("null", marks=pytest.mark.slow), "{rank: 4}"])
def test_a_stage_of_it_follows_sft(
    cli: Cli, tiny_settings: list[str], tmp_path: Path, lora: str
) -> None:
    path = tmp_path / "both"
    result = cli(
        "train", *tiny_settings, "method=[sft,sgrpo]", "training.steps=2", f"model.lora={lora}",
        "stages.1.method.label_loss=ratio_clip", "stages.1.method.kl_coefficient=0", "--out", path,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    sft, rows = (RunDirectory(path / name).read_metrics() for name in ("1-sft", "2-sgrpo"))
    # The policy that the first stage left is the one that the labels are compared with.
    assert rows[0]["optim/label_loss"] == pytest.approx(-1, abs=1e-5)
    assert rows[1]["optim/label_loss"] != pytest.approx(-1, abs=1e-5)
    assert rows[0]["optim/label_nll"] < sft[0]["optim/nll"]
    # Interrupted after its first step it goes on as if nothing had happened, the frozen copy of the adapters included.
    broken = shutil.copytree(path, tmp_path / "broken")
    last = broken / "2-sgrpo"
    for name in ("manifest.json", "evaluation/after.jsonl"):
        (last / name).unlink()
    shutil.rmtree(last / "final")
    shutil.rmtree(last / "checkpoints" / "checkpoint-2")
    result = cli("train", "--resume", "--out", broken)
    assert result.returncode == 0, result.stderr
    resumed = RunDirectory(last).read_metrics()
    for name in ("optim/label_loss", "optim/label_nll", "optim/loss", "optim/grad_norm"):
        assert resumed[1][name] == rows[1][name]
    (weights,) = (path / "2-sgrpo" / "final").glob("*.safetensors")
    assert (last / "final" / weights.name).read_bytes() == weights.read_bytes()


def test_a_dry_run_says_what_it_would_do(
    cli: Cli, tiny_settings: list[str], tmp_path: Path
) -> None:
    result = cli("train", *tiny_settings, "method=sgrpo", "--dry-run", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    for part in (
        "type: sgrpo",
        "label_weight: null",
        "label_loss: nll",
        "3 steps of 2 x 4 responses and 2 references",
    ):
        assert part in result.stdout
    result = cli(
        "train", *tiny_settings, "method=sgrpo", "method.max_response_tokens=5", "--dry-run",
        cwd=tmp_path,
    )  # fmt: skip
    assert "longer ones are cut, and teach no end" in result.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("method.label_loss=mse", "method.label_loss: must be 'nll', 'ratio_clip', 'one_sided_clip' or 'as_released', got 'mse'"),
        ("method.label_weight=-1", "method.label_weight: must be greater than or equal to 0, got -1"),
        ("method.label_clip=1", "method.label_clip: must be less than 1, got 1"),
        ("method.prefix_ratios=[0, 1]", "method.prefix_ratios: must have one share for each of method.num_generations = 4 responses, got 2"),
        ("method.prefix_ratios=[0, 0, 0, 2]", "method.prefix_ratios.3: must be less than or equal to 1, got 2"),
        ("method={prefix_ratios: [0, 0, 0, 1]}; engine.options.use_vllm=true", "engine.options.use_vllm: cannot go on from prefixes"),
    ],
)  # fmt: skip
def test_wrong_settings_are_refused(
    cli: Cli, tiny_settings: list[str], tmp_path: Path, setting: str, message: str
) -> None:
    result = cli(
        "train",
        *tiny_settings,
        "method=sgrpo",
        *setting.split(SEPARATOR),
        "--out",
        tmp_path / "run",
    )
    assert result.returncode == 2
    assert message in result.stderr
    assert not (tmp_path / "run").exists()
