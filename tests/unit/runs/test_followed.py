"""A run that another process writes."""

from pathlib import Path

from rlsr.config import load_config
from rlsr.runs import RunDirectory
from rlsr.runs.followed import FollowedRun
from rlsr.runs.rows import HeldoutRow


def test_a_follower_reads_and_writes_nothing(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run", load_config())
    run.append_metrics({"step": 1, "reward/mean": 0.5})
    rows = [HeldoutRow("1", "?", "!", "a", {"chrf": 1.5})]
    run.write_evaluation("before", rows)
    files = contents(run.path)
    follower = FollowedRun(run.path, 3)
    assert follower.read_metrics() == [{"step": 1, "reward/mean": 0.5}]
    assert follower.read_evaluation("before") == rows
    follower.append_metrics({"step": 2})
    follower.write_evaluation("after", rows)
    follower.write_samples(1, [{"id": "2"}])
    follower.write_preferences([{"id": "2"}])
    follower.write_provenance({"device": "cpu"})
    follower.write_manifest({})
    assert contents(run.path) == files
    assert follower.log_file.name == "log-process-3.txt"


def test_whatever_writes_is_left_to_the_other_process() -> None:
    writers = {name for name in vars(RunDirectory) if name.startswith(("write_", "append_"))}
    assert writers <= vars(FollowedRun).keys()


def contents(path: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}
