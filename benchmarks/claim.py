"""From kept comparisons to the claim: ``benchmarks/results/claim.json`` and the tables of ``benchmarks/claim.md``.

``benchmarks/results/claim-NAME.json`` is the ``compare.json`` of a comparison on the set NAME. No table is typed by hand:

    python benchmarks/claim.py
"""

import argparse
import json
import sys
from pathlib import Path

from claim_entries import Entry, entries
from claim_tables import claim_table, full_tables, over_time_tables, put_between_markers

from rlsr.comparison.result import Comparison, read_comparison
from rlsr.errors import RlsrError, RunError
from rlsr.runs.typed_json import to_table

HERE = Path(__file__).parent


def main() -> None:
    """Read what is kept and write what follows from it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--page", type=Path, default=HERE / "claim.md")
    asked = parser.parse_args()
    try:
        found = write_claim(asked.results, asked.page)
    except RlsrError as error:
        parser.exit(2, f"{error}\n")
    sys.stdout.write(f"{len(found)} entries: {asked.results / 'claim.json'}, {asked.page}\n")


def write_claim(results: Path, page: Path) -> list[Entry]:
    """Write ``claim.json`` beside the comparisons, and the tables into a page.

    Args:
        results: A directory with a ``compare.json`` for each set, as ``claim-SET.json``.
        page: Markdown with the markers ``claim``, ``over-time`` and ``full``.

    Returns:
        What was written to ``claim.json``.

    Raises:
        RunError: There is no comparison, one is damaged, or the page lacks a marker. Nothing is written then.
    """
    comparisons = read_results(results)
    found = [entry for name, one in comparisons.items() for entry in entries(name, one)]
    text = page.read_text(encoding="utf-8")
    for name, table in {
        "claim": claim_table(found),
        "over-time": over_time_tables(comparisons),
        "full": full_tables(comparisons),
    }.items():
        text = put_between_markers(text, name, table, page)
    text_of_entries = json.dumps(to_table(found), indent=1, ensure_ascii=False)
    (results / "claim.json").write_text(f"{text_of_entries}\n", encoding="utf-8")
    page.write_text(text, encoding="utf-8")
    return found


def read_results(results: Path) -> dict[str, Comparison]:
    """Read the kept comparisons by the name of their set, in the order of the names.

    Args:
        results: The directory.

    Raises:
        RunError: There is none, or one is damaged.
    """
    files = sorted(results.glob("claim-*.json"))
    if not files:
        raise RunError(
            f"{results}: expected the compare.json of a comparison for each set, as in {results / 'claim-builtin.json'}, got none; "
            "copy them there from the directories of rlsr compare"
        )
    return {file.stem.removeprefix("claim-"): read_comparison(file) for file in files}


if __name__ == "__main__":
    main()
