"""W&B, MLflow and Trackio without a network: what they have kept, read back by their own means."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from rlsr.engines import SilentObserver
from rlsr.tracking.afterwards import send_run
from rlsr.tracking.live import tracked
from rlsr.tracking.sender import Sender
from rlsr.tracking.table import require_trackers
from tracked_runs import GrowingRun, heldout_change

pytestmark = pytest.mark.slow


def send(growing: GrowingRun) -> str:
    """Send a run in two sessions, between which the process is gone; return where it is."""
    [settings] = growing.config.tracking
    growing.evaluate("before", 1.0, 2.0)
    growing.run.append_metrics({"step": 0, "validation/reward": 0.25})
    growing.step(1, **{"optim/kl": None})
    Sender(growing.run, growing.config, settings).finish()
    growing.step(2, **{"optim/kl": 0.5, "monitor/cut": 2.0})
    growing.evaluate("after", 5.0, 6.0)
    growing.end(heldout=[heldout_change("chrf", 1.5, 5.5)])
    sent = send_run(growing.run, growing.config, settings)
    assert sent.num_steps == 1
    assert not send_run(growing.run, growing.config, settings).is_new
    return sent.place


def wandb_records(directory: Path) -> list[Any]:
    """Read the datastore of a run: protocol buffers in the format of LevelDB's log, behind seven bytes of W&B's own."""
    from wandb.proto.wandb_internal_pb2 import Record

    [file] = directory.glob("*.wandb")
    content, place, part, found = file.read_bytes(), 7, b"", []
    assert content[:4] == b":W&B"
    while place + 7 <= len(content):
        left = 2**15 - place % 2**15
        if left < 7:
            place += left
            continue
        _, length, kind = struct.unpack("<IHB", content[place : place + 7])
        part += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in {1, 4}:  # whole, or the last part
            record = Record()
            record.ParseFromString(part)
            found.append(record)
            part = b""
    return found


def test_wandb_keeps_a_run_for_wandb_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason="the wandb extra is not installed")
    monkeypatch.delenv("WANDB_DIR", raising=False)
    growing = GrowingRun(
        tmp_path / "run", "tracking=[{type: wandb, mode: offline, project: mine}]", "method=sft"
    )
    place = send(growing)
    kept = tmp_path / "run" / "tracking" / "wandb"
    assert place.startswith(f"wandb sync {kept}/offline-run-")
    sessions = sorted(kept.glob("offline-run-*"))
    records = [record for session in sessions for record in wandb_records(session)]
    rows = [
        {(item.key or "/".join(item.nested_key)): json.loads(item.value_json) for item in record.history.item}
        for record in records
        if record.HasField("history")
    ]  # fmt: skip
    steps = [row["step"] for row in rows if "reward/mean" in row]
    assert steps == [1, 2]
    assert [(row["step"], row["validation/reward"]) for row in rows if "validation/reward" in row] == [(0, 0.25)]  # fmt: skip
    assert [(row["step"], row["optim/kl"]) for row in rows if "optim/kl" in row] == [(2, 0.5)]
    assert [(row["step"], row["heldout/chrf"]) for row in rows if "heldout/chrf" in row] == [(0, 1.5), (2, 5.5)]  # fmt: skip
    runs = {record.run.run_id for record in records if record.HasField("run")}
    assert len(runs) == 1
    [first] = [record.run for record in records if record.HasField("run")][:1]
    assert (first.project, first.display_name, list(first.tags)) == ("mine", "run", ["sft"])
    config = {item.key: json.loads(item.value_json) for item in first.config.update}
    assert config["method"]["type"] == "sft"
    assert config["run"]["run_directory"] == str(tmp_path / "run")
    tables = [
        json.loads(file.read_text()) for session in sessions for file in session.rglob("*.table.json")
    ]  # fmt: skip
    assert sorted(row for table in tables for row in table["data"]) == [
        [step, "p", f"{step}-{place}", "r", place / 10] for step in (1, 2) for place in (0, 1, 4, 5)
    ]
    alerts = [record.alert for record in records if record.HasField("alert")]
    assert [alert.title for alert in alerts] == ["alarm: cut"]
    [code] = [record.exit.exit_code for record in records if record.HasField("exit")][-1:]
    assert code == 0


def test_mlflow_keeps_a_run_in_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow", reason="the mlflow extra is not installed")
    from mlflow.tracking import MlflowClient

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    store = (tmp_path / "store").as_uri()
    place = send(
        GrowingRun(tmp_path / "run", f"tracking=[{{type: mlflow, tracking_uri: '{store}'}}]")
    )
    assert place == f"mlflow ui --backend-store-uri {store}"
    client = MlflowClient(tracking_uri=store)
    experiment = client.get_experiment_by_name("rlsr")
    [run] = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "run"

    def course(name: str) -> list[tuple[int, float]]:
        return [(one.step, one.value) for one in client.get_metric_history(run.info.run_id, name)]

    assert course("reward/mean") == [(1, 0.1), (2, 0.2)]
    assert course("optim/kl") == [(2, 0.5)]
    assert course("heldout/chrf") == [(0, 1.5), (2, 5.5)]
    assert run.data.params["method.type"] == "rlsr"
    assert run.data.params["data.path"] == "builtin:instructions"
    assert run.data.tags["run_directory"] == str(tmp_path / "run")
    assert run.data.tags["alarm: cut"] == "after step 2: cut"
    [table] = (tmp_path / "store").rglob("step-000002.json")
    assert json.loads(table.read_text())["data"][0] == ["p", "2-5", "r", 0.5]
    [summary] = (tmp_path / "store").rglob("summary.json")
    assert json.loads(summary.read_text())["heldout/chrf/difference"] == 4.0


def test_trackio_keeps_a_run_on_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("trackio", reason="the trackio extra is not installed")
    from trackio import sqlite_storage, utils

    for module in (sqlite_storage, utils):
        monkeypatch.setattr(module, "TRACKIO_DIR", tmp_path / "trackio", raising=False)
    storage = sqlite_storage.SQLiteStorage
    send(GrowingRun(tmp_path / "run", "tracking=[{type: trackio, project: mine}]"))
    [run] = storage.get_runs("mine")
    logs = storage.get_logs("mine", run)
    assert [(row["step"], row["reward/mean"]) for row in logs if "reward/mean" in row] == [(1, 0.1), (2, 0.2)]  # fmt: skip
    assert [(row["step"], row["heldout/chrf"]) for row in logs if "heldout/chrf" in row] == [(0, 1.5), (2, 5.5)]  # fmt: skip
    assert [row["step"] for row in logs if "samples" in row] == [1, 2]
    assert storage.get_run_config("mine", run)["method"]["type"] == "rlsr"
    assert [one["title"] for one in storage.get_alerts("mine")] == ["alarm: cut"]


def test_wandb_without_a_network_delays_no_run_and_is_told_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("wandb", reason="the wandb extra is not installed")
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    growing = GrowingRun(tmp_path / "run", "tracking=[wandb]")
    [settings] = growing.config.tracking
    require_trackers(growing.config)
    with tracked(growing.run, growing.config, SilentObserver(), patience_s=1) as observer:
        growing.step(1)
        observer.on_step(1, 1, {})
        growing.end()
    [said] = [record.getMessage() for record in caplog.records]
    assert "1 of 1 steps were not sent; `rlsr track " in said
    offline = settings.model_copy(update={"mode": "offline"})
    assert send_run(growing.run, growing.config, offline).num_steps == 1
