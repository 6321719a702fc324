"""AlpacaEval, Arena-Hard and MT-bench by ``rlsr evaluate``, with a judge on this machine that fails in the middle."""

import json
import math
from pathlib import Path

import pytest

from judge_server import Failure, FirstTokens, JudgeServer, judge_server
from rlsr.runs import RunDirectory
from tiny import Cli

pytest.importorskip("trl", reason="the train extra is not installed")

KEY = "planted-0123456789abcdef"
NAMES = ("alpaca_eval", "arena_hard", "mt_bench")


def verdict(question: str) -> object:
    """Answer each suite in its own way."""
    if "model_identifier" in question:
        return FirstTokens({"m": math.log(0.25), "M": math.log(0.75)})
    return "[[A>B]]" if "<|User Prompt|>" in question else "Rating: [[4]]"


@pytest.fixture
def prompts(tmp_path: Path) -> list[str]:
    """Write prompts of each suite, and name them as arguments."""
    alpaca = [{"instruction": f"the cat {n}", "output": "a dog"} for n in range(12)]
    gamed = ["index,preference,std_delta_len,instruction_difficulty"]
    gamed += [f"{n},{0.5 + shift / 4},{shift},{n / 12}" for shift in (-1, 1) for n in range(12)]
    arena = [{"uid": f"u{n}", "prompt": f"the sun {n}", "response": "the moon"} for n in range(5)]
    bench = [{"question_id": n, "category": category, "turns": ["a cat", "a dog"]} for n, category in enumerate(["math", "stem", "writing"])]  # fmt: skip
    files = {
        "prompts.json": json.dumps(alpaca),
        "df_gamed.csv": "\n".join(gamed),
        "arena.jsonl": "\n".join(map(json.dumps, arena)),
        "bench.jsonl": "\n".join(map(json.dumps, bench)),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    given = zip(NAMES, ("prompts.json", "arena.jsonl", "bench.jsonl"), strict=True)
    arguments = [f"--suite={name}={tmp_path / file}" for name, file in given]
    return [*arguments, *(f"evaluation.suites.{name}.max_response_tokens=8" for name in NAMES)]


def judged_by(server: JudgeServer) -> list[str]:
    endpoint = {"url": server.url, "model": "judge-1", "retries": 0, "api_key_env": "JUDGE_KEY"}
    return [f"evaluation.suites.{name}.judge.endpoint={json.dumps(endpoint)}" for name in NAMES]


@pytest.mark.slow
def test_without_a_judge_or_its_key_nothing_is_answered(
    cli: Cli, tiny_settings: list[str], prompts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.delenv("JUDGE_KEY", raising=False)
    out = tmp_path / "run"
    nobody = cli("evaluate", *tiny_settings, *prompts, "--out", out)
    assert nobody.returncode == 2, nobody.stdout
    assert "evaluation.suites.alpaca_eval.judge: a model must judge the answers, got none" in " ".join(nobody.stderr.split())  # fmt: skip
    with judge_server() as server:
        no_key = cli("evaluate", *tiny_settings, *prompts, *judged_by(server), "--out", out)
        assert server.requests == []
    assert no_key.returncode == 2, no_key.stdout
    assert "the environment variable JUDGE_KEY must hold the key" in " ".join(no_key.stderr.split())
    assert "Traceback" not in nobody.stderr + no_key.stderr
    assert not out.exists()


@pytest.mark.slow
def test_a_judge_that_fails_in_the_middle_costs_no_answer(
    cli: Cli, tiny_settings: list[str], prompts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setenv("JUDGE_KEY", KEY)
    is_mended = False

    def plan(question: str, before: int) -> Failure | None:
        refused = "the sun 4" in question and not is_mended
        return Failure(401, f"no such key: {KEY}") if refused else None

    run = RunDirectory(tmp_path / "run")
    kept = run.evaluation / "arena_hard-answers.jsonl"
    with judge_server(plan, verdict) as server:
        arguments = [*tiny_settings, *prompts, *judged_by(server)]
        failed = cli("evaluate", *arguments, "--out", run.path)
        assert failed.returncode == 2, failed.stdout + failed.stderr
        said = " ".join(failed.stderr.split())
        assert "evaluation.suites.arena_hard.judge.endpoint.api_key_env: access is refused" in said
        assert "go on with --resume: the policy's answers and the verdicts so far are kept" in said
        assert "Traceback" not in failed.stderr
        assert run.read_evaluation("alpaca_eval") is not None
        assert run.read_evaluation("arena_hard") is None
        before, asked = kept.stat().st_mtime_ns, len(server.requests)
        is_mended = True
        resumed = cli("evaluate", "--resume", "--out", run.path)
        assert resumed.returncode == 0, resumed.stderr
        # Questions of Arena-Hard that were refused or not yet sent, and two turns of three conversations.
        assert len(server.requests) - asked <= 10 + 6
        assert set(server.keys) == {f"Bearer {KEY}"}
    assert kept.stat().st_mtime_ns == before, "the policy was not asked again"
    suites = run.read_manifest()["suites"]
    found = {name: {metric["name"]: metric["after"] for metric in suites[name]["metrics"]} for name in NAMES}  # fmt: skip
    assert list(found["alpaca_eval"]) == ["win_rate", "length_controlled_win_rate", "characters"]
    # The judge prefers whatever stands second, with 3 to 1.
    assert 0.25 <= found["alpaca_eval"]["win_rate"]["mean"] <= 0.75
    assert found["arena_hard"]["score"]["mean"] == 0.5
    assert found["arena_hard"]["first_place"]["mean"] == 1.0
    # As its authors print it: of ten battles five are won.
    (remark,) = suites["arena_hard"]["remarks"]
    assert remark in " ".join(resumed.stdout.split())
    assert remark.startswith("as the leaderboard writes the score: ")
    assert remark.endswith("), over 10 battles")
    assert found["mt_bench"]["rating"]["mean"] == 4.0
    assert found["mt_bench"]["rating_math"]["num"] == 1
    assert "12 alpaca_eval prompts, responses drawn at temperature 0.7" in resumed.stdout
    assert "style controlled score" in resumed.stdout
    answers = json.loads((run.evaluation / "alpaca_eval-answers.json").read_text(encoding="utf-8"))
    rows = run.read_evaluation("alpaca_eval")
    assert rows is not None
    assert [one["output"] for one in answers] == [row.response for row in rows]
    assert not [file for file in run.path.rglob("*") if file.is_file() and KEY.encode() in file.read_bytes()]  # fmt: skip
