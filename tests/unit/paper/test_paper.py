"""Every run of the paper composes, has the paper's settings, and is estimated."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsr.cli.paper import paper
from rlsr.config import load_config, load_stages
from rlsr.config.engine import VerlEngine
from rlsr.data import load_dataset
from rlsr.engines.verl.composition import Setup, verl_settings
from rlsr.engines.verl.exchange import Exchange
from rlsr.engines.verl.requirements import require_possible
from rlsr.errors import ConfigError
from rlsr.paper.estimate import (
    H100,
    SHAPES,
    USABLE,
    epoch_seconds,
    estimate,
    gb_each,
    writing_seconds,
)
from rlsr.paper.presets import LAYERS, all_presets, preset_named
from rlsr.processes import ALONE

ROOT = Path(__file__).parents[3]
SETUP = Setup(Exchange(Path("verl")), "a/policy", Path("checkpoints"), "cuda", 2048, 16384, 7, 64)


def test_there_is_every_choice_with_every_other() -> None:
    found = [preset.names for preset in all_presets()]
    assert len(found) == len(set(found)) == 36
    layers = {name for names in found for name in names} | {"paper"}
    assert {file.stem for file in LAYERS.glob("*.yaml")} == layers


@pytest.mark.parametrize("preset", all_presets(), ids=lambda preset: "+".join(preset.names))
def test_a_run_has_the_papers_settings(preset: object) -> None:
    config = preset.config()  # type: ignore[attr-defined]
    assert config == load_stages(preset.files), "as from the command line"  # type: ignore[attr-defined]
    recipe = preset.recipe  # type: ignore[attr-defined]
    assert [one.method.type for one in config.configs] == recipe.split("-")
    for one in config.configs:
        assert one.model.lora is None
        method = one.method
        assert (method.max_prompt_tokens, method.max_response_tokens) == (2048, 2048)
        if method.type == "sft":
            assert one.training.learning_rate == 3e-5
            continue
        assert (method.num_generations, method.kl_coefficient) == (8, 0.001)
        assert one.training.prompts_per_step == 1024
        assert 1e-6 <= one.training.learning_rate <= 3e-6
        assert one.reward.similarity.variant == "cosine"
        rule = one.reward.repetition
        assert (rule.min_characters, rule.min_reference_share, rule.penalty) == (100, 0.1, -1)


@pytest.mark.parametrize("preset", all_presets(), ids=lambda preset: "+".join(preset.names))
def test_verl_can_train_it(preset: object) -> None:
    for one in preset.config().configs:  # type: ignore[attr-defined]
        if one.method.type != "rlsr":
            continue
        engine = VerlEngine(nodes=4, gpus_per_node=8)
        config = one.model_copy(update={"engine": engine})
        require_possible(config, device="cuda", processes=ALONE)
        found = verl_settings(config, SETUP)
        assert found["data.train_batch_size"] == 1024
        assert found["actor_rollout_ref.actor.ppo_mini_batch_size"] == 256
        assert found["actor_rollout_ref.rollout.n"] == 8
        assert found["actor_rollout_ref.actor.kl_loss_coef"] == 0.001
        assert found["data.max_response_length"] == 2048


def test_examples_and_package_have_the_same_layers() -> None:
    shown = {file.name: file.resolve() for file in (ROOT / "examples/paper").glob("*.yaml")}
    assert shown == {file.name: file.resolve() for file in LAYERS.glob("*.yaml")}


def test_a_run_is_named_in_any_order_and_completely() -> None:
    assert preset_named(["sft", "sbert", "tulu", "qwen-7b"]).names == (
        "qwen-7b",
        "tulu",
        "sbert",
        "sft",
    )
    for names, message in (
        (["gpt"], "'gpt': must be one of llama-8b, "),
        (
            ["qwen-7b", "tulu", "sbert"],
            "recipe: one of sft, rlsr, sft-rlsr must be named, got none",
        ),
        (["qwen-7b", "qwen-32b", "tulu", "sbert", "sft"], "policy: .* got qwen-7b and qwen-32b"),
    ):
        with pytest.raises(ConfigError, match=message):
            preset_named(names)


def test_estimates_by_hand() -> None:
    sft = preset_named(["qwen-7b", "tulu", "sbert", "sft"]).config().configs[0]
    # 16 bytes a weight over 4 GPUs; 16,384 tokens x 28 layers x 3,584 x 2 bytes; a quarter of their logits at 10 bytes.
    by_hand = (16 * 7.62e9 / 4 + 16_384 * 28 * 3584 * 2 + 16_384 / 4 * 152_064 * 10) / 1e9
    assert gb_each(sft, 4) == pytest.approx(by_hand)
    # 8 operations a weight for 100,000 x 800 tokens at 40 % of 989 tera a second.
    assert epoch_seconds(sft, 4) == pytest.approx(8 * 7.62e9 * 8e7 / (4 * 989e12 * 0.4))
    # 128 side by side, 500 tokens each: all weights and 128 caches of 550 tokens are read for a token of each.
    shape = SHAPES["Qwen/Qwen2.5-7B"]
    read = 2 * 7.62e9 + 128 * 550 * 2 * 28 * 512 * 2
    assert writing_seconds(shape, 1280, 4, H100) == pytest.approx(10 * 500 * read / (4 * 3.35e12 * 0.6))  # fmt: skip


@given(st.sampled_from(all_presets()), st.integers(1, 64))
@settings(max_examples=20)
def test_more_gpus_never_take_more(preset: object, gpus: int) -> None:
    for one in preset.config().configs:  # type: ignore[attr-defined]
        assert gb_each(one, 2 * gpus) <= gb_each(one, gpus)
        assert epoch_seconds(one, 2 * gpus) == pytest.approx(epoch_seconds(one, gpus) / 2)


def test_what_is_estimated_fits_and_fewer_would_not() -> None:
    for preset in all_presets():
        config, found = preset.config(), estimate(preset.config())
        most = USABLE * H100.memory_gb
        assert found.gb_each <= most
        fewer = max((count for count in (1, 2, 4, *range(8, found.gpus, 8)) if count < found.gpus), default=0)  # fmt: skip
        if fewer:
            assert max(gb_each(one, fewer) for one in config.configs) > most


@pytest.mark.parametrize(
    ("name", "row", "messages", "reference"),
    [
        (
            "tulu",
            {
                "id": "ai2-adapt-dev/oasst1_4921",
                "messages": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}],
                "source": "ai2-adapt-dev/oasst1_converted",
            },
            1,
            "So.",
        ),
        (
            "infinity",
            {
                "id": 7,
                "conversations": [
                    {"from": "system", "value": "Be brief."},
                    {"from": "human", "value": "Why?"},
                    {"from": "gpt", "value": "So."},
                    {"from": "human", "value": "How?"},
                    {"from": "gpt", "value": "Thus."},
                ],
                "label": {"ability_en": ["reasoning"], "ability_zh": [], "cate_ability_en": [], "cate_ability_zh": []},
                "langdetect": "en",
                "source": "code_exercises",
            },
            4,
            "Thus.",
        ),
    ],
)  # fmt: skip
def test_rows_of_their_shape_are_recognised_with_or_without_the_layout_being_named(
    name: str, row: object, messages: int, reference: str, tmp_path: Path
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(f"{json.dumps(row)}\n", encoding="utf-8")
    named = [f"data.path={file}", "data.heldout=0"]
    for layers in ([LAYERS / f"{name}.yaml"], []):
        dataset = load_dataset(load_config(layers, named).data)
        (record,) = dataset.train
        assert (len(record.messages), record.reference) == (messages, reference)


def test_a_run_is_written_as_one_config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "mine.yaml"
    names = ["qwen-7b", "infinity", "sbert", "sft-rlsr"]
    paper(names, out)
    assert f"rlsr train {out}" in capsys.readouterr().out
    assert load_stages([out]) == preset_named(names).config()
    with pytest.raises(ConfigError, match="is there already"):
        paper(names, out)
    with pytest.raises(ConfigError, match="a run must be named"):
        paper([], out)
    paper(names, None)
    assert capsys.readouterr().out == out.read_text(encoding="utf-8")


def test_runs_are_listed_as_estimates(capsys: pytest.CaptureFixture[str]) -> None:
    paper([], None)
    listed = capsys.readouterr().out
    assert listed.count("qwen-32b") == 12
    assert "estimates, and not measured" in listed


def test_a_step_is_predicted_by_number_of_gpus(capsys: pytest.CaptureFixture[str]) -> None:
    names = ["qwen-32b", "infinity", "qwen-embedding", "rlsr"]
    paper(names, None, scale=True)
    shown = capsys.readouterr().out
    sizes = [line.split()[0] for line in shown.splitlines()[1:8]]
    assert sizes == ["16", "32", "64", "128", "256", "512", "1024"]
    assert "predicted and not measured" in shown
    assert "from 256 GPUs on more than half of each is idle" in shown
    for wrong, out, message in (
        ([], None, "--scale: a run must be named"),
        (names, Path("x.yaml"), "--scale writes no config, got --out x.yaml"),
        ([*names[:3], "sft"], None, "predicts steps with rollouts, and .* sft has none"),
    ):
        with pytest.raises(ConfigError, match=message):
            paper(wrong, out, scale=True)
