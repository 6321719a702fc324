"""``rlsr forecast`` as a user runs it, on a tiny policy."""

import json
import shutil
from pathlib import Path

import pytest

from rlsr.forecast import Forecast, load_calibration
from rlsr.forecast.calibration import expected_gain
from rlsr.pipeline.forecast import plan_forecast
from rlsr.pipeline.validation import set_aside
from rlsr.runs import RunDirectory
from rlsr.runs.json_file import read_json
from rlsr.runs.typed_json import from_table
from rlsr.statistics.in_words import too_few
from tiny import Cli

FORECAST = ["forecast.num_generations=3", "evaluation.independent_embedding=builtin:minilm"]


@pytest.fixture(scope="module")
def many_rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty rows, ten of them held out."""
    path = tmp_path_factory.mktemp("many") / "many.jsonl"
    rows = [
        {
            "prompt": f"Count {number} things",
            "response": f"There are {number} things here",
            "split": "heldout" if number % 4 == 0 else "train",
        }
        for number in range(40)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def stages(
    cli: Cli, tiny_settings: list[str], many_rows: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """SFT that sets ten prompts aside, and RLSR after it."""
    path = tmp_path_factory.mktemp("forecasts") / "stages"
    result = cli(
        "train", *tiny_settings, f"data.path={many_rows}", "method=[sft,rlsr]", "stages.0.training.steps=9",
        "stages.1.training.steps=1", "validation={num_prompts: 10, every_steps: 1, metric: reward}",
        "--out", path,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return path


@pytest.fixture(scope="module")
def finished(
    cli: Cli, stages: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Forecast, str]:
    file = tmp_path_factory.mktemp("found") / "found.json"
    result = cli("forecast", stages, *FORECAST, "--json", file)
    assert result.returncode == 0, result.stderr
    found = from_table(Forecast, read_json(file))
    assert read_json(stages / "1-sft" / "forecast.json") == read_json(file)
    return found, result.stdout


def test_the_stage_before_rlsr_is_asked_by_prompts_that_it_has_set_aside(
    finished: tuple[Forecast, str], stages: Path, many_rows: Path
) -> None:
    found, output = finished
    assert (found.prompts, found.num_prompts, found.num_generations) == ("set aside", 10, 3)
    assert str(stages / "1-sft" / "final") in output
    planned = plan_forecast(str(stages), str(many_rows), overrides=FORECAST)
    train = planned.plan.dataset.train
    assert list(planned.records) == list(
        set_aside(train, planned.plan.dataset.train_keys, 10, seed=0)[1]
    )
    heldout = RunDirectory(stages / "1-sft").read_evaluation("after")
    assert heldout
    assert {row.id for row in heldout}.isdisjoint(record.id for record in planned.records)


def test_the_file_has_what_the_terminal_says(finished: tuple[Forecast, str]) -> None:
    found, output = finished
    judgement = found.judgement
    assert judgement.verdict in output
    assert judgement.rule == "too few prompts"
    assert f"{too_few(10, 'prompts')} (rule: {judgement.rule})" in " ".join(output.split())
    for metric in found.metrics:
        assert metric.label in output
    assert found.unseen.name == "independent_similarity"
    assert found.encoder == "builtin:minilm"
    assert found.learning is not None
    assert found.learning.metric == "validation/reward"
    assert "builtin:wordllama" in " ".join(found.warnings)
    assert {"repeated_facts", "length_ratio", "cut", "chrf", "bleu"} <= {
        metric.name for metric in found.metrics
    }


def test_the_gain_follows_from_the_kept_points(finished: tuple[Forecast, str]) -> None:
    found, _ = finished
    kept = load_calibration()
    assert repr(found.gain) == repr(expected_gain(kept, found.unseen.best_minus_greedy))


def test_the_table_fits_into_80_columns(finished: tuple[Forecast, str]) -> None:
    _, output = finished
    table = output[output.index("the best of") : output.index("expected gain")]
    assert max(map(len, table.splitlines())) <= 80


def test_the_same_command_finds_the_same(
    cli: Cli, finished: tuple[Forecast, str], stages: Path, tmp_path: Path
) -> None:
    found, _ = finished
    file = tmp_path / "again.json"
    arguments = ["forecast", stages / "1-sft", *FORECAST, "evaluation.batch_size=3", "--json", file]
    assert cli(*arguments).returncode == 0
    again = from_table(Forecast, read_json(file))
    # Written out, since NaN is unlike itself.
    assert repr(again.metrics) == repr(found.metrics), (
        "nor does it depend on how many are asked at a time"
    )
    assert again.judgement == found.judgement


def test_a_model_and_data_are_enough(
    cli: Cli, tiny_model: Path, many_rows: Path, tmp_path: Path
) -> None:
    file = tmp_path / "model.json"
    result = cli(
        "forecast", tiny_model, many_rows, "method.max_response_tokens=8", "model.dtype=float32", "--prompts", "8",
        "--json", file,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    found = from_table(Forecast, read_json(file))
    assert (found.prompts, found.num_prompts, found.num_generations) == ("unknown", 8, 8)
    assert found.learning is None
    assert not (tiny_model / "forecast.json").exists()


def test_prompts_that_were_trained_on_are_said_to_be(
    cli: Cli, tiny_settings: list[str], many_rows: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    settings = [*tiny_settings, f"data.path={many_rows}", "method=sft"]
    settings = [setting for setting in settings if "num_generations" not in setting]
    assert cli("train", *settings, "--out", run).returncode == 0
    result = cli("forecast", run, *FORECAST, "--prompts", "8")
    assert result.returncode == 0, result.stderr
    assert "the prompts were trained on" in result.stdout
    found = from_table(Forecast, read_json(run / "forecast.json"))
    assert found.prompts == "trained on"


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["{model}"], ["needs data", "rlsr forecast MODEL"]),
        (["./nothere", "{rows}"], ["./nothere", "cannot be loaded"]),
        (["{model}", "nothere.jsonl"], ["nothere.jsonl"]),
        (["{model}", "{rows}", "what.txt"], ["what.txt", "KEY=VALUE"]),
        (["{model}", "{few}"], ["at least 8 prompts", "got 7"]),
        (["{model}", "{rows}", "--prompts", "7"], ["forecast.num_prompts", "got 7"]),
        (["{model}", "{rows}", "forecast.num_generations=1"], ["forecast.num_generations", "got 1"]),
        (["{model}", "{rows}", "evaluation.independent_embedding=null"], ["independent_embedding", "got null"]),
        (["{model}", "{rows}", "--calibration", "nothere.json"], ["nothere.json", "docs/forecast.md"]),
        (["{model}", "{rows}", "--json", "no/dir/found.json"], ["--json", "make it first"]),
        (["{stages}/2-rlsr"], ["supervised run", "method rlsr"]),
        (["{stages}", "data.seed=3"], ["the split of", "leave settings of data out"]),
        (["{stages}", "model.dtype=bfloat16"], ["the model is that of"]),
        (["{empty}"], ["none in final/ yet", "--resume"]),
        (["{only_rl}"], ["supervised stage", "1-rlsr"]),
        (
            ["{model}", "{rows}", "reward={type: python, function: 'unscored:nothing'}", "method.max_response_tokens=4"],
            ["at least 8 prompts", "got 0", "rlsr audit"],
        ),
    ],
)  # fmt: skip
def test_a_mistake_ends_with_one_message(
    cli: Cli,
    tiny_model: Path,
    stages: Path,
    many_rows: Path,
    tmp_path: Path,
    arguments: list[str],
    parts: list[str],
) -> None:
    places = {
        "model": tiny_model,
        "rows": many_rows,
        "stages": stages,
        "few": tmp_path / "few.jsonl",
    }
    lines = [line for line in many_rows.read_text(encoding="utf-8").splitlines() if "train" in line]
    places["few"].write_text("\n".join(lines[:7]) + "\n", encoding="utf-8")
    (tmp_path / "unscored.py").write_text(
        "def nothing(completions, **_):\n    return [None] * len(completions)\n", encoding="utf-8"
    )
    places["empty"] = tmp_path / "empty"
    places["empty"].mkdir()
    shutil.copy(stages / "1-sft" / "config.json", places["empty"])
    places["only_rl"] = tmp_path / "only_rl"
    places["only_rl"].mkdir()
    table = json.loads((stages / "pipeline.json").read_text(encoding="utf-8"))
    table["stages"] = [{**table["stages"][1], "name": "1-rlsr"}]
    (places["only_rl"] / "pipeline.json").write_text(json.dumps(table), encoding="utf-8")
    before = sorted(tmp_path.rglob("*.json*"))
    asked = [argument.format(**places) if argument.startswith("{") and "type" not in argument else argument for argument in arguments]  # fmt: skip
    held_out_0 = ["data.heldout=0"] if "{few}" in arguments else []
    result = cli("forecast", *asked, *held_out_0, cwd=tmp_path)
    assert result.returncode == 2, result.stdout + result.stderr
    assert result.stderr.count("error:") == 1
    assert "Traceback" not in result.stderr
    for part in parts:
        assert part in result.stderr
    assert sorted(tmp_path.rglob("*.json*")) == before, "nothing may be written"


def test_other_rows_than_the_run_was_trained_on_are_refused(
    cli: Cli, stages: Path, many_rows: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(stages / "1-sft", tmp_path / "run")
    table = json.loads((run / "provenance.json").read_text(encoding="utf-8"))
    table["sessions"][0]["data_sha256"] = "another"
    (run / "provenance.json").write_text(json.dumps(table), encoding="utf-8")
    result = cli("forecast", run, *FORECAST)
    assert result.returncode == 2
    assert f"{many_rows} has changed" in result.stderr
