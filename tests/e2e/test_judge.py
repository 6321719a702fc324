"""Runs and audits with a judge behind a server on this machine, through the command line."""

import json
from pathlib import Path

import pytest

from interrupted import numbers_of
from judge_server import JudgeServer, judge_server, settings_of
from rlsr.config.load import read_table
from rlsr.remote.spending import FILE, Account
from rlsr.runs import RunDirectory
from tiny import Cli, CliTogether

pytest.importorskip("trl", reason="the train extra is not installed")

KEY = "planted-0123456789abcdef"


def settings(server: JudgeServer, tiny_settings: list[str], **endpoint: object) -> list[str]:
    return [*tiny_settings, "training.save_every=100", *settings_of(server, **endpoint)]


def learnt(path: Path) -> list[dict[str, float]]:
    """Read the numbers of all steps but what they have cost."""
    return [
        {name: value for name, value in row.items() if not name.startswith("judge/")}
        for row in numbers_of(path)
    ]


def assert_ends_as(whole: Path, run: Path) -> None:
    assert learnt(run) == learnt(whole)
    for file in sorted((whole / "final").glob("*.safetensors")):
        assert (run / "final" / file.name).read_bytes() == file.read_bytes()
    assert RunDirectory(run).read_evaluation("after") == RunDirectory(whole).read_evaluation(
        "after"
    )


def stop_and_go_on(
    cli: Cli, arguments: list[str], server: JudgeServer, run: Path, *, calls: int, step: int
) -> None:
    """Train with a budget that ends in the step after one, and go on with more."""
    asked = len(server.requests)
    small = [*arguments, f"reward.endpoint.budget.calls={calls}"]
    # Nothing is known from the run before, which would cost nothing.
    stopped = cli("train", *small, "reward.request={user: second}", "--out", run)
    assert stopped.returncode == 2, stopped.stdout + stopped.stderr
    assert stopped.stderr.count("error:") == 1
    assert f"reward.endpoint.budget.calls: the budget is used up at {server.url} ({calls} calls, {100 * calls:,} tokens, and " in stopped.stderr  # fmt: skip
    assert f"step {step} is saved" in stopped.stderr
    assert len(server.requests) == asked + calls
    assert [path.name for path in (run / "checkpoints").iterdir()] == [f"checkpoint-{step}"]
    way_out = f"rlsr train --resume --out {run} reward.endpoint.budget.calls={2 * calls}"
    assert f"`{way_out}` goes on with a larger budget" in " ".join(stopped.stdout.split())
    again = cli("train", "--resume", "--out", run)
    assert again.returncode == 2, "nothing is left"
    resumed = cli(*way_out.split()[1:])
    assert resumed.returncode == 0, resumed.stderr
    assert RunDirectory(run).read_settings()["reward"]["endpoint"]["budget"]["calls"] == 2 * calls


@pytest.mark.slow
def test_a_run_stops_with_its_budget_and_goes_on_as_if_nothing_had_been(
    cli: Cli, tiny_settings: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUDGE_KEY", KEY)
    monkeypatch.chdir(tmp_path)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    with judge_server() as server:
        arguments = settings(server, tiny_settings, api_key_env="JUDGE_KEY")
        result = cli("train", *arguments, "--out", whole)
        assert result.returncode == 0, result.stderr
        # Four held-out answers, eight responses a step: the budget ends in the third step.
        first = len(server.requests)
        stop_and_go_on(cli, arguments, server, broken, calls=22, step=2)
        assert len(server.requests) == 2 * first, "no question was paid for twice"
        assert set(server.keys) == {f"Bearer {KEY}"}
        reported = cli("report", broken, "--out", tmp_path / "report.html")
    assert_ends_as(whole, broken)
    rows = RunDirectory(broken).read_metrics()
    calls = [row["judge/calls"] for row in rows]
    assert calls == sorted(calls)
    assert calls[-1] <= first
    assert [row["judge/tokens"] for row in rows] == [100 * number for number in calls]
    assert Account(broken / FILE).total().calls == first
    assert RunDirectory(broken).read_manifest()["asked"]["calls"] == first
    assert f"{first} calls with {100 * first:,} tokens" in result.stdout
    assert reported.returncode == 0, reported.stderr
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) > 30
    for file in files:
        assert KEY.encode() not in file.read_bytes(), file
    assert KEY not in result.stdout + result.stderr + reported.stdout + reported.stderr


