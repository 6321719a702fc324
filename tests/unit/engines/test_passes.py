"""Which way passes take, and what decides it."""

import logging
from types import SimpleNamespace

import pytest

from rlsr.config.engine import TrlEngine

passes = pytest.importorskip("rlsr.engines.trl.passes", reason="the train extra is not installed")


def takes_groups(engine: str, device: str) -> bool:
    model = SimpleNamespace(device=SimpleNamespace(type=device))
    return bool(passes.takes_groups(TrlEngine.model_validate({"passes": engine}), model))


@pytest.mark.parametrize(
    ("engine", "device", "expected"),
    [
        ("auto", "cpu", True),
        ("auto", "cuda", True),
        ("auto", "mps", False),
        ("grouped", "cpu", True),
        ("grouped", "cuda", True),
        ("plain", "cpu", False),
        ("plain", "cuda", False),
    ],
)
def test_the_setting_and_the_device_decide(
    engine: str, device: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passes, "check_support", lambda _: None)
    assert takes_groups(engine, device) is expected


@pytest.mark.parametrize("engine", ["auto", "grouped"])
def test_a_policy_that_cannot_takes_the_plain_way_with_the_reason(
    engine: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(passes, "check_support", lambda _: "It has a window")
    with caplog.at_level(logging.WARNING):
        assert not takes_groups(engine, "cpu")
    assert [record.message for record in caplog.records] == ["engine.passes: It has a window"]


def test_the_plain_way_asks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(passes, "check_support")
    assert not takes_groups("plain", "cpu")


def test_each_prompt_is_found_once_and_equal_neighbours_stay_two() -> None:
    assert passes.whole_groups([[1], [1], [2, 3], [2, 3]], 2) == [[1], [2, 3]]
    assert passes.whole_groups([[1]] * 4, 2) == [[1], [1]]
    with pytest.raises(AssertionError, match="next to each other"):
        passes.whole_groups([[1], [2], [1], [2]], 2)
