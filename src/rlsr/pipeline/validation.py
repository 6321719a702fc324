"""Prompts that are neither trained on nor held out, and what a policy is measured by on them while it is trained."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import get_args

import numpy as np

from rlsr.config import RunConfig
from rlsr.config.validation import MetricOfScorers, ValidationConfig
from rlsr.data import PromptRecord
from rlsr.data.stored import take
from rlsr.embeddings import Embedder
from rlsr.errors import ConfigError
from rlsr.evaluation import Evaluation, PairEvaluation
from rlsr.evaluation.metrics import HeldoutBatch, describe
from rlsr.evaluation.metrics.checked import metric_scores
from rlsr.evaluation.suites.suite import Scored, Suite
from rlsr.models import Policy
from rlsr.models.likelihood import reference_nlls
from rlsr.processes import Processes
from rlsr.rewards import Reward, RewardBatch, RewardResult
from rlsr.rewards.protocol import Scores


def number_set_aside(rule: ValidationConfig, keys: np.ndarray) -> int:
    """Say how many prompts are taken out of the training prompts.

    Args:
        rule: With a share or a count.
        keys: Of the training prompts, their ``prompt_key``.

    Returns:
        The count, or what the share comes to: at least one prompt where two differ, and never all.
    """
    if rule.num_prompts == 0 or rule.num_prompts >= 1:
        return int(rule.num_prompts)
    num_different = len(np.unique(keys))
    wanted = max(1, round(rule.num_prompts * num_different))
    return min(wanted, rule.max_prompts, num_different - 1)


def set_aside(
    records: Sequence[PromptRecord], keys: np.ndarray, num_prompts: int, *, seed: int
) -> tuple[Sequence[PromptRecord], tuple[PromptRecord, ...]]:
    """Take prompts out of the training prompts.

    Rows whose prompts differ in case and white space alone leave the training together, and the first of them is measured.

    Args:
        records: The training prompts.
        keys: Their ``prompt_key``.
        num_prompts: How many to take.
        seed: Of the choice; a smaller number takes some of the same prompts.

    Returns:
        Those to train on, and those that were taken, both in their order.

    Raises:
        ConfigError: None would be left to train on.
    """
    first = np.sort(np.unique(keys, return_index=True)[1])
    if num_prompts and num_prompts >= len(first):
        raise ConfigError(
            f"validation.num_prompts: must leave something to train on, got {num_prompts} of {len(first)} different training "
            "prompts; lower it"
        )
    taken = np.sort(first[np.random.default_rng(seed).permutation(len(first))[:num_prompts]])
    kept = np.flatnonzero(~np.isin(keys, keys[taken]))
    return take(records, kept), tuple(take(records, taken))


def make_validation(
    config: RunConfig,
    records: Sequence[PromptRecord],
    *,
    reward: Reward,
    independent: Embedder | None,
    tokens_per_pass: int,
    processes: Processes,
) -> Callable[[Policy], Mapping[str, Scores]]:
    """Make what measures a policy on validation prompts.

    Args:
        config: The resolved config.
        records: The prompts.
        reward: Scores answers, where that is what is measured.
        independent: The encoder that the reward never saw; None where the config names none.
        tokens_per_pass: Tokens of a forward pass over references.
        processes: Those that answer together, each its share of the prompts.

    Returns:
        From a policy to the scores of the answers, in the order of the prompts, or to the one mean over the tokens of the references, by
        the name of the metric, the same in every process; NaN is not scored. Where training aims at a reward and something else chooses
        the weights, the reward of the same answers stands beside it: a gap between the two is what hacking looks like. Of a scorer the
        numbers of pairs.
    """
    metric = config.validation_metric
    if config.method.makes == "scorer":
        pairs = PairEvaluation(records, config, processes)

        def of_pairs(scorer: Policy) -> Mapping[str, Scores]:
            scores = pairs.run(scorer).scores
            return {name: scores[name] for name in get_args(MetricOfScorers)}

        return of_pairs
    limit = config.method.max_response_tokens
    assert limit is not None, "resolved by the plan"
    if metric == "nll":

        def nll(policy: Policy) -> Mapping[str, Scores]:
            own = reference_nlls(
                policy,
                processes.share(records),
                max_response_tokens=limit,
                tokens_per_pass=tokens_per_pass,
            )
            sums, counts = zip(*processes.merge(own), strict=True)
            return {metric: np.array([sum(sums) / sum(counts)])}

        return nll
    names = [metric, "reward"] if config.method.num_sampled else [metric]
    suite = _FewMetrics(
        dict.fromkeys(names), records, reward=reward, independent=independent, config=config
    )
    evaluation = Evaluation(suite, config, processes, "validation")

    def of_answers(policy: Policy) -> Mapping[str, Scores]:
        scores = evaluation.run(policy).scores
        return {name: scores[name] for name in dict.fromkeys(names)}

    return of_answers


class _FewMetrics(Suite):
    """Scores answers by some metrics of the held-out table.

    Args:
        names: Of the metrics.
        records: The prompts.
        reward: What the policy is trained on; it is asked where the metric is its own.
        independent: The encoder that the reward never saw.
        config: The resolved config.
    """

    def __init__(
        self,
        names: Iterable[str],
        records: Sequence[PromptRecord],
        *,
        reward: Reward,
        independent: Embedder | None,
        config: RunConfig,
    ) -> None:
        self._metrics = tuple(map(describe, names))
        self._records = tuple(records)
        self._reward = reward
        self._independent = independent
        self._config = config

    @property
    def records(self) -> Sequence[PromptRecord]:
        """The validation prompts."""
        return self._records

    def score(self, responses: Sequence[str], ended: Sequence[bool | None]) -> Scored:
        """Score answers.

        Args:
            responses: One a prompt.
            ended: Whether each ended by itself.
        """
        # A reward may ask a model or a server, and its seconds count.
        result = (
            self._reward.score(RewardBatch(self._records, responses, ended))
            if any(metric.of_reward for metric in self._metrics)
            else RewardResult(np.full(len(responses), math.nan), {})
        )
        batch = HeldoutBatch(
            self._records, responses, ended, result, self._independent, self._config
        )
        return Scored({metric.name: metric_scores(metric, batch) for metric in self._metrics})
