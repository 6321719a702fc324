"""The suite ``alpaca_eval``: asked and read as alpaca_eval does it, and judged from the answers that are kept."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge_server import Failure, FirstTokens, JudgeServer, judge_server
from judged_suites import ScriptedAsker, suite_config, unasked
from rlsr.config import config_from_table
from rlsr.errors import BudgetError, ConfigError, DataError, RemoteError
from rlsr.evaluation.suites import AskingSuite, load_suites
from rlsr.evaluation.suites.judged.alpaca_eval import first_is_better, open_alpaca_eval
from rlsr.evaluation.suites.judged.alpaca_eval_prompts import Item
from rlsr.remote import Answer

# In their order, and whether alpaca_eval 0.6.6 shows the judge the policy's answer first (its RandomSwitchTwoColumnsProcessor).
SWITCHED = {
    "Name a colour.": True, "What is 2 + 2?": False, "Write a poem.": False, "Who was Ada Lovelace?": False,
    "Translate: Guten Tag": True, "Ünïcode ✓": False, "List three rivers.": True,
}  # fmt: skip
ROWS = [{"instruction": text, "output": f"baseline of {text}", "generator": "gpt4_1106_preview", "dataset": "koala"} for text in SWITCHED]  # fmt: skip


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    file = tmp_path / "prompts.json"
    file.write_text(json.dumps(ROWS), encoding="utf-8")
    return file


def opened(prompts: Path, server: JudgeServer | None, **settings: Any) -> AskingSuite:
    settings = {"path": str(prompts), "length_control": "none", **settings}
    return open_alpaca_eval(suite_config("alpaca_eval", server, **settings), None, "cpu")  # type: ignore[arg-type]


def shows_policy_first(question: str) -> bool:
    return question.index('"""policy') < question.index('"""baseline')


def likes_the_policy(question: str) -> FirstTokens:
    """Prefer the policy's answer with 3 to 1, whatever it is called."""
    first, second = (0.6, 0.2) if shows_policy_first(question) else (0.2, 0.6)
    return FirstTokens({"m": math.log(first), "M": math.log(second), "The": math.log(0.2)})


@pytest.mark.parametrize(("instruction", "switched"), SWITCHED.items())
def test_the_order_is_drawn_as_alpaca_eval_draws_it(instruction: str, switched: bool) -> None:
    item = Item(0, instruction, "theirs", "a:1", None)
    assert item.shows_policy_first is switched
    question = item.question("ours")
    ours, theirs = (question.user.index(f'"""{text}"""') for text in ("ours", "theirs"))
    assert (ours < theirs) is switched
    assert f'"instruction": """{instruction}"""' in question.user


def test_texts_with_braces_stay_as_they_are() -> None:
    question = Item(0, "{output_1} {x}", "{instruction}", "a:1", None).question("{output_2}")
    for text in ("{output_1} {x}", "{instruction}", "{output_2}"):
        assert f'"""{text}"""' in question.user


def test_answers_are_judged_by_probabilities_in_both_places(prompts: Path, tmp_path: Path) -> None:
    with judge_server(verdict=likes_the_policy) as server:
        suite = opened(prompts, server)
        asker = ScriptedAsker(lambda record: f"policy on {record.prompt}", tmp_path)
        responses, found = suite.ask(asker)
    assert responses[0] == "policy on Name a colour."
    assert found.scores["win_rate"] == pytest.approx([0.75] * len(ROWS))
    assert found.scores["characters"] == [float(len(text)) for text in responses]
    ((records, how),) = asker.calls
    assert how == {"limit": 2048, "temperature": 0.7, "draw": 0}
    assert [(record.id, record.reference, record.category) for record in records[:1]] == [
        ("1", "baseline of Name a colour.", "koala")
    ]
    for request in server.requests:
        asked = {name: request[name] for name in ("max_tokens", "temperature", "logprobs", "top_logprobs")}  # fmt: skip
        assert asked == {"max_tokens": 1, "temperature": 1, "logprobs": True, "top_logprobs": 5}
        assert [message["role"] for message in request["messages"]] == ["system", "user"]
    written = json.loads((tmp_path / "alpaca_eval-answers.json").read_text(encoding="utf-8"))
    assert written[0] == {"instruction": "Name a colour.", "output": "policy on Name a colour.", "generator": "org__model"}  # fmt: skip


def test_a_judge_that_likes_a_place_prefers_nobody(prompts: Path) -> None:
    with judge_server(verdict=lambda _: FirstTokens({"m": 0.0})) as server:
        _, found = opened(prompts, server).ask(ScriptedAsker(lambda _: "policy"))
    assert found.scores["win_rate"] == [float(switched) for switched in SWITCHED.values()]


def test_the_baselines_own_answer_is_a_draw_that_nobody_is_asked_about(prompts: Path) -> None:
    with judge_server(verdict=likes_the_policy) as server:
        asker = ScriptedAsker(
            lambda record: record.reference if record.id == "2" else "policy", None
        )
        _, found = opened(prompts, server).ask(asker)
    assert found.scores["win_rate"][1] == 0.5
    assert len(server.requests) == len(ROWS) - 1


