"""Prompts that are set aside, and what a policy is measured by on them."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sacrebleu import sentence_chrf

from rlsr.config import load_config
from rlsr.config.data import DataConfig
from rlsr.config.validation import ValidationConfig
from rlsr.data import Message, PromptRecord, load_dataset
from rlsr.data.checks import prompt_key, prompt_keys
from rlsr.embeddings.protocol import Encoding, unit_rows
from rlsr.errors import ConfigError, DataError
from rlsr.evaluation.generate import answer_prompts
from rlsr.models import load_policy
from rlsr.pipeline.plan import plan_run
from rlsr.pipeline.validation import make_validation, number_set_aside, set_aside
from rlsr.processes import ALONE
from rlsr.rewards import Reward, RewardBatch, RewardResult

# Near doubles among them: case and white space do not make another prompt.
PROMPTS = st.lists(
    st.sampled_from(["a b", "A  b", " a B ", "c", "C", "d", "e", "f  g", "F g"]), min_size=1
)


def records(prompts: Sequence[str]) -> list[PromptRecord]:
    return [
        PromptRecord(str(row), (Message("user", prompt),), f"answer {row}", f"row {row}")
        for row, prompt in enumerate(prompts)
    ]


@given(PROMPTS, st.integers(0, 6), st.integers(0, 99))
def test_no_prompt_is_trained_on_and_measured(prompts: list[str], num: int, seed: int) -> None:
    rows = records(prompts)
    different = len({prompt_key(row) for row in rows})
    if num and num >= different:
        with pytest.raises(
            ConfigError, match=f"got {num} of {different} different training prompts"
        ):
            set_aside(rows, prompt_keys(rows), num, seed=seed)
        return
    kept, taken = set_aside(rows, prompt_keys(rows), num, seed=seed)
    assert len(taken) == num
    assert not {prompt_key(row) for row in kept} & {prompt_key(row) for row in taken}
    assert list(kept) == [row for row in rows if row in kept], "in their order"
    assert len(kept) == sum(prompt_key(row) not in set(map(prompt_key, taken)) for row in rows)
    assert set_aside(rows, prompt_keys(rows), num, seed=seed) == (kept, taken)
    fewer = set_aside(rows, prompt_keys(rows), num // 2, seed=seed)[1]
    assert {row.id for row in fewer} <= {row.id for row in taken}


@given(
    PROMPTS.filter(lambda found: len({" ".join(p.lower().split()) for p in found}) > 3),
    st.integers(0, 9),
)
def test_validation_prompts_are_never_held_out(prompts: list[str], seed: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "data.jsonl"
        lines = [
            {"prompt": prompt, "response": f"answer {row}"} for row, prompt in enumerate(prompts)
        ]
        file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        try:
            data = load_dataset(
                DataConfig(path=str(file), heldout=1, same_prompt="keep", seed=seed)
            )
        except DataError:  # every prompt stands in more rows than are to be held out
            assume(False)
    _, validation = set_aside(data.train, data.train_keys, 1, seed=seed)
    heldout = {prompt_key(record) for record in data.heldout}
    assert not heldout & {prompt_key(record) for record in validation}


def test_too_few_training_prompts_are_said_before_anything_runs(tiny_settings: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        plan_run(load_config(overrides=[*tiny_settings, "validation.num_prompts=8"]))
    assert str(caught.value) == (
        "validation.num_prompts: must leave something to train on, got 8 of 8 different training prompts; lower it"
    )


@pytest.mark.parametrize(
    ("share", "most", "num_rows", "expected"),
    [
        (0.1, 32, 100, 10),
        (0.1, 32, 1000, 32),
        (0.1, 32, 4, 1),
        (0.999, 32, 4, 3),
        (0.1, 32, 1, 0),
        (7, 3, 100, 7),
        (0, 32, 100, 0),
    ],
)
def test_a_share_comes_to_a_number_that_leaves_something(
    share: float, most: int, num_rows: int, expected: int
) -> None:
    rule = ValidationConfig(num_prompts=share, max_prompts=most)
    assert (
        number_set_aside(rule, prompt_keys(records([f"ask {row}" for row in range(num_rows)])))
        == expected
    )


def test_a_plan_says_what_a_share_comes_to(tiny_settings: list[str]) -> None:
    plan = plan_run(load_config(overrides=[*tiny_settings, "validation.num_prompts=0.25"]))
    assert plan.config.validation.num_prompts == len(plan.validation) == 2
    assert isinstance(plan.config.validation.num_prompts, int)


def test_a_number_that_is_no_count_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"validation.num_prompts: .*share below 1 or a whole"):
        load_config(overrides=["validation.num_prompts=2.5"])


def test_a_plan_trains_on_what_is_left(tiny_settings: list[str]) -> None:
    own = [*tiny_settings, "validation.num_prompts=3", "training.steps=null"]
    plan = plan_run(load_config(overrides=own))
    assert (len(plan.train), len(plan.validation), plan.num_steps) == (5, 3, 3)
    assert sorted(record.id for record in (*plan.train, *plan.validation)) == sorted(
        record.id for record in plan.dataset.train
    )
    assert plan.config.validation.metric == "reward", "there is no independent encoder"


class Scripted(Reward):
    """Leaves the first response unscored."""

    def score(self, batch: RewardBatch) -> RewardResult:
        scores = np.arange(len(batch), dtype=np.float64)
        scores[0] = np.nan
        return RewardResult(scores)


class NeverAsked(Reward):
    def score(self, batch: RewardBatch) -> RewardResult:
        raise AssertionError("another metric does not ask the reward")


def test_what_is_unscored_is_nan(tiny_settings: list[str]) -> None:
    config = load_config(overrides=[*tiny_settings, "validation.metric=reward"])
    rows, policy = records("abc"), load_policy(config.model, "cpu")
    options = {"independent": None, "tokens_per_pass": 99, "processes": ALONE}
    measure = make_validation(config, rows, reward=Scripted(), **options)  # type: ignore[arg-type]
    assert measure(policy)["reward"] == pytest.approx([math.nan, 1, 2], nan_ok=True)
    alone = make_validation(config, rows[:1], reward=Scripted(), **options)  # type: ignore[arg-type]
    assert np.isnan(alone(policy)["reward"]).all()


def test_chrf_is_that_of_the_greedy_answers(tiny_settings: list[str]) -> None:
    supervised = [setting for setting in tiny_settings if "method" not in setting]
    config = load_config(
        overrides=[*supervised, "method=sft", "method.max_response_tokens=8", "validation.metric=chrf"]
    )  # fmt: skip
    rows, policy = records(["say this", "say that", "then what?"]), load_policy(config.model, "cpu")
    measured = make_validation(
        config, rows, reward=NeverAsked(), independent=None, tokens_per_pass=99, processes=ALONE
    )(policy)
    answers, _ = answer_prompts(policy, rows, max_response_tokens=8, batch_size=2)
    expected = [
        sentence_chrf(answer, [row.reference]).score
        for answer, row in zip(answers, rows, strict=True)
    ]
    assert set(measured) == {"chrf"}
    assert measured["chrf"] == pytest.approx(expected)
    assert max(expected) > 0


@pytest.mark.parametrize("tokens_per_pass", [1, 60, 9999])
def test_the_likelihood_is_that_of_the_references_token_by_token(
    tiny_settings: list[str], tokens_per_pass: int
) -> None:
    import torch

    config = load_config(
        overrides=[*tiny_settings, "validation.metric=nll", "method.max_response_tokens=9"]
    )
    policy = load_policy(config.model, "cpu")
    rows = [
        *records(["the cat", "a big river and the sky"]),
        PromptRecord(
            "two",
            (Message("user", "moon"),),
            "the sun",
            "row 3",
            other_references=("a moon and a tree",),
        ),
    ]
    measured = make_validation(
        config,
        rows,
        reward=NeverAsked(),
        independent=None,
        tokens_per_pass=tokens_per_pass,
        processes=ALONE,
    )(policy)["nll"]
    tokenizer, losses = policy.tokenizer, []
    for record in rows:
        text = tokenizer.apply_chat_template(
            [{"role": "user", "content": record.prompt}], add_generation_prompt=True, tokenize=False
        )
        prompt = tokenizer(text, add_special_tokens=False)["input_ids"]
        for reference in record.references:
            answer = [*tokenizer(reference)["input_ids"], tokenizer.eos_token_id][:9]
            ids = torch.tensor([[*prompt, *answer]])
            labels = ids.clone()
            labels[0, : len(prompt)] = -100
            with torch.no_grad():
                loss = policy.model(input_ids=ids, labels=labels).loss
            losses += [float(loss)] * len(answer)
    assert measured == pytest.approx([np.mean(losses)], rel=1e-4)


def test_a_policy_that_groups_do_not_fit_is_asked_one_by_one(
    tiny_settings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_config(overrides=[*tiny_settings, "validation.metric=nll"])
    policy, rows = load_policy(config.model, "cpu"), records(["the cat", "a dog"])
    options = {
        "reward": NeverAsked(),
        "independent": None,
        "tokens_per_pass": 99,
        "processes": ALONE,
    }
    measure = make_validation(config, rows, **options)  # type: ignore[arg-type]
    grouped = measure(policy)["nll"]
    monkeypatch.setattr("rlsr.models.likelihood.takes_groups", lambda model: False)
    assert measure(policy)["nll"] == pytest.approx(grouped, rel=1e-5)


class Sizes:
    """An encoder to which texts differ by their lengths alone."""

    identity = "sizes"

    def encode(self, texts: Sequence[str]) -> Encoding:
        vectors = np.array([[1.0, len(text)] for text in texts])
        return Encoding(unit_rows(vectors), np.zeros(len(texts), dtype=np.bool_))


def test_a_method_with_rollouts_has_its_reward_measured_beside_what_chooses(
    tiny_settings: list[str],
) -> None:
    chooses = [setting for setting in tiny_settings if "independent_embedding" not in setting]
    config = load_config(overrides=[*chooses, "validation.metric=independent_similarity"])
    rows, policy = records("abc"), load_policy(config.model, "cpu")
    options = {"reward": Scripted(), "independent": Sizes(), "tokens_per_pass": 99, "processes": ALONE}  # fmt: skip
    measured = make_validation(config, rows, **options)(policy)  # type: ignore[arg-type]
    assert set(measured) == {"independent_similarity", "reward"}
    assert measured["reward"] == pytest.approx([math.nan, 1, 2], nan_ok=True)
    supervised = [setting for setting in chooses if "method" not in setting]
    config = load_config(
        overrides=[*supervised, "method=sft", "method.max_response_tokens=8", "validation.metric=independent_similarity"]
    )  # fmt: skip
    options["reward"] = NeverAsked()
    assert set(make_validation(config, rows, **options)(policy)) == {"independent_similarity"}  # type: ignore[arg-type]
