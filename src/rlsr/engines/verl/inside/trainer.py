"""verl's synchronous trainer, which learns what rlsr's methods say and asks rlsr after every step how to go on.

What a step is, verl's calls and ours (marked *)::

    PPOTrainer.fit
      PPOTrainer.step
        AgentLoopManager, ReplayBuffer.sample     responses, each scored by BatchedReward when it is complete
        * _balance_batch                          the rows of each mini-batch together, whole groups in it
        _compute_old_log_prob, _compute_ref_log_prob
        * _compute_advantage                      rlsr.engines.verl.learning, on the groups of the step
        * _update_actor                           what teaches nothing is masked out for verl's own loss
          * carry_references                      of S-GRPO; the workers read them beside the responses (supervised_term.py)
      _save_checkpoint                            where verl's config says so
      * logger.log                                tells rlsr the step; waits for the answer; saves and ends where it says so
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import transfer_queue as tq
from omegaconf import open_dict
from torch.utils.data import Sampler
from torchdata.stateful_dataloader import StatefulDataLoader
from verl.trainer.ppo.v1 import PPOTrainerSync, register_trainer
from verl.utils.dataset.rl_dataset import collate_fn
from verl.utils.seqlen_balancing import calculate_workload, get_seqlen_balanced_partitions

from rlsr.config.method import SgrpoMethod
from rlsr.engines.prompt_order import prompts_of_steps
from rlsr.engines.schedule import rate_factor
from rlsr.engines.verl.exchange import Exchange
from rlsr.engines.verl.inside.columns import nested, put
from rlsr.engines.verl.inside.references import WEIGHT, carry_references
from rlsr.engines.verl.inside.run import this_run
from rlsr.engines.verl.learning import Lesson, lesson_of
from rlsr.engines.verl.row_order import order_of_rows

MODE = "rlsr"
"""Of this trainer, in verl's config."""


class _OrderOfPrompts(Sampler[int]):
    """The prompts of every step, in the order that the engine ``trl`` has, too."""

    def __len__(self) -> int:
        return this_run().num_steps * this_run().config.training.prompts_per_step

    def __iter__(self) -> Iterator[int]:
        run = this_run()
        for places in prompts_of_steps(
            run.num_prompts,
            prompts_per_step=run.config.training.prompts_per_step,
            num_steps=run.num_steps,
            seed=run.config.seed,
        ):
            yield from places


class _AskingLogger:
    """verl's logger of steps, which is called last of all in a step, once."""

    def __init__(self, logger: Any, trainer: "RlsrTrainer") -> None:
        self._logger = logger
        self._trainer = trainer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._logger, name)

    def log(self, data: Mapping[str, Any], step: int) -> None:
        """Log a step, and let rlsr say how to go on."""
        self._logger.log(data=data, step=step)
        self._trainer.tell_and_ask(data, step)


