"""A policy as the harness asks it. Imports the harness, so that this file itself is imported late."""

from collections.abc import Callable
from typing import Any

from lm_eval.models.huggingface import HFLM

from rlsr.evaluation.asker import Asker


class AskedPolicy(HFLM):
    """The loaded policy, adapters or not, behind the harness's own class for models of ``transformers``.

    Args:
        asker: The policy, and who is told how far it is.
    """

    def __init__(self, asker: Asker) -> None:
        super().__init__(
            pretrained=asker.policy.model,
            tokenizer=asker.policy.tokenizer,
            batch_size=asker.config.evaluation.batch_size,
        )
        self._on_progress = asker.on_progress

    def loglikelihood(self, requests: list[Any], disable_tqdm: bool = False) -> Any:
        """Ask how likely continuations are."""
        return self._told(super().loglikelihood, requests)

    def loglikelihood_rolling(self, requests: list[Any], disable_tqdm: bool = False) -> Any:
        """Ask how likely whole texts are."""
        return self._told(super().loglikelihood_rolling, requests)

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> Any:
        """Let the policy write."""
        return self._told(super().generate_until, requests)

    def _told(self, ask: Callable[..., Any], requests: list[Any]) -> Any:
        """Ask, and tell of each answer: what the harness has for keeping them hears of every one."""
        if self._on_progress is not None:
            self.set_cache_hook(_Counter(len(requests), self._on_progress))
        return ask(requests, disable_tqdm=True)


class _Counter:
    """Stands where the harness has its cache of answers."""

    def __init__(self, total: int, on_progress: Callable[[int, int], None]) -> None:
        self._done = 0
        self._total = total
        self._on_progress = on_progress

    def add_partial(self, kind: str, request: object, answer: object) -> None:
        """Count an answer."""
        self._done = min(self._done + 1, self._total)
        self._on_progress(self._done, self._total)
