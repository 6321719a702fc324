"""The whole way of a run, through the command line, on a tiny policy."""

import json
from pathlib import Path

import pytest

from rlsr.runs import RunDirectory
from tiny import Cli

STEP_METRICS = {
    "reward/mean", "reward/group_std", "reward/similarity", "reward/cosine", "reward/overlap", "reward/numbers", "reward/share_repeated", "reward/share_empty",
    "reward/share_cut_by_encoder", "reward/num_unscored", "advantage/share_without_signal", "advantage/mean_size",
    "optim/loss", "optim/grad_norm", "optim/learning_rate", "optim/kl", "optim/entropy", "length/response",
    "length/reference", "text/longest_repeat", "text/share_copied", "text/overlap", "reward/share_unscored", "tokens/response", "tokens/share_cut", "tokens/total", "tokens/per_second", "time/step",
    "time/generate", "time/reward", "time/reference", "time/update", "memory/peak_gb",
}  # fmt: skip


@pytest.fixture(scope="module")
def finished(
    cli: Cli, tiny_settings: list[str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """A complete run of three steps, and what it printed."""
    path = tmp_path_factory.mktemp("runs") / "run"
    result = cli("train", *tiny_settings, "--out", path)
    assert result.returncode == 0, result.stderr
    return path, result.stdout


def test_every_step_leaves_its_numbers(finished: tuple[Path, str]) -> None:
    rows = RunDirectory(finished[0]).read_metrics()
    assert [row["step"] for row in rows] == [1, 2, 3]
    for row in rows:
        assert set(row) - {"step"} >= STEP_METRICS
        assert -1 <= row["reward/mean"] <= 1
        assert row["time/step"] >= row["time/generate"] > 0
    assert rows[0]["optim/kl"] == pytest.approx(0, abs=1e-6), "the policy starts as the reference"
    assert rows[2]["optim/kl"] > 0, "and leaves it"


def test_samples_show_whole_groups_with_rewards(finished: tuple[Path, str]) -> None:
    files = sorted((finished[0] / "samples").iterdir())
    assert [file.name for file in files] == [f"step-00000{step}.jsonl" for step in (1, 2, 3)]
    rows = [json.loads(line) for line in files[0].read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 4
    assert len({row["prompt"] for row in rows}) == 1
    assert all(row["reference"] and "reward" in row and "advantage" in row for row in rows)
    assert sum(row["advantage"] for row in rows) == pytest.approx(0, abs=1e-9)


def test_the_manifest_tells_what_was_reached(finished: tuple[Path, str]) -> None:
    manifest = RunDirectory(finished[0]).read_manifest()
    assert manifest["num_steps"] == 3
    assert manifest["data"]["num_train"] == 8
    assert manifest["data"]["num_heldout"] == 4
    assert {change["name"] for change in manifest["heldout"]} >= {
        "reward",
        "similarity",
        "chrf",
        "bleu",
        "cut",
    }
    assert manifest["peak_memory_gb"] > 0.1
    assert manifest["monitors"] == [], "three steps are too few to say anything"


def test_heldout_answers_are_kept_before_and_after(finished: tuple[Path, str]) -> None:
    run = RunDirectory(finished[0])
    before, after = run.read_evaluation("before"), run.read_evaluation("after")
    assert before is not None
    assert after is not None
    assert [row.id for row in before] == [row.id for row in after]
    assert all(row.reference for row in before)


def test_provenance_names_versions_and_data(finished: tuple[Path, str]) -> None:
    provenance = json.loads((finished[0] / "provenance.json").read_text(encoding="utf-8"))
    (session,) = provenance["sessions"]
    assert session["packages"]["trl"]
    assert len(session["data_sha256"]) == 64
    assert session["device"] == "cpu"


def test_piped_output_is_plain_lines_with_the_table(finished: tuple[Path, str]) -> None:
    path, output = finished
    assert "\x1b" not in output
    assert "step 3/3" in output
    assert "4 held-out prompts" in output
    assert "similarity by the reward's encoder (in the reward)" in output
    assert str(path) in output


def test_the_final_model_loads_as_it_is_and_differs_everywhere(
    finished: tuple[Path, str], tiny_model: Path
) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    before = AutoModelForCausalLM.from_pretrained(tiny_model)
    after = AutoModelForCausalLM.from_pretrained(finished[0] / "final")
    AutoTokenizer.from_pretrained(finished[0] / "final")
    changed = dict(after.named_parameters())
    for name, weight in before.named_parameters():
        assert not torch.equal(weight, changed[name]), f"{name} was not trained"
    card = (finished[0] / "final" / "README.md").read_text(encoding="utf-8")
    assert "AutoModelForCausalLM.from_pretrained" in card
    assert "| similarity by the reward's encoder (in the reward) |" in card


def test_the_final_model_gives_the_answers_that_were_measured(finished: tuple[Path, str]) -> None:
    from rlsr.config.model import ModelConfig
    from rlsr.data import load_dataset
    from rlsr.evaluation.generate import answer_prompts
    from rlsr.models import load_policy

    run = RunDirectory(finished[0])
    rows = run.read_evaluation("after")
    assert rows is not None
    policy = load_policy(ModelConfig(name=str(run.final), dtype="float32"), "cpu")
    records = load_dataset(run.read_config().data).heldout
    responses, _ = answer_prompts(policy, records, max_response_tokens=8, batch_size=32)
    assert responses == [row.response for row in rows]


def test_a_run_directory_is_never_overwritten(
    cli: Cli, tiny_settings: list[str], finished: tuple[Path, str]
) -> None:
    before = {file: file.stat().st_mtime_ns for file in finished[0].rglob("*") if file.is_file()}
    for arguments in (["--out", finished[0]], ["--out", finished[0], "--resume"]):
        result = cli("train", *tiny_settings, *arguments)
        assert result.returncode == 2
        assert "Traceback" not in result.stderr
        assert str(finished[0]) in result.stderr
    after = {file: file.stat().st_mtime_ns for file in finished[0].rglob("*") if file.is_file()}
    assert before == after


def test_lora_leaves_an_adapter_that_peft_loads(
    cli: Cli, tiny_settings: list[str], tmp_path: Path
) -> None:
    from peft import AutoPeftModelForCausalLM

    settings = [setting for setting in tiny_settings if not setting.startswith("model.lora")]
    path = tmp_path / "run"
    result = cli("train", *settings, "training.steps=1", "model.lora.rank=4", "--out", path)
    assert result.returncode == 0, result.stderr
    assert not (path / "final" / "model.safetensors").exists()
    model = AutoPeftModelForCausalLM.from_pretrained(path / "final")
    trained = [weight for name, weight in model.named_parameters() if "lora_B" in name]
    assert trained
    assert any(weight.abs().max() > 0 for weight in trained)


def test_bfloat16_weights_train_with_float32_masters(
    cli: Cli, tiny_settings: list[str], tmp_path: Path
) -> None:
    import torch

    path = tmp_path / "run"
    result = cli("train", *tiny_settings, "model.dtype=bfloat16", "training.steps=1", "--out", path)
    assert result.returncode == 0, result.stderr
    state = torch.load(path / "checkpoints" / "checkpoint-1" / "optimizer.pt", weights_only=True)
    masters = [entry["master"] for entry in state["state"].values()]
    assert masters
    assert all(master.dtype == torch.float32 for master in masters)


def test_a_subset_of_each_group_is_marked_in_the_samples(
    cli: Cli, tiny_settings: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "run"
    settings = [*tiny_settings, "method.num_generations=8", "method.update_subset=4"]
    result = cli("train", *settings, "training.sample_groups=2", "--out", path)
    assert result.returncode == 0, result.stderr
    assert [row["step"] for row in RunDirectory(path).read_metrics()] == [1, 2, 3]
    for file in (path / "samples").iterdir():
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        assert len(rows) == 16
        for group in (rows[:8], rows[8:]):
            used = [row for row in group if row["in_update"]]
            left_out = [row["reward"] for row in group if not row["in_update"]]
            assert len(used) == 4
            assert {row["advantage"] for row in group if not row["in_update"]} == {0}
            lowest = max(row["reward"] for row in used if row["advantage"] < 0)
            highest = min(row["reward"] for row in used if row["advantage"] > 0)
            assert all(lowest <= reward <= highest for reward in left_out)


def test_a_dry_run_shows_the_plan_and_writes_nothing(
    cli: Cli, tiny_settings: list[str], tmp_path: Path
) -> None:
    result = cli("train", *tiny_settings, "--dry-run", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    for part in (
        "num_generations: 4",
        "8 training and 4 held-out",
        "3 steps",
        "GB of memory",
        "s a step",
    ):
        assert part in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_data_and_model_alone_are_enough(
    cli: Cli, tiny_model: Path, tiny_data: Path, tmp_path: Path
) -> None:
    result = cli(
        "train",
        "--data",
        tiny_data,
        "--model",
        tiny_model,
        "evaluation.num_resamples=200",
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stderr
    (stages,) = (tmp_path / "runs").iterdir()
    for name in ("1-sft", "2-rlsr"):
        assert (stages / name / "manifest.json").is_file()
        assert (stages / name / "final" / "adapter_config.json").is_file()
