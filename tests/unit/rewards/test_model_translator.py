"""A language model as the translator, with the tiny policy."""

import os
from pathlib import Path

import pytest
import torch

from rlsr.config.model import ModelConfig
from rlsr.config.translator import ModelTranslator
from rlsr.data.record import Message
from rlsr.errors import ModelError
from rlsr.models import load_policy
from rlsr.models.generate import generate_responses
from rlsr.rewards.model_translator import LanguageModelTranslator
from tiny import WORDS

PROMPT = "{text} as a formula"


def translator(name: Path | str, **settings: object) -> LanguageModelTranslator:
    table = {"name": str(name), "dtype": "float32", "prompt": PROMPT, "max_tokens": 12, **settings}
    return LanguageModelTranslator(ModelTranslator.model_validate(table), "cpu")


def test_it_answers_the_prompt_greedily(tiny_model: Path) -> None:
    texts = [" ".join(WORDS[:number]) for number in (9, 1, 4)]
    policy = load_policy(ModelConfig(name=str(tiny_model), dtype="float32", lora=None), "cpu")
    groups = generate_responses(
        policy,
        [(Message("user", f"{text} as a formula"),) for text in texts],
        max_response_tokens=12,
        batch_size=8,
        temperature=0.0,
    )
    found = translator(tiny_model, batch_size=2).translate(texts)
    assert found == [group[0].text for group in groups]
    assert len(set(found)) > 1
    assert translator(tiny_model).translate([]) == []


def test_it_draws_no_random_numbers_and_learns_nothing(tiny_model: Path) -> None:
    torch.manual_seed(1)
    state = torch.get_rng_state()
    loaded = translator(tiny_model)
    loaded.translate(["the cat", "a dog"])
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(weight.requires_grad for weight in loaded._policy.model.parameters())


def test_what_is_longer_than_it_reads_is_left_out(tiny_model: Path) -> None:
    found = translator(tiny_model).translate(["the cat", "the cat " * 400, "a dog"])
    assert [text is None for text in found] == [False, True, False]


def test_a_missing_model_is_the_translators() -> None:
    with pytest.raises(ModelError, match=r"^reward\.translator\.name: the tokenizer of 'no/where'"):
        translator("no/where")


def test_what_changes_a_translation_is_in_the_identity(tiny_model: Path, tmp_path: Path) -> None:
    link = tmp_path / "model"
    link.mkdir()
    for file in tiny_model.iterdir():
        (link / file.name).write_bytes(file.read_bytes())
    same = translator(link).identity
    assert translator(link, batch_size=3).identity == same
    for change in ({"prompt": "{text}"}, {"max_tokens": 3}, {"dtype": "bfloat16"}):
        assert translator(link, **change).identity != same
    os.utime(link / "model.safetensors", (1, 1))
    assert translator(link).identity != same, "retrained weights are other weights"


def test_adapters_translate_with_their_base(tiny_model: Path, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    policy = load_policy(ModelConfig(name=str(tiny_model), dtype="float32"), "cpu")
    torch.manual_seed(3)
    settings = LoraConfig(r=2, init_lora_weights=False, target_modules="all-linear")
    get_peft_model(policy.model, settings).save_pretrained(tmp_path / "final")
    torch.manual_seed(1)
    state = torch.get_rng_state()
    adapted = translator(tmp_path / "final")
    assert torch.equal(torch.get_rng_state(), state)
    texts = ["the cat", "a dog ran"]
    assert adapted.translate(texts) != translator(tiny_model).translate(texts)
    assert adapted.identity != translator(tiny_model).identity
