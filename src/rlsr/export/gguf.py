"""A GGUF file of an exported model, by llama.cpp's own converter."""

import logging
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlsr.errors import ConfigError, MissingPackageError, ModelError
from rlsr.models.weight_files import Dtype
from rlsr.runs.json_file import read_json

logger = logging.getLogger(__name__)

CONVERTER = "convert_hf_to_gguf.py"
VARIABLE = "LLAMA_CPP"
"""The environment variable that names a checkout of llama.cpp."""

_INSTALL = (
    "git clone --depth 1 https://github.com/ggml-org/llama.cpp && python3 -m venv llama.cpp/.venv && "
    "llama.cpp/.venv/bin/pip install -r llama.cpp/requirements/requirements-convert_hf_to_gguf.txt && "
    f"export {VARIABLE}=$PWD/llama.cpp"
)
_READ_BASE = (
    "import sys, gguf\n"
    "fields = gguf.GGUFReader(sys.argv[1]).fields\n"
    "print(*[float(fields[name].parts[-1][0]) for name in fields if name.endswith('.rope.freq_base')] or [10000.0])"
)
_ROUNDING = 1e-5
"""The file has it in float32."""

_TYPES: Mapping[Dtype, str] = {"bfloat16": "bf16", "float16": "f16", "float32": "f32"}


def find_converter(environment: Mapping[str, str] = os.environ) -> Path:
    """Find llama.cpp's converter.

    Args:
        environment: Its ``LLAMA_CPP`` names a checkout, its ``PATH`` is searched else.

    Raises:
        ConfigError: ``LLAMA_CPP`` names a directory without it.
        MissingPackageError: It is nowhere.
    """
    checkout = environment.get(VARIABLE)
    if checkout:
        converter = Path(checkout) / CONVERTER
        if not converter.is_file():
            raise ConfigError(
                f"{VARIABLE}: must be a checkout of llama.cpp, got {checkout}, which has no {CONVERTER}; correct it, or unset it"
            )
        return converter
    found = shutil.which(CONVERTER, path=environment.get("PATH"))
    if found is None:
        raise MissingPackageError(
            f"{CONVERTER} of llama.cpp",
            "write a GGUF file (or leave --gguf out, and give the exported directory to it later: "
            f"python llama.cpp/{CONVERTER} DIR --outfile FILE)",
            _INSTALL,
        )
    return Path(found)


def python_of(converter: Path) -> str:
    """Choose the Python that runs the converter: that of ``.venv`` beside it, since it asks for other packages than are here.

    Args:
        converter: What ``find_converter`` found.
    """
    own = converter.parent / ".venv" / "bin" / "python"
    return str(own) if own.is_file() else sys.executable


def command(converter: Path, model: Path, out: Path, dtype: Dtype) -> list[str]:
    """Write the command that converts a model.

    Args:
        converter: What ``find_converter`` found.
        model: Directory of a whole model.
        out: The file.
        dtype: Of the weights in it.
    """
    return [
        python_of(converter),
        str(converter),
        str(model),
        "--outfile",
        str(out),
        "--outtype",
        _TYPES[dtype],
    ]


def write_gguf(converter: Path, model: Path, file: Path, dtype: Dtype) -> None:
    """Convert a model; the file has its name once it is whole.

    Args:
        converter: What ``find_converter`` found.
        model: Directory of a whole model.
        file: Where to.
        dtype: Of the weights.

    Raises:
        ModelError: The converter fails, as it does for architectures and tokenizers that it does not know, or it is too old for the config.
    """
    unfinished = file.with_name(f"{file.name}.unfinished")
    line = command(converter, model, unfinished, dtype)
    done = subprocess.run(
        line, check=False, capture_output=True, encoding="utf-8", errors="replace"
    )
    if done.returncode or not unfinished.is_file():
        unfinished.unlink(missing_ok=True)
        said = [words for words in (done.stderr or done.stdout).splitlines() if words.strip()]
        raise ModelError(
            f"--gguf: the converter of llama.cpp has ended with exit code {done.returncode}: {said[-1].strip() if said else 'it said nothing'}. {model} is "
            f"written; try a newer llama.cpp, or see all that it says: {shlex.join(command(converter, model, file, dtype))}"
        )
    _require_rotary_base(converter, unfinished, read_json(model / "config.json"))
    os.replace(unfinished, file)  # noqa: PTH105 - atomic on purpose


def _require_rotary_base(converter: Path, file: Path, config: Mapping[str, Any]) -> None:
    """Refuse a file with another wavelength of rotary positions than the model's, which would answer worse without a word.

    A converter from before transformers 5 does not find it in what transformers 5 hands over.
    """
    wanted, found = config.get("rope_theta"), rotary_base(converter, file)
    if wanted is None or found is None or abs(found - wanted) <= _ROUNDING * wanted:
        return
    file.unlink()
    raise ModelError(
        f"--gguf: the converter has written rotary positions of base {found:g}, and the model's is {wanted:g}: it is older than transformers 5, and the file would "
        f"answer wrongly; take a newer llama.cpp, or run {converter} in an environment of its own, with its requirements"
    )


def rotary_base(converter: Path, file: Path) -> float | None:
    """Read the base of the rotary positions of a GGUF file, by the package that llama.cpp's converter writes it with.

    Args:
        converter: What ``find_converter`` found.
        file: The file.

    Returns:
        The base, 10,000 where the file names none, as llama.cpp reads that; None where it cannot be read here.
    """
    own = str(converter.parent / "gguf-py")
    place = os.pathsep.join(filter(None, (own, os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [python_of(converter), "-c", _READ_BASE, str(file)],
        check=False,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": place},
    )
    if done.returncode:
        logger.warning("%s: whether its rotary positions are right was not checked", file)
        return None
    return float(done.stdout)
