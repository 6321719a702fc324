"""An audit scores honest answers, attacks and samples, and makes checks and recommendations of the rewards."""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlsr.auditing.attacks import ATTACKS, AttackRow
from rlsr.auditing.checks import (
    LENGTH,
    WORD_OVERLAP,
    agreement_checks,
    attack_check,
    bias_checks,
    cut_check,
    headroom_check,
    position_check,
    signal_checks,
    translation_check,
)
from rlsr.auditing.honest import HonestAnswers
from rlsr.auditing.one_answer import one_answer_check, one_answers
from rlsr.auditing.recommend import recommendations
from rlsr.auditing.result import AttackExample, Audit, Check, EncoderComparison
from rlsr.auditing.rows import AuditRow
from rlsr.config.run import RunConfig
from rlsr.rewards import Reward, RewardBatch, reward_kind
from rlsr.runs.step_metrics import CUT_BY_ENCODER, UNTRANSLATED

Floats = NDArray[np.float64]

NUM_EXAMPLES = 3


@dataclass(frozen=True)
class AuditJob:
    """What is to be audited, and with what."""

    data: str
    """The data, as the config names it."""
    rows: tuple[AuditRow, ...]
    """Prompts and references."""
    honest: HonestAnswers
    """Answers that ought to beat the attacks."""
    samples: tuple[tuple[str, ...], ...]
    """The policy's samples to the first rows, equally many to each of them; empty without a policy."""
    config: RunConfig
    """The config of the run to be: its reward is audited, and its seed is that of the attacks."""


class RewardUnderAudit:
    """The reward, counting what it costs.

    Args:
        encoder: The encoder's name in the config.
        reward: The reward with that encoder.
    """

    def __init__(self, encoder: str, reward: Reward) -> None:
        self.encoder = encoder
        self.num_scored = 0
        self.seconds = 0.0
        self.num_cut = 0.0
        self.num_without_formula = 0.0
        self._reward = reward

    @property
    def is_translated(self) -> bool:
        """Whether texts are compared by what a translator makes of them."""
        return any(part.column == UNTRANSLATED for part in self._reward.parts)

    def score(self, rows: Sequence[AuditRow], texts: Sequence[str]) -> Floats:
        """Score one answer a row.

        Args:
            rows: What is answered.
            texts: The answers.

        Returns:
            Rewards, NaN where unscored.
        """
        if not rows:
            return np.empty(0)
        started = time.perf_counter()
        result = self._reward.score(RewardBatch([row.record for row in rows], texts))
        self.seconds += time.perf_counter() - started
        self.num_scored += len(rows)
        # Not every reward reads with a limit.
        parts = result.components
        self.num_cut += sum(
            float(parts[part.name].sum())
            for part in self._reward.parts
            if part.column == CUT_BY_ENCODER and part.name in parts
        )
        if self.is_translated:
            self.num_without_formula += float(
                (np.isnan(parts["logic"]) & (parts["empty"] == 0)).sum()
            )
        return result.scores


def run_audit(
    job: AuditJob,
    rewards: Sequence[tuple[str, Callable[[], Reward]]],
    on_stage: Callable[[str], None] = lambda _: None,
) -> Audit:
    """Put every question to the reward.

    Args:
        job: Rows, honest answers, samples and settings.
        rewards: The audited reward first, then the same with other encoders to compare it with: the encoder's name, and how
            the reward is opened. One is open at a time.
        on_stage: What is told in words what is being done.
    """
    started = time.perf_counter()
    attacks = _attacks(job)
    name, open_audited = rewards[0]
    on_stage(f"scoring with {name}")
    with closing(open_audited()) as opened:
        reward = RewardUnderAudit(name, opened)
        attack_checks, examples, scores = _attack_part(job, reward, attacks)
        checks = [
            *attack_checks,
            *_signal_part(job, reward),
            *_bias_part(job, reward),
            *_agreement_part(job, reward),
        ]
    compared = []
    if len(rewards) > 1:
        compared.append(_compare(reward, attack_checks))
    for other, open_other in rewards[1:]:
        on_stage(f"scoring with {other}")
        with closing(open_other()) as opened:
            rival = RewardUnderAudit(other, opened)
            compared.append(_compare(rival, _attack_part(job, rival, attacks)[0]))
    return Audit(
        data=job.data,
        reward=reward_kind(job.config).describe(job.config),
        encoder=name,
        num_rows=len(job.rows),
        honest=job.honest.source,
        checks=tuple(checks),
        examples=tuple(examples),
        scores={kind: tuple(values.tolist()) for kind, values in scores.items()},
        encoders=tuple(compared),
        recommendations=tuple(
            recommendations(checks, job.config.reward, compared, job.honest.source)
        ),
        seconds=time.perf_counter() - started,
    )


