"""The reward as other trainers call it; TRL itself is asked in tests/e2e/test_integrations.py."""

import asyncio
import importlib
import inspect
import math
import pickle
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from openrlhf_agent import openrlhf_agent
from rlsr.errors import ConfigError, DataError, RewardError
from rlsr.integrations import ms_swift_reward, openrlhf_reward, trl_reward, verl_reward
from rlsr.serving import Limits

CODE = '''
"""Gives the length of a response, and leaves one unscored."""
calls = []

def length(completions, reference, bonus=None, **columns):
    texts = [one[0]["content"] for one in completions]
    calls.append((texts, list(reference), columns["prompts"], columns["ended"]))
    extra = bonus or [0] * len(texts)
    return [None if text == "unscored" else len(text) + more for text, more in zip(texts, extra)]
'''
REWARD = {"reward": {"type": "python", "function": "hosted_length:length"}}
CHATML = "<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n"


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What the reward was called with."""
    (tmp_path / "hosted_length.py").write_text(CODE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "hosted_length", raising=False)
    yield importlib.import_module("hosted_length").calls
    sys.modules.pop("hosted_length", None)


def test_trl_gets_a_score_a_response_and_none_for_unscored(calls: list[Any]) -> None:
    logged: dict[str, float] = {}
    reward = trl_reward(REWARD)
    found = reward(
        prompts=["Why?", "How?"],
        completions=["four", "unscored"],
        completion_ids=[[1], [2]],
        trainer_state=SimpleNamespace(),
        log_extra=print,
        log_metric=logged.__setitem__,
        reference=["a", "b"],
        bonus=[1, 0],
    )
    assert found == [5.0, None]
    assert logged == {"rlsr/num_unscored": 1.0}
    conversations = reward(
        prompts=[[{"role": "user", "content": "Why?"}]],
        completions=[[{"role": "assistant", "content": None}]],
        references=[["a", "b"]],
    )
    assert conversations == [0.0]
    assert len(calls) == 2, "one call for all responses"
    assert calls[0][1] == ["a", "b"]


def test_trl_is_told_the_means_of_the_parts() -> None:
    logged: dict[str, float] = {}
    reward = trl_reward(settings={"embedding": "builtin:wordllama"})
    scores = reward(
        prompts=["Why?"] * 2,
        completions=["A cat sat on a mat.", ""],
        reference=["A cat sat on a mat."] * 2,
        log_metric=logged.__setitem__,
    )
    assert scores == [pytest.approx(1.0), -1.0]
    assert logged["rlsr/cosine"] == pytest.approx(1.0), "what is unscored is in no mean"
    assert logged["rlsr/empty"] == 0.5


def test_a_reward_can_be_sent_to_another_process(calls: list[Any]) -> None:
    reward = trl_reward(REWARD)
    arguments: dict[str, Any] = {
        "prompts": ["Why?"],
        "completions": ["four"],
        "reference": ["a"],
    }
    assert reward(**arguments) == [4.0]
    assert pickle.loads(pickle.dumps(reward))(**arguments) == [4.0]


def test_data_without_references_is_refused(calls: list[Any]) -> None:
    with pytest.raises(DataError, match=r"trl_reward: the data has no column `reference`.*TRL drops"):  # fmt: skip
        trl_reward(REWARD)(prompts=["a"], completions=["b"])
    with pytest.raises(DataError, match=r"ms_swift_reward: the data has no column `reference`.*ms-swift drops"):  # fmt: skip
        ms_swift_reward(REWARD)()(["b"], messages=[[{"role": "user", "content": "a"}]])
    with pytest.raises(DataError, match="response 2: empty response"):
        trl_reward(REWARD)(prompts=["a"] * 2, completions=["b"] * 2, reference=["c", ""])
    with pytest.raises(ConfigError, match="did you mean"):
        trl_reward(settings={"reward": "numerci"})


def test_ms_swift_makes_an_object_and_calls_it_with_all_responses(calls: list[Any]) -> None:
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Why?"},
        {"role": "assistant", "content": "the response"},
    ]
    made = ms_swift_reward(REWARD, unscored=-1.0)(args=SimpleNamespace())
    found = made(
        ["four", "unscored"],
        trainer_state=None,
        messages=[turns, turns],
        is_truncated=[True, False],
        response_token_ids=[[1], [2]],
        reference=["a", "b"],
    )
    assert found == [4.0, -1.0]
    ((_, _, prompts, ended),) = calls
    assert [turn["role"] for turn in prompts[0]] == ["system", "user"]
    assert ended == [False, True]


def ask_verl(compute: Any, *responses: str, **extra: Any) -> list[dict[str, float]]:
    """Ask as verl's reward loop does: one response at a time, from tasks of one event loop."""

    async def ask_all() -> Any:
        return await asyncio.gather(
            *(
                compute(data_source="mine", solution_str=text, ground_truth="a", extra_info=dict(extra))
                for text in responses
            )
        )  # fmt: skip

    found: list[dict[str, float]] = asyncio.run(ask_all())
    return found


