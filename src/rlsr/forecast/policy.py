"""The forecast of a loaded policy: it answers, the answers are scored, and the rest is arithmetic."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rlsr.config import RunConfig
from rlsr.config.embedding import embedding_named
from rlsr.config.forecast import MIN_PROMPTS
from rlsr.data import PromptRecord
from rlsr.embeddings import Embedder
from rlsr.engines import SilentObserver, TrainingObserver
from rlsr.errors import ConfigError, DataError, RewardError
from rlsr.evaluation.generate import answer_prompts
from rlsr.evaluation.metrics import HeldoutBatch, Metric, in_reward, metrics_of
from rlsr.evaluation.metrics.checked import metric_scores
from rlsr.forecast.calibration import Calibration
from rlsr.forecast.from_samples import Intervals, MetricScores, Samples, forecast
from rlsr.forecast.learning import sft_learning
from rlsr.forecast.repeated_facts import repeated_facts_of
from rlsr.forecast.result import UNSEEN, Forecast, Prompts
from rlsr.forecast.selection import Floats
from rlsr.models import Policy
from rlsr.models.generate import generate_responses
from rlsr.rewards import Reward, RewardBatch, RewardResult, reward_kind
from rlsr.runs.rows import StepRow

REPEATED_FACTS = Metric(
    "repeated_facts",
    lambda batch: repeated_facts_of(batch.responses),
    label="share of a clause that is said twice",
    short_label="repeated facts",
    better="lower",
)
"""Beside the metrics of an evaluation."""


@dataclass(frozen=True)
class _Answers:
    """A policy's answers, one a row."""

    records: Sequence[PromptRecord]
    texts: Sequence[str]
    ended: Sequence[bool]


def forecast_policy(  # noqa: PLR0913 - the policy, what scores it, and what is known of it
    config: RunConfig,
    policy: Policy,
    records: Sequence[PromptRecord],
    *,
    reward: Reward,
    independent: Embedder | None,
    calibration: Calibration,
    steps: Sequence[StepRow] = (),
    prompts: Prompts = "unknown",
    observer: TrainingObserver | None = None,
) -> Forecast:
    """Say whether RLSR will raise the unseen similarity of a policy.

    Args:
        config: The resolved config: reward, longest answer, what is sampled, intervals.
        policy: As SFT has left it; its mode and PyTorch's generator stay as they are.
        records: Prompts that are not held out; the better if they were not trained on. All of them are asked.
        reward: What RLSR would train on.
        independent: The encoder that the reward never saw.
        calibration: What RLSR gave where that is known.
        steps: The steps of the SFT; empty where they are not known.
        prompts: What the policy has seen of the prompts.
        observer: Who watches.

    Returns:
        The forecast.

    Raises:
        ConfigError: There is no independent encoder.
        DataError: There are too few prompts.
        RewardError: The reward scores too few answers.
    """
    require_askable(config, records)
    observer = observer or SilentObserver()
    started = time.perf_counter()
    greedy = _answer_greedily(config, policy, records, observer)
    sampled = _sample(config, policy, records, observer)
    observer.on_stage("scoring")
    samples = _score(config, greedy, sampled, reward, independent)
    _require_scores(samples, config)
    settings = config.evaluation
    return forecast(
        replace(samples, prompts=prompts),
        calibration,
        sft_learning(steps, settings.confidence),
        intervals=Intervals(settings.confidence, settings.num_resamples),
        seconds=time.perf_counter() - started,
    )


def require_askable(config: RunConfig, records: Sequence[PromptRecord]) -> None:
    """Refuse what no forecast can be made of, before anything is loaded.

    Args:
        config: As for the forecast.
        records: The prompts.

    Raises:
        ConfigError: There is no independent encoder.
        DataError: There are too few prompts.
    """
    if config.independent_embedding is None:
        raise ConfigError(
            "evaluation.independent_embedding: a forecast asks an encoder that the reward never saw, got null; name one, or "
            "leave it out"
        )
    if len(records) < MIN_PROMPTS:
        raise DataError(
            f"{config.data.path}: a forecast needs at least {MIN_PROMPTS} prompts that are not held out, got {len(records)}; give "
            "more data, or set more aside with validation.num_prompts"
        )


