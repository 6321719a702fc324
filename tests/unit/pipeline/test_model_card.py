"""The README beside a trained model."""

from pathlib import Path

import pytest
import yaml

import rlsr
from rlsr.config import RunConfig, load_config
from rlsr.evaluation import MetricChange
from rlsr.pipeline.model_card import model_card, write_model_card
from rlsr.statistics import Estimate
from rlsr.statistics.in_words import too_few

NAN = float("nan")

CHANGES = [
    MetricChange(
        "similarity",
        Estimate(0.5, 0.45, 0.5512, 64),
        Estimate(0.6, 0.55, 0.65, 64),
        Estimate(0.1, -0.0504, 0.15, 64),
        is_primary=True,
        confidence=0.95,
    ),
    MetricChange(
        "cut",
        Estimate(0.25, 0.2, 0.3, 64),
        Estimate(0.0, 0.0, 0.0, 64),
        Estimate(-0.25, -0.3, -0.2, 64),
    ),
]


def config(*overrides: str) -> RunConfig:
    return load_config(overrides=["training.steps=40", *overrides])


def front_matter(card: str) -> dict[str, object]:
    assert card.startswith("---\n")
    table = yaml.safe_load(card.split("---\n", maxsplit=2)[1])
    assert isinstance(table, dict)
    return table


def code_of(card: str) -> str:
    return card.split("```python\n", maxsplit=1)[1].split("```", maxsplit=1)[0]


def test_the_card_lies_beside_the_model_and_loads_it_by_its_directory(tmp_path: Path) -> None:
    directory = tmp_path / "final"
    directory.mkdir()
    file = write_model_card(directory, config(), CHANGES, 10)
    assert file == directory / "README.md"
    assert file.read_text(encoding="utf-8") == model_card("final", config(), CHANGES, 10)


def test_adapters_and_whole_models_are_loaded_in_their_own_way() -> None:
    adapter, whole = (
        model_card("out", config("model=org/base"), [], 10),
        model_card("out", config("model.lora=null"), [], 10),
    )
    assert front_matter(adapter)["library_name"] == "peft"
    assert 'AutoPeftModelForCausalLM.from_pretrained("out")' in adapter
    assert "LoRA adapters trained by rlsr" in adapter
    assert front_matter(whole)["library_name"] == "transformers"
    assert ' AutoModelForCausalLM.from_pretrained("out")' in whole
    # Nobody else has a built-in policy under its name, also not after an earlier stage on it.
    builtin = model_card("out", config(), [], 10)
    assert 'PeftModel.from_pretrained(base, "out")' in builtin
    later = model_card("out", config("model=runs/1-sft/final"), [], 10, base="builtin:smollm2-135m")
    assert 'PeftModel.from_pretrained(base, "out")' in later
    assert "base_model" not in front_matter(later)
    assert "All weights trained by rlsr" in whole
    for card in (adapter, whole):
        compile(code_of(card), "card", "exec")
        assert front_matter(card)["tags"] == ["rlsr", "grpo"]


def test_the_base_model_is_named_where_the_hub_knows_it() -> None:
    assert (
        front_matter(model_card("out", config("model=org/base"), [], 10))["base_model"]
        == "org/base"
    )
    assert "base_model" not in front_matter(model_card("out", config(), [], 10))


def test_the_card_says_how_the_model_was_trained() -> None:
    card = model_card(
        "out",
        config(
            "model=org/base", "data=mine.jsonl", "embedding=org/encoder", "training.steps=123",
            "method.num_generations=5", "training.prompts_per_step=7", "method.kl_coefficient=0.25",
            "training.learning_rate=3e-5",
        ),
        [],
        120,
    )  # fmt: skip
    assert "# org/base after RLSR (arXiv 2510.14200)\n" in card
    for fact in (
        f"rlsr {rlsr.__version__}",
        "on mine.jsonl",
        "5 responses to each prompt",
        "120 steps of 7 prompts",
        "similarity (blend, org/encoder)",
        "learning rate 3e-05",
        "KL coefficient 0.25",
    ):
        assert fact in card


def test_the_card_names_the_subset_that_was_learned_from() -> None:
    card = model_card("out", config("method.update_subset=3"), [], 10)
    assert "GRPO on the 3 whose rewards vary most (KL" in card
    assert "GRPO (KL" in model_card("out", config(), [], 10)


def test_held_out_metrics_stand_in_a_table_with_their_intervals() -> None:
    card = model_card("out", config("evaluation.confidence=0.9"), CHANGES, 10)
    assert (
        "Greedy responses to 64 prompts that were not trained on; 90% bootstrap intervals over prompts, of differences 95% ones; "
        "readings are of the primary metrics (similarity by the reward's encoder); other differences"
        in card
    )
    assert [line for line in card.splitlines() if line.startswith("|")] == [
        "| metric | before | after | difference | reading |",
        "|---|---|---|---|---|",
        "| similarity by the reward's encoder | 0.500 [0.450, 0.551] | 0.600 [0.550, 0.650] | +0.100 [-0.050, +0.150] | no difference shown |",
        "| share cut at the maximum length | 0.250 [0.200, 0.300] | 0.000 [0.000, 0.000] | -0.250 [-0.300, -0.200] |  |",
    ]


