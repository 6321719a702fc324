"""How a policy is loaded and asked."""

import json
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from rlsr.config.model import ModelConfig
from rlsr.data import Message
from rlsr.errors import ModelError
from rlsr.models import load_policy, load_tokenizer, prompt_ids
from rlsr.models.chat import PLAIN_TEMPLATE
from rlsr.models.save import save_policy

QUESTION = (Message("user", "the cat"),)


def changed_copy(source: Path, target: Path, file: str, **values: object) -> Path:
    """Copy a saved model with other values in one of its JSON files."""
    target.mkdir()
    for path in source.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    content = json.loads((target / file).read_text(encoding="utf-8"))
    (target / file).write_text(json.dumps({**content, **values}), encoding="utf-8")
    return target


def test_a_published_repetition_penalty_does_not_reach_the_evaluation(
    tiny_model: Path, tmp_path: Path
) -> None:
    path = changed_copy(
        tiny_model, tmp_path / "m", "generation_config.json", repetition_penalty=1.8, do_sample=True
    )
    policy = load_policy(ModelConfig(name=str(path), dtype="float32"), "cpu")
    assert policy.model.generation_config.repetition_penalty in {None, 1.0}
    save_policy(policy, tmp_path / "saved")
    saved = json.loads((tmp_path / "saved" / "generation_config.json").read_text(encoding="utf-8"))
    assert saved["repetition_penalty"] == 1.8, "what was published is published again"


def test_a_model_without_a_template_is_asked_in_plain_words(
    tiny_model: Path, tmp_path: Path
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    tokenizer.chat_template = None
    tokenizer.bos_token = "<|im_start|>"
    tokenizer.save_pretrained(tmp_path)
    loaded = load_tokenizer(ModelConfig(name=str(tmp_path)))
    assert loaded.chat_template == PLAIN_TEMPLATE
    assert loaded.decode(prompt_ids(loaded, QUESTION)) == "<|im_start|>User: the cat\n\nAssistant:"


def test_variables_of_the_template_are_set_for_good(tiny_model: Path, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    tokenizer.chat_template = "{{ messages[0]['content'] }}{% if enable_thinking is not defined or enable_thinking %}<think>{% endif %}"
    tokenizer.save_pretrained(tmp_path)
    name = str(tmp_path)
    thinking = load_tokenizer(ModelConfig(name=name))
    assert thinking.decode(prompt_ids(thinking, QUESTION)) == "the cat<think>"
    quiet = load_tokenizer(ModelConfig(name=name, chat_template_kwargs={"enable_thinking": False}))
    assert quiet.decode(prompt_ids(quiet, QUESTION)) == "the cat"
    quiet.save_pretrained(tmp_path / "again")
    again = load_tokenizer(ModelConfig(name=str(tmp_path / "again")))
    assert again.decode(prompt_ids(again, QUESTION)) == "the cat"


def test_a_tokenizer_without_an_end_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    path = changed_copy(tiny_model, tmp_path / "m", "tokenizer_config.json", eos_token=None)
    with pytest.raises(ModelError, match="no end-of-sequence token"):
        load_tokenizer(ModelConfig(name=str(path)))


def test_weights_that_were_damaged_since_they_were_saved_are_refused(
    tiny_model: Path, tmp_path: Path
) -> None:
    config = ModelConfig(name=str(tmp_path / "saved"), dtype="float32")
    save_policy(
        load_policy(ModelConfig(name=str(tiny_model), dtype="float32"), "cpu"), tmp_path / "saved"
    )
    file = tmp_path / "saved" / "model.safetensors"
    # What stands beside the weights may be edited.
    (tmp_path / "saved" / "README.md").write_text("mine", encoding="utf-8")
    load_policy(config, "cpu")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        load_policy(config, "cpu")
    assert str(caught.value) == (
        f"model.name: {file} is not what was written there: the weights were damaged since they were saved; put back a copy of them, "
        "train them again, or, where they were changed on purpose, remove checksums.json beside them"
    )
    (tmp_path / "saved" / "checksums.json").unlink()
    load_policy(config, "cpu")