def _attacks(job: AuditJob) -> dict[str, list[str | None]]:
    rows = [
        AttackRow(job.rows[place].record.prompt, job.rows[place].record.reference, text)
        for place, text in zip(job.honest.rows, job.honest.texts, strict=True)
    ]
    return {attack.name: attack.make(rows, job.config.seed) for attack in ATTACKS}


def _attack_part(
    job: AuditJob, reward: RewardUnderAudit, attacks: dict[str, list[str | None]]
) -> tuple[list[Check], list[AttackExample], dict[str, Floats]]:
    rows = [job.rows[place] for place in job.honest.rows]
    honest = reward.score(rows, job.honest.texts)
    references = reward.score(rows, [row.record.reference for row in rows])
    scores = {"reference": references, "honest": honest}
    checks, examples = [], []
    for attack in ATTACKS:
        texts = attacks[attack.name]
        places = [place for place, text in enumerate(texts) if text is not None]
        changed = [text for text in texts if text is not None]
        attacked = reward.score([rows[place] for place in places], changed)
        checks.append(attack_check(attack, honest[places], attacked, job.config.reward))
        scores[attack.name] = attacked
        gains = attacked - honest[places]
        for best in np.argsort(-np.nan_to_num(gains, nan=-np.inf))[:NUM_EXAMPLES].tolist():
            place = places[best]
            examples.append(
                AttackExample(
                    attack=attack.name,
                    prompt=rows[place].record.prompt,
                    reference=rows[place].record.reference,
                    honest=job.honest.texts[place],
                    attacked=changed[best],
                    honest_score=float(honest[place]),
                    attacked_score=float(attacked[best]),
                )
            )
    return checks, examples, scores


def _signal_part(job: AuditJob, reward: RewardUnderAudit) -> list[Check]:
    samples = _score_samples(job, reward)
    second = [row.second_reference or "" for row in job.rows]
    has_second = [place for place, text in enumerate(second) if text.strip()]
    ceiling = np.full(len(job.rows), np.nan)
    ceiling[has_second] = reward.score(
        [job.rows[place] for place in has_second], [second[place] for place in has_second]
    )
    own = np.full(len(job.rows), np.nan)
    own[: len(samples)] = samples.mean(axis=1)
    # Before texts are scored that nobody wrote for their prompt.
    num, num_cut, num_without = reward.num_scored, reward.num_cut, reward.num_without_formula
    texts, rewards = _score_one_answers(job, reward)
    checks = [
        *signal_checks(samples),
        headroom_check(ceiling, own),
        one_answer_check(texts, rewards, own[: len(samples)]),
        cut_check(num_cut / max(num, 1), num, reward.encoder),
    ]
    if reward.is_translated:
        checks.append(translation_check(num_without / max(num, 1), num))
    return checks


def _score_samples(job: AuditJob, reward: RewardUnderAudit) -> Floats:
    rows = [row for row, texts in zip(job.rows, job.samples, strict=False) for _ in texts]
    flat = [text for texts in job.samples for text in texts]
    width = len(job.samples[0]) if job.samples else 1
    return reward.score(rows, flat).reshape(-1, width)


