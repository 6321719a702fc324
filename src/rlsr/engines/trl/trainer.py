"""What RLSR does otherwise than TRL's GRPO, as overrides of as few methods as possible.

Each override has a contract test in tests/invariant/test_trl_contracts.py that fails when TRL changes under it:

- ``_generate``: takes the time;
- ``_generate_single_turn``: rollouts by groups;
- ``_calculate_rewards``: keeps the scores, takes the time;
- ``_generate_and_score_completions``: advantages with a floor, a subset of each group, groups without signal left out,
  the reference policy asked about the rest alone;
- ``_get_per_token_logps_and_entropies``: passes by groups, or the plain way on a CPU;
- ``compute_loss``: a rollout's update in passes of like size without needless padding.

What all trainers share is in ``rlsr.engines.trl.host``.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from trl import GRPOTrainer

from rlsr.config.method import RlsrMethod
from rlsr.config.run import RunConfig
from rlsr.engines.rollout import sample_rows
from rlsr.engines.trl.host import HostOverrides
from rlsr.engines.trl.padded import Responses, read_responses, rollout_responses, take_rows
from rlsr.engines.trl.passes import micro_batches, score_responses, whole_groups
from rlsr.engines.trl.reference import put_rows, reference_policy, rows_with_tokens
from rlsr.engines.trl.reward_function import RewardFunction
from rlsr.errors import ConfigError
from rlsr.forward.generation import generate_groups
from rlsr.forward.sampling import Sampling
from rlsr.methods import GroupAdvantages, group_advantages, max_variance_subset

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

PASS_METRICS = ("kl", "entropy")
"""Means over the tokens of a pass that TRL logs; averaged over passes by their tokens."""

NUM_RESPONSES = "num_responses"
"""Entry of the batch: responses of all processes that the loss is averaged over; TRL has their tokens beside it."""

SAMPLING_OPTIONS = (
    "use_vllm",
    "use_transformers_continuous_batching",
    "generation_kwargs",
    "cache_implementation",
    "min_p",
)
"""Options of TRL that choose or change its own way to generate; with one of them the rollout is TRL's."""


