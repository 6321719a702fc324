"""``rlsr report`` as a user runs it, on a run of the tiny policy."""

import json
from pathlib import Path

import pytest

from html_page import Page
from rlsr.runs import RunDirectory
from tiny import Cli


@pytest.fixture(scope="module")
def run(cli: Cli, tiny_settings: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete run of three steps."""
    path = tmp_path_factory.mktemp("runs") / "run"
    result = cli("train", *tiny_settings, "--out", path)
    assert result.returncode == 0, result.stderr
    return path


def test_a_run_becomes_a_page(cli: Cli, run: Path) -> None:
    result = cli("report", run)
    assert result.returncode == 0, result.stderr
    assert f"report: {run / 'report.html'}" in result.stdout
    assert result.stderr == ""
    page = Page((run / "report.html").read_text(encoding="utf-8"))
    charts, browser = (json.loads(text) for text in page.scripts[:2])
    metrics = RunDirectory(run).read_metrics()
    place = charts["columns"].index("reward/mean")
    assert [row[place] for row in charts["rows"]] == pytest.approx([row["reward/mean"] for row in metrics], rel=1e-3)  # fmt: skip
    after = RunDirectory(run).read_evaluation("after")
    assert after is not None
    shown = [browser["texts"][prompt["answers"][1][0][0]][0] for prompt in browser["prompts"]]
    assert shown == [row.response for row in after]
    titles = [" ".join(text.split()) for text in page.all("figcaption")]
    assert {"Mean reward over steps", "KL divergence From the policy before training."} <= set(
        titles
    )
    assert any(title.startswith("Where the time went") for title in titles)


def test_an_interrupted_run_is_reported_as_far_as_it_came(
    cli: Cli, run: Path, tmp_path: Path
) -> None:
    for name in ("config.json", "metrics.jsonl"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    result = cli("report", tmp_path)
    assert result.returncode == 0, result.stderr
    assert "is not complete: 3 steps so far" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["nothing"], ["nothing", "expected the directory of a run", "there is no such directory"]),
        (["."], ["expected the directory of a run", "another directory"]),
        (["RUN", "RUN", "--out", "page.html"], ["named twice"]),
        (["RUN", "--out", "kept.html"], ["kept.html", "exists already"]),
        (["RUN", "damaged"], ["--out"]),
        (["damaged"], ["metrics.jsonl:1", "damaged line"]),
    ],
)
def test_a_mistake_ends_with_one_message(
    cli: Cli, run: Path, tmp_path: Path, arguments: list[str], parts: list[str]
) -> None:
    (tmp_path / "kept.html").write_text("kept", encoding="utf-8")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "config.json").write_text("{}", encoding="utf-8")
    (tmp_path / "damaged" / "metrics.jsonl").write_text('{"st\n{"step": 2}\n', encoding="utf-8")
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    result = cli("report", *[str(run) if a == "RUN" else a for a in arguments], cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.count("error:") == 1
    assert "Traceback" not in result.stderr
    for part in parts:
        assert part in result.stderr
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before
