"""The page of a report in a browser, opened from disk."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select

from headless_browser import Open, console, headless, needs_browser, open_page, screen, script
from report_sample import (
    LOOP,
    heldout_rows,
    step_rows,
    with_texts,
    write_run,
    write_sample_comparison,
    write_sample_run,
)
from rlsr.report import write_report

NASTY = (
    "<script>window.hacked = 1</script>",
    "</script><script>window.hacked = 2</script>",
    "<img src=x onerror='window.hacked = 3'>",
    "שלום \u202e🙂 \ud83d </style><svg onload='window.hacked = 4'>",
)

pytestmark = needs_browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """A headless browser with nothing in its profile."""
    with headless(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture
def show(browser: Chrome) -> Iterator[Open]:
    """Open a page and wait until its charts are drawn; what it ever says on the console fails the test."""
    screen(browser, width=1200, scheme="light")
    yield lambda file: open_page(browser, file)
    assert console(browser) == []


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a comparison of five recipes with two seeds."""
    path = write_sample_comparison(tmp_path_factory.mktemp("c") / "compared", num_prompts=40)
    write_report(path / "report.html", [path])
    return path / "report.html"


def boxes(page: Chrome) -> list[WebElement]:
    """The prompts that can be seen, in their order."""
    found = page.find_elements(By.CSS_SELECTOR, ".prompt")
    return [box for box in found if box.is_displayed()]


def places(page: Chrome) -> list[int]:
    """Their places in the data, counted from 1."""
    return [int(box.find_element(By.CSS_SELECTOR, ".place").text) for box in boxes(page)]


def gains(page: Chrome) -> list[float]:
    texts = [box.find_element(By.CSS_SELECTOR, "summary .gain").text for box in boxes(page)]
    return [float(text.split()[-1].replace("\N{MINUS SIGN}", "-")) for text in texts]


def choose(page: Chrome, name: str, text: str) -> None:
    Select(page.find_element(By.ID, name)).select_by_visible_text(text)


def count(page: Chrome) -> str:
    return page.find_element(By.ID, "count").text


def search(page: Chrome, words: str) -> None:
    field = page.find_element(By.ID, "search")
    field.clear()
    field.send_keys(words or " ")


def until(happens: Callable[[], Any]) -> None:
    """Wait for what the browser does in its own time."""
    end = time.monotonic() + 30
    while not happens() and time.monotonic() < end:
        time.sleep(0.02)
    assert happens()


def open_box(box: WebElement) -> None:
    """Open a prompt, and wait until its content is made."""
    box.find_element(By.TAG_NAME, "summary").click()
    until(lambda: box.find_elements(By.CSS_SELECTOR, ".content"))


def press(page: Chrome, *keys: str) -> None:
    ActionChains(page).send_keys(*keys).perform()


def focused(page: Chrome) -> str:
    return str(script(page, "document.activeElement.id || document.activeElement.tagName"))


def test_every_chart_is_drawn_and_nothing_is_fetched(show: Open, file: Path) -> None:
    page = show(file)
    charts = page.find_elements(By.CSS_SELECTOR, ".chart")
    assert len(charts) > 20
    for chart in charts:
        assert chart.find_elements(By.CSS_SELECTOR, "svg"), chart.get_attribute("id")
    lines = script(
        page,
        "[...document.querySelectorAll('#chart-reward-step .mark-line path')].map(p => p.getAttribute('d'))",
    )
    assert sum(bool(line) for line in lines) == 2 * 2 + 2, (
        "two seeds of two recipes with a reward, and their means"
    )
    assert script(page, "performance.getEntriesByType('resource').length") == 0


def test_the_charts_change_between_steps_and_seconds(show: Open, file: Path) -> None:
    page = show(file)
    paths = (
        "[...document.querySelectorAll('{} .mark-line path')].map(p => p.getAttribute('d')).join()"
    )
    cosine, fixed = (
        paths.format(place) for place in ("#chart-reward-cosine", "#chart-reward-step")
    )
    before, kept = script(page, cosine), script(page, fixed)
    page.find_element(By.CSS_SELECTOR, "input[value=seconds]").click()
    until(lambda: script(page, cosine) != before)
    assert script(page, fixed) == kept


