"""Event files, read back by TensorBoard itself."""

from pathlib import Path
from typing import Any

import pytest

from rlsr.tracking.afterwards import send_run
from rlsr.tracking.sender import Sender
from tracked_runs import GrowingRun, heldout_change

pytest.importorskip("tensorboard", reason="the tensorboard extra is not installed")


def events_in(directory: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(directory), size_guidance={"scalars": 0, "tensors": 0})
    found.Reload()
    return found


def scalars(events: Any, name: str) -> list[tuple[int, float]]:
    return [(one.step, one.value) for one in events.Scalars(name)]


def texts(events: Any, name: str) -> list[tuple[int, str]]:
    return [(one.step, one.tensor_proto.string_val[0].decode()) for one in events.Tensors(name)]


def test_a_run_is_read_back_with_no_step_twice(tmp_path: Path) -> None:
    growing = GrowingRun(tmp_path / "run", "tracking=tensorboard", "method=sft")
    [settings] = growing.config.tracking
    growing.evaluate("before", 1.0, 2.0)
    growing.step(1, **{"optim/kl": None})
    growing.step(2, **{"optim/kl": 0.5, "monitor/cut": 2.0})
    # As if the process had been killed here.
    Sender(growing.run, growing.config, settings).send()
    growing.step(3, **{"optim/kl": 0.25})
    growing.evaluate("after", 5.0, 6.0)
    growing.end(heldout=[heldout_change("chrf", 1.5, 5.5)])
    sent = send_run(growing.run, growing.config, settings)
    assert (sent.num_steps, sent.place) == (1, f"tensorboard --logdir {tmp_path}/run/tensorboard")
    assert not send_run(growing.run, growing.config, settings).is_new
    events = events_in(tmp_path / "run" / "tensorboard")
    assert [step for step, _ in scalars(events, "reward/mean")] == [1, 2, 3]
    assert [value for _, value in scalars(events, "reward/mean")] == pytest.approx([0.1, 0.2, 0.3])
    assert scalars(events, "optim/kl") == [(2, 0.5), (3, 0.25)]
    assert scalars(events, "heldout/chrf") == [(0, 1.5), (3, 5.5)]
    [(step, config)] = texts(events, "config")
    assert step == 0
    assert '"type": "sft"' in config
    assert str(tmp_path / "run") in texts(events, "run")[0][1]
    samples = texts(events, "samples")
    assert [step for step, _ in samples] == [1, 2, 3]
    assert samples[0][1].splitlines()[2] == "| p | 1-5 | r | 0.5 |"
    assert texts(events, "monitor/alarm") == [(2, "cut")]
    assert '"heldout/chrf/difference": 4.0' in texts(events, "summary")[0][1]
    assert events.PluginTagToContent("text").keys() >= {"config", "samples", "summary"}


def test_all_runs_may_go_to_one_place(tmp_path: Path) -> None:
    growing = GrowingRun(tmp_path / "run", f"tracking=[{{type: tensorboard, directory: {tmp_path}/all, samples: 0}}]")  # fmt: skip
    growing.step(1)
    send_run(growing.run, growing.config, growing.config.tracking[0])
    events = events_in(tmp_path / "all" / "run")
    assert [step for step, _ in scalars(events, "reward/mean")] == [1]
    assert "samples" not in events.Tags()["tensors"]
