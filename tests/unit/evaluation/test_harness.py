"""Tasks of the LM Evaluation Harness: its numbers through our way are its own, and what cannot be asked is said."""

import json
import math
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsr.config import RunConfig, config_from_table
from rlsr.config.model import ModelConfig
from rlsr.errors import ConfigError, DataError, EvaluationError, MissingPackageError
from rlsr.evaluation import Evaluation
from rlsr.evaluation.suites import load_suites, require_suite_settings
from rlsr.evaluation.suites.harness import (
    HarnessSuite,
    Item,
    item_of,
    items_to_scores,
    load_parts,
    open_task,
)
from rlsr.models import Policy, load_policy
from rlsr.packages import package_directory
from tiny import WORDS

HAS_HARNESS = package_directory("lm_eval") is not None
with_harness = pytest.mark.skipif(not HAS_HARNESS, reason="the extra eval is not installed")

CHOICES = """
task: animals
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
output_type: multiple_choice
doc_to_text: "The {{{{asked}}}} sat on a"
doc_to_choice: options
doc_to_target: right
metric_list:
  - {{metric: acc, aggregation: mean, higher_is_better: true}}
  - {{metric: acc_norm, aggregation: mean, higher_is_better: true}}
  - {{metric: mcc, aggregation: matthews_corrcoef, higher_is_better: true}}
"""
WRITTEN = """
task: words
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
output_type: generate_until
doc_to_text: "Say {{{{asked}}}}:"
doc_to_target: "{{{{asked}}}}"
generation_kwargs: {{until: ["zz"], max_gen_toks: 6, do_sample: false}}
metric_list:
  - {{metric: exact_match, aggregation: mean, higher_is_better: true}}
filter_list:
  - name: first-letter
    filter: [{{function: regex, regex_pattern: "([a-z])"}}, {{function: take_first}}]
  - name: whole
    filter: [{{function: take_first}}]
"""
PAIR = """
group: both
task: [animals, words]
aggregate_metric_list: [{metric: acc, weight_by_size: true}]
"""


def sample_of(metric: str, value: object, name: str = "none", **others: Any) -> dict[str, Any]:
    return {"filter": name, "metrics": [metric], metric: value, "resps": [["b"]], "filtered_resps": ["b"], **others}  # fmt: skip


def test_an_item_of_options_is_the_likeliest_of_them() -> None:
    asked = sample_of("acc", 1.0, filtered_resps=[(-3.5, False), (-1.25, True)])
    found = item_of([{**asked, "metrics": ["acc", "f1"], "f1": (0, 1)}], options=["sun", "moon"], averaged={"acc": True, "f1": False})  # fmt: skip
    assert found == Item("moon", {"acc": 1.0}, "-3.500 sun\n-1.250 moon")


def test_an_item_that_is_written_has_its_text_and_a_number_a_filter() -> None:
    found = item_of([sample_of("exact_match", 0, "strict-match"), sample_of("exact_match", True, "loose")], options=None, averaged={})  # fmt: skip
    assert found == Item("b", {"exact_match_strict-match": 0.0, "exact_match_loose": 1.0})
    assert item_of([sample_of("acc", 1, resps=[[(-2.0, True)]])], options=None, averaged={}).response == "log-likelihood -2.000"  # fmt: skip
    assert item_of([sample_of("ppl", (1, 2), resps=[[-2.0]])], options=None, averaged={}) == Item("log-likelihood -2.000")  # fmt: skip


@settings(max_examples=40)
@given(
    st.dictionaries(
        st.sampled_from("abc"),
        st.lists(st.dictionaries(st.sampled_from(["acc", "acc_norm"]), st.floats(0, 1)), min_size=1, max_size=5),
        min_size=1,
    )
)  # fmt: skip
def test_columns_of_parts_make_up_those_of_all(parts: dict[str, list[dict[str, float]]]) -> None:
    columns = items_to_scores({name: [Item("", scores) for scores in found] for name, found in parts.items()})  # fmt: skip
    number = sum(map(len, parts.values()))
    assert all(len(values) == number for values in columns.values())
    for metric in ("acc", "acc_norm"):
        known = [scores[metric] for found in parts.values() for scores in found if metric in scores]
        if not known:
            assert metric not in columns
            continue
        assert np.nansum(columns[metric]) == pytest.approx(sum(known))
        assert np.count_nonzero(~np.isnan(columns[metric])) == len(known)
        own = [columns[f"{metric}/{part}"] for part in parts if f"{metric}/{part}" in columns]
        assert bool(own) == (len(parts) > 1)
        if own:
            with np.errstate(all="ignore"):
                assert np.nansum(own, axis=0) == pytest.approx(np.nan_to_num(columns[metric]))
            assert (~np.isnan(own)).sum(axis=0).max() == 1