def _score_one_answers(job: AuditJob, reward: RewardUnderAudit) -> tuple[list[str], Floats]:
    """Score some texts on every prompt that the policy has answered.

    The rewards are (text, prompt), and NaN where the text is one of the policy's own samples to the prompt.
    """
    texts = one_answers(job.samples, job.config.seed)
    rows = job.rows[: len(job.samples)]
    scores = reward.score(
        [row for _ in texts for row in rows], [text for text in texts for _ in rows]
    )
    scores = scores.reshape(len(texts), len(rows))
    is_own = [[text in samples for samples in job.samples] for text in texts]
    return texts, np.where(np.array(is_own, dtype=np.bool_).reshape(scores.shape), np.nan, scores)


def _bias_part(job: AuditJob, reward: RewardUnderAudit) -> list[Check]:
    """Look for biases in the policy's samples, or in the judged answers where there are none, or else in the honest ones."""
    places, texts = _free_answers(job)
    rows = [job.rows[place] for place in places]
    rewards = reward.score(rows, texts)
    features = {
        LENGTH: np.array([len(text) for text in texts], dtype=np.float64),
        WORD_OVERLAP: np.array(
            [_overlap(text, row.record.reference) for text, row in zip(texts, rows, strict=True)]
        ),
    }
    scored = ~np.isnan(rewards)
    halves = [_halves(text) for text in texts]
    long = np.array([bool(first and second) for first, second in halves], dtype=np.bool_) & scored
    kept = np.flatnonzero(long).tolist()
    without_start = reward.score([rows[k] for k in kept], [halves[k][1] for k in kept])
    without_end = reward.score([rows[k] for k in kept], [halves[k][0] for k in kept])
    prompts = np.array(places, dtype=np.int64)
    return [
        *bias_checks(
            rewards[scored], {name: v[scored] for name, v in features.items()}, prompts[scored]
        ),
        position_check(rewards[kept], without_start, without_end),
    ]


def _free_answers(job: AuditJob) -> tuple[list[int], list[str]]:
    if job.samples:
        pairs = [(place, text) for place, texts in enumerate(job.samples) for text in texts]
    elif any(row.answers for row in job.rows):
        pairs = [
            (place, answer.text) for place, row in enumerate(job.rows) for answer in row.answers
        ]
    else:
        pairs = list(zip(job.honest.rows, job.honest.texts, strict=True))
    pairs = [(place, text) for place, text in pairs if text.strip()]
    return [place for place, _ in pairs], [text for _, text in pairs]


def _agreement_part(job: AuditJob, reward: RewardUnderAudit) -> list[Check]:
    judged = [(place, answer) for place, row in enumerate(job.rows) for answer in row.answers]
    rewards = reward.score(
        [job.rows[place] for place, _ in judged], [answer.text for _, answer in judged]
    )
    return agreement_checks(
        rewards,
        np.array([answer.label for _, answer in judged]),
        np.array([place for place, _ in judged], dtype=np.int64),
        np.array([len(answer.text) for _, answer in judged], dtype=np.float64),
    )


def _compare(reward: RewardUnderAudit, checks: Sequence[Check]) -> EncoderComparison:
    caught = [
        (attack, 1 - check.value)
        for attack, check in zip(ATTACKS, checks, strict=True)
        if check.value is not None
    ]
    return EncoderComparison(
        encoder=reward.encoder,
        attacks_caught=_mean([share for _, share in caught]),
        facts_caught=_mean([share for attack, share in caught if attack.kind == "fact"]),
        share_cut=reward.num_cut / max(reward.num_scored, 1),
        ms_per_response=1000 * reward.seconds / max(reward.num_scored, 1),
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _overlap(text: str, reference: str) -> float:
    """Measure the share of the reference's distinct words that the text has."""
    words = set(reference.lower().split())
    return len(words & set(text.lower().split())) / len(words) if words else 0.0


def _halves(text: str) -> tuple[str, str]:
    words = text.split()
    middle = len(words) // 2
    return " ".join(words[:middle]), " ".join(words[middle:])
