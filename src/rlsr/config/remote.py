"""Which server is asked, and how."""

import os
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from rlsr.config.base import ConfigTable
from rlsr.errors import ConfigError

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Endpoint(ConfigTable):
    """A model behind a server of others."""

    path: ClassVar[str]
    """What is added to the address."""

    url: str
    """Address of the server, up to and with ``/v1``, as in ``http://localhost:8000/v1``."""
    model: str
    """The model's name on the server."""
    api_key_env: str | None = None
    """Name of the environment variable that holds the key; the key itself belongs into no config. Null sends none."""
    timeout_s: float = Field(default=60.0, gt=0)
    """Seconds to wait for a connection, and then for an answer."""
    retries: int = Field(default=3, ge=0, le=20)
    """How often a request is sent again, after growing pauses, where the server is not reached, busy or in trouble."""
    concurrency: int = Field(default=8, ge=1, le=256)
    """Requests under way at once."""

    @field_validator("url")
    @classmethod
    def _an_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.username is not None or parts.password is not None:
            # Not shown: what is refused here is a secret.
            raise ValueError(
                "must hold no user name and no password, since every run keeps its config; name the environment variable "
                "of a key in api_key_env"
            )
        if parts.query or parts.fragment:
            # Not shown either: a query often holds a key.
            raise ValueError(
                f"must be an address without a query (?) and a fragment (#), since {cls.path} is added; name the "
                "environment variable of a key in api_key_env"
            )
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(
                f"must be an address of http or https, as in http://localhost:8000/v1, got {url!r}"
            )
        if url.rstrip("/").endswith(cls.path):
            raise ValueError(f"must end before {cls.path}, which is added, got {url!r}")
        return url.rstrip("/")

    @field_validator("api_key_env")
    @classmethod
    def _a_name_and_no_key(cls, name: str | None) -> str | None:
        if name is not None and not _VARIABLE.fullmatch(name):
            # Not shown: it may be the key.
            raise ValueError(
                "must be the name of an environment variable, as in OPENAI_API_KEY, and not the key itself"
            )
        return name

    def read_key(self, place: str, environment: Mapping[str, str] = os.environ) -> str | None:
        """Read the key.

        Args:
            place: Where the config names the server, for messages.
            environment: Where variables are looked up.

        Returns:
            The key; None where none is sent.

        Raises:
            ConfigError: The variable is not set, or empty.
        """
        if self.api_key_env is None:
            return None
        key = environment.get(self.api_key_env, "").strip()
        if not key:
            raise ConfigError(
                f"{place}.api_key_env: the environment variable {self.api_key_env} must hold the key, but is not "
                f"set; export it, or use {place}.api_key_env=null for a server that asks for none"
            )
        return key


class Budget(ConfigTable):
    """What may be asked of a server by one run, or by one audit or forecast; a resumed run has spent what it spent before."""

    calls: int | None = Field(default=None, ge=1)
    """Questions, however often each had to be sent; answers that were kept cost none. Null is no limit."""
    tokens: int | None = Field(default=None, ge=1)
    """Tokens of prompts and answers, as the server counts them; passed by no more than the questions under way when it is used
    up. Null is no limit."""


class ChatEndpoint(Endpoint):
    """A model behind a server that speaks OpenAI's chat completions."""

    path = "/chat/completions"

    budget: Budget = Budget()
    """What may be asked. Where it is used up training ends with a checkpoint, and goes on with a larger one."""
    keep_answers: Literal["at_temperature_0", "always", "never"] = "at_temperature_0"
    """Which answers are kept on this machine, so that the same question is never paid for twice. ``at_temperature_0``: those to
    questions with ``temperature: 0``. ``always``: also those that would be drawn anew."""

    def decisive(self) -> dict[str, Any]:
        """Pick what decides what is answered, and not how it is asked for.

        Returns:
            Settings, as JSON: equal ones ask the same model the same.
        """
        return self.model_dump(mode="json", exclude=set(WAYS_OF_ASKING))


WAYS_OF_ASKING = frozenset(
    {"api_key_env", "timeout_s", "retries", "concurrency", "budget", "keep_answers"}
)
"""Settings of a server that decide how fast and how often it is asked, and not what it answers."""