class RlsrTrainer(HostOverrides, GRPOTrainer):
    """TRL's GRPO with the advantages of ``rlsr.methods``.

    Args:
        config: The resolved config, of the method rlsr.
        reward_function: Scores rollouts.
        rows_at_a_time: Responses written side by side in a rollout; None is all.
        **kwargs: As for ``HostOverrides`` and ``trl.GRPOTrainer``.

    Raises:
        ConfigError: Several processes and an entropy bonus.
    """

    # Set by the trainers that this one extends.
    beta: float
    current_gradient_accumulation_steps: int

    def __init__(
        self,
        *,
        config: RunConfig,
        reward_function: RewardFunction,
        rows_at_a_time: int | None,
        **kwargs: Any,
    ) -> None:
        assert isinstance(config.method, RlsrMethod), "this trainer is of one method"
        self._method = config.method
        self._reward_function = reward_function
        self._rows_at_a_time = rows_at_a_time
        self._scores: torch.Tensor | None = None
        self.group_advantages: GroupAdvantages | None = None
        super().__init__(config=config, reward_funcs=[reward_function], **kwargs)
        self._rollout_by_groups = self.by_groups and not samples_otherwise(self.args)
        # An entropy bonus and the loss of a mixture of experts need TRL's own pass.
        if self._entropy_bonus_enabled or self.aux_loss_enabled:
            self.by_groups = False
        if self._entropy_bonus_enabled and self.accelerator.num_processes > 1:
            raise ConfigError(
                "engine.options: TRL's entropy bonus adapts to the tokens of all processes at every pass, of which processes "
                "have different numbers here; leave it out, or train in one process"
            )

    @property
    def rows_per_prompt(self) -> int:
        """How often a prompt stands in the trainer's batch: once for each of its responses."""
        return int(self.num_generations)

    @property
    def batches_per_step(self) -> int:
        """How often TRL asks for the batch of a step; it generates at the first and reuses the others."""
        return int(self.num_iterations * self.args.steps_per_generation)

    @property
    def num_step_tokens(self) -> int:
        """Tokens that were sampled for the last step."""
        return sum(self._reward_function.last.num_tokens)

    def sample_rows(self, num_groups: int) -> list[dict[str, Any]]:
        """List responses of the last rollout for a file that people read.

        Args:
            num_groups: How many prompts to list.

        Returns:
            One JSON-ready row a response.
        """
        if num_groups == 0:
            return []
        assert self.group_advantages is not None, "a step begins with a rollout"
        return sample_rows(
            self._reward_function.last, self.group_advantages, self.num_generations, num_groups
        )

    def _generate(self, prompts: list[Any]) -> Any:
        return self.timed("generate", lambda: super(RlsrTrainer, self)._generate(prompts))

    def _generate_single_turn(
        self,
        prompt_ids: list[list[int]],
        images: Any,
        multimodal_fields: dict[str, Any],
        num_generations: int,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        if not self._rollout_by_groups or images is not None or multimodal_fields:
            return super()._generate_single_turn(
                prompt_ids, images, multimodal_fields, num_generations, *args, **kwargs
            )
        # TRL needs the probabilities of sampling only where another engine samples.
        return self._write(prompt_ids, num_generations, range(len(prompt_ids))), None

    def _write(
        self, prompt_ids: list[list[int]], num_generations: int, places: Sequence[int]
    ) -> list[list[int]]:
        """Write responses by groups.

        Args:
            prompt_ids: Each prompt once for every response.
            num_generations: Responses of a prompt.
            places: Of the responses in this process's part of the rollout. Seed, step and place in the whole rollout decide how
                a response is drawn, so that neither the number of processes nor the cut into batches does.

        Returns:
            Their tokens.
        """
        first = self.own_rows(self.args.per_device_train_batch_size).start
        step = int(self.state.global_step)
        groups = generate_groups(
            self.accelerator.unwrap_model(self.model),
            whole_groups(prompt_ids, num_generations),
            num_generations=num_generations,
            max_response_tokens=self.max_completion_length,
            stop_ids=self.eos_token_ids,
            sampling=Sampling(self.temperature, self.top_p),
            seeds=[(self.args.seed, step, first + place) for place in places],
            rows_at_a_time=self._rows_at_a_time,
        )
        return [response for group in groups for response in group]

    def _calculate_rewards(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        self._scores = self.timed(
            "reward", lambda: super(RlsrTrainer, self)._calculate_rewards(*args, **kwargs)
        )
        return self._scores

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        # TRL would ask the reference policy about all responses, before it knows which of them teach something.
        kl_coefficient, self.beta = self.beta, 0.0
        try:
            output: dict[str, Any] = super()._generate_and_score_completions(inputs)
        finally:
            self.beta = kl_coefficient
        assert self._scores is not None, "TRL scores a rollout before it returns it"
        rewards = self._scores[:, 0].double().cpu().numpy()
        selected = self._select(rewards)
        self.group_advantages = self._compare(np.where(selected, rewards, np.nan))
        self._use_advantages(output, self.group_advantages, selected)
        self._log_advantages(self.group_advantages, selected, rewards)
        if self.beta:
            output["ref_per_token_logps"] = self.timed(
                "reference", lambda: self._reference_log_probs(output)
            )
        return output

    def _select(self, rewards: Floats) -> Flags:
        """Find the responses that the update is about, whether they teach something or not."""
        size = self._method.update_subset
        if size is None:
            return np.ones(len(rewards), dtype=bool)
        return max_variance_subset(rewards, self.num_generations, size)

    def _compare(self, rewards: Floats) -> GroupAdvantages:
        return group_advantages(rewards, self.num_generations, self._method.advantage)

    @torch.no_grad()  # type: ignore[untyped-decorator]  # torch is not followed
    def _reference_log_probs(self, batch: dict[str, Any]) -> torch.Tensor:
        """(response, token), 0 for responses that take no part in the update."""
        rows = rows_with_tokens(batch)
        if not rows:
            return torch.zeros(batch["completion_ids"].shape, device=batch["completion_ids"].device)
        part = take_rows(batch, rows)
        policy = self.accelerator.unwrap_model(self.model)
        with reference_policy(policy, self.ref_model) as reference:
            log_probs, _, _ = self._get_per_token_logps_and_entropies(
                reference,
                torch.cat([part["prompt_ids"], part["completion_ids"]], dim=1),
                torch.cat([part["prompt_mask"], part["completion_mask"]], dim=1),
                part["completion_ids"].size(1),
            )
        return put_rows(log_probs, rows, batch)

    def _use_advantages(
        self, output: dict[str, Any], group: GroupAdvantages, selected: Flags
    ) -> None:
        """Put our advantages in the place of TRL's, and leave out of the loss what teaches nothing.

        The numbers of tokens and responses that the loss is averaged over are those of all selected responses: a step
        with few learnable groups is not scaled up, and one that learns from a subset of each group is not scaled down.
        """
        device = output["advantages"].device
        local = self.own_rows(len(output["advantages"]))
        output["advantages"] = torch.tensor(
            group.advantages[local], dtype=torch.float32, device=device
        )
        counted = output["completion_mask"] * torch.tensor(selected[local], device=device)[:, None]
        if output.get("tool_mask") is not None:
            counted = counted * output["tool_mask"]
        output["num_items_in_batch"] = self.accelerator.gather(counted.sum()).sum()
        output[NUM_RESPONSES] = torch.tensor(int(selected.sum()), device=device)
        learnable = torch.tensor(group.learnable[local], device=device)
        output["completion_mask"] = output["completion_mask"] * learnable[:, None]

    def _log_advantages(self, group: GroupAdvantages, selected: Flags, rewards: Floats) -> None:
        metrics = self._metrics["train"]
        # Numbers about rewards are those of the whole rollout.
        group_std = group_advantages(
            rewards, self.num_generations, self._method.advantage
        ).group_std
        scored = group_std[~np.isnan(group_std)]
        metrics["reward/group_std"].append(float(scored.mean()) if scored.size else float("nan"))
        metrics["advantage/share_without_signal"].append(float(1 - group.has_signal.mean()))
        sizes = np.abs(group.advantages[selected])
        metrics["advantage/mean_size"].append(float(sizes.sum() / max(len(sizes), 1)))

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
        # Images, mixture-of-experts losses and the entropy bonus stay with TRL.
        special = self._entropy_bonus_enabled or any(
            value is not None and value is not False for value in kwargs.values()
        )
        if special or not (self.by_groups or input_ids.device.type == "cpu"):
            result: tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]
            result = super()._get_per_token_logps_and_entropies(
                model,
                input_ids,
                attention_mask,
                logits_to_keep,
                max(1, self._max_tokens // input_ids.size(1)),
                compute_entropy,
                **kwargs,
            )
            return result
        scores = score_responses(
            model,
            read_responses(input_ids, attention_mask, logits_to_keep),
            by_groups=self.by_groups,
            max_tokens=self._max_tokens,
            num_columns=logits_to_keep,
            temperature=self.temperature,
            with_entropy=compute_entropy,
        )
        return scores.log_probs, scores.entropy, None

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> torch.Tensor:
        """Compute the loss of a rollout and its gradient, pass by pass.

        TRL would cut the rollout into equal parts, each padded to the longest response of all. The gradients are added
        up here; what is returned has the loss's value and no way back to the weights, so that the trainer's own
        backward pass adds nothing.

        Args:
            model: The policy.
            inputs: TRL's batch, a whole rollout.
            return_outputs: As in TRL, not supported.
            num_items_in_batch: Not used; the batch has the number.

        Returns:
            The loss.
        """
        model = self.bare(model)
        rows = self._rows_of_a_step(inputs)
        parts = self._passes(rows, len(inputs["completion_ids"]))
        self.num_trained_tokens = sum(rows.response_lengths)
        rollouts = [[row for row in part if row < len(inputs["completion_ids"])] for part in parts]
        counted = inputs["completion_mask"] * inputs.get("tool_mask", 1)
        tokens = [int(counted[part].sum()) for part in rollouts if part]
        with self._passes_of_a_step(tokens):
            return self.backward_by_parts(
                model,
                parts,
                lambda part: self._loss_of_a_pass(model, inputs, rows, part),
                inputs["completion_ids"].device,
            )

    def _rows_of_a_step(self, inputs: dict[str, Any]) -> Responses:
        """List what the update reads: the responses of the rollout first."""
        return rollout_responses(inputs)

    def _passes(self, rows: Responses, num_responses: int) -> list[list[int]]:
        """Split what the update reads into passes; the first rows are the responses of the rollout."""
        return micro_batches(rows, max_tokens=self._max_tokens, by_groups=self.by_groups)

    def _loss_of_a_pass(
        self, model: Any, inputs: dict[str, Any], rows: Responses, part: list[int]
    ) -> torch.Tensor:
        """Compute the share of a pass in the loss."""
        loss: torch.Tensor = super().compute_loss(model, take_rows(inputs, part), False)
        if self.loss_type == "grpo":
            # A mean over the responses of the pass; its weight is their share of those of a process.
            num_responses = int(inputs[NUM_RESPONSES]) / self.accelerator.num_processes
            num_passes = self.current_gradient_accumulation_steps
            loss = loss * (num_passes * len(part) / num_responses)
        return loss

    @contextmanager
    def _passes_of_a_step(self, tokens: Sequence[int]) -> Iterator[None]:
        """Tell TRL how many passes over a rollout a step has, and average what it logs over their tokens.

        TRL divides means over a pass, as of an entropy bonus, by the number of passes. It gathers what it logs of each from all
        processes, which here have different numbers of passes: each keeps to itself, and the step is averaged at the end.
        """
        metrics = self._metrics["train"]
        logged = {name: len(metrics[name]) for name in PASS_METRICS}
        before = (self.current_gradient_accumulation_steps, self.args.steps_per_generation)
        self.current_gradient_accumulation_steps = self.args.steps_per_generation = len(tokens)
        try:
            with alone(self.accelerator):
                yield
        finally:
            self.current_gradient_accumulation_steps, self.args.steps_per_generation = before
        num_tokens = self.over_processes(sum(tokens))
        for name in PASS_METRICS:
            values = metrics[name][logged[name] :]
            assert len(values) in {0, len(tokens)}, "TRL logs each once a pass"
            was_logged = self.over_processes(len(values)) > 0
            total = self.over_processes(
                sum(value * number for value, number in zip(values, tokens, strict=False))
            )
            if was_logged and num_tokens:
                metrics[name][logged[name] :] = [total / num_tokens]


@contextmanager
def alone(accelerator: Any) -> Iterator[None]:
    """Let what asks other processes get its own answer.

    Args:
        accelerator: That of a trainer.

    Yields:
        Nothing.
    """
    # Attributes of the object hide the methods of its class.
    accelerator.gather = lambda tensor, *_, **__: tensor
    accelerator.reduce = lambda tensor, *_, **__: tensor
    try:
        yield
    finally:
        del accelerator.gather, accelerator.reduce


def samples_otherwise(arguments: Any) -> bool:
    """Say whether an option chooses or changes TRL's own way to generate.

    Args:
        arguments: A ``trl.GRPOConfig``.

    Returns:
        True where the rollout has to be TRL's.
    """
    chosen = any(getattr(arguments, option) for option in SAMPLING_OPTIONS)
    return chosen or arguments.repetition_penalty != 1.0
