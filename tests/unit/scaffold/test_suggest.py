"""From what is known to settings."""

from dataclasses import replace
from typing import Any

import pytest

from rlsr.config import load_config
from rlsr.config.data import DataConfig
from rlsr.data import load_dataset
from rlsr.pipeline.token_lengths import TokenLengths
from rlsr.scaffold.commented_yaml import as_table
from rlsr.scaffold.draft import checked, time_in_words
from rlsr.scaffold.suggest import StageTime, prompt_budget, response_limit, suggest
from rlsr.scaffold.survey import Machine, Survey

CPU, GPU = Machine("cpu", 16.0, 8), Machine("cuda", 80.0, 16)


@pytest.fixture(scope="module")
def known() -> Survey:
    return Survey(
        config=load_config(),
        guessed_columns=False,
        skips_bad_rows=False,
        dataset=load_dataset(DataConfig()),
        answers="texts",
        prompts=TokenLengths(40, 90, 120),
        references=TokenLengths(50, 90, 300),
        unit="tokens",
        num_parameters=135_000_000,
        context=8192,
        machine=CPU,
        unknown=(),
    )


def settings(survey: Survey, *times: StageTime) -> dict[str, Any]:
    lines = suggest(survey, times)
    checked(lines)
    return as_table(lines)


def test_a_small_model_on_a_cpu(known: Survey) -> None:
    table = settings(known)
    assert table["model"] == {"name": "builtin:smollm2-135m", "lora": None}
    assert table["data"] == {"path": "builtin:instructions"}, "its held-out rows are marked"
    assert table["method"] == {"type": "sft+rlsr", "max_response_tokens": 96}
    assert table["training"] == {"prompts_per_step": 4, "learning_rate": 5e-5}
    assert "pipeline" not in table


def test_a_large_model_on_a_gpu(known: Survey) -> None:
    table = settings(replace(known, machine=GPU, num_parameters=7_000_000_000))
    assert table["model"]["lora"] == {"rank": 16}
    assert table["method"]["max_response_tokens"] == 184
    assert table["training"] == {"prompts_per_step": 8}


@pytest.mark.parametrize(
    ("references", "machine", "context", "limit"),
    [
        (TokenLengths(50, 90, 300), CPU, None, 96),
        (TokenLengths(50, 90, 100), CPU, None, 104),
        (TokenLengths(3, 5, 5), CPU, None, 32),
        (TokenLengths(50, 90, 300), GPU, None, 184),
        (TokenLengths(900, 3000, 9000), CPU, None, 2048),
        (TokenLengths(900, 3000, 9000), CPU, 1024, 512),
        (TokenLengths(3, 5, 5), CPU, 40, 20),
    ],
)
def test_the_longest_response(
    known: Survey, references: TokenLengths, machine: Machine, context: int | None, limit: int
) -> None:
    changed = replace(known, references=references, machine=machine, context=context)
    assert response_limit(changed) == limit
    assert response_limit(replace(changed, unit="words")) is None


def test_prompts_have_the_room_that_responses_leave(known: Survey) -> None:
    tight = replace(known, context=512, prompts=TokenLengths(40, 90, 500))
    assert response_limit(tight) == 96
    assert prompt_budget(tight, 96) == 416
    assert prompt_budget(known, 96) is None
    assert prompt_budget(replace(known, prompts=TokenLengths(40, 90, 9000)), 96) is None
    table = settings(tight)
    assert table["method"]["max_prompt_tokens"] == 416


@pytest.mark.parametrize(
    ("answers", "reward"),
    [("texts", "similarity"), ("numbers", "numeric"), ("numbers at the end", "numeric"), ("labels", "exact")],
)  # fmt: skip
def test_the_reward_fits_the_answers(known: Survey, answers: Any, reward: str) -> None:
    (line,) = (line for line in suggest(replace(known, answers=answers)) if line.key == "reward")
    assert line.value == reward
    assert line.is_guess == (answers != "texts")


def test_few_heldout_rows_are_made_more(known: Survey) -> None:
    report = replace(known.dataset.report, num_train=180, num_heldout=20)
    few = replace(known, dataset=replace(known.dataset, report=report))
    assert settings(few)["data"]["heldout"] == 32
    tiny = replace(report, num_train=36, num_heldout=4)
    assert "heldout" not in settings(replace(known, dataset=replace(known.dataset, report=tiny)))["data"]  # fmt: skip


def test_pairs_are_said(known: Survey) -> None:
    report = replace(known.dataset.report, num_rejected=360)
    lines = suggest(replace(known, dataset=replace(known.dataset, report=report)))
    (method,) = (line for line in lines if line.key == "method.type")
    assert method.is_guess
    assert "method: [sft, dpo]" in method.why


def test_what_would_take_long_is_bounded(known: Survey) -> None:
    sft, rlsr = StageTime("1-sft", 300, 6.0, 40.0), StageTime("2-rlsr", 60, 60.0, 70.0)
    table = settings(known, sft, rlsr)
    assert table["pipeline"] == {"max_seconds": 3600}
    assert table["stages"] == {0: {"training": {"max_seconds": 1800}}}
    (line,) = (line for line in suggest(known, [sft, rlsr]) if line.key.startswith("stages"))
    assert "some 300 steps" in line.why
    assert "(some 30)" in line.why
    assert "pipeline" not in settings(replace(known, machine=GPU), sft, rlsr), "a night is enough"
    quick = replace(rlsr, total_minutes=10.0)
    assert "pipeline" not in settings(known, sft, quick)


def test_what_the_user_says_is_written_as_said(known: Survey) -> None:
    said = load_config(
        overrides=["data.limit=100", "data.heldout=40", "model.lora.rank=4", "model.dtype=float32"]
    )
    table = settings(replace(known, config=said))
    assert table["data"] == {"path": "builtin:instructions", "heldout": 40.0, "limit": 100}
    assert table["model"] == {"name": "builtin:smollm2-135m", "lora": {"rank": 4}, "dtype": "float32"}  # fmt: skip


def test_nothing_is_said_of_what_is_not_known(known: Survey) -> None:
    blind = replace(
        known, unit="words", num_parameters=None, context=None, machine=Machine(None, None, 4)
    )
    table = settings(blind)
    assert "max_response_tokens" not in table["method"]
    assert "lora" not in table["model"]
    assert "learning_rate" not in table["training"]
    assert "PyTorch is not installed" in blind.machine.in_words


def test_time_in_words() -> None:
    times = [StageTime("1-sft", 300, 0.25, 40.0), StageTime("2-rlsr", 1234, 61.2, 1000.0)]
    assert time_in_words(times) == (
        "Without a limit: 1-sft at most 300 steps of 0.25 s, 2-rlsr at most 1,234 steps of 61 s; 17 hours in all, good to a "
        "factor of two."
    )
    assert time_in_words([]) == ""