def test_the_first_prompt_is_open_with_everybodys_answer(show: Open, file: Path) -> None:
    page = show(file)
    first = boxes(page)[0]
    titles = [
        title.text.split("\n")[0].split()[0] for title in first.find_elements(By.TAG_NAME, "h4")
    ]
    assert titles == ["Prompt", "Reference", "base", "sft", "dpo", "rlsr", "sft+rlsr"]
    assert "baseline" in first.find_elements(By.TAG_NAME, "h4")[2].text
    assert len(first.find_elements(By.CSS_SELECTOR, ".scores tbody tr")) == 8
    assert first.find_element(By.CSS_SELECTOR, ".scores .chosen th").text == "similarity by an independent encoder"  # fmt: skip


def test_thirty_prompts_are_shown_and_then_all(show: Open, file: Path) -> None:
    page = show(file)
    assert len(boxes(page)) == 30
    assert count(page) == "40 prompts."
    page.find_element(By.ID, "show-all").click()
    assert len(boxes(page)) == 40
    assert not page.find_element(By.ID, "show-all").is_displayed()


@pytest.mark.slow
def test_prompts_are_sorted_by_gain_and_by_loss(show: Open, file: Path) -> None:
    page = show(file)
    page.find_element(By.ID, "show-all").click()
    assert places(page) == list(range(1, 41))
    choose(page, "order", "largest gain first")
    down = gains(page)
    assert down == sorted(down, reverse=True)
    choose(page, "order", "largest loss first")
    up = gains(page)
    assert up == sorted(up)
    assert sorted(places(page)) == list(range(1, 41))


@pytest.mark.slow
def test_a_measure_of_which_less_is_better_turns_the_gain_around(show: Open, file: Path) -> None:
    page = show(file)
    choose(page, "policy", "sft")
    choose(page, "against", "sft+rlsr")
    choose(page, "metric", "share that breaks the repetition rule")
    choose(page, "order", "largest loss first")
    assert places(page)[0] == 4, "the answer of sft that repeats itself"
    assert gains(page)[0] == -1


@pytest.mark.slow
def test_the_search_looks_into_all_texts_for_all_words(show: Open, file: Path) -> None:
    page = show(file)
    search(page, "SUNSET")
    assert places(page) == [1]
    assert count(page) == "1 of 40 prompts."
    search(page, "happy help")
    assert len(places(page)) > 1, "in answers"
    search(page, "sunset nowhere")
    assert (places(page), count(page)) == ([], "0 of 40 prompts.")
    search(page, "")
    assert len(places(page)) == 30


@pytest.mark.slow
def test_a_category_leaves_its_prompts(show: Open, file: Path) -> None:
    page = show(file)
    choose(page, "category", "list")
    found = places(page)
    assert 0 < len(found) < 30
    tags = [box.find_element(By.CSS_SELECTOR, ".tag").text for box in boxes(page)]
    assert set(tags) == {"list"}
    search(page, "toolbox")
    assert len(places(page)) == 1


@pytest.mark.slow
def test_another_seed_shows_other_answers(show: Open, file: Path) -> None:
    page = show(file)
    words = ".prompt .answers .words"
    before = [text.text for text in page.find_elements(By.CSS_SELECTOR, words)]
    first = gains(page)
    choose(page, "seed", "1")
    after = [text.text for text in page.find_elements(By.CSS_SELECTOR, words)]
    assert before[0] == after[0], "the policy before training has one seed"
    assert before[1:] != after[1:]
    assert gains(page) != first


@pytest.mark.slow
def test_everything_goes_by_keyboard(show: Open, file: Path) -> None:
    page = show(file)
    press(page, "/")
    assert focused(page) == "search"
    press(page, "cloud", Keys.TAB)
    assert places(page)[:1] == [2]
    page.execute_script("document.querySelector('.prompt:not([hidden]) summary').focus()")
    assert boxes(page)[0].get_attribute("open") is None
    press(page, Keys.ENTER)
    until(lambda: boxes(page)[0].find_elements(By.CSS_SELECTOR, ".answers"))
    assert boxes(page)[0].find_element(By.CSS_SELECTOR, ".answers").is_displayed()
    press(page, Keys.ENTER)
    assert boxes(page)[0].get_attribute("open") is None
    search(page, "")
    page.execute_script("document.querySelector('.prompt summary').focus()")
    press(page, Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_UP, Keys.SPACE)
    assert boxes(page)[1].get_attribute("open") is not None


