"""With what a run ran."""

import json
import os
import platform
import re
import sys
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import pytest

import rlsr
from rlsr.runs import collect_provenance
from rlsr.runs.provenance import PACKAGES, package_versions, processor_name


def test_it_is_json_and_names_machine_versions_and_command() -> None:
    found = collect_provenance()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["rlsr"] == rlsr.__version__
    assert found["python"] == platform.python_version()
    assert found["cores"] == os.cpu_count()
    assert found["command"] == sys.argv
    assert found["processor"] == processor_name() != ""
    assert found["packages"] == package_versions()


def test_the_time_is_now_with_its_zone() -> None:
    time = datetime.fromisoformat(collect_provenance()["time"])
    assert abs(datetime.now(tz=UTC) - time) < timedelta(minutes=1)


def test_the_caller_adds_what_only_it_knows() -> None:
    found = collect_provenance({"device": "cpu", "cores": 1})
    assert (found["device"], found["cores"]) == ("cpu", 1)


def test_versions_are_those_installed_and_none_for_what_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    versions = package_versions()
    assert versions["numpy"] == version("numpy")
    assert set(versions) == set(PACKAGES)
    monkeypatch.setattr("rlsr.runs.provenance.PACKAGES", ("numpy", "no-such-package"))
    assert package_versions() == {"numpy": version("numpy"), "no-such-package": None}


def test_of_a_package_that_lies_on_the_path_twice_the_version_is_that_of_the_imported_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = tmp_path / "numpy-0.0.1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 0.0.1\n")
    imported = version("numpy")
    monkeypatch.setattr("sys.path", [*sys.path, str(tmp_path)])
    assert package_versions()["numpy"] == imported
    monkeypatch.setattr("sys.path", [str(tmp_path), *sys.path])
    assert package_versions()["numpy"] == "0.0.1"


def test_the_environment_that_decides_the_threads_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    assert collect_provenance()["environment"] == {
        "OMP_NUM_THREADS": "3",
        "OMP_WAIT_POLICY": None,
    }


def test_a_source_tree_is_known_by_its_commit() -> None:
    tree = Path(rlsr.__file__).parents[2]
    if not (tree / ".git").exists():
        pytest.skip("the package does not run from a git work tree")
    found = collect_provenance()
    assert re.fullmatch("[0-9a-f]{40}", found["commit"])
    assert isinstance(found["uncommitted_changes"], bool)


def test_without_git_the_commit_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    found = collect_provenance()
    assert (found["commit"], found["uncommitted_changes"]) == (None, None)
