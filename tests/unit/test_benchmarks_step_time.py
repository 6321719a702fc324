"""The pure parts of benchmarks/step_time.py and benchmarks/step_floor.py."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import a script's module; benchmarks are no package."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


@pytest.fixture
def counts(module: Any) -> Any:
    return module("floor_counts")


@pytest.fixture
def shape(counts: Any) -> Any:
    return counts.PolicyShape(
        hidden=4, layers=2, heads=2, key_heads=1, head_size=2, mlp=8, vocabulary=10
    )


def test_weights_of_smollm2_are_its_published_number(counts: Any) -> None:
    shape = counts.PolicyShape(
        hidden=576, layers=30, heads=9, key_heads=3, head_size=64, mlp=1536, vocabulary=49152
    )
    norms = (2 * 30 + 1) * 576
    assert shape.layer_weights + shape.head_weights + norms == 134_515_008


def test_attention_sees_all_positions_before_and_half_of_the_new_ones(
    counts: Any, shape: Any
) -> None:
    assert counts.attention_operations(shape, 10, 4) == 4 * 2 * 2 * 2 * (4 * 10 + 8)


def test_one_token_a_response_needs_no_decoding(counts: Any, shape: Any) -> None:
    prefill, decode = counts.generation(shape, counts.Workload(2, 3, 5, 1, 1))
    assert decode.num_bytes == 0
    assert sum(decode.operations.values()) == 0
    assert prefill.operations["forward_head"] == 2 * 40 * 2


def test_all_weights_cost_more_to_update_than_adapters(counts: Any, shape: Any) -> None:
    work = counts.Workload(4, 8, 40, 50, 60)
    full, full_optimizer = counts.update(shape, work, None)
    lora, lora_optimizer = counts.update(shape, work, 1)
    assert "weight_gradient_head" not in lora.operations
    assert lora.operations["weight_gradient"] < full.operations["weight_gradient"]
    assert lora_optimizer.num_bytes == 28 * shape.adapter_weights(1)
    assert full_optimizer.num_bytes == 28 * (shape.layer_weights + shape.head_weights)


def test_floor_is_the_larger_of_products_and_traffic(counts: Any) -> None:
    stages = (
        counts.Stage("a", {"forward": 10.0}, 1.0),
        counts.Stage("b", {"forward": 1.0}, 30.0),
    )
    assert counts.floor_seconds(stages, {"forward": 10.0}, 10.0) == pytest.approx(1.0 + 3.0)


def test_equal_ratios_leave_no_interval(module: Any) -> None:
    ratio = module("step_statistics").ratio_of_means(
        np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0])
    )
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((0.5, 0.5, 0.5))


def test_one_step_has_no_interval(module: Any) -> None:
    ratio = module("step_statistics").ratio_of_means(np.array([1.0]), np.array([4.0]))
    assert str(ratio) == "0.25"


def test_rates_divide_by_what_was_done(module: Any) -> None:
    seconds = np.array([1.0, 1.0])
    ratio = module("step_statistics").ratio_of_rates(
        seconds, seconds, np.array([20.0, 20.0]), np.array([10.0, 10.0])
    )
    assert ratio.value == pytest.approx(0.5)


def test_phases_add_up_to_the_step(module: Any) -> None:
    known = {"generate": 2.0, "reward": 1.0, "reference": 1.0}
    phases = module("step_record").split_phases(10.0, 9.0, known)
    assert phases["update"] == pytest.approx(5.0)
    assert sum(phases.values()) == pytest.approx(10.0)


def test_lengths_spread_around_their_mean(module: Any) -> None:
    lengths = module("step_data").spread_lengths(512, 64)
    assert (min(lengths), max(lengths)) == (256, 768)
    assert np.mean(lengths) == pytest.approx(512, abs=1)


def test_more_rows_are_numbered_variants(module: Any) -> None:
    rows = [{"prompt": "a", "response": "x"}, {"prompt": "b", "response": "y"}]
    prompts = [row["prompt"] for row in module("step_data").numbered(rows, 5)]
    assert prompts == ["a", "b", "Case 1. a", "Case 1. b", "Case 2. a"]


def test_settings_are_read_by_name(module: Any) -> None:
    settings = module("step_setting")
    assert settings.parse_settings("all") == settings.GRID
    assert [item.name for item in settings.parse_settings("full-512-forced")] == ["full-512-forced"]
    with pytest.raises(ValueError, match="lora-41-natural"):
        settings.parse_settings("lora-41-natural")
