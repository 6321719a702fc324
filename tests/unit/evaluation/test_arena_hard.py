"""The suite ``arena_hard``: both orders, battles and categories, and every form in which its files are published."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from judge_server import Failure, judge_server, question_of
from judged_suites import ScriptedAsker, suite_config, unasked
from rlsr.errors import ConfigError, DataError, RemoteError
from rlsr.evaluation.suites.judged.arena_hard import ArenaHardSuite, open_arena_hard
from rlsr.evaluation.suites.judged.arena_hard_prompts import read_arena_hard, with_baselines
from rlsr.evaluation.suites.suite import Scored
from rlsr.statistics import Estimate

OPTIONS: Mapping[str, Any] = {"confidence": 0.9, "num_resamples": 200}


def write(file: Path, rows: Sequence[Any]) -> Path:
    file.parent.mkdir(exist_ok=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    rows = [{"uid": f"u{n}", "cluster": "Sums", "prompt": f"Prompt {n}", "response": f"baseline {n}"} for n in range(6)]  # fmt: skip
    return write(tmp_path / "prompts.jsonl", rows)


def opened(path: Path, server: Any, **settings: Any) -> ArenaHardSuite:
    config = suite_config("arena_hard", server, path=str(path), **settings)
    return open_arena_hard(config, None, "cpu")  # type: ignore[arg-type]


def policy_is_second(question: str) -> bool:
    return question.index("baseline") < question.index("policy")


def likes_the_policy(question: str) -> str:
    return f"[[{'B>A' if policy_is_second(question) else 'A>>B'}]]"


def counted(suite: ArenaHardSuite, responses: Sequence[str], found: Scored) -> Mapping[str, Estimate]:  # fmt: skip
    scores = {name: np.array(values, dtype=np.float64) for name, values in found.scores.items()}
    return suite.estimates(responses, scores, found.texts, **OPTIONS)


def test_both_orders_are_asked_greedily(prompts: Path, tmp_path: Path) -> None:
    with judge_server(verdict=likes_the_policy) as server:
        suite = opened(prompts, server)
        asker = ScriptedAsker(lambda record: f"policy {record.id}", tmp_path)
        responses, found = suite.ask(asker)
    assert asker.calls[0][1] == {"limit": 4096, "temperature": 0.0, "draw": 0}
    assert len(server.requests) == 12
    shown = sorted(question for question in server.questions if "Prompt 3\n" in question)
    assert shown == [
        f"<|User Prompt|>\nPrompt 3\n\n<|The Start of Assistant A's Answer|>\n{first}\n<|The End of Assistant A's Answer|>\n\n"
        f"<|The Start of Assistant B's Answer|>\n{second}\n<|The End of Assistant B's Answer|>"
        for first, second in (("baseline 3", "policy u3"), ("policy u3", "baseline 3"))
    ]  # fmt: skip
    assert {request["temperature"] for request in server.requests} == {0}
    # One battle and three, all of them won.
    assert found.scores["score"] == [1.0] * 6
    assert found.scores["first_place"] == [0.5] * 6
    assert (found.texts["label"][0], found.texts["label_swapped"][0]) == ("B>A", "A>>B")
    assert found.texts["verdict"][0] == "[[B>A]]"
    estimates = counted(suite, responses, found)
    assert list(estimates) == ["score", "style_controlled_score"]
    assert estimates["score"].mean == 1.0
    assert estimates["style_controlled_score"].mean == pytest.approx(1, abs=1e-3)
    (written, *_) = (tmp_path / "arena_hard-answers.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(written) == {
        "uid": "u0", "model": "org__model",
        "messages": [{"role": "user", "content": "Prompt 0"}, {"role": "assistant", "content": {"answer": "policy u0"}}],
    }  # fmt: skip


def test_a_judge_that_likes_a_place_prefers_nobody(prompts: Path) -> None:
    with judge_server(verdict=lambda _: "[[A>>B]]") as server:
        suite = opened(prompts, server)
        responses, found = suite.ask(ScriptedAsker(lambda _: "policy"))
    assert found.scores["score"] == [0.5] * 6
    assert found.scores["first_place"] == [1.0] * 6
    assert counted(suite, responses, found)["score"].mean == 0.5


def test_a_prompt_without_one_of_its_verdicts_is_unscored(
    prompts: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def verdict(question: str) -> str:
        unsure = "Prompt 2\n" in question and policy_is_second(question)
        return "I cannot say." if unsure else likes_the_policy(question)

    with judge_server(verdict=verdict) as server:
        suite = opened(prompts, server)
        responses, found = suite.ask(ScriptedAsker(lambda _: "policy"))
    assert [value is None for value in found.scores["score"]] == [n == 2 for n in range(6)]
    assert counted(suite, responses, found)["score"].num == 5
    assert "arena_hard: 1 of 12 verdicts are missing or cannot be read" in caplog.text


def test_a_clear_verdict_counts_three_times_over_all_prompts(prompts: Path) -> None:
    def verdict(question: str) -> str:
        if "Prompt 0\n" in question:
            return likes_the_policy(question)
        return "[[A>B]]" if policy_is_second(question) else "[[B>A]]"

    with judge_server(verdict=verdict) as server:
        suite = opened(prompts, server)
        responses, found = suite.ask(ScriptedAsker(lambda _: "policy"))
    estimates = counted(suite, responses, found)
    # Four battles of one prompt are won, and two of each of five others lost.
    assert estimates["score"].mean == pytest.approx(4 / 14)
    assert np.mean([value or 0 for value in found.scores["score"]]) == pytest.approx(1 / 6)
    (remark,) = suite.remarks({}, found.texts)
    written = re.fullmatch(
        r"as the leaderboard writes the score: ([\d.]+) \(-([\d.]+) / \+([\d.]+)\), over 14 battles", remark
    )  # fmt: skip
    assert written is not None
    mean, below, above = map(float, written.groups())
    assert mean == pytest.approx(100 * 4 / 14, abs=4)
    assert (below > 5, above > 5) == (True, True)


def test_answers_that_are_only_written_have_no_score(prompts: Path, tmp_path: Path) -> None:
    suite = opened(prompts, None, judged=False)
    responses, found = suite.ask(ScriptedAsker(lambda _: "policy", tmp_path))
    assert list(found.scores) == ["characters"]
    assert counted(suite, responses, found) == {}
    assert suite.remarks({}, found.texts) == ()


def test_answers_are_kept_when_the_judge_fails(prompts: Path, tmp_path: Path) -> None:
    with (
        judge_server(lambda *_: Failure(403, "no"), likes_the_policy) as server,
        pytest.raises(RemoteError, match="access is refused"),
    ):
        opened(prompts, server).ask(ScriptedAsker(lambda _: "policy \u2028 {x}", tmp_path))
    with judge_server(verdict=likes_the_policy) as server:
        responses, found = opened(prompts, server).ask(ScriptedAsker(unasked, tmp_path))
    assert set(responses) == {"policy \u2028 {x}"}
    assert found.scores["score"] == [1.0] * 6


V2 = [
    {"uid": "h", "category": "hard_prompt", "subcategory": "coding", "prompt": "Sort this."},
    {"uid": "c", "category": "creative_writing", "subcategory": "creative_writing", "prompt": "A poem."},
]  # fmt: skip


def answer(uid: str, model: str, text: str) -> dict[str, Any]:
    content = [{"role": "user", "content": "?"}, {"role": "assistant", "content": {"answer": text}}]
    return {"uid": uid, "ans_id": "x", "model": model, "messages": content, "metadata": {}}


def test_v2_has_baselines_prompts_and_scores_by_category(tmp_path: Path) -> None:
    path = write(tmp_path / "question.jsonl", V2)
    for model in ("o3-mini-2025-01-31", "gemini-2.0-flash-001"):
        write(tmp_path / "model_answer" / f"{model}.jsonl", [answer(uid, model, f"baseline of {model}") for uid in "hc"])  # fmt: skip
    with judge_server(verdict=likes_the_policy) as server:
        suite = opened(path, server)
        responses, found = suite.ask(ScriptedAsker(lambda _: "policy"))
    assert [record.reference for record in suite.records] == [
        "baseline of o3-mini-2025-01-31", "baseline of gemini-2.0-flash-001",
    ]  # fmt: skip
    for request in server.requests:
        system = request["messages"][0]["content"]
        writes_own = "Begin your evaluation by generating your own answer" in system
        assert writes_own == ("Sort this." in question_of(request))
    estimates = counted(suite, responses, found)
    assert list(estimates) == ["score", "score_creative_writing", "score_hard_prompt", "style_controlled_score"]  # fmt: skip


def test_v01_is_read_as_it_was_published_first(tmp_path: Path) -> None:
    path = write(tmp_path / "question.jsonl", [{"question_id": "q", "category": "arena-hard-v0.1", "cluster": "Sums", "turns": [{"content": "1 + 1?"}]}])  # fmt: skip
    old = {"question_id": "q", "answer_id": "x", "model_id": "gpt-4-0314", "choices": [{"index": 0, "turns": [{"content": "2", "token_len": 1}]}]}  # fmt: skip
    write(tmp_path / "model_answer" / "gpt-4-0314.jsonl", [old])
    (item,) = with_baselines(read_arena_hard(str(path)), str(path), None)
    assert (item.uid, item.prompt, item.baseline, item.record.category) == ("q", "1 + 1?", "2", "Sums")  # fmt: skip
    file = write(tmp_path / "mine.jsonl", [answer("q", "mine", "two")])
    (item,) = with_baselines(read_arena_hard(str(path)), str(path), str(file))
    assert item.baseline == "two"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"uid": "a"}], ":1: prompt must be a text that is not empty, got None; rows of arena_hard have uid and prompt"),
        ([{"prompt": "a"}], ":1: question_id must be a text"),
        ([{"uid": "a", "prompt": "b", "response": ""}], ":1: response must be a text"),
        ([{"uid": "a", "prompt": "b"}, {"uid": "a", "prompt": "c"}], ":2: has the uid 'a' of "),
    ],
)  # fmt: skip
def test_a_row_that_is_no_prompt_is_named(rows: list[Any], said: str, tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", rows)
    with pytest.raises(DataError) as caught:
        read_arena_hard(str(path))
    assert said in str(caught.value)
    assert str(caught.value).startswith(str(path))


def test_missing_answers_of_the_baseline_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "question.jsonl", V2)
    items = read_arena_hard(str(path))
    with pytest.raises(DataError, match=r"model_answer: there are no answers of the baseline, o3-mini-2025-01-31; name them in evaluation\.suites\.arena_hard\.answers"):  # fmt: skip
        with_baselines(items, str(path), None)
    file = write(tmp_path / "mine.jsonl", [answer("h", "mine", "x")])
    with pytest.raises(DataError, match=r"mine\.jsonl: has no answer to c of .*question\.jsonl:2"):
        with_baselines(items, str(path), str(file))
    write(file, [{"uid": "h", "messages": []}])
    with pytest.raises(DataError, match=r"mine\.jsonl:1: holds no answer"):
        with_baselines(items, str(path), str(file))
    write(file, [{"uid": "h", "messages": [{"content": 3}]}])
    with pytest.raises(DataError, match=r"mine\.jsonl:1: an answer must be a text, got 3"):
        with_baselines(items, str(path), str(file))


def test_without_prompts_it_says_where_they_are() -> None:
    config = suite_config("arena_hard", None, judged=False)
    with pytest.raises(ConfigError, match=r"--suite arena_hard=question\.jsonl .*lmarena-ai/arena-hard-auto"):  # fmt: skip
        open_arena_hard(config, None, "cpu")  # type: ignore[arg-type]


def test_the_published_prompts_of_v01_are_read() -> None:
    file = Path(__file__).parents[4] / "shared" / "data" / "arena_hard_v01_500.jsonl.gz"
    if not file.is_file():
        pytest.skip("the published prompts are not on this machine")
    items = with_baselines(read_arena_hard(str(file)), str(file), None)
    assert len(items) == 500
    assert len({item.cluster for item in items}) > 200
