"""Which rows are trained on and which are held out."""

from typing import Literal

from pydantic import Field

from rlsr.config.base import ConfigTable

LayoutName = Literal[
    "prompt_response",
    "prompt_completion",
    "instruction",
    "messages",
    "conversations",
    "preference",
]

Layout = Literal["auto"] | LayoutName


SamePrompt = Literal["merge", "keep", "error"]

OnBadRow = Literal["skip_few", "skip", "error"]


class ColumnNames(ConfigTable):
    """Other names for the columns of the layouts ``prompt_response`` and ``prompt_completion``."""

    prompt: str | None = None
    """Column that holds the prompt; None takes the layout's own name."""
    response: str | None = None
    """Column that holds the reference response; None takes the layout's own name."""
    system: str | None = None
    """Column that holds a system message; None takes ``system`` where there is one."""
    rejected: str | None = None
    """Column that holds a worse response; None takes ``rejected`` where there is one."""


class DataConfig(ConfigTable):
    """An SFT set: prompts with their reference responses, and worse responses where it has them."""

    path: str = Field(default="builtin:instructions", min_length=1)
    """A JSON, JSONL, CSV or Parquet file (``.gz`` too), ``builtin:instructions``, or a Hugging Face dataset id."""
    split: str = "train"
    """Split of a Hugging Face dataset; without effect on files, so refused there unless it is ``train``."""
    layout: Layout = "auto"
    """How a row holds prompt and response; ``auto`` finds it from the column names of the first rows."""
    columns: ColumnNames = ColumnNames()
    """Other names for the columns."""
    heldout_path: str | None = None
    """A separate file of held-out rows; None holds out rows of ``path``."""
    heldout: float = Field(default=0.1, ge=0)
    """Rows of ``path`` to hold out: a share below 1, or a count; rows marked with a ``split`` of their own win."""
    use_marks: bool = True
    """False ignores what rows say about their own ``split``, for example to hold out more than are marked."""
    max_heldout: int = Field(default=128, ge=1)
    """Upper bound on the held-out rows when ``heldout`` is a share: more cost time at every evaluation; refused where it bounds nothing."""
    limit: int | None = Field(default=None, ge=1)
    """Use only the first rows, counted before the split; for a quick try."""
    same_prompt: SamePrompt = "merge"
    """What becomes of rows with the same prompt: ``merge`` makes them one prompt with several references, but leaves different
    pairs of a reference and a rejected answer apart; ``keep`` leaves every row as it is; ``error`` calls all but the first bad."""
    on_bad_row: OnBadRow = "skip_few"
    """What becomes of rows that cannot be used: ``skip_few`` leaves them out where they are few, and else lists them and stops;
    ``skip`` leaves them out however many they are; ``error`` stops at any. Rows that are left out are counted and listed."""
    max_bad_share: float = Field(default=0.01, gt=0, lt=1)
    """Largest share of bad rows that ``skip_few`` leaves out, of ``path`` and of ``heldout_path`` each."""
    remove_overlap: tuple[str, ...] = ()
    """Files of suites, as in ``[ifeval.jsonl]``: training rows whose prompt or reference shares ``overlap_words`` words in a row with a
    prompt there are left out and counted, so that what is measured by the suite was not trained on. Held-out rows stay."""
    overlap_words: int = Field(default=13, ge=1)
    """How many words in a row a prompt must share with a training row to count as known, case and punctuation aside; a prompt with
    fewer has to be the same as a whole. Evaluations say how many of their prompts are."""
    seed: int = Field(default=0, ge=0)
    """Seed of the held-out choice; apart from the run's seed, so that runs with other seeds share their split."""
