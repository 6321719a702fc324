"""What tests ask of verl itself; runs in verl's environment, reads a question as JSON and writes the answer as JSON.

``python verl_side.py QUESTION ANSWER``, with the environment variables of a process of verl.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from tensordict import TensorDict


def composed(directory: str) -> Any:
    """Compose a run's config by verl's schema, and let verl check it."""
    from verl.trainer.ppo.utils import need_critic, need_reference_policy
    from verl.utils.config import omega_conf_to_dataclass, validate_config

    with initialize_config_dir(config_dir=directory, version_base=None):
        config = compose("verl")
    OmegaConf.resolve(config)
    uses = {
        "use_reference_policy": need_reference_policy(config),
        "use_critic": need_critic(config),
    }
    validate_config(config, **uses)
    for part in ("actor_rollout_ref.actor", "actor_rollout_ref.rollout", "algorithm"):
        omega_conf_to_dataclass(OmegaConf.select(config, part))
    return config


def nested(rows: list[list[float]], dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Put rows of different lengths together as verl does."""
    return torch.nested.as_nested_tensor([torch.tensor(row, dtype=dtype) for row in rows], layout=torch.jagged)  # fmt: skip


def loss(
    directory: str, num_workers: int = 1, rows_per_pass: int = 100, **rows: Any
) -> dict[str, Any]:
    """Compute verl's loss of a step and its derivative by the log-probabilities, with what rlsr's trainer makes of the rewards.

    Rows are dealt out to workers, whose losses are averaged, and cut into passes, whose losses are added up.
    """
    from verl.utils import tensordict_utils as tu
    from verl.utils.config import omega_conf_to_dataclass
    from verl.workers.utils.losses import ppo_loss

    from rlsr.config.method import SgrpoMethod
    from rlsr.engines.verl.inside.references import REFERENCE
    from rlsr.engines.verl.inside.run import this_run
    from rlsr.engines.verl.inside.supervised_term import LossWithReferences, with_references

    actor = omega_conf_to_dataclass(composed(directory).actor_rollout_ref.actor)
    method = this_run().method
    whole = batch_of(rows)
    scores = [torch.tensor(row, requires_grad=True) for row in rows["log_probs"]]
    labels = [torch.tensor(row, requires_grad=True) for row in rows.get("label_log_probs", [])]
    tu.assign_non_tensor(
        whole,
        dp_size=num_workers,
        temperature=1.0,
        batch_num_tokens=int(sum(row.sum() for row in whole["loss_mask"].unbind())),
        global_batch_size=len(scores),
    )
    loss_of_pass: Any = partial(ppo_loss, actor)
    if labels:
        assert isinstance(method, SgrpoMethod), "others have no labels"
        weight, num_tokens = method.initial_label_weight, sum(map(len, labels))
        loss_of_pass = LossWithReferences(
            loss_of_pass, method, weight=weight, num_tokens=num_tokens
        )
    value, logged = torch.zeros(()), dict.fromkeys(("label_loss", "label_nll"), 0.0)
    for worker in range(num_workers):
        own = list(range(len(scores)))[worker::num_workers]
        part, found = tu.index_select_tensor_dict(whole, own), [scores[row] for row in own]
        if labels:
            part = with_references(part)
            found += [
                labels[row // method.num_generations]
                for row in own
                if row % method.num_generations == 0
            ]
        part.pop(REFERENCE, None)
        for start in range(0, len(found), rows_per_pass):
            places = list(range(start, min(start + rows_per_pass, len(found))))
            # A prompt of one token; verl looks for the score of a token at the place before it.
            flat = torch.cat([torch.cat([found[row], torch.zeros(1)]) for row in places])
            share, metrics = loss_of_pass(
                model_output={"log_probs": flat}, data=tu.index_select_tensor_dict(part, places)
            )
            value = value + share / num_workers
            for name in logged:
                logged[name] += metrics[name].aggregate() / num_workers if labels else 0.0
    value.backward()
    slopes = [
        (torch.zeros_like(row) if row.grad is None else row.grad).tolist()
        for row in (*scores, *labels)
    ]
    return {"loss": float(value), "slopes": slopes, **logged}


def batch_of(rows: dict[str, Any]) -> TensorDict:
    """Write a step as verl's batch, with what rlsr's trainer makes of the rewards; references by their first responses."""
    from rlsr.engines.verl.inside.references import BEFORE, REFERENCE
    from rlsr.engines.verl.inside.run import this_run
    from rlsr.engines.verl.learning import lesson_of

    method = this_run().method
    lesson = lesson_of(rows["rewards"], [True] * len(rows["rewards"]), method)
    lengths = [len(row) for row in rows["log_probs"]]

    def filled(values: Any) -> torch.Tensor:
        return nested([[float(one)] * n for n, one in zip(lengths, values, strict=True)])

    columns = {
        "prompts": nested([[1.0]] * len(lengths)),
        "responses": filled([1.0] * len(lengths)),
        "response_mask": filled(lesson.group.learnable),
        "loss_mask": filled(lesson.selected),
        "old_log_probs": nested(rows["old_log_probs"]),
        "ref_log_prob": nested(rows["ref_log_probs"]),
        "advantages": filled(lesson.group.advantages),
    }
    if "label_log_probs" in rows:
        size = method.num_generations
        none: list[list[float]] = [[]] * (size - 1)
        labels = rows["label_log_probs"]
        columns[REFERENCE] = nested([row for one in labels for row in ([1.0] * len(one), *none)])
        columns[BEFORE] = nested([row for one in rows["labels_before"] for row in (one, *none)])
        assert len(labels) * size == len(lengths)
    return TensorDict(columns, batch_size=len(lengths))


def train(directory: str, rate: float, **rows: Any) -> dict[str, Any]:
    """Learn from a rollout by verl's engine of the policy, mini-batch after mini-batch; return the weights."""
    from verl.utils import tensordict_utils as tu
    from verl.utils.config import omega_conf_to_dataclass
    from verl.workers.engine import EngineRegistry
    from verl.workers.utils.losses import ppo_loss

    from rlsr.config.method import SgrpoMethod
    from rlsr.engines.verl.inside.references import REFERENCE, WEIGHT
    from rlsr.engines.verl.inside.run import this_run
    from rlsr.engines.verl.row_order import order_of_rows

    torch.distributed.init_process_group(
        "gloo", store=torch.distributed.HashStore(), rank=0, world_size=1
    )
    config = composed(directory).actor_rollout_ref
    actor, model = omega_conf_to_dataclass(config.actor), omega_conf_to_dataclass(config.model)
    engine = EngineRegistry.new(
        model_type="language_model",
        backend="fsdp2",
        model_config=model,
        engine_config=actor.engine,
        optimizer_config=actor.optim,
        checkpoint_config=actor.checkpoint,
    )
    engine.initialize()
    # Adam's first step follows the sign of the gradient: where that is near 0 rounding decides.
    engine.optimizer = torch.optim.SGD(engine.module.parameters(), lr=rate)
    method, training = this_run().method, this_run().config.training
    assert isinstance(method, SgrpoMethod), "others have no references"
    count = method.num_mini_batches(training.prompts_per_step)
    size = method.num_generations
    whole = batch_of(rows)
    texts = [
        [*one, *other] for one, other in zip(rows["prompt_ids"], rows["response_ids"], strict=True)
    ]
    none: list[list[int]] = [[]] * (size - 1)
    for name, values in {
        "prompts": rows["prompt_ids"],
        "responses": rows["response_ids"],
        "input_ids": texts,
        "position_ids": [list(range(len(text))) for text in texts],
        REFERENCE: [row for one in rows["reference_ids"] for row in (one, *none)],
    }.items():
        whole[name] = nested(values, torch.int64)
    order = order_of_rows(
        [row // size for row in range(len(texts))],
        num_mini_batches=count,
        num_workers=1,
        divide=lambda own: [own],
    )
    each = len(order) // count
    for start in [*range(0, len(order), each)] * method.updates_per_rollout:
        part = tu.index_select_tensor_dict(whole, order[start : start + each])
        told = {"temperature": 1.0, "global_batch_size": each, "use_dynamic_bsz": True, "use_remove_padding": False}  # fmt: skip
        tu.assign_non_tensor(part, **told, use_fused_kernels=False, max_token_len_per_gpu=150)
        tu.assign_non_tensor(part, **{WEIGHT: method.initial_label_weight})
        with engine.train_mode():
            engine.train_batch(part, loss_function=partial(ppo_loss, config=actor))
    state = engine.module.state_dict()
    return {name: value.full_tensor().flatten().tolist() for name, value in state.items()}


def rows(directory: str) -> dict[str, Any]:
    """Make rows of the references that three responses carry."""
    from verl.utils import tensordict_utils as tu

    from rlsr.engines.verl.inside.references import BEFORE, REFERENCE
    from rlsr.engines.verl.inside.supervised_term import with_references

    whole = torch.int64
    columns = {
        "prompts": nested([[1], [1], [5]], whole),
        "responses": nested([[2, 3], [4], [6]], whole),
        "input_ids": nested([[1, 2, 3], [1, 4], [5, 6]], whole),
        "position_ids": nested([[0, 1, 2], [0, 1], [0, 1]], whole),
        "response_mask": nested([[1, 1], [1], [1]], whole),
        "loss_mask": nested([[1, 1], [1], [1]], whole),
        "ref_log_prob": nested([[-1.0, -1.0], [-1.0], [-1.0]]),
        REFERENCE: nested([[7, 8], [], [9]], whole),
        BEFORE: nested([[-0.5, -0.25], [], [-2.0]]),
    }
    data = TensorDict(columns, batch_size=3)
    tu.assign_non_tensor(data, temperature=0.7)
    # As verl hands it on: a list of all workers' rows that is no column.
    tu.assign_non_tensor_data(data, "global_token_num", [3, 2, 2])
    found = with_references(data)
    names = (*[name for name in columns if name not in (REFERENCE, BEFORE, "prompts")], "temperature", "is_reference")  # fmt: skip
    lists = {name: [row.tolist() for row in found[name].unbind()] for name in names}
    return {**lists, "global_token_num": tu.get(found, "global_token_num")}


def overrides(directory: str) -> dict[str, list[str]]:
    """List the parameters of what rlsr overrides, as verl has them."""
    from inspect import signature

    from verl.trainer.ppo.v1 import PPOTrainerSync
    from verl.workers.engine.fsdp.transformer_impl import FSDPEngineWithLMHead

    from rlsr.engines.verl.inside.policy_engine import CpuEngine, ScheduledEngine
    from rlsr.engines.verl.inside.trainer import RlsrTrainer

    own = {PPOTrainerSync: (RlsrTrainer,), FSDPEngineWithLMHead: (ScheduledEngine, CpuEngine)}
    return {
        name: list(signature(getattr(theirs, name)).parameters)
        for theirs, ours in own.items()
        for one in ours
        for name in vars(one)
        if hasattr(theirs, name) and not name.startswith("__") and callable(getattr(theirs, name))
    }


def check(directory: str) -> dict[str, Any]:
    """Read the data, load the reward and score by it, as verl does."""
    from verl import DataProto
    from verl.trainer.ppo.core_algos import compute_grpo_outcome_advantage
    from verl.trainer.ppo.reward import load_reward_manager
    from verl.trainer.ppo.utils import create_rl_dataset
    from verl.trainer.ppo.v1 import get_trainer_cls
    from verl.utils import hf_tokenizer

    config = composed(directory)
    tokenizer = hf_tokenizer(config.actor_rollout_ref.model.path)
    rows = create_rl_dataset(config.data.train_files, config.data, tokenizer, None, is_train=True)
    manager = load_reward_manager(config, tokenizer)
    texts = ["the cat sat", "a e i", "zzz"]
    items = []
    for text in texts:
        tokens = torch.tensor([[*tokenizer.encode(text), tokenizer.eos_token_id]])
        batch = {"responses": tokens, "attention_mask": torch.ones(1, tokens.shape[1] + 2)}
        extra = np.array([rows[0]["extra_info"]], dtype=object)
        items.append(DataProto.from_dict(tensors=batch, non_tensors={"extra_info": extra}))

    async def score() -> list[dict[str, Any]]:
        return list(await asyncio.gather(*map(manager.run_single, items)))

    rewards = torch.tensor([[0.1, 0.9, 0.4, 0.4]]).T
    advantages, _ = compute_grpo_outcome_advantage(rewards, torch.ones(4, 1), np.zeros(4))
    return {
        "num_rows": len(rows),
        "first": rows[0]["raw_prompt"],
        "scores": [one["reward_score"] for one in asyncio.run(score())],
        "trainer": get_trainer_cls(config.trainer.v1.trainer_mode).__name__,
        "advantages": advantages[:, 0].tolist(),
    }


def main() -> None:
    """Answer."""
    question, answer = map(Path, sys.argv[1:])
    asked = json.loads(question.read_text(encoding="utf-8"))
    ways: dict[str, Callable[..., Any]] = {
        "loss": loss,
        "check": check,
        "rows": rows,
        "overrides": overrides,
        "train": train,
    }
    found = [ways[one.pop("ask")](**one) for one in asked]
    answer.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
