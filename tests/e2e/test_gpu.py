"""A GPU trains as the processor does; ``pytest -m gpu`` where there is one."""

from pathlib import Path

import pytest

from rlsr.runs import RunDirectory
from tiny import Cli

pytestmark = pytest.mark.gpu


def steps(cli: Cli, settings: list[str], device: str, path: Path) -> list[dict[str, float]]:
    """What each step of a run in float32 has logged."""
    result = cli("train", *settings, f"device={device}", "--out", path)
    assert result.returncode == 0, result.stderr
    return RunDirectory(path).read_metrics()


def test_supervised_steps_have_the_numbers_of_the_processor(
    cli: Cli, tiny_settings: list[str], tmp_path: Path
) -> None:
    shared = [setting for setting in tiny_settings if not setting.startswith("method.")]
    settings = [*shared, "method=sft"]
    own = steps(cli, settings, "cuda", tmp_path / "cuda")
    expected = steps(cli, settings, "cpu", tmp_path / "cpu")
    assert len(own) == len(expected) == 3
    for gpu, cpu in zip(own, expected, strict=True):
        for name in ("optim/nll", "optim/loss", "optim/grad_norm"):
            assert gpu[name] == pytest.approx(cpu[name], rel=1e-3), name


def test_rollouts_are_drawn_by_the_same_random_numbers_and_rewarded_alike(
    cli: Cli, tiny_settings: list[str], tmp_path: Path
) -> None:
    own = steps(cli, tiny_settings, "cuda", tmp_path / "cuda")
    expected = steps(cli, tiny_settings, "cpu", tmp_path / "cpu")
    # Later steps may draw another token where two are equally likely but for rounding.
    for name in ("reward/mean", "reward/group_std", "length/response", "optim/grad_norm"):
        assert own[0][name] == pytest.approx(expected[0][name], rel=1e-3), name
    assert all(row["optim/grad_norm"] > 0 for row in own)
    assert own[-1]["optim/kl"] > 0, "the policy leaves the reference policy"
