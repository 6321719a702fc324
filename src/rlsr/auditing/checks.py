"""An audit puts these questions to the reward. Each is answered by a check, which says what to do about it, too."""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from rlsr.auditing.agreement import judgement_auc, pair_accuracy, spearman_within
from rlsr.auditing.attacks import Attack
from rlsr.auditing.measures import auc, group_spread, partial_correlation, share_attack_wins
from rlsr.auditing.question import Question
from rlsr.auditing.result import Check
from rlsr.auditing.thresholds import (
    AGREEMENT,
    BIAS,
    CUT,
    DAMAGE,
    HEADROOM,
    NONSENSE,
    OVERLAP,
    POSITION,
    RANK_AGREEMENT,
    SPREAD,
    WITHOUT_FORMULA,
    WITHOUT_SIGNAL,
)
from rlsr.config.rewards import RewardConfig
from rlsr.statistics import Estimate, bootstrap_mean
from rlsr.statistics.resamples import Groups

Floats = NDArray[np.float64]

LENGTH = "length"
WORD_OVERLAP = "word overlap with the reference"

MIN_ROWS = 20
"""Fewer rows than this leave a check out: a single row would decide the verdict. Intervals take more."""
MIN_GROUPS = 8
"""Fewer groups of samples or of judged answers than this leave a check out."""

_SPREAD = Question(
    "signal",
    "spread within groups",
    "mean standard deviation of the reward within a prompt",
    SPREAD,
)
_WITHOUT_SIGNAL = Question("signal", "groups without signal", "share of prompts", WITHOUT_SIGNAL)
_HEADROOM = Question(
    "signal",
    "headroom",
    "reward of second references minus that of the policy's samples",
    HEADROOM,
)
_CUT = Question("signal", "texts cut by the encoder", "share of texts", CUT)
_WITHOUT_FORMULA = Question("signal", "texts without a formula", "share of texts", WITHOUT_FORMULA)
_POSITION = Question(
    "biases",
    "position",
    "loss of reward without the first half minus the loss without the second",
    POSITION,
)
# Each with its measure, what a reward that knows nothing would get, and what is counted. The AUC is for two kinds of judgement.
_PAIRS = (
    Question(
        "agreement",
        "pairs in order",
        "share of pairs to one prompt that are ordered rightly",
        AGREEMENT,
    ),
    pair_accuracy,
    0.5,
    "pairs of answers",
)
_RANKS = (
    Question(
        "agreement",
        "ranks within a prompt",
        "mean rank correlation within a prompt",
        RANK_AGREEMENT,
    ),
    spearman_within,
    0.0,
    "prompts with three answers",
)
_AUC = (
    Question("agreement", "AUC of the judgements", "area under the ROC curve", AGREEMENT),
    judgement_auc,
    0.5,
    "answers",
)


def attack_check(attack: Attack, honest: Floats, attacked: Floats, settings: RewardConfig) -> Check:
    """Ask whether an attack pays.

    Args:
        attack: The attack.
        honest: The reward of the honest answer to each row that the attack applies to.
        attacked: The reward of the attack on the same rows.
        settings: The reward's settings, which the advice names.

    Returns:
        The share of rows where the attack wins, with the AUC among the details.
    """
    question = Question(
        "attacks",
        attack.name,
        "share of rows where the attack scores higher",
        NONSENSE if attack.kind == "nonsense" else DAMAGE,
    )
    if len(honest) < MIN_ROWS:
        return question.leave_out(
            _too_few(len(honest), MIN_ROWS, "rows that it applies to, with an honest answer")
        )
    wins = share_attack_wins(honest, attacked)
    if wins.num == 0:
        return question.leave_out(f"none of {len(honest)} rows could be scored")
    separation = auc(honest, attacked)
    return question.judge(
        wins,
        f"{attack.description}: it wins on {wins.mean:.0%} of {wins.num} rows",
        advice=attack.advice(settings, wins.mean),
        details={
            "auc": separation.mean,
            "auc_low": separation.low,
            "auc_high": separation.high,
            "mean_honest": float(np.nanmean(honest)),
            "mean_attacked": float(np.nanmean(attacked)),
        },
    )


def signal_checks(samples: Floats) -> list[Check]:
    """Ask whether the reward tells the policy's samples to one prompt apart.

    Args:
        samples: Rewards, a row for each prompt and a column for each sample.

    Returns:
        The spread within groups, and the share of groups without signal.
    """
    if len(samples) < MIN_GROUPS:
        why = _too_few(len(samples), MIN_GROUPS, "prompts with samples")
        return [_SPREAD.leave_out(why), _WITHOUT_SIGNAL.leave_out(why)]
    spread = group_spread(samples)
    inside, without = spread.std_within, spread.share_without_signal
    return [
        _SPREAD.judge(
            inside,
            f"the samples to one prompt differ by {inside.mean:.3f} on average; rounding alone would give {spread.noise:.1g}",
            advice="The samples to one prompt score nearly the same: raise method.num_generations, start from a policy that "
            "answers more differently, or leave out prompts with one obvious answer.",
            details={"noise": spread.noise},
        ),
        _WITHOUT_SIGNAL.judge(
            Estimate(without, math.nan, math.nan, len(samples)),
            f"{without:.0%} of {len(samples)} prompts have samples that all score the same",
        ),
    ]


