"""The reward ``choice``: the answer chooses the reference's option."""

from collections.abc import Mapping, Sequence

from rlsr.answers.choices import read_choice
from rlsr.config.run import RunConfig
from rlsr.config.verifiers import ChoiceReward
from rlsr.data.record import PromptRecord
from rlsr.errors import DataError
from rlsr.rewards.verifiers.right_answers import column_text, require_column
from rlsr.rewards.verifiers.verdicts import Verdict
from rlsr.rewards.verifiers.verifier import AnswerKind, Verifier


def options_of(record: PromptRecord, settings: ChoiceReward) -> dict[str, str]:
    """Read the texts of the options.

    Args:
        record: A prompt.
        settings: The column they stand in, and what options are called.

    Returns:
        By label; none where no column is named.

    Raises:
        ValueError: The column holds no list of texts, none longer than the labels, and no table of texts by label.
    """
    if settings.options_column is None:
        return {}
    value = record.columns.get(settings.options_column)
    if isinstance(value, list) and len(value) <= len(settings.labels):
        value = dict(zip(settings.labels, value, strict=False))
    found = {label: column_text(one) for label, one in value.items()} if isinstance(value, Mapping) else {}  # fmt: skip
    texts = {label: text for label, text in found.items() if text is not None}
    if not found or len(texts) < len(found) or not set(texts) <= set(settings.labels):
        raise ValueError(
            f"must have a list of at most {len(settings.labels)} texts, or a table of texts by label, got {value!r:.200}"
        )
    return texts


class ChosenOption(Verifier[ChoiceReward, str]):
    """Compares choices."""

    def read(self, found: str, record: PromptRecord) -> str | None:
        """Read which option is meant."""
        return read_choice(found, self.settings.labels, options_of(record, self.settings))

    def compare(self, answer: str, right: str) -> Verdict:
        """Say whether both are the same."""
        return Verdict.RIGHT if answer == right else Verdict.WRONG


class ChoiceKind(AnswerKind[ChoiceReward]):
    """The reward ``choice``."""

    config = ChoiceReward
    verifier = ChosenOption

    def compared(self, settings: ChoiceReward) -> str:
        """Name the labels."""
        return f"the right choice of {', '.join(settings.labels)}"

    def check(self, config: RunConfig, records: Sequence[PromptRecord]) -> None:
        """Refuse rows without options, and references that choose none of them."""
        settings = self.settings(config)
        require_column("reward.options_column", settings.options_column, records)
        bad = []
        for record in records:
            try:
                options_of(record, settings)
            except ValueError as error:
                bad.append(f"{record.location}: the column {settings.options_column} {error}")
        if bad:
            raise DataError(
                f"{len(bad):,} of {len(records):,} rows have no options in the column {settings.options_column!r} of "
                "reward.options_column; mend or leave out these rows, or name as many reward.labels as there are options",
                bad,
            )
        super().check(config, records)
