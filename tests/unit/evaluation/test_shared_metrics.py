"""Which metrics mean the same for every recipe, and which a reward has seen."""

from typing import Any

import pytest

from rlsr.config import RunConfig, config_from_table
from rlsr.evaluation.metrics import (
    BUILT_IN,
    SharedMetric,
    in_reward,
    metric_scorers,
    primary_metrics,
    shared_metrics,
)

NO_ENCODER = {"evaluation": {"independent_embedding": None}}


def config(**table: Any) -> RunConfig:
    return config_from_table(table)


def names(*configs: RunConfig) -> list[str]:
    return [metric.name for metric in shared_metrics(configs)]


ALL = ["reward", "similarity", "independent_similarity", "chrf", "bleu", "length_ratio", "repetition", "cut"]  # fmt: skip
OF_SCORERS = {"pair_accuracy", "pair_loss", "pair_margin"}
OF_FORMULAS = {"logic", "parsed", "equivalent"}


def test_equal_configs_share_all_metrics_in_the_order_of_an_evaluation() -> None:
    assert names(config(), config(method="sft")) == ALL
    assert names(config(**NO_ENCODER)) == [name for name in ALL if name != "independent_similarity"]
    further = {"exact_match", "distinct_1", "distinct_2"}
    assert set(ALL) | OF_FORMULAS | OF_SCORERS | {"reference_nll"} | further == set(BUILT_IN)
    both = config(evaluation={"further_metrics": ["distinct", "exact_match"]})
    assert set(names(both)) == {*ALL, *further}
    assert set(names(config(method="reward_model"))) == OF_SCORERS
    assert names(config(evaluation={"likelihood": True})) == [*ALL, "reference_nll"]
    formulas = names(config(reward="logic"))
    assert formulas[:4] == ["reward", "logic", "parsed", "equivalent"]
    assert set(formulas) == set(ALL) - {"similarity"} | OF_FORMULAS


def test_who_reads_other_formulas_shares_no_score_of_them() -> None:
    narrow = {"type": "logic", "limits": {"max_depth": 5}}
    shared = names(config(reward="logic"), config(reward=narrow))
    assert not {"reward", *OF_FORMULAS} & set(shared)
    assert {"parsed", "equivalent"} <= set(
        names(config(reward="logic"), config(reward={"type": "logic", "variant": "le"}))
    )


TRANSLATOR = {"name": "org/translator"}


@pytest.mark.parametrize(
    ("change", "is_same"),
    [
        ({"batch_size": 2}, True),
        ({"name": "org/other"}, False),
        ({"prompt": "FOL of {text}"}, False),
    ],
)
def test_who_reads_other_translations_shares_no_score_of_them(
    change: dict[str, Any], is_same: bool
) -> None:
    one = config(reward={"type": "logic", "translator": TRANSLATOR})
    other = config(reward={"type": "logic", "translator": {**TRANSLATOR, **change}})
    assert ({"reward", *OF_FORMULAS} <= set(names(one, other))) == is_same
    assert not {"reward", *OF_FORMULAS} & set(names(one, config(reward="logic")))


def test_a_default_is_what_it_stands_for() -> None:
    lowest = config(reward={"type": "logic", "unparsable": "lowest"})
    assert "reward" in names(config(reward="logic"), lowest)
    translated = {"type": "logic", "translator": TRANSLATOR}
    lowest = config(reward={**translated, "unparsable": "lowest"})
    assert "reward" not in names(config(reward=translated), lowest)


def in_order(value: object) -> str:
    """Name a case: two processes list a set in different orders."""
    return str(sorted(value) if isinstance(value, set) else value)


@pytest.mark.parametrize(
    ("table", "missing"),
    [
        ({"method": "rlsr", "training": {"learning_rate": 1.0}, "model": "other"}, set()),
        ({"reward": {"repetition": {"enabled": False}}}, set()),
        ({"reward": {"empty_score": 0.0}}, set()),
        ({"reward": {"repetition": {"min_characters": 5}}}, {"repetition"}),
        ({"reward": {"similarity": {"variant": "cosine"}}}, {"reward"}),
        ({"reward": {"text": "prompt_and_response"}}, {"reward", "similarity"}),
        ({"embedding": "builtin:minilm"}, {"reward", "similarity", "independent_similarity"}),
        ({"reward": "logic"}, {"reward", "similarity"}),
        (NO_ENCODER, {"independent_similarity"}),
    ],
    ids=in_order,
)
def test_what_is_scored_otherwise_is_not_shared(table: dict[str, Any], missing: set[str]) -> None:
    assert names(config(), config(**table)) == [name for name in ALL if name not in missing]


def test_without_an_evaluation_nothing_is_shared() -> None:
    off = config(evaluation={"enabled": False})
    assert metric_scorers(off) == {}
    assert names(off, off) == []


@pytest.mark.parametrize(
    ("reward", "seen"),
    [
        ({}, {"reward", "similarity", "chrf", "repetition"}),
        ({"similarity": {"variant": "cosine"}}, {"reward", "similarity", "repetition"}),
        (
            {"similarity": {"variant": "cosine", "length_exponent": 0.25}},
            {"reward", "similarity", "repetition", "length_ratio"},
        ),
        ({"repetition": {"enabled": False}}, {"reward", "similarity", "chrf"}),
        ({"type": "logic"}, {"reward", "logic", "bleu"}),
        ({"type": "logic", "bleu_share": 0.0}, {"reward", "logic"}),
        ({"type": "logic", "translator": TRANSLATOR}, {"reward", "logic"}),
    ],
    ids=in_order,
)
def test_what_a_reward_has(reward: dict[str, Any], seen: set[str]) -> None:
    own = config(reward=reward)
    found = {name for name in BUILT_IN if in_reward(name, own)}
    # A reward's own names are its own, whether it gives both or not.
    own_names = {"similarity", *OF_FORMULAS}
    assert found - own_names == seen - own_names


def test_one_reward_that_has_a_metric_is_enough() -> None:
    cosine = config(reward={"similarity": {"variant": "cosine"}})
    found = {metric.name: metric for metric in shared_metrics([cosine, config()])}
    assert found["chrf"].in_reward
    assert not found["bleu"].in_reward
    alone = {metric.name: metric for metric in shared_metrics([cosine, cosine])}
    assert not alone["chrf"].in_reward
    assert all(metric.better == BUILT_IN[name].better for name, metric in alone.items())


def test_a_part_of_a_suite_is_shown_and_not_read() -> None:
    metrics = [
        SharedMetric(name, False, "higher")
        for name in ("acc", "acc/piqa", "acc_norm", "acc_norm/piqa", "chrf/all")
    ]
    assert [metric.name for metric in primary_metrics(metrics)] == ["acc", "acc_norm"]
