"""A policy that was saved as adapters is the policy that was saved."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model

from rlsr.config.model import ModelConfig
from rlsr.data import Message
from rlsr.errors import ModelError
from rlsr.forward.support import check_support
from rlsr.models import Policy, load_model_config, load_policy, load_tokenizer
from rlsr.models.generate import generate_responses
from rlsr.models.save import save_policy
from tiny import WORDS

CONVERSATIONS = [(Message(role="user", content=" ".join(WORDS[:number])),) for number in (9, 1, 4)]


def answers(policy: Policy) -> list[str]:
    groups = generate_responses(
        policy, CONVERSATIONS, max_response_tokens=12, batch_size=2, temperature=0.0
    )
    return [response.text for (response,) in groups]


def add_adapters(policy: Policy, *, rank: int = 4) -> Policy:
    """Put adapters on a policy that change what it says, as training would."""
    torch.manual_seed(1)
    model: Any = get_peft_model(
        policy.model,
        LoraConfig(r=rank, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM"),
        autocast_adapter_dtype=False,
    )
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.3)
    return Policy(model.eval(), policy.tokenizer, policy.source, policy.published_generation)


@pytest.fixture(scope="module")
def trained(tiny_model: Path) -> Policy:
    return add_adapters(load_policy(ModelConfig(name=str(tiny_model), dtype="float32"), "cpu"))


@pytest.fixture(scope="module")
def saved(trained: Policy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The adapters of ``trained``, as a run leaves them in ``final/``."""
    path = tmp_path_factory.mktemp("run") / "final"
    save_policy(trained, path)
    return path


@pytest.fixture
def copied(saved: Path, tmp_path: Path) -> Path:
    return shutil.copytree(saved, tmp_path / "copy")


def rewrite(directory: Path, **values: object) -> None:
    file = directory / "adapter_config.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**content, **values}), encoding="utf-8")


def config_of(path: Path, **values: Any) -> ModelConfig:
    return ModelConfig(name=str(path), **{"dtype": "float32", **values})


def test_loaded_adapters_answer_as_the_policy_in_memory_and_as_merged_ones(
    trained: Policy, saved: Path, tiny_model: Path
) -> None:
    expected = answers(trained)
    assert expected != answers(load_policy(config_of(tiny_model), "cpu")), "adapters matter"
    loaded = load_policy(config_of(saved), "cpu")
    assert answers(loaded) == expected
    assert loaded.source == str(saved.resolve())
    model = loaded.model.merge_and_unload()
    merged = Policy(model, loaded.tokenizer, loaded.source)
    assert not hasattr(model, "peft_config")
    assert answers(merged) == expected


def test_loaded_adapters_take_the_grouped_passes_and_the_plain_way(
    saved: Path, trained: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load_policy(config_of(saved), "cpu")
    assert check_support(loaded.model) is None
    monkeypatch.setattr("rlsr.forward.support.check_support", lambda _: "a reason")
    assert answers(loaded) == answers(trained)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_adapters_have_the_type_of_the_weights_and_can_be_trained(
    saved: Path, trained: Policy, dtype: str
) -> None:
    loaded = load_policy(config_of(saved, dtype=dtype), "cpu").model
    weights = dict(loaded.named_parameters())
    assert {weight.dtype for weight in weights.values()} == {getattr(torch, dtype)}
    assert {name for name, weight in weights.items() if weight.requires_grad} == {
        name for name in weights if "lora_" in name
    }
    for name, weight in trained.model.named_parameters():
        if "lora_" in name:
            assert torch.equal(weights[name], weight.to(weights[name].dtype)), name


def test_what_a_plan_asks_for_comes_from_the_base_model_and_the_adapters(
    saved: Path, tiny_model: Path
) -> None:
    config = load_model_config(config_of(saved))
    assert config.to_dict() == load_model_config(config_of(tiny_model)).to_dict()
    tokenizer = load_tokenizer(config_of(saved))
    assert tokenizer.chat_template == load_tokenizer(config_of(tiny_model)).chat_template
    assert tokenizer.padding_side == "left"


def test_the_template_of_the_adapters_is_taken(copied: Path) -> None:
    (copied / "chat_template.jinja").write_text("ask", encoding="utf-8")
    assert load_tokenizer(config_of(copied)).chat_template == "ask"


def test_adapters_without_a_tokenizer_take_the_base_models(copied: Path, tiny_model: Path) -> None:
    for file in copied.iterdir():
        if "adapter" not in file.name:
            file.unlink()
    loaded = load_policy(config_of(copied), "cpu").tokenizer
    assert loaded.chat_template == load_tokenizer(config_of(tiny_model)).chat_template


def test_adapters_are_saved_again_as_they_were(saved: Path, tmp_path: Path) -> None:
    loaded = load_policy(config_of(saved), "cpu")
    save_policy(loaded, tmp_path / "again")
    again = load_policy(config_of(tmp_path / "again"), "cpu")
    assert answers(again) == answers(loaded)


# --- mistakes -----------------------------------------------------------------------------------


def refusal(config: ModelConfig) -> str:
    with pytest.raises(ModelError) as caught:
        load_policy(config, "cpu")
    return str(caught.value)


def test_a_revision_of_a_directory_is_refused(saved: Path) -> None:
    message = refusal(config_of(saved, revision="main"))
    assert message.startswith("model.revision: ")
    assert "leave it out" in message


def test_a_missing_base_model_is_named_with_the_way_out(copied: Path) -> None:
    rewrite(copied, base_model_name_or_path=str(copied / "gone"))
    message = refusal(config_of(copied))
    assert str(copied / "gone") in message
    assert "base_model_name_or_path" in message
    rewrite(copied, base_model_name_or_path=None)
    assert "names no base model" in refusal(config_of(copied))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"hidden_size": 64}, id="another width"),
        pytest.param({"num_hidden_layers": 1}, id="a layer less, whose adapters have no place"),
        pytest.param({"num_hidden_layers": 3}, id="a layer more, without adapters"),
    ],
)
def test_adapters_of_another_architecture_are_refused(
    copied: Path, tiny_model: Path, tmp_path: Path, change: dict[str, int]
) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    other = shutil.copytree(tiny_model, tmp_path / "other")
    config = AutoConfig.from_pretrained(tiny_model, **change)
    if "num_hidden_layers" in change:
        config.layer_types = None
    AutoModelForCausalLM.from_config(config).save_pretrained(other)
    # Named for every layer, as others than PEFT's "all-linear" are.
    modules = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    rewrite(copied, base_model_name_or_path=str(other), target_modules=modules)
    message = refusal(config_of(copied))
    assert "do not fit their base model" in message
    assert str(other) in message


def test_a_damaged_description_is_named(copied: Path) -> None:
    rewrite(copied, peft_type="PROMPT_TUNING")
    assert "must be of the type LORA, got 'PROMPT_TUNING'" in refusal(config_of(copied))
    (copied / "adapter_config.json").write_text("{", encoding="utf-8")
    assert "adapter_config.json cannot be read" in refusal(config_of(copied))


def test_missing_weights_are_named(copied: Path) -> None:
    (copied / "adapter_model.safetensors").unlink()
    assert "adapter_model.safetensors is gone: the weights were damaged" in refusal(
        config_of(copied)
    )
    (copied / "checksums.json").unlink()
    assert "do not fit" in refusal(config_of(copied))
