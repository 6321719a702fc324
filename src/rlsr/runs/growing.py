"""A run that is looked at again and again while another process writes it: every look reads only what is new.

It takes no lock and writes nothing. What it sees is what :func:`rlsr.runs.record.read_run` would read, but for a last line whose end
is still to come.
"""

import json
from bisect import bisect_left
from collections.abc import Callable
from operator import itemgetter
from pathlib import Path
from typing import IO, Any, TypeVar

from rlsr.errors import RunError
from rlsr.runs.along_the_way import EvaluatedStep, evaluation_files, spent_by
from rlsr.runs.directory import RunDirectory
from rlsr.runs.json_file import RESTORE, damaged_line
from rlsr.runs.owner import is_worked_in
from rlsr.runs.record import Run, Stage, stage_directories
from rlsr.runs.rows import HeldoutRow, StepRow, StepRows, read_heldout_rows

T = TypeVar("T")

Signature = tuple[int, int, int]

_TAIL_BYTES = 4096
"""Of what was read already, which tell one file from another: a line with all its numbers."""


class GrowingRun:
    """A run or a pipeline, there or not yet.

    Args:
        path: Its directory.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stages: dict[Path, _GrowingStage] = {}
        self._seen: Run | None = None

    def look(self) -> Run | None:
        """Read what is new.

        Returns:
            The run as it is now, and the very same object where nothing has changed; None before a first stage was begun.

        Raises:
            RunError: There is no run at this place, or no more, or one of its files is damaged; a later look may find it whole.
        """
        begun, missing = stage_directories(self.path)
        self._stages = {path: self._stages.get(path) or _GrowingStage(path) for path in begun}
        stages = tuple(stage.look() for stage in self._stages.values())
        seen = self._seen
        is_as_before = seen is not None and (
            seen.missing_stages == missing
            and len(seen.stages) == len(stages)
            and all(one is other for one, other in zip(seen.stages, stages, strict=True))
        )
        if not is_as_before:
            self._seen = Run(self.path, stages, missing) if stages else None
        return self._seen

    def is_worked_in(self) -> bool | None:
        """Say whether a process works on the run or on one of its stages; None where that cannot be known."""
        found = [is_worked_in(path) for path in dict.fromkeys([self.path, *self._stages])]
        return True if True in found else None if None in found else False

    def written_at(self) -> float | None:
        """Say when the newest number or file of the run was written, in seconds since 1970; None where nothing was."""
        times = [
            time for stage in self._stages.values() if (time := stage.written_at()) is not None
        ]
        return max(times, default=None)


class GrowingSteps:
    """``metrics.jsonl``.

    Args:
        file: There or not yet.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._begun_anew = 0
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._begun_anew += 1
        self._found = StepRows()
        self._position = self._num_lines = 0
        self._tail = b""

    @property
    def rows(self) -> list[StepRow]:
        """One row a step so far, in order."""
        return self._found.rows

    @property
    def past(self) -> tuple[int, int]:
        """Another one whenever steps that were there before were taken back."""
        return self._begun_anew, self._found.times_taken_back

    def look(self) -> bool:
        """Read the lines that have come to their end since the last look, all of them where the file is another one.

        Returns:
            Whether the rows are others than before.

        Raises:
            RunError: The file cannot be read, or a line is damaged; the next look begins anew.
        """
        had_rows = bool(self.rows)
        try:
            with self._file.open("rb") as stream:
                is_another = not self._goes_on(stream)
                if is_another:
                    self._begin_anew()
                stream.seek(self._position)
                content = stream.read()
        except FileNotFoundError:
            self._begin_anew()
            return had_rows
        except OSError as error:
            raise RunError(f"{self._file}: unreadable: {error}; {RESTORE}") from error
        # Half a line may be all that was written yet, or all that a crash has left.
        whole = content[: content.rfind(b"\n") + 1]
        try:
            self._add(whole)
        except RunError:
            self._begin_anew()
            raise
        self._position += len(whole)
        self._tail = (self._tail + whole)[-_TAIL_BYTES:]
        return bool(whole) or (is_another and had_rows)

    def _goes_on(self, stream: IO[bytes]) -> bool:
        """Say whether the file still has what was read of it. Neither its size nor its number would tell: both are given again."""
        stream.seek(self._position - len(self._tail))
        return stream.read(len(self._tail)) == self._tail

    def _add(self, whole: bytes) -> None:
        for line in whole.split(b"\n")[:-1]:
            self._num_lines += 1
            place = f"{self._file}:{self._num_lines}"
            try:
                found = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise damaged_line(place, error) from error
            self._found.add(place, found)


