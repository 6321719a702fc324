"""How long, how fast and how often: the optimiser, the batch and what is kept."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from rlsr.config.base import ConfigTable
from rlsr.config.embedding import NamedEncoder
from rlsr.config.suites import SuiteConfig


class TrainingConfig(ConfigTable):
    """Steps, batch, optimiser and checkpoints."""

    epochs: float = Field(default=1.0, gt=0)
    """Passes over the training prompts, or over their references with supervised methods; without effect when ``steps`` is set."""
    steps: int | None = Field(default=None, ge=1)
    """Optimiser steps; null derives them from ``epochs``."""
    max_seconds: float | None = Field(default=None, gt=0)
    """Ends training after the step in which its steps have taken this long, resumed sessions counted together."""
    max_tokens: int | None = Field(default=None, ge=1)
    """Ends training after the step in which the update has learnt from this many response tokens."""
    prompts_per_step: int = Field(default=8, ge=1)
    """Prompts of one update, over all processes; with rlsr, sgrpo, rlpt, rank, osft and raft each is answered ``num_generations`` times, and with
    supervised methods it comes with one of its references."""
    tokens_per_pass: int | None = Field(default=None, ge=1)
    """Tokens of one forward and backward pass, a prompt counted once for its responses; a response longer than that has a
    pass of its own. Null is what keeps the device busy, or less where memory asks for it; the result is the same."""
    learning_rate: float | None = Field(default=None, gt=0)
    """Peak learning rate; null is, for LoRA and for all weights, 1e-4 and 1e-6 with rlsr, sgrpo, rlpt, osft and raft, 1e-5 and 1e-6 with dpo,
    1e-4 and 1e-5 with reward_model, 2e-4 and 2e-5 with rank and the supervised methods."""
    lr_schedule: Literal["constant", "linear", "cosine"] = "constant"
    """What follows the warm-up: constant, or down to zero at the last step."""
    warmup_steps: int = Field(default=3, ge=0)
    """Steps before the peak learning rate is reached; the first one learns already."""
    average_power: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """Keeps the mean of the weights over all steps, in which those after step t count about ``t ** average_power`` times, and measures
    and saves it in the place of the last weights: 0 is the plain mean, 1 leans to the later steps. It is worth a try in long runs,
    whose weights wander; training itself goes on from its own. Of adapters it is the mean of each factor. Null keeps none."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Decoupled weight decay of AdamW."""
    adam_betas: tuple[float, float] = (0.9, 0.95)
    """Decay rates of AdamW's moments; .95 follows the short runs of RL better than .999."""
    max_grad_norm: float = Field(default=1.0, gt=0)
    """Gradients are scaled down to this global norm."""
    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass: less memory, a third more time."""
    save_every: int = Field(default=50, ge=1)
    """Steps between checkpoints; the last step is always one."""
    keep_checkpoints: int = Field(default=2, ge=1)
    """Newest checkpoints that are kept; with 1 there is none to go on from where that one turns out to be damaged."""
    sample_groups: int = Field(default=1, ge=0)
    """Prompts of every step whose responses are written to ``samples/`` with their rewards."""
    max_unscored_share: float = Field(default=1.0, ge=0, le=1)
    """Share of the responses of a step that the reward may leave unscored; more ends the run with an error. Ten steps in a row in
    which nothing was scored always do, or all steps of a shorter run."""

    @model_validator(mode="after")
    def _betas_below_one(self) -> Self:
        if not all(0 <= beta < 1 for beta in self.adam_betas):
            raise ValueError("adam_betas must each lie in [0, 1)")
        return self


class EvaluationConfig(ConfigTable):
    """What is measured on the held-out prompts before, during and after training."""

    enabled: bool = True
    """False leaves the held-out evaluation out, before and after."""
    during: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = ()
    """Shares of the budget after which held-out prompts are answered along the way, each after the step that reaches it: of
    ``pipeline.max_seconds`` where it is set, else ``training.max_seconds``, else ``training.max_tokens``, else the steps; in a
    pipeline of all stages together. It costs time that no budget counts, and leaves training as it is."""
    during_prompts: int | None = Field(default=None, ge=1)
    """How many of the held-out prompts are answered along the way, the first ones; null is all."""
    independent_embedding: NamedEncoder | None = "auto"
    """An encoder that is not the reward's, so that a rise of the reward alone shows: its name, or the settings of one behind a
    server; ``auto`` is builtin:minilm where the reward's is builtin:wordllama, else builtin:wordllama; null leaves it out."""
    temperature: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Divides the logits of answers that are measured; 0 takes the most likely token (greedy), 1 draws from the policy itself.
    What an answer draws depends on ``seed`` and its place among the prompts alone."""
    likelihood: bool = False
    """Whether the negative log-likelihood of the references is measured, too: what a policy still knows of prompts that
    training was not about."""
    further_metrics: tuple[Literal["distinct", "exact_match"], ...] = ()
    """Metrics that are not measured unless asked for: ``distinct`` is which part of a response's words and pairs of words are said once,
    ``exact_match`` the share of responses that are the reference, of references with up to five words."""
    batch_size: int = Field(default=32, ge=1)
    """Prompts answered at a time."""
    confidence: float = Field(default=0.95, gt=0, lt=1)
    """Level of the means' intervals, and of all readings of a table together."""
    keep_responses: bool = True
    """Whether ``rlsr evaluate`` keeps the responses of a policy in the cache directory, and takes those that the same weights have
    given to the same prompt with the same decoding before. It changes no answer."""
    suites: Mapping[str, SuiteConfig] = Field(default_factory=dict)
    """Settings of suites by name, for ``rlsr evaluate --suite NAME``."""
    num_resamples: int = Field(default=10_000, ge=100, le=1_000_000)
    """Bootstrap resamples of the held-out prompts; a million change no digit that is shown."""

    @property
    def answers_in_words(self) -> str:
        """How the answers that are measured come about, as in ``greedy responses``."""
        if self.temperature == 0:
            return "greedy responses"
        return f"responses drawn at temperature {self.temperature:g}"

    @model_validator(mode="after")
    def _measures_along_the_way(self) -> Self:
        if self.during and not self.enabled:
            raise ValueError(
                f"during: nothing would be measured, since evaluation.enabled is false, got {list(self.during)}; leave one out"
            )
        if self.during_prompts is not None and not self.during:
            raise ValueError(
                f"during_prompts: has no effect without shares in evaluation.during, got {self.during_prompts}; set them, as in "
                "evaluation.during=[0.5], or leave it out"
            )
        return self
