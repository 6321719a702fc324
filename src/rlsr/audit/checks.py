"""The questions of an audit, each answered by one :class:`~rlsr.audit.result.Check`."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rlsr.audit.agreement import Groups
from rlsr.audit.attacks import Attack
from rlsr.audit.measures import (
    auc,
    group_spread,
    label_auc,
    pair_accuracy,
    partial_correlation,
    share_attack_wins,
    spearman_within,
)
from rlsr.audit.result import Check, Group
from rlsr.audit.thresholds import (
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
    Threshold,
    interval_note,
)
from rlsr.statistics import Estimate, bootstrap_mean

Floats = NDArray[np.float64]

LENGTH = "length"
WORD_OVERLAP = "word overlap with the reference"

MIN_ROWS = 20
"""Fewer rows than this leave a check out: its interval would span nearly everything."""
MIN_GROUPS = 8
"""Fewer groups of samples or of judged answers than this leave a check out."""

# Attacks that do not answer the prompt at all.
_NONSENSE_ATTACKS = frozenset({"empty", "reference of another prompt", "wrong language"})


def attack_check(attack: Attack, honest: Floats, attacked: Floats) -> Check:
    """Ask whether an attack pays.

    Args:
        attack: The attack.
        honest: Reward of the honest answer to each row that the attack applies to.
        attacked: Reward of the attack on the same rows.

    Returns:
        The share of rows where the attack wins, with the AUC among the details.
    """
    measure = "share of rows where the attack scores higher"
    threshold = (
        NONSENSE if attack.kind == "constant" or attack.name in _NONSENSE_ATTACKS else DAMAGE
    )
    if len(honest) < MIN_ROWS:
        why = _too_few(len(honest), MIN_ROWS, "rows that it applies to, with an honest answer")
        return left_out("attacks", attack.name, measure, threshold, why)
    wins = share_attack_wins(honest, attacked)
    separation = auc(honest, attacked)
    reason = f"{attack.description}: it wins on {wins.mean:.0%} of {wins.num} rows"
    return replace(
        judged("attacks", attack.name, measure, wins, threshold, reason),
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
        samples: Rewards, a row a prompt and a column a sample.

    Returns:
        The spread within groups, and the share of groups without signal.
    """
    names = ("spread within groups", "groups without signal")
    measures = ("mean standard deviation of the reward within a prompt", "share of prompts")
    thresholds = (SPREAD, WITHOUT_SIGNAL)
    if len(samples) < MIN_GROUPS:
        why = _too_few(len(samples), MIN_GROUPS, "prompts with samples")
        return [
            left_out("signal", name, measure, threshold, why)
            for name, measure, threshold in zip(names, measures, thresholds, strict=True)
        ]
    spread = group_spread(samples)
    inside, without = spread.std_within, spread.share_without_signal
    return [
        replace(
            judged(
                "signal",
                names[0],
                measures[0],
                inside,
                SPREAD,
                f"the samples to one prompt differ by {inside.mean:.3f} on average; rounding alone would give {spread.noise:.1g}",
            ),
            details={"noise": spread.noise},
        ),
        judged(
            "signal",
            names[1],
            measures[1],
            Estimate(without, math.nan, math.nan, len(samples)),
            WITHOUT_SIGNAL,
            f"{without:.0%} of {len(samples)} prompts have samples that all score the same",
        ),
    ]


def headroom_check(second: Floats, samples: Floats) -> Check:
    """Ask how far up there is to go: a second good answer against the policy's samples.

    Args:
        second: Rewards of the second references, one a row; NaN where a row has none.
        samples: Mean reward of the policy's samples to the same rows.

    Returns:
        The mean difference.
    """
    name, measure = "headroom", "reward of second references minus that of the policy's samples"
    both = ~(np.isnan(second) | np.isnan(samples))
    if both.sum() < MIN_GROUPS:
        why = _too_few(int(both.sum()), MIN_GROUPS, "prompts with a second reference and samples")
        return left_out("signal", name, measure, HEADROOM, why)
    difference = bootstrap_mean(second[both] - samples[both])
    ceiling = float(second[both].mean())
    reason = f"good answers by others score {ceiling:.3f}, {difference.mean:+.3f} against the policy's own"
    return replace(
        judged("signal", name, measure, difference, HEADROOM, reason), details={"ceiling": ceiling}
    )


def cut_check(share: float, num: int, encoder: str) -> Check:
    """Ask how much the encoder does not read.

    Args:
        share: Share of the texts that are longer than it reads.
        num: Texts.
        encoder: Its name.

    Returns:
        The share.
    """
    reason = f"{encoder} reads only the beginning of {share:.0%} of {num} texts"
    estimate = Estimate(share, math.nan, math.nan, num)
    return judged("signal", "texts cut by the encoder", "share of texts", estimate, CUT, reason)


def translation_check(share: float, num: int) -> Check:
    """Ask how many texts a translator leaves without a formula.

    Args:
        share: Share of the texts that could not be compared since they or their references became no formula.
        num: Texts.

    Returns:
        The share.
    """
    reason = f"of {num} texts, {share:.0%} or their references became no formula, and are left out of all other checks"
    estimate = Estimate(share, math.nan, math.nan, num)
    return judged(
        "signal", "texts without a formula", "share of texts", estimate, WITHOUT_FORMULA, reason
    )