class _Whole:
    """Files that are only ever written as a whole: each is read again where it has become another one."""

    def __init__(self) -> None:
        self._read: dict[Path, tuple[Signature, Any]] = {}

    def read(self, file: Path, reader: Callable[[Path], T]) -> T | None:
        """Read a file, or take what was read before; None where there is none."""
        signature = _signature(file)
        if signature is None:
            self._read.pop(file, None)
            return None
        if file not in self._read or self._read[file][0] != signature:
            self._read[file] = signature, reader(file)
        found: T = self._read[file][1]
        return found


class _GrowingStage:
    """One run directory."""

    def __init__(self, path: Path) -> None:
        self._run = RunDirectory(path)
        self._steps = GrowingSteps(self._run.metrics_file)
        self._whole = _Whole()
        self._on_the_way: dict[int, EvaluatedStep] = {}
        self._past = self._steps.past
        self._seen: Stage | None = None

    def look(self) -> Stage:
        """Read what is new; the very same object where nothing has changed."""
        run, seen = self._run, self._seen
        has_new_steps = self._steps.look()
        before, after = (
            self._whole.read(run.evaluation_file(when), _heldout) for when in ("before", "after")
        )
        config = self._whole.read(run.path / "config.json", lambda _: run.read_settings())
        sessions = self._whole.read(
            run.path / "provenance.json", lambda _: tuple(run.read_sessions())
        )
        manifest = self._whole.read(run.path / "manifest.json", lambda _: run.read_manifest())
        along_the_way = self._evaluated()
        if seen is not None and not has_new_steps:
            found = (config, sessions, before, after, manifest)
            known = (seen.config, seen.sessions, seen.before, seen.after, seen.manifest)
            is_same = all(one is other or not (one or other) for one, other in zip(found, known, strict=True))  # fmt: skip
            if is_same and len(along_the_way) == len(seen.along_the_way):
                return seen
        self._seen = Stage(
            name=run.path.resolve().name,
            path=run.path,
            config=config or {},
            sessions=sessions or (),
            steps=tuple(self._steps.rows),
            before=before,
            after=after,
            along_the_way=along_the_way,
            manifest=manifest,
        )
        return self._seen

    def _evaluated(self) -> tuple[EvaluatedStep, ...]:
        """Read the evaluations along the way; what steps have taken by then is added up once, unless they were taken back."""
        if self._past != self._steps.past:
            self._past, self._on_the_way = self._steps.past, {}
        files, rows = evaluation_files(self._run.evaluation), self._steps.rows
        for step in files.keys() - self._on_the_way.keys():
            place = bisect_left(rows, step, key=itemgetter("step"))
            if place < len(rows) and rows[place]["step"] == step:
                answers = tuple(read_heldout_rows(files[step]))
                self._on_the_way[step] = EvaluatedStep(spent_by(rows, step), answers)
        return tuple(self._on_the_way[step] for step in sorted(self._on_the_way))

    def written_at(self) -> float | None:
        """Say when something of the run was last written."""
        run = self._run
        places = (run.metrics_file, run.path / "provenance.json", run.evaluation, run.path / "manifest.json")  # fmt: skip
        found = [signature[1] / 1e9 for place in places if (signature := _signature(place))]
        return max(found, default=None)


def _heldout(file: Path) -> tuple[HeldoutRow, ...]:
    return tuple(read_heldout_rows(file))


def _signature(file: Path) -> Signature | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
