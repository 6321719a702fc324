"""``docs/reliability.md`` names tests that exist: a promise whose test is gone is none."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = sorted(
    set(
        re.findall(
            r"`(tests/[\w/]+\.py)(?:::(\w+))?`",
            (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8"),
        )
    )
)


def test_the_page_names_tests() -> None:
    assert len(NAMED) > 30


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_named_test_exists(file: str, name: str) -> None:
    assert (ROOT / file).is_file()
    assert not name or f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")