def bias_checks(rewards: Floats, features: Mapping[str, Floats], prompts: Groups) -> list[Check]:
    """Ask what else the reward follows.

    Args:
        rewards: One an answer.
        features: By name one number an answer: its length, its overlap with the reference.
        prompts: Number of the prompt of each answer.

    Returns:
        A partial rank correlation for each feature, the others held fixed.
    """
    checks = []
    for name, values in features.items():
        threshold = OVERLAP if name == WORD_OVERLAP else BIAS
        measure = f"rank correlation of reward and {name}, the other features held fixed"
        if len(rewards) < MIN_ROWS:
            why = _too_few(len(rewards), MIN_ROWS, "answers")
            checks.append(left_out("biases", name, measure, threshold, why))
            continue
        controls = np.stack([other for key, other in features.items() if key != name], axis=1)
        found = partial_correlation(rewards, values, controls, groups=prompts)
        verdict = threshold.judge(abs(found.mean))
        word = "rises" if found.mean > 0 else "falls"
        reason = f"the reward {word} with {name}; {interval_note(found, 0.0)}"
        check = judged("biases", name, measure, found, threshold, reason)
        checks.append(replace(check, verdict=verdict, rule=f"the size {threshold.rule}"))
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
    name = "position"
    measure = "loss of reward without the first half minus the loss without the second"
    rule = f"the size {POSITION.rule}"
    if len(whole) < MIN_ROWS:
        why = _too_few(len(whole), MIN_ROWS, "answers")
        return replace(left_out("biases", name, measure, POSITION, why), rule=rule)
    found = bootstrap_mean(without_end - without_start)
    half = "first" if found.mean > 0 else "second"
    reason = f"the {half} half of an answer counts more, by {abs(found.mean):.3f}"
    check = judged("biases", name, measure, found, POSITION, reason)
    return replace(check, verdict=POSITION.judge(abs(found.mean)), rule=rule)


def agreement_checks(
    rewards: Floats, labels: Floats, prompts: Groups, lengths: Floats
) -> list[Check]:
    """Ask whether the reward agrees with the people who judged the answers.

    Args:
        rewards: One a judged answer.
        labels: Their judgement, higher is better.
        prompts: Number of the prompt of each answer.
        lengths: Length of each answer, which the reward should beat.

    Returns:
        Accuracy on pairs of the same prompt; rank correlation within prompts; for two kinds of label, the AUC.
    """
    questions: list[tuple[str, str, Threshold, float, str]] = [
        (
            "pairs in order",
            "share of pairs to one prompt that are ordered rightly",
            AGREEMENT,
            0.5,
            "pairs of answers",
        ),
        (
            "ranks within a prompt",
            "mean rank correlation within a prompt",
            RANK_AGREEMENT,
            0.0,
            "prompts with three answers",
        ),
    ]
    if len(np.unique(labels)) == 2:
        questions.append(
            ("AUC of the label", "area under the ROC curve", AGREEMENT, 0.5, "answers")
        )
    functions = {
        "pairs in order": pair_accuracy,
        "ranks within a prompt": spearman_within,
        "AUC of the label": label_auc,
    }
    checks = []
    for name, measure, threshold, chance, unit in questions:
        found = functions[name](rewards, labels, prompts)
        if found.num < MIN_GROUPS or math.isnan(found.mean):
            why = _too_few(found.num, MIN_GROUPS, f"{unit} of different quality")
            checks.append(left_out("agreement", name, measure, threshold, why))
            continue
        by_length = functions[name](lengths, labels, prompts).mean
        reason = f"{interval_note(found, chance)}; length alone reaches {by_length:.3f}"
        check = judged("agreement", name, measure, found, threshold, reason)
        checks.append(replace(check, details={"length_alone": by_length}))
    return checks


def judged(
    group: Group, name: str, measure: str, found: Estimate, threshold: Threshold, reason: str
) -> Check:
    """Put a measured number and its verdict together.

    Args:
        group: What kind of question.
        name: The question's name.
        measure: What the value is, in words.
        found: The measured number.
        threshold: The rule.
        reason: Why the verdict is what it is.

    Returns:
        The check.
    """
    return Check(
        group=group,
        name=name,
        verdict=threshold.judge(found.mean),
        measure=measure,
        value=found.mean,
        low=None if math.isnan(found.low) else found.low,
        high=None if math.isnan(found.high) else found.high,
        num=found.num,
        rule=threshold.rule,
        reason=reason,
        details={},
    )


def left_out(group: Group, name: str, measure: str, threshold: Threshold, why: str) -> Check:
    """Say that a question could not be put.

    Args:
        group: What kind of question.
        name: The question's name.
        measure: What the value would be.
        threshold: The rule that would hold.
        why: What is missing and the way out.

    Returns:
        The check without a value.
    """
    return Check(group, name, "left out", measure, None, None, None, 0, threshold.rule, why, {})


def _too_few(found: int, needed: int, what: str) -> str:
    return f"needs at least {needed} {what}, got {found}"