@pytest.mark.parametrize(
    ("answer", "share"),
    [
        (Answer("m", first_tokens={"m": math.log(0.5), "M": math.log(0.25)}), 2 / 3),
        (Answer("m", first_tokens={"m": -0.1, "The": -3.0}), 1.0),
        (Answer("M", first_tokens={"M": -0.1}), 0.0),
        (Answer("Both", first_tokens={"Both": -0.1, " m": -0.2}), None),
        (Answer("m"), 1.0),
        (Answer(" M\n"), 0.0),
        (Answer("Both"), None),
        (Answer(None, "no"), None),
    ],
)
def test_a_verdict_is_the_share_of_the_two_names(answer: Answer, share: float | None) -> None:
    assert first_is_better(answer) == (None if share is None else pytest.approx(share))


@given(st.floats(-500, 0), st.floats(-500, 0), st.floats(-400, 400))
def test_a_verdict_depends_on_the_difference_alone(
    first: float, second: float, more: float
) -> None:
    share = first_is_better(Answer("m", first_tokens={"m": first, "M": second}))
    swapped = first_is_better(Answer("m", first_tokens={"M": first, "m": second}))
    shifted = first_is_better(Answer("m", first_tokens={"m": first + more, "M": second + more}))
    assert share is not None
    assert swapped is not None
    assert share + swapped == pytest.approx(1)
    assert shifted == pytest.approx(share, rel=1e-6, abs=1e-12)


