"""Suites by the command line, and the harness on a real policy and its own list of tasks."""

import json
from pathlib import Path
from typing import Any

import pytest

from rlsr.config import config_from_table
from rlsr.config.model import ModelConfig
from rlsr.data.sources import read_rows
from rlsr.errors import ConfigError, EvaluationError
from rlsr.evaluation import Evaluation
from rlsr.evaluation.suites.commonsense import open_commonsense, read_commonsense, task_of
from rlsr.evaluation.suites.harness import open_paper_tasks, open_task
from rlsr.models import load_policy
from rlsr.packages import package_directory
from rlsr.runs import RunDirectory
from tiny import Cli

SHARED = Path(__file__).parents[3] / "shared" / "data"
with_harness = pytest.mark.skipif(
    package_directory("lm_eval") is None, reason="the extra eval is not installed"
)


def questions(path: Path, *tasks: str, count: int = 20) -> Path:
    """Write questions of some tasks out of the published file."""
    file = SHARED / "commonsense_tests_llmadapters.jsonl.gz"
    if not file.is_file():
        pytest.skip("the commonsense tests are not on this machine")
    rows: list[Any] = [row.value for row in read_rows(str(file))]  # type: ignore[union-attr]
    kept = [row for task in tasks for row in [one for one in rows if one["task"] == task][:count]]
    path.write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
    return path


@pytest.mark.slow
@with_harness
def test_two_tasks_on_a_real_policy_score_as_by_the_harness_itself(tmp_path: Path) -> None:
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    file = questions(tmp_path / "few.jsonl", "ARC-Easy", "winogrande")
    config = config_from_table({"evaluation": {"batch_size": 4, "suites": {"commonsense": {"path": str(file), "num_prompts": 8}}}})  # fmt: skip
    policy = load_policy(ModelConfig(dtype="float32"), "cpu")
    suite = open_commonsense(config, None, "cpu")  # type: ignore[arg-type]
    evaluation = Evaluation(suite, config, name="commonsense")
    answers = evaluation.run(policy)
    means = {mean.name: mean.after for mean in evaluation.means(answers)}

    asked: dict[str, list[int]] = {}
    for record in suite.records:
        name, _, place = record.id.partition(":")
        asked.setdefault(name, []).append(int(place))
    theirs = simple_evaluate(
        model="hf",
        model_args={"pretrained": policy.source, "dtype": "float32"},
        device="cpu",
        batch_size=4,
        tasks=[task_of(name, docs) for name, docs in read_commonsense(str(file)).items()],
        task_manager=TaskManager(include_defaults=False),
        samples=asked,
        bootstrap_iters=0,
    )
    own = theirs["results"]
    assert means["acc/arc_easy"].mean == own["arc_easy"]["acc,none"]
    assert means["acc_norm/arc_easy"].mean == own["arc_easy"]["acc_norm,none"]
    assert means["acc/winogrande"].mean == own["winogrande"]["acc,none"]
    assert means["acc"].mean == (own["arc_easy"]["acc,none"] + own["winogrande"]["acc,none"]) / 2
    assert (means["acc"].num, means["acc_norm"].num) == (16, 8)
    assert means["acc/arc_easy"].mean > 0.3, "this policy knows more than chance does"


@pytest.mark.slow
@with_harness
def test_tasks_of_the_harness_are_found_by_name_and_read_local_data(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    def opened(name: str, **settings: Any) -> Any:
        config = config_from_table({"evaluation": {"suites": {name: settings}}})
        return open_task(name, config, None, "cpu")  # type: ignore[arg-type]

    with pytest.raises(ConfigError, match=r"no task or group 'arc_easi'; near to it are arc_easy"):
        opened("lm_eval-arc_easi")
    with pytest.raises(EvaluationError, match=r"the data of openbookqa cannot be reached: .*--suite lm_eval-openbookqa=PATH"):  # fmt: skip
        opened("lm_eval-openbookqa")
    with pytest.raises(EvaluationError, match=r"suite 'paper-classification': the data of arc_easy cannot be reached"):  # fmt: skip
        open_paper_tasks(config_from_table({}), None, "cpu")  # type: ignore[arg-type]
    rows = [
        {"id": f"{n}", "question_stem": f"{n} and 1 make", "choices": {"text": [f"{n}", f"{n + 1}"], "label": ["A", "B"]}, "answerKey": "B"}
        for n in range(5)
    ]  # fmt: skip
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"mmlu is no single task whose data may stand elsewhere"):
        opened("lm_eval-mmlu", path=str(file))
    suite = opened("lm_eval-openbookqa", path=str(file), num_fewshot=1)
    assert [record.prompt for record in suite.records] == [row["question_stem"] for row in rows]
    assert [record.reference for record in suite.records] == ["1", "2", "3", "4", "5"]


@pytest.mark.slow
@with_harness
def test_suites_by_the_command_line_keep_what_is_finished(
    cli: Cli, tiny_settings: list[str], tmp_path: Path
) -> None:
    problems = tmp_path / "problems.jsonl"
    rows = [{"question": f"{n} and 1?", "answer": f"#### {n + 1}"} for n in range(3)]
    problems.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    run = RunDirectory(tmp_path / "run")
    suites = [
        "--suite", f"gsm8k={problems}", "--suite", f"commonsense={questions(tmp_path / 'few.jsonl', 'boolq', 'piqa', count=4)}",
        "evaluation.suites.gsm8k.num_draws=2", "evaluation.suites.gsm8k.max_response_tokens=6",
    ]  # fmt: skip
    result = cli("evaluate", *tiny_settings, *suites, "--out", run.path)
    assert result.returncode == 0, result.stderr
    assert "3 gsm8k prompts, greedy responses, pass@k of 2 more at temperature 0.8" in result.stdout
    assert "8 commonsense prompts, options by their likelihood" in result.stdout
    assert "it/s" not in result.stderr, "the harness's bars stay away"
    kept = run.read_evaluation("gsm8k"), run.read_evaluation("commonsense")
    manifest = run.read_manifest()
    (run.path / "manifest.json").unlink()
    run.evaluation_file("commonsense").unlink()
    result = cli("evaluate", "--resume", "--out", run.path)
    assert result.returncode == 0, result.stderr
    assert (run.read_evaluation("gsm8k"), run.read_evaluation("commonsense")) == kept
    assert run.read_manifest()["suites"] == manifest["suites"]