def test_a_repeated_passage_is_marked(show: Open, file: Path) -> None:
    page = show(file)
    fourth = boxes(page)[3]
    open_box(fourth)
    marks = fourth.find_elements(By.TAG_NAME, "mark")
    assert len(marks) == 3, "of base, sft and dpo"
    assert (LOOP * 5).strip() in marks[0].text
    assert "breaks the repetition rule" in fourth.text


@pytest.mark.slow
def test_light_and_dark_differ_and_nothing_sticks_out_of_a_phone(show: Open, file: Path) -> None:
    page = show(file)
    colours = {}
    for scheme in ("light", "dark"):
        for width in (1200, 390):
            screen(page, width=width, scheme=scheme)
            show(file)
            assert script(page, "document.documentElement.scrollWidth") == width
        ink = "getComputedStyle(document.querySelector('#chart-reward-step svg text')).fill"
        line = (
            "getComputedStyle(document.querySelector('#chart-reward-step .mark-line path')).stroke"
        )
        paper = "getComputedStyle(document.body).backgroundColor"
        colours[scheme] = [script(page, expression) for expression in (paper, ink, line)]
    assert colours["light"][:2] == ["rgb(247, 247, 245)", "rgb(29, 32, 37)"]
    assert colours["dark"][:2] == ["rgb(21, 23, 27)", "rgb(230, 232, 236)"]
    assert colours["light"][2] != colours["dark"][2]


def test_on_paper_there_are_open_prompts_and_no_controls(show: Open, file: Path) -> None:
    page = show(file)
    screen(page, width=1200, scheme="dark")
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert len(boxes(page)) == 1
        for control in (".filters", ".choice", "#show-all", ".keys"):
            assert not page.find_element(By.CSS_SELECTOR, control).is_displayed()
        assert script(page, "getComputedStyle(document.body).color") == "rgb(29, 32, 37)"
        pdf = page.execute_cdp_cmd("Page.printToPDF", {})["data"]
        assert base64.b64decode(pdf).startswith(b"%PDF")
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_texts_of_the_user_never_run(show: Open, tmp_path: Path) -> None:
    rows = [
        with_texts([row], {"id": text, "category": text, "prompt": text, "reference": text, "response": text})[0]
        for row, text in zip(heldout_rows(0.5, len(NASTY)), NASTY, strict=True)
    ]  # fmt: skip
    path = write_run(tmp_path / "<img src=x>", before=rows, after=rows, steps=step_rows(2))
    write_report(tmp_path / "nasty.html", [path])
    page = show(tmp_path / "nasty.html")
    for box in boxes(page)[1:]:
        open_box(box)
    words = script(
        page,
        "[...document.querySelectorAll('.prompt .words')].map(w => JSON.stringify(w.textContent))",
    )
    assert len(words) == 4 * len(NASTY)
    assert list(map(json.loads, words)) == [text for text in NASTY for _ in range(4)]
    assert script(page, "window.hacked === undefined")
    assert page.find_elements(By.CSS_SELECTOR, "img, main script") == []


def test_a_word_without_end_sticks_out_of_no_screen(show: Open, tmp_path: Path) -> None:
    rows = with_texts(heldout_rows(0.5, 2), {"prompt": "endless" * 100, "response": "w" * 900})
    path = write_run(tmp_path / ("n" * 150), before=rows, after=rows, steps=step_rows(2))
    write_report(tmp_path / "wide.html", [path])
    page = show(tmp_path / "wide.html")
    for width in (1200, 390):
        screen(page, width=width, scheme="light")
        assert script(page, "document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("kind", ["one step", "no evaluation", "no steps", "unfinished comparison"])
def test_what_is_not_there_leaves_the_page_whole(show: Open, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "run"
    if kind == "one step":
        write_sample_run(path, num_prompts=1, num_steps=1)
    elif kind == "no evaluation":
        write_run(path, steps=step_rows(3, method="sft"), method="sft", complete=False)
    elif kind == "no steps":
        write_run(path, after=heldout_rows(0.5, 3))
    else:
        write_sample_comparison(path, complete=False, seeds=(0, 1))
        (path / "runs" / "sft+rlsr" / "seed-1" / "2-rlsr" / "metrics.jsonl").unlink()
    write_report(tmp_path / "page.html", [path])
    page = show(tmp_path / "page.html")
    assert page.find_element(By.ID, "results").is_displayed()
