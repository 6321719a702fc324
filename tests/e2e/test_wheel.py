"""The package as people install it: built, put into bare environments, and run there from another directory."""

import json
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

from rlsr import __version__

ROOT = Path(__file__).parents[2]
PYTHONS = ["3.11", "3.12", "3.13"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with wheel and source distribution, as `make wheel` builds them."""
    pytest.importorskip("build", reason="pip install 'rlsr[wheel]'")
    out = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "build", "--outdir", str(out), str(ROOT)], check=True, capture_output=True)  # fmt: skip
    return out


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


def metadata_of(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def python_of(version: str) -> str:
    """An interpreter of this version: on the path, or where uv or pyenv keep theirs."""
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        return sys.executable
    uv = shutil.which("uv")
    if uv is not None:
        found = subprocess.run([uv, "python", "find", "--offline", "--no-project", version], capture_output=True, text=True, check=False)  # fmt: skip
        if found.returncode == 0:
            return found.stdout.strip()
    kept = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    if kept:
        return str(kept[-1])
    found_on_path = shutil.which(f"python{version}")
    if found_on_path is None:
        pytest.skip(f"no Python {version} here")
    return found_on_path


MOST_BYTES = 1_000_000
"""One megabyte."""


def said(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command where nothing but what is installed can be found."""
    env = {"PATH": "/usr/bin:/bin", "HOME": str(cwd), "LANG": "C.UTF-8", "COLUMNS": "120", "HF_HUB_OFFLINE": "1"}  # fmt: skip
    return subprocess.run([*map(str, command)], cwd=cwd, env=env, capture_output=True, text=True, check=False)  # fmt: skip


@pytest.mark.slow
def test_the_wheel_is_small_and_holds_what_runs(wheel: Path) -> None:
    assert wheel.stat().st_size < MOST_BYTES
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    package = {str(path.relative_to(ROOT / "src")) for path in (ROOT / "src" / "rlsr").rglob("*") if path.is_file() and "__pycache__" not in path.parts}  # fmt: skip
    assert {name for name in names if not name.startswith(f"rlsr-{__version__}.dist-info/")} == package  # fmt: skip
    assert {"rlsr/py.typed", "rlsr/data/builtin/instructions.jsonl", "rlsr/logic/grammar.lark", "rlsr/report/templates/report.html.j2"} <= names  # fmt: skip


@pytest.mark.slow
def test_the_source_distribution_holds_what_builds_the_wheel_alone(built: Path) -> None:
    (source,) = built.glob("*.tar.gz")
    assert source.stat().st_size < MOST_BYTES
    with tarfile.open(source) as archive:
        tops = {name.split("/")[1] for name in archive.getnames()}
    assert tops == {"src", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "PKG-INFO", ".gitignore"}  # fmt: skip


@pytest.mark.slow
def test_the_metadata_say_what_it_is(wheel: Path) -> None:
    metadata = metadata_of(wheel)
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    kinds = metadata.get_all("Classifier")
    assert kinds is not None
    assert [kind for version in PYTHONS if (kind := f"Programming Language :: Python :: {version}") not in kinds] == []  # fmt: skip
    bare = [line for line in metadata.get_all("Requires-Dist") or [] if "extra ==" not in line]
    # What the wheel alone brings: light, and no torch.
    assert {re.split(r"[<>=]", line)[0] for line in bare} == {"numpy", "platformdirs", "pydantic", "pyyaml", "rich", "typer"}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("installer", ["pip", "uv"])
@pytest.mark.parametrize("version", PYTHONS)
def test_it_runs_in_a_bare_environment(
    wheel: Path, tmp_path: Path, version: str, installer: str
) -> None:
    python, venv = python_of(version), tmp_path / "venv"
    uv = shutil.which("uv")
    if installer == "uv":
        if uv is None:
            pytest.skip("uv is not installed")
        subprocess.run([uv, "venv", "--quiet", "--python", python, str(venv)], check=True)
        command = [uv, "pip", "install", "--quiet", "--python", str(venv / "bin" / "python")]
    else:
        subprocess.run([python, "-m", "venv", str(venv)], check=True)
        command = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    installed = subprocess.run([*command, str(wheel)], capture_output=True, text=True, check=False)
    assert installed.returncode == 0, installed.stderr
    rlsr = venv / "bin" / "rlsr"
    assert said(rlsr, "--version", cwd=tmp_path).stdout == f"rlsr {__version__}\n"
    assert "train" in said(rlsr, "--help", cwd=tmp_path).stdout
    checked = said(rlsr, "data", "check", "builtin:instructions", cwd=tmp_path)
    assert checked.stdout.startswith("builtin:instructions: 360 rows"), checked.stderr
    # What training wants is not there, and that is one message.
    lacking = said(rlsr, "train", "--data", "builtin:instructions", "--dry-run", cwd=tmp_path)
    assert lacking.returncode == 2
    assert lacking.stderr.count("\n") == 1, lacking.stderr
    assert "pip install 'rlsr[train]'" in lacking.stderr
    asked = said(rlsr, "doctor", cwd=tmp_path)
    assert asked.returncode == 1
    assert f"Python {version}" in asked.stdout


@pytest.mark.slow
def test_all_that_it_asks_for_can_be_had_without_cuda(wheel: Path, tmp_path: Path) -> None:
    """With the extras of a run and the pins of this repository; nothing is installed."""
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed", "--report", str(report)]  # fmt: skip
    asked = [*command, "-c", str(ROOT / "constraints.txt"), "--extra-index-url", "https://download.pytorch.org/whl/cpu", f"{wheel}[train,demo,rewards,report]"]  # fmt: skip
    result = subprocess.run(asked, capture_output=True, text=True, check=False)
    if "+cpu" not in result.stdout + result.stderr + (report.read_text() if report.exists() else ""):  # fmt: skip
        pytest.skip(f"PyTorch's CPU build cannot be had here: {result.stderr[-300:]}")
    names = {entry["metadata"]["name"].lower() for entry in json.loads(report.read_text())["install"]}  # fmt: skip
    assert {"torch", "trl", "gguf", "rlsr"} <= names
    assert {name for name in names if name.startswith(("nvidia", "cuda", "triton"))} == set()


@pytest.mark.slow
def test_a_dry_run_of_the_demo_finds_its_data_from_the_wheel_alone(
    wheel: Path, tmp_path: Path
) -> None:
    """The wheel unpacked before everything else, over the packages of the environment that tests run in."""
    unpacked = tmp_path / "unpacked"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked)
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    code = f"import sys; sys.path.insert(0, {str(unpacked)!r}); from rlsr.cli.main import main; main()"  # fmt: skip
    result = said(sys.executable, "-c", code, "train", "examples/demo.yaml", "--dry-run", cwd=tmp_path)  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "243 training and 90 held-out prompts" in result.stdout
    assert result.stdout.endswith("nothing was trained or written\n")
