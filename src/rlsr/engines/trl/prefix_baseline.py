"""Advantages of tokens: what the reward already said of a response up to there is taken from that of the whole."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from rlsr.config.method import RlsrMethod
from rlsr.engines.trl.host import HostOverrides
from rlsr.engines.trl.reward_function import RECORD_COLUMN, RewardFunction
from rlsr.engines.trl.step import Addition, Step
from rlsr.methods.advantages import Floats
from rlsr.methods.prefix_baseline import prefix_baselines, prefix_weights


@dataclass(frozen=True)
class PrefixBaseline(Addition):
    """Gives each token an advantage of its own; it comes after what changes those of the responses."""

    method: RlsrMethod
    """Advantages, and how far apart prefixes are."""
    reward_function: RewardFunction
    """Scores prefixes."""

    def after_rollout(self, step: Step, host: HostOverrides) -> Step:
        """Score the prefixes of the responses of this process, and compare each with those of its group."""
        config = self.method.advantage
        scores = host.timed("reward", lambda: self._scores(step, host))
        positions = config.prefix_tokens * np.arange(1.0, scores.shape[1] + 1)
        mean_length = float(np.mean(self.reward_function.last.num_tokens))
        size = step.num_generations
        own_groups = slice(step.own.start // size, step.own.stop // size)
        baselines = prefix_baselines(
            scores,
            step.group.group_std[own_groups],
            prefix_weights(positions, mean_length),
            config,
        )
        advantages = step.group.advantages[step.own]
        is_learnable = step.group.learnable[step.own]
        # Nothing stands before the first tokens.
        by_prefix = np.pad(baselines, ((0, 0), (1, 0)))
        prefix_of_token = np.arange(step.given.shape[1]) // config.prefix_tokens
        by_token = (
            advantages[:, None] - by_prefix[:, np.minimum(prefix_of_token, by_prefix.shape[1] - 1)]
        )
        by_token = np.where(is_learnable[:, None], by_token, 0.0)
        lengths = np.array([len(response) for response in step.responses])
        written = np.arange(by_token.shape[1]) < lengths[:, None]
        left = host.over_processes(float(np.square(by_token[written]).sum()))
        whole = host.over_processes(float((np.square(advantages) * lengths).sum()))
        return replace(
            step,
            token_advantages=torch.tensor(by_token, dtype=torch.float32, device=step.given.device),
            metrics={
                **step.metrics,
                "advantage/variance_left": left / whole if whole else float("nan"),
            },
        )

    def _scores(self, step: Step, host: HostOverrides) -> Floats:
        """Score what was written up to every so many tokens: (response, prefix), as ``prefix_baselines`` reads them."""
        size = self.method.advantage.prefix_tokens
        learnable = step.group.learnable[step.own]
        whole = np.where(learnable, step.rewards[step.own], np.nan)
        prefixes = [
            (
                row,
                place,
                host.processing_class.decode(
                    response[: size * (place + 1)], skip_special_tokens=True
                ),
            )
            for row, response in enumerate(step.responses)
            if learnable[row]
            for place in range((len(response) - 1) // size)
        ]
        # TRL may mask all of a response, and then nothing of it is here.
        num_prefixes = max(max(map(len, step.responses)) - 1, 0) // size
        scores = np.repeat(whole[:, None], num_prefixes, axis=1)
        rows, places, texts = zip(*prefixes, strict=True) if prefixes else ((), (), ())
        scores[list(rows), list(places)] = self.reward_function.prefix_scores(
            [step.rows[row][RECORD_COLUMN] for row in rows], texts
        )
        return scores
