"""The directory of a pipeline: ``pipeline.json`` with the settings of its stages, and a run directory for each."""

from dataclasses import replace
from pathlib import Path

from rlsr.config import StagedConfig
from rlsr.errors import ConfigError, RunError
from rlsr.runs.directory import RunDirectory, require_free
from rlsr.runs.given_rows import GIVEN_FILES, with_moved_rows
from rlsr.runs.json_file import read_json, write_json
from rlsr.runs.owner import OWNER_FILE

FILE = "pipeline.json"


class PipelineDirectory:
    """Stages of training on disk.

    Args:
        path: The directory; made by ``create``, expected by ``open``.
        staged: The config of every stage.
    """

    def __init__(self, path: Path, staged: StagedConfig) -> None:
        self.path = path
        self.staged = staged

    @staticmethod
    def is_one(path: Path) -> bool:
        """Say whether stages were begun somewhere."""
        return (path / FILE).is_file()

    @classmethod
    def create(cls, path: Path, staged: StagedConfig) -> "PipelineDirectory":
        """Make the directory of a new pipeline and write the settings of its stages.

        Args:
            path: A directory that does not exist or is empty.
            staged: The config of every stage.

        Raises:
            RunError: The place is taken or cannot be written.
        """
        check_free(path)
        try:
            path.mkdir(parents=True, exist_ok=True)
            write_json(path / FILE, staged.dump())
        except OSError as error:
            raise RunError(f"{path}: the pipeline's directory cannot be made: {error}") from error
        return cls(path, staged)

    @classmethod
    def open(cls, path: Path) -> "PipelineDirectory":
        """Open the directory of a pipeline that was begun before.

        Args:
            path: A directory with a ``pipeline.json``.

        Returns:
            The pipeline, with the settings that it was begun with.

        Raises:
            RunError: There is no pipeline at this place, or its settings are damaged.
        """
        if (path / "config.json").is_file():
            raise RunError(
                f"{path}: one run was begun here, and not stages; resume it without stages (`rlsr train --resume --out DIR` "
                "alone takes its own config), or start the stages in another directory"
            )
        if not cls.is_one(path):
            raise RunError(
                f"{path}: no stages were begun here (there is no {FILE}); start them without --resume"
            )
        try:
            staged = StagedConfig.from_dump(read_json(path / FILE))
        except ConfigError as error:
            raise RunError(
                f"{path / FILE}: not settings that this version knows: {error}"
            ) from error
        configs = tuple(with_moved_rows(config, path) for config in staged.configs)
        return cls(path, replace(staged, configs=configs))

    def write_settings(self, staged: StagedConfig) -> None:
        """Write ``pipeline.json`` anew.

        Args:
            staged: Settings that differ from those before only in what decides no number.
        """
        write_json(self.path / FILE, staged.dump())
        self.staged = staged

    @property
    def stages(self) -> tuple[RunDirectory, ...]:
        """The runs of the stages in their order, begun or not."""
        return tuple(RunDirectory(self.path / name) for name in self.staged.names)

    @property
    def is_complete(self) -> bool:
        """Whether every stage reached its end."""
        return all(run.is_complete for run in self.stages)

    def discard_if_unused(self) -> None:
        """Take away what ``create`` has made where no stage got as far as a directory of its own."""
        if {file.name for file in self.path.iterdir()} <= {FILE, OWNER_FILE, *GIVEN_FILES}:
            (self.path / FILE).unlink()


def check_free(path: Path) -> None:
    """Refuse a place where something stands already, for nothing is ever overwritten."""
    require_free(
        path, "new stages need", "name another with --out, or continue these stages with --resume"
    )


def begun_stages(path: Path) -> StagedConfig:
    """Read the config of a run or of stages that were begun.

    Args:
        path: The directory.

    Returns:
        The config of every stage; that of a plain run is the only one.

    Raises:
        RunError: Nothing was begun there, or the config is damaged.
    """
    if PipelineDirectory.is_one(path):
        return PipelineDirectory.open(path).staged
    config = RunDirectory.open(path).read_config()
    return StagedConfig((config.method.type,), (config,), is_pipeline=False)
