"""What is asked over HTTP and what is answered, as JSON: three contracts, each a way in and a way out."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rlsr.data.answered import AnsweredPrompt, read_answered
from rlsr.data.turns import RowFault, as_text, describe
from rlsr.errors import DataError
from rlsr.serving.openrlhf import read_query
from rlsr.serving.service import RowScore, Vector, number


def read_rows(body: object) -> list[AnsweredPrompt]:
    """Read what ``/v1/score`` is asked.

    Args:
        body: JSON: an object with ``rows``, each as ``read_answered`` takes it.

    Raises:
        DataError: It has another form, or a row cannot be used.
    """
    rows = _list(body, "rows", 'as in {"rows": [{"prompt": "", "response": "", "reference": ""}]}')
    return [
        read_answered(_object(row, place), f"row {place}")
        for place, row in enumerate(rows, start=1)
    ]


def write_scores(scores: Sequence[RowScore]) -> dict[str, Any]:
    """Answer ``/v1/score``.

    Args:
        scores: What the reward says of each row.

    Returns:
        ``rows``, in their order, each with ``score`` and ``parts``; null is unscored, and never 0.
    """
    return {"rows": [{"score": one.score, "parts": dict(one.parts)} for one in scores]}


def read_queries(body: object) -> list[AnsweredPrompt]:
    """Read what OpenRLHF asks a remote reward model.

    Args:
        body: JSON: ``query``, ``prompts`` and ``labels``, lists of equal length that may be empty.

    Raises:
        DataError: It has another form, or a query cannot be used.
    """
    lists = [_list(body, name, "as OpenRLHF sends it") for name in ("query", "prompts", "labels")]
    if len({len(one) for one in lists}) > 1:
        raise DataError(
            f"query, prompts and labels must have one entry a response, got {', '.join(str(len(one)) for one in lists)}"
        )
    rows = zip(*lists, strict=True)
    return [read_query(*row, place=f"query {place}") for place, row in enumerate(rows, start=1)]


def write_rewards(scores: Sequence[RowScore], unscored: float | None) -> dict[str, Any]:
    """Answer OpenRLHF.

    Args:
        scores: What the reward says of each query.
        unscored: What stands for a response that could not be scored; None leaves it null, on which OpenRLHF ends.
    """
    rewards = [unscored if one.score is None else one.score for one in scores]
    return {"rewards": rewards, "scores": rewards}


def read_texts(body: object) -> tuple[list[str], bool]:
    """Read what OpenAI's embeddings are asked.

    Args:
        body: JSON: ``input``, a text or a list of texts, and ``encoding_format``, ``float`` or ``base64``; ``model`` is not looked at.

    Returns:
        The texts, and whether vectors are wanted as base64.

    Raises:
        DataError: It has another form, or asks for what the encoder does not do.
    """
    given = body.get("input") if isinstance(body, Mapping) else None
    texts = [given] if isinstance(given, str) else _list(body, "input", "a text or a list of texts")
    form = body.get("encoding_format", "float") if isinstance(body, Mapping) else None
    if form not in {"float", "base64"}:
        raise DataError(f"encoding_format: must be float or base64, got {describe(form)}")
    if isinstance(body, Mapping) and body.get("dimensions") is not None:
        raise DataError(
            "dimensions: the vectors have those of the encoder; leave it out, and set embedding.dimensions in the config of the server"
        )
    try:
        return [as_text(text, f"text {place}") for place, text in enumerate(texts, start=1)], (
            form == "base64"
        )
    except RowFault as fault:
        raise DataError(f"input: {fault.message}") from fault


def write_vectors(vectors: Sequence[Vector], model: str, *, as_base64: bool) -> dict[str, Any]:
    """Answer as OpenAI's embeddings do.

    Args:
        vectors: One a text; what is no number becomes null.
        model: The encoder's name.
        as_base64: Whether each is written as the base64 of its 32-bit floats, the lowest byte first.
    """
    written = [
        base64.b64encode(vector.astype("<f4").tobytes()).decode() if as_base64 else _floats(vector)
        for vector in vectors
    ]
    data = [
        {"object": "embedding", "index": index, "embedding": vector}
        for index, vector in enumerate(written)
    ]
    # Tokens are the encoder's own affair; clients of this contract want the key.
    return {"object": "list", "data": data, "model": model, "usage": {"prompt_tokens": 0, "total_tokens": 0}}  # fmt: skip


def _floats(vector: Vector) -> list[float | None]:
    # The shortest digits of a 32-bit float, and not those of the 64-bit one that is next to it.
    return [number(float(text)) for text in np.char.mod("%.9g", vector).tolist()]


def _list(body: object, key: str, form: str) -> list[Any]:
    found = body.get(key) if isinstance(body, Mapping) else None
    if not isinstance(found, list):
        got = describe(body) if not isinstance(body, Mapping) else describe(found)
        raise DataError(f"{key}: must be a list, {form}, got {got}")
    return found


def _object(row: object, place: int) -> Mapping[str, object]:
    if not isinstance(row, Mapping):
        raise DataError(
            f"rows: row {place}: must be an object with prompt, response and reference, got {describe(row)}"
        )
    return row