def headroom_check(second: Floats, samples: Floats) -> Check:
    """Ask how far up there is to go: a second good answer against the policy's samples.

    Args:
        second: The reward of the second reference of each row; NaN where a row has none.
        samples: The mean reward of the policy's samples to the same rows.
    """
    both = ~(np.isnan(second) | np.isnan(samples))
    if both.sum() < MIN_GROUPS:
        return _HEADROOM.leave_out(
            _too_few(int(both.sum()), MIN_GROUPS, "prompts with a second reference and samples")
        )
    difference = bootstrap_mean(second[both] - samples[both])
    ceiling = float(second[both].mean())
    return _HEADROOM.judge(
        difference,
        f"good answers by others score {ceiling:.3f}, {difference.mean:+.3f} against the policy's own",
        details={"ceiling": ceiling},
    )


def cut_check(share: float, num: int, encoder: str) -> Check:
    """Ask how much the encoder does not read.

    Args:
        share: The share of the texts that are longer than the encoder reads.
        num: The number of texts.
        encoder: The encoder's name.
    """
    return _CUT.judge(
        Estimate(share, math.nan, math.nan, num),
        f"{encoder} reads only the beginning of {share:.0%} of {num} texts",
        advice=f"The encoder does not read the end of {share:.0%} of the texts: use embedding=builtin:wordllama, which reads "
        "all, or an encoder with a longer limit.",
    )


def translation_check(share: float, num: int) -> Check:
    """Ask how many texts a translator leaves without a formula.

    Args:
        share: The share of the texts that could not be compared since they or their references became no formula.
        num: The number of texts.
    """
    return _WITHOUT_FORMULA.judge(
        Estimate(share, math.nan, math.nan, num),
        f"of {num} texts, {share:.0%} or their references became no formula, and are left out of all other checks",
        advice=f"The translator makes no formula of {share:.0%} of the texts or of their references: ask it as it was trained "
        "(reward.translator.prompt), raise reward.translator.max_tokens, or take a better one.",
    )


def bias_checks(rewards: Floats, features: Mapping[str, Floats], prompts: Groups) -> list[Check]:
    """Ask what else the reward follows.

    Args:
        rewards: The reward of each answer.
        features: Numbers of each answer by the name of what they measure: its length, its overlap with the reference.
        prompts: The number of the prompt of each answer.

    Returns:
        A partial rank correlation for each feature, the others held fixed.
    """
    checks = []
    for name, values in features.items():
        question = Question(
            "biases",
            name,
            f"rank correlation of reward and {name}, the other features held fixed",
            OVERLAP if name == WORD_OVERLAP else BIAS,
        )
        if len(rewards) < MIN_ROWS:
            checks.append(question.leave_out(_too_few(len(rewards), MIN_ROWS, "answers")))
            continue
        controls = np.stack([other for key, other in features.items() if key != name], axis=1)
        found = partial_correlation(rewards, values, controls, groups=prompts)
        word = "rises" if found.mean > 0 else "falls"
        checks.append(
            question.judge(found, f"the reward {word} with {name}; {_interval_note(found, 0.0)}")
        )
    return checks


def position_check(whole: Floats, without_start: Floats, without_end: Floats) -> Check:
    """Ask whether the beginning of an answer counts more than its end.

    Args:
        whole: Rewards of whole answers.
        without_start: Rewards of their second halves.
        without_end: Rewards of their first halves.

    Returns:
        How much more the loss of the first half costs than that of the second.
    """
    if len(whole) < MIN_ROWS:
        return _POSITION.leave_out(_too_few(len(whole), MIN_ROWS, "answers"))
    found = bootstrap_mean(without_end - without_start)
    half = "first" if found.mean > 0 else "second"
    return _POSITION.judge(
        found, f"the {half} half of an answer counts more, by {abs(found.mean):.3f}"
    )


def agreement_checks(
    rewards: Floats, judgements: Floats, prompts: Groups, lengths: Floats
) -> list[Check]:
    """Ask whether the reward agrees with the people who judged the answers.

    Args:
        rewards: The reward of each judged answer.
        judgements: How good people found the answer; higher is better.
        prompts: The number of the prompt of each answer.
        lengths: The length of each answer, which the reward should beat.

    Returns:
        Accuracy on pairs of the same prompt; rank correlation within prompts; for two kinds of judgement, the AUC.
    """
    are_two_kinds = len(np.unique(judgements)) == 2
    checks = []
    for question, measure, chance, unit in (_PAIRS, _RANKS, *([_AUC] if are_two_kinds else [])):
        found = measure(rewards, judgements, prompts)
        if found.num < MIN_GROUPS or math.isnan(found.mean):
            why = _too_few(found.num, MIN_GROUPS, f"{unit} of different quality")
            checks.append(question.leave_out(why))
            continue
        by_length = measure(lengths, judgements, prompts).mean
        checks.append(
            question.judge(
                found,
                f"{_interval_note(found, chance)}; length alone reaches {by_length:.3f}",
                details={"length_alone": by_length},
            )
        )
    return checks


def _interval_note(estimate: Estimate, chance: float) -> str:
    """Say whether an interval leaves behind what a reward that knows nothing would get."""
    if math.isnan(estimate.low):
        return f"too few to tell from {chance:g}, chance, by an interval"
    if estimate.low > chance or estimate.high < chance:
        return f"its interval excludes {chance:g}"
    return f"its interval includes {chance:g}, chance"


def _too_few(found: int, needed: int, what: str) -> str:
    return f"needs at least {needed} {what}, got {found}"
