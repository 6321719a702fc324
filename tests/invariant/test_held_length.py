"""What responses count as while their mean length is held, written out by hand over two steps of a trainer."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from rlsr.config import load_config
from rlsr.engines.trl.held_length import HeldLength
from rlsr.engines.trl.trainer import RolloutTrainer
from rlsr.methods.held_length import log_length_ratios
from rlsr.rewards import Reward, RewardBatch, RewardResult
from sgrpo_runs import records, roll_out, step_of
from trainers import trainer_of_config

STRENGTH = 0.5


class Vowels(Reward):
    """The share of vowels."""

    def score(self, batch: RewardBatch) -> RewardResult:
        shares = [
            sum(letter in "aeiou" for letter in text) / max(len(text), 1)
            for text in batch.responses
        ]
        return RewardResult(np.array(shares))


@pytest.fixture
def trainer(tiny_settings: list[str], tmp_path: Path) -> RolloutTrainer:
    settings = [*tiny_settings, "training.prompts_per_step=3", "method.max_response_tokens=16"]
    config = load_config(overrides=[*settings, f"method.advantage.hold_length={STRENGTH}"])
    made = trainer_of_config(
        config, tmp_path, tokens_per_pass=90, records=records(), reward=Vowels()
    )
    assert isinstance(made, RolloutTrainer)
    # A sixth of all tokens ends a response, so that responses differ in length.
    made.eos_token_ids = list(range(0, 320, 6))
    return made


def ratios_of(trainer: RolloutTrainer) -> np.ndarray:
    rollout = trainer.reward_function.last
    references = [record.references for record in rollout.records]
    longest = 16 * sum(map(len, rollout.responses)) / sum(rollout.num_tokens)
    return log_length_ratios(rollout.responses, references, longest=longest)


def by_hand(scores: np.ndarray, ratios: np.ndarray, level: float) -> list[float]:
    found = []
    for row, score in enumerate(scores):
        group = scores[row // 4 * 4 : row // 4 * 4 + 4]
        teaches = len(set(group)) > 1
        found.append(score - (STRENGTH * level * ratios[row] if teaches else 0))
    return found


def held(trainer: RolloutTrainer) -> HeldLength:
    (found,) = (one for one in trainer.callback_handler.callbacks if isinstance(one, HeldLength))
    return found


def test_the_length_of_the_steps_so_far_decides(trainer: RolloutTrainer) -> None:
    first = step_of(roll_out(trainer))
    ratios = ratios_of(trainer)
    scores = trainer.reward_function.last.result.scores
    expected = by_hand(scores, ratios, ratios.mean())
    np.testing.assert_allclose(first.rewards, expected, rtol=0, atol=1e-6)
    assert len(set(np.round(ratios, 3))) > 3, "responses differ in length"
    held(trainer).on_step_end(trainer.args, trainer.state, trainer.control)
    trainer.state.global_step = 1
    second = step_of(roll_out(trainer))
    later = ratios_of(trainer)
    assert not np.array_equal(later, ratios)
    level = (0.8 * ratios.mean() + later.mean()) / 1.8
    expected = by_hand(trainer.reward_function.last.result.scores, later, level)
    np.testing.assert_allclose(second.rewards, expected, rtol=0, atol=1e-6)
    assert trainer._metrics["train"]["length/log_ratio"] == pytest.approx([ratios.mean(), level])


def test_a_checkpoint_knows_the_steps_whose_update_was_taken(trainer: RolloutTrainer) -> None:
    def resumed() -> HeldLength:
        again = HeldLength(trainer._method, trainer.max_completion_length)
        kept: dict[str, Any] = {"HeldLength": held(trainer).state()}
        again.on_train_begin(None, SimpleNamespace(stateful_callbacks=kept), None)
        return again

    roll_out(trainer)
    assert resumed().level == 0, "a rollout alone is no step"
    held(trainer).on_step_end(trainer.args, trainer.state, trainer.control)
    assert resumed().level == pytest.approx(ratios_of(trainer).mean())


def test_without_it_a_reward_is_compared_as_it_is(tiny_settings: list[str], tmp_path: Path) -> None:
    made = trainer_of_config(
        load_config(overrides=tiny_settings), tmp_path, tokens_per_pass=90, records=records(), reward=Vowels()
    )  # fmt: skip
    assert isinstance(made, RolloutTrainer)
    found = step_of(roll_out(made))
    np.testing.assert_allclose(
        found.rewards, made.reward_function.last.result.scores, rtol=0, atol=1e-6
    )
    assert "length/log_ratio" not in made._metrics["train"]
    assert not any(isinstance(one, HeldLength) for one in made.callback_handler.callbacks)
