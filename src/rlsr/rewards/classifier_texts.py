"""A sequence classifier that is asked about prompts and responses: what it is shown, in which batches, and its logits."""

import sys
from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any, Literal, NamedTuple

import numpy as np

from rlsr.data.record import Message
from rlsr.embeddings.batching import batches_by_token_budget
from rlsr.errors import ConfigError
from rlsr.models import answered_ids
from rlsr.rewards.protocol import Scores

Reads = Literal["auto", "chat", "pair", "response"]

_TOKENS_PER_BATCH = {"cpu": 1_024}
_OTHERWISE = 8_192

_LONGEST = 10**9
"""Tokenizers that know no limit name a larger one."""


class _Encoded(NamedTuple):
    """A text as tokens; equal ones are asked about once."""

    ids: tuple[int, ...]
    types: tuple[int, ...] | None
    was_cut: bool


class ClassifierTexts:
    """Shows prompts and responses to a classifier.

    Args:
        model: A ``transformers`` sequence classifier in evaluation mode.
        tokenizer: Its tokenizer.
        reads: As ``PreferenceModelReward.reads``.
        max_tokens: Longest text, at most the model's positions.
        tokens_per_batch: Rows times longest row of a batch; None is what suits the device.

    Raises:
        ConfigError: It is to read a chat, and its tokenizer has no template for one.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        reads: Reads,
        max_tokens: int,
        tokens_per_batch: int | None = None,
    ) -> None:
        self._model = model
        self._tokenizer = tokenizer
        has_template = tokenizer.chat_template is not None
        if reads == "chat" and not has_template:
            raise ConfigError(
                "reward.reads: chat needs a chat template, and the tokenizer of the preference model has none; take pair or response"
            )
        self._reads = ("chat" if has_template else "pair") if reads == "auto" else reads
        known = tokenizer.model_max_length
        self._max_tokens = min(max_tokens, known if known < _LONGEST else sys.maxsize)
        self._padding: int | None = model.config.get_text_config().pad_token_id
        device = model.device.type
        self._tokens_per_batch = tokens_per_batch or _TOKENS_PER_BATCH.get(device, _OTHERWISE)

    def logits(self, texts: Sequence[tuple[Sequence[Message], str]]) -> tuple[Scores, Scores]:
        """Ask about prompts with a response each.

        Args:
            texts: Turns of the prompt, and the response.

        Returns:
            (text, label): logits as they are, whatever stands in the same batch, NaN of a text without tokens; and (text,): 1 where a text was cut, else 0.
        """
        encoded = [self._encode(messages, response) for messages, response in texts]
        distinct = list(dict.fromkeys(encoded))
        found = np.full((len(distinct), self._model.config.num_labels), np.nan)
        # Without marks around it an empty text has no token, and nothing can be said of it.
        readable = [row for row, text in enumerate(distinct) if text.ids]
        lengths = [len(distinct[row].ids) for row in readable]
        for places in batches_by_token_budget(lengths, self._tokens_per_batch):
            rows = [readable[place] for place in places]
            found[rows] = self._ask([distinct[row] for row in rows])
        place = {text: row for row, text in enumerate(distinct)}
        cut = np.array([float(text.was_cut) for text in encoded])
        return found[[place[text] for text in encoded]], cut

    def _encode(self, messages: Sequence[Message], response: str) -> _Encoded:
        if self._reads == "chat":
            ids = answered_ids(self._tokenizer, messages, response)
            # The end of the response is what it is about.
            return _Encoded(tuple(ids[-self._max_tokens :]), None, len(ids) > self._max_tokens)
        prompt = "\n\n".join(message.content for message in messages)
        shown = (prompt, response) if self._reads == "pair" else (response,)
        whole = self._tokenizer(*shown, verbose=False)
        was_cut = len(whole["input_ids"]) > self._max_tokens
        if was_cut:
            # So that the marks around a text stay.
            whole = self._tokenizer(*shown, truncation=True, max_length=self._max_tokens)
        types = whole.get("token_type_ids")
        return _Encoded(tuple(whole["input_ids"]), None if types is None else tuple(types), was_cut)

    def _ask(self, texts: Sequence[_Encoded]) -> Scores:
        import torch

        width = max(len(text.ids) for text in texts)
        pad = self._pad_for(texts)
        given = {
            "input_ids": _table((text.ids for text in texts), width, pad),
            "attention_mask": _table(([1] * len(text.ids) for text in texts), width, 0),
        }
        if texts[0].types is not None:
            given["token_type_ids"] = _table((text.types or () for text in texts), width, 0)
        tables = {name: torch.tensor(table).to(self._model.device) for name, table in given.items()}
        with torch.inference_mode():
            logits = self._model(**tables).logits
        return np.asarray(logits.double().cpu().numpy())

    def _pad_for(self, texts: Sequence[_Encoded]) -> int:
        """Choose what fills rows: a model that reads at the last other token must find each text's own."""
        if self._padding is not None:
            return self._padding
        used = {token for text in texts for token in text.ids}
        pad = next(token for token in count() if token not in used)
        self._model.config.get_text_config().pad_token_id = pad
        return pad


def _table(rows: Iterable[Sequence[int]], width: int, filling: int) -> list[list[int]]:
    return [[*row, *[filling] * (width - len(row))] for row in rows]
