"""How policies answer when they are measured: greedily or by draws of their own, and how likely references are to them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from rlsr.config.model import ModelConfig
from rlsr.config.run import RunConfig
from rlsr.data.record import Message, PromptRecord
from rlsr.errors import EvaluationError
from rlsr.evaluation import Answers, Evaluation
from rlsr.evaluation.asker import Asker
from rlsr.evaluation.suites import AskingSuite, Scored, Suite
from rlsr.models import Policy, load_policy, prompt_ids, response_ids
from rlsr.statistics import Estimate
from rlsr.statistics.resamples import Floats
from tiny import WORDS

LIMIT = 12
RECORDS = tuple(
    PromptRecord(
        f"{place}", (Message("user", " ".join(WORDS[: place + 1])),), WORDS[place], f"f:{place}",
        other_references=(" ".join(WORDS[place : place + 4]),) if place % 2 else (),
    )
    for place in range(5)
)  # fmt: skip


class Lengths(Suite):
    """Scores answers by their length, and has a place for what only the policy can tell."""

    records: Sequence[PromptRecord] = RECORDS

    def score(self, responses: Sequence[str], ended: Sequence[bool | None]) -> Scored:
        empty = np.full(len(responses), np.nan)
        return Scored({"length": [float(len(text)) for text in responses], "reference_nll": empty})


@pytest.fixture(scope="module")
def policy(tiny_model: Path) -> Policy:
    return load_policy(ModelConfig(name=str(tiny_model), dtype="float32"), "cpu")


def measure(
    policy: Policy, temperature: float = 0.0, seed: int = 0, batch_size: int = 32
) -> Answers:
    config = RunConfig.model_validate(
        {
            "seed": seed,
            "method": {"type": "sft", "max_response_tokens": LIMIT},
            "evaluation": {"temperature": temperature, "batch_size": batch_size},
        }
    )
    return Evaluation(Lengths(), config).run(policy)


def test_drawn_answers_depend_on_the_seed_and_on_nothing_else(policy: Policy) -> None:
    drawn = measure(policy, 1.0).responses
    assert measure(policy, 1.0, batch_size=2).responses == drawn
    assert measure(policy, 1.0, seed=1).responses != drawn
    assert len(set(drawn)) == len(RECORDS)
    assert measure(policy, seed=1).responses == measure(policy).responses != drawn


def test_a_low_temperature_draws_what_is_likeliest(policy: Policy) -> None:
    assert measure(policy, 1e-4).responses == measure(policy).responses


def test_drawing_leaves_the_generator_of_training_as_it_is(policy: Policy) -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    measure(policy, 1.0)
    assert torch.equal(torch.rand(4), expected)


def test_the_likelihood_of_references_is_that_of_passes_one_by_one(policy: Policy) -> None:
    found = measure(policy).scores["reference_nll"]
    for record, value in zip(RECORDS, found, strict=True):
        nats = []
        for text in record.references:
            prompt = list(prompt_ids(policy.tokenizer, record.messages))
            answer = list(response_ids(policy.tokenizer, text, max_response_tokens=LIMIT))
            with torch.no_grad():
                logits = policy.model(torch.tensor([prompt + answer])).logits[0]
            log_probs = logits.log_softmax(-1)
            nats += [
                -float(log_probs[len(prompt) + place - 1, token])
                for place, token in enumerate(answer)
            ]
        assert value == pytest.approx(np.mean(nats), abs=1e-4)


class Twice(AskingSuite):
    """Asks everything twice, and says what was answered first."""

    records: Sequence[PromptRecord] = RECORDS

    def __init__(self, number: int = len(RECORDS)) -> None:
        self.records = RECORDS[:number]

    def ask(self, asker: Asker) -> tuple[Sequence[str], Scored]:
        first, second = (
            asker.answer(RECORDS, max_response_tokens=LIMIT, temperature=1.0, draw=draw)
            for draw in range(2)
        )
        ended = [float(answer.ended) for answer in second]
        return [answer.text for answer in second], Scored({"ended": ended}, {"first": [answer.text for answer in first]})  # fmt: skip


def test_a_suite_may_ask_a_policy_itself(policy: Policy) -> None:
    config = RunConfig.model_validate({"method": {"type": "sft", "max_response_tokens": LIMIT}})
    evaluation = Evaluation(Twice(), config, name="twice")
    told: list[tuple[int, int]] = []
    answers = evaluation.run(policy, lambda done, number: told.append((done, number)))
    assert told[-1] == (len(RECORDS), len(RECORDS))
    assert set(answers.responses).isdisjoint(answers.texts["first"])
    assert evaluation.run(policy).responses == answers.responses
    assert evaluation.from_rows(evaluation.rows(answers)).texts == answers.texts
    assert evaluation.means(answers)[0].name == "ended"


def test_a_suite_that_asks_itself_answers_every_prompt(policy: Policy) -> None:
    with pytest.raises(EvaluationError, match="'twice' must return one response a prompt, got 5 for 3 prompts"):  # fmt: skip
        Evaluation(Twice(3), RunConfig(), name="twice").run(policy)


class Remarked(Lengths):
    """Estimates one metric in its own way and another that no prompt has, and has something to say."""

    def estimates(
        self,
        responses: Sequence[str],
        scores: Mapping[str, Floats],
        texts: Mapping[str, Sequence[str | None]],
        *,
        confidence: float,
        num_resamples: int,
    ) -> Mapping[str, Estimate]:
        longest = float(max(map(len, responses)))
        return {
            "length": Estimate(float(scores["length"].sum()), 0.0, confidence, 1),
            "longest": Estimate(longest, 0.0, float(num_resamples), 1),
        }

    def remarks(
        self, scores: Mapping[str, Floats], texts: Mapping[str, Sequence[str | None]]
    ) -> Sequence[str]:
        return [f"{len(scores['length'])} answers"]


def test_a_suite_may_estimate_and_say_more_than_means_over_prompts() -> None:
    config = RunConfig.model_validate({"evaluation": {"confidence": 0.8, "num_resamples": 300}})
    evaluation = Evaluation(Remarked(), config, name="remarked")
    answers = evaluation.score(["a" * length for length in range(1, 6)])
    means = {mean.name: mean.after for mean in evaluation.means(answers)}
    assert list(means) == ["length", "reference_nll", "longest"]
    assert (means["length"].mean, means["length"].high) == (15.0, 0.8)
    assert (means["longest"].mean, means["longest"].high) == (5.0, 300.0)
    assert evaluation.remarks(answers) == ("5 answers",)
    assert Evaluation(Lengths(), config).remarks(answers) == ()
