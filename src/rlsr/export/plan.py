"""What an export will write, checked before anything is loaded or written."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rlsr.config.model import ModelConfig
from rlsr.errors import ConfigError, RunError
from rlsr.export.marker import require_place
from rlsr.models import count_parameters, load_model_config
from rlsr.models.adapters import SavedAdapters, find_adapters
from rlsr.models.load import require_undamaged
from rlsr.models.weight_files import (
    INDEX,
    Dtype,
    bytes_of,
    dtypes_of,
    model_files,
    sizes_in,
)
from rlsr.runs.lineage import TrainedModel, find_trained
from rlsr.runs.refused_writes import existing_part

Form = Literal["whole", "adapters", "merged"]


@dataclass(frozen=True)
class ExportPlan:
    """What an export will write."""

    trained: TrainedModel
    """The model, with the runs that it comes from."""
    target: Path
    """The directory."""
    form: Form
    """Whole weights as they are, adapters as they are, or adapters merged into their base model."""
    dtype: Dtype
    """Of the weights that are written."""
    casts: bool
    """Whether that is another type than they have."""
    adapters: SavedAdapters | None
    """What the run has left, where it is adapters."""
    files: tuple[tuple[str, int], ...]
    """Names with bytes: those of weights to be merged are about right, a card and a list are not among them."""

    @property
    def is_whole(self) -> bool:
        """Whether what is written loads without another model."""
        return self.form != "adapters"

    @property
    def makes(self) -> Literal["policy", "scorer"]:
        """What the run has made."""
        return self.trained.run.read_config().method.makes

    @property
    def num_bytes(self) -> int:
        """Of all files."""
        return sum(size for _, size in self.files)


def plan_export(
    path: Path, target: Path, *, merge: bool, dtype: Dtype | None, overwrite: bool
) -> ExportPlan:
    """Read and check everything that an export needs, and write nothing.

    Args:
        path: A run, stages, of which the last one is meant, or the ``final/`` of a run.
        target: The directory that is to be made.
        merge: Whether adapters are merged into their base model.
        dtype: Of the weights; None leaves them as they are.
        overwrite: Whether an export of before may be replaced.

    Raises:
        ConfigError: The path is no run.
        ModelError: The model is damaged, or its base model is not there.
        RunError: The run is not complete, the place is taken, or there is no room.
    """
    trained = find_trained(path)
    if trained is None:
        raise ConfigError(
            f"{path}: an export starts from a run or from stages, as `rlsr train` leaves them (with config.json and provenance.json), got "
            f"{'another directory' if path.is_dir() else 'nothing that is there'}; name that directory"
        )
    trained.run.read_manifest()
    require_place(target, overwrite=overwrite)
    if target.resolve().is_relative_to(trained.run.path.resolve()):
        raise ConfigError(
            f"--to: must lie outside of the run, which keeps its own model, got {target}; name another directory"
        )
    require_undamaged(trained.config)
    adapters = find_adapters(trained.config)
    form: Form = "whole" if adapters is None else "merged" if merge else "adapters"
    has = dtypes_of(trained.directory)
    wanted = dtype or has.most_common(1)[0][0]
    casts = dtype is not None and set(has) != {wanted}
    if form == "merged":
        files = model_files(trained.directory)
        listed = [(file.name, file.stat().st_size) for file in files if not _is_of_adapters(file)]
        listed.append(("model.safetensors", size_of_whole(trained.config, wanted)))
    else:
        listed = sizes_in(trained.directory, wanted if casts else None)
    plan = ExportPlan(trained, target, form, wanted, casts, adapters, tuple(sorted(listed)))
    require_room(target, plan.num_bytes)
    return plan


def _is_of_adapters(file: Path) -> bool:
    return file.name.startswith("adapter_") or file.match(INDEX)


def size_of_whole(model: ModelConfig, dtype: Dtype) -> int:
    """Say how many bytes all weights of a model take, or those of the model that adapters stand on.

    Args:
        model: Which.
        dtype: Of the weights.
    """
    return count_parameters(load_model_config(model), model) * bytes_of(dtype)


def require_room(target: Path, num_bytes: int) -> None:
    """Refuse a place on a disk that has no room.

    Args:
        target: The directory that is to be made.
        num_bytes: Of what will be in it.

    Raises:
        RunError: There is less.
    """
    free = shutil.disk_usage(existing_part(target)).free
    if num_bytes > free:
        raise RunError(
            f"--to: {target} needs {num_bytes:,} bytes, and {free:,} are free there; make room, name another disk, or take --dtype "
            "bfloat16"
        )
