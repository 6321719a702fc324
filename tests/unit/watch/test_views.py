"""What the watch shows of a run, as texts."""

import io
import math
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console, RenderableType

from growing_run import add_step, begin_run, own, write_samples
from report_sample import QUALITY, heldout_rows, step_rows, write_run, write_sample_run
from rlsr.evaluation import MetricChange
from rlsr.runs.growing import GrowingRun
from rlsr.runs.json_file import write_json_lines
from rlsr.runs.progress import Progress, TimeLeft, progress_of
from rlsr.runs.record import Stage, read_run
from rlsr.runs.rollout_samples import RolloutSample
from rlsr.runs.typed_json import to_table
from rlsr.statistics import Estimate
from rlsr.watch.curves import Curves, written
from rlsr.watch.head import (
    doing_text,
    duration,
    left_words,
    short_name,
    silence_words,
    stage_words,
    state_text,
)
from rlsr.watch.heldout import heldout_view
from rlsr.watch.kept_steps import kept_step_after, kept_step_before
from rlsr.watch.rollouts import rollouts_view
from rlsr.watch.signs import in_brief, said_of, signs_view


def text_of(view: RenderableType, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None, markup=False, legacy_windows=False)  # fmt: skip
    console.print(view)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def words_of(view: RenderableType) -> str:
    return " ".join(text_of(view).split())


def stage_with(path: Path, rows: list[dict[str, Any]], **run: Any) -> Stage:
    return read_run(write_run(path, steps=rows, **run)).stages[0]


# --- curves ---------------------------------------------------------------------------------------


def test_what_people_look_at_first_comes_first_and_the_trainers_own_last(tmp_path: Path) -> None:
    rows = [{**row, "trl/own": 1.0, "validation/nll": 2.0} for row in step_rows(4)]
    titles = [curve.title for curve in Curves().of(stage_with(tmp_path / "run", rows))]
    assert titles[:6] == ["Reward", "Validation nll", "Loss", "KL from the start", "Entropy", "Response length"]  # fmt: skip
    assert titles[-1] == "trl: own"
    assert "Step" not in titles


def test_what_never_happened_has_no_curve_and_unscored_steps_no_point(tmp_path: Path) -> None:
    rows = [{**row, "reward/num_unscored": 0.0, "text/share_repetitive": float(row["step"] == 2)} for row in step_rows(3)]  # fmt: skip
    rows[1]["optim/kl"] = math.nan
    curves = {curve.name: curve for curve in Curves().of(stage_with(tmp_path / "run", rows))}
    assert "reward/num_unscored" not in curves
    assert "text/share_repetitive" in curves
    assert list(curves["optim/kl"].steps) == [1, 3]


def test_curves_that_go_on_are_those_of_the_whole_run(tmp_path: Path) -> None:
    path = begin_run(tmp_path / "run")
    growing, going_on = GrowingRun(path), Curves()
    for step in (4, 5, 6, 5, 6, 7, 2):
        add_step(path, step, **{"reward/mean": step / 7})
        run = growing.look()
        assert run is not None
        found, whole = going_on.of(run.stages[0]), Curves().of(read_run(path).stages[0])
        assert [(one.name, list(one.steps), list(one.values)) for one in found] == [
            (one.name, list(one.steps), list(one.values)) for one in whole
        ]


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.0, "0"), (0.61234, "0.612"), (-0.0261, "-0.026"), (1.2345, "1.23"), (233.6, "234"), (0.00123, "0.0012"),
     (1e-6, "1.0e-06"), (1234567.0, "1.2e+06"), (-99999.0, "-99999")],
)  # fmt: skip
def test_a_number_stays_short(value: float, words: str) -> None:
    assert written(value) == words


