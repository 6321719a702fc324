"""The hub is asked once, and not at all where there is no network."""

import http.server
import socket
import threading
from collections.abc import Iterator

import pytest
from huggingface_hub import constants

from rlsr import hub


class _Refusing(http.server.BaseHTTPRequestHandler):
    asked = 0

    def do_HEAD(self) -> None:
        type(self).asked += 1
        self.send_response(403)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    """A hub that answers, if only that it will not."""
    _Refusing.asked = 0
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Refusing) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.fixture
def nowhere() -> str:
    """An address that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    return monkeypatch


def test_a_hub_that_answers_is_asked_once(server: str, online: pytest.MonkeyPatch) -> None:
    online.setattr(constants, "ENDPOINT", server)
    hub.prepare_for_hub()
    hub.prepare_for_hub()
    assert not constants.HF_HUB_OFFLINE
    assert _Refusing.asked == 1


def test_without_a_network_libraries_are_told_so(nowhere: str, online: pytest.MonkeyPatch) -> None:
    online.setattr(constants, "ENDPOINT", nowhere)
    datasets = pytest.importorskip("datasets")
    online.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    hub.prepare_for_hub()
    assert constants.is_offline_mode()
    assert datasets.config.HF_HUB_OFFLINE
    assert not hub.known_to_hub("org/model")


@pytest.mark.parametrize(
    ("name", "is_id"),
    [
        ("org/model", True),
        ("all-MiniLM-L6-v2", True),
        ("./no/such", False),
        ("/no/such", False),
        ("a/b/c", False),
        ("a b", False),
        ("", False),
    ],
)
def test_names_on_the_hub_have_a_form(name: str, is_id: bool) -> None:
    assert hub.is_hub_id(name) == is_id
