"""Passes by groups say on a GPU what plain passes say there, and rollouts follow the weights; all of it on a CPU, too.

In float32 to rounding; in bfloat16, which a GPU trains in, within what its eight bits of mantissa leave.
"""

import json
from collections.abc import Sequence
from copy import deepcopy
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import torch

from families import SUPPORTED, make_policy, save_with_tokenizer, with_lora
from rlsr.config import load_config
from rlsr.engines.trl.padded import Responses
from rlsr.engines.trl.passes import score_groups, score_padded
from rlsr.engines.trl.trainer import RolloutTrainer
from rlsr.forward.generation import generate_groups
from rlsr.forward.sampling import GREEDY, Sampling
from rlsr.models import Device
from trainers import trainer_of_config

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
DTYPES = [torch.float32, torch.bfloat16]
FAMILIES = ["llama", "qwen2"]
PROMPTS = [(3, 4, 5, 6, 7), (9, 8), (21,), (30, 31, 32, 33, 34, 35, 36)]
LOG_PROB = {torch.float32: 2e-4, torch.bfloat16: 0.15}
"""How far log-probabilities of about -4 may be apart."""
GRADIENT = {torch.float32: 1e-3, torch.bfloat16: 0.1}
"""How far gradients may be apart, as a share of their norm."""


def policy(family: str, device: str, dtype: torch.dtype = torch.float32) -> Any:
    return make_policy(family, SUPPORTED[family]).to(device, dtype)


def write(model: Any, sampling: Sampling, *, count: int = 2) -> Responses:
    """Write responses by groups; sampled ones by numbers of their own."""
    groups = generate_groups(
        model,
        PROMPTS,
        num_generations=count,
        max_response_tokens=16,
        stop_ids=[1],
        sampling=sampling,
        seeds=[(5, place) for place in range(count * len(PROMPTS))],
    )
    rows = [prompt for prompt in PROMPTS for _ in range(count)]
    return Responses.of(rows, [response for group in groups for response in group])


def plain_tables(model: Any, rows: Responses) -> list[torch.Tensor]:
    """Pass each response alone: (token, vocabulary) log-probabilities in float32, on the CPU."""
    tables = []
    with torch.no_grad():
        for prompt, response in zip(rows.prompts, rows.responses, strict=True):
            ids = torch.tensor([[*prompt, *response]], device=model.device)
            logits = model(input_ids=ids, use_cache=False).logits[0, len(prompt) - 1 : -1]
            tables.append(logits.float().log_softmax(-1).cpu())
    return tables


def chosen(tables: Sequence[torch.Tensor], rows: Responses) -> torch.Tensor:
    """Take the log-probabilities of the tokens of responses, one behind the other."""
    tokens = torch.tensor([*chain.from_iterable(rows.responses)])
    return torch.cat([*tables]).gather(1, tokens[:, None]).squeeze(1)


def shortfall(model: Any, rows: Responses) -> float:
    """Say how far the least likely token is below the likeliest in its place; 0 for greedy responses."""
    tables = plain_tables(model, rows)
    best = torch.cat([table.max(-1).values for table in tables])
    return float((best - chosen(tables, rows)).max())


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("family", FAMILIES)
def test_greedy_groups_are_those_of_plain_generation_on_a_device(family: str, device: str) -> None:
    from transformers import GenerationConfig

    model = policy(family, device)
    rows = write(model, GREEDY, count=1)
    config = GenerationConfig(max_new_tokens=16, do_sample=False, eos_token_id=1, pad_token_id=0)
    for prompt, response in zip(rows.prompts, rows.responses, strict=True):
        ids = torch.tensor([prompt], device=device)
        plain = model.generate(ids, attention_mask=torch.ones_like(ids), generation_config=config)
        assert response == plain[0, len(prompt) :].tolist()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("family", FAMILIES)
def test_sampled_tokens_have_the_log_probabilities_of_plain_passes_on_a_device(
    family: str, dtype: torch.dtype, device: str
) -> None:
    model = policy(family, device, dtype)
    rows = write(model, Sampling(), count=4)
    assert len({tuple(response) for response in rows.responses}) > len(PROMPTS)
    with torch.no_grad():
        table = score_groups(model, rows, temperature=1.0, with_entropy=False).log_probs
    lengths = rows.response_lengths
    ours = torch.cat([line[:length].float() for line, length in zip(table, lengths, strict=True)])
    plain = chosen(plain_tables(model, rows), rows)
    torch.testing.assert_close(ours.cpu(), plain, rtol=0, atol=LOG_PROB[dtype])
    assert plain.std() > 2 * LOG_PROB[dtype], "another response would be seen"


def gradient(model: Any, score: Any, rows: Responses) -> torch.Tensor:
    """Of a sum of the log-probabilities with a weight of its own for each response."""
    weights = torch.linspace(-1, 1, len(rows.responses), device=model.device)[:, None]
    model.zero_grad()
    scores = score(model, rows, temperature=0.8, with_entropy=False).log_probs
    (scores.float() * weights).sum().backward()
    return torch.cat([w.grad.float().flatten() for w in model.parameters() if w.grad is not None])


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("adapters", [False, True], ids=["full", "lora"])
def test_an_update_by_groups_has_the_gradient_of_a_plain_one_on_a_device(
    adapters: bool, dtype: torch.dtype, device: str
) -> None:
    model = policy("qwen2", device, dtype)
    if adapters:
        model = with_lora(model, dtype=dtype).to(device, dtype)
    rows = write(model, Sampling(), count=3)
    model.train()
    ours, plain = (gradient(model, score, rows) for score in (score_groups, score_padded))
    assert float(plain.norm()) > 0
    assert float((ours - plain).norm() / plain.norm()) < GRADIENT[dtype]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("adapters", [False, True], ids=["full", "lora"])
