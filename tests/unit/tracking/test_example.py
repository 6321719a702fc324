"""The tracker of docs/extending.md is complete, and the trackers of docs/tracking.md are those that there are."""

import csv
import re
import tomllib
from pathlib import Path
from typing import get_args

import pytest
import yaml

from plugin_packages import write_package
from rlsr.config import load_config
from rlsr.config.load import config_from_table
from rlsr.config.tracking import TrackerConfig
from rlsr.errors import ConfigError
from rlsr.tracking.afterwards import send_run
from rlsr.tracking.table import require_trackers
from tracked_runs import GrowingRun

DOCS = Path(__file__).parents[3] / "docs"
SECTION = (DOCS / "extending.md").read_text().partition("## A tracker\n")[2].partition("\n## ")[0]


def test_the_tracker_of_the_page_writes_its_file(tmp_path: Path, packages: Path) -> None:
    [code] = re.findall(r"^```python\n# rlsr_spreadsheet\.py\n(.*?)^```", SECTION, re.M | re.S)
    [metadata] = re.findall(r"^```toml\n(.*?)^```", SECTION, re.M | re.S)
    points = tomllib.loads(metadata)["project"]["entry-points"]["rlsr.trackers"]
    write_package(packages, "rlsr-spreadsheet", code, rlsr_trackers=points)
    [setting] = re.findall(r"tracking='(.*)'", SECTION)
    growing = GrowingRun(tmp_path / "run", f"tracking={setting.replace('runs.csv', f'{tmp_path}/runs.csv')}")  # fmt: skip
    growing.step(1)
    growing.end()
    require_trackers(growing.config)
    send_run(growing.run, growing.config, growing.config.tracking[0])
    rows = (tmp_path / "runs.csv").read_text().splitlines()
    assert list(csv.reader(rows)) == [["run", "1", "reward/mean", "0.1"]]
    nowhere = load_config(overrides=["tracking={type: spreadsheet, file: /nowhere/runs.csv}"])
    with pytest.raises(ConfigError, match="its directory is not there"):
        require_trackers(nowhere)


def test_the_page_has_every_tracker_with_every_setting() -> None:
    page = (DOCS / "tracking.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", page, re.M))
    tables = get_args(get_args(TrackerConfig)[0])
    assert list(rows) == [table.model_fields["type"].default for table in tables]
    for table, row in zip(tables, rows.values(), strict=True):
        for setting in table.model_fields.keys() - {"type", "samples"}:
            assert f"`{setting}`" in row
    [example] = re.findall(r"^```yaml\n(.*?)^```", page, re.M | re.S)
    assert len(config_from_table(yaml.safe_load(example)).tracking) == 2
