"""``rlsr watch`` in a real terminal, beside a run that goes on meanwhile."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

pytest.importorskip("textual", reason="the extra 'watch' is not installed")

from growing_run import add_step, begin_run, complete_run
from terminal import Terminal, terminal

pytestmark = pytest.mark.slow

RLSR = [sys.executable, "-m", "rlsr.cli.main"]
COLOUR = re.compile(rb"\x1b\[[0-9;]*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[0-9;]*m")
LEAVES_SCREEN = b"\x1b[?1049l"


@pytest.fixture
def environment(private_cache: Path) -> dict[str, str]:
    own = {"TERM": "xterm-256color", "HF_HUB_OFFLINE": "1", "XDG_CACHE_HOME": str(private_cache)}
    asked = {"COLUMNS", "LINES", "NO_COLOR"}
    return {name: value for name, value in {**os.environ, **own}.items() if name not in asked}


def watch(
    path: Path, environment: Mapping[str, str], *options: str
) -> AbstractContextManager[Terminal]:
    return terminal([*RLSR, "watch", str(path), *options], environment)


def test_a_run_is_drawn_as_it_grows(tmp_path: Path, environment: dict[str, str]) -> None:
    path = begin_run(tmp_path / "run")
    files = {file for file in path.rglob("*") if file.name != "metrics.jsonl"}
    with watch(path, environment) as seen:
        place = seen.wait_for("training, step 4 of 20")
        add_step(path, 4, **{"reward/mean": 0.9871, "monitor/cut": 2.0})
        with (path / "metrics.jsonl").open("a", encoding="utf-8") as stream:
            stream.write('{"step": 5, "rew')
        place = seen.wait_for("alarm: cut", after=place)
        seen.press("4")
        place = seen.wait_for("responses of step 4", after=place)
        seen.press("\x1b[D")
        place = seen.wait_for("Response 1 of step 3", after=place)
        complete_run(path)
        seen.wait_for("complete", after=place)
        seen.press("q")
        assert seen.end() == 0
        assert COLOUR.search(seen.raw)
        assert LEAVES_SCREEN in seen.raw
        assert "0.987" in seen.text
    new = {file.relative_to(path).name for file in path.rglob("*")} - {file.name for file in files}
    assert new == {"metrics.jsonl", "step-000004.jsonl", "after.jsonl", "manifest.json"}


def test_without_colours_nothing_is_coloured(tmp_path: Path, environment: dict[str, str]) -> None:
    path = begin_run(tmp_path / "run")
    with watch(path, {**environment, "NO_COLOR": "1", "TERM": "vt100"}) as seen:
        seen.wait_for("training, step 4 of 20")
        seen.press("q")
        assert seen.end() == 0
        greys = {code for found in COLOUR.findall(seen.raw) for code in re.findall(rb"[34]8;2;(\d+);(\d+);(\d+)", found) if len(set(code)) > 1}  # fmt: skip
        assert greys == set()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_whoever_ends_it_gets_the_terminal_back(
    number: signal.Signals, code: int, tmp_path: Path, environment: dict[str, str]
) -> None:
    path = begin_run(tmp_path / "run")
    with watch(path, environment) as seen:
        seen.wait_for("training, step 4 of 20")
        seen.send(number)
        assert seen.end() == code
        assert LEAVES_SCREEN in seen.raw


def test_a_mistake_is_one_message_before_the_screen_is_taken(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    with watch(tmp_path / "nothing", environment) as seen:
        assert seen.end() == 2
        assert "there is no such directory" in seen.text.replace("\r\n", " ")
        assert b"?1049h" not in seen.raw


def test_training_is_watched_from_before_its_first_step_to_its_end(
    tmp_path: Path, environment: dict[str, str], tiny_settings: list[str]
) -> None:
    path = tmp_path / "run"
    settings = [*tiny_settings, "method=[sft,rlsr]"]
    command = [*RLSR, "train", *settings, "--out", str(path)]
    with watch(path, environment, "--wait") as seen:
        place = seen.wait_for("waiting for it to begin")
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as trained:
            # Read all the while: a program whose terminal takes no more stands still.
            place = seen.wait_for("● running", after=place, timeout_s=600)
            place = seen.wait_for("1-sft", after=place, timeout_s=600)
            place = seen.wait_for("2-rlsr", after=place, timeout_s=600)
            place = seen.wait_for("✓ complete", after=place, timeout_s=600)
        assert trained.returncode == 0
        seen.press("4")
        seen.wait_for("responses of step 3 of 3", after=place)
        seen.press("q")
        assert seen.end() == 0
