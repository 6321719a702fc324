"""The methods with rollouts on TRL's GRPOTrainer: what a step does, from rows of the data to new weights.

One step, the calls of TRL and transformers and ours (marked *) in order::

    GRPOTrainer.training_step
      GRPOTrainer._prepare_inputs                     rows of the data, each prompt once for every response
      * _generate_and_score_completions
        * Addition.begin                              of each addition of the method: beginnings of responses
          GRPOTrainer._generate_and_score_completions
            GRPOTrainer._generate                     logs lengths and numbers of tokens
            * _write, as TRL's rollout_func           responses, by groups or by GRPOTrainer._generate_single_turn
              * Addition.end                          of each addition of the method: where a response ends
            GRPOTrainer._calculate_rewards
            * reward, as TRL's reward_funcs           scores; RewardFunction keeps the whole rollout
            (TRL's advantages)                        logs rewards; ours take their place
        * make_step                                   scores -> selected responses -> advantages, what the loss is averaged over;
        * Addition.after_rollout                      of each addition of the method; both for each mini-batch
        * log_probs_before                            the reference policy, about what is learnt from, where there is a KL term
        * _log_probs_of_rollout                       the policy itself, where there are several mini-batches
        shuffle_sequence_dict, split_tensor_dict      one part, whose responses are in another order from here on
      * compute_loss                                  splits responses and references of a mini-batch into passes; for each of them:
        * score_pass                                  the forward pass
        * grpo_loss                                   GRPOTrainer._compute_loss on these scores
        * Term.of_pass                                of each term of the step
          Accelerator.backward
        * average_gradients                           once, where several processes train together
        * _update_weights                             but for the last update of a rollout; the next mini-batch follows
      Accelerator.backward                            of a loss without a way back to the weights: adds nothing
    clip_grad_norm_, Optimizer.step, Scheduler.step, GRPOTrainer.log, StepRecorder.on_log

Each override has a contract test in tests/invariant/test_trl_contracts.py that fails when TRL changes under it:

- ``_generate_and_score_completions``: advantages with a floor, a subset of each group, groups without signal left out, what a
  method adds, the reference policy asked about the rest alone;
- ``compute_loss``: a rollout's update in passes of like size without needless padding;
- ``_get_per_token_logps_and_entropies``: passes that fit into memory, where another engine samples and TRL asks for them.

The same holds for TRL's hook ``rollout_func`` and for ``OnePass`` of ``rlsr.engines.trl.grpo_loss``. What all trainers share is in
``rlsr.engines.trl.host``.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from trl import GRPOTrainer

from rlsr.config.engine import TrlEngine
from rlsr.config.method import RlsrMethod
from rlsr.config.run import RunConfig
from rlsr.engines.rollout import sample_rows
from rlsr.engines.trl.beginnings import NO_BEGINNING, Beginning, go_on
from rlsr.engines.trl.host import HostOverrides, Passes
from rlsr.engines.trl.mini_batches import (
    make_steps,
    mini_batches,
    pick_rows,
    whole_rollout,
    with_steps,
)
from rlsr.engines.trl.out_of_memory import try_smaller
from rlsr.engines.trl.padded import Responses, read_responses, rollout_responses
from rlsr.engines.trl.passes import padded_rows, whole_groups
from rlsr.engines.trl.reward_function import RewardFunction
from rlsr.engines.trl.rollout_writer import writes_by_groups
from rlsr.engines.trl.step import GIVEN_COLUMN, OLD_LOG_PROBS, STEP, Addition, Step, step_metrics
from rlsr.engines.trl.update import Update, rows_of_update
from rlsr.errors import ConfigError
from rlsr.forward.generation import generate_groups
from rlsr.forward.sampling import Sampling
from rlsr.forward.token_scores import TokenScores
from rlsr.methods import count_cut
from rlsr.methods.advantages import Floats

REFERENCE_TEMPERATURE = 1.0
"""References are scored by the policy as it is, whatever the temperature of the rollouts, as in SFT."""


class RolloutTrainer(HostOverrides, GRPOTrainer):
    """TRL's GRPO with the advantages of ``rlsr.methods`` and what a method adds to it.

    Args:
        config: The resolved config, of a method with rollouts.
        reward_function: Scores rollouts.
        rows_at_a_time: Responses written side by side in a rollout; None is all.
        additions: What the method adds to the step of rlsr.
        **kwargs: As for ``HostOverrides`` and ``trl.GRPOTrainer``.

    Raises:
        ConfigError: Several processes and an option that looks at the tokens of all of them.
    """

    def __init__(
        self,
        *,
        config: RunConfig,
        reward_function: RewardFunction,
        rows_at_a_time: int | None,
        additions: Sequence[Addition] = (),
        **kwargs: Any,
    ) -> None:
        assert isinstance(config.method, RlsrMethod), "this trainer is of the methods with rollouts"
        self._method = config.method
        self._num_mini_batches = config.method.num_mini_batches(config.training.prompts_per_step)
        self._rows_at_a_time = rows_at_a_time
        self._additions = additions
        self.reward_function = reward_function
        self.step: Step | None = None
        super().__init__(config=config, reward_funcs=[self.reward], **kwargs)
        assert isinstance(config.engine, TrlEngine), "another engine is asked for"
        self._writes_by_groups = writes_by_groups(
            config.engine, self.model, self.args, passes=self.by_groups
        )
        # TRL would ask the reference policy about all responses, before it knows which of them teach something.
        self.beta = 0.0
        # An entropy bonus and the loss of a mixture of experts need TRL's own pass.
        self._needs_trl = self._entropy_bonus_enabled or self.aux_loss_enabled
        self.by_groups = self.by_groups and not self._needs_trl
        looks_around = self._entropy_bonus_enabled or self.top_entropy_quantile < 1
        if looks_around and self.accelerator.num_processes > 1:
            raise ConfigError(
                "engine.options: TRL's entropy bonus and top_entropy_quantile look at the tokens of all processes at every pass, "
                "of which processes have different numbers here; leave them out, or train in one process"
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
        return sum(self.reward_function.last.num_tokens)

    def sample_rows(self, num_groups: int) -> list[dict[str, Any]]:
        """List the responses of the last rollout to so many prompts, for a file that people read."""
        if num_groups == 0:
            return []
        assert self.step is not None, "a step begins with a rollout"
        rows = sample_rows(
            self.reward_function.last, self.step.group, self.num_generations, num_groups
        )
        for name, values in self.step.columns.items():
            rows = [{**row, name: value} for row, value in zip(rows, values, strict=False)]
        return rows

    # --- a rollout --------------------------------------------------------------------------------

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        beginnings: Sequence[Beginning] = [NO_BEGINNING] * len(inputs)
        for addition in self._additions:
            beginnings = addition.begin(inputs, beginnings)
        # TRL calls it with the prompts and nothing else of the rows.
        given = [row.get(GIVEN_COLUMN, []) for row in inputs]
        self.rollout_func = partial(self._write, beginnings, given)
        batch: dict[str, Any] = super()._generate_and_score_completions(inputs)
        order, steps = make_steps(
            inputs,
            beginnings,
            batch,
            self._rewards(),
            count=self._num_mini_batches,
            method=self._method,
            host=self,
        )
        for addition in self._additions:
            steps = [addition.after_rollout(step, self) for step in steps]
        self.step = whole_rollout(steps)
        for name, number in step_metrics(self.step, self._method.advantage).items():
            self._metrics["train"][name].append(number)
        return self._with_log_probs(with_steps(pick_rows(batch, order), steps))

    def _rewards(self) -> Floats:
        """Take what the last responses of all processes count as when they are compared with each other."""
        # In float32, as TRL keeps them.
        rewards = self.reward_function.learning_scores.astype(np.float32).astype(np.float64)
        rule = self._method.advantage.cut
        ended = self.reward_function.last.ended
        return count_cut(rewards, ended, self._method.num_generations, rule)

    def _write(
        self,
        beginnings: Sequence[Beginning],
        given: Sequence[list[int]],
        prompts: list[Any],
        _: Any,
    ) -> dict[str, Any]:
        """Write the responses of a rollout; TRL gives each prompt once for every response, and itself."""
        prompt_ids, *_ = self._tokenize_prompts(prompts)
        # Given for good, as the prompt is: the response begins behind it.
        prompt_ids = [[*ids, *tokens] for ids, tokens in zip(prompt_ids, given, strict=True)]

        def write() -> tuple[list[list[int]], Any]:
            if not any(beginning.tokens for beginning in beginnings):
                return self._sample(prompt_ids, self.num_generations, range(len(prompt_ids)))
            responses = go_on(
                prompt_ids,
                beginnings,
                lambda *group: self._sample(*group)[0],
                num_generations=self.num_generations,
                max_tokens=self.max_completion_length,
                end=self.processing_class.eos_token_id,
            )
            return responses, None

        responses, log_probs = self.timed("generate", write)
        for addition in self._additions:
            responses = [addition.end(response, self) for response in responses]
        return {"prompt_ids": prompt_ids, "completion_ids": responses, "logprobs": log_probs}

    def _sample(
        self, texts: list[list[int]], num_responses: int, places: Sequence[int]
    ) -> tuple[list[list[int]], Any]:
        """Sample responses to texts, each text standing once for every response.

        Seed, step and place in the whole rollout decide how a response is drawn, so that neither the number of processes nor
        the cut into batches does. With the responses come the log-probabilities that TRL needs where another engine samples.
        """
        if not self._writes_by_groups:
            found: tuple[list[list[int]], Any] = self._generate_single_turn(
                texts, None, {}, num_responses
            )
            return found
        first = self.own_rows(self.args.per_device_train_batch_size).start
        step = int(self.state.global_step)

        def generate() -> list[list[list[int]]]:
            return generate_groups(
                self.accelerator.unwrap_model(self.model),
                whole_groups(texts, num_responses),
                num_generations=num_responses,
                max_response_tokens=self.max_completion_length,
                stop_ids=self.eos_token_ids,
                sampling=Sampling(self.temperature, self.top_p),
                seeds=[(self.args.seed, step, first + place) for place in places],
                rows_at_a_time=self._rows_at_a_time,
            )

        groups = try_smaller(generate, partial(self._write_fewer, len(texts)))
        return [response for group in groups for response in group], None

    def _write_fewer(self, num_rows: int) -> str | None:
        """Halve the responses that are written side by side, of so many, in whole groups."""
        size = self.num_generations
        wanted = min(self._rows_at_a_time or num_rows, num_rows) // 2 // size * size
        if wanted == 0:
            return None
        self.num_out_of_memory += 1
        self._rows_at_a_time = wanted
        return f"{wanted} responses are written side by side"

    def reward(self, **columns: Any) -> list[float | None]:
        """Score a rollout for TRL by the reward function, and take the time."""
        return self.timed("reward", lambda: self.reward_function(**columns))

    # --- what is learnt from it -------------------------------------------------------------------

    def _with_log_probs(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Ask the policy before training, and the one that has written the rollout, about what is learnt from."""
        responses = rollout_responses(batch)
        if self._method.kl_coefficient:
            batch["ref_per_token_logps"] = self.log_probs_before(responses, self._score_responses)
        if self._num_mini_batches > 1:
            # It has moved when the second mini-batch is learnt from.
            first = {row for row, step in enumerate(batch[STEP]) if step.mini_batch == 0}
            later = responses.emptied(first)
            batch = {OLD_LOG_PROBS: self._log_probs_of_rollout(later), **batch}
        return batch

    @torch.no_grad()  # type: ignore[untyped-decorator]  # torch is not followed
    def _log_probs_of_rollout(self, responses: Responses) -> torch.Tensor:
        """Ask the policy that has written a rollout, in passes like those of the update: (response, token)."""
        policy = self.accelerator.unwrap_model(self.model)
        return self.score_in_passes(responses, partial(self._score_responses, policy))

    # --- the update -------------------------------------------------------------------------------

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> torch.Tensor:
        """Compute the loss of a step and its gradient, pass by pass.

        TRL would cut the rollout into equal parts, each padded to the longest response of all. The gradients are added
        up here; what is returned has the loss's value and no way back to the weights, so that the trainer's own
        backward pass adds nothing.

        Args:
            model: The policy.
            inputs: TRL's batch, a whole rollout, with its step.
            return_outputs: As in TRL, not supported.
            num_items_in_batch: Not used; the step has the number.

        Returns:
            The loss of GRPO and the terms of the step.
        """
        policy = self.bare(model)

        def score(rows: Responses, has_responses: bool) -> TokenScores:
            if has_responses:
                return self._score_responses(policy, rows, with_entropy=True)
            return self.score_pass(policy, rows, temperature=REFERENCE_TEMPERATURE)

        parts = mini_batches(inputs)
        learnt: list[tuple[Update, torch.Tensor]] = []
        for place in range(self._method.updates_per_step * len(parts)):
            if place:
                self._update_weights(policy)
            part = parts[place % len(parts)]
            update, total = self._learn(policy, part, score)
            # Ratios are taken from the policy that has written the rollout.
            parts[place % len(parts)] = {OLD_LOG_PROBS: update.log_probs, **part}
            learnt = [*learnt, (update, total.detach())][-len(parts) :]
        num_tokens = sum(sum(update.rows.response_lengths) for update, _ in learnt)
        self.num_trained_tokens = self._method.updates_per_step * num_tokens
        # TRL logs the mean of what the mini-batches say when they were last learnt from.
        for update, _ in learnt:
            for name, values in update.metrics().items():
                self._metrics["train"][name] += values
        return torch.stack([total for _, total in learnt]).mean().requires_grad_()

    def _learn(
        self,
        policy: Any,
        batch: dict[str, Any],
        score: Callable[[Responses, bool], TokenScores],
    ) -> tuple[Update, torch.Tensor]:
        """Add up the gradient of one update from a rollout."""
        updates: list[Update] = []

        def prepare() -> Passes:
            updates.append(
                Update(
                    self,
                    batch,
                    score,
                    kl_coefficient=self._method.kl_coefficient,
                    tokens_per_pass=self._tokens_per_pass,
                    # A pass has one temperature.
                    mixed=self.by_groups and self.temperature == REFERENCE_TEMPERATURE,
                )
            )
            return updates[-1].passes, updates[-1].loss_of

        total = self.backward_by_parts(policy, rows_of_update(batch), prepare)
        return updates[-1], total

    def _update_weights(self, policy: Any) -> None:
        """Take an update of a rollout that is learnt from again; transformers takes the last one."""
        self._clip_grad_norm(policy)
        self.optimizer.step()
        policy.zero_grad()

    # --- scores -----------------------------------------------------------------------------------

    def _score_responses(
        self, model: Any, rows: Responses, *, with_entropy: bool = False
    ) -> TokenScores:
        """Score responses in one pass at the temperature of the rollouts.

        TRL's pass has its fused head, which saves memory on a GPU, and gradients of entropies and of the loss of a mixture of
        experts.
        """
        if self.by_groups or not (self._needs_trl or self.accelerator.device.type != "cpu"):
            return self.score_pass(
                model, rows, temperature=self.temperature, with_entropy=with_entropy
            )
        ids, mask = padded_rows(rows, self.accelerator.device)
        return TokenScores(
            *super()._get_per_token_logps_and_entropies(
                model,
                ids,
                mask,
                max(rows.response_lengths),
                compute_entropy=with_entropy,
                compute_aux_loss=self.aux_loss_enabled,
            )
        )

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        logits_to_keep: int,
        *_: Any,
        **__: Any,
    ) -> tuple[torch.Tensor, None, None]:
        rows = read_responses(input_ids, attention_mask, logits_to_keep)
        log_probs = self.score_in_passes(rows, partial(self._score_responses, model))
        padding = logits_to_keep - log_probs.shape[1]
        return torch.nn.functional.pad(log_probs, (0, padding)), None, None