def test_verl_asks_one_by_one_and_is_answered_in_few_calls(calls: list[Any]) -> None:
    compute = verl_reward(REWARD, unscored=-2.0, limits=Limits(max_rows=50, wait_ms=200))
    assert inspect.iscoroutinefunction(compute), "verl asks this to know how to call it"
    texts = ["x" * length for length in range(1, 100)]
    found = ask_verl(compute, *texts, "unscored", prompt=np.array([{"role": "user", "content": "Why?"}]), num_turns=2)  # fmt: skip
    assert [one["score"] for one in found] == [*map(float, range(1, 100)), -2.0]
    assert len(calls) <= 4
    assert ask_verl(compute, "again", question="How?")[0]["score"] == 5.0, "in another event loop"


def test_verl_must_say_the_prompt(calls: list[Any]) -> None:
    with pytest.raises(DataError, match=r"`extra_info` of mine has none, either.*there are index"):
        ask_verl(verl_reward(REWARD), "four", index=3)


def test_what_has_no_place_for_unscored_says_so(calls: list[Any]) -> None:
    verl, swift = verl_reward(REWARD), ms_swift_reward(REWARD)()
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    with pytest.raises(RewardError, match=r"verl: 1 of 1 responses could not be scored.*unscored=-1\.0"):  # fmt: skip
        ask_verl(verl, "unscored", prompt="Why?")
    with pytest.raises(RewardError, match="ms-swift: 1 of 2 responses"):
        swift(["four", "unscored"], messages=[turns] * 2, reference=["a"] * 2)
    with pytest.raises(RewardError, match="OpenRLHF: 1 of 1 responses"):
        openrlhf_reward(REWARD)([f"{CHATML}unscored"], [CHATML], ["a"])


def test_openrlhf_asks_from_many_threads(calls: list[Any]) -> None:
    reward = openrlhf_reward(REWARD, limits=Limits(max_rows=50, wait_ms=200))
    with ThreadPoolExecutor(16) as pool:
        found = list(
            pool.map(
                lambda n: reward([f"{CHATML}{'x' * n}<|im_end|>"], [CHATML], ["a"]), range(1, 65)
            )
        )
    assert [one["rewards"].tolist() for one in found] == [[float(n)] for n in range(1, 65)]
    assert len(calls) <= 12
    parts = openrlhf_reward()([f"{CHATML}A cat.<|im_end|>"], [CHATML], ["A cat."])
    assert parts["extra_logs"]["cosine"].tolist() == [pytest.approx(1.0)]
    assert math.isclose(parts["scores"].item(), 1.0, abs_tol=1e-6)


def test_openrlhfs_own_executor_loads_the_file_and_asks(calls: list[Any], tmp_path: Path) -> None:
    agent = openrlhf_agent()
    file = tmp_path / "my_reward.py"
    file.write_text(
        "from rlsr.integrations import openrlhf_reward\n"
        "reward_func = openrlhf_reward({'reward': {'type': 'python', 'function': 'hosted_length:length'}})\n",
        encoding="utf-8",
    )
    executor = agent.SingleTurnAgentExecutor([str(file)])
    found = asyncio.run(
        executor._fetch_rewards_via_func(
            [f"{CHATML}{'x' * n}<|im_end|>" for n in range(1, 9)], [CHATML] * 8, ["a"] * 8
        )
    )
    assert [one["rewards"].item() for one in found] == [*map(float, range(1, 9))]


def test_verls_own_loader_and_reward_manager_take_the_file(
    calls: list[Any], tmp_path: Path
) -> None:
    loader = pytest.importorskip("verl.trainer.ppo.reward", reason="verl is not installed")
    import torch
    from omegaconf import OmegaConf
    from verl import DataProto
    from verl.experimental.reward_loop.reward_manager.naive import NaiveRewardManager

    file = tmp_path / "my_reward.py"
    file.write_text(
        "from rlsr.integrations import verl_reward\n"
        "compute_score = verl_reward({'reward': {'type': 'python', 'function': 'hosted_length:length'}})\n",
        encoding="utf-8",
    )
    named = {"path": str(file), "name": "compute_score", "reward_kwargs": {}}
    config = OmegaConf.create({"reward": {"custom_reward_function": named}})
    compute = loader.get_custom_reward_fn(config)

    def row(length: int) -> Any:
        tokens = {"responses": torch.full((1, 8), length), "attention_mask": torch.ones(1, 9)}
        told = {
            "data_source": "mine",
            "reward_model": {"ground_truth": "a"},
            "extra_info": {"prompt": "Why?"},
        }
        columns = {name: np.array([value], dtype=object) for name, value in told.items()}
        return DataProto.from_dict(tensors=tokens, non_tensors=columns)

    async def score() -> list[Any]:
        tokenizer = SimpleNamespace(decode=lambda ids, **_: "x" * int(ids[0]))
        manager = NaiveRewardManager(config, tokenizer, compute)
        return await asyncio.gather(*(manager.run_single(row(length)) for length in (3, 1, 2)))

    assert [one["reward_score"] for one in asyncio.run(score())] == [3.0, 1.0, 2.0]
