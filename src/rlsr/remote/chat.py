"""A client of servers that speak OpenAI's chat completions.

The requests are made by ``requests`` and repeated by urllib3. ``huggingface_hub.InferenceClient`` would do both, but refuses any
server, also one on the same machine, where ``HF_HUB_OFFLINE`` is set, and sends the hub's token to a server without a key.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rlsr.config.remote import ChatEndpoint
from rlsr.errors import MissingPackageError, RemoteError
from rlsr.secrets import redact

if TYPE_CHECKING:
    import requests

BUSY_OR_IN_TROUBLE = (408, 429, 500, 502, 503, 504)
"""Status codes after which the same request may succeed."""

_LONGEST_PAUSE_S = 30
_LONGEST_WISH_S = 120
_SHOWN_CHARACTERS = 300


@dataclass(frozen=True)
class Answer:
    """What came of one request."""

    text: str | None
    """What the model wrote; None where the request failed after all its retries."""
    cause: str = ""
    """Why it failed."""


class ChatClient:
    """Asks a model behind a server, several requests at a time.

    Args:
        config: Which server and model, and how they are asked.
        place: Where the config names them, for messages.
        afterwards: What a person does once an error is put right, as the end of the sentence "do this, then ...".

    Raises:
        ConfigError: The environment variable of the key is not set.
        MissingPackageError: requests is not installed.
    """

    def __init__(self, config: ChatEndpoint, place: str, afterwards: str) -> None:
        self._config = config
        self._place = place
        self._afterwards = afterwards
        key = config.read_key(place)
        self._secrets = () if key is None else (key,)
        self._session = _open_session(config, key)

    def ask(self, bodies: Sequence[Mapping[str, Any]]) -> list[Answer]:
        """Ask several things at once.

        Args:
            bodies: What each request says besides the model: ``messages``, ``max_tokens``, ``temperature`` and the like.

        Returns:
            The answers, in the order of the requests.

        Raises:
            RemoteError: The server refuses the key, or knows no such model; the others are not asked any more.
        """
        if not bodies:
            return []
        with ThreadPoolExecutor(self._config.concurrency) as pool:
            tasks = [pool.submit(self._ask, body) for body in bodies]
            try:
                return [task.result() for task in tasks]
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

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

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _ask(self, body: Mapping[str, Any]) -> Answer:
        import requests

        try:
            response = self._session.post(
                f"{self._config.url}/chat/completions",
                json={"model": self._config.model, **body},
                timeout=self._config.timeout_s,
            )
        except requests.RequestException as error:
            return Answer(None, redact(str(error), known=self._secrets))
        if response.status_code in {401, 403}:
            name = self._config.api_key_env
            way_out = f"check the key in {name}" if name else "name the variable that holds a key"
            raise self.error("api_key_env", "access is refused", self._shown(response), way_out)
        if response.status_code == 404:
            way_out = f"check the address, and that the server has {self._config.model!r}"
            raise self.error("model", "not found", self._shown(response), way_out)
        if not response.ok:
            return Answer(None, self._shown(response))
        return self._read_answer(response)

    def _read_answer(self, response: "requests.Response") -> Answer:
        try:
            content: Any = response.json()["choices"][0]["message"]["content"]
        except (ValueError, LookupError, TypeError):
            return Answer(None, f"no chat completion in the answer: {self._shown(response)}")
        # A model that ends at once has nothing to say: an answer, and no formula.
        return Answer(content if isinstance(content, str) else "")

    def _shown(self, response: "requests.Response") -> str:
        """Say what a server answered, which may be what it was asked with."""
        text = redact(" ".join(response.text.split()), known=self._secrets)
        return f"status {response.status_code}, {text[:_SHOWN_CHARACTERS] or 'no text'}"


def _open_session(config: ChatEndpoint, key: str | None) -> "requests.Session":
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