def test_the_weights_of_an_optimiser_step_write_the_next_rollout_on_a_device(
    adapters: bool, device: str
) -> None:
    model = policy("llama", device)
    if adapters:
        model = with_lora(model).to(device)
    before = write(model, GREEDY)
    assert shortfall(model, before) < LOG_PROB[torch.float32]
    optimizer = torch.optim.SGD([w for w in model.parameters() if w.requires_grad], lr=2.0)
    score_groups(model, before, temperature=1.0, with_entropy=False).log_probs.mean().backward()
    optimizer.step()
    assert shortfall(model, before) > 0.1, "the step has changed what is likely"
    after = write(model, GREEDY)
    assert shortfall(model, after) < LOG_PROB[torch.float32]


def mass_above(tables: Sequence[torch.Tensor], rows: Responses) -> float:
    """Say how much probability the tokens have that are likelier than a written one, at most."""
    table = torch.cat([*tables])
    likelier = table > chosen(tables, rows)[:, None] + 1e-4
    return float((table.exp() * likelier).sum(-1).max())


class Witness:
    """Watches the rollouts of a trainer: what its policy says of each at that moment, and what the sampler said.

    Args:
        trainer: Any trainer with rollouts.
    """

    def __init__(self, trainer: RolloutTrainer) -> None:
        self._trainer = trainer
        self._write = trainer._write
        self.first = deepcopy(trainer.accelerator.unwrap_model(trainer.model))
        self.rows: list[Responses] = []
        self.tables: list[list[torch.Tensor]] = []
        self.told: list[Any] = []
        trainer._write = self.write  # type: ignore[method-assign, assignment]

    def write(self, *arguments: Any) -> dict[str, Any]:
        """Take the place of the trainer's own."""
        found = self._write(*arguments)
        rows = Responses.of([*map(tuple, found["prompt_ids"])], found["completion_ids"])
        self.rows.append(rows)
        model = self._trainer.accelerator.unwrap_model(self._trainer.model)
        self.tables.append(plain_tables(model, rows))
        self.told.append(found["logprobs"])
        return found


def train(settings: Sequence[str], path: Path, device: Device, *extra: str) -> Witness:
    """Train three steps at a rate with which the policy changes a lot."""
    config = load_config(
        overrides=[*settings, f"device={device}", "training.learning_rate=0.03", *extra]
    )
    trainer = trainer_of_config(config, path, tokens_per_pass=150, device=device)
    witness = Witness(trainer)
    trainer.train()
    assert len(witness.rows) == 3
    return witness


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("passes", ["grouped", "plain"])
def test_a_rollout_is_written_by_the_weights_of_its_step_on_a_device(
    passes: str, device: Device, tiny_settings: list[str], tmp_path: Path
) -> None:
    """No token is outside of the nucleus that the policy has at that moment, and many are outside of the first policy's."""
    nucleus = 0.5
    settings = [f"engine.passes={passes}", f"method.top_p={nucleus}"]
    witness = train(tiny_settings, tmp_path / "run", device, *settings)
    for tables, rows in zip(witness.tables, witness.rows, strict=True):
        assert mass_above(tables, rows) < nucleus + 0.01
    last = witness.rows[-1]
    assert mass_above(plain_tables(witness.first, last), last) > nucleus + 0.1


@pytest.mark.gpu
def test_vllm_writes_a_rollout_with_the_weights_of_its_step(
    tiny_settings: list[str], tiny_model: Path, tmp_path: Path
) -> None:
    """What it says of its tokens is what the policy says at that moment, and not what the first one would have said."""
    pytest.importorskip("vllm", reason="vllm is not installed")
    # Its kernels want heads of 64 numbers.
    sizes = {"hidden_size": 128, "num_attention_heads": 2, "num_key_value_heads": 1}
    names = json.loads((tiny_model / "config.json").read_text("utf-8"))
    special = {name: names[name] for name in ("vocab_size", "eos_token_id", "pad_token_id")}
    model = make_policy("qwen2", {**sizes, **special})
    directory = save_with_tokenizer(model, tiny_model, tmp_path / "policy")
    witness = train(
        tiny_settings, tmp_path / "run", "cuda", f"model.name={directory}", "model.dtype=bfloat16", "engine.rollout=vllm",
        "engine.options.vllm_gpu_memory_utilization=0.2", "engine.options.vllm_max_model_length=256",
    )  # fmt: skip
    tolerance = LOG_PROB[torch.bfloat16]
    for tables, rows, told in zip(witness.tables, witness.rows, witness.told, strict=True):
        assert told is not None
        sampler = torch.tensor([*chain.from_iterable(told)])
        torch.testing.assert_close(sampler, chosen(tables, rows), rtol=0, atol=tolerance)
    last = witness.rows[-1]
    before = chosen(plain_tables(witness.first, last), last)
    assert float((before - chosen(witness.tables[-1], last)).abs().max()) > 2 * tolerance
