"""What tests ask of verl itself; runs in verl's environment, reads a question as JSON and writes the answer as JSON.

``python verl_side.py QUESTION ANSWER``, with the environment variables of a process of verl.
"""

import asyncio
import json
import sys
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


def loss(directory: str, **rows: Any) -> dict[str, Any]:
    """Compute verl's loss of a step and its derivative by the log-probabilities, with what rlsr's trainer makes of the rewards."""
    from verl.utils.config import omega_conf_to_dataclass
    from verl.workers.utils.losses import ppo_loss

    from rlsr.engines.verl.inside.run import this_run
    from rlsr.engines.verl.learning import lesson_of

    actor = omega_conf_to_dataclass(composed(directory).actor_rollout_ref.actor)
    lesson = lesson_of(rows["rewards"], [True] * len(rows["rewards"]), this_run().method)
    log_probs = [torch.tensor(row, requires_grad=True) for row in rows["log_probs"]]
    # A prompt of one token; verl looks for the score of a token at the place before it.
    whole = torch.cat([torch.cat([row, torch.zeros(1)]) for row in log_probs])
    lengths = [len(row) for row in rows["log_probs"]]
    counted = sum(n for n, one in zip(lengths, lesson.selected, strict=True) if one)
    data = TensorDict(
        {
            "prompts": nested([[1.0]] * len(lengths)),
            "responses": nested([[1.0] * n for n in lengths]),
            "response_mask": nested(
                [[float(one)] * n for n, one in zip(lengths, lesson.group.learnable, strict=True)]
            ),
            "old_log_probs": nested(rows["old_log_probs"]),
            "ref_log_prob": nested(rows["ref_log_probs"]),
            "advantages": nested(
                [[float(one)] * n for n, one in zip(lengths, lesson.group.advantages, strict=True)]
            ),
        },
        batch_size=len(lengths),
    )
    from verl.utils import tensordict_utils as tu

    sizes = {"dp_size": 1, "batch_num_tokens": counted, "global_batch_size": len(lengths)}
    tu.assign_non_tensor(data, **sizes)
    value, _ = ppo_loss(actor, {"log_probs": whole}, data)
    value.backward()
    slopes = [torch.zeros_like(row) if row.grad is None else row.grad for row in log_probs]
    return {"loss": float(value), "slopes": [row.tolist() for row in slopes]}


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
    found = [{"loss": loss, "check": check}[one.pop("ask")](**one) for one in asked]
    answer.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
