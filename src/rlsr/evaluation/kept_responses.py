"""Responses of a policy, kept on this machine, so that the same weights do not write the same answer twice."""

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rlsr.models import Policy
from rlsr.models.generate import Response
from rlsr.runs.keyed_file import KeyedFile

CACHE = "responses"
"""Name of their directory in the cache."""


class KeptResponses:
    """The responses of one policy, by what it was asked and how it decodes.

    Args:
        directory: Holds one file a policy.
        weights: What ``rlsr.models.identity`` says of the policy, not empty.
        policy: The policy as it is loaded: other types and devices round otherwise, and so write other answers.
    """

    def __init__(self, directory: Path, weights: Mapping[str, str], policy: Policy) -> None:
        facts = {
            "weights": dict(weights),
            "dtype": str(policy.model.dtype),
            "device": policy.model.device.type,
            "packages": {name: version(name) for name in ("torch", "transformers")},
        }
        self._file = KeyedFile(directory, json.dumps(facts, sort_keys=True))
        self.num_found = 0
        """Responses that were there and not written again."""

    def read(self, questions: Sequence[str]) -> dict[str, Response]:
        """Look questions up.

        Args:
            questions: By ``question_of``.

        Returns:
            The responses that are known; what is damaged is written again.
        """
        kept = self._file.read(dict.fromkeys(questions))
        found = {question: _response_of(value) for question, value in kept.items()}
        self._file.forget(question for question, response in found.items() if response is None)
        known = {key: response for key, response in found.items() if response is not None}
        self.num_found += sum(question in known for question in questions)
        return known

    def write(self, responses: Mapping[str, Response]) -> None:
        """Keep responses.

        Args:
            responses: By question.
        """
        self._file.write(
            {
                question: json.dumps([response.text, response.was_cut]).encode()
                for question, response in responses.items()
            }
        )


def question_of(
    prompt: Sequence[int],
    *,
    max_response_tokens: int,
    temperature: float,
    seed: Sequence[int] | None,
    stop_ids: Sequence[int],
    batch: str | None,
) -> str:
    """Write what decides a response as a text, equal for equal questions.

    Args:
        prompt: Token ids, chat template included.
        max_response_tokens: Where it is cut.
        temperature: Divides the logits; 0 takes the most likely tokens.
        seed: Of what is drawn; None where nothing is.
        stop_ids: Tokens that end it.
        batch: What else was asked beside it, where that decides, too; None where it does not.
    """
    facts = [list(prompt), max_response_tokens, temperature, seed and list(seed), list(stop_ids), batch]  # fmt: skip
    return json.dumps(facts)


def _response_of(value: bytes) -> Response | None:
    """Read a response; None for anything else."""
    try:
        found: Any = json.loads(value)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, list) or [type(part) for part in found] != [str, bool]:
        return None
    return Response(*found)
