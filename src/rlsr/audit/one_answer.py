"""Whether one answer to every prompt scores as well as the policy does, so that giving up the prompt pays.

A policy that hardly ever scores learns whatever scores a little. Where that is one text for all prompts, every group soon says
the same, no signal is left, and the mean reward has risen.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rlsr.audit.attack_texts import CONSTANT_ANSWER, GENERIC_REFUSAL
from rlsr.audit.checks import MIN_GROUPS, judged, left_out
from rlsr.audit.result import Check
from rlsr.audit.thresholds import ONE_ANSWER
from rlsr.statistics import bootstrap_mean

Floats = NDArray[np.float64]

NAME = "one answer to every prompt"
FIXED: Final = ("Yes", "No", "I do not know.", GENERIC_REFUSAL, CONSTANT_ANSWER)
"""Answers that need no prompt."""
NUM_SAMPLES = 12
"""Samples of the policy that are given to every prompt, too."""

_MEASURE = "reward of the best such answer minus that of the policy's samples"


def one_answers(samples: Sequence[Sequence[str]], seed: int) -> list[str]:
    """Choose texts to give to every prompt.

    Args:
        samples: The policy's samples to each prompt.
        seed: Of the choice among them.

    Returns:
        The fixed answers and some of the samples, each once.
    """
    own = list(dict.fromkeys(text for texts in samples for text in texts if text.strip()))
    chosen = np.random.default_rng(seed).permutation(len(own))[:NUM_SAMPLES]
    return list(dict.fromkeys([*FIXED, *(own[place] for place in sorted(chosen.tolist()))]))


def one_answer_check(texts: Sequence[str], rewards: Floats, own: Floats) -> Check:
    """Ask whether one of some texts, given to every prompt, scores as well as the policy.

    The text is chosen on every second prompt and judged on the others, so that the best of many does not win by luck.

    Args:
        texts: The texts.
        rewards: Theirs, a row a text and a column a prompt; NaN where unscored or where it is the policy's own sample.
        own: Mean reward of the policy's samples to each prompt; NaN where none is scored.

    Returns:
        The mean difference, with both means among the details.
    """
    gains = rewards - own
    # Prompts on which the policy is not scored say nothing, and neither do texts that are not scored on any.
    tried, tested = gains[:, ::2], gains[:, 1::2]
    scored = (~np.isnan(tried)).any(axis=1) & ((~np.isnan(tested)).sum(axis=1) >= MIN_GROUPS)
    if not scored.any():
        why = f"needs at least {2 * MIN_GROUPS} prompts with scored samples, got {int((~np.isnan(own)).sum())}"
        return left_out("signal", NAME, _MEASURE, ONE_ANSWER, why)
    means = np.full(len(texts), -np.inf)
    means[scored] = np.nanmean(tried[scored], axis=1)
    best = int(means.argmax())
    kept = ~np.isnan(tested[best])
    difference = bootstrap_mean(tested[best][kept])
    reward = float(rewards[best, 1::2][kept].mean())
    policy = float(own[1::2][kept].mean())
    reason = f"“{_short(texts[best])}” to every prompt scores {reward:.3f}, the policy's own answers {policy:.3f}"
    return replace(
        judged("signal", NAME, _MEASURE, difference, ONE_ANSWER, reason),
        details={"one_answer": reward, "policy": policy},
    )


def _short(text: str, length: int = 60) -> str:
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"
