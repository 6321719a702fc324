"""Validation chooses weights and leaves training as it is, and a run that is killed at any point chooses as one that was not."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file

from interrupted import Killed, KilledAfter, numbers_of
from rlsr.config import load_config
from rlsr.config.stages import load_stages
from rlsr.engines import SilentObserver
from rlsr.models import Policy
from rlsr.models.forms import form_of
from rlsr.models.save import save_policy
from rlsr.pipeline.plan import plan_run
from rlsr.pipeline.run import train_run
from rlsr.pipeline.stages import train_stages
from rlsr.pipeline.summary import RunSummary
from rlsr.rewards.protocol import Scores
from rlsr.runs import RunDirectory

VALIDATION = ["validation={num_prompts: 3, every_steps: 2}"]


@pytest.fixture
def settings(tiny_settings: list[str]) -> list[str]:
    """Supervised steps: the quickest."""
    own = [setting for setting in tiny_settings if not setting.startswith("method.")]
    return [
        *own,
        "method=sft",
        "method.max_response_tokens=8",
        "training.steps=7",
        "training.save_every=3",
        "evaluation.enabled=false",
    ]


def train(path: Path, settings: list[str], *, resume: bool = False, **options: Any) -> RunSummary:
    return train_run(plan_run(load_config(overrides=settings)), path, resume=resume, **options)


def weights(directory: Path) -> bytes:
    [file] = directory.glob("*.safetensors")
    return file.read_bytes()


def distance_from(model: Path) -> Callable[..., Callable[[Policy], dict[str, Scores]]]:
    """Measure how near the policy still is to a model, so that training only makes it worse."""
    start = load_file(model / "model.safetensors")

    def make(*_: Any, **__: Any) -> Callable[[Policy], dict[str, Scores]]:
        return lambda policy: {
            "reward": np.array(
                [
                    -sum(
                        float((weight.detach() - start[name]).abs().sum())
                        for name, weight in policy.model.named_parameters()
                        if name in start
                    )
                ]
            )
        }

    return make


@pytest.fixture
def ever_worse(monkeypatch: pytest.MonkeyPatch, tiny_model: Path) -> None:
    monkeypatch.setattr("rlsr.pipeline.measuring.make_validation", distance_from(tiny_model))


@pytest.mark.slow
def test_the_best_weights_in_the_middle_are_kept_and_a_killed_run_keeps_the_same(
    settings: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = RunDirectory(tmp_path / "whole")
    summary = train(whole.path, [*settings, *VALIDATION, "training.keep_checkpoints=9"])
    assert summary.kept is not None
    assert 0 < summary.kept.best_step < 7, (
        "the example is one where the last weights are not the best"
    )
    assert whole.read_manifest()["best_step"] == summary.kept.best_step
    assert summary.kept.in_words in (whole.final / "README.md").read_text(encoding="utf-8")
    assert not whole.best.exists(), "final/ has them"
    alone = tmp_path / "alone"
    train(
        alone,
        [
            *settings,
            *VALIDATION,
            f"training.steps={summary.kept.best_step}",
            "training.save_every=1",
        ],
    )
    checkpoint = alone / "checkpoints" / f"checkpoint-{summary.kept.best_step}"
    assert (
        load_file(checkpoint / "model.safetensors").keys()
        == load_file(whole.final / "model.safetensors").keys()
    )
    for name, weight in load_file(checkpoint / "model.safetensors").items():
        assert (weight == load_file(whole.final / "model.safetensors")[name]).all(), name

    def resumed_equals_whole(broken: Path) -> None:
        train(broken, [*settings, *VALIDATION, "training.keep_checkpoints=9"], resume=True)
        assert numbers_of(broken) == numbers_of(whole.path)
        assert (
            RunDirectory(broken).read_manifest()["validation"]
            == whole.read_manifest()["validation"]
        )
        assert weights(broken / "final") == weights(whole.final)
        assert not (broken / "best").exists()

    for step in (0, 2, 4, 7):
        broken = tmp_path / f"after-{step}"
        with pytest.raises(Killed):
            train(
                broken,
                [*settings, *VALIDATION, "training.keep_checkpoints=9"],
                observer=KilledAfter(step),
            )
        # The first, the best, and that of every checkpoint.
        checkpoints = list((broken / "checkpoints").iterdir())
        assert len(list((broken / "best").iterdir())) <= 2 + len(checkpoints)
        resumed_equals_whole(broken)

    for number, place in enumerate((0, 1)):
        saved: list[Path] = []

        def half_saved(
            policy: Policy, directory: Path, place: int = place, saved: Any = saved
        ) -> None:
            save_policy(policy, directory)
            saved.append(directory)
            if len(saved) == place + 1:
                (directory / "model.safetensors").write_bytes(b"half")
                raise Killed

        broken = tmp_path / f"saving-{number}"
        with monkeypatch.context() as patched:
            saving = replace(form_of(load_config(overrides=settings).method), save=half_saved)
            patched.setattr("rlsr.engines.step_log.form_of", lambda _, saving=saving: saving)
            with pytest.raises(Killed):
                train(broken, [*settings, *VALIDATION, "training.keep_checkpoints=9"])
        resumed_equals_whole(broken)

    broken = tmp_path / "copying"
    with monkeypatch.context() as patched:
        patched.setattr("rlsr.runs.whole_directory.os.replace", _dies_at(broken / "final"))
        with pytest.raises(Killed):
            train(broken, [*settings, *VALIDATION, "training.keep_checkpoints=9"])
    assert not (broken / "final").exists(), "half a model has another name"
    resumed_equals_whole(broken)


def _dies_at(place: Path) -> Callable[[Path, Path], None]:
    def replace(source: Path, target: Path) -> None:
        if target == place:
            raise Killed
        source.rename(target)

    return replace


@pytest.mark.usefixtures("ever_worse")
def test_the_policy_before_training_may_be_the_best_and_patience_ends_the_run(
    settings: list[str], tmp_path: Path, tiny_model: Path
) -> None:
    rule = ["validation={num_prompts: 3, every_steps: 1, patience: 2}"]
    summary = train(tmp_path / "run", [*settings, *rule])
    assert (summary.num_steps, summary.kept and summary.kept.best_step) == (2, 0)
    assert summary.stopped is not None
    assert summary.stopped.startswith("validation.patience: reward")
    start = load_file(tiny_model / "model.safetensors")
    for name, weight in load_file(tmp_path / "run" / "final" / "model.safetensors").items():
        assert (weight == start[name]).all(), name
    # Killed when all was decided, the run still ends there.
    with pytest.raises(Killed):
        train(tmp_path / "broken", [*settings, *rule], observer=KilledAfter(2))
    resumed = train(tmp_path / "broken", [*settings, *rule], resume=True)
    assert (resumed.num_steps, resumed.stopped) == (summary.num_steps, summary.stopped)
    assert weights(tmp_path / "broken" / "final") == weights(tmp_path / "run" / "final")


def test_a_run_whose_best_weights_are_gone_says_so(settings: list[str], tmp_path: Path) -> None:
    import shutil

    from rlsr.errors import EngineError

    with pytest.raises(Killed):
        train(tmp_path / "run", [*settings, *VALIDATION], observer=KilledAfter(4))
    shutil.rmtree(tmp_path / "run" / "best")
    with pytest.raises(
        EngineError, match=r"best weights so far, those after step [02]: they are not there"
    ):
        train(tmp_path / "run", [*settings, *VALIDATION], resume=True)


@pytest.mark.parametrize(
    "own",
    [
        ["method=sft"],
        pytest.param(["method=rlsr", "method.num_generations=4"], marks=pytest.mark.slow),
        pytest.param(
            ["method=rlsr", "method.num_generations=4", "engine.passes=plain"],
            marks=pytest.mark.slow,
        ),
        pytest.param(
            ["method=sft", "model.dtype=bfloat16", "model.lora={rank: 4, dropout: 0.2}"],
            marks=pytest.mark.slow,
        ),
    ],
)
def test_measuring_does_not_change_training(
    settings: list[str], tmp_path: Path, own: list[str]
) -> None:
    common = [
        *(
            setting
            for setting in settings
            if not setting.startswith(("method", "evaluation.enabled"))
        ),
        *own,
        "method.max_response_tokens=8",
        "training.steps=3",
    ]
    rare = ["validation={num_prompts: 3, every_steps: 9, metric: nll}"]
    often = [
        "validation={num_prompts: 3, every_steps: 1, metric: reward}",
        "evaluation={during: [0.3, 0.6], during_prompts: 2}",
    ]
    train(tmp_path / "rare", [*common, *rare])
    train(tmp_path / "often", [*common, *often])
    rows = [numbers_of(tmp_path / name)[1:] for name in ("rare", "often")]
    for one, other in zip(*rows, strict=True):
        shared = [name for name in one if not name.startswith("validation/")]
        assert {name: one[name] for name in shared} == {name: other[name] for name in shared}
    checkpoint = Path("checkpoints") / "checkpoint-3"
    assert weights(tmp_path / "rare" / checkpoint) == weights(tmp_path / "often" / checkpoint)
    measured = RunDirectory(tmp_path / "often").read_evaluated_steps()
    assert [found.spent.steps for found in measured] == [1, 2]
    assert [len(found.rows) for found in measured] == [2, 2]


@pytest.mark.slow
def test_stages_share_a_budget_and_are_measured_at_shares_of_it(
    settings: list[str], tmp_path: Path
) -> None:
    own = [one for one in settings if not one.startswith(("method=", "evaluation.enabled"))]
    stages = ["method=[sft, rlsr]", "method.num_generations=4", "evaluation.during=[0.2, 0.5, 0.8]"]
    staged = load_stages(
        overrides=[*own, *stages, "method.max_response_tokens=8", "training.steps=2"]
    )
    train_stages(staged, tmp_path / "steps")
    found = {
        name: [
            step.spent.steps
            for step in RunDirectory(tmp_path / "steps" / name).read_evaluated_steps()
        ]
        for name in ("1-sft", "2-rlsr")
    }
    # Steps 1 to 4 of all stages are .25, .5, .75 and 1 of the whole.
    assert found == {"1-sft": [1, 2], "2-rlsr": [2]}


def test_a_stage_without_time_left_keeps_model_and_answers_of_the_one_before(
    settings: list[str], tmp_path: Path
) -> None:
    own = [one for one in settings if not one.startswith(("method=", "evaluation.enabled"))]
    stages = ["method=[sft, rlsr]", "method.num_generations=4", "pipeline.max_seconds=0.001"]
    staged = load_stages(overrides=[*own, *stages, "method.max_response_tokens=8"])
    heard: list[str] = []

    class Listener(SilentObserver):
        def on_stage(self, name: str) -> None:
            heard.append(name)

    summary = train_stages(staged, tmp_path / "run", observer=Listener())
    first, second = (RunDirectory(tmp_path / "run" / name) for name in ("1-sft", "2-rlsr"))
    assert [stage.num_steps for stage in summary.stages] == [1, 0]
    assert "pipeline.max_seconds: the first step alone took" in summary.stages[0].warnings[-1]
    assert any(
        "no step is taken, and the model stays as it is: pipeline.max_seconds" in name
        for name in heard
    )
    assert weights(second.final) == weights(first.final)
    assert second.read_evaluation("after") == first.read_evaluation("after")
    assert second.read_manifest()["num_steps"] == 0
    assert "pipeline.max_seconds" in second.read_manifest()["stopped"]
    assert "SFT" in (second.final / "README.md").read_text(encoding="utf-8"), "who trained it"
    # Killed while it was completed, the stage is skipped again.
    (second.path / "manifest.json").unlink()
    again = train_stages(staged, tmp_path / "run", resume=True)
    assert [stage.num_steps for stage in again.stages] == [1, 0]


@pytest.mark.slow
def test_the_frozen_copy_of_adapters_is_not_saved_with_the_best(
    settings: list[str], tmp_path: Path
) -> None:
    stages = [
        "method=[sft, rlsr]",
        "method.num_generations=4",
        "method.max_response_tokens=8",
        "training.steps=2",
        "model.lora={rank: 4}",
        "validation={num_prompts: 3, every_steps: 1}",
    ]
    own = [one for one in settings if not one.startswith("method=")]
    train_stages(load_stages(overrides=[*own, *stages]), tmp_path / "run")
    final = tmp_path / "run" / "2-rlsr" / "final"
    assert not [path for path in final.iterdir() if path.is_dir()]
    assert all(".ref." not in name for name in load_file(final / "adapter_model.safetensors"))
