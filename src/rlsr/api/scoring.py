"""``rlsr.open_reward``: the reward of a config as a thing that scores what it is given."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from rlsr.api.frames import to_frame
from rlsr.api.settings import Config, Settings, overrides_of, plain, read_layers
from rlsr.api.show import ShownTable
from rlsr.cli.main import prepare_environment
from rlsr.config import RunConfig
from rlsr.config.layers import merge_layers
from rlsr.config.load import check_config
from rlsr.data.answered import AnsweredPrompt, read_answered
from rlsr.errors import DataError
from rlsr.rewards import Part, Reward, RewardBatch, RewardResult
from rlsr.statistics.in_words import number

Answered = tuple[str, str, str] | Mapping[str, Any]
"""A prompt, a response and its reference; or a dict with these and whatever columns the reward reads beside them."""

_MOST_SHOWN = 100
_SHOWN_CHARACTERS = 80


@dataclass(frozen=True, repr=False)
class Scored:
    """What a reward says of some responses."""

    responses: tuple[str, ...]
    """As they were given."""
    result: RewardResult
    """All that the reward has found."""
    shown_parts: tuple[Part, ...]
    """The parts that people read."""

    @property
    def scores(self) -> list[float]:
        """One a response; NaN is unscored, which is not 0."""
        scores: list[float] = self.result.scores.tolist()
        return scores

    @property
    def parts(self) -> dict[str, list[float]]:
        """What the scores are made of, by name, one number a response; NaN where there is none."""
        return {name: values.tolist() for name, values in self.result.components.items()}

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """One row a response: ``response``, ``score`` and every part."""
        parts = self.parts
        return [
            {"response": response, "score": score, **{name: parts[name][row] for name in parts}}
            for row, (response, score) in enumerate(zip(self.responses, self.scores, strict=True))
        ]

    def to_pandas(self) -> Any:
        """Make a pandas frame of ``metrics``.

        Raises:
            MissingPackageError: pandas is not installed.
        """
        return to_frame(self.metrics)

    def __len__(self) -> int:
        return len(self.responses)

    @property
    def _table(self) -> ShownTable:
        parts = [part for part in self.shown_parts if part.name in self.result.components]
        rows = [
            [
                _short(row["response"]),
                number(row["score"]),
                *(number(row[part.name]) for part in parts),
            ]
            for row in self.metrics[:_MOST_SHOWN]
        ]
        unscored, more = self.result.num_unscored, len(self) - len(rows)
        notes = [
            *([f"{unscored} of {len(self)} are unscored"] if unscored else []),
            *([f"and {more} more"] if more else []),
        ]
        headings = ("response", "score", *(part.name for part in parts))
        return ShownTable(f"{len(self)} responses", headings, rows, notes=notes)

    def __repr__(self) -> str:
        shown = ", ".join(map(number, self.scores[:5]))
        return f"Scored({shown}{', ...' if len(self) > 5 else ''})"

    def __str__(self) -> str:
        return self._table.text

    def _repr_html_(self) -> str:
        return self._table.html


class OpenReward:
    """A reward that is ready to score; close it, or use it in a ``with`` statement.

    Args:
        config: It names the reward and the encoder.
        reward: That reward, opened.
    """

    def __init__(self, config: RunConfig, reward: Reward) -> None:
        self.config = config
        self._reward = reward

    def score(self, rows: Iterable[Answered]) -> Scored:
        """Score responses.

        Args:
            rows: Each a tuple (prompt, response, reference), or a dict with ``prompt``, ``response`` and ``reference``, or
                ``references`` with all of several, and further columns for rewards that read them. A prompt may be a list of messages.

        Returns:
            Scores and their parts, in the order of the rows; NaN is unscored.

        Raises:
            DataError: A row has another form, or lacks what the reward compares with.
            RewardError: The reward fails.
        """
        from rlsr.rewards import reward_kind

        given = [_as_row(place, row) for place, row in enumerate(rows, start=1)]
        if not given:
            raise DataError(
                "rows: nothing to score; give (prompt, response, reference) for each response"
            )
        batch = RewardBatch.of_answered(given)
        reward_kind(self.config).check(self.config, batch.records)
        result = self._reward.score(batch)
        return Scored(tuple(batch.responses), result, tuple(self._reward.parts))

    def close(self) -> None:
        """Let go of models, connections and files; the reward is not used afterwards."""
        self._reward.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        from rlsr.rewards import reward_kind

        return f"OpenReward({reward_kind(self.config).describe(self.config)})"


def _as_row(place: int, row: Any) -> AnsweredPrompt:
    """Read a row as data are read, with the reference as the answer of the prompt."""
    if isinstance(row, Mapping):
        fields = {key: plain(value) for key, value in row.items()}
    elif isinstance(row, Sequence) and not isinstance(row, str) and len(row) == 3:
        fields = dict(zip(("prompt", "response", "reference"), row, strict=True))
    else:
        raise DataError(
            f"rows: row {place}: must be (prompt, response, reference) or a dict with these names, got {type(row).__name__}"
        )
    return read_answered(fields, f"row {place}")


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _SHOWN_CHARACTERS else f"{flat[:_SHOWN_CHARACTERS]} ..."


def open_reward(
    reward: str | Mapping[str, Any] | None = None,
    config: Config = None,
    *,
    settings: Settings = (),
) -> OpenReward:
    """Open a reward, to score responses by hand.

    Args:
        reward: Its type, as ``"numeric"``, or its settings as the table ``reward`` of a config has them; the config's if not given.
        config: A YAML file, the same as a table, or several of either; the default reward if nothing is given. The ``config.json``
            of a run gives the reward that it was trained on.
        settings: Settings over these, as ``{"embedding": "builtin:minilm"}``.

    Returns:
        The reward, to be closed.

    Raises:
        RlsrError: A setting cannot be used, or a part cannot be loaded.
    """
    prepare_environment()
    from rlsr.models import choose_device
    from rlsr.rewards import open_reward as open_reward_of

    named = [] if reward is None else [{"reward": plain(reward)}]
    checked = check_config(merge_layers(read_layers(config), [*named, *overrides_of(settings)]))
    return OpenReward(checked, open_reward_of(checked, choose_device(checked.device)))
