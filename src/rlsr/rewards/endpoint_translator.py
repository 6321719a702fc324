"""Formulas by a model behind a server that speaks OpenAI's chat completions.

The requests are made by ``requests`` and repeated by urllib3. ``huggingface_hub.InferenceClient`` would do both, but refuses any
server, also one on the same machine, where ``HF_HUB_OFFLINE`` is set, and sends the hub's token to a server without a key.
"""

import json
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rlsr.config.translator import EndpointTranslator
from rlsr.errors import MissingPackageError, TranslationError
from rlsr.rewards.translation import Translator

if TYPE_CHECKING:
    import requests

logger = logging.getLogger(__name__)

BUSY_OR_IN_TROUBLE = (408, 429, 500, 502, 503, 504)
"""Status codes after which the same request may succeed."""

# Where all fail: few are asked about once the others are known, and these may be what the server cannot read.
_EASY_TEXT = "All cats are animals."

_LONGEST_PAUSE_S = 30
_LONGEST_WISH_S = 120
_SHOWN_CHARACTERS = 300


@dataclass(frozen=True)
class _Answer:
    """What came of one request."""

    text: str | None
    """What the model wrote; None where the request failed."""
    cause: str = ""
    """Why it failed."""


class EndpointTranslatorClient(Translator):
    """A model behind a server.

    Args:
        config: Which server and model, and how they are asked.

    Raises:
        ConfigError: The environment variable of the key is not set.
        MissingPackageError: requests is not installed.
    """

    def __init__(self, config: EndpointTranslator) -> None:
        self._config = config
        self._session = _open_session(config, config.read_key())

    @property
    def identity(self) -> str:
        """Address, model, prompt and length limit; what the server runs under the model's name is not known."""
        settings = self._config.model_dump(include={"url", "model", "prompt", "max_tokens"})
        return "endpoint " + json.dumps(settings, sort_keys=True)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def translate(self, texts: Sequence[str]) -> list[str | None]:
        """Translate texts, several at a time.

        Args:
            texts: Any texts.

        Returns:
            What the model wrote, in the order of the texts; None where the request failed after all its retries.

        Raises:
            TranslationError: The server refuses the key or knows no such model, or every request failed, that about a plain
                sentence, too.
        """
        if not texts:
            return []
        with ThreadPoolExecutor(self._config.concurrency) as pool:
            tasks = [pool.submit(self._ask, text) for text in texts]
            try:
                answers = [task.result() for task in tasks]
            finally:
                # After a refusal the others are not asked any more.
                pool.shutdown(wait=False, cancel_futures=True)
        failed = [answer for answer in answers if answer.text is None]
        if len(failed) == len(answers) and self._ask(_EASY_TEXT).text is None:
            raise self._error(
                "url",
                f"none of {len(answers)} texts could be translated",
                failed[0].cause,
                "see that the server runs and can keep up",
            )
        if failed:
            logger.warning(
                "%d of %d texts could not be translated by %s and are left unscored; the first one: %s",
                len(failed),
                len(answers),
                self._config.url,
                failed[0].cause,
            )
        return [answer.text for answer in answers]

    def _ask(self, text: str) -> _Answer:
        import requests

        body: dict[str, Any] = {
            "model": self._config.model,
            "messages": [{"role": "user", "content": self._config.question(text)}],
            "max_tokens": self._config.max_tokens,
            "temperature": 0,
        }
        try:
            response = self._session.post(
                f"{self._config.url}/chat/completions", json=body, timeout=self._config.timeout_s
            )
        except requests.RequestException as error:
            return _Answer(None, str(error))
        if response.status_code in {401, 403}:
            name = self._config.api_key_env
            way_out = f"check the key in {name}" if name else "name the variable that holds a key"
            raise self._error("api_key_env", "access is refused", _shown(response), way_out)
        if response.status_code == 404:
            way_out = f"check the address, and that the server has {self._config.model!r}"
            raise self._error("model", "not found", _shown(response), way_out)
        if not response.ok:
            return _Answer(None, _shown(response))
        return _read_answer(response)

    def _error(self, setting: str, what: str, cause: str, way_out: str) -> TranslationError:
        return TranslationError(
            f"reward.translator.{setting}: {what} at {self._config.url} ({cause}); {way_out}, then go on with --resume: what "
            "was translated before is kept"
        )


def _open_session(config: EndpointTranslator, key: str | None) -> "requests.Session":
    try:
        import requests
        from requests.adapters import HTTPAdapter
        from urllib3 import Retry
    except ImportError as error:
        raise MissingPackageError(
            "requests", "ask a translator behind an address", "pip install 'rlsr[logic]'"
        ) from error
    retry = Retry(
        total=config.retries,
        backoff_factor=0.5,
        backoff_max=_LONGEST_PAUSE_S,
        retry_after_max=_LONGEST_WISH_S,
        status_forcelist=BUSY_OR_IN_TROUBLE,
        allowed_methods=None,  # translating a text twice does no harm
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


def _read_answer(response: "requests.Response") -> _Answer:
    try:
        content: Any = response.json()["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError):
        return _Answer(None, f"no chat completion in the answer: {_shown(response)}")
    # A model that ends at once has nothing to say: an answer, and no formula.
    return _Answer(content if isinstance(content, str) else "")


def _shown(response: "requests.Response") -> str:
    text = " ".join(response.text.split())
    return f"status {response.status_code}, {text[:_SHOWN_CHARACTERS] or 'no text'}"
