"""What an audit says that it will ask, before it asks."""

from typing import Any

import pytest

from judge_server import JudgeServer, judge_server
from rlsr.auditing import AuditJob, run_audit
from rlsr.auditing.calls import AuditCalls, audit_calls, require_within_budget
from rlsr.auditing.honest import honest_answers
from rlsr.auditing.rows import AuditRow
from rlsr.config import RunConfig
from rlsr.config.judge import JudgeReward
from rlsr.config.remote import ChatEndpoint
from rlsr.data import PromptRecord
from rlsr.data.record import Message
from rlsr.errors import ConfigError
from rlsr.rewards import open_reward

NAMES = ("red", "blue", "green")


def job(reward: Any = None) -> AuditJob:
    rows = tuple(
        AuditRow(
            PromptRecord(name, (Message("user", f"What is {name}?"),), f"It is {name}. It has 3 sides.", f"f:{name}"),
            second_reference=f"A {name} one. It has three sides and is old.",
        )
        for name in NAMES
    )  # fmt: skip
    samples = tuple((f"{name} it is", "I know it well", "", "Yes") for name in NAMES)
    config = RunConfig() if reward is None else RunConfig(reward=reward)
    return AuditJob(
        data="my.jsonl", rows=rows, honest=honest_answers(rows, ()), samples=samples, config=config
    )


def judge(server: JudgeServer, **settings: Any) -> JudgeReward:
    return JudgeReward.model_validate(
        {"endpoint": {"url": server.url, "model": "m", "retries": 0}, **settings}
    )


@pytest.mark.parametrize(
    ("settings", "more"), [({}, 1), ({"mode": "pairwise"}, 2), ({"against_reference": False}, 1)]
)
def test_an_audit_asks_as_often_as_it_has_said(settings: dict[str, Any], more: int) -> None:
    with judge_server() as server:
        asked = job(judge(server, **settings))
        [said] = audit_calls(asked)
        assert server.requests == []
        run_audit(asked, [("e", lambda: open_reward(asked.config, "cpu"))])
        assert len(server.requests) == said.num_calls > 20 * more
        assert said.num_questions > said.num_calls
        [again] = audit_calls(asked)
        assert again.num_calls == 0, "all answers are kept"
        assert f"m at {server.url} will be asked {said.num_calls:,} questions" in said.in_words


def test_a_reward_that_asks_nobody_has_no_calls() -> None:
    assert audit_calls(job()) == []


def test_a_budget_that_is_too_small_is_refused_before_anything_is_spent() -> None:
    endpoint = ChatEndpoint.model_validate(
        {"url": "http://h/v1", "model": "m", "budget": {"calls": 1000}}
    )
    require_within_budget(AuditCalls("reward.endpoint", endpoint, 3000, 1000))
    with pytest.raises(ConfigError) as caught:
        require_within_budget(AuditCalls("reward.endpoint", endpoint, 3000, 1001))
    assert str(caught.value) == (
        "reward.endpoint.budget.calls: the audit takes 1,001 calls, got 1,000; raise it, or look at less with --rows, "
        "--answer-prompts, --sample-prompts or --samples"
    )