# --- head -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (89, "89 s"), (91, "2 min"), (3600, "60 min"), (5400, "1 h 30 min"), (7200, "2 h"), (190_000, "2 d 5 h")],
)  # fmt: skip
def test_times_are_written_as_people_say_them(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_how_long_it_takes_is_an_upper_bound_and_says_of_what() -> None:
    left = Progress("running", 0, "training", TimeLeft("steps", 0.5, 600))
    assert left_words(left) == "50%, at most 10 min of training left"
    of_time = replace(left, left=TimeLeft("pipeline.max_seconds", 0.25, 600))
    assert left_words(of_time, has_more=True) == "25% of the time, at most 10 min of training left in this stage"  # fmt: skip
    of_tokens = replace(left, left=TimeLeft("training.max_tokens", 0.25, 60))
    assert left_words(of_tokens) == "25% of the tokens, at most 60 s of training left"
    assert left_words(replace(left, state="stopped")) == ""
    assert left_words(replace(left, left=None)) == ""


def test_silence_is_said_where_a_step_does_not_explain_it() -> None:
    running = Progress("running", 0, "training")
    now = time.time()
    assert silence_words(running, now - 300, 10.0) == "nothing was written for 5 min"
    assert silence_words(running, now - 300, 200.0) == ""
    assert silence_words(running, now - 30, 1.0) == ""
    assert silence_words(running, None, None) == ""
    assert silence_words(Progress("complete", 0, ""), now - 300, 1.0) == ""


def test_a_stopped_run_says_how_to_go_on() -> None:
    words = doing_text(Path("my runs/one"), Progress("stopped", 0, "stopped after step 3")).plain
    assert words == "stopped after step 3; rlsr train --resume --out 'my runs/one' goes on"
    assert state_text(Progress("stopped", 0, "")).plain == "■ stopped"


def test_a_long_path_is_named_by_its_end() -> None:
    assert short_name(Path("runs/one")) == "runs/one"
    assert short_name(Path("runs/" + "x" * 90 + "/seed-0"), 20) == "…" + "x" * 12 + "/seed-0"
    assert short_name(Path("a\x1b[2J")) == "a\\x1b[2J"


def test_stages_are_named_with_what_became_of_them(tmp_path: Path) -> None:
    run = read_run(write_sample_run(tmp_path / "run", num_prompts=2, num_steps=1))
    assert stage_words(run, 0) == "run ✓"
    assert stage_words(replace(run, missing_stages=("2-rlsr",)), 1) == "2-rlsr (next)"


# --- held-out -------------------------------------------------------------------------------------


def test_a_complete_run_shows_what_its_summary_says(tmp_path: Path) -> None:
    changes = [
        MetricChange(
            name, Estimate(0.5, 0.4, 0.6, 40), Estimate(0.75, 0.7, 0.8, 40), difference,
            in_reward=name == "reward", is_primary=True, confidence=0.975,
        )
        for name, difference in (
            ("reward", Estimate(0.25, 0.2, 0.3, 40)), ("independent_similarity", Estimate(0.25, -0.1, 0.6, 40)),
            ("cut", Estimate(0.125, 0.0625, 0.25, 40)),
        )
    ]  # fmt: skip
    (stage,) = read_run(begin_run(tmp_path / "run")).stages
    stage = replace(stage, manifest={"heldout": [to_table(change) for change in changes]})
    words = words_of(heldout_view(stage))
    assert "reward * 0.500 0.750 +0.250 [+0.200, +0.300] up" in words
    assert "independent similarity 0.500 0.750 +0.250 [-0.100, +0.600] none shown" in words
    assert "cut answers 0.500 0.750 +0.125 [+0.062, +0.250] up" in words
    assert "40 held-out prompts, differences with 97.5% intervals" in words
    assert "Readings are of the primary metrics" in words
    assert max(map(len, text_of(heldout_view(stage)).splitlines())) <= 80


def test_while_it_trains_means_are_over_the_prompts_that_all_have(tmp_path: Path) -> None:
    path = begin_run(tmp_path / "run", num_steps=6)
    for step, quality in ((2, 0.4), (4, 0.5), (5, 0.6), (6, 0.7)):
        write_json_lines(path / "evaluation" / f"step-{step:06d}.jsonl", heldout_rows(quality, 5))
    words = words_of(heldout_view(read_run(path).stages[0]))
    assert "metric before step 4 step 5 step 6" in words
    assert "Means over 5 held-out prompts" in words
    chrf = [row["scores"]["chrf"] for row in heldout_rows(QUALITY["base"], 5)]
    assert f"chrF * {sum(chrf) / 5:.1f}" in words


def test_where_nothing_is_measured_that_is_said(tmp_path: Path) -> None:
    (stage,) = read_run(write_run(tmp_path / "run", complete=False)).stages
    assert words_of(heldout_view(stage)) == "No held-out prompt was answered yet."
    off = replace(stage, config={**stage.config, "evaluation": {**stage.config["evaluation"], "enabled": False}})  # fmt: skip
    assert "evaluation.enabled is false" in words_of(heldout_view(off))
    odd = replace(stage, manifest={"heldout": [{"name": "of another version"}]})
    assert words_of(heldout_view(odd)) == "No held-out prompt was answered yet."


# --- monitors -------------------------------------------------------------------------------------


def test_alarms_come_first_and_now_is_told_from_earlier(tmp_path: Path) -> None:
    rows = step_rows(8)
    for row in rows[2:4]:
        row["monitor/entropy"] = 1.0
    for row in rows[5:]:
        row["monitor/cut"] = 2.0
    stage = stage_with(tmp_path / "run", rows)
    said = said_of(stage)
    assert [(sign.level, sign.name, sign.now) for sign in said] == [("alarm", "cut", "alarm"), ("warn", "entropy", "")]  # fmt: skip
    assert in_brief(said)[0] == "▲ alarm: cut"
    both = [replace(said[0], now="warn"), replace(said[1], now="alarm"), replace(said[1], name="kl", now="warn")]  # fmt: skip
    assert in_brief(both)[0] == "▲ alarm: entropy  △ warn: cut, kl"
    assert "▲ cut: alarm after steps 6 to 8 of 8" in words_of(signs_view(said))
    assert in_brief(said[1:])[0] == "all well now; said earlier: entropy"
    quiet = replace(said[0], is_quiet=True)
    assert in_brief([quiet])[0] == "monitors: all well"
    assert "▲ cut" in words_of(signs_view([quiet]))
    assert in_brief([])[0] == "monitors: all well"


def test_warnings_of_the_summary_are_notes_and_nothing_is_said_twice(tmp_path: Path) -> None:
    rows = step_rows(3)
    rows[1]["monitor/cut"] = 1.0
    stage = stage_with(tmp_path / "run", rows)
    (sign,) = said_of(stage)
    warned = replace(stage, manifest={"warnings": [f"cut: {sign.words}", "the data are odd"]})
    assert [found.words for found in said_of(warned)] == [sign.words, "the data are odd"]
    assert said_of(replace(stage, steps=(), manifest=None)) == []


# --- responses ------------------------------------------------------------------------------------


def test_the_best_and_the_worst_stand_below_what_was_asked() -> None:
    def sample(reward: float, prompt: str = "What?") -> RolloutSample:
        return RolloutSample(prompt, ("Ref.",), f"of {reward}", reward, {"num_tokens": 9.0, "similarity": reward, "repeated": 0.0, "in_update": 1.0})  # fmt: skip

    words = words_of(rollouts_view([sample(0.25), sample(0.75), sample(-0.5)]))
    assert words == (
        "prompt What? reference Ref. best reward 0.750 · num tokens 9 · similarity 0.750 of 0.75 "
        "worst reward -0.500 · num tokens 9 · similarity -0.500 of -0.5"
    )
    two = words_of(rollouts_view([sample(0.25), sample(0.75, "Which?")]))
    assert two.index("Which?") < two.index("best") < two.index("What?") < two.index("worst")
    assert "the only response" in words_of(rollouts_view([sample(math.nan)]))
    assert "reward not scored" in words_of(rollouts_view([sample(math.nan)]))
    assert words_of(rollouts_view([])) == "No response of this step was kept."


def test_long_texts_end_and_say_so() -> None:
    words = words_of(rollouts_view([RolloutSample("p", (), "x" * 50, 1.0)], most_characters=20))
    assert "x" * 20 + " [... 30 more characters]" in words


def test_texts_of_others_steer_no_terminal(tmp_path: Path) -> None:
    hostile = (
        "\x1b]0;owned\x07\x1b[2J[bold red]not bold[/] \u202eabc\r\x9b31m [link=http://x]y[/link]"
    )
    sample = RolloutSample(hostile, (hostile,), hostile, 1.0, {hostile: 2.0}, {hostile: hostile})
    shown = text_of(rollouts_view([sample]), width=400)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", shown)
    assert "\\x1b]0;owned\\x07\\x1b[2J[bold red]not bold[/]" in shown
    rows = [{**row, f"{hostile}/x": 1.0} for row in step_rows(2)]
    stage = replace(stage_with(tmp_path / "run", rows), manifest={"warnings": [hostile], "stopped": hostile})  # fmt: skip
    run = replace(read_run(tmp_path / "run"), stages=(stage,))
    for view in (signs_view(said_of(stage)), doing_text(tmp_path, progress_of(run, is_worked_in=False))):  # fmt: skip
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", text_of(view, width=400))


def test_one_walks_over_the_steps_whose_responses_were_kept(tmp_path: Path) -> None:
    path = begin_run(tmp_path / "run", num_steps=6)
    own(path)
    for step in (2, 5):
        (path / "samples" / f"step-{step:06d}.jsonl").unlink()
    write_samples(path, 9)
    stage = read_run(path).stages[0]
    assert kept_step_before(stage) == 6, "step 9 was taken back"
    assert [kept_step_before(stage, step) for step in (6, 4, 3, 1)] == [4, 3, 1, None]
    assert [kept_step_after(stage, step) for step in (1, 3, 4, 6)] == [3, 4, 6, None]
