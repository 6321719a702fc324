"""The docs site as it is built: strictly, whole without a network, and with a search that works from disk."""

import os
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest

from headless_browser import console, headless, needs_browser, script

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, of which no link is broken: `--strict` says so of pages and of anchors."""
    for module in ("mkdocs", "material", "mkdocstrings"):
        pytest.importorskip(module, reason="pip install 'rlsr[docs]'")
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(out)]  # fmt: skip
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT / "src")}
    built = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return out


class Loaded(HTMLParser):
    """What a page loads by itself, links that are only followed left out."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag in {"script", "img", "iframe", "source", "video"}:
            self.addresses.append(found.get("src") or "")
        if tag == "link" and found.get("rel") not in {"canonical", "next", "prev"}:
            self.addresses.append(found.get("href") or "")


@pytest.mark.slow
def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 40
    for page in pages:
        loaded = Loaded()
        loaded.feed(page.read_text(encoding="utf-8"))
        assert [one for one in loaded.addresses if "//" in one] == [], page
    for sheet in site.rglob("*.css"):
        assert "url(http" not in sheet.read_text(encoding="utf-8"), sheet


@pytest.mark.slow
def test_the_site_has_what_is_made_from_the_program(site: Path) -> None:
    assert "--dry-run" in (site / "commands.html").read_text(encoding="utf-8")
    assert "open_reward" in (site / "reference.html").read_text(encoding="utf-8")
    shown = (site / "src" / "rlsr" / "auditing" / "thresholds.py.html").read_text(encoding="utf-8")
    assert "src/rlsr/auditing/thresholds.py" in shown


@needs_browser
@pytest.mark.slow
def test_the_search_works_from_disk(site: Path, tmp_path: Path) -> None:
    with headless(tmp_path / "profile") as browser:
        browser.get((site / "index.html").as_uri() + "?q=pigeonhole")
        end = time.monotonic() + 120
        found: list[str] = []
        while not found and time.monotonic() < end:
            time.sleep(0.5)
            found = script(browser, "[...document.querySelectorAll('.md-search-result__item a')].map(one => one.href)")  # fmt: skip
        assert any("recipes.html" in address for address in found), found
        loaded = script(browser, "performance.getEntriesByType('resource').map(one => one.name)")
        assert [address for address in loaded if address.startswith("http")] == []
        assert console(browser) == []
