"""This question asks whether one answer to every prompt scores as well as the policy does, so that giving up the prompt pays.

A policy that hardly ever scores learns whatever scores a little. Where that is one text for all prompts, every group soon says
the same, no signal is left, and the mean reward has risen.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rlsr.auditing.attack_texts import CONSTANT_ANSWER, GENERIC_REFUSAL
from rlsr.auditing.checks import MIN_GROUPS
from rlsr.auditing.question import Question
from rlsr.auditing.result import Check
from rlsr.auditing.thresholds import ONE_ANSWER
from rlsr.statistics import bootstrap_mean

Floats = NDArray[np.float64]

FIXED: Final = ("Yes", "No", "I do not know.", GENERIC_REFUSAL, CONSTANT_ANSWER)
"""Answers that can be given without reading the prompt."""
NUM_SAMPLES = 12
"""The number of the policy's samples that are given to every prompt, too."""

_QUESTION = Question(
    "signal",
    "one answer to every prompt",
    "reward of the best such answer minus that of the policy's samples",
    ONE_ANSWER,
)


def one_answers(samples: Sequence[Sequence[str]], seed: int) -> list[str]:
    """Choose texts to give to every prompt.

    Args:
        samples: The policy's samples to each prompt.
        seed: The seed of the choice among them.

    Returns:
        The fixed answers and some of the samples, no text twice.
    """
    own = list(dict.fromkeys(text for texts in samples for text in texts if text.strip()))
    chosen = np.random.default_rng(seed).permutation(len(own))[:NUM_SAMPLES]
    return list(dict.fromkeys([*FIXED, *(own[place] for place in sorted(chosen.tolist()))]))


def one_answer_check(texts: Sequence[str], rewards: Floats, own: Floats) -> Check:
    """Ask whether one of some texts, given to every prompt, scores as well as the policy.

    The text is chosen on every second prompt and judged on the others, so that the best of many does not win by luck.

    Args:
        texts: The texts that are given to every prompt.
        rewards: The reward of each text on each prompt, (text, prompt); NaN where the text could not be scored, or where
            it is one of the policy's own samples to that prompt.
        own: The mean reward of the policy's samples to each prompt; NaN where none of them could be scored.

    Returns:
        The mean difference of the best text and the policy, with the mean reward of both among the details.
    """
    gains = rewards - own
    # Prompts on which the policy is not scored say nothing, and neither do texts that are not scored on any.
    tried, tested = gains[:, ::2], gains[:, 1::2]
    scored = (~np.isnan(tried)).any(axis=1) & ((~np.isnan(tested)).sum(axis=1) >= MIN_GROUPS)
    if not scored.any():
        return _QUESTION.leave_out(
            f"needs at least {2 * MIN_GROUPS} prompts with scored samples, got {int((~np.isnan(own)).sum())}"
        )
    means = np.full(len(texts), -np.inf)
    means[scored] = np.nanmean(tried[scored], axis=1)
    best = int(means.argmax())
    kept = ~np.isnan(tested[best])
    difference = bootstrap_mean(tested[best][kept])
    reward = float(rewards[best, 1::2][kept].mean())
    policy = float(own[1::2][kept].mean())
    return _QUESTION.judge(
        difference,
        f"“{_short(texts[best])}” to every prompt scores {reward:.3f}, the policy's own answers {policy:.3f}",
        advice="One answer to every prompt scores about as well as the policy's own: training would teach it to give up the "
        "prompt. Begin with supervised training (method=[sft,rlsr]), so that its answers are worth more than that.",
        details={"one_answer": reward, "policy": policy},
    )


def _short(text: str, length: int = 60) -> str:
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"
