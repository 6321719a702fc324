"""The mean of the weights of several runs: what is written, and which models have none."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from rlsr.cli.commands import app
from rlsr.config.model import ModelConfig
from rlsr.errors import ConfigError, ModelError, RlsrError, RunError
from rlsr.export.average import plan_average, write_average
from rlsr.models.load import load_policy
from rlsr.models.weight_files import Dtype
from rlsr.runs.checksums import write_checksums
from small_runs import write_run

WEIGHTS = "model.safetensors"
ADAPTERS = "adapter_model.safetensors"


def variant(model: Path, path: Path, seed: int, scale: float = 0.01) -> Path:
    """Copy a model and move all weights a little, each by its own length."""
    shutil.copytree(model, path)
    generator = torch.Generator().manual_seed(seed)
    weights = {
        name: weight + scale * weight.std(correction=0) * torch.randn(weight.shape, generator=generator)
        for name, weight in load_file(model / WEIGHTS).items()
    }  # fmt: skip
    save_file(weights, path / WEIGHTS, metadata={"format": "pt"})
    (path / "checksums.json").unlink(missing_ok=True)
    return path


@pytest.fixture(scope="module")
def models(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    directory = tmp_path_factory.mktemp("models")
    return [variant(tiny_model, directory / f"seed-{seed}", seed) for seed in range(3)]


def average(
    paths: Sequence[Path],
    target: Path,
    dtype: Dtype | None = None,
    *,
    merge: bool = False,
    scale: float = 1.0,
) -> tuple[float, ...]:
    plan = plan_average(paths, target, merge=merge, dtype=dtype, overwrite=False, scale=scale)
    return write_average(plan)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(0, 2), min_size=2, max_size=3, unique=True))
def test_every_weight_is_the_mean(
    models: list[Path], tmp_path_factory: pytest.TempPathFactory, chosen: list[int]
) -> None:
    target = tmp_path_factory.mktemp("mean") / "mean"
    paths = [models[place] for place in chosen]
    apart = average(paths, target)
    found, all_weights = load_file(target / WEIGHTS), [load_file(path / WEIGHTS) for path in paths]
    assert found.keys() == all_weights[0].keys()
    for name, weight in found.items():
        expected = np.mean([weights[name].double().numpy() for weights in all_weights], axis=0)
        np.testing.assert_allclose(weight.double().numpy(), expected, rtol=1e-5, atol=1e-8)
    vectors = [np.concatenate([w.double().numpy().ravel() for w in weights.values() if w.ndim > 1]) for weights in all_weights]  # fmt: skip
    expected_apart = [np.linalg.norm(one - vectors[0]) / np.linalg.norm(vectors[0]) for one in vectors]  # fmt: skip
    assert apart == pytest.approx(expected_apart, rel=1e-4)


def test_a_mean_of_equal_weights_is_what_they_are(models: list[Path], tmp_path: Path) -> None:
    same = shutil.copytree(models[0], tmp_path / "same")
    assert average([models[0], same], tmp_path / "mean") == (0.0, 0.0)
    before, after = (load_file(path / WEIGHTS) for path in (models[0], tmp_path / "mean"))
    assert all(torch.equal(after[name], weight) for name, weight in before.items())


def test_it_is_rounded_once(models: list[Path], tmp_path: Path) -> None:
    average(models, tmp_path / "exact")
    average(models, tmp_path / "rounded", "bfloat16")
    exact, rounded = (load_file(tmp_path / name / WEIGHTS) for name in ("exact", "rounded"))
    assert all(torch.equal(rounded[name], exact[name].bfloat16()) for name in exact)
    config = json.loads((tmp_path / "rounded" / "config.json").read_text(encoding="utf-8"))
    assert config["dtype"] == "bfloat16"


def test_models_in_several_files_are_read_by_name(models: list[Path], tmp_path: Path) -> None:
    sharded = tmp_path / "sharded"
    shutil.copytree(models[1], sharded)
    weights = load_file(sharded / WEIGHTS)
    (sharded / WEIGHTS).unlink()
    names = sorted(weights)
    for place, part in enumerate((names[::2], names[1::2]), start=1):
        own = {name: weights[name] for name in part}
        save_file(own, sharded / f"model-0000{place}-of-00002.safetensors", metadata={"format": "pt"})  # fmt: skip
    for name, paths in (("whole", [models[0], models[1]]), ("first", [models[0], sharded]), ("parts", [sharded, models[0]])):  # fmt: skip
        average(paths, tmp_path / name)
    expected = load_file(tmp_path / "whole" / WEIGHTS)
    for name in ("first", "parts"):
        found: dict[str, torch.Tensor] = {}
        for file in (tmp_path / name).glob("*.safetensors"):
            found |= load_file(file)
        assert all(torch.equal(found[key], expected[key]) for key in expected)


def test_runs_are_taken_by_their_models_and_the_mean_answers(
    tiny_model: Path, models: list[Path], tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    runs = [write_run(tmp_path / f"run-{place}", model).path for place, model in enumerate(models)]
    target = tmp_path / "mean"
    result = CliRunner().invoke(app, ["average", *map(str, runs), "--to", str(target)], catch_exceptions=False)  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "mean of 3 models" in result.output
    assert f"rlsr evaluate {runs[0]} {target}" in " ".join(result.output.split())
    model, tokenizer = (kind.from_pretrained(target) for kind in (AutoModelForCausalLM, AutoTokenizer))  # fmt: skip
    prompt = tokenizer("the cat sat on", return_tensors="pt")
    assert torch.isfinite(model(**prompt).logits).all()
    card = (target / "README.md").read_text(encoding="utf-8")
    assert "- run-0\n- run-1\n- run-2" in card
    assert str(tmp_path) not in card
    again = CliRunner().invoke(app, ["average", *map(str, runs), "--to", str(target), "--overwrite"], catch_exceptions=False)  # fmt: skip
    assert again.exit_code == 0, again.output


def test_a_run_and_its_own_checkpoints_have_a_mean_whose_card_names_them(
    models: list[Path], tmp_path: Path
) -> None:
    run = write_run(tmp_path / "run", models[0]).path
    checkpoint = shutil.copytree(models[1], run / "checkpoints" / "checkpoint-2")
    average([run, checkpoint], tmp_path / "mean")
    first, second, found = (load_file(path / WEIGHTS) for path in (models[0], checkpoint, tmp_path / "mean"))  # fmt: skip
    for name, weight in found.items():
        torch.testing.assert_close(weight, (first[name] + second[name]) / 2)
    card = (tmp_path / "mean" / "README.md").read_text(encoding="utf-8")
    assert "- run\n- run/checkpoints/checkpoint-2\n" in card
    assert str(tmp_path) not in card


def test_what_has_no_mean_is_refused_and_nothing_is_written(
    tiny_model: Path, models: list[Path], tmp_path: Path
) -> None:
    wider = shutil.copytree(models[0], tmp_path / "wider")
    weights = load_file(wider / WEIGHTS)
    name = next(iter(weights))
    weights[name] = torch.cat([weights[name], weights[name]])
    save_file(weights, wider / WEIGHTS, metadata={"format": "pt"})
    speaks_otherwise = shutil.copytree(models[1], tmp_path / "otherwise")
    with (speaks_otherwise / "tokenizer.json").open("a", encoding="utf-8") as file:
        file.write("\n")
    stranger = variant(tiny_model, tmp_path / "stranger", 7, scale=2.0)
    with_adapters = write_run(tmp_path / "adapted", tiny_model, rank=2).path
    damaged = write_run(tmp_path / "damaged", models[1]).path
    with (damaged / "final" / WEIGHTS).open("r+b") as file:
        file.seek(-4, 2)
        file.write(b"....")
    first, second, target = models[0], models[1], tmp_path / "mean"
    cases: list[tuple[list[Path], type[RlsrError], str]] = [
        ([first], ConfigError, "two models or more"),
        ([first, first / ".." / first.name], ConfigError, "each named once"),
        ([first, tmp_path / "nowhere"], ConfigError, "nothing that is there"),
        ([first, tmp_path], ConfigError, "another directory"),
        ([first, with_adapters], ModelError, "--merge"),
        ([first, wider], ModelError, "must have the weights of"),
        ([first, speaks_otherwise], ModelError, "must have the tokenizer of"),
        ([first, stranger], ModelError, "not trained from the same model"),
        ([first, damaged], ModelError, "damaged"),
    ]
    for paths, kind, words in cases:
        with pytest.raises(kind, match=words):
            average(paths, target)
        assert not target.exists()
    with pytest.raises(ConfigError, match="must lie outside"):
        average([first, second], first / "mean")
    target.mkdir()
    (target / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(RunError, match="--to"):
        average([first, second], target)


def adapted(model: Path, path: Path, seed: int, rank: int = 2) -> Path:
    """Write a run that has left adapters with weights of their own."""
    run = write_run(path, model, rank=rank)
    file = run.final / ADAPTERS
    generator = torch.Generator().manual_seed(seed)
    weights = {
        name: torch.randn(weight.shape, generator=generator) / 8
        for name, weight in load_file(file).items()
    }
    save_file(weights, file, metadata={"format": "pt"})
    write_checksums(run.final, "*.safetensors")
    return path


@pytest.fixture(scope="module")
def adapters(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    directory = tmp_path_factory.mktemp("adapters")
    return [adapted(tiny_model, directory / f"seed-{seed}", seed) for seed in range(3)]


def whole_weights(model: Path) -> dict[str, torch.Tensor]:
    """Load a model, or the one that adapters stand on with these merged into it by PEFT."""
    policy = load_policy(ModelConfig(name=str(model), dtype="float32"), "cpu").model
    if hasattr(policy, "peft_config"):
        policy = policy.merge_and_unload()
    return {name: weight.detach().double() for name, weight in policy.named_parameters()}


def test_the_mean_of_adapters_adds_the_mean_of_what_each_adds(
    tiny_model: Path, adapters: list[Path], tmp_path: Path
) -> None:
    apart = average(adapters, tmp_path / "mean")
    config = json.loads((tmp_path / "mean" / "adapter_config.json").read_text(encoding="utf-8"))
    assert (config["r"], config["lora_alpha"]) == (6, 32)
    base, found = whole_weights(tiny_model), whole_weights(tmp_path / "mean")
    merged = [whole_weights(path / "final") for path in adapters]
    assert found.keys() == base.keys()
    changed = [name for name in base if not torch.equal(merged[0][name], base[name])]
    assert len(changed) > 4
    for name, weight in found.items():
        expected = torch.stack([weights[name] for weights in merged]).mean(0)
        torch.testing.assert_close(weight, expected, rtol=1e-4, atol=1e-5)
    changes = [
        torch.cat([(weights[name] - base[name]).ravel() for name in changed]) for weights in merged
    ]
    lengths = [float((one - changes[0]).norm() / changes[0].norm()) for one in changes]
    assert apart == pytest.approx(lengths, rel=1e-4, abs=1e-6)


def test_the_mean_of_adapters_is_merged_where_it_is_asked_for(
    adapters: list[Path], tmp_path: Path
) -> None:
    average(adapters, tmp_path / "adapters")
    target = tmp_path / "whole"
    args = ["average", *map(str, adapters), "--to", str(target), "--merge", "--dtype", "bfloat16"]
    result = CliRunner().invoke(app, args, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "of the length of its change away" in result.output
    assert not (target / "adapter_config.json").exists()
    assert not [path for path in target.iterdir() if path.is_dir()]
    expected = whole_weights(tmp_path / "adapters")
    for name, weight in whole_weights(target).items():
        assert torch.equal(weight, expected[name].bfloat16().double()), name
    assert "changes that the adapters make, merged," in (target / "README.md").read_text(encoding="utf-8")  # fmt: skip


def test_adapters_that_have_no_mean_as_adapters_are_refused(
    tiny_model: Path, adapters: list[Path], tmp_path: Path
) -> None:
    def changed(name: str, **settings: object) -> Path:
        path = shutil.copytree(adapters[1] / "final", tmp_path / name)
        file = path / "adapter_config.json"
        table = {**json.loads(file.read_text(encoding="utf-8")), **settings}
        file.write_text(json.dumps(table), encoding="utf-8")
        return path

    with_head = changed("with-head")
    weights = load_file(with_head / ADAPTERS)
    save_file({**weights, "base_model.model.lm_head.weight": torch.zeros(2, 2)}, with_head / ADAPTERS, metadata={"format": "pt"})  # fmt: skip
    (with_head / "checksums.json").unlink()
    elsewhere = variant(tiny_model, tmp_path / "elsewhere", 5)
    cases = [
        (changed("alpha", lora_alpha=16), "must have the lora_alpha of"),
        (changed("base", base_model_name_or_path=str(elsewhere)), "must have the base_model_name_or_path of"),
        (changed("rslora", use_rslora=True), "must have plain LoRA.*use_rslora"),
        (with_head, "must have plain LoRA.*lm_head"),
        (adapted(tiny_model, tmp_path / "wider", 4, rank=3), "must have the weights of"),
    ]  # fmt: skip
    for path, words in cases:
        with pytest.raises(ModelError, match=words):
            average([adapters[0], path], tmp_path / "mean")
    assert not (tmp_path / "mean").exists()


def test_ranks_of_single_layers_grow_with_the_others(tiny_model: Path, tmp_path: Path) -> None:
    paths = [adapted(tiny_model, tmp_path / f"run-{seed}", seed) for seed in (0, 1)]
    for path in paths:
        file = path / "final" / "adapter_config.json"
        table = {**json.loads(file.read_text(encoding="utf-8")), "rank_pattern": {"q_proj": 1}}
        file.write_text(json.dumps(table), encoding="utf-8")
        weights = load_file(path / "final" / ADAPTERS)
        for name in weights:
            if "q_proj" in name:
                part = weights[name][:1] if "lora_A" in name else weights[name][:, :1]
                weights[name] = part.contiguous()
        save_file(weights, path / "final" / ADAPTERS, metadata={"format": "pt"})
        write_checksums(path / "final", "*.safetensors")
    average(paths, tmp_path / "mean")
    merged = [whole_weights(path / "final") for path in paths]
    for name, weight in whole_weights(tmp_path / "mean").items():
        torch.testing.assert_close(weight, (merged[0][name] + merged[1][name]) / 2, rtol=1e-4, atol=1e-5)  # fmt: skip


def gone_on(start: Path, path: Path, run: Path) -> Path:
    """Copy a run that says that it began with what another has left."""
    shutil.copytree(run, path)
    file = path / "config.json"
    table = json.loads(file.read_text(encoding="utf-8"))
    table["model"]["name"] = str(start / "final")
    file.write_text(json.dumps(table), encoding="utf-8")
    return path


@settings(max_examples=8, deadline=None)
@given(st.floats(0.1, 4.0))
def test_a_scaled_mean_lies_on_the_line_from_what_the_runs_began_with(
    tiny_model: Path, models: list[Path], tmp_path_factory: pytest.TempPathFactory, scale: float
) -> None:
    place = tmp_path_factory.mktemp("scaled")
    starts = [write_run(place / f"sft-{number}", variant(models[number], place / str(number), 9 + number)).path for number in (0, 1)]  # fmt: skip
    ends = [gone_on(start, place / f"rlsr-{number}", write_run(place / f"own-{number}", models[number]).path) for number, start in enumerate(starts)]  # fmt: skip
    average(ends, place / "scaled", scale=scale)
    average(starts, place / "before")
    average(ends, place / "after")
    found, before, after = (load_file(place / name / WEIGHTS) for name in ("scaled", "before", "after"))  # fmt: skip
    for name, weight in found.items():
        expected = before[name].double() + scale * (after[name].double() - before[name].double())
        torch.testing.assert_close(weight.double(), expected, rtol=1e-4, atol=1e-6)
    assert f"scaled by {scale:g}" in (place / "scaled" / "README.md").read_text(encoding="utf-8")
    assert "scaled" not in (place / "after" / "README.md").read_text(encoding="utf-8")


def test_runs_that_were_moved_are_scaled_from_what_stands_beside_them(
    models: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "old").mkdir()
    sft = write_run(tmp_path / "old" / "1-sft", models[2]).path
    for number in (0, 1):
        gone_on(sft, tmp_path / "old" / f"rlsr-{number}", write_run(tmp_path / f"own-{number}", models[number]).path)  # fmt: skip
    (tmp_path / "old").rename(tmp_path / "new")
    args = ["average", *(str(tmp_path / "new" / f"rlsr-{number}") for number in (0, 1)), "--to", str(tmp_path / "mean"), "--scale", "2"]  # fmt: skip
    result = CliRunner().invoke(app, args, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "2 times as far from what they began with" in " ".join(result.output.split())
    found, start, *ends = (load_file(path / WEIGHTS) for path in (tmp_path / "mean", models[2], *models[:2]))  # fmt: skip
    for name, weight in found.items():
        torch.testing.assert_close(weight, ends[0][name] + ends[1][name] - start[name])


@pytest.mark.parametrize("began_as_adapters", [True, False])
def test_the_mean_of_adapters_is_scaled_in_what_they_add(
    tiny_model: Path, adapters: list[Path], tmp_path: Path, *, began_as_adapters: bool
) -> None:
    start = adapted(tiny_model, tmp_path / "sft", 7)
    ends = [gone_on(start, tmp_path / f"rlsr-{place}", path) for place, path in enumerate(adapters)]
    average(ends if began_as_adapters else adapters, tmp_path / "scaled", scale=1.5)
    before = whole_weights(start / "final" if began_as_adapters else tiny_model)
    merged = [whole_weights(path / "final") for path in adapters]
    for name, weight in whole_weights(tmp_path / "scaled").items():
        mean = torch.stack([weights[name] for weights in merged]).mean(0)
        expected = before[name] + 1.5 * (mean - before[name])
        torch.testing.assert_close(weight, expected, rtol=1e-4, atol=1e-4)


def test_what_cannot_be_scaled_is_refused_and_nothing_is_written(
    tiny_model: Path, models: list[Path], tmp_path: Path
) -> None:
    by_name = gone_on(tmp_path / "nowhere", tmp_path / "by-name", write_run(tmp_path / "own", models[0]).path)  # fmt: skip
    other = write_run(tmp_path / "other", models[1]).path
    stranger = write_run(tmp_path / "stranger", variant(tiny_model, tmp_path / "far", 7, scale=2.0))
    from_stranger = gone_on(stranger.path, tmp_path / "from-stranger", other)
    lost = gone_on(tmp_path / "nowhere", tmp_path / "lost", adapted(tiny_model, tmp_path / "adapters", 1))  # fmt: skip
    cases: list[tuple[list[Path], float, type[RlsrError], str]] = [
        (
            [lost, tmp_path / "adapters"],
            2.0,
            ConfigError,
            "needs the weights that .*lost began with",
        ),
        ([other, models[0]], 2.0, ConfigError, "a model and no run"),
        ([other, by_name], 2.0, ConfigError, "needs the weights that .* began with in a directory"),
        ([other, from_stranger], 2.0, ModelError, "not trained from the same model"),
        ([other, models[0]], 0.0, ConfigError, "must be a number above 0, got 0; 1 is the mean"),
        ([other, models[0]], float("nan"), ConfigError, "must be a number above 0"),
    ]
    for paths, scale, kind, words in cases:
        with pytest.raises(kind, match=words):
            average(paths, tmp_path / "mean", scale=scale)
        assert not (tmp_path / "mean").exists()
