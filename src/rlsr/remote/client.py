"""What every client of an OpenAI-compatible server has: its connections, its key, its retries, and what is said when it fails.

The requests are made by ``requests`` and repeated by urllib3. ``huggingface_hub.InferenceClient`` would do both, but refuses any
server, also one on the same machine, where ``HF_HUB_OFFLINE`` is set, and sends the hub's token to a server without a key.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from rlsr.config.remote import Endpoint
from rlsr.errors import MissingPackageError, RemoteError
from rlsr.secrets import redact

if TYPE_CHECKING:
    import requests

BUSY_OR_IN_TROUBLE = (408, 429, 500, 502, 503, 504)
"""Status codes after which the same request may succeed."""

_LONGEST_PAUSE_S = 30
_LONGEST_WISH_S = 120
_SHOWN_CHARACTERS = 300

Asked = TypeVar("Asked")
Said = TypeVar("Said")


@dataclass(frozen=True)
class Reply:
    """What came of one request."""

    content: Any
    """The JSON of the answer; None where the request failed after all its retries."""
    cause: str = ""
    """Why it failed."""
    status: int | None = None
    """What the server said of it; None where it was not reached."""


class Client:
    """Posts JSON to a server, several requests at a time.

    Args:
        config: Which server and model, and how they are asked.
        place: Where the config names them, for messages.
        afterwards: What a person does once an error is put right, as the end of the sentence "do this, then ...".

    Raises:
        ConfigError: The environment variable of the key is not set.
        MissingPackageError: requests is not installed.
    """

    def __init__(self, config: Endpoint, place: str, afterwards: str) -> None:
        self._config = config
        self._place = place
        self._afterwards = afterwards
        key = config.read_key(place)
        self._secrets = () if key is None else (key,)
        self._session = _open_session(config, key)

    def each(self, ask: Callable[[Asked], Said], things: Sequence[Asked]) -> list[Said]:
        """Ask several things at once.

        Args:
            ask: Makes one request.
            things: What is asked.

        Returns:
            The answers, in the order of the things.

        Raises:
            RemoteError: The server refuses the key, or knows no such model; the others are not asked any more.
        """
        if not things:
            return []
        with ThreadPoolExecutor(self._config.concurrency) as pool:
            tasks = [pool.submit(ask, thing) for thing in things]
            try:
                return [task.result() for task in tasks]
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def post(self, body: Mapping[str, Any]) -> Reply:
        """Make one request.

        Args:
            body: What it says besides the model.

        Returns:
            What the server answered, of any shape.

        Raises:
            RemoteError: The server refuses the key, or knows no such model.
        """
        import requests

        try:
            response = self._session.post(
                self._config.url + self._config.path,
                json={"model": self._config.model, **body},
                timeout=self._config.timeout_s,
            )
        except requests.RequestException as error:
            return Reply(None, self.redacted(str(error)))
        shown = f"status {response.status_code}, {self.shown(response.text)}"
        if response.status_code in {401, 403}:
            name = self._config.api_key_env
            way_out = f"check the key in {name}" if name else "name the variable that holds a key"
            raise self.error("api_key_env", "access is refused", shown, way_out)
        if response.status_code == 404:
            way_out = f"check the address, and that the server has {self._config.model!r}"
            raise self.error("model", "not found", shown, way_out)
        if not response.ok:
            return Reply(None, shown, response.status_code)
        try:
            return Reply(response.json(), shown, response.status_code)
        except ValueError:
            return Reply(None, f"no JSON in the answer: {shown}", response.status_code)

    def error(self, setting: str, what: str, cause: str, way_out: str) -> RemoteError:
        """Say of a server that it cannot be used.

        Args:
            setting: The setting to look at.
            what: The rule that is broken, or what has happened.
            cause: What the server said, or why it could not.
            way_out: What to do about it.

        Returns:
            The error, to be raised.
        """
        return RemoteError(
            f"{self._place}.{setting}: {what} at {self._config.url} ({cause}); {way_out}, then {self._afterwards}"
        )

    def shown(self, text: str) -> str:
        """Shorten what a server answered, which may be what it was asked with."""
        line = self.redacted(" ".join(text.split()))
        return line[:_SHOWN_CHARACTERS] or "no text"

    def redacted(self, text: str) -> str:
        """Take secrets out of what a server answered, its own key among them."""
        return redact(text, known=self._secrets)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


def _open_session(config: Endpoint, key: str | None) -> "requests.Session":
    try:
        import requests
        from requests.adapters import HTTPAdapter
        from urllib3 import Retry
    except ImportError as error:
        raise MissingPackageError(
            "requests", "ask a server", "pip install 'rlsr[logic]'"
        ) from error
    retry = Retry(
        total=config.retries,
        backoff_factor=0.5,
        backoff_max=_LONGEST_PAUSE_S,
        retry_after_max=_LONGEST_WISH_S,
        status_forcelist=BUSY_OR_IN_TROUBLE,
        allowed_methods=None,  # asking twice does no harm
        raise_on_status=False,
    )
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=config.concurrency, max_retries=retry))

    def authorize(request: "requests.PreparedRequest") -> "requests.PreparedRequest":
        if key is not None:
            request.headers["Authorization"] = f"Bearer {key}"
        return request

    # Without one of its own, requests would send what ~/.netrc has for the server.
    session.auth = authorize
    return session
