"""A run that is asked to end loses nothing: it saves its step, says how to go on, and goes on as if nothing had been."""

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from interrupted import numbers_of
from rlsr.runs import RunDirectory
from rlsr.runs.owner import OWNER_FILE, owned
from tiny import Cli

pytest.importorskip("trl", reason="the train extra is not installed")

REWARD = '''
"""A reward that does something in the middle of a step."""

import os
import signal
from pathlib import Path

asked = []


def length(completions, **columns):
    asked.append(len(completions))
    # (responses of a call, how many such calls before, what is done)
    size, calls, *what = os.environ.get("EVENT", "0 0").split()
    if what and asked.count(int(size)) == int(calls) and asked[-1] == int(size):
        if what[0] == "move":
            Path(what[1]).rename(what[1] + "-moved")
        else:
            for number in what:
                os.kill(os.getpid(), int(number))
    return [len(completion[0]["content"]) / 40 for completion in completions]
'''

TRAINING, HELDOUT, VALIDATION = 8, 4, 3
"""Responses that are scored at a time."""


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with a module of the user's own."""
    path = tmp_path_factory.mktemp("workplace")
    (path / "eventful.py").write_text(REWARD, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def policy(tiny_model: Path, workplace: Path) -> Path:
    """A policy that a test may change."""
    return Path(shutil.copytree(tiny_model, workplace / "policy"))


Train = Callable[..., tuple[int, str]]


@pytest.fixture
def train(cli: Cli, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Run ``rlsr train``, with an event in it; return its exit code and what it said."""

    def run(*arguments: str | Path, event: str = "0 0") -> tuple[int, str]:
        monkeypatch.setenv("EVENT", event)
        result = cli("train", *arguments, cwd=workplace)
        said = result.stdout + result.stderr
        assert "Traceback" not in said, said
        return result.returncode, said

    return run


@pytest.fixture(scope="module")
def settings(tiny_settings: list[str], policy: Path) -> list[str]:
    return [
        *tiny_settings,
        f"model.name={policy}",
        "reward={type: python, function: eventful:length}",
        "training.steps=5",
        "training.save_every=100",
    ]


@pytest.fixture(scope="module")
def whole(cli: Cli, settings: list[str], workplace: Path) -> Path:
    """The run that nothing happens to."""
    result = cli("train", *settings, "--out", "whole", cwd=workplace)
    assert result.returncode == 0, result.stderr
    return workplace / "whole"


def assert_ends_as(whole: Path, run: Path) -> None:
    assert numbers_of(run) == numbers_of(whole)
    for file in sorted((whole / "final").glob("*.safetensors")):
        assert (run / "final" / file.name).read_bytes() == file.read_bytes()
    after = RunDirectory(whole).read_evaluation("after")
    assert RunDirectory(run).read_evaluation("after") == after
    assert not (run / OWNER_FILE).exists()


def test_a_step_is_saved_and_the_run_goes_on_as_what_it_was(
    train: Train, settings: list[str], whole: Path, workplace: Path, policy: Path
) -> None:
    run = workplace / "terminated"
    event = f"{TRAINING} 2 {int(signal.SIGTERM)}"
    code, said = train(*settings, "--out", run, event=event)
    assert code == 143, said
    assert "SIGTERM: the step is finished and saved" in said
    assert f"step 2 is saved, and `rlsr train --resume --out {run}` goes on from it" in said
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["checkpoint-2"]
    assert len(numbers_of(run)) == 2

    before = {file: file.read_bytes() for file in run.rglob("*") if file.is_file()}
    with owned(run):
        code, said = train("--resume", "--out", run)
    assert code == 2
    assert said.count("error: ") == 1
    assert f"process {os.getpid()} on" in said

    weights = policy / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    code, said = train("--resume", "--out", run)
    weights.write_bytes(content)
    assert code == 2
    assert said.count("error: ") == 1
    assert "has changed since: model.name (model.safetensors)" in said
    now = {file: file.read_bytes() for file in run.rglob("*") if file.is_file()}
    assert now == before, "nothing was touched"

    code, said = train("--resume", "--out", run)
    assert code == 0, said
    assert_ends_as(whole, run)


def test_a_directory_that_is_moved_away_ends_the_run_and_goes_on_there(
    train: Train, settings: list[str], whole: Path, workplace: Path
) -> None:
    run = workplace / "home"
    often = [*settings, "training.save_every=1", "training.keep_checkpoints=9"]
    code, said = train(*often, "--out", run, event=f"{TRAINING} 3 move {run}")
    assert code == 2, said
    assert said.count("error: ") == 1
    assert f"{run}: the directory was moved or deleted" in said
    moved = run.with_name("home-moved")
    code, said = train("--resume", "--out", moved)
    assert code == 0, said
    assert_ends_as(whole, moved)


def test_a_second_signal_leaves_at_once(train: Train, settings: list[str], workplace: Path) -> None:
    run = workplace / "impatient"
    event = f"{TRAINING} 2 {int(signal.SIGINT)} {int(signal.SIGINT)}"
    code, said = train(*settings, "--out", run, event=event)
    assert code == 130, said
    assert f"interrupted; `rlsr train --resume --out {run}` goes on from what is saved" in said
    assert not list((run / "checkpoints").iterdir())
    assert not (run / OWNER_FILE).exists()


def test_an_evaluation_is_left_at_once_and_training_is_not_repeated(
    train: Train, settings: list[str], whole: Path, workplace: Path
) -> None:
    run = workplace / "evaluated"
    code, said = train(*settings, "--out", run, event=f"{HELDOUT} 2 {int(signal.SIGINT)}")
    assert code == 130, said
    assert "goes on from what is saved" in said
    assert len(numbers_of(run)) == 5
    code, said = train("--resume", "--out", run)
    assert code == 0, said
    assert "step 5/5" not in said
    assert_ends_as(whole, run)


@pytest.mark.parametrize(
    "method",
    [
        "sft",
        pytest.param("{type: dpo, num_generations: 3}", marks=pytest.mark.slow),
        pytest.param("rlsr", marks=pytest.mark.slow),
    ],
)
def test_a_signal_in_a_validation_keeps_its_step_and_the_best_weights(
    method: str, train: Train, settings: list[str], workplace: Path
) -> None:
    own = [
        *(setting for setting in settings if not setting.startswith("method.")),
        f"method={method}",
        "method.max_response_tokens=8",
        "training.steps=4",
        f"validation={{num_prompts: {VALIDATION}, every_steps: 1, metric: reward}}",
    ]
    name = method.strip("{").split(",")[0].removeprefix("type: ")
    whole, run = workplace / f"{name}-whole", workplace / name
    code, said = train(*own, "--out", whole)
    assert code == 0, said
    code, said = train(*own, "--out", run, event=f"{VALIDATION} 3 {int(signal.SIGINT)}")
    assert code == 130, said
    assert "step 2 is saved" in said
    code, said = train("--resume", "--out", run)
    assert code == 0, said
    assert_ends_as(whole, run)
    best = [json.loads((path / "manifest.json").read_text())["best_step"] for path in (run, whole)]
    assert best[0] == best[1]


@pytest.mark.slow
def test_stages_go_on_where_a_signal_has_ended_them(
    train: Train, settings: list[str], workplace: Path
) -> None:
    own = [setting for setting in settings if setting != "stages=null"]
    own += ["method=[sft, rlsr]", "training.steps=3"]
    whole, run = workplace / "stages-whole", workplace / "stages"
    code, said = train(*own, "--out", whole)
    assert code == 0, said
    code, said = train(*own, "--out", run, event=f"{TRAINING} 2 {int(signal.SIGTERM)}")
    assert code == 143, said
    assert f"step 2 is saved, and `rlsr train --resume --out {run}` goes on" in said
    with owned(run):
        assert train("--resume", "--out", run)[0] == 2
    with owned(run / "2-rlsr"):
        assert train("--resume", "--out", run)[0] == 2
    code, said = train("--resume", "--out", run)
    assert code == 0, said
    for stage in ("1-sft", "2-rlsr"):
        assert_ends_as(whole / stage, run / stage)
