"""The tables of ``benchmarks/rewards.md``, from the kept ``compare.json`` of ``rewards-compare.yaml``.

python benchmarks/rewards.py
"""

from pathlib import Path

from claim_tables import put_between_markers

from rlsr.comparison.markdown import comparison_markdown
from rlsr.comparison.result import read_comparison

HERE = Path(__file__).parent


def main() -> None:
    """Write the tables between the markers of the page."""
    page, kept = HERE / "rewards.md", HERE / "results" / "rewards-compare.json"
    tables = comparison_markdown(read_comparison(kept), over_time=False)
    text = put_between_markers(page.read_text(encoding="utf-8"), "tables", tables.strip(), page)
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
