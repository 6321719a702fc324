"""An exported directory as a repository on the Hugging Face hub."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rlsr.errors import ConfigError, RemoteError
from rlsr.hub import prepare_for_hub
from rlsr.secrets import redact

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)


def require_repository(name: str) -> None:
    """Refuse what is no name of a repository.

    Args:
        name: As written.

    Raises:
        ConfigError: It has another form.
    """
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined] # it is, late

    try:
        validate_repo_id(name)
        is_one = _REPOSITORY.fullmatch(name) is not None
    except HFValidationError:
        is_one = False
    if not is_one:
        raise ConfigError(
            f"--push: must be ORG/NAME, of letters, digits, '-', '_' and '.', got {name!r}; ORG is you or your organisation on the hub"
        )


def require_token() -> str:
    """Find the token of the user; it comes from the environment or from a login, and is never asked for.

    Raises:
        ConfigError: There is none.
    """
    from huggingface_hub import get_token

    token = get_token()
    if token is None:
        raise ConfigError(
            "--push: needs a token of the Hugging Face hub that may write; make one at https://huggingface.co/settings/tokens, then run "
            "`hf auth login`, or set HF_TOKEN in the environment. --dry-run needs none"
        )
    return token


def require_hub() -> None:
    """Refuse to push where the hub cannot be reached.

    Raises:
        RemoteError: It cannot.
    """
    from huggingface_hub import constants

    prepare_for_hub()
    if constants.HF_HUB_OFFLINE:
        raise RemoteError(
            f"--push: {constants.ENDPOINT} cannot be reached, or HF_HUB_OFFLINE is set; mend that, or leave --push out and upload the directory later: "
            "hf upload ORG/NAME DIR"
        )


def push(directory: Path, name: str, files: Sequence[str], *, private: bool, token: str) -> str:
    """Upload files of a directory in one commit; the repository is made where it is not there.

    Args:
        directory: Exported.
        name: Of the repository.
        files: Those that are uploaded, relative to the directory.
        private: Whether others must not see it.
        token: The user's.

    Returns:
        The address of the commit.

    Raises:
        ConfigError: It is to be private, and is there and public.
        RemoteError: The hub refuses, or cannot be reached.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    api: Any = HfApi(token=token, library_name="rlsr")
    try:
        api.create_repo(name, private=private or None, exist_ok=True)
        if private and not api.model_info(name).private:
            raise ConfigError(
                f"--private: {name} is there already and is public, so that nothing was uploaded; make it private on the hub, or name another one"
            )
        commit = api.upload_folder(
            repo_id=name,
            folder_path=directory,
            allow_patterns=list(files),
            commit_message="Upload a model trained by rlsr",
        )
    except (HfHubHTTPError, OSError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        reason = " ".join(str(error).split()) or type(error).__name__
        raise RemoteError(
            f"--push: the hub has not taken {name}: {redact(reason, known=[token]).rstrip('.')}. {directory} is written; once that is mended: hf upload {name} "
            f"{directory}"
        ) from error
    return str(commit.commit_url)
