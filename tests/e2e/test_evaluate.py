"""``rlsr evaluate`` with several models and with a gate, on a tiny policy."""

import json
import shutil
from pathlib import Path

import pytest

import rlsr
from kept_evaluations import kept, normal
from rlsr.comparison.side_by_side import read_side_by_side
from rlsr.evaluation.kept import write_kept
from rlsr.runs import RunDirectory
from tiny import WORDS, Cli


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """Two policies, and data of which 40 rows are held out."""
    import torch
    from transformers import AutoModelForCausalLM

    place = tmp_path_factory.mktemp("evaluate")
    for name in ("base", "other"):
        shutil.copytree(tiny_model, place / name)
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    torch.manual_seed(3)
    for weights in model.parameters():
        weights.data += 0.3 * weights.data.std() * torch.randn_like(weights)
    model.save_pretrained(place / "other")
    rows = [
        {
            "prompt": f"Tell me about the {WORDS[i % 21]} {i}",
            "response": " ".join(WORDS[i % 15 : i % 15 + 6]),
            "split": "heldout" if i % 2 else "train",
        }
        for i in range(80)
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (place / "data.jsonl").write_text(text, encoding="utf-8")
    return place


@pytest.fixture(scope="module")
def settings(workplace: Path, tiny_settings: list[str]) -> list[str]:
    others = [one for one in tiny_settings if not one.startswith(("model.name=", "data.path="))]
    return [*others, f"data.path={workplace / 'data.jsonl'}"]


@pytest.fixture(scope="module")
def side(cli: Cli, workplace: Path, settings: list[str]) -> Path:
    """Both policies side by side."""
    path = workplace / "side"
    result = cli("evaluate", workplace / "base", workplace / "other", *settings, "--out", path)
    assert result.returncode == 0, result.stderr
    assert "other has lost against base: chrF of heldout (-" in result.stdout
    assert "other wins " in result.stdout
    assert "no human judgement" in result.stdout
    return path


@pytest.mark.slow
def test_several_models_stand_side_by_side(cli: Cli, side: Path, workplace: Path) -> None:
    found = read_side_by_side(side / "side_by_side.json")
    assert found.baseline == "base"
    assert list(found.models) == ["base", "other"]
    for name in found.models:
        assert RunDirectory(side / name).is_complete
        assert (side / name / "evaluation.json").is_file()
    manifest = RunDirectory(side / "base").read_manifest()
    assert manifest["data"]["overlap"]["heldout"]["prompts"] == []
    # One page shows them, and their own pages are as before.
    for directory in (side, side / "other"):
        result = cli("report", directory)
        assert result.returncode == 0, result.stderr
    page = (side / "report.html").read_text(encoding="utf-8")
    assert "Models side by side" in page
    assert "no human judgement" in page
    refused = cli("report", side, side / "base", "--out", workplace / "page.html")
    assert refused.returncode == 2
    assert "are reported on alone" in refused.stderr


@pytest.mark.slow
def test_what_failed_is_said_and_what_is_there_is_kept(
    cli: Cli, side: Path, workplace: Path, tmp_path: Path
) -> None:
    path = tmp_path / "again"
    shutil.copytree(side, path)
    (path / "side_by_side.json").unlink()
    (path / "other" / "manifest.json").unlink()
    weights = workplace / "other" / "model.safetensors"
    moved = weights.rename(tmp_path / "weights")
    failed = cli("evaluate", "--resume", "--out", path)
    moved.rename(weights)
    assert failed.returncode == 2, failed.stdout
    assert "1 of 2 models is evaluated and kept" in failed.stderr
    assert f"`rlsr evaluate --resume --out {path}` goes on with the others" in failed.stderr
    assert not (path / "side_by_side.json").exists()
    more = cli("evaluate", "--resume", "--out", path, "--suite", "ifeval")
    assert more.returncode == 2
    assert "give --resume and --out alone" in more.stderr
    result = cli("evaluate", "--resume", "--out", path)
    assert result.returncode == 0, result.stderr
    python = rlsr.evaluate([], out=path, resume=True, say=None)
    assert python.losses[0].startswith("other has lost against base: chrF of heldout (-")
    assert {row["verdict"] for row in python.metrics if row["metric"] == "chrf"} == {
        "baseline",
        "lower",
    }
    assert "other has lost against base" in str(python)
    found, before = (read_side_by_side(one / "side_by_side.json") for one in (path, side))
    assert found.suites == before.suites


@pytest.mark.slow
def test_a_gate_ends_with_one_where_a_metric_is_worse(
    cli: Cli, side: Path, workplace: Path, settings: list[str], tmp_path: Path
) -> None:
    shutil.copy(side / "base" / "evaluation.json", tmp_path / "baseline.json")
    for model, gate, code, words in (
        ("base", side / "base", 0, "gate: passed"),
        ("other", tmp_path / "baseline.json", 1, "baseline.json in chrF of heldout"),
    ):
        out = tmp_path / model
        result = cli("evaluate", workplace / model, *settings, "--gate", gate, "--gate-metric", "chrf", "--out", out)  # fmt: skip
        assert result.returncode == code, result.stderr
        assert words in result.stdout
        assert RunDirectory(out).is_complete
        assert "responses that the same weights had given before: 40 (" in result.stdout


def test_mistakes_are_said_before_anything_is_asked(
    cli: Cli, workplace: Path, settings: list[str], tmp_path: Path
) -> None:
    base, other, out = workplace / "base", workplace / "other", tmp_path / "out"
    gate = tmp_path / "baseline.json"
    write_kept(
        gate, kept("old", scorer="[]", heldout={"bleu": normal(5), "repetition": normal(0.5)})
    )
    for arguments, message in (
        ([base, "--gate", gate, "--gate-metric", "colour"], "must be of the baseline's metrics bleu, repetition, got colour"),
        ([base, "--gate", tmp_path], "there is no evaluation.json in it"),
        ([base, "--gate-metric", "chrf"], "--gate-metric: needs the evaluation"),
        ([base, "--baseline", "base"], "--baseline: is of several models"),
        ([base, "--gate", gate, "--gate-metric", "repetition"], "repetition of heldout is not what the baseline's is"),
        ([base, "--model", other], "--model: one model is named already"),
        ([base, other, "--baseline", "third"], "--baseline: must be one of base, other, got 'third'"),
        ([base, other, "--gate", gate], "--gate: is of one model"),
        ([base, other, "--model", base], "--model: is of one model"),
        ([base, other, "--suite", "colours"], "there is no suite 'colours'"),
        ([base, tmp_path], f"{tmp_path.name}: "),
    ):  # fmt: skip
        result = cli("evaluate", *arguments, *settings, "--out", out)
        assert result.returncode == 2, result.stdout
        assert message in result.stderr
        assert not out.exists()