def test_names_of_tasks_are_names_of_suites() -> None:
    opener = load_suites(["lm_eval-arc_easy"])["lm_eval-arc_easy"]
    assert opener.args == ("lm_eval-arc_easy",)  # type: ignore[attr-defined]
    assert opener.func is open_task  # type: ignore[attr-defined]
    require_suite_settings(config_of("lm_eval-arc_easy", num_prompts=3))
    for name, said in (
        ("lm_eval-", r"there is no suite 'lm_eval-'; those that are installed are .*lm_eval-TASK"),
        ("lm_eval-a.b", r"letters, digits, _ and -, got 'lm_eval-a\.b'; .*lm_eval-NAME=FILE\.yaml"),
    ):
        with pytest.raises(ConfigError, match=said):
            load_suites([name])


@pytest.mark.skipif(HAS_HARNESS, reason="the extra eval is installed")
def test_a_missing_harness_is_named_with_its_extra() -> None:
    with pytest.raises(MissingPackageError, match=r"pip install 'rlsr\[eval\]'"):
        open_task("lm_eval-arc_easy", RunConfig(), None, "cpu")  # type: ignore[arg-type]


def config_of(name: str, **settings: Any) -> RunConfig:
    return config_from_table({"evaluation": {"suites": {name: settings}, "num_resamples": 100}})


