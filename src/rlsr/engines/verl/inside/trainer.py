"""verl's synchronous trainer, which learns what rlsr's methods say and asks rlsr after every step how to go on.

What a step is, verl's calls and ours (marked *)::

    PPOTrainer.fit
      PPOTrainer.step
        AgentLoopManager, ReplayBuffer.sample     responses, each scored by BatchedReward when it is complete
        _compute_old_log_prob, _compute_ref_log_prob
        * _compute_advantage                      rlsr.engines.verl.learning, on the groups of the step
        * _update_actor                           what teaches nothing is masked out for verl's own loss
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
from tensordict import TensorDict
from torch.utils.data import Sampler
from torchdata.stateful_dataloader import StatefulDataLoader
from verl.trainer.ppo.v1 import PPOTrainerSync, register_trainer
from verl.utils.dataset.rl_dataset import collate_fn

from rlsr.engines.prompt_order import prompts_of_steps
from rlsr.engines.verl.exchange import Exchange
from rlsr.engines.verl.inside.run import this_run
from rlsr.engines.verl.learning import Lesson, lesson_of

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
        written = {name: _nested(advantages) for name in ("advantages", "returns")}
        return _put(batch, written)

    def _update_actor(self, batch: Any, metrics: dict[str, Any]) -> Any:
        """Update by verl's loss over what is learnt; it is averaged over all responses that were selected."""
        with _masks(batch, *self._learnt):
            return super()._update_actor(batch, metrics)

    def tell_and_ask(self, metrics: Mapping[str, Any], step: int) -> None:
        """Tell rlsr a step; end after it where rlsr says so."""
        numbers = {name: _or_none(float(value)) for name, value in metrics.items()}
        self._exchange.tell(step, {"metrics": numbers, "rollout": self._rollout})
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
    _put(batch, {name: _nested(masks) for name, masks in narrowed.items()})
    try:
        yield
    finally:
        _put(batch, {name: _nested(masks) for name, masks in before.items()})


def _put(batch: Any, fields: Mapping[str, torch.Tensor]) -> Any:
    return tq.kv_batch_put(
        keys=batch.keys,
        partition_id=batch.partition_id,
        fields=TensorDict(dict(fields), batch_size=len(batch)),
    )


def _nested(rows: Sequence[torch.Tensor]) -> torch.Tensor:
    return torch.nested.as_nested_tensor(list(rows), layout=torch.jagged)


def _or_none(number: float) -> float | None:
    return number if math.isfinite(number) else None
