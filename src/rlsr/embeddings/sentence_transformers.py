"""Transformer encoders, loaded and run by the library of the same name."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rlsr.config.embedding import SentenceTransformersEmbedding
from rlsr.embeddings.batching import batches_by_token_budget
from rlsr.embeddings.builtin import builtin_encoder_path
from rlsr.embeddings.protocol import Encoding, unit_rows, vectors_or_nan
from rlsr.errors import ConfigError, MissingPackageError, ModelError
from rlsr.forward.precision import computes_in_bfloat16
from rlsr.hub import prepare_for_hub
from rlsr.runs.cache import directory_fingerprint

TOKENS_PER_BATCH = {"cpu": 1024, "cuda": 8192}
"""Tokens of a batch, padding included. On two cores 32 texts of 3 to 140 words take 235 ms in batches of 8,192 tokens and 102 ms in
batches of 1,024 (docs/log.md)."""


class SentenceTransformersEmbedder:
    """An encoder with its own length limit, pooling and prompts.

    Args:
        config: Which model, and how it is run.
        device: Where it runs when the config says ``auto``, as in ``cpu``.

    Raises:
        MissingPackageError: sentence-transformers or the built-in encoder is not installed.
        ModelError: The model cannot be found or loaded.
        ConfigError: A prompt name that the model does not know.
    """

    def __init__(self, config: SentenceTransformersEmbedding, device: str) -> None:
        self._config = config
        self._model = _load(config, device if config.device == "auto" else config.device)
        self._dtype = str(self._model.dtype).removeprefix("torch.")
        self._prompt = _prompt_text(config, self._model.prompts)
        if config.max_tokens is not None:
            _check_max_tokens(config, self._model.max_seq_length)
            self._model.max_seq_length = config.max_tokens
        self._max_tokens: int | None = self._model.max_seq_length
        default = TOKENS_PER_BATCH.get(self._model.device.type, max(TOKENS_PER_BATCH.values()))
        self._tokens_per_batch = config.tokens_per_batch or default

    @property
    def identity(self) -> str:
        """Model, revision, weights' type, prompt and length limit."""
        settings = {
            "model": self._config.model,
            "revision": self._config.revision or _revision(self._model),
            "files": directory_fingerprint(Path(builtin_encoder_path(self._config.model))),
            "dtype": self._dtype,
            "prompt": self._prompt,
            "max_tokens": self._max_tokens,
        }
        return "sentence-transformers " + json.dumps(settings, sort_keys=True)

    def encode(self, texts: Sequence[str]) -> Encoding:
        """Encode each distinct text once, in batches of like length.

        Args:
            texts: Any texts.

        Returns:
            Unit vectors in the order of the texts; flags for texts longer than the encoder's limit.
        """
        distinct = list(dict.fromkeys(texts))
        row_of = {text: row for row, text in enumerate(distinct)}
        lengths = self._token_counts(distinct)
        dimension = self._model.get_embedding_dimension()
        vectors = np.zeros((len(distinct), dimension), dtype=np.float32)
        limit = self._max_tokens
        seen = [length if limit is None else min(length, limit) for length in lengths]
        # A transformer would give even an empty text a direction, that of its special tokens.
        visible = [row for row, text in enumerate(distinct) if text.strip()]
        for places in batches_by_token_budget(
            [seen[row] for row in visible], self._tokens_per_batch
        ):
            batch = [visible[place] for place in places]
            found = self._model.encode(
                [distinct[row] for row in batch],
                prompt=self._prompt,
                batch_size=len(batch),
                show_progress_bar=False,
                convert_to_numpy=True,
            )
            vectors[batch] = vectors_or_nan(found, (len(batch), dimension))
        truncated = np.array(
            [limit is not None and length > limit for length in lengths], dtype=np.bool_
        )
        rows = [row_of[text] for text in texts]
        return Encoding(vectors=unit_rows(vectors[rows]), truncated=truncated[rows])

    def _token_counts(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text uncut, special tokens and prompt included."""
        if not texts:
            return []
        prefix = self._prompt or ""
        tokenizer = self._model.tokenizer
        # The fast tokenizer's own limit would hide what is cut; `verbose=False` silences its warning about that.
        encoded = tokenizer(
            [prefix + text for text in texts], truncation=False, padding=False, verbose=False
        )
        return [len(ids) for ids in encoded["input_ids"]]


def _load(config: SentenceTransformersEmbedding, device: str) -> Any:
    try:
        import torch
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise MissingPackageError(
            "sentence-transformers", "encode texts for the reward", "pip install 'rlsr[train]'"
        ) from error
    name = builtin_encoder_path(config.model)
    if not Path(name).is_dir():
        prepare_for_hub()
    try:
        return SentenceTransformer(
            name,
            device=device,
            revision=config.revision,
            trust_remote_code=config.trust_remote_code,
            model_kwargs={"dtype": getattr(torch, _dtype_name(config, device))},
        )
    except (OSError, ValueError, KeyError, RuntimeError, AssertionError) as error:
        if "trust_remote_code" in str(error):
            raise ModelError(
                f"embedding.trust_remote_code: {config.model!r} comes with Python code of its own, which runs only where the "
                "config says so; read that code, then set it to true, or name another encoder"
            ) from error
        raise ModelError(
            f"embedding.model: {config.model!r} cannot be loaded as a sentence-transformers model: {error}. "
            "Check the name, give a local directory, or use builtin:minilm or builtin:wordllama"
        ) from error


def _dtype_name(config: SentenceTransformersEmbedding, device: str) -> str:
    if config.dtype != "auto":
        return config.dtype
    return "bfloat16" if computes_in_bfloat16(device) else "float32"


def _prompt_text(config: SentenceTransformersEmbedding, prompts: dict[str, str]) -> str | None:
    if config.prompt_name is None:
        return config.prompt
    if config.prompt is not None:
        raise ConfigError(
            "embedding.prompt: not together with embedding.prompt_name; keep one of them"
        )
    if config.prompt_name not in prompts:
        raise ConfigError(
            f"embedding.prompt_name: {config.model} has no prompt {config.prompt_name!r}; it has {sorted(prompts)}"
        )
    return prompts[config.prompt_name]


def _check_max_tokens(config: SentenceTransformersEmbedding, limit: int | None) -> None:
    """Refuse a limit beyond the model's own, which would have no effect."""
    if config.max_tokens is not None and limit is not None and config.max_tokens > limit:
        raise ConfigError(
            f"embedding.max_tokens: must be at most {limit}, the maximum of {config.model}, got {config.max_tokens}"
        )


def _revision(model: Any) -> str | None:
    """Return the commit that the hub resolved a model to, where it came from the hub."""
    first = model[0] if len(model) else None
    config = getattr(getattr(first, "auto_model", None), "config", None)
    return getattr(config, "_commit_hash", None)