def opened(path: Path, **settings: Any) -> tuple[HarnessSuite, RunConfig]:
    config = config_of("lm_eval-mine", path=str(path), **settings)
    return open_task("lm_eval-mine", config, None, "cpu"), config  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tasks in files, and a group of both."""
    place = tmp_path_factory.mktemp("tasks")
    rows = [
        {"asked": word, "options": [WORDS[n - 1], f"{WORDS[n - 2]} {word}", WORDS[n - 3]], "right": n % 3}
        for n, word in enumerate(WORDS)
    ]  # fmt: skip
    data = place / "rows.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (place / "animals.yaml").write_text(CHOICES.format(data=data), encoding="utf-8")
    (place / "words.yaml").write_text(WRITTEN.format(data=data), encoding="utf-8")
    (place / "both.yaml").write_text(PAIR, encoding="utf-8")
    return place


@pytest.fixture(scope="module")
def policy(tiny_model: Path) -> Policy:
    return load_policy(ModelConfig(name=str(tiny_model), dtype="float32"), "cpu")


def by_its_own_command(model: Path, tasks: Sequence[Any], **options: Any) -> dict[str, Any]:
    """Ask the harness itself, which loads the same weights from disk."""
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    found: dict[str, Any] = simple_evaluate(
        model="hf",
        model_args={"pretrained": str(model), "dtype": "float32"},
        device="cpu",
        batch_size=4,
        tasks=list(tasks),
        task_manager=TaskManager(include_defaults=False),
        bootstrap_iters=0,
        **options,
    )
    return found


@with_harness
@pytest.mark.parametrize(
    ("ours", "options"),
    [
        ({}, {}),
        ({"num_fewshot": 2, "chat_template": True}, {"num_fewshot": 2, "apply_chat_template": True}),
    ],
)  # fmt: skip
def test_its_numbers_are_those_of_its_own_command(
    policy: Policy, tiny_model: Path, tasks: Path, ours: Any, options: Any
) -> None:
    suite, config = opened(tasks / "animals.yaml", **ours)
    evaluation = Evaluation(suite, config, name="lm_eval-mine")
    told: list[tuple[int, int]] = []
    answers = evaluation.run(policy, lambda done, total: told.append((done, total)))
    theirs = by_its_own_command(tiny_model, [str(tasks / "animals.yaml")], **options)
    own = theirs["results"]["animals"]
    means = {mean.name: mean.after.mean for mean in evaluation.means(answers)}
    # Matthews' correlation is no mean over items.
    assert means == {"acc": own["acc,none"], "acc_norm": own["acc_norm,none"]}
    samples = {sample["doc_id"]: sample for sample in theirs["samples"]["animals"]}
    for row in evaluation.rows(answers):
        sample = samples[int(row.id.removeprefix("animals:"))]
        assert row.scores == {"acc": sample["acc"], "acc_norm": sample["acc_norm"]}
        assert row.prompt == f"The {sample['doc']['asked']} sat on a"
        assert row.reference == sample["doc"]["options"][sample["doc"]["right"]]
        assert (row.response == row.reference) == bool(row.scores["acc"])
        likelihoods = [float(line.partition(" ")[0]) for line in row.further["log_likelihoods"].splitlines()]  # fmt: skip
        assert likelihoods == pytest.approx([one[0] for one in sample["filtered_resps"]], abs=2e-3)
    assert told[-1] == (3 * len(WORDS), 3 * len(WORDS))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert evaluation.from_rows(evaluation.rows(answers)).texts == answers.texts


@with_harness
def test_a_policy_with_adapters_answers_as_merged(policy: Policy, tiny_model: Path, tasks: Path) -> None:  # fmt: skip
    from peft import LoraConfig, get_peft_model

    def likelihoods(model: Any) -> list[str | None]:
        suite, config = opened(tasks / "animals.yaml", num_prompts=6)
        asked = replace(policy, model=model)
        return list(Evaluation(suite, config, name="lm_eval-mine").run(asked).texts["log_likelihoods"])  # fmt: skip

    torch.manual_seed(0)
    own = load_policy(ModelConfig(name=str(tiny_model), dtype="float32"), "cpu").model
    adapted = get_peft_model(own, LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False)).eval()  # fmt: skip
    with_adapters = likelihoods(adapted)
    assert with_adapters != likelihoods(policy.model)
    merged = likelihoods(adapted.merge_and_unload())
    numbers = [[float(line.partition(" ")[0]) for one in texts for line in (one or "").splitlines()] for texts in (with_adapters, merged)]  # fmt: skip
    assert numbers[0] == pytest.approx(numbers[1], abs=2e-3)


@with_harness
def test_what_is_written_is_scored_by_each_filter(policy: Policy, tiny_model: Path, tasks: Path) -> None:  # fmt: skip
    suite, config = opened(tasks / "words.yaml", num_prompts=6)
    evaluation = Evaluation(suite, config, name="lm_eval-mine")
    answers = evaluation.run(policy)
    asked = [int(record.id.removeprefix("words:")) for record in suite.records]
    theirs = by_its_own_command(tiny_model, [str(tasks / "words.yaml")], samples={"words": asked})
    own = theirs["results"]["words"]
    assert {mean.name: mean.after.mean for mean in evaluation.means(answers)} == {
        "exact_match_first-letter": own["exact_match,first-letter"],
        "exact_match_whole": own["exact_match,whole"],
    }
    samples = {sample["doc_id"]: sample for sample in theirs["samples"]["words"]}
    assert answers.responses == tuple(samples[place]["resps"][0][0] for place in asked)
    assert suite.answers_in_words == "as its tasks have it"


@with_harness
def test_tasks_of_one_suite_are_its_parts(policy: Policy, tasks: Path) -> None:
    named = [str(tasks / f"{name}.yaml") for name in ("animals", "words")]
    parts = load_parts("mine", named, defaults=False)
    assert list(parts) == named
    suite = HarnessSuite("mine", dict(zip("ab", parts.values(), strict=True)), config_of("mine", num_prompts=4).evaluation.suites["mine"])  # fmt: skip
    evaluation = Evaluation(suite, RunConfig(), name="mine")
    answers = evaluation.run(policy)
    assert [record.category for record in suite.records] == ["a"] * 4 + ["b"] * 4
    assert len({record.id for record in suite.records}) == 8
    assert {"acc", "acc_norm", "acc/a", "acc_norm/a", "exact_match_whole/b"} <= set(answers.scores)
    assert np.count_nonzero(~np.isnan(answers.scores["acc"])) == 4
    assert len(answers.responses) == 8


@with_harness
def test_what_cannot_be_asked_is_said(tasks: Path, tmp_path: Path) -> None:
    def refused(text: str, kind: type[Exception], said: str, **settings: Any) -> None:
        (tmp_path / "task.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(kind, match=said):
            opened(tmp_path / "task.yaml", **settings)

    data = tasks / "rows.jsonl"
    choices = CHOICES.format(data=data)
    own = "\n".join(line for line in choices.splitlines() if "{metric: acc" not in line)
    refused(own, EvaluationError, r"nothing would be measured, since mcc is no mean over items")
    refused(choices + "unsafe_code: true\n", EvaluationError, "animals runs code that the policy writes")  # fmt: skip
    refused(choices.replace("multiple_choice", "guess"), EvaluationError, r"cannot load .*task\.yaml: ValueError: Got invalid output_type")  # fmt: skip
    refused(CHOICES.format(data=tmp_path / "none.jsonl"), EvaluationError, r"the data of .*task\.yaml cannot be reached: .*; mend its dataset_path or dataset_kwargs$")  # fmt: skip
    refused(choices, ConfigError, r"lm_eval-mine\.max_response_tokens: has no effect", max_response_tokens=4)  # fmt: skip
    with pytest.raises(DataError, match=r"none\.yaml: not found; evaluation\.suites\.lm_eval-mine\.path names the data"):  # fmt: skip
        opened(tmp_path / "none.yaml")


@with_harness
def test_a_policy_that_the_harness_cannot_ask_is_said(policy: Policy, tasks: Path) -> None:
    text = (tasks / "words.yaml").read_text(encoding="utf-8")
    (tasks / "long.yaml").write_text(text.replace("max_gen_toks: 6", "max_gen_toks: 4096"), encoding="utf-8")  # fmt: skip
    suite, config = opened(tasks / "long.yaml", num_prompts=1)
    with pytest.raises(EvaluationError, match=r"suite 'lm_eval-mine': the LM Evaluation Harness cannot ask this policy: Invalid configuration"):  # fmt: skip
        Evaluation(suite, config, name="mine").run(policy)


SHUFFLES = """
import random

