"""A page that is followed, in a browser: it loads itself again, and keeps what the reader has chosen."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium.common.exceptions import JavascriptException, WebDriverException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from growing_run import own
from headless_browser import console, headless, needs_browser, open_page, screen, script
from report_sample import QUALITY, heldout_rows, step_rows, write_run
from rlsr.report.report_data import read_report_data
from rlsr.report.report_page import Renewal, report_page, write_report
from rlsr.report.text_file import write_text
from rlsr.runs.json_file import append_json_line

pytestmark = [needs_browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with headless(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


def wait(until: Callable[[], object], timeout_s: float = 60) -> None:
    ends = time.monotonic() + timeout_s
    while time.monotonic() < ends:
        try:
            if until():
                return
        except (JavascriptException, WebDriverException):
            pass  # in the middle of a page that goes
        time.sleep(0.05)
    raise AssertionError("it never came")


def begin(path: Path) -> Path:
    return write_run(
        path,
        before=heldout_rows(QUALITY["base"], 40),
        after=heldout_rows(QUALITY["rlsr"], 40),
        steps=step_rows(6),
        complete=False,
    )


def test_place_search_and_choices_stay(tmp_path: Path, browser: Chrome) -> None:
    path = begin(tmp_path / "run")
    file = path / "report.html"
    screen(browser, width=1200, scheme="light")

    def write(step: int, seconds: float) -> None:
        write_text(
            file,
            report_page(read_report_data([path]), Renewal(f"Running, as of step {step}", seconds)),
        )

    write(6, 20)
    open_page(browser, file)
    search = browser.find_element(By.ID, "search")
    search.send_keys("the")
    Select(browser.find_element(By.ID, "order")).select_by_visible_text("largest loss first")
    browser.find_element(By.CSS_SELECTOR, "input[value=seconds]").click()
    boxes = [box for box in browser.find_elements(By.CSS_SELECTOR, ".prompt") if box.is_displayed()]
    browser.execute_script("arguments[0].open = true", boxes[7])
    browser.execute_script("arguments[0].scrollIntoView()", boxes[7])
    number = boxes[7].find_element(By.CSS_SELECTOR, ".place").text
    order = script(browser, "[...document.querySelectorAll('.prompt')].map((one) => one.querySelector('.place').textContent)")  # fmt: skip
    for row in step_rows(30)[6:]:
        append_json_line(path / "metrics.jsonl", {**row, "reward/new_part": 0.5})
    write(30, 5)
    wait(lambda: "as of step 30" in browser.find_element(By.CSS_SELECTOR, ".renewal").text)
    wait(lambda: script(browser, "document.documentElement.dataset.putBack") == "yes")
    assert script(browser, "document.getElementById('search').value") == "the"
    assert script(browser, "document.getElementById('order').selectedOptions[0].textContent") == "largest loss first"  # fmt: skip
    assert script(browser, "document.querySelector('input[value=seconds]').checked")
    assert script(browser, "[...document.querySelectorAll('.prompt')].map((one) => one.querySelector('.place').textContent)") == order  # fmt: skip
    (box,) = [box for box in browser.find_elements(By.CSS_SELECTOR, ".prompt") if box.find_element(By.CSS_SELECTOR, ".place").text == number]  # fmt: skip
    assert box.get_attribute("open")
    top = browser.execute_script("return arguments[0].getBoundingClientRect().top", box)
    assert abs(top) < 60, (
        "the page has become longer above, and what was read stands where it stood"
    )
    # The last page is loaded once more and stays.
    write_report(file, [path])
    wait(lambda: not browser.find_elements(By.CSS_SELECTOR, ".renewal"))
    wait(lambda: script(browser, "document.documentElement.dataset.putBack") == "yes")
    assert script(browser, "document.getElementById('search').value") == "the"
    assert script(browser, "document.documentElement.dataset.renewal") is None
    assert console(browser) == []


def test_the_command_follows_a_run_to_its_end(tmp_path: Path) -> None:
    path = begin(tmp_path / "run")
    worker = subprocess.Popen(["sleep", "600"])
    own(path, pid=worker.pid)
    command = [sys.executable, "-m", "rlsr.cli.main", "report", str(path), "--follow"]
    follower = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        wait((path / "report.html").exists, 120)
        assert "data-renewal=" in (path / "report.html").read_text(encoding="utf-8")
    finally:
        worker.kill()
        worker.wait()
    out, err = follower.communicate(timeout=120)
    assert follower.returncode == 0, err
    assert "following: open" in out
    assert "is not complete: 6 steps so far" in err
    assert "data-renewal=" not in (path / "report.html").read_text(encoding="utf-8")
