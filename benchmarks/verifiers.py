"""How well verifiers agree with judgements and answers that come with real data.

    python benchmarks/verifiers.py ../shared/data

writes ``results/verifiers.json`` and ``verifiers.md``: GSM8K's 5,276 answers of four models, each of which is marked as right or
not; GSM8K's references, whose number stands in a column of its own; seven commonsense sets, whose answer does.
"""

import gzip
import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest

from rlsr.config import load_config
from rlsr.data.record import Message, PromptRecord
from rlsr.rewards import RewardBatch, open_reward

HERE = Path(__file__).parent
RESULTS, TABLE = HERE / "results" / "verifiers.json", HERE / "verifiers.md"

LABELS = [
    *(f"answer{number}" for number in range(1, 6)),
    *(f"{word}{number}" for word in ("option", "solution", "ending") for number in (1, 2)),
    "true",
    "false",
]
CHOICE = f"reward={{type: choice, reference_column: answer, options_column: options, labels: {json.dumps(LABELS)}}}"
EVERY = 50
"""Of the marked answers one in fifty is compared by math-verify, which takes far longer."""

Row = dict[str, Any]


def rows_of(folder: Path, name: str) -> Iterator[Row]:
    """Read a file of gzipped JSON lines."""
    with gzip.open(folder / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def compare(
    name: str,
    reward: str,
    rows: Sequence[Row],
    response: Callable[[Row], str],
    truth: Sequence[float],
) -> Row:
    """Score responses, and count how often the score is what is known to be true.

    Args:
        name: What is compared, in words.
        reward: Settings.
        rows: Of the data, with a reference each.
        response: What is scored of a row.
        truth: 1 for a right answer, 0 for a wrong one.

    Returns:
        Counts, with the exact binomial interval of .95 of the share that agrees.
    """
    records = [
        PromptRecord(str(place), (Message("user", row["prompt"]),), row["reference"], f"row {place}", columns=row)
        for place, row in enumerate(rows)
    ]  # fmt: skip
    started = time.process_time()
    with closing(open_reward(load_config(overrides=[reward]), "cpu")) as opened:
        result = opened.score(RewardBatch(records, [response(row) for row in rows]))
    scores, known = result.scores, np.array(truth)
    agree = int((scores == known).sum())
    interval = binomtest(agree, len(rows)).proportion_ci(0.95)
    return {
        "what": name,
        "num": len(rows),
        "agree": agree,
        "low": interval.low,
        "high": interval.high,
        "wrongly_right": int(((scores == 1) & (known == 0)).sum()),
        "wrongly_wrong": int(((scores == 0) & (known == 1)).sum()),
        "unscored": int(np.isnan(scores).sum()),
        "no_answer": int(result.components["no_answer"].sum()),
        "ms_per_response": 1000 * (time.process_time() - started) / len(rows),
    }


def options(row: Row) -> dict[str, str]:
    """Read the options that a commonsense prompt lists; those of boolq are true and false."""
    named = r"\b((?:Answer|Option|Solution|Ending)\d): (.*?)(?=\s*\b(?:Answer|Option|Solution|Ending)\d: |\s*\bAnswer format\b|\Z)"
    found = re.findall(named, row["prompt"], flags=re.DOTALL)
    return {label.lower(): text for label, text in found} or {"true": "true", "false": "false"}


def measure(folder: Path) -> list[Row]:
    """Compare everything."""
    marked = list(rows_of(folder, "gsm8k_model_solutions_labelled"))
    truth = [float(row["is_correct"]) for row in marked]
    few, few_truth = marked[::EVERY], truth[::EVERY]
    train = [{**row, "reference": row["raw_answer"]} for row in rows_of(folder, "gsm8k_train")]
    test = [{**row, "reference": row["raw_answer"]} for row in rows_of(folder, "gsm8k_test")]
    choices = [
        {**row, "reference": row["response"], "options": options(row)}
        for row in rows_of(folder, "commonsense_tests_llmadapters")
    ]
    listed = [row for row in choices if len({*row["options"].values()}) == len(row["options"]) > 1]
    return [
        compare("`numeric`: answers of four models to GSM8K, against `is_correct`", "reward=numeric", marked, lambda row: row["response"], truth),
        compare("`math`: one in fifty of these", "reward=math", few, lambda row: row["response"], few_truth),
        compare("`numeric`: the same with the place `{after: 'A:'}`", "reward={type: numeric, answer: {after: 'A:'}, reference: {after: 'A:'}}", marked, lambda row: row["response"], truth),
        compare("`numeric`: GSM8K's references, against the column `final`", "reward={type: numeric, answer: {after: '####'}, reference_column: final}", [*train, *test], lambda row: row["reference"], [1.0] * (len(train) + len(test))),
        compare("`choice`: answers of seven commonsense sets, against the column `answer`", CHOICE, choices, lambda row: row["response"], [1.0] * len(choices)),
        compare("`choice`: the text of the right option alone", CHOICE, listed, lambda row: row["options"][row["answer"]], [1.0] * len(listed)),
    ]  # fmt: skip


def table(results: Sequence[Row]) -> str:
    """Write the page."""
    lines = [
        "| what is compared | n | agree [.95 interval] | wrongly right | wrongly wrong | no answer found | ms a response |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {one['what']} | {one['num']:,} | {one['agree'] / one['num']:.2%} [{one['low']:.2%}, {one['high']:.2%}] | {one['wrongly_right']} | {one['wrongly_wrong']} | {one['no_answer']} | {one['ms_per_response']:.2f} |"
            for one in results
        ),
    ]
    return f"# Verifiers against what is known\n\n{__doc__}\nSeconds are of the process that scores; `math` asks another one, whose seconds are not counted.\n\n" + "\n".join(lines) + "\n"  # fmt: skip


def main() -> None:
    """Measure, keep, and write the table."""
    results = measure(Path(sys.argv[1]))
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    TABLE.write_text(table(results), encoding="utf-8")
    sys.stdout.write(TABLE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
