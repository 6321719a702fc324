"""What all tests share: which suites run here, and a cache of their own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from rlsr.cli.main import prepare_environment
from tiny import Cli, CliTogether, save_tiny_model, write_tiny_data
from warm_start import run_together, run_warm

# The command line does so before libraries are imported, and here they are before it runs.
prepare_environment()

# A busy machine must not fail a test; CI tries the same examples every time, so that red means a change.
settings.register_profile("rlsr", deadline=None, derandomize=os.environ.get("CI") == "true")
settings.load_profile("rlsr")


@pytest.fixture(scope="session", autouse=True)
def private_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keep converted models and encoded references of the tests apart from the user's.

    RLSR_TEST_CACHE names a directory to keep between test runs, to spare the half minute of a conversion.
    """
    kept = os.environ.get("RLSR_TEST_CACHE")
    cache = Path(kept) if kept else tmp_path_factory.mktemp("cache")
    os.environ["XDG_CACHE_HOME"] = str(cache)
    return cache


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip GPU tests with a reason where there is no GPU, unless one is required."""
    if not any(item.get_closest_marker("gpu") for item in items):
        return
    import torch

    if torch.cuda.is_available() or os.environ.get("RLSR_REQUIRE_GPU") == "1":
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy of 30,000 weights."""
    return save_tiny_model(tmp_path_factory.mktemp("tiny-model"))


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve rows, four of them held out."""
    return write_tiny_data(tmp_path_factory.mktemp("tiny-data") / "sft.jsonl")


@pytest.fixture(scope="session")
def tiny_settings(tiny_model: Path, tiny_data: Path) -> list[str]:
    """Settings of one run that takes seconds: float32, static encoder, 2 x 4 responses of 8 tokens."""
    return [
        "stages=null",  # one run, and not the recipe
        f"model.name={tiny_model}",
        "model.dtype=float32",
        "model.lora=null",
        f"data.path={tiny_data}",
        "embedding=builtin:wordllama",
        "evaluation.independent_embedding=null",
        "evaluation.num_resamples=200",
        "method.num_generations=4",
        "method.max_response_tokens=8",
        "training.prompts_per_step=2",
        "training.tokens_per_pass=150",
        "training.learning_rate=0.01",
        "training.warmup_steps=0",
        "training.steps=3",
        "training.save_every=1",
    ]


@pytest.fixture(scope="session")
def cli(private_cache: Path) -> Cli:
    """Run ``rlsr`` in a process of its own and capture what it says."""

    def run(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return run_warm(
            [*map(str, arguments)], _environment(private_cache), cwd or Path.cwd(), timeout_s=1800
        )

    return run


@pytest.fixture(scope="session")
def cli_together(private_cache: Path) -> CliTogether:
    """Run ``rlsr`` in several processes that train together, and capture what each of them says."""

    def run(count: int, *arguments: str | Path) -> list[subprocess.CompletedProcess[str]]:
        return run_together(
            count, [*map(str, arguments)], _environment(private_cache), Path.cwd(), timeout_s=600
        )

    return run


def _environment(cache: Path) -> dict[str, str]:
    own = {"HF_HUB_OFFLINE": "1", "XDG_CACHE_HOME": str(cache), "COLUMNS": "120"}
    return {**os.environ, **own}


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory whose packages are installed for the test."""
    from plugin_packages import forget

    directory = tmp_path / "site"
    directory.mkdir()
    monkeypatch.syspath_prepend(str(directory))
    before = set(sys.modules)
    forget()
    yield directory
    forget()
    for name in set(sys.modules) - before:
        if str(directory) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