@pytest.mark.slow
@pytest.mark.parametrize("passes", ["plain", "grouped"])
def test_two_orders_stop_and_go_on(
    cli: Cli, tiny_settings: list[str], tmp_path: Path, passes: str
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    with judge_server() as server:
        arguments = [
            *settings(server, tiny_settings), "reward.mode=pairwise", f"engine.passes={passes}", "method.updates_per_rollout=1",
        ]  # fmt: skip
        result = cli("train", *arguments, "--out", whole)
        assert result.returncode == 0, result.stderr
        stop_and_go_on(cli, arguments, server, broken, calls=30, step=1)
    assert_ends_as(whole, broken)
    (row, *_) = RunDirectory(whole).read_metrics()
    assert 0 <= row["reward/share_flipped"] <= 1
    assert 0 <= row["reward/first_place"] <= 1


@pytest.mark.slow
def test_validation_that_uses_the_budget_up_costs_nothing_twice(
    cli: Cli, tiny_settings: list[str], tmp_path: Path
) -> None:
    with judge_server() as server:
        arguments = [
            *settings(server, tiny_settings), "training.save_every=1", "validation={num_prompts: 2, every_steps: 2, metric: reward}",
            "reward.endpoint.budget.calls=23",
        ]  # fmt: skip
        run = tmp_path / "run"
        stopped = cli("train", *arguments, "--out", run)
        assert stopped.returncode == 2, stopped.stderr
        assert "step 1 is saved" in stopped.stderr
        resumed = cli("train", "--resume", "--out", run, "reward.endpoint.budget.calls=99")
        assert resumed.returncode == 0, resumed.stderr
        assert max(server.times.values()) == 1
    assert [row["step"] for row in RunDirectory(run).read_metrics()] == [0, 1, 2, 3]


@pytest.mark.slow
def test_processes_that_train_together_share_a_budget_and_stop_together(
    cli: Cli, cli_together: CliTogether, tiny_settings: list[str], tmp_path: Path
) -> None:
    with judge_server() as server:
        run = tmp_path / "run"
        arguments = [*settings(server, tiny_settings), "reward.endpoint.budget.calls=17"]
        stopped = cli_together(2, "train", *arguments, "--out", run)
        assert [one.returncode for one in stopped] == [2, 2], stopped
        assert "step 1 is saved" in stopped[0].stderr
        assert len(server.requests) == 17
        resumed = cli("train", "--resume", "--out", run, "reward.endpoint.budget.calls=99")
        assert resumed.returncode == 0, resumed.stderr
        assert max(server.times.values()) == 1


@pytest.mark.slow
def test_stages_go_on_with_a_larger_budget(
    cli: Cli, tiny_settings: list[str], tmp_path: Path
) -> None:
    with judge_server() as server:
        run = tmp_path / "stages"
        arguments = [one for one in settings(server, tiny_settings) if one != "stages=null"]
        small = [*arguments, "method=[sft,rlsr]", "reward.endpoint.budget.calls=14"]
        stopped = cli("train", *small, "--out", run)
        assert stopped.returncode == 2, stopped.stderr
        resumed = cli("train", "--resume", "--out", run, "reward.endpoint.budget.calls=99")
        assert resumed.returncode == 0, resumed.stderr
        assert max(server.times.values()) == 1
    staged = json.loads((run / "pipeline.json").read_text(encoding="utf-8"))["stages"]
    assert [one["config"]["reward"]["endpoint"]["budget"]["calls"] for one in staged] == [99, 99]


def write_rows(file: Path) -> Path:
    rows = [
        {
            "prompt": f"Tell me about number {row}.",
            "response": f"The {'abcdefghij'[row % 10] * 3} of row {row} is red. Its end is blue.",
            "second_reference": f"Row {row} has a red {'abcdefghij'[row % 10] * 3}. It ends in blue.",
        }
        for row in range(20)
    ]
    file.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    return file


@pytest.mark.slow
def test_an_audit_says_first_what_it_will_ask(cli: Cli, tmp_path: Path) -> None:
    data = write_rows(tmp_path / "data.jsonl")
    with judge_server() as server:
        arguments = ["audit", data, *settings_of(server), "--model", "none", "--out", tmp_path / "audit"]  # fmt: skip
        refused = cli(*arguments, "reward.endpoint.budget.calls=9")
        assert refused.returncode == 2
        assert "reward.endpoint.budget.calls: the audit takes" in refused.stderr
        assert "got 9; raise it, or look at less with --rows" in refused.stderr
        assert server.requests == []
        assert not (tmp_path / "audit").exists()
        done = cli(*arguments)
        assert done.returncode == 0, done.stderr
        num_asked = len(server.requests)
        assert f"judge-1 at {server.url} will be asked {num_asked} questions, each once" in " ".join(done.stdout.split())  # fmt: skip
        assert f"{num_asked} calls with {100 * num_asked:,} tokens" in done.stdout
        assert max(server.times.values()) == 1
        assert "asks for the full mark" in done.stdout


@pytest.mark.slow
def test_evaluate_and_compare_ask_a_judge(
    cli: Cli, tiny_settings: list[str], tmp_path: Path
) -> None:
    with judge_server() as server:
        arguments = settings(server, tiny_settings)
        evaluated = cli("evaluate", *arguments, "--out", tmp_path / "evaluation")
        assert evaluated.returncode == 0, evaluated.stderr
        small = cli("evaluate", *arguments, "reward.request={user: other}", "reward.endpoint.budget.calls=1", "--out", tmp_path / "small")  # fmt: skip
        assert small.returncode == 2
        larger = cli("evaluate", "--resume", "--out", tmp_path / "small", "reward.endpoint.budget.calls=9")  # fmt: skip
        assert larger.returncode == 0, larger.stderr
        assert max(server.times.values()) == 2
        assert Account(tmp_path / "evaluation" / FILE).total().calls == len(server.requests) / 2 > 0
        base = read_table((), [one for one in arguments if not one.startswith("training.steps")])
        experiment = tmp_path / "experiment.yaml"
        recipes = {
            "judged": {"method": "rlsr"},
            "alike": {"method": "rlsr", "reward": "similarity"},
        }
        table = {
            "base": base,
            "recipes": recipes,
            "budget": {"by": "steps", "amount": 2},
            "seeds": [0],
        }
        experiment.write_text(json.dumps(table), encoding="utf-8")
        compared = cli("compare", experiment, "--out", tmp_path / "comparison")
        assert compared.returncode == 0, compared.stdout + compared.stderr
    assert "judged" in compared.stdout
