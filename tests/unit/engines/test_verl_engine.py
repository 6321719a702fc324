"""The engine verl before it starts anything: what it begins with, how a step is cut, how long it will take."""

import shutil
from pathlib import Path

import pytest

from rlsr.config import RunConfig, load_config
from rlsr.config.model import ModelConfig
from rlsr.engines.estimate import Workload
from rlsr.engines.table import engine_of
from rlsr.engines.verl.engine import VerlTraining
from rlsr.engines.verl.starting_point import is_whole, starting_model
from rlsr.errors import EngineError
from rlsr.models import choose_device
from rlsr.processes import ALONE


def config(tiny_settings: list[str], *more: str) -> RunConfig:
    return load_config(overrides=[*tiny_settings, "method=rlsr", "engine=verl", *more])


@pytest.mark.parametrize(
    ("settings", "whole"),
    [
        ({"name": "org/model"}, True),
        ({"name": "builtin:smollm2-135m"}, False),
        ({"name": "org/model", "revision": "main"}, False),
        ({"name": "org/model", "chat_template_kwargs": {"enable_thinking": False}}, False),
    ],
)
def test_what_verl_loads_by_its_name_is_not_written_again(
    settings: dict[str, object], whole: bool
) -> None:
    assert is_whole(ModelConfig.model_validate(settings)) == whole


def test_a_directory_is_named_from_the_root_since_verl_is_elsewhere(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_model.parent)
    found = starting_model(ModelConfig(name=tiny_model.name), tmp_path / "start", "cpu")
    assert found == str(tiny_model.resolve())
    assert not (tmp_path / "start").exists()


def test_a_base_model_gets_the_template_that_rlsr_asks_it_by(
    tiny_model: Path, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    shutil.copytree(tiny_model, base)
    (base / "chat_template.jinja").unlink()
    found = Path(starting_model(ModelConfig(name=str(base)), tmp_path / "start", "cpu"))
    assert found == tmp_path / "start"
    assert "Assistant:" in (found / "chat_template.jinja").read_text(encoding="utf-8")
    assert (found / "model.safetensors").is_file()


def test_a_run_that_trains_elsewhere_measures_on_the_first_of_several_gpus(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 8)
    assert choose_device("cuda") == "cuda", "a server of a reward, a chat, an audit"
    with pytest.raises(EngineError, match="one process trains on one GPU, but 8 are visible"):
        choose_device("cuda", trains_here=True)


def test_a_pass_holds_the_longest_response(tiny_settings: list[str]) -> None:
    engine = engine_of(config(tiny_settings))
    assert isinstance(engine, VerlTraining)
    own = config(tiny_settings, "training.tokens_per_pass=20")
    cut = engine.plan(own, longest_prompt=30, device="cpu", processes=ALONE).cut
    assert cut.tokens_per_pass == 30 + 8
    wide = config(tiny_settings, "training.tokens_per_pass=null", "engine.device=cuda")
    assert engine.plan(wide, longest_prompt=30, device="cpu", processes=ALONE).cut.tokens_per_pass == 16_384  # fmt: skip


def test_no_step_is_shorter_than_verls_look_for_responses(tiny_settings: list[str]) -> None:
    work = Workload(prompt_tokens=10, response_tokens=8, answer_tokens=8, num_heldout=0, num_steps=30)  # fmt: skip
    found = VerlTraining().estimate(config(tiny_settings), work, device="cpu")
    assert found.step_seconds == 2.0
    assert found.total_minutes == pytest.approx(1.0, abs=0.01)
