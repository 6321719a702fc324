"""Next sentences as responses: what is given stands in the prompt, and GRPO is about what was written up to the first stop."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rlsr.config import load_config
from rlsr.data import Message, PromptRecord
from rlsr.engines.trl.padded import rollout_responses
from rlsr.models import load_policy, prompt_ids
from rlsr.rewards import Reward, RewardBatch, RewardResult
from sgrpo_runs import assert_same, gradient, grpo_by_hand, move, roll_out, step, step_of
from trainers import trainer_of_config

SENTENCES = ["The cat sat.", "A dog ran to the river.", "It is red."]


class Listener(Reward):
    """Gives scores that differ, and remembers what it was asked."""

    def score(self, batch: RewardBatch) -> RewardResult:
        self.last = batch
        scores = np.array([len(text) + 0.1 * place for place, text in enumerate(batch.responses)])
        return RewardResult(scores, {"empty": np.zeros(len(batch))})


def make(settings: list[str], path: Path, *extra: str) -> tuple[Any, Listener]:
    overrides = [
        *settings, "method=rlpt", "method.max_response_tokens=60", "method.segment_tokens=12",
        "training.prompts_per_step=3", "method.kl_coefficient=0.3", *extra,
    ]  # fmt: skip
    records = [PromptRecord("1", (Message("user", "Tell me"),), " ".join(SENTENCES), "row 1")]
    reward = Listener()
    trainer = trainer_of_config(
        load_config(overrides=overrides), path, tokens_per_pass=90, records=records, reward=reward
    )
    return trainer, reward


@pytest.mark.parametrize("passes", ["grouped", "plain"])
def test_each_sentence_is_asked_for_behind_those_before_it(
    tiny_settings: list[str], tmp_path: Path, passes: str
) -> None:
    trainer, reward = make(tiny_settings, tmp_path / "run", f"engine.passes={passes}")
    assert len(trainer.train_dataset) == 3
    batch = roll_out(trainer)
    rows = rollout_responses(batch)
    asked = set()
    tokenizer = trainer.processing_class
    for place, record in enumerate(reward.last.records):
        number = SENTENCES.index(record.reference)
        asked.add(number)
        given = tokenizer(" ".join(SENTENCES[:number]), add_special_tokens=False)["input_ids"]
        assert list(rows.prompts[place]) == [*prompt_ids(tokenizer, record.messages), *given]
        written = step_of(batch).responses[place]
        assert 1 <= len(written) <= 12
        assert reward.last.responses[place] == tokenizer.decode(written, skip_special_tokens=True)
        assert step_of(batch).columns["given"][place] == " ".join(SENTENCES[:number])
    assert asked == {0, 1, 2}
    assert set(reward.last.ended) == {None}, "a sentence is no whole answer"


def test_tokens_are_asked_for_behind_those_before_them(
    tiny_settings: list[str], tmp_path: Path
) -> None:
    extra = ["method.segment=tokens", "method.segment_tokens=6", "method.stride=4"]
    trainer, reward = make(tiny_settings, tmp_path / "run", *extra)
    tokenizer = trainer.processing_class
    tokens = tokenizer(" ".join(SENTENCES), add_special_tokens=False)["input_ids"]
    starts = range(0, len(tokens), 4)
    assert list(trainer.train_dataset["given_ids"]) == [tokens[:start] for start in starts]
    batch = roll_out(trainer)
    rows = rollout_responses(batch)
    for place, record in enumerate(reward.last.records):
        given = list(rows.prompts[place][len(prompt_ids(tokenizer, record.messages)) :])
        assert given == tokens[: len(given)]
        assert record.reference == tokenizer.decode(tokens[len(given) : len(given) + 6])
        assert 1 <= len(rows.responses[place]) <= 6
    assert max(map(len, step_of(batch).responses)) == 6
    assert set(reward.last.ended) == {None}, "a segment is no whole answer"


def test_what_was_sampled_behind_the_sentence_is_never_learnt(
    tiny_settings: list[str], tmp_path: Path
) -> None:
    trainer, _ = make(tiny_settings, tmp_path / "run")
    stop = trainer.processing_class("the cat. A dog", add_special_tokens=False)["input_ids"]
    trainer._sample = lambda texts, *_: ([list(stop) for _ in texts], None)
    batch = roll_out(trainer)
    sentence = trainer.processing_class("the cat.", add_special_tokens=False)["input_ids"]
    assert step_of(batch).responses == [sentence] * 12


def test_loss_and_gradient_are_those_of_grpo(tiny_settings: list[str], tmp_path: Path) -> None:
    untouched = load_policy(load_config(overrides=tiny_settings).model, "cpu").model.eval()
    trainer, _ = make(tiny_settings, tmp_path / "run")
    batch = roll_out(trainer)
    move(trainer)
    results = []
    for by_groups in (True, False):
        for tokens_per_pass in (1, 10_000):
            trainer.by_groups, trainer._tokens_per_pass = by_groups, tokens_per_pass
            results.append(step(trainer, batch))
    trainer.model.zero_grad()
    expected = grpo_by_hand(trainer, batch, untouched, average="token", kl_coefficient=0.3)
    expected.backward()
    for loss, grad in results:
        torch.testing.assert_close(loss, expected.detach(), rtol=1e-5, atol=1e-6)
        assert_same(grad, gradient(trainer))


def test_a_beginning_leaves_room_for_a_sentence(tiny_settings: list[str], tmp_path: Path) -> None:
    trainer, _ = make(tiny_settings, tmp_path / "run", "method.max_response_tokens=20")
    lengths = [len(given) for given in trainer.train_dataset["given_ids"]]
    assert 0 in lengths
    assert max(lengths) <= 8
    assert len(lengths) < 3
