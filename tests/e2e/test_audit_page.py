"""The page of an audit in a browser, opened from disk."""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from audit_sample import ATTACKS, sample_audit, with_texts
from rlsr.report import write_audit_page

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
NASTY = (
    "<script>window.hacked = 1</script>",
    "</script><script>window.hacked = 2</script>",
    "<img src=x onerror='window.hacked = 3'>",
    "</style><svg onload='window.hacked = 4'>",
)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
)  # fmt: skip

pytestmark = pytest.mark.skipif(
    BROWSER is None or DRIVER is None,
    reason="no chromium or google-chrome with its chromedriver on the PATH",
)

Open = Callable[[Path], Chrome]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """A headless browser with nothing in its profile."""
    options = ChromeOptions()
    options.binary_location = str(BROWSER)
    for flag in FLAGS:
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # With its path given, selenium does not look for a driver on the network.
    driver = Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def show(browser: Chrome) -> Open:
    """Open a page and wait until its charts are drawn; what it says on the console fails the test."""

    screen(browser, width=1200, scheme="light")

    def show(file: Path) -> Chrome:
        console(browser)
        browser.get(file.as_uri())
        end = time.monotonic() + 60
        while time.monotonic() < end and not script(
            browser, "document.documentElement.dataset.ready"
        ):
            time.sleep(0.05)
        assert console(browser) == []
        assert script(browser, "document.documentElement.dataset.ready") == "yes"
        return browser

    return show


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the sample."""
    return write_audit_page(tmp_path_factory.mktemp("page") / "audit.html", sample_audit())


def console(browser: Chrome) -> list[str]:
    """What the page said on its console since it was last asked, as warnings or errors."""
    entries: list[dict[str, str]] = browser.get_log("browser")  # type: ignore[no-untyped-call]
    return [entry["message"] for entry in entries]


def script(browser: Chrome, expression: str) -> Any:
    return browser.execute_script(f"return {expression}")


def screen(browser: Chrome, *, width: int, scheme: str) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def shown(browser: Chrome) -> list[str]:
    """Attacks of the examples that can be seen."""
    examples = browser.find_elements(By.CSS_SELECTOR, ".example")
    return [str(row.get_attribute("data-attack")) for row in examples if row.is_displayed()]


def search(browser: Chrome, words: str) -> None:
    field = browser.find_element(By.ID, "examples-search")
    field.clear()
    field.send_keys(words)


def count(browser: Chrome) -> str:
    return browser.find_element(By.ID, "examples-count").text


def test_both_charts_are_drawn_and_nothing_is_fetched(show: Open, file: Path) -> None:
    page = show(file)
    names = script(
        page, "[...document.querySelectorAll('#attacks-chart svg text')].map(t => t.textContent)"
    )
    assert {name for name, *_ in ATTACKS} <= set(names)
    marks = page.find_elements(By.CSS_SELECTOR, "#attacks-chart .mark-symbol path")
    assert len(marks) == len(ATTACKS)
    assert len(page.find_elements(By.CSS_SELECTOR, "#rewards-chart .mark-rect path")) > 20
    assert script(page, "performance.getEntriesByType('resource').length") == 0


def test_the_examples_begin_with_the_worst_attack(show: Open, file: Path) -> None:
    page = show(file)
    assert shown(page) == ["padded"] * 3
    assert count(page) == "3 of 48 examples"


def test_choosing_an_attack_shows_its_rows(show: Open, file: Path) -> None:
    page = show(file)
    choice = Select(page.find_element(By.ID, "examples-attack"))
    choice.select_by_visible_text("negated")
    assert shown(page) == ["negated"] * 3
    choice.select_by_visible_text("all attacks")
    assert len(shown(page)) == 48
    assert count(page) == "48 examples"


def test_the_search_looks_into_all_texts_for_all_words(show: Open, file: Path) -> None:
    page = show(file)
    Select(page.find_element(By.ID, "examples-attack")).select_by_visible_text("all attacks")
    search(page, "SALZWASSER")
    assert shown(page) == ["wrong language"] * 3
    search(page, "salzwasser six")
    assert shown(page) == ["wrong language"]
    search(page, "salzwasser nowhere")
    assert shown(page) == []
    assert count(page) == "0 of 48 examples"
    Select(page.find_element(By.ID, "examples-attack")).select_by_visible_text("negated")
    search(page, "six")
    assert shown(page) == ["negated"]


def test_a_check_leads_to_its_examples(show: Open, file: Path) -> None:
    page = show(file)
    search(page, "nowhere")
    link = page.find_element(By.LINK_TEXT, "repeated")
    page.execute_script("arguments[0].click()", link)
    assert shown(page) == ["repeated"] * 3
    assert page.current_url.endswith("#examples")


def test_choosing_an_attack_draws_its_histogram(show: Open, file: Path) -> None:
    page = show(file)
    chart = page.find_element(By.ID, "rewards-chart")
    assert "attack: padded · median 0.746" in chart.text
    Select(page.find_element(By.ID, "rewards-attack")).select_by_visible_text("empty")
    end = time.monotonic() + 30
    while "attack: empty" not in chart.text and time.monotonic() < end:
        time.sleep(0.05)
    assert "attack: empty · median -1.000" in chart.text
    assert "padded" not in chart.text


def test_a_mark_tells_its_numbers_under_the_pointer(show: Open, file: Path) -> None:
    page = show(file)
    mark = page.find_element(By.CSS_SELECTOR, "#attacks-chart .mark-symbol path")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", mark)
    place = mark.rect
    move = {"type": "mouseMoved", "x": place["x"] + place["width"] / 2}
    top = script(page, "window.scrollY")
    page.execute_cdp_cmd(
        "Input.dispatchMouseEvent", {**move, "y": place["y"] - top + place["height"] / 2}
    )
    tip = page.find_element(By.ID, "vg-tooltip-element").text
    assert "share 0.000 [0.000, 0.000]" in " ".join(tip.split())
    assert console(page) == []


def test_light_and_dark_differ_and_nothing_sticks_out_of_a_phone(
    show: Open, file: Path, tmp_path: Path
) -> None:
    page = show(file)
    colours = {}
    for scheme in ("light", "dark"):
        for width in (1200, 390):
            screen(page, width=width, scheme=scheme)
            show(file)
            assert script(page, "document.documentElement.scrollWidth") == width
            picture = tmp_path / f"{scheme}-{width}.png"
            assert page.save_screenshot(str(picture))
            assert picture.stat().st_size > 20_000
        paper = script(page, "getComputedStyle(document.body).backgroundColor")
        ink = script(
            page, "getComputedStyle(document.querySelector('#attacks-chart svg text')).fill"
        )
        colours[scheme] = (paper, ink)
    assert colours == {
        "light": ("rgb(247, 247, 245)", "rgb(29, 32, 37)"),
        "dark": ("rgb(21, 23, 27)", "rgb(230, 232, 236)"),
    }


def test_a_word_without_end_sticks_out_of_no_screen(show: Open, tmp_path: Path) -> None:
    audit = with_texts(sample_audit(num_rows=20, num_examples=1), ["endless" * 100] * 4)
    page = show(write_audit_page(tmp_path / "wide.html", audit))
    for width in (1200, 390):
        screen(page, width=width, scheme="light")
        assert script(page, "document.documentElement.scrollWidth") == width


def test_texts_of_the_user_never_run(show: Open, tmp_path: Path) -> None:
    audit = with_texts(sample_audit(num_rows=20, num_examples=1), NASTY)
    page = show(write_audit_page(tmp_path / "nasty.html", audit))
    assert script(page, "window.hacked === undefined")
    words = script(
        page, "[...document.querySelectorAll('.example .words')].map(w => w.textContent)"
    )
    assert words[:4] == list(NASTY)
    assert len(page.find_elements(By.CSS_SELECTOR, "img, main script")) == 0


def test_a_page_without_charts_and_examples_opens(show: Open, tmp_path: Path) -> None:
    audit = replace(sample_audit(20, 1), checks=(), examples=(), scores={}, encoders=())
    page = show(write_audit_page(tmp_path / "bare.html", audit))
    assert "Nothing could be checked" in page.find_element(By.TAG_NAME, "h1").text
