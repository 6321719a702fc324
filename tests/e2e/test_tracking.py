"""Training with trackers: the same weights to the bit, one tracked run over sessions and a run a stage, whatever trackers do."""

import os
import time
from pathlib import Path

import pytest

from rlsr.runs import RunDirectory
from tiny import Cli, CliTogether
from tracked_runs import calls_in, steps_in, write_trackers

pytest.importorskip("trl", reason="the train extra is not installed")
pytestmark = pytest.mark.slow


@pytest.fixture
def notes(tmp_path: Path, packages: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where trackers write down what they are told; every process finds their package."""
    write_trackers(packages)
    known = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(packages), known])))
    return tmp_path / "notes"


def weights(run: Path) -> bytes:
    return (run / "final" / "model.safetensors").read_bytes()


def numbers(run: Path) -> list[dict[str, float]]:
    """The rows of a run without the clock's."""
    clock = ("time/", "tokens/per_second", "memory/")
    return [
        {name: value for name, value in row.items() if not name.startswith(clock)}
        for row in RunDirectory(run).read_metrics()
    ]


def test_trackers_that_fail_and_hang_change_neither_weights_nor_numbers(
    cli: Cli, tiny_settings: list[str], tmp_path: Path, notes: Path
) -> None:
    told = f"tracking=[{{type: one, file: {notes}, hangs_at: 3}}, {{type: two, file: {notes}2, fails_at: 2}}]"
    plain = cli("train", *tiny_settings, "--out", tmp_path / "plain")
    began = time.monotonic()
    tracked = cli("train", *tiny_settings, told, "--out", tmp_path / "tracked")
    took = time.monotonic() - began
    assert (plain.returncode, tracked.returncode) == (0, 0), tracked.stderr
    assert weights(tmp_path / "plain") == weights(tmp_path / "tracked")
    assert str(numbers(tmp_path / "plain")) == str(numbers(tmp_path / "tracked"))
    assert tracked.stderr.count("tracking: two: failed (ConnectionError: no way to the server") == 1  # fmt: skip
    assert "tracking: one: not done 10 s after the end" in tracked.stderr
    log = (tmp_path / "tracked" / "log.txt").read_text()
    assert "tracking: two: failed" in log
    # In a note as soon as it is known, and in the end.
    assert "tracked by one: at " in tracked.stdout
    assert took < 300


def test_a_run_that_goes_on_and_its_processes_are_one_tracked_run(
    cli: Cli, cli_together: CliTogether, tiny_settings: list[str], tmp_path: Path, notes: Path
) -> None:
    told = f"tracking=[{{type: one, file: {notes}, samples: 1}}]"
    out = tmp_path / "run"
    dies = [*tiny_settings, told, "reward={type: python, function: 'dying:score'}"]
    (tmp_path / "site" / "dying.py").write_text(
        "import os\n"
        "def score(completions, **_):\n"
        f"    if os.path.exists({str(out / 'checkpoints' / 'checkpoint-2')!r}) and not os.path.exists({str(notes) + '.died'!r}):\n"
        f"        open({str(notes) + '.died'!r}, 'w').close()\n"
        "        os._exit(9)\n"
        "    return [float(len(str(one)) % 7) for one in completions]\n"
    )
    assert cli("train", *dies, "--out", out).returncode == 9
    for _ in range(200):
        if calls_in(notes)[-1:] and calls_in(notes)[-1][0] == "finish":
            break
        time.sleep(0.1)
    assert calls_in(notes)[-1][:2] == ["finish", False]
    resumed = cli("train", "--resume", "--out", out)
    assert resumed.returncode == 0, resumed.stderr
    calls = calls_in(notes)
    assert steps_in(calls) == [1, 2, 3]
    assert [call[3] for call in calls if call[0] == "open"] == [None, "new"]
    assert calls[-1][:2] == ["finish", True]
    assert f"tracked by one: at {notes}" in resumed.stdout.replace("\n", "")
    notes.unlink()
    results = cli_together(2, "train", *tiny_settings, told, "--out", tmp_path / "together")
    assert [result.returncode for result in results] == [0, 0], results[0].stderr
    assert steps_in(calls_in(notes)) == [1, 2, 3]


def test_stages_are_tracked_apart_and_in_one_group(
    cli: Cli, tiny_settings: list[str], tmp_path: Path, notes: Path
) -> None:
    settings = [one for one in tiny_settings if one != "stages=null" and "num_generations" not in one]  # fmt: skip
    told = f"tracking=[{{type: one, file: {notes}}}]"
    result = cli("train", *settings, "method=[sft,rlsr]", "training.steps=2", "stages.1.method.num_generations=4", told, "--out", tmp_path / "mine")  # fmt: skip
    assert result.returncode == 0, result.stderr
    calls = calls_in(notes)
    opened = [call[1:3] for call in calls if call[0] == "open"]
    assert opened == [["1-sft", "mine"], ["2-rlsr", "mine"]]
    assert steps_in(calls) == [1, 2]
    assert [call[1] for call in calls if call[0] == "finish"] == [True, True]
    heldout = [call[1] for call in calls if call[0] == "numbers" and "heldout/chrf" in call[2]]
    assert heldout == [0, 2, 0, 2]


def test_what_cannot_be_tracked_ends_before_anything_is_made(
    cli: Cli, tiny_settings: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb", reason="the wandb extra is not installed")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    result = cli("train", *tiny_settings, "tracking=[wandb]", "--out", tmp_path / "run")
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "`wandb login`" in result.stderr
    assert not (tmp_path / "run").exists()
    result = cli("train", *tiny_settings, "tracking=[wadb]", "--out", tmp_path / "run")
    assert result.returncode == 2
    assert "did you mean wandb?" in result.stderr
