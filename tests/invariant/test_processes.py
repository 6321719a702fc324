"""Several processes that train together train what one process would have trained."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file

from rlsr.errors import RunError
from rlsr.runs import RunDirectory
from rlsr.runs.owner import OWNER_FILE, owned, require_unowned
from tiny import Cli, CliTogether

pytest.importorskip("trl", reason="the train extra is not installed")

OWN = ("time/", "tokens/per_second", "memory/")
"""What differs between any two runs."""

CASES = {
    "rlsr": [
        "model.lora={rank: 4}",
        "method.kl_coefficient=0.1",
        "method.loss_average=sequence",
        "method.update_subset=3",
    ],
    "label in the group": [
        "method=sgrpo",
        "method.label_loss=ratio_clip",
        "method.kl_coefficient=0",
        "method.label_in_group=true",
        "method.loss_average=sequence",
        "model.lora={rank: 4}",
    ],
    "prefixes": ["method=sgrpo", "method.prefix_ratios=[0, 0, 0.5, 1]"],
    "validation": [
        "model.lora={rank: 4}",
        "validation={num_prompts: 3, every_steps: 2, metric: reward}",
        "evaluation={during: [0.5], during_prompts: 2}",
        "training.average_power=1",
    ],
    "validation by likelihood": ["validation={num_prompts: 3, every_steps: 1, metric: nll}"],
    "rank": ["method=rank", "method.margin=0.01", "model.lora={rank: 4}"],
    "pear": ["method=pear"],
    "dpo": ["method=dpo", "method.beta=0.5", "model.lora={rank: 4}"],
}


@pytest.fixture(scope="module")
def uneven_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows whose prompts are short and long, so that processes have different numbers of passes."""
    words = "the small cat sat on a big red mat and ran to the river"
    rows = [
        {"prompt": f"{row} " + f"{words} " * (1 + 6 * (row % 3 == 0)), "response": f"a cat {row}"}
        for row in range(12)
    ]
    file = tmp_path_factory.mktemp("uneven") / "uneven.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


SLOW = {
    "validation",
    "validation by likelihood",
    "prefixes",
    "label in the group",
    "rank",
    "pear",
    "dpo",
}
"""What other cases have, too, in other combinations."""


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=[pytest.mark.slow] if case in SLOW else []) for case in CASES],
)
def test_two_processes_train_what_one_does(
    case: str,
    cli: Cli,
    cli_together: CliTogether,
    tiny_settings: list[str],
    uneven_data: Path,
    tmp_path: Path,
) -> None:
    settings = [
        *tiny_settings,
        f"data.path={uneven_data}",
        "data.heldout=3",
        "training.prompts_per_step=4",
        *CASES[case],
    ]
    if case == "pear":
        settings.remove("method.num_generations=4")
    one, two = tmp_path / "one", tmp_path / "two"
    result = cli("train", *settings, "--out", one)
    assert result.returncode == 0, result.stderr
    train_together(2, cli_together, *settings, "--out", two)
    assert_same(one, two)


def train_together(count: int, cli_together: CliTogether, *arguments: str | Path) -> str:
    """Train in several processes, of which the first one speaks."""
    first, *others = cli_together(count, "train", *arguments)
    for result in (first, *others):
        assert result.returncode == 0, result.stderr
    assert "trained model:" in first.stdout
    assert not any(result.stdout for result in others), "one process speaks"
    return first.stdout


def assert_same(one: Path, two: Path) -> None:
    """Compare runs up to the order in which float32 numbers were added up."""
    first, second = RunDirectory(one), RunDirectory(two)
    rows = list(zip(first.read_metrics(), second.read_metrics(), strict=True))
    for of_one, of_two in rows:
        numbers = {name for name in of_one if not name.startswith(OWN)}
        assert numbers == {name for name in of_two if not name.startswith(OWN)}
        for name in numbers:
            close = pytest.approx(of_one[name], rel=1e-4, abs=1e-5, nan_ok=True)
            assert of_two[name] == close, (of_one["step"], name)
    [weights] = [file.name for file in first.final.glob("*.safetensors")]
    trained = load_file(second.final / weights)
    for name, weight in load_file(first.final / weights).items():
        assert (weight - trained[name]).abs().max() < 1e-4, name
    for measured, other in zip(
        first.read_evaluated_steps(), second.read_evaluated_steps(), strict=True
    ):
        assert measured.spent.steps == other.spent.steps
        assert [row.response for row in measured.rows] == [row.response for row in other.rows]
    assert first.read_manifest()["best_step"] == second.read_manifest()["best_step"]
    assert answers(first, "after") == answers(second, "after")
    assert answers(first, "before") == answers(second, "before")
    for file in sorted(first.samples.iterdir()):
        assert texts(file) == texts(second.samples / file.name)


def answers(run: RunDirectory, when: str) -> list[str]:
    rows = run.read_evaluation(when)
    assert rows
    return [row.response for row in rows]