@register_trainer(MODE)
class RlsrTrainer(PPOTrainerSync):
    """Everything but what stands below is verl's."""

    def __init__(self, config: Any) -> None:
        # What else asks for the mode shall find the synchronous one.
        with open_dict(config):
            config.trainer.v1.trainer_mode = "sync"
        super().__init__(config)
        self.logger: Any = None
        self._exchange = Exchange.of_this_process()
        self._rollout: list[dict[str, Any]] = []
        self._learnt: tuple[list[torch.Tensor], list[torch.Tensor]] = ([], [])
        self._carriers: list[int] = []
        self._place_of_prompt: dict[str, int] = {}
        self._reference_tokens = 0

    def _init_dataloader(self) -> None:
        super()._init_dataloader()
        # Its own samplers leave prompts out that fill no step, and know no epochs of other sizes.
        self.train_dataloader = StatefulDataLoader(
            dataset=self.train_dataset,
            batch_size=self.config.data.train_batch_size,
            num_workers=0,
            drop_last=True,
            collate_fn=collate_fn,
            sampler=_OrderOfPrompts(),
        )
        self.steps_per_epoch = self.total_training_steps

    def on_train_begin(self) -> None:
        """Listen to what is logged."""
        super().on_train_begin()
        self.logger = _AskingLogger(self.logger, self)

    def _next_train_batch(self, num_prompts: int | None = None) -> Any:
        """Note the order of the prompts, whose responses come in any order."""
        batch = super()._next_train_batch(num_prompts)
        self._place_of_prompt = {uid: place for place, uid in enumerate(batch["uid"])}
        return batch

    def _balance_batch(self, batch: Any, metrics: Any, *args: Any, **kwargs: Any) -> Any:
        """Deal rows out by verl, and where there are several mini-batches, those of each by themselves."""
        batch = super()._balance_batch(batch, metrics, *args, **kwargs)
        run = this_run()
        count = run.method.num_mini_batches(run.config.training.prompts_per_step)
        if count == 1:
            return batch
        # verl has asked the workers who holds a part of the rows.
        num_workers = max(self.actor_rollout_wg._dispatch_info["actor"]) + 1
        work = calculate_workload(torch.tensor([tag["seq_len"] for tag in batch.tags])).tolist()

        def divide(rows: Sequence[int]) -> list[list[int]]:
            parts = get_seqlen_balanced_partitions([work[row] for row in rows], num_workers, True)
            return [[rows[place] for place in part] for part in parts]

        prompts = [self._place_of_prompt[key.rsplit("_", 2)[0]] for key in batch.keys]
        batch.reorder(
            order_of_rows(prompts, num_mini_batches=count, num_workers=num_workers, divide=divide)
        )
        return batch

    def _compute_advantage(self, batch: Any, metrics: dict[str, Any]) -> Any:
        """Compute advantages by rlsr's methods, and note what the loss leaves out."""
        run, fields = this_run(), ["uid", "index", "responses", "rm_scores", "extra_fields"]
        data = tq.kv_batch_get(
            keys=batch.keys, partition_id=batch.partition_id, select_fields=fields
        )
        uids, places, details = (
            data.pop(name).tolist() for name in ("uid", "index", "extra_fields")
        )
        scores = [float(row.sum()) for row in data["rm_scores"].unbind()]
        tokens = [row.tolist() for row in data["responses"].unbind()]
        order = _by_groups(batch, uids, run.method.num_generations)
        self._carriers = order[:: run.method.num_generations]
        ended = [not run.stop_ids.isdisjoint(tokens[row]) for row in order]
        lesson = lesson_of([scores[row] for row in order], ended, run.method)
        texts = self.tokenizer.batch_decode(
            [tokens[row] for row in order], skip_special_tokens=True
        )
        self._rollout = [
            {
                "place": int(places[row]),
                "response": text,
                "num_tokens": len(tokens[row]),
                "ended": end,
                "score": _or_none(scores[row]),
                **json.loads(details[row]["reward_extra_info"]["rlsr"]),
            }
            for row, text, end in zip(order, texts, ended, strict=True)
        ]
        return self._write_advantages(batch, [len(row) for row in tokens], order, lesson)

    def _write_advantages(
        self, batch: Any, lengths: Sequence[int], order: Sequence[int], lesson: Lesson
    ) -> Any:
        """Give every token of a response its advantage; padding, which is no response, has none."""
        advantages = [torch.zeros(length) for length in lengths]
        learnt = [torch.zeros(length, dtype=torch.bool) for length in lengths]
        counted = [torch.zeros(length, dtype=torch.bool) for length in lengths]
        for place, row in enumerate(order):
            advantages[row] += float(lesson.group.advantages[place])
            learnt[row] |= bool(lesson.group.learnable[place])
            counted[row] |= bool(lesson.selected[place])
        self._learnt = (learnt, counted)
        written = {name: nested(advantages) for name in ("advantages", "returns")}
        return put(batch, written)

    def _update_actor(self, batch: Any, metrics: dict[str, Any]) -> Any:
        """Update by verl's loss over what is learnt; it is averaged over all responses that were selected."""
        method = this_run().method
        if isinstance(method, SgrpoMethod) and method.reads_labels:
            metrics["actor/label_weight"] = self._carry_references(batch, method)
        with _masks(batch, *self._learnt):
            return super()._update_actor(batch, metrics)

    def _carry_references(self, batch: Any, method: SgrpoMethod) -> float:
        """Give the references of the step to the workers, and return the weight of their term."""
        self._reference_tokens = carry_references(
            batch,
            self._carriers,
            method,
            tokenizer=self.tokenizer,
            ask_before=self._ask_policy_before,
            num_workers=self.actor_rollout_wg.world_size,
        )
        share = rate_factor(
            self.global_steps - 1,
            warmup_steps=0,
            num_steps=this_run().num_steps,
            schedule=method.label_schedule,
        )
        weight = method.initial_label_weight * share
        batch.extra_info[WEIGHT] = weight
        return weight

    def _ask_policy_before(self, rows: Any) -> Any:
        """Let the workers score rows by the policy before training, which is there where the config needs it."""
        return self.ref_policy_wg.compute_ref_log_prob(rows)

    def tell_and_ask(self, metrics: Mapping[str, Any], step: int) -> None:
        """Tell rlsr a step; end after it where rlsr says so."""
        numbers = {name: _or_none(float(value)) for name, value in metrics.items()}
        self._exchange.tell(
            step,
            {
                "metrics": numbers,
                "rollout": self._rollout,
                "reference_tokens": self._reference_tokens,
            },
        )
        answer = self._exchange.wait_for_answer(step)
        if answer in {"save_and_go_on", "save_and_end"}:
            self._save_checkpoint()
        if answer in {"save_and_end", "end"}:
            # The loop of verl looks at it before the next step.
            self.total_training_steps = step


def _by_groups(batch: Any, uids: Sequence[str], size: int) -> list[int]:
    """List the rows of a batch so that the responses to a prompt stand next to each other, in the order they were asked for."""
    rows = [row for row, tag in enumerate(batch.tags) if not tag.get("is_padding", False)]
    groups: dict[str, list[int]] = {}
    for row in rows:
        groups.setdefault(uids[row], []).append(row)
    for uid, group in groups.items():
        assert len(group) == size, f"{len(group)} responses to prompt {uid}, of {size}"
        group.sort(key=lambda row: int(batch.keys[row].rsplit("_", 2)[1]))
    return [row for group in groups.values() for row in group]


@contextmanager
def _masks(
    batch: Any, learnt: Sequence[torch.Tensor], counted: Sequence[torch.Tensor]
) -> Iterator[None]:
    """Narrow verl's masks: of the tokens with a loss, and of those that it is averaged over. Metrics need them whole."""
    data = tq.kv_batch_get(
        keys=batch.keys,
        partition_id=batch.partition_id,
        select_fields=["response_mask", "loss_mask"],
    )
    before = {name: list(data[name].unbind()) for name in ("response_mask", "loss_mask")}
    narrowed = {
        name: [mask * own.to(mask.dtype) for mask, own in zip(before[name], kept, strict=True)]
        for name, kept in (("response_mask", learnt), ("loss_mask", counted))
    }
    put(batch, {name: nested(masks) for name, masks in narrowed.items()})
    try:
        yield
    finally:
        put(batch, {name: nested(masks) for name, masks in before.items()})


def _or_none(number: float) -> float | None:
    return number if math.isfinite(number) else None
