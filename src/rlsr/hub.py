"""The Hugging Face hub, asked once whether it is there: without a network its libraries ask for minutes, and print every try."""

import logging
import os
import re
import sys
import urllib.error
import urllib.request
from functools import cache

logger = logging.getLogger(__name__)

TIMEOUT_S = 5.0
"""How long the hub may take to answer the first time."""

_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")


def is_hub_id(name: str) -> bool:
    """Say whether a name has the form of a model or dataset on the hub, as in ``org/name``.

    Args:
        name: Any name.
    """
    return _ID.fullmatch(name) is not None


def prepare_for_hub() -> None:
    """Before something is looked up on the hub, see whether it answers; if not, only what was loaded before is used."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE or hub_answers(constants.ENDPOINT):
        return
    # Libraries that are imported later read the first; the others ask the second, and datasets keeps its own.
    os.environ["HF_HUB_OFFLINE"] = "1"
    constants.HF_HUB_OFFLINE = True
    datasets = sys.modules.get("datasets.config")
    if datasets is not None:
        vars(datasets)["HF_HUB_OFFLINE"] = True


@cache
def hub_answers(address: str) -> bool:
    """Ask a hub once in a process for its first page.

    Args:
        address: Of the hub, beginning with http.

    Returns:
        Whether it has answered, whatever it said.
    """
    try:
        with urllib.request.urlopen(
            urllib.request.Request(address, method="HEAD"), timeout=TIMEOUT_S
        ):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError as error:
        logger.info("%s cannot be reached: %s", address, error)
        return False


def in_hub_cache(name: str, revision: str | None = None) -> bool:
    """Say whether a model was loaded from the hub before.

    Args:
        name: Its id.
        revision: Of it; None is the newest that was loaded.
    """
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(name, "config.json", revision=revision), str)


def known_to_hub(name: str) -> bool:
    """Ask whether the hub has a model, where it answers.

    Args:
        name: Its id.

    Returns:
        False where it says that it has none, and where there is no hub to ask.
    """
    from huggingface_hub import constants, repo_exists

    prepare_for_hub()
    return not constants.HF_HUB_OFFLINE and bool(repo_exists(name))
