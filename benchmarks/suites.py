"""The tables of ``benchmarks/suites.md``, from the kept ``side_by_side.json`` of ``rlsr evaluate``, one file a set.

python benchmarks/suites.py
"""

from pathlib import Path

from claim_tables import put_between_markers

from rlsr.comparison.markdown import comparison_markdown
from rlsr.comparison.side_by_side import read_side_by_side

HERE = Path(__file__).parent
PAGE = HERE / "suites.md"


def main() -> None:
    """Write the tables between the markers of the page."""
    text = PAGE.read_text(encoding="utf-8")
    for kept in sorted((HERE / "results").glob("suites-*.json")):
        name = kept.stem.removeprefix("suites-")
        tables = [
            f"### {suite}\n\n{comparison_markdown(found, over_time=False).strip()}"
            for suite, found in read_side_by_side(kept).suites.items()
        ]
        text = put_between_markers(text, name, "\n\n".join(tables), PAGE)
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
