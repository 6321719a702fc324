"""Formulas by a language model that runs beside the policy."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rlsr.config.translator import ModelTranslator
from rlsr.data.record import Message
from rlsr.errors import ModelError
from rlsr.models import (
    Device,
    choose_dtype,
    count_parameters,
    load_model_config,
    load_policy,
    prompt_ids,
)
from rlsr.models.adapters import find_adapters
from rlsr.models.builtin import resolve_model_name
from rlsr.models.generate import generate_responses
from rlsr.rewards.translation import Translator
from rlsr.runs.cache import directory_fingerprint


class LanguageModelTranslator(Translator):
    """A causal language model that answers greedily, which draws no random number.

    Args:
        config: Which model, and how it is asked.
        device: Where it runs.

    Raises:
        ModelError: It cannot be found or loaded.
    """

    def __init__(self, config: ModelTranslator, device: Device) -> None:
        import torch

        self._config = config
        try:
            # Loading adapters draws numbers; with a translator a policy shall be asked, and trained, as without.
            with torch.random.fork_rng():
                self._policy = load_policy(config.language_model, device)
            self._adapters = find_adapters(config.language_model)
        except ModelError as error:
            raise _translator_error(error) from error
        self._policy.model.requires_grad_(False)
        limit = self._policy.model.config.get_text_config().max_position_embeddings
        self._room = (limit if isinstance(limit, int) else sys.maxsize) - config.max_tokens

    @property
    def identity(self) -> str:
        """Model, revision, weights' type, prompt and length limit."""
        base = self._config.name if self._adapters is None else self._adapters.base.name
        model = self._policy.model
        settings = {
            "model": self._config.name,
            "revision": self._config.revision or getattr(model.config, "_commit_hash", None),
            "files": [
                directory_fingerprint(Path(resolve_model_name(name)))
                for name in (self._config.name, base)
            ],
            "dtype": str(model.dtype).removeprefix("torch."),
            "chat_template": self._policy.tokenizer.chat_template,
            "prompt": self._config.prompt,
            "max_tokens": self._config.max_tokens,
        }
        return "model " + json.dumps(settings, sort_keys=True)

    def close(self) -> None:
        """Let go of the model, so that its memory is free once nobody else holds it."""
        del self._policy

    def translate(self, texts: Sequence[str]) -> list[str | None]:
        """Translate texts, those of like length together.

        Args:
            texts: Any texts.

        Returns:
            What the model wrote, in the order of the texts; None where a text is longer than it reads.
        """
        asked = [(Message("user", self._config.question(text)),) for text in texts]
        readable = [
            row
            for row, messages in enumerate(asked)
            if len(prompt_ids(self._policy.tokenizer, messages)) <= self._room
        ]
        found: list[str | None] = [None] * len(texts)
        groups = generate_responses(
            self._policy,
            [asked[row] for row in readable],
            max_response_tokens=self._config.max_tokens,
            batch_size=self._config.batch_size,
            temperature=0.0,
        )
        for row, (response,) in zip(readable, groups, strict=True):
            found[row] = response.text
        return found


def translator_gb(config: ModelTranslator, device: Device) -> float:
    """Size up the translator's weights; its adapters are small beside them.

    Args:
        config: Which model.
        device: Where it will run.

    Returns:
        Gigabytes (10^9 bytes).

    Raises:
        ModelError: The model cannot be found.
    """
    model = config.language_model
    try:
        model_config = load_model_config(model)
    except ModelError as error:
        raise _translator_error(error) from error
    bytes_per_weight: int = choose_dtype(model, device).itemsize
    return count_parameters(model_config, model) * bytes_per_weight / 1e9


def _translator_error(error: ModelError) -> ModelError:
    """Say of a model that it is the translator and not the policy, of which the same would be said."""
    return ModelError(f"reward.translator.{str(error).removeprefix('model.')}")
