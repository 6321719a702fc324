"""Stages one after another, through the command line, on a tiny policy."""

import json
import shutil
from pathlib import Path

import pytest

from rlsr.config import StagedConfig, load_stages
from rlsr.errors import ConfigError, RunError
from rlsr.pipeline.stages_summary import stage_answers, summarise_stages
from rlsr.runs import RunDirectory
from rlsr.runs.pipeline_directory import PipelineDirectory
from rlsr.runs.rows import HeldoutRow
from tiny import Cli

STAGES = ["method=[sft,rlsr]", "training.steps=2"]
LORA = ["model.lora={rank: 4, alpha: 8}"]


@pytest.fixture(scope="module")
def settings(tiny_settings: list[str]) -> list[str]:
    return [*tiny_settings, *STAGES]


@pytest.fixture(scope="module")
def finished(
    cli: Cli, settings: list[str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """Complete stages with adapters, and what was printed."""
    path = tmp_path_factory.mktemp("stages") / "both"
    result = cli("train", *settings, *LORA, "--out", path)
    assert result.returncode == 0, result.stderr
    return path, result.stdout


def final_weights(path: Path) -> dict[str, bytes]:
    from safetensors.torch import load_file

    (file,) = path.glob("final/*.safetensors")
    return {name: weight.numpy().tobytes() for name, weight in load_file(file).items()}


def evaluation(path: Path, when: str) -> list[HeldoutRow]:
    rows = RunDirectory(path).read_evaluation(when)
    assert rows
    return rows


def test_every_stage_is_a_complete_run(finished: tuple[Path, str]) -> None:
    path, _ = finished
    table = json.loads((path / "pipeline.json").read_text(encoding="utf-8"))
    assert [stage["name"] for stage in table["stages"]] == ["1-sft", "2-rlsr"]
    for name, method in (("1-sft", "sft"), ("2-rlsr", "rlsr")):
        manifest = RunDirectory(path / name).read_manifest()
        assert manifest["method"] == method
        assert manifest["num_steps"] == 2


def test_a_stage_starts_from_the_model_that_the_one_before_left(
    finished: tuple[Path, str],
) -> None:
    path, _ = finished
    config = RunDirectory(path / "2-rlsr").read_config()
    assert config.model.name == str((path / "1-sft" / "final").resolve())
    assert final_weights(path / "1-sft") != final_weights(path / "2-rlsr")
    assert final_weights(path / "1-sft").keys() == final_weights(path / "2-rlsr").keys()


def test_the_reference_policy_of_a_stage_is_the_one_it_starts_from(
    finished: tuple[Path, str],
) -> None:
    rows = RunDirectory(finished[0] / "2-rlsr").read_metrics()
    assert rows[0]["optim/kl"] == pytest.approx(0, abs=1e-6)
    assert rows[1]["optim/kl"] > 0


def test_the_answers_before_a_stage_are_those_after_the_one_before(
    finished: tuple[Path, str],
) -> None:
    path, output = finished
    assert evaluation(path / "2-rlsr", "before") == evaluation(path / "1-sft", "after")
    assert output.count("evaluating before training") == 1
    assert output.count("evaluating after training") == 2


def test_the_output_names_the_stages_and_compares_over_all(finished: tuple[Path, str]) -> None:
    path, output = finished
    for part in (
        "SFT trains LoRA adapters (rank 4)",
        "stage 1 of 2: sft: training",
        "stage 2 of 2: rlsr: training",
        "stage 1-sft: 2 steps",
        "stage 2-rlsr: 2 steps",
        str(path),
    ):
        assert part in output
    assert output.count("4 held-out prompts, greedy responses") == 1
    (heading,) = (line for line in output.splitlines() if line.split()[:1] == ["metric"])
    assert heading.split() == ["metric", "before", "1-sft", "2-rlsr", "difference", "reading"]


def test_three_answers_of_every_policy_are_shown(finished: tuple[Path, str]) -> None:
    path, output = finished
    shown = stage_answers(PipelineDirectory.open(path), 3)
    asked = evaluation(path / "1-sft", "before")
    assert [one.prompt for one in shown] == [asked[place].prompt for place in (0, 2, 3)]
    for one in shown:
        assert list(one.answers) == ["before", "1-sft", "2-rlsr"]
        assert f"prompt: {one.prompt}" in output
        assert f"reference: {one.reference}" in output
    last = {row.prompt: row.response for row in evaluation(path / "2-rlsr", "after")}
    assert [one.answers["2-rlsr"] for one in shown] == [last[one.prompt] for one in shown]
    assert "nll " in output


def test_the_comparison_over_all_stages_is_of_the_first_and_the_last_answers(
    finished: tuple[Path, str],
) -> None:
    path, _ = finished
    summary = summarise_stages(PipelineDirectory.open(path), skipped=("1-sft",), seconds=1.0)
    before, after = evaluation(path / "1-sft", "before"), evaluation(path / "2-rlsr", "after")
    assert {change.name for change in summary.changes} == set(before[0].scores)
    for change in summary.changes:
        pairs = [
            (was.scores[change.name], became.scores[change.name])
            for was, became in zip(before, after, strict=True)
        ]
        mean = sum(became - was for was, became in pairs) / len(pairs)
        assert change.difference.mean == pytest.approx(mean)
        of_stages = [
            next(one for one in stage.changes if one.name == change.name)
            for stage in summary.stages
        ]
        assert change.in_reward == of_stages[-1].in_reward
        assert change.difference.mean == pytest.approx(
            sum(one.difference.mean for one in of_stages)
        )
    assert [stage.was_skipped for stage in summary.stages] == [True, False]


def test_complete_stages_are_never_touched_again(
    cli: Cli, settings: list[str], finished: tuple[Path, str]
) -> None:
    path, _ = finished
    before = {file: file.stat().st_mtime_ns for file in path.rglob("*") if file.is_file()}
    for arguments in ([*settings, *LORA], [*settings, *LORA, "--resume"], ["--resume"]):
        result = cli("train", *arguments, "--out", path)
        assert result.returncode == 2, result.stdout
        assert "Traceback" not in result.stderr
        assert str(path) in result.stderr
    after = {file: file.stat().st_mtime_ns for file in path.rglob("*") if file.is_file()}
    assert before == after


def test_stages_go_on_where_they_were_interrupted_and_end_the_same(
    cli: Cli, finished: tuple[Path, str], tmp_path: Path
) -> None:
    path = shutil.copytree(finished[0], tmp_path / "moved")
    last = path / "2-rlsr"
    for name in ("manifest.json", "evaluation/after.jsonl"):
        (last / name).unlink()
    shutil.rmtree(last / "final")
    shutil.rmtree(last / "checkpoints" / "checkpoint-2")
    result = cli("train", "--resume", "--out", path)
    assert result.returncode == 0, result.stderr
    assert "stage 1 of 2: sft: complete already, skipped" in result.stdout
    assert "stage 1-sft: 2 steps, in an earlier session" in result.stdout
    assert "step 1/2" not in result.stdout, "the checkpoint is taken"
    start = RunDirectory(last).read_config().model.name
    assert start == str((path / "1-sft" / "final").resolve()), "where the directory is now"
    assert final_weights(last) == final_weights(finished[0] / "2-rlsr")
    assert evaluation(last, "after") == evaluation(finished[0] / "2-rlsr", "after")


def test_a_stage_that_was_not_begun_is_started(
    cli: Cli, finished: tuple[Path, str], tmp_path: Path
) -> None:
    path = shutil.copytree(finished[0], tmp_path / "moved")
    shutil.rmtree(path / "2-rlsr")
    result = cli("train", "--resume", "--out", path)
    assert result.returncode == 0, result.stderr
    assert final_weights(path / "2-rlsr") == final_weights(finished[0] / "2-rlsr")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param("null", "null", marks=pytest.mark.slow),
        pytest.param("null", "{rank: 4}", marks=pytest.mark.slow),
        ("{rank: 4}", "null"),
    ],
)
def test_all_weights_and_adapters_follow_each_other(
    cli: Cli, settings: list[str], tmp_path: Path, first: str, second: str
) -> None:
    from rlsr.config.model import ModelConfig
    from rlsr.data import load_dataset
    from rlsr.evaluation.generate import answer_prompts
    from rlsr.models import load_policy

    settings = [setting for setting in settings if not setting.startswith("model.lora")]
    path = tmp_path / "run"
    result = cli(
        "train", *settings, f"stages.0.model.lora={first}", f"stages.1.model.lora={second}", "--out", path
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert (path / "2-rlsr" / "final" / "adapter_config.json").is_file() == (second != "null")
    run = RunDirectory(path / "2-rlsr")
    policy = load_policy(ModelConfig(name=str(run.final), dtype="float32"), "cpu")
    records = load_dataset(run.read_config().data).heldout
    responses, _ = answer_prompts(policy, records, max_response_tokens=8, batch_size=32)
    assert responses == [row.response for row in evaluation(run.path, "after")]
    assert run.read_metrics()[1]["optim/kl"] > 0, "it was trained"


@pytest.mark.slow
def test_answers_that_were_measured_otherwise_are_made_again(
    cli: Cli, settings: list[str], tmp_path: Path
) -> None:
    result = cli(
        "train", *settings, "stages.0.method.max_response_tokens=5", "--out", tmp_path / "run"
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("evaluating before training") == 2
    assert "all stages:" not in result.stdout, "before and after cannot be compared"


def test_a_dry_run_shows_every_stage_and_writes_nothing(
    cli: Cli, settings: list[str], tmp_path: Path
) -> None:
    result = cli("train", *settings, "stages.1.seed=7", "--dry-run", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    for part in (
        "# resolved config of stage 1-sft",
        "# stage 2-rlsr: as 1-sft",
        "seed: 7",
        "method.num_generations: 4",
        "2 steps of 2 references",
        "2 steps of 2 x 4 responses",
        "all stages: ",
    ):
        assert part in result.stdout
    assert list(tmp_path.iterdir()) == []


# --- mistakes -----------------------------------------------------------------------------------


def test_a_mistake_in_a_later_stage_shows_before_anything_is_trained(
    cli: Cli, settings: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "run"
    result = cli("train", *settings, "stages.1.method.max_response_tokens=600", "--out", path)
    assert result.returncode == 2
    assert "stage 2-rlsr: method.max_response_tokens" in result.stderr
    assert not path.exists()


def test_what_cannot_be_loaded_leaves_no_directory(
    cli: Cli, settings: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "run"
    result = cli("train", *settings, "embedding=./no/encoder", "--out", path)
    assert result.returncode == 2
    assert "embedding.model" in result.stderr
    assert not path.exists()


def test_changed_settings_are_named(
    cli: Cli, settings: list[str], finished: tuple[Path, str], tmp_path: Path
) -> None:
    path = shutil.copytree(finished[0], tmp_path / "moved")
    (path / "2-rlsr" / "manifest.json").unlink()
    result = cli(
        "train", *settings, *LORA, "stages.1.training.steps=5", "seed=4", "--resume", "--out", path
    )
    assert result.returncode == 2
    for key in ("stages.0.seed", "stages.1.seed", "stages.1.training.steps"):
        assert key in result.stderr
    result = cli("train", *settings, *LORA, "method=[dft,rlsr]", "--resume", "--out", path)
    assert result.returncode == 2
    assert "1-sft, 2-rlsr, got 1-dft, 2-rlsr" in result.stderr


def interrupted(finished: Path, tmp_path: Path) -> tuple[StagedConfig, Path]:
    from rlsr.runs.pipeline_directory import PipelineDirectory

    path = shutil.copytree(finished, tmp_path / "moved")
    shutil.rmtree(path / "2-rlsr")
    return PipelineDirectory.open(path).staged, path


def test_a_missing_or_foreign_model_of_the_stage_before_is_named(
    finished: tuple[Path, str], tmp_path: Path, tiny_model: Path
) -> None:
    from transformers import AutoConfig

    from rlsr.pipeline.stages import train_stages

    staged, path = interrupted(finished[0], tmp_path)
    final = path / "1-sft" / "final"
    kept = shutil.move(final, path / "1-sft" / "kept")
    with pytest.raises(RunError, match=r"1-sft/final: .* not there; put back what 1-sft left"):
        train_stages(staged, path, resume=True)
    final.mkdir()
    for file in Path(kept).iterdir():
        if "adapter" not in file.name:
            shutil.copy(file, final)
    AutoConfig.from_pretrained(tiny_model, intermediate_size=96).save_pretrained(final)
    with pytest.raises(RunError, match=r"its intermediate_size is 96 and not 64"):
        train_stages(staged, path, resume=True)
    assert not (path / "2-rlsr").exists()


def test_a_plain_run_and_stages_are_not_taken_for_one_another(
    cli: Cli,
    tiny_settings: list[str],
    settings: list[str],
    finished: tuple[Path, str],
    tmp_path: Path,
) -> None:
    result = cli("train", *tiny_settings, "--resume", "--out", finished[0])
    assert result.returncode == 2
    assert "stages were begun here (1-sft, 2-rlsr)" in result.stderr
    plain = tmp_path / "plain"
    shutil.copytree(finished[0] / "1-sft", plain)
    (plain / "manifest.json").unlink()
    result = cli("train", *settings, "--resume", "--out", plain)
    assert result.returncode == 2
    assert "one run was begun here" in result.stderr
    result = cli("train", *settings, "--out", plain)
    assert result.returncode == 2
    result = cli("train", *settings, "--resume", "--out", tmp_path / "nothing")
    assert result.returncode == 2
    assert "no stages were begun here" in result.stderr


def test_other_settings_of_stages_are_refused_in_python_too(
    settings: list[str], finished: tuple[Path, str], tmp_path: Path
) -> None:
    from rlsr.pipeline.stages import plan_stages

    _, path = interrupted(finished[0], tmp_path)
    with pytest.raises(ConfigError, match=r"stages\.0\.model\.lora"):
        plan_stages(load_stages((), settings), path, resume=True)
