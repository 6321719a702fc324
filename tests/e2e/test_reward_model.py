"""A reward model from an SFT set alone, through the command line, and a policy that is trained on its scores."""

import gzip
import json
import shlex
from pathlib import Path

import pytest

from rlsr.pipeline.model_card import model_card
from rlsr.runs import RunDirectory
from tiny import Cli

PAIRS = Path(__file__).parents[3] / "shared" / "data" / "hh_rlhf_harmless_base_test.jsonl.gz"
BUILTIN = ["stages=null", "model=builtin:smollm2-135m", "threads=1", "training.save_every=1000"]


@pytest.fixture(scope="module")
def settings(tiny_settings: list[str]) -> list[str]:
    return [setting for setting in tiny_settings if not setting.startswith("method.num")]


@pytest.fixture(scope="module")
def scorer(cli: Cli, settings: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny policy as a scorer of references above its own samples."""
    path = tmp_path_factory.mktemp("scorer") / "run"
    result = cli("train", *settings, "method=reward_model", "validation.num_prompts=2", "--out", path)  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "pairs of a better and a worse response" in result.stdout
    assert "greedy" not in result.stdout
    return path


def test_a_run_learns_pairs_that_its_policy_makes_and_says_how_well(scorer: Path) -> None:
    run = RunDirectory(scorer)
    manifest = run.read_manifest()
    assert manifest["method"] == "reward_model"
    assert {change["name"] for change in manifest["heldout"]} == {"pair_accuracy", "pair_margin", "pair_loss"}  # fmt: skip
    assert manifest["validation"]["metric"] == "pair_loss"
    first, *_, last = run.read_metrics()
    assert first["validation/pair_accuracy"] == 0.5
    assert first["validation/pair_loss"] == pytest.approx(0.6931, abs=1e-4)
    assert last["optim/loss"] > 0
    kept = run.read_preferences()
    assert kept is not None
    # Six of the training prompts in three steps, two of validation, four held out.
    assert len(kept) == 12
    assert all(row["scores"]["num"] == 1 for row in kept)
    rows = run.read_evaluation("after")
    assert rows is not None
    for row in rows:
        preferred = row.reference if row.scores["pair_accuracy"] else row.further["rejected"]
        assert row.response == preferred
    card = (scorer / "final" / "README.md").read_text(encoding="utf-8")
    assert "AutoModelForSequenceClassification" in card
    assert "pipeline_tag: text-classification" in card
    assert "Pairs of a better and a worse response to 4 prompts" in card
    assert "generate" not in card


def test_the_lines_of_its_card_score(scorer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", reason="the train extra is not installed")
    config = RunDirectory(scorer).read_config()
    card = model_card("final", config, [], 3)
    monkeypatch.chdir(scorer)
    said: list[float] = []
    exec(card.split("```python\n")[1].split("```")[0], {"print": said.append})
    assert len(said) == 1
    assert isinstance(said[0], float)


def test_a_policy_is_trained_on_its_scores(
    cli: Cli, settings: list[str], scorer: Path, tmp_path: Path
) -> None:
    path = tmp_path / "run"
    reward = f"reward={{type: preference_model, model: {shlex.quote(str(scorer / 'final'))}, relative_to_reference: true}}"
    result = cli("train", *settings, reward, "training.steps=2", "method.num_generations=4", "--out", path)  # fmt: skip
    assert result.returncode == 0, result.stderr
    row = RunDirectory(path).read_metrics()[-1]
    relative = row["reward/preference"] - row["reward/reference_preference"]
    assert row["reward/mean"] == pytest.approx(relative, abs=1e-5)
    assert row["reward/share_cut_by_preference_model"] == 0
    assert "by the preference model" in (path / "final" / "README.md").read_text(encoding="utf-8")
    begun = RunDirectory(path).read_sessions()[0]["starts_from"]
    assert "model.safetensors" in begun["reward.model"]


def test_a_scorer_is_evaluated_on_pairs_alone(cli: Cli, scorer: Path, tmp_path: Path) -> None:
    config, model = scorer / "config.json", ("--model", scorer / "final")
    result = cli("evaluate", config, *model, "--out", tmp_path / "without")
    assert result.returncode == 2
    assert "is a classifier, which writes none; give every row a `rejected` answer" in result.stderr
    kept = [row for row in RunDirectory(scorer).read_preferences() or [] if row["rejected"]]
    assert len(kept) > 4
    data = tmp_path / "pairs.jsonl"
    rows = [{"prompt": f"{row['prompt']} {place}", "chosen": row["chosen"], "rejected": row["rejected"]} for place, row in enumerate(kept)]  # fmt: skip
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    arguments = (config, *model, f"data.path={data}", "data.heldout=3", "validation.num_prompts=0")
    path = tmp_path / "evaluation"
    result = cli("evaluate", *arguments, "--out", path)
    assert result.returncode == 0, result.stderr
    assert "3 held-out prompts, pairs of a better and a worse response" in result.stdout
    names = [metric["name"] for metric in RunDirectory(path).read_manifest()["heldout"]]
    assert names == ["pair_accuracy", "pair_loss", "pair_margin"]
    result = cli("evaluate", *arguments, "--suite", "other", "--out", tmp_path / "other")
    assert result.returncode == 2
    assert "makes a scorer, which answers no prompts" in result.stderr


@pytest.mark.slow
@pytest.mark.skipif(not PAIRS.is_file(), reason=f"{PAIRS} is not there")
def test_it_tells_better_answers_from_worse_ones_and_rewards_by_that(
    cli: Cli, tmp_path: Path
) -> None:
    with gzip.open(PAIRS, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    short = [row for row in rows if 2 * len(row["prompt"]) + len(row["chosen"]) + len(row["rejected"]) < 600]  # fmt: skip
    data = tmp_path / "pairs.jsonl"
    fields = ("prompt", "chosen", "rejected")
    data.write_text(
        "".join(json.dumps({name: row[name] for name in fields}) + "\n" for row in short),
        encoding="utf-8",
    )
    path = tmp_path / "scorer"
    result = cli(
        "train", *BUILTIN, "method=reward_model", f"data.path={data}", "data.heldout=254", "data.on_bad_row=skip", "training.steps=38",
        "training.learning_rate=3e-4", "method.max_response_tokens=96", "--out", path,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    changes = {change["name"]: change for change in RunDirectory(path).read_manifest()["heldout"]}
    assert changes["pair_accuracy"]["after"]["low"] > 0.5
    reward = f"reward={{type: preference_model, model: {path / 'final'}}}"
    result = cli(
        "train", *BUILTIN, "method=rlsr", reward, "data.path=builtin:instructions", "training.steps=2", "evaluation.enabled=false",
        "training.prompts_per_step=2", "method.max_response_tokens=48", "--out", tmp_path / "policy",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    for row in RunDirectory(tmp_path / "policy").read_metrics():
        assert row["reward/num_unscored"] == 0
        assert row["reward/group_std"] > 0
