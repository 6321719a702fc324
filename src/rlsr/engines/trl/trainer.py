"""What RLSR does otherwise than TRL's GRPO, as overrides of as few methods as possible.

Each override has a contract test in tests/invariant/test_trl_contracts.py that fails when TRL changes under it:

- ``_get_train_sampler``: an order of prompts that a resumed run continues exactly;
- ``_calculate_rewards``: keeps the scores, takes the time;
- ``_generate``: takes the time;
- ``_generate_and_score_completions``: advantages with a floor, groups without signal left out;
- ``_get_per_token_logps_and_entropies``: the plain way on a CPU;
- ``create_scheduler``: a learning rate that is never 0;
- ``create_model_card``: ours is written once, at the end.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch
from trl import GRPOTrainer

from rlsr.config.method import RlsrMethod
from rlsr.config.training import TrainingConfig
from rlsr.engines.trl.logprobs import response_log_probs
from rlsr.engines.trl.sampler import PromptSampler
from rlsr.engines.trl.schedule import rate_factor
from rlsr.methods import GroupAdvantages, group_advantages

Result = TypeVar("Result")


class RlsrTrainer(GRPOTrainer):
    """TRL's GRPO with the advantages of ``rlsr.methods``.

    Args:
        method: The method's settings.
        training: Batch and schedule.
        **kwargs: As for ``trl.GRPOTrainer``.
    """

    def __init__(self, *, method: RlsrMethod, training: TrainingConfig, **kwargs: Any) -> None:
        self._method = method
        self._training = training
        self._scores: torch.Tensor | None = None
        self.group_advantages: GroupAdvantages | None = None
        self.phase_seconds: dict[str, float] = {}
        super().__init__(**kwargs)

    def _get_train_sampler(self, dataset: Any = None) -> PromptSampler:
        return PromptSampler(
            len(self.train_dataset if dataset is None else dataset),
            prompts_per_step=self._training.prompts_per_step,
            num_generations=self.num_generations,
            num_steps=self.args.max_steps,
            repeats=self.num_iterations * self.args.steps_per_generation,
            seed=self.args.seed,
        )

    def _generate(self, prompts: list[Any]) -> Any:
        return self._timed("generate", lambda: super(RlsrTrainer, self)._generate(prompts))

    def _calculate_rewards(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        self._scores = self._timed(
            "reward", lambda: super(RlsrTrainer, self)._calculate_rewards(*args, **kwargs)
        )
        return self._scores

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        started = time.perf_counter()
        output: dict[str, Any] = super()._generate_and_score_completions(inputs)
        assert self._scores is not None, "TRL scores a rollout before it returns it"
        self.group_advantages = group_advantages(
            self._scores[:, 0].double().cpu().numpy(),
            self.num_generations,
            self._method.advantage,
        )
        self._use_advantages(output, self.group_advantages)
        self._log_advantages(self.group_advantages)
        known = self.phase_seconds.get("generate", 0.0) + self.phase_seconds.get("reward", 0.0)
        # What TRL does besides sampling and scoring is the reference's log-probabilities.
        self.phase_seconds["reference"] = time.perf_counter() - started - known
        return output

    def _use_advantages(self, output: dict[str, Any], group: GroupAdvantages) -> None:
        """Put our advantages in the place of TRL's, and leave out of the loss what teaches nothing.

        The number of tokens that the loss is divided by stays that of the whole rollout, so that a step with few
        learnable groups is not scaled up.
        """
        count = len(output["advantages"])
        start = self.accelerator.process_index * count
        device = output["advantages"].device
        local = slice(start, start + count)
        output["advantages"] = torch.tensor(
            group.advantages[local], dtype=torch.float32, device=device
        )
        learnable = torch.tensor(group.learnable[local], device=device)
        output["completion_mask"] = output["completion_mask"] * learnable[:, None]

    def _log_advantages(self, group: GroupAdvantages) -> None:
        metrics = self._metrics["train"]
        scored = group.group_std[~np.isnan(group.group_std)]
        metrics["reward/group_std"].append(float(scored.mean()) if scored.size else float("nan"))
        metrics["advantage/share_without_signal"].append(float(1 - group.has_signal.mean()))
        metrics["advantage/mean_size"].append(float(np.abs(group.advantages).mean()))

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
        if input_ids.device.type != "cpu" or special:
            result: tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]
            result = super()._get_per_token_logps_and_entropies(
                model,
                input_ids,
                attention_mask,
                logits_to_keep,
                batch_size,
                compute_entropy,
                **kwargs,
            )
            return result
        size = batch_size or len(input_ids)
        chunks = []
        for start in range(0, len(input_ids), size):
            with self.accelerator.autocast():
                chunks.append(
                    response_log_probs(
                        model,
                        input_ids[start : start + size],
                        attention_mask[start : start + size],
                        logits_to_keep,
                        temperature=self.temperature,
                        with_entropy=compute_entropy,
                    )
                )
        log_probs = torch.cat([chunk.log_probs for chunk in chunks])
        entropies = [chunk.entropy for chunk in chunks if chunk.entropy is not None]
        return log_probs, torch.cat(entropies) if entropies else None, None

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """Make the schedule of ``rlsr.engines.trl.schedule``.

        Args:
            num_training_steps: Steps of the run.
            optimizer: Whose learning rate it sets; None is the trainer's own.

        Returns:
            The scheduler.
        """
        factor = partial(
            rate_factor,
            warmup_steps=self._training.warmup_steps,
            num_steps=num_training_steps,
            schedule=self._training.lr_schedule,
        )
        if getattr(self, "lr_scheduler", None) is None:
            chosen = self.optimizer if optimizer is None else optimizer
            self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(chosen, factor)
        return self.lr_scheduler

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Write no card with every checkpoint; the run's own is written with the final model."""

    def _timed(self, phase: str, function: Callable[[], Result]) -> Result:
        started = time.perf_counter()
        result = function()
        self.phase_seconds[phase] = time.perf_counter() - started
        return result


def take_phase_seconds(trainer: RlsrTrainer, names: Sequence[str]) -> dict[str, float]:
    """Read and clear the times of the last rollout.

    Args:
        trainer: The trainer.
        names: Phases to read.

    Returns:
        Seconds by phase; 0 where a phase did not happen.
    """
    seconds = {name: trainer.phase_seconds.get(name, 0.0) for name in names}
    trainer.phase_seconds = {}
    return seconds
