"""Where the trained models of a directory lie, whatever kind of directory it is."""

from pathlib import Path

from rlsr.runs.directory import RunDirectory
from rlsr.runs.pipeline_directory import PipelineDirectory


def trained_models(directory: Path) -> list[Path]:
    """Find the models that a run or stages leave.

    Args:
        directory: Any.

    Returns:
        ``final/`` of a run, or of each of the stages in their order, whether it is there yet or not; nothing where the
        directory is something else, such as a model.
    """
    if PipelineDirectory.is_one(directory):
        names = PipelineDirectory.open(directory).staged.names
        return [RunDirectory(directory / name).final for name in names]
    # A model has a config.json, too, but never beside what only runs have.
    is_run = (directory / "config.json").is_file() and (directory / "provenance.json").is_file()
    return [RunDirectory(directory).final] if is_run else []