def test_without_probabilities_that_is_said(
    prompts: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with judge_server(verdict=lambda _: "m") as server:
        opened(prompts, server).ask(ScriptedAsker(lambda _: "policy"))
    assert "gives no probabilities of its first token" in caplog.text


def test_what_cannot_be_read_is_unscored_and_counted(
    prompts: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def verdict(question: str) -> FirstTokens:
        return FirstTokens({"Sorry": 0.0}) if "poem" in question else likes_the_policy(question)

    with judge_server(verdict=verdict) as server:
        _, found = opened(prompts, server).ask(ScriptedAsker(lambda _: "policy"))
    assert found.scores["win_rate"][2] is None
    assert sum(value is None for value in found.scores["win_rate"]) == 1
    assert "alpaca_eval: 1 of 7 verdicts are missing or cannot be read, and are left unscored; the first of them: Sorry" in caplog.text  # fmt: skip


def test_answers_and_verdicts_are_kept_when_the_judge_fails(prompts: Path, tmp_path: Path) -> None:
    is_open = False

    def plan(question: str, before: int) -> Failure | None:
        is_last = "rivers" in question
        return Failure(401, "no such key") if is_last and not is_open else None

    with judge_server(plan, likes_the_policy) as server:
        asker = ScriptedAsker(lambda record: f"policy on {record.prompt}", tmp_path)
        one_by_one = {"url": server.url, "model": "judge-1", "retries": 0, "concurrency": 1}
        settings = {"judge": {"endpoint": one_by_one}}
        with pytest.raises(RemoteError) as caught:
            opened(prompts, None, **settings).ask(asker)
        assert "evaluation.suites.alpaca_eval.judge.endpoint.api_key_env: access is refused" in str(caught.value)  # fmt: skip
        assert "go on with --resume: the policy's answers and the verdicts so far are kept" in str(caught.value)  # fmt: skip
        asked = len(server.requests)
        is_open = True
        responses, found = opened(prompts, None, **settings).ask(ScriptedAsker(unasked, tmp_path))
        assert len(server.requests) == asked + 1
    assert responses[0] == "policy on Name a colour."
    assert found.scores["win_rate"] == pytest.approx([0.75] * len(ROWS))


def test_a_budget_ends_the_judging(prompts: Path, tmp_path: Path) -> None:
    with judge_server(verdict=likes_the_policy) as server:
        endpoint = {"url": server.url, "model": "judge-1", "budget": {"calls": 3}}
        with pytest.raises(BudgetError, match=r"evaluation\.suites\.alpaca_eval\.judge\.endpoint\.budget\.calls=6"):  # fmt: skip
            opened(prompts, None, judge={"endpoint": endpoint}).ask(ScriptedAsker(lambda _: "policy", tmp_path))  # fmt: skip
    assert (tmp_path / "alpaca_eval-answers.json").is_file()


def test_a_server_that_leaves_much_unanswered_ends_the_judging(prompts: Path) -> None:
    with (
        judge_server(lambda *_: Failure(400, "cannot read top_logprobs", times=9)) as server,
        pytest.raises(RemoteError) as caught,
    ):
        opened(prompts, server).ask(ScriptedAsker(lambda _: "policy"))
    assert "7 of 7 questions were not answered" in str(caught.value)
    assert "cannot read top_logprobs" in str(caught.value)
    assert "evaluation.suites.alpaca_eval.judge.request" in str(caught.value)


@pytest.mark.parametrize(
    "content", ["[]", "no JSON", '[{"instruction": "x"}]', '[{"output": "p", "instruction": "other", "generator": "org__model"}]']
)  # fmt: skip
def test_answers_to_other_prompts_are_asked_anew(
    content: str, prompts: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "alpaca_eval-answers.json"
    file.write_text(content, encoding="utf-8")
    suite = opened(prompts, None, judged=False)
    responses, found = suite.ask(ScriptedAsker(lambda _: "policy", tmp_path))
    assert list(responses) == ["policy"] * len(ROWS)
    assert list(found.scores) == ["characters"]
    assert "is written anew" in caplog.text
    assert len(json.loads(file.read_text(encoding="utf-8"))) == len(ROWS)


def test_a_policys_answer_may_hold_anything(prompts: Path, tmp_path: Path) -> None:
    odd = "a\u2028b\x00\r\n\"{'\\"
    first, _ = opened(prompts, None, judged=False).ask(ScriptedAsker(lambda _: odd, tmp_path))
    again, _ = opened(prompts, None, judged=False).ask(ScriptedAsker(unasked, tmp_path))
    assert list(first) == list(again) == [odd] * len(ROWS)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, r"^evaluation\.suites\.alpaca_eval\.judge: a model must judge the answers, got none; .*judged=false"),
        (
            {"judge": {"endpoint": {"url": "http://localhost:1/v1", "model": "a", "api_key_env": "NO_SUCH_KEY"}}},
            r"^evaluation\.suites\.alpaca_eval\.judge\.endpoint\.api_key_env: the environment variable NO_SUCH_KEY must hold the key",
        ),
        (
            {"judged": False, "judge": {"endpoint": {"url": "http://localhost:1/v1", "model": "a"}}},
            r"^evaluation\.suites\.alpaca_eval\.judged: false leaves .* without effect",
        ),
    ],
)  # fmt: skip
def test_without_a_judge_there_is_one_message(
    settings: dict[str, Any], said: str, prompts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with pytest.raises(ConfigError, match=said):
        opened(prompts, None, **settings)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"instruction": "a"}], "output must be a text that is not empty, got None; rows of alpaca_eval have instruction and output"),
        ([{"instruction": " ", "output": "b"}], "instruction must be a text that is not empty"),
        ([3], "is no object"),
    ],
)  # fmt: skip
def test_a_row_that_is_no_prompt_is_named(rows: list[Any], said: str, tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    file.write_text(json.dumps(rows), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        opened(file, None, judged=False)
    assert str(caught.value).startswith(str(file))
    assert said in str(caught.value) or "not an object" in str(caught.value)


def gamed(file: Path, prompts: int) -> Path:
    lines = [f"{place},{0.5},{shift},{place / 10}" for shift in (-1, 1) for place in range(prompts)]
    head = "index,preference,std_delta_len,instruction_difficulty"
    file.write_text("\n".join([head, *lines]), encoding="utf-8")
    return file


def test_length_is_controlled_by_the_file_beside_the_prompts(prompts: Path) -> None:
    gamed(prompts.with_name("df_gamed.csv"), len(ROWS))
    with judge_server(verdict=likes_the_policy) as server:
        suite = opened(prompts, server, length_control=None, num_prompts=6)
        _, found = suite.ask(ScriptedAsker(lambda record: "policy" * len(record.id)))
    assert list(found.scores) == ["win_rate", "length_controlled_win_rate", "characters"]
    assert all(0 < value < 1 for value in found.scores["length_controlled_win_rate"])  # type: ignore[operator]


def test_prompts_that_the_control_does_not_know_are_named(prompts: Path, tmp_path: Path) -> None:
    file = gamed(tmp_path / "other.csv", 5)
    with (
        judge_server() as server,
        pytest.raises(DataError, match=r"knows 5 prompts, and this is number 6; .*=none"),
    ):
        opened(prompts, server, length_control=str(file))


def test_without_a_network_files_are_asked_for(
    prompts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with judge_server() as server:
        with pytest.raises(DataError, match=r"^df_gamed\.csv of tatsu-lab/alpaca_eval could not be loaded.*length_control=none leaves"):  # fmt: skip
            opened(prompts, server, length_control=None)
        config = suite_config("alpaca_eval", server)
        with pytest.raises(DataError, match=r"--suite alpaca_eval=alpaca_eval_gpt4_baseline\.json"):
            open_alpaca_eval(config, None, "cpu")  # type: ignore[arg-type]


def test_settings_of_judged_suites_are_refused_elsewhere() -> None:
    for name, settings in (("ifeval", {"judged": False}), ("mt_bench", {"length_control": "none"})):
        config = config_from_table({"evaluation": {"suites": {name: settings}}})
        (setting,) = settings
        with pytest.raises(ConfigError, match=rf"^evaluation\.suites\.{name}\.{setting}: has no effect on this suite"):  # fmt: skip
            load_suites([name])[name](config, None, "cpu")  # type: ignore[arg-type]
        assert config_from_table(config.model_dump(mode="json")) == config


def test_a_request_leaves_the_suites_own_fields() -> None:
    judge = {"endpoint": {"url": "http://localhost:1/v1", "model": "a"}, "request": {"model": "b"}}
    with pytest.raises(ConfigError, match=r"must not set model, which is the suite's own"):
        config_from_table({"evaluation": {"suites": {"mt_bench": {"judge": judge}}}})
