"""Keys and passwords: found in settings, which every run keeps, and taken out of what is logged, printed and written down.

No run needs a secret in its config: a setting names the environment variable that holds it. What libraries and other people's
code say of their failures may still hold one, as an address with its query or the value of such a variable.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

REDACTED = "[secret]"
"""Stands where a secret stood."""

# The end of a name; what stands before it is left to each pattern, since a search from every letter on would take long.
_NAME = (
    r"(?:api[_-]?key|access[_-]?key|private[_-]?key|secret|password|passwd|passphrase|credentials?|authorization"
    r"|(?:hub|hf|auth|access|api|bearer|refresh|session|github|gitlab)[_-]?token|(?<![\w-])token)"
)
_NAMES_A_SECRET = re.compile(rf"[\w-]*{_NAME}", re.IGNORECASE)
_VARIABLE_OF_ONE = re.compile(
    r"(?:.*_)?(?:TOKEN|KEY|SECRET|PASSWORD|PASSWD|CREDENTIALS?|PAT)", re.IGNORECASE
)
# Shorter ones are hardly secrets, and would be found inside of words.
_SHORTEST = 8
_SHORTEST_TOKEN = 16

# What is not there any more is not looked for again.
_KEPT = rf"(?!{re.escape(REDACTED)})"
_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # Of an address: who asks, and what its query says.
        rf"(?P<before>\b[a-z][a-z0-9+.-]{{1,20}}://){_KEPT}[^\s/@'\"]+(?=@)",
        rf"(?P<before>[?&](?:[\w-]*{_NAME}|key|sig|signature)=){_KEPT}[^\s&#'\"]+",
        # Of a setting or a table.
        rf"(?P<before>{_NAME}['\"]?\s*=\s*['\"]?){_KEPT}[^\s'\",;&}}\]]+",
        rf"(?P<before>(?:(?P<quote>['\"])[\w-]*{_NAME}(?P=quote)|[{{,]\s*[\w-]*{_NAME})\s*:\s*['\"]?){_KEPT}[^\s'\",;}}\]]+",
        r"(?P<before>\b(?:bearer|basic)\s+)(?=[^\s'\"]*\d)[\w.~+/=-]{8,}",
        # By the way that their makers write them.
        r"(?P<before>)(?-i:\bsk-[\w-]{16,}|\bhf_[A-Za-z0-9]{16,}|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}|\bAKIA[0-9A-Z]{16}\b"
        r"|\bAIza[\w-]{30,}|\bxox[abprs]-[\w-]{10,}|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,})",
    )
)


def redact(
    text: str, *, known: Iterable[str] = (), environment: Mapping[str, str] = os.environ
) -> str:
    """Take the secrets out of a text.

    Args:
        text: For people or for a file.
        known: Secrets that the caller knows of.
        environment: Its variables that are named like secrets hold some.

    Returns:
        The text with ``[secret]`` in the place of each.
    """
    held = (value for name, value in environment.items() if _VARIABLE_OF_ONE.fullmatch(name))
    # A path names a file with a secret, and is none.
    values = {value for value in held if len(value) >= _SHORTEST and not value.startswith("/")}
    for secret in sorted({*values, *known}, key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    for pattern in _PATTERNS:
        text = pattern.sub(rf"\g<before>{REDACTED}", text)
    return text


def places_of_secrets(settings: Any, place: str = "") -> Iterator[str]:
    """Look for secrets in settings.

    Args:
        settings: A table, as configs have it.
        place: Where it stands, with dots between the keys.

    Yields:
        The place of each text that is a secret, or that stands where one would.
    """
    if isinstance(settings, Mapping):
        parts: Iterable[tuple[object, Any]] = settings.items()
    elif isinstance(settings, list | tuple):
        parts = enumerate(settings)
    else:
        if isinstance(settings, str) and _is_secret(place.rpartition(".")[2], settings):
            yield place
        return
    for key, value in parts:
        yield from places_of_secrets(value, f"{place}.{key}" if place else str(key))


def _is_secret(name: str, text: str) -> bool:
    if redact(text) != text:
        return True
    if _NAMES_A_SECRET.fullmatch(name) is None:
        return False
    # A token may also be what a tokenizer makes.
    is_long = len(text) >= _SHORTEST_TOKEN and not re.search(r"\s", text)
    return is_long if name.lower() == "token" else bool(text.strip())