def process_docs(dataset):
    def shuffled(doc):
        options = list(doc["options"])
        random.shuffle(options)
        return {"options": options, "right": options.index(doc["options"][doc["right"]])}
    return dataset.map(shuffled)
"""


@with_harness
def test_a_task_that_shuffles_its_options_asks_every_policy_the_same(policy: Policy, tasks: Path) -> None:  # fmt: skip
    import datasets

    (tasks / "shuffles.py").write_text(SHUFFLES, encoding="utf-8")
    text = CHOICES.format(data=tasks / "rows.jsonl").replace("doc_to_text:", "process_docs: !function shuffles.process_docs\ndoc_to_text:")  # fmt: skip
    (tasks / "shuffled.yaml").write_text(text, encoding="utf-8")
    # Otherwise the library finds on disk what it had shuffled before.
    datasets.disable_caching()
    try:
        random.seed(3)
        before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()  # type: ignore[index]  # noqa: NPY002
        suite, config = opened(tasks / "shuffled.yaml")
        evaluation = Evaluation(suite, config, name="lm_eval-mine")
        rows = evaluation.rows(evaluation.run(policy))
        after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()  # type: ignore[index]  # noqa: NPY002
        assert before[:2] == after[:2]
        assert torch.equal(before[2], after[2])
        random.seed(4)
        again, _ = opened(tasks / "shuffled.yaml")
        assert list(again.records) == list(suite.records)
    finally:
        datasets.enable_caching()
    plain, _ = opened(tasks / "animals.yaml")
    assert [row.reference for row in rows] == [record.reference for record in plain.records]
    orders = [[line.partition(" ")[2] for line in row.further["log_likelihoods"].splitlines()] for row in rows]  # fmt: skip
    assert orders != [[WORDS[n - 1], f"{WORDS[n - 2]} {word}", WORDS[n - 3]] for n, word in enumerate(WORDS)]  # fmt: skip
    assert all((row.response == row.reference) == bool(row.scores["acc"]) for row in rows)


def test_unscored_is_nan_and_never_0() -> None:
    columns = items_to_scores({"a": [Item("", {"acc": 1.0})], "b": [Item("")]})
    assert math.isnan(columns["acc"][1])
    assert columns.keys() == {"acc", "acc/a"}