def _answer_greedily(
    config: RunConfig, policy: Policy, records: Sequence[PromptRecord], observer: TrainingObserver
) -> _Answers:
    observer.on_stage(f"answering {len(records)} prompts greedily")
    texts, cut = answer_prompts(
        policy,
        records,
        max_response_tokens=_limit(config),
        batch_size=config.evaluation.batch_size,
        on_progress=observer.on_progress,
    )
    return _Answers(records, texts, [not was_cut for was_cut in cut])


def _sample(
    config: RunConfig, policy: Policy, records: Sequence[PromptRecord], observer: TrainingObserver
) -> _Answers:
    """Sample a group of answers to each prompt, as a rollout does, those to one prompt next to each other."""
    number = config.forecast.num_generations
    observer.on_stage(f"sampling {number} answers to each of {len(records)} prompts")
    groups = generate_responses(
        policy,
        [record.messages for record in records],
        num_generations=number,
        max_response_tokens=_limit(config),
        batch_size=config.evaluation.batch_size,
        temperature=1.0,
        seeds=[(config.seed, row) for row in range(number * len(records))],
        on_progress=observer.on_progress,
    )
    answers = [answer for group in groups for answer in group]
    return _Answers(
        [record for record in records for _ in range(number)],
        [answer.text for answer in answers],
        [not answer.was_cut for answer in answers],
    )


def _score(
    config: RunConfig,
    greedy: _Answers,
    sampled: _Answers,
    reward: Reward,
    independent: Embedder | None,
) -> Samples:
    shape = (len(greedy.records), -1)
    result = _rewarded(reward, sampled)
    of_greedy = _batch(config, greedy, _rewarded(reward, greedy), independent)
    of_sampled = _batch(config, sampled, result, independent)
    return Samples(
        rewards=result.scores.reshape(shape),
        metrics={
            metric.name: MetricScores(
                metric.short_label,
                metric.digits,
                metric is not REPEATED_FACTS and in_reward(metric.name, config),
                greedy=_values(metric, of_greedy),
                sampled=_values(metric, of_sampled).reshape(shape),
            )
            for metric in (*metrics_of(config), REPEATED_FACTS)
        },
        reward=reward_kind(config).describe(config),
        encoder=_encoder_name(config),
        prompts="unknown",
    )


def _encoder_name(config: RunConfig) -> str:
    assert config.independent_embedding is not None, "required above"
    return embedding_named(config.independent_embedding).name


def _rewarded(reward: Reward, answers: _Answers) -> RewardResult:
    return reward.score(RewardBatch(answers.records, answers.texts, answers.ended))


def _batch(
    config: RunConfig, answers: _Answers, result: RewardResult, independent: Embedder | None
) -> HeldoutBatch:
    return HeldoutBatch(answers.records, answers.texts, answers.ended, result, independent, config)


def _values(metric: Metric, batch: HeldoutBatch) -> Floats:
    return np.asarray(metric_scores(metric, batch), dtype=np.float64)


def _require_scores(samples: Samples, config: RunConfig) -> None:
    """Refuse to forecast from too few rewards or similarities."""
    scored = ~np.isnan(samples.rewards) & ~np.isnan(samples.metrics[UNSEEN].sampled)
    num_scored = int(scored.any(axis=1).sum())
    if num_scored < MIN_PROMPTS:
        raise RewardError(
            f"reward: a forecast needs at least {MIN_PROMPTS} prompts with an answer that reward and independent encoder score, "
            f"got {num_scored} of {len(scored)} by {samples.reward}; `rlsr audit {config.data.path}` shows what it cannot score"
        )


def _limit(config: RunConfig) -> int:
    limit = config.method.max_response_tokens
    assert limit is not None, "resolved by the plan"
    return limit
