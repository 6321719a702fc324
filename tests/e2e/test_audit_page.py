"""The page of an audit in a browser, opened from disk."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from audit_sample import ATTACKS, sample_audit, with_texts
from headless_browser import Open, console, headless, needs_browser, open_page, screen, script
from rlsr.report import write_audit_page

NASTY = (
    "<script>window.hacked = 1</script>",
    "</script><script>window.hacked = 2</script>",
    "<img src=x onerror='window.hacked = 3'>",
    "</style><svg onload='window.hacked = 4'>",
)
pytestmark = needs_browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """A headless browser with nothing in its profile."""
    with headless(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture
def show(browser: Chrome) -> Open:
    """Open a page and wait until its charts are drawn; what it says on the console fails the test."""
    screen(browser, width=1200, scheme="light")

    def show(file: Path) -> Chrome:
        return open_page(browser, file)

    return show


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the sample."""
    return write_audit_page(tmp_path_factory.mktemp("page") / "audit.html", sample_audit())


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
    assert "Too little was measured" in page.find_element(By.TAG_NAME, "h1").text
