"""List what the documents link to elsewhere; with ``--ask``, ask whether it is still there.

python .ci/site/external_links.py --ask
"""

import re
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/*.md", "benchmarks/*.md")
LINK = re.compile(r"\]\((https?://[^)\s]+)\)")


def links(text: str) -> list[str]:
    """Name the links of a page to other sites; addresses that are only examples are no links.

    Args:
        text: Markdown.
    """
    return sorted(set(LINK.findall(text)))


def all_links() -> dict[str, list[str]]:
    """Name all links to other sites, with the pages that have them."""
    found: dict[str, list[str]] = {}
    for pattern in PAGES:
        for page in sorted(ROOT.glob(pattern)):
            for link in links(page.read_text(encoding="utf-8")):
                found.setdefault(link, []).append(str(page.relative_to(ROOT)))
    return found


def broken(asked: Iterable[str]) -> dict[str, str]:
    """Ask for each link, and say what is wrong with those that do not answer.

    Args:
        asked: Addresses.
    """
    wrong = {}
    for link in asked:
        request = urllib.request.Request(link, method="HEAD", headers={"User-Agent": "rlsr-docs"})
        try:
            urllib.request.urlopen(request, timeout=20).close()
        except (urllib.error.URLError, TimeoutError) as error:
            wrong[link] = str(error)
    return wrong


def main() -> None:
    """List them, and ask where that is wanted."""
    found = all_links()
    for link, pages in found.items():
        print(f"{link}  ({', '.join(pages)})")
    if "--ask" in sys.argv[1:]:
        wrong = broken(found)
        for link, why in wrong.items():
            print(f"{link}: {why}")
        sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