def test_the_card_marks_what_the_reward_has_and_writes_each_metric_with_its_digits() -> None:
    overlap = [
        MetricChange(
            "chrf",
            Estimate(20.25, 19.5, 21.04, 64),
            Estimate(20.25, 19.5, 21.04, 64),
            Estimate(0.26, -1.0, 1.5, 64),
            in_reward=True,
        )
    ]
    assert "| chrF (in the reward) | 20.2 [19.5, 21.0] | 20.2 [19.5, 21.0] | +0.3 [-1.0, +1.5] |  |" in model_card(
        "out", config(), overlap, 10
    )  # fmt: skip


def test_without_an_evaluation_the_card_says_so() -> None:
    card = model_card("out", config(), [], 10)
    assert "No held-out evaluation was made." in card
    assert "|" not in card


@pytest.mark.parametrize(("confidence", "text"), [("0.975", "97.5%"), ("0.995", "99.5%")])
def test_the_level_of_the_intervals_is_not_rounded(confidence: str, text: str) -> None:
    card = model_card("out", config(f"evaluation.confidence={confidence}"), CHANGES, 10)
    assert f"{text} bootstrap intervals" in card


@pytest.mark.parametrize(
    ("method", "title", "tag", "words"),
    [
        (
            "sgrpo",
            "S-GRPO (arXiv 2512.14100)",
            "grpo",
            "GRPO (KL coefficient 0.001) with a supervised term on the references (nll, weight 0.125), 10 steps",
        ),
        (
            "{type: sgrpo, label_loss: ratio_clip, label_weight: 2, label_schedule: cosine}",
            "S-GRPO (arXiv 2512.14100)",
            "grpo",
            "term on the references (ratio_clip, weight 2, cosine to 0), 10 steps",
        ),
        (
            "{type: sgrpo, label_in_group: true}",
            "S-GRPO (arXiv 2512.14100)",
            "grpo",
            "0.001) with the references as responses of their groups and a supervised term on the references (nll, weight 0.125), 10",
        ),
        (
            "{type: sgrpo, num_generations: 2, prefix_ratios: [0, 0.5], label_weight: 0}",
            "S-GRPO (arXiv 2512.14100)",
            "grpo",
            "with prefixes of the references given to the responses (shares 0, 0.5), 10 steps",
        ),
        (
            "{type: sgrpo, label_in_group: true, label_weight: 0}",
            "S-GRPO (arXiv 2512.14100)",
            "grpo",
            "GRPO (KL coefficient 0.001) with the references as responses of their groups, 10 steps",
        ),
        (
            "{type: sgrpo, label_weight: 0}",
            "S-GRPO (arXiv 2512.14100)",
            "grpo",
            "GRPO (KL coefficient 0.001), 10 steps",
        ),
        (
            "{type: rank, num_generations: 3, margin: 0.1}",
            "BRIO ranking (arXiv 2203.16804)",
            "brio",
            "likelier, and the better of 3 responses to each prompt likelier than the worse, ranked by",
        ),
        (
            "rlpt",
            "RLPT (arXiv 2509.19249)",
            "grpo",
            "the next sentence of the references, which were given up to it: 8 responses to each prompt",
        ),
        (
            "osft",
            "online SFT (arXiv 2510.18814)",
            "osft",
            "4 of the policy's own responses to each prompt made likelier, drawn at a temperature of 0.6 and chosen by no reward",
        ),
        (
            "raft",
            "RAFT (arXiv 2304.06767)",
            "raft",
            "the best of 8 responses to each prompt by ",
        ),
        ("sft", "SFT", "sft", "the references' tokens made likelier, 10 steps"),
        ("dft", "DFT (arXiv 2508.05629)", "sft", "weighted as in DFT"),
        ("iw_sft", "iw-SFT (arXiv 2507.12856)", "sft", "weighted as in iw-SFT"),
        ("pear", "PEAR (arXiv 2602.01058)", "sft", "weighted as in PEAR"),
        (
            "ift",
            "IFT (arXiv 2405.11870)",
            "sft",
            "as in IFT (arXiv 2405.11870), behind inputs of which 0.2 is the",
        ),
        ("dpo", "DPO (arXiv 2305.18290)", "dpo", "DPO (beta 0.1)"),
        (
            "{type: reward_model, centering: 0.01}",
            "Bradley-Terry reward model (arXiv 2203.02155)",
            "reward-trainer",
            "merged into the weights, and a head trained by rlsr",
        ),
    ],
)
def test_every_method_has_its_words(method: str, title: str, tag: str, words: str) -> None:
    card = model_card("out", config("model=org/base", f"method={method}"), [], 10)
    assert f"# org/base after {title}\n" in card
    assert front_matter(card)["tags"] == ["rlsr", tag]
    assert words in card


def test_a_card_on_one_prompt_has_numbers_and_says_why_there_is_no_interval() -> None:
    alone = MetricChange(
        "chrf", Estimate(20.0, NAN, NAN, 1), Estimate(21.0, NAN, NAN, 1), Estimate(1.0, NAN, NAN, 1),
        is_primary=True, confidence=0.95,
    )  # fmt: skip
    card = model_card("out", config(), [alone], 10)
    assert "| chrF | 20.0 (no interval) | 21.0 (no interval) | +1.0 (no interval) |  |" in card
    assert f"that were not trained on; {too_few(1, 'prompts')}." in card
    assert "nan" not in card
