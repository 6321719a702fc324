"""Rollouts that begin with a part of the reference: the policy goes on, and its own tokens are what GRPO learns from.

What is overridden here are methods of ``RlsrTrainer``, and of TRL:

- ``_generate_single_turn``: responses go on from their prefixes;
- ``_generate``: prefixes are marked as what others wrote, as TRL marks the answers of tools;
- ``_get_per_token_logps_and_entropies``: keeps the log-probabilities of a pass.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from rlsr.config.method import SgrpoMethod
from rlsr.engines.trl.labels import LABEL_COLUMN
from rlsr.engines.trl.padded import Responses, take_rows
from rlsr.engines.trl.trainer import NUM_RESPONSES, Flags, Floats, RlsrTrainer
from rlsr.methods import GroupAdvantages
from rlsr.methods.prefix_loss import trust_region_weights


def prefix_of(label: Sequence[int], ratio: float) -> list[int]:
    """Cut a prefix off a label.

    Args:
        label: Its tokens.
        ratio: Share of them, in [0, 1].

    Returns:
        That many tokens, rounded; all of them for a ratio of 1 alone.
    """
    if ratio == 1:
        return list(label)
    return list(label[: min(round(ratio * len(label)), len(label) - 1)])


class GuidedTrainer(RlsrTrainer):
    """``RlsrTrainer`` whose responses may begin with a part of the reference."""

    _method: SgrpoMethod

    # One a response of the last rollout.
    _prefixes: list[list[int]]
    _log_probs_of_pass: torch.Tensor | None = None
    _prefix_sums: dict[str, float]
    _num_prefix_tokens: float

    def sample_rows(self, num_groups: int) -> list[dict[str, Any]]:
        """List responses of the last rollout for a file that people read.

        Args:
            num_groups: How many prompts to list.

        Returns:
            As for ``RlsrTrainer``, with the tokens of the prefix of each response where there are prefixes.
        """
        rows = super().sample_rows(num_groups)
        if self._method.prefix_ratios is None:
            return rows
        return [
            {**row, "num_prefix_tokens": len(prefix)}
            for row, prefix in zip(rows, self._prefixes, strict=False)
        ]

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        ratios = self._method.prefix_ratios
        if ratios is not None:
            self._prefixes = [
                prefix_of(row[LABEL_COLUMN], ratios[place % self.num_generations])
                for place, row in enumerate(inputs)
            ]
        return super()._generate_and_score_completions(inputs)

    def _generate_single_turn(
        self,
        prompt_ids: list[list[int]],
        images: Any,
        multimodal_fields: dict[str, Any],
        num_generations: int,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        def write(prompts: list[list[int]], number: int, places: Sequence[int]) -> Any:
            if self._rollout_by_groups:
                return self._write(prompts, number, places)
            return super(GuidedTrainer, self)._generate_single_turn(
                prompts, images, multimodal_fields, number, *args, **kwargs
            )[0]

        ratios = self._method.prefix_ratios
        if ratios is None:
            return super()._generate_single_turn(
                prompt_ids, images, multimodal_fields, num_generations, *args, **kwargs
            )
        responses = [list(prefix) for prefix in self._prefixes]
        # The responses of a group that begin alike are one group, whose prompt is read once.
        for ratio in dict.fromkeys(ratios):
            rows = [
                row
                for row, prefix in enumerate(self._prefixes)
                if ratios[row % num_generations] == ratio and self._goes_on(prefix)
            ]
            if not rows:
                continue
            begun = [[*prompt_ids[row], *self._prefixes[row]] for row in rows]
            written = write(begun, ratios.count(ratio), rows)
            for row, tokens in zip(rows, written, strict=True):
                responses[row] = [*self._prefixes[row], *tokens][: self.max_completion_length]
        return responses, None

    def _goes_on(self, prefix: list[int]) -> bool:
        """Say whether there is anything left to write behind a prefix."""
        ended = bool(prefix) and prefix[-1] == self.processing_class.eos_token_id
        return not ended and len(prefix) < self.max_completion_length

    def _generate(self, prompts: list[Any]) -> Any:
        found = super()._generate(prompts)
        if self._method.prefix_ratios is None:
            return found
        prompt_ids, responses, _, *others = found
        own = [
            [0] * len(prefix) + [1] * (len(response) - len(prefix))
            for prefix, response in zip(self._prefixes, responses, strict=True)
        ]
        return (prompt_ids, responses, own, *others)

    def _use_advantages(
        self, output: dict[str, Any], group: GroupAdvantages, selected: Flags
    ) -> None:
        whole = output["completion_mask"]
        super()._use_advantages(output, group, selected)
        if self._method.prefix_ratios is None:
            return
        # Prefixes are learnt from whether the group has signal or not.
        chosen = torch.tensor(selected[self.own_rows(len(whole))], device=whole.device)[:, None]
        prefixes = whole * (1 - output["tool_mask"]) * chosen
        output["completion_mask"] = torch.maximum(output["completion_mask"], prefixes)
        # What is all prefix is no response of the policy.
        own = (whole * output["tool_mask"] * chosen).any(dim=1)
        number = int(self.over_processes(int(own.sum())))
        output[NUM_RESPONSES] = torch.tensor(number, device=whole.device)

    def _log_advantages(self, group: GroupAdvantages, selected: Flags, rewards: Floats) -> None:
        super()._log_advantages(group, selected, rewards)
        if self._method.prefix_ratios is not None:
            own = rewards[self.own_rows(len(self._prefixes))]
            unguided = own[[not prefix for prefix in self._prefixes]]
            scored = unguided[~np.isnan(unguided)]
            count = self.over_processes(float(scored.size))
            total = self.over_processes(float(scored.sum()))
            mean = total / count if count else float("nan")
            self._metrics["train"]["reward/unguided"].append(mean)

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Compute the loss of a rollout and of its prefixes, and its gradient, pass by pass.

        Args:
            model: The policy.
            inputs: TRL's batch, a whole rollout.
            *args: As for ``RlsrTrainer``.
            **kwargs: As for ``RlsrTrainer``.

        Returns:
            The loss of GRPO plus the prefix weight times the mean loss of a prefix token, without a way back to the weights.
        """
        if self._method.prefix_ratios is None:
            return super().compute_loss(model, inputs, *args, **kwargs)
        self._prefix_sums = {"optim/prefix_nll": 0.0, "optim/prefix_token_weight": 0.0}
        own = int((inputs["completion_mask"] * (1 - inputs["tool_mask"])).sum())
        self._num_prefix_tokens = self.over_processes(own)
        total = super().compute_loss(model, inputs, *args, **kwargs)
        if self._num_prefix_tokens:
            for name, value in self._prefix_sums.items():
                mean = self.over_processes(value) / self._num_prefix_tokens
                self._metrics["train"][name].append(mean)
        return total

    def _loss_of_a_pass(
        self, model: Any, inputs: dict[str, Any], rows: Responses, part: list[int]
    ) -> torch.Tensor:
        loss = super()._loss_of_a_pass(model, inputs, rows, part)
        log_probs, self._log_probs_of_pass = self._log_probs_of_pass, None
        if self._method.prefix_ratios is None:
            return loss
        assert log_probs is not None, "TRL asks for them once a pass"
        taken = take_rows(inputs, part)
        is_prefix = taken["completion_mask"] * (1 - taken["tool_mask"])
        weights = trust_region_weights(log_probs, self._method.prefix_floor) * is_prefix
        # What the processes return is averaged.
        share = self.accelerator.num_processes / max(self._num_prefix_tokens, 1)
        self._prefix_sums["optim/prefix_nll"] -= float((log_probs.detach() * is_prefix).sum())
        self._prefix_sums["optim/prefix_token_weight"] += float(weights.sum())
        return loss - self._method.prefix_weight * (weights * log_probs).sum() * share

    def _get_per_token_logps_and_entropies(self, *args: Any, **kwargs: Any) -> Any:
        found = super()._get_per_token_logps_and_entropies(*args, **kwargs)
        self._log_probs_of_pass = found[0] if torch.is_grad_enabled() else None
        return found
