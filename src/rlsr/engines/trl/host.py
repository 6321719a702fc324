"""What all our trainers do otherwise than transformers' and TRL's.

``HostOverrides`` comes before a trainer of TRL in the bases of ours, so that its methods are found first.

Each override has a contract test in tests/invariant/test_trl_contracts.py:

- ``_get_train_sampler``: an order of prompts that a resumed run continues exactly;
- ``_load_from_checkpoint``: adapters keep the type that they are trained in, and the mean of the weights goes on from there;
- ``create_scheduler``: a learning rate that is never 0;
- ``create_model_card``: ours is written once, at the end.

What keeps weights and checkpoints whole is in ``rlsr.engines.trl.guarded``.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch

from rlsr.config.engine import TrlEngine
from rlsr.config.run import RunConfig
from rlsr.engines.schedule import rate_factor
from rlsr.engines.trl.gradients import average_gradients
from rlsr.engines.trl.guarded import GuardedTrainer
from rlsr.engines.trl.out_of_memory import try_smaller
from rlsr.engines.trl.padded import Responses
from rlsr.engines.trl.passes import micro_batches, score_groups, score_padded, takes_groups
from rlsr.engines.trl.reference_policy import reference_policy
from rlsr.engines.trl.sampler import PromptSampler
from rlsr.engines.trl.weight_mean import WeightMean
from rlsr.forward.attention import attention_by_plan
from rlsr.forward.fused_adapters import fused_adapters
from rlsr.forward.token_scores import TokenScores

Result = TypeVar("Result")

Passes = tuple[Sequence[list[int]], Callable[[list[int]], torch.Tensor]]
"""Numbers of the rows of each pass, and the share of the loss of some rows."""


class HostOverrides(GuardedTrainer):
    """The methods that all our trainers share.

    Args:
        config: The resolved config.
        tokens_per_pass: Tokens of one forward and backward pass.
        reference: The reference policy where it is a model of its own that TRL does not make. Where adapters are trained it is
            the same model with the copy of its adapters, or without any.
        **kwargs: As for the trainer of TRL.
    """

    ref_model: Any = None
    can_share_prompts = True
    """Whether a pass may read a prompt once for all of its responses; a classifier reads one text a row."""

    def __init__(
        self,
        *,
        config: RunConfig,
        tokens_per_pass: int,
        reference: Any | None = None,
        **kwargs: Any,
    ) -> None:
        self._training = config.training
        self._tokens_per_pass = tokens_per_pass
        self.phase_seconds: dict[str, float] = {}
        self.num_trained_tokens = 0
        self.num_out_of_memory = 0
        power = config.training.average_power
        self.weight_mean = None if power is None else WeightMean(power)
        super().__init__(keep_checkpoints=config.training.keep_checkpoints, **kwargs)
        assert isinstance(config.engine, TrlEngine), "another engine is asked for"
        self.by_groups = self.can_share_prompts and takes_groups(config.engine, self.model)
        if reference is not None:
            self.ref_model = reference

    @property
    def rows_per_prompt(self) -> int:
        """How often a prompt stands in the trainer's batch."""
        return 1

    @property
    def batches_per_step(self) -> int:
        """How often the trainer asks for the batch of a step."""
        return 1

    @property
    def num_step_tokens(self) -> int:
        """Response tokens of the last step in all processes, whether the update learnt from them or not."""
        return int(self.over_processes(self.num_trained_tokens))

    def sample_rows(self, num_groups: int) -> list[dict[str, Any]]:
        """List the responses of the last step to so many prompts, for a file that people read; none without rollouts."""
        return []

    def _get_train_sampler(self, dataset: Any = None) -> PromptSampler:
        return PromptSampler(
            len(self.train_dataset if dataset is None else dataset),
            prompts_per_step=self._training.prompts_per_step,
            num_generations=self.rows_per_prompt,
            num_steps=self.args.max_steps,
            repeats=self.batches_per_step,
            seed=self.args.seed,
        )

    def _load_from_checkpoint(self, checkpoint: str, *args: Any, **kwargs: Any) -> None:
        types = {name: weight.dtype for name, weight in self.model.named_parameters()}
        super()._load_from_checkpoint(checkpoint, *args, **kwargs)
        # PEFT makes adapters float32 when it loads them.
        for name, weight in self.model.named_parameters():
            weight.data = weight.data.to(types[name])
        if self.weight_mean is not None:
            self.weight_mean.load(Path(checkpoint), self.model)

    def save_own_state(self, checkpoint: Path) -> None:
        """Write the mean of the weights, where one is kept."""
        if self.weight_mean is not None:
            self.weight_mean.save(checkpoint)

    def on_weights_changed(self) -> None:
        """Take the weights after a step into their mean, where one is kept."""
        if self.weight_mean is not None:
            self.weight_mean.add(self.model)

    def as_it_is_kept(self) -> AbstractContextManager[None]:
        """Give the policy for a while the weights by which it is measured and saved: their mean, or those that it has."""
        if self.weight_mean is None:
            return nullcontext()
        return self.weight_mean.in_place_of_the_weights(self.model)

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """Make the schedule of ``rlsr.engines.schedule``, for the trainer's own optimiser where none is given."""
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

    def score_pass(
        self, model: Any, rows: Responses, *, temperature: float = 1.0, with_entropy: bool = False
    ) -> TokenScores:
        """Score the tokens of responses by a model in one pass; none of the responses is empty."""
        score = score_groups if self.by_groups else score_padded
        return score(model, rows, temperature=temperature, with_entropy=with_entropy)

    def score_in_passes(
        self,
        rows: Responses,
        score: Callable[[Responses], TokenScores],
        *,
        tokens_per_pass: int | None = None,
    ) -> torch.Tensor:
        """Score the tokens of responses in as many passes as their number asks for.

        Args:
            rows: What to score; empty responses take part in no pass.
            score: Scores the responses of one pass.
            tokens_per_pass: None is that of the run, or less where memory asks for it.

        Returns:
            (response, token): log-probabilities with gradient, 0 where there is no token.
        """
        if tokens_per_pass is None:
            return self.in_passes_that_fit(
                rows,
                lambda: self.score_in_passes(rows, score, tokens_per_pass=self._tokens_per_pass),
            )
        device = self.accelerator.device
        table = torch.zeros(len(rows.responses), max(rows.response_lengths), device=device)
        for part in micro_batches(rows, tokens_per_pass=tokens_per_pass, by_groups=self.by_groups):
            values = score(rows.take(part)).log_probs
            padding = table.shape[1] - values.shape[1]
            place = torch.tensor(part, device=device)
            table = table.index_copy(0, place, torch.nn.functional.pad(values, (0, padding)))
        return table

    @torch.no_grad()  # type: ignore[untyped-decorator]  # torch is not followed
    def log_probs_before(
        self, rows: Responses, score: Callable[[Any, Responses], TokenScores] | None = None
    ) -> torch.Tensor:
        """Ask the policy before training, in passes like those of the policy, so that both are rounded alike.

        Args:
            rows: What to score.
            score: Scores one pass of a model; None is ``score_pass`` at a temperature of 1.

        Returns:
            (response, token): log-probabilities, 0 where there is no token.
        """
        policy = self.accelerator.unwrap_model(self.model)
        with reference_policy(policy, self.ref_model) as reference:
            ask = partial(score or self.score_pass, reference)
            return self.timed("reference", lambda: self.score_in_passes(rows, ask))

    @torch.no_grad()  # type: ignore[untyped-decorator]  # torch is not followed
    def log_probs_now(self, rows: Responses, *, temperature: float) -> torch.Tensor:
        """Ask the policy itself, before an update, in passes like those of the update.

        Args:
            rows: What to score.
            temperature: Divides the logits, as in sampling.

        Returns:
            (response, token): log-probabilities, 0 where there is no token.
        """
        ask = partial(
            self.score_pass, self.accelerator.unwrap_model(self.model), temperature=temperature
        )
        return self.score_in_passes(rows, ask)

    def in_passes_that_fit(self, rows: Responses, attempt: Callable[[], Result]) -> Result:
        """Compute something in passes, in smaller ones where memory is not enough, from there to the end of the session.

        Args:
            rows: What is computed; passes of the longest of them cannot be smaller.
            attempt: Cuts it by the tokens of a pass as they are then, and leaves nothing behind where it fails.

        Returns:
            What ``attempt`` returned.

        Raises:
            EngineError: The longest row does not fit.
        """
        lengths = zip(rows.prompt_lengths, rows.response_lengths, strict=True)
        longest = max((sum(pair) for pair in lengths), default=0)

        def make_smaller() -> str | None:
            if self._tokens_per_pass <= longest:
                return None
            self.num_out_of_memory += 1
            self._tokens_per_pass = max(self._tokens_per_pass // 2, longest)
            return f"passes have {self._tokens_per_pass:,} tokens"

        return try_smaller(attempt, make_smaller)

    def backward_by_parts(
        self,
        model: Any,
        rows: Responses,
        prepare: Callable[[], Passes],
    ) -> torch.Tensor:
        """Add up the gradient of a loss that is a sum over parts of a batch, part by part.

        Where several processes train together, the gradient is the mean of theirs, which is taken once a step: they may have
        different numbers of parts.

        Args:
            model: The policy, as ``bare`` returns it.
            rows: What is learnt from.
            prepare: Cuts these by the tokens of a pass as they are then, into parts, of which none leaves a gradient of 0, and
                gives the share of the loss of some rows. It is asked again where memory was not enough.

        Returns:
            The loss's value in this process. It has no way back to the weights, so that the trainer's own backward pass adds
            nothing.
        """
        total = self.in_passes_that_fit(rows, lambda: self._backward(model, *prepare()))
        if self.accelerator.num_processes > 1:
            average_gradients(model.parameters())
        self.loss_is_finite = bool(total.isfinite())
        return total.requires_grad_()

    def _backward(
        self, model: Any, parts: Sequence[list[int]], loss_of: Callable[[list[int]], torch.Tensor]
    ) -> torch.Tensor:
        """Add up the gradient in this process, from 0; what an attempt before has left is of no use."""
        for weight in model.parameters():
            # Where nothing is left to learn the gradient is 0, and the weights move by momentum alone.
            nothing = not parts and weight.requires_grad
            weight.grad = torch.zeros_like(weight) if nothing else None
        total = torch.zeros((), device=self.accelerator.device)
        # Gradient checkpointing runs layers again in the backward pass.
        by_plan = attention_by_plan(model) if self.by_groups else nullcontext()
        with by_plan, fused_adapters(model):
            for part in parts:
                loss = loss_of(part)
                self.accelerator.backward(loss)
                total += loss.detach()
        return total

    def bare(self, model: Any) -> Any:
        """Take off what averages gradients at every backward pass; ``backward_by_parts`` does it once a step."""
        return self.accelerator.unwrap_model(model)

    def own_rows(self, count: int) -> slice:
        """Find the places of this process's rows among those of all; every process has as many."""
        start = self.accelerator.process_index * count
        return slice(start, start + count)

    def timed(self, phase: str, function: Callable[[], Result]) -> Result:
        """Take the time of a phase of the step; phases in several pieces add up.

        Args:
            phase: Its name in ``metrics.jsonl``, after ``time/``.
            function: What is timed.

        Returns:
            What the function returned.
        """
        started = time.perf_counter()
        result = function()
        seconds = time.perf_counter() - started
        self.phase_seconds[phase] = self.phase_seconds.get(phase, 0.0) + seconds
        return result


def take_out_of_memory(trainer: HostOverrides) -> int:
    """Read and clear how often memory was not enough in this process in the last step."""
    count, trainer.num_out_of_memory = trainer.num_out_of_memory, 0
    return count


def take_phase_seconds(trainer: HostOverrides, names: Sequence[str]) -> dict[str, float]:
    """Read and clear the seconds of phases of the last step; 0 where a phase did not happen."""
    seconds = {name: trainer.phase_seconds.get(name, 0.0) for name in names}
    trainer.phase_seconds = {}
    return seconds
