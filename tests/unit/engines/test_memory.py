"""How a step is cut so that it fits into memory."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsr.config import load_config
from rlsr.engines import memory
from rlsr.engines.memory import (
    MemoryPlan,
    PolicySize,
    RolloutSize,
    default_tokens,
    free_memory_gb,
    held_gb,
    plan_memory,
    rollout_gb,
    token_bytes,
)

SMOLLM2 = PolicySize(
    num_parameters=134_515_008,
    hidden_size=576,
    num_layers=30,
    vocab_size=49_152,
    key_width=192,
    bytes_per_weight=2,
)
DEMO = RolloutSize(longest_prompt=149, response_tokens=80, num_generations=8, num_prompts=4)
FULL = ["model.lora=null"]


def plan(free_gb: float, *overrides: str, rollout: RolloutSize = DEMO) -> MemoryPlan:
    config = load_config(overrides=[*FULL, *overrides])
    return plan_memory(config, SMOLLM2, rollout, device="cpu", free_gb=free_gb)


def test_the_bytes_of_a_token_are_near_what_was_measured() -> None:
    # docs/log.md: the peak of a forward and backward pass in bfloat16 grows by 1.6 MB a token.
    assert token_bytes(load_config(overrides=FULL), SMOLLM2) == pytest.approx(1.6e6, rel=0.35)


def test_with_room_a_pass_keeps_the_device_busy_and_a_rollout_is_written_whole() -> None:
    found = plan(64)
    assert found.cut.tokens_per_pass == 149 + 768
    assert found.cut.rows_at_a_time is None
    assert found.notices == ()
    assert 3 < found.peak_gb < 8


def test_a_device_is_kept_busy() -> None:
    short = replace(DEMO, response_tokens=8, longest_prompt=20)
    assert default_tokens(short, "cpu") == 20 + 768
    assert default_tokens(short, "cuda") == 20 + 16384
    assert default_tokens(replace(DEMO, response_tokens=4096), "cpu") == 149 + 4096


def test_tokens_that_fit_are_those_of_the_config() -> None:
    found = plan(64, "training.tokens_per_pass=300")
    assert (found.cut.tokens_per_pass, found.notices) == (300, ())


def test_fewer_tokens_than_a_response_has_are_kept_and_the_peak_counts_the_response() -> None:
    few, fitting = (plan(64, f"training.tokens_per_pass={tokens}") for tokens in (10, 229))
    assert few.cut.tokens_per_pass == 10
    assert few.notices == ()
    assert few.peak_gb == fitting.peak_gb


def test_tokens_that_do_not_fit_are_lowered_with_a_notice() -> None:
    config = load_config(overrides=FULL)
    # Room for 400 tokens.
    free = (held_gb(config, SMOLLM2) + 400.5 * token_bytes(config, SMOLLM2) / 1e9) / 0.85
    found = plan(free, "training.tokens_per_pass=5000")
    assert found.cut.tokens_per_pass == 400
    (notice,) = found.notices
    assert "5,000 tokens" in notice
    assert "training.tokens_per_pass is lowered to 400" in notice
    assert f"of the {free:.1f} GB that are free" in notice
    assert found.peak_gb <= free


def test_a_single_response_that_does_not_fit_is_a_warning_with_the_ways_out() -> None:
    (notice,) = plan(0.5).notices
    assert notice.startswith("passes of a single response need about")
    for way_out in ("max_response_tokens", "gradient_checkpointing=true", "model.lora.rank"):
        assert way_out in notice
    (shorter,) = plan(0.5, "training.gradient_checkpointing=true", "model.lora={}").notices
    assert "gradient_checkpointing" not in shorter
    assert "model.lora" not in shorter
    assert plan(0.5).cut.tokens_per_pass == DEMO.row_tokens
    assert plan(0.5, "training.tokens_per_pass=10").cut.tokens_per_pass == 10


def test_a_rollout_that_does_not_fit_is_written_in_whole_groups() -> None:
    long = replace(DEMO, response_tokens=2000, num_prompts=64)
    found = plan(10, rollout=long)
    rows = found.cut.rows_at_a_time
    assert rows is not None
    assert 0 < rows < 64 * 8
    assert rows % 8 == 0
    assert rollout_gb(SMOLLM2, long, rows) < rollout_gb(SMOLLM2, long, None)
    assert plan(0.5, rollout=long).cut.rows_at_a_time == 8


@given(st.floats(0.1, 64), st.floats(0.1, 64), st.integers(16, 4096), st.booleans())
def test_more_memory_never_means_less(
    one: float, other: float, response_tokens: int, explicit: bool
) -> None:
    rollout = replace(DEMO, response_tokens=response_tokens)
    overrides = ["training.tokens_per_pass=3000"] if explicit else []
    less, more = (plan(free, *overrides, rollout=rollout) for free in sorted((one, other)))
    assert less.cut.tokens_per_pass <= more.cut.tokens_per_pass
    everything = rollout.num_prompts * rollout.num_generations
    assert (less.cut.rows_at_a_time or everything) <= (more.cut.rows_at_a_time or everything)
    assert len(less.notices) >= len(more.notices)


@pytest.mark.parametrize("saving", ["model.lora={rank: 16}", "method.kl_coefficient=0"])
def test_what_is_not_held_all_the_time(saving: str) -> None:
    assert held_gb(load_config(overrides=[*FULL, saving]), SMOLLM2) < held_gb(
        load_config(overrides=FULL), SMOLLM2
    )


@pytest.mark.parametrize(
    "saving",
    [
        "model.lora={rank: 16}",
        "method.kl_coefficient=0",
        "training.tokens_per_pass=300",
        "training.gradient_checkpointing=true",
    ],
)
def test_what_saves_memory_lowers_the_peak(saving: str) -> None:
    assert plan(64, saving).peak_gb < plan(64).peak_gb


@pytest.mark.parametrize(
    ("limit", "used", "statistics", "free_gb"),
    [
        ("3000000000", "1000000000", "anon 5\ninactive_file 0\n", 2.0),
        # What is kept of files is given back.
        ("3000000000", "2500000000", "anon 5\ninactive_file 1500000000\n", 2.0),
        ("3000000000", "1000000000", None, 2.0),
        ("max", "1000000000", "inactive_file 0\n", 100.0),
        (None, None, None, 100.0),
    ],
)
def test_free_memory_is_no_more_than_the_containers_limit_leaves(
    limit: str | None,
    used: str | None,
    statistics: str | None,
    free_gb: float,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Machine:
        available = 100e9

    monkeypatch.setattr("psutil.virtual_memory", Machine)
    monkeypatch.setattr(memory, "CONTAINER", tmp_path)
    files = {"memory.max": limit, "memory.current": used, "memory.stat": statistics}
    for name, content in files.items():
        if content is not None:
            (tmp_path / name).write_text(content, encoding="ascii")
    assert free_memory_gb("cpu") == pytest.approx(free_gb)


def test_a_loss_of_labels_that_compares_holds_the_policy_before_training() -> None:
    def held(*overrides: str) -> float:
        settings = [*FULL, "method=sgrpo", "method.kl_coefficient=0", *overrides]
        return held_gb(load_config(overrides=settings), SMOLLM2)

    copy = SMOLLM2.num_parameters * SMOLLM2.bytes_per_weight / 1e9
    assert held("method.label_loss=ratio_clip") == pytest.approx(held() + copy)
    assert held("method.kl_coefficient=0.1") == pytest.approx(held() + copy)
    assert held("method.label_loss=ratio_clip", "method.label_weight=0") == held()


def test_the_mean_of_the_weights_is_held_in_float32_and_copied_to_be_measured() -> None:
    own, with_mean = (
        held_gb(load_config(overrides=[*FULL, f"training.average_power={power}"]), SMOLLM2)
        for power in ("null", "0")
    )
    copies = SMOLLM2.num_parameters * (4 + SMOLLM2.bytes_per_weight) / 1e9
    assert with_mean == pytest.approx(own + copies)