def texts(file: Path) -> list[str]:
    return [json.loads(line)["response"] for line in file.read_text().splitlines()]


@pytest.mark.slow
def test_four_processes_train_stages_and_two_go_on_with_them(
    cli: Cli, cli_together: CliTogether, tiny_settings: list[str], tmp_path: Path
) -> None:
    settings = [
        *tiny_settings,
        "method=[sft, rlsr]",
        "training.prompts_per_step=4",
        "training.keep_checkpoints=9",
    ]
    one, four = tmp_path / "one", tmp_path / "four"
    result = cli("train", *settings, "--out", one)
    assert result.returncode == 0, result.stderr
    train_together(4, cli_together, *settings, "--out", four)
    for stage in ("1-sft", "2-rlsr"):
        assert_same(one / stage, four / stage)
    # The second stage is taken up after its second step.
    (four / "2-rlsr" / "manifest.json").unlink()
    (four / "2-rlsr" / "checkpoints" / "checkpoint-3" / "trainer_state.json").unlink()
    assert "skipped" in train_together(2, cli_together, "--resume", "--out", four)
    assert_same(one / "2-rlsr", four / "2-rlsr")


@pytest.mark.slow
def test_a_budget_ends_all_processes_together(
    cli: Cli, tiny_settings: list[str], tmp_path: Path
) -> None:
    settings = [*tiny_settings, "training.steps=500", "training.max_seconds=0.5"]
    run = RunDirectory(tmp_path / "run")
    result = cli("train", *settings, "--out", run.path, "--processes", "2")
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("run directory: ") == 2, "one process speaks"
    assert "training ended by training.max_seconds" in result.stdout
    seconds = [row["time/step"] for row in run.read_metrics()]
    assert sum(seconds[:-1]) < 0.5 <= sum(seconds)


def start_together(cache: Path, *arguments: str) -> "subprocess.Popen[str]":
    """Start two processes by the command line, and wait for their second step."""
    process = subprocess.Popen(
        [sys.executable, "-m", "rlsr.cli.main", "train", *arguments, "--processes", "2"],
        env={
            **os.environ,
            "HF_HUB_OFFLINE": "1",
            "XDG_CACHE_HOME": str(cache),
            "PYTHONUNBUFFERED": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("step 2/"):
            break
    return process


@pytest.mark.slow
def test_an_interruption_ends_all_processes_and_says_once_how_to_go_on(
    private_cache: Path, tiny_settings: list[str], tmp_path: Path
) -> None:
    # Where tests run in the background Ctrl-C is ignored, and a process would take that over.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    settings = [*tiny_settings, "training.steps=5000", "training.save_every=5000"]
    path = tmp_path / "run"
    process = start_together(private_cache, *settings, "--out", str(path))
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    output, errors = process.communicate(timeout=600)
    assert process.returncode == 130, errors
    assert output.count("is saved, and `rlsr train --resume") == 1
    assert "Traceback" not in output + errors
    [checkpoint] = (path / "checkpoints").iterdir()
    steps = [row["step"] for row in RunDirectory(path).read_metrics()]
    assert checkpoint.name == f"checkpoint-{steps[-1]}", "the interrupted step is saved"


@pytest.mark.slow
def test_workers_die_with_a_launcher_that_is_killed_and_leave_the_run_free(
    private_cache: Path, tiny_settings: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "run"
    settings = [*tiny_settings, "training.steps=5000"]
    process = start_together(private_cache, *settings, "--out", str(path))
    worker = json.loads((path / OWNER_FILE).read_text())["pid"]
    assert worker != process.pid
    with pytest.raises(RunError, match=f"process {worker} on"):
        require_unowned(path)
    process.kill()
    # Their end closes what they write to.
    process.communicate(timeout=60)
    steps = len(RunDirectory(path).read_metrics())
    with owned(path):
        time.sleep(1)
    assert 2 <= steps == len(RunDirectory(path).read_metrics()) < 5000


def test_a_dry_run_says_what_of_it_holds_for_each_process(
    cli: Cli, tiny_settings: list[str]
) -> None:
    settings = [*tiny_settings, "training.prompts_per_step=6"]
    result = cli("train", *settings, "--dry-run", "--processes", "3")
    assert result.returncode == 0, result.stderr
    assert "with --processes 3: 2 prompts of a step for each process" in result.stdout
    result = cli("train", *settings, "--dry-run", "--processes", "4")
    assert result.returncode == 2
    assert "must be a multiple of the 4 processes" in result.stderr


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param(
            ["training.prompts_per_step=3"],
            "training.prompts_per_step: must be a multiple of the 2",
            marks=pytest.mark.slow,
        ),
        (["training.step=3"], "training.step"),
    ],
)
def test_a_mistake_is_said_once(
    settings: list[str], message: str, cli: Cli, tiny_settings: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "run"
    result = cli("train", *tiny_settings, *settings, "--out", path, "--processes", "2")
    assert result.returncode == 2
    assert result.stderr.count("error: ") == 1
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not path.exists()
