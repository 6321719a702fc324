"""From names of the harness's tasks to a suite."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from rlsr.config import RunConfig
from rlsr.data import Dataset
from rlsr.errors import ConfigError, DataError, EvaluationError, MissingPackageError
from rlsr.evaluation.suites.asked import settings_of_suite
from rlsr.evaluation.suites.harness.suite import HarnessSuite
from rlsr.evaluation.suites.harness.surroundings import hushed, seeded
from rlsr.models import Device
from rlsr.packages import package_directory

PREFIX = "lm_eval-"
"""What stands before the name of a task or group of the harness, so that the rest of it is the suite."""

PAPER = "paper-classification"
PAPER_TASKS = (
    "arc_easy",
    "arc_challenge",
    "boolq",
    "hellaswag",
    "mmlu",
    "openbookqa",
    "piqa",
    "social_iqa",
    "truthfulqa_mc2",
    "winogrande",
)
"""Multiple-choice tasks that papers of this kind report. RLSR's has 18 benchmarks of the harness; which, this project could not
read."""

READS = ("num_prompts", "num_fewshot", "chat_template")
"""The settings of every suite of the harness."""

_READERS = {".jsonl": "json", ".json": "json", ".csv": "csv", ".parquet": "parquet"}
"""Files by suffix, each also with .gz, and what the harness reads them with."""

Parts = dict[str, list[Any]]


def open_task(name: str, config: RunConfig, dataset: Dataset, device: Device) -> HarnessSuite:
    """Open a task or a group of tasks.

    Args:
        name: Of the suite: ``lm_eval-`` and the name of the task or group.
        config: The config of a run: ``evaluation.suites.NAME``.
        dataset: Is not looked at.
        device: Nothing is held on it.

    Raises:
        MissingPackageError: The harness, or what a task needs, is not installed.
        ConfigError: There is no such task.
        EvaluationError: Its data cannot be reached.
        DataError: Its file is not there, or has a suffix that is not known.
    """
    settings = settings_of_suite(config, name, reads=("path", *READS))
    task = name.removeprefix(PREFIX)
    if settings.path is not None and Path(settings.path).suffix in {".yaml", ".yml"}:
        path = _existing(name, settings.path)
        return HarnessSuite(name, load_parts(name, [str(path)], defaults=False), settings)
    parts = load_parts(name, [task], path=settings.path)
    return HarnessSuite(name, parts, settings)


def open_paper_tasks(config: RunConfig, dataset: Dataset, device: Device) -> HarnessSuite:
    """Open the tasks of ``PAPER_TASKS``, each a part of one suite.

    Args:
        config: The config of a run: ``evaluation.suites.paper-classification``.
        dataset: Is not looked at.
        device: Nothing is held on it.

    Raises:
        RlsrError: As ``open_task``.
    """
    settings = settings_of_suite(config, PAPER, reads=READS)
    return HarnessSuite(PAPER, load_parts(PAPER, PAPER_TASKS), settings)


def require_harness() -> None:
    """Make sure that the harness is there.

    Raises:
        MissingPackageError: It is not.
    """
    if package_directory("lm_eval") is None:
        raise MissingPackageError("lm-eval", "ask its tasks", "pip install 'rlsr[eval]'")


@seeded()
def load_parts(
    suite: str,
    tasks: Sequence[str | Mapping[str, Any]],
    *,
    path: str | None = None,
    defaults: bool = True,
) -> Parts:
    """Load tasks with their data.

    Args:
        suite: Its name, for messages.
        tasks: Names of tasks, groups and tags, files of tasks, or tasks as the harness's files have them.
        path: Where a single task has its data, in place of the hub.
        defaults: Whether names may be those of the harness's own tasks, which takes it some seconds to list.

    Returns:
        Loaded tasks by part: each of several names is one, else each child of a group or tag.

    Raises:
        RlsrError: As ``open_task``.
    """
    require_harness()
    manager = _manager(defaults=defaults)
    if defaults:
        for name in tasks:
            _require_known(suite, str(name), manager.all_tasks)
    names = list(map(_name, tasks))
    if path is not None:
        tasks = [_with_data(suite, names[0], manager, path)]
    way_out = "mend its dataset_path or dataset_kwargs"
    if defaults and path is None:
        way_out = f"without a network give a folder with its dataset as on the hub, or a file of its rows: --suite {PREFIX}{{name}}=PATH"
    loaded = [
        _load(suite, partial(manager.load, [one]), name, way_out.format(name=name))
        for one, name in zip(tasks, names, strict=True)
    ]
    if len(loaded) == 1:
        return _children(loaded[0], None if path is not None else names[0])
    return {name: list(found["tasks"].values()) for name, found in zip(names, loaded, strict=True)}


@cache
def _manager(*, defaults: bool) -> Any:
    """Let the harness list its tasks, once for all suites."""
    from lm_eval.tasks import TaskManager

    return TaskManager(include_defaults=defaults)


def _name(task: str | Mapping[str, Any]) -> str:
    return task if isinstance(task, str) else str(task.get("task"))


def _children(loaded: Mapping[str, Any], name: str | None) -> Parts:
    group = loaded["groups"].get(name)
    if group is None:
        return {name: [task] for name, task in loaded["tasks"].items()}
    return {
        getattr(child, "task_name", None) or child.name: child.get_all_tasks()
        if hasattr(child, "get_all_tasks")
        else [child]
        for child in group
    }


def _require_known(suite: str, name: str, known: Sequence[str]) -> None:
    if name in known:
        return
    near = difflib.get_close_matches(name, known, n=4)
    like = f"; near to it are {', '.join(near)}" if near else "; lm_eval ls tasks lists them"
    raise ConfigError(
        f"--suite {suite}: the LM Evaluation Harness has no task or group {name!r}{like}"
    )


def _with_data(suite: str, name: str, manager: Any, path: str) -> dict[str, Any]:
    """Write a task down with its data at another place."""
    entry = manager.task_index[name]
    if entry.cfg is None or "task" not in entry.cfg or "dataset_path" not in entry.cfg:
        raise ConfigError(
            f"evaluation.suites.{suite}.path: {name} is no single task whose data may stand elsewhere; name the tasks of the group "
            "one by one"
        )
    place = _existing(suite, path)
    if place.is_dir():
        own: dict[str, Any] = {"dataset_path": str(place)}
    else:
        suffixes = [suffix for suffix in place.suffixes[-2:] if suffix != ".gz"]
        reader = _READERS.get(suffixes[-1] if suffixes else "")
        if reader is None:
            raise DataError(
                f"{path}: the data of a task of the LM Evaluation Harness is a folder as on the hub, or a file ending in "
                f"{', '.join(_READERS)}; rename or convert it"
            )
        # One file has no other rows to take examples from; the harness leaves out the row that is asked.
        own = {
            "dataset_path": reader,
            "dataset_name": None,
            "dataset_kwargs": {"data_files": {"test": str(place)}},
            "test_split": "test",
            "validation_split": None,
            "training_split": None,
            "fewshot_split": "test",
        }
    # Only inside of a group does the harness look a task up and then let it be changed.
    return {"group": suite, "task": [{"task": name, **own}]}


def _existing(suite: str, path: str) -> Path:
    place = Path(path).expanduser()
    if not place.exists():
        raise DataError(f"{path}: not found; evaluation.suites.{suite}.path names the data of the suite")  # fmt: skip
    return place.resolve()


def _load(suite: str, load: Callable[[], Any], name: str, way_out: str) -> Any:
    """Load a task, and say of its data what can be done where it cannot be reached."""
    try:
        with hushed("lm_eval"), seeded():
            loaded = load()
    except ImportError as error:
        package = error.name or "a package"
        raise MissingPackageError(package, f"load the task {name}", f"pip install {package}") from error  # fmt: skip
    except OSError as error:
        raise EvaluationError(
            f"suite {suite!r}: the data of {name} cannot be reached: {_first_line(error)}; {way_out}"
        ) from error
    except Exception as error:  # files of others say in their own ways what is wrong with them
        raise EvaluationError(
            f"suite {suite!r}: the LM Evaluation Harness cannot load {name}: {type(error).__name__}: {_first_line(error)}"
        ) from error
    for task in loaded["tasks"].values():
        _require_askable(suite, task)
    return loaded


def _require_askable(suite: str, task: Any) -> None:
    if getattr(task, "UNSAFE_CODE", False):
        raise EvaluationError(
            f"suite {suite!r}: {task.task_name} runs code that the policy writes; ask the harness itself, in a sandbox of your own"
        )
    if getattr(task, "MULTIMODAL", False):
        raise EvaluationError(f"suite {suite!r}: {task.task_name} shows pictures or sound, which policies here do not read")  # fmt: skip


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
