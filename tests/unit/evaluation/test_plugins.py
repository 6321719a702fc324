"""Metrics and suites of installed packages: found, used, and refused with the name and the way out."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from plugin_packages import forget, write_package
from rlsr.config import RunConfig, config_from_table
from rlsr.config.data import DataConfig
from rlsr.data import Dataset, PromptRecord, load_dataset
from rlsr.data.record import Message
from rlsr.errors import ConfigError, EvaluationError
from rlsr.evaluation import Evaluation
from rlsr.evaluation.metrics import (
    HeldoutBatch,
    describe,
    metrics_of,
    require_metrics,
    shared_metrics,
    tie_margins,
)
from rlsr.evaluation.metrics.checked import metric_scores
from rlsr.evaluation.suites import load_suites, open_suite
from rlsr.plugins import find_plugins
from rlsr.rewards import RewardResult

Install = Callable[..., None]

QUESTIONS = '''
"""A metric of another package."""

from rlsr.evaluation.metrics import HeldoutBatch, Metric


def ends_with_question(batch: HeldoutBatch) -> list[float | None]:
    return [float(text.rstrip().endswith("?")) if text else None for text in batch.responses]


METRIC = Metric(
    "questions", ends_with_question, label="share that is a question", better="higher", digits=2, tie_margin=0.5
)
'''

SUMS = '''
"""A suite of another package."""

from rlsr.data import Message, PromptRecord
from rlsr.evaluation.suites import Scored, Suite


class Sums(Suite):
    @property
    def records(self):
        return [
            PromptRecord(f"{number}", (Message("user", f"{number} + 1 = ?"),), f"{number + 1}", f"sums:{number}")
            for number in range(3)
        ]

    def score(self, responses, ended):
        right = [float(record.reference in text) for record, text in zip(self.records, responses)]
        return Scored({"right": right, "finished": [None if one is None else float(one) for one in ended]},
                      {"expected": [record.reference for record in self.records]})


def open_sums(config, dataset, device):
    return Sums()
'''


@pytest.fixture
def installed(packages: Path) -> Install:
    """Installs packages of one module for the time of a test."""

    def put(package: str, source: str, group: str, **points: str) -> None:
        module = package.replace("-", "_")
        named = {name: f"{module}:{value}" for name, value in points.items()}
        write_package(packages, package, source, **{group.replace(".", "_"): named})
        forget()

    return put


def batch(*responses: str) -> HeldoutBatch:
    records = [PromptRecord(text, (Message("user", "Q"),), "R", "f:1") for text in responses]
    result = RewardResult(np.zeros(len(responses)))
    return HeldoutBatch(records, responses, [None] * len(responses), result, None, RunConfig())


def test_an_installed_metric_is_measured_shown_and_compared(installed: Install) -> None:
    installed("asks", QUESTIONS, "rlsr.metrics", questions="METRIC")
    config = config_from_table({})
    assert [metric.name for metric in metrics_of(config)][-2:] == ["cut", "questions"]
    metric = describe("questions")
    assert (metric.label, metric.digits, metric.rank) == ("share that is a question", 2, 100)
    scores = metric_scores(metric, batch("Why?", "So.", ""))
    assert scores == pytest.approx([1.0, 0.0, float("nan")], nan_ok=True)
    found = {metric.name: metric for metric in shared_metrics([config, config])}
    assert (found["questions"].in_reward, found["questions"].better) == (False, "higher")
    assert tie_margins({"questions": 0.25})["questions"] == 0.25
    assert tie_margins({})["questions"] == 0.5


def test_a_package_is_found_and_not_imported_before_it_is_used(installed: Install) -> None:
    installed("asks", "raise RuntimeError", "rlsr.metrics", questions="METRIC")
    assert "questions" in find_plugins("rlsr.metrics")
    assert describe("chrf").label == "chrF"
    require_metrics(config_from_table({"evaluation": {"enabled": False}}))


@pytest.mark.parametrize(
    ("added", "parts"),
    [
        (
            {"asks": ("raise RuntimeError('no such luck')", {"questions": "METRIC"})},
            ["'questions', which asks (asks:METRIC) adds, cannot be imported: RuntimeError: no such luck", "uninstall that package"],
        ),
        (
            {"asks": ("", {"questions": "METRIC"})},
            ["'questions', which asks (asks:METRIC) adds, cannot be imported: AttributeError", "uninstall that package"],
        ),
        (
            {"asks": ("METRIC = 3", {"questions": "METRIC"})},
            ["'questions', which asks (asks:METRIC) adds, must be a rlsr.evaluation.metrics.Metric of that name, got int", "mend"],
        ),
        (
            {"asks": (QUESTIONS, {"queries": "METRIC"})},
            ["'queries', which asks (asks:METRIC) adds, must be a rlsr.evaluation.metrics.Metric of that name, got 'questions'"],
        ),
        (
            {"asks": (QUESTIONS.replace('"questions"', '"chrf"'), {"chrf": "METRIC"})},
            ["asks (asks:METRIC) adds 'chrf', which is built in", "give it another name"],
        ),
        (
            {"asks": (QUESTIONS, {"questions": "METRIC"}), "wonders": (QUESTIONS, {"questions": "METRIC"})},
            ["several packages add 'questions'", "asks (asks:METRIC)", "wonders (wonders:METRIC)", "uninstall all but one"],
        ),
        (
            {"asks": (QUESTIONS.replace("0.5", "-1.0"), {"questions": "METRIC"})},
            ["cannot be imported: ValueError: questions: a tie_margin is at least 0"],
        ),
    ],
    ids=["fails to import", "not there", "no metric", "other name", "built in", "two of one name", "bad margin"],
)  # fmt: skip
def test_a_broken_metric_is_refused_before_any_work(
    installed: Install, added: dict[str, tuple[str, dict[str, str]]], parts: list[str]
) -> None:
    for package, (source, points) in added.items():
        installed(package, source, "rlsr.metrics", **points)
    with pytest.raises(ConfigError) as caught:
        require_metrics(RunConfig())
    for part in parts:
        assert part in str(caught.value)


def test_a_report_on_a_broken_metric_speaks_by_its_name(
    installed: Install, caplog: pytest.LogCaptureFixture
) -> None:
    installed("asks", "METRIC = 3", "rlsr.metrics", my_questions="METRIC")
    assert describe("my_questions").label == "my questions"
    assert "must be a rlsr.evaluation.metrics.Metric" in caplog.text


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return ['1.0'] * len(batch.responses)", "scored, got '1.0' for response 1"),
        ("return [float('inf')] * len(batch.responses)", "None where a response cannot be scored, got inf"),
        ("return [0.5]", "must be one score for each of 2 responses, got 1"),
        ("return 1 / 0", "metric 'questions' fails: ZeroDivisionError: division by zero"),
    ],
)  # fmt: skip
def test_what_an_installed_metric_returns_is_checked(
    installed: Install, body: str, message: str
) -> None:
    source = QUESTIONS.replace("METRIC = Metric(", f"def wrong(batch):\n    {body}\n\n\nMETRIC = Metric(").replace(
        '"questions", ends_with_question', '"questions", wrong'
    )  # fmt: skip
    installed("asks", source, "rlsr.metrics", questions="METRIC")
    with pytest.raises(EvaluationError) as caught:
        metric_scores(describe("questions"), batch("a", "b"))
    assert "metric 'questions'" in str(caught.value)
    assert message in str(caught.value)
    assert "mend or uninstall its package" in str(caught.value)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """What a run has loaded."""
    return load_dataset(DataConfig())


def test_an_installed_suite_brings_prompts_and_scores_answers(
    installed: Install, dataset: Dataset
) -> None:
    installed("sums", SUMS, "rlsr.suites", sums="open_sums")
    config = config_from_table({})
    (opener,) = load_suites(["sums", "sums"]).values()
    evaluation = Evaluation(open_suite("sums", opener, config, dataset, "cpu"), config)
    answers = evaluation.score(["it is 1", "no idea", "3"], [True, False, True])
    assert answers.scores["right"].tolist() == [1.0, 0.0, 1.0]
    rows = evaluation.rows(answers)
    assert rows[1].further["expected"] == "2"
    assert evaluation.from_rows(rows).texts == {"expected": ("1", "2", "3")}
    mean = evaluation.means(answers)[0]
    assert (mean.name, mean.after.num, mean.in_reward) == ("right", 3, False)


@pytest.mark.parametrize(
    ("source", "name", "parts"),
    [
        (SUMS, "products", ["--suite: there is no suite 'products'; those that are installed are heldout, ifeval, ", ", lm_eval-TASK, sums"]),
        ("open_sums = 3", "sums", ["'sums', which sums (sums:open_sums) adds, must be a function that opens a suite, got int"]),
        ("import nothing_like_it", "sums", ["cannot be imported: ModuleNotFoundError", "sums (sums:open_sums)"]),
        (SUMS.replace("return Sums()", "return 1 / 0"), "sums", ["cannot be opened: ZeroDivisionError", "sums (sums:open_sums)"]),
        (SUMS.replace("return Sums()", "return Sums"), "sums", ["must return a rlsr.evaluation.suites.Suite, got"]),
        (SUMS.replace("range(3)", "range(0)"), "sums", ["its records must be prompts", "at least one"]),
        (SUMS.replace('f"{number}", (', '"same", ('), "sums", ["an id of its own"]),
        (SUMS.replace("float(one)", "'yes'"), "sums", ["suite 'sums': metric 'finished' must be a finite number", "got 'yes' for response 1"]),
        (SUMS.replace("in self.records]})", "in self.records][:2]})"), "sums", ["suite 'sums': its texts 'expected' must be one a response", "got 2 for 3"]),
        (SUMS.replace("right = [", "right = 1 / 0; right = ["), "sums", ["suite 'sums' cannot score: ZeroDivisionError"]),
    ],
    ids=["unknown", "no function", "fails to import", "fails to open", "no suite", "empty", "one id", "text for a number", "texts", "fails"],
)  # fmt: skip
def test_a_broken_suite_is_refused(
    installed: Install, dataset: Dataset, source: str, name: str, parts: list[str]
) -> None:
    installed("sums", source, "rlsr.suites", sums="open_sums")
    config = config_from_table({})

    def evaluate() -> None:
        suite = open_suite(name, load_suites([name])[name], config, dataset, "cpu")
        Evaluation(suite, config, name=name).score(["a", "b", "c"], [True] * 3)

    with pytest.raises((ConfigError, EvaluationError)) as caught:
        evaluate()
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize("name", ["heldout", "before", "after", "my suite", "../up"])
def test_a_suite_cannot_take_the_file_of_another(installed: Install, name: str) -> None:
    installed("sums", SUMS, "rlsr.suites", **{name: "open_sums"})
    with pytest.raises(ConfigError, match="a suite's name is that of a file"):
        load_suites([name])
