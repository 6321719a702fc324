"""A headless browser that opens pages from disk, for the tests of what is on them."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
)  # fmt: skip

Open = Callable[[Path], Chrome]

needs_browser = pytest.mark.skipif(
    BROWSER is None or DRIVER is None,
    reason="no chromium or google-chrome with its chromedriver on the PATH",
)


@contextmanager
def headless(profile: Path) -> Iterator[Chrome]:
    """Start a browser with an empty profile, and end it."""
    options = ChromeOptions()
    options.binary_location = str(BROWSER)
    for flag in FLAGS:
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={profile}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # With its path given, selenium does not look for a driver on the network.
    driver = Chrome(options=options, service=Service(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


def open_page(browser: Chrome, file: Path) -> Chrome:
    """Open a page and wait until its charts are drawn; it says nothing on the console meanwhile."""
    console(browser)
    browser.get(file.as_uri())
    end = time.monotonic() + 60
    while time.monotonic() < end and not script(browser, "document.documentElement.dataset.ready"):
        time.sleep(0.05)
    assert console(browser) == []
    assert script(browser, "document.documentElement.dataset.ready") == "yes"
    return browser


def console(browser: Chrome) -> list[str]:
    """What the page said on its console since it was last asked, as warnings or errors."""
    entries: list[dict[str, str]] = browser.get_log("browser")  # type: ignore[no-untyped-call]
    return [entry["message"] for entry in entries]


def script(browser: Chrome, expression: str) -> Any:
    """The value of an expression of JavaScript."""
    return browser.execute_script(f"return {expression}")


def screen(browser: Chrome, *, width: int, scheme: str) -> None:
    """Choose the size of the screen, and light or dark."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
