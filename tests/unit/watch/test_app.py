"""The live program, driven by keys without a terminal."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

pytest.importorskip("textual", reason="the extra 'watch' is not installed")

from textual.pilot import Pilot
from textual.widgets import Static

from growing_run import add_step, begin_run, complete_run, write_samples
from rlsr.runs.growing import GrowingRun
from rlsr.runs.json_file import write_json
from rlsr.watch.app import WatchApp
from rlsr.watch.curve_grid import CurvePlot

Drive = Callable[[WatchApp, Pilot[None]], Awaitable[None]]


def drive(path: Path, work: Drive, size: tuple[int, int] = (80, 24)) -> None:
    """Run the program on a run, and do something with it. It looks again where it is told to."""

    async def run() -> None:
        app = WatchApp(GrowingRun(path), least_seconds=1000)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await work(app, pilot)

    asyncio.run(run())


def screen(app: WatchApp) -> str:
    """What can be seen, line by line."""
    lines = app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in lines)


def test_a_running_run_is_seen_as_it_goes_on_to_its_end(tmp_path: Path) -> None:
    path = begin_run(tmp_path / "run")

    async def work(app: WatchApp, pilot: Pilot[None]) -> None:
        assert re.search(r"run +● running", screen(app))
        assert "training, step 4 of 20" in screen(app)
        assert "15%, at most" in screen(app)
        assert "over steps 1 to 3" in screen(app)
        add_step(path, 4, **{"reward/mean": 0.987, "monitor/cut": 2.0})
        app.look()
        await pilot.pause()
        assert "training, step 5 of 20" in screen(app)
        assert re.search(r"Reward +0\.987", screen(app))
        assert "▲ alarm: cut" in screen(app)
        # A resumed run takes steps back, half a line stands at the end, and then the run is over.
        add_step(path, 2, **{"reward/mean": 0.123})
        with (path / "metrics.jsonl").open("a", encoding="utf-8") as stream:
            stream.write('{"step": 3, "rew')
        app.look()
        await pilot.pause()
        assert "over steps 1 to 2" in screen(app)
        assert re.search(r"Reward +0\.123", screen(app))
        complete_run(path)
        app.look()
        await pilot.pause()
        assert "✓ complete" in screen(app)
        assert "at most" not in screen(app)
        await pilot.press("q")
        assert app.return_code == 0

    drive(path, work)


def test_views_are_chosen_by_keys_and_arrows_walk_through_the_responses(tmp_path: Path) -> None:
    path = begin_run(tmp_path / "run", num_steps=4)
    (path / "samples" / "step-000003.jsonl").unlink()

    async def work(app: WatchApp, pilot: Pilot[None]) -> None:
        assert "Earlier step" not in screen(app), "a key that does nothing here is not shown"
        seen = []
        for key in ("2", "tab", "tab"):
            await pilot.press(key)
            await pilot.pause()
            seen.append(screen(app))
        assert "Means over 8 held-out prompts" in seen[0]
        assert "The monitors have found nothing so far." in seen[1]
        assert "responses of step 4 of 4, the newest" in seen[2]
        shown = []
        for key in ("left", "left", "left", "right", "right", "right", "left"):
            await pilot.press(key)
            await pilot.pause()
            found = re.search(r"responses of step (\d) of \d(, the newest)?", screen(app))
            assert found is not None
            shown.append((int(found[1]), bool(found[2])))
        assert shown == [(2, False), (1, False), (1, False), (2, False), (4, True), (4, True), (2, False)]  # fmt: skip
        assert "best  reward 0.750" in screen(app)
        add_step(path, 5)
        app.look()
        await pilot.pause()
        assert "responses of step 2 of 5" in screen(app), "who reads an earlier step stays there"
        await pilot.press("n")
        await pilot.pause()
        assert "responses of step 5 of 5, the newest" in screen(app)

    drive(path, work)


@pytest.mark.slow
def test_another_stage_is_one_key_away(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    path.mkdir()
    write_json(path / "pipeline.json", {"stages": [{"name": "1-sft"}, {"name": "2-rlsr"}]})
    begin_run(path / "1-sft", num_steps=2, method="sft")
    complete_run(path / "1-sft")

    async def work(app: WatchApp, pilot: Pilot[None]) -> None:
        assert "1-sft ✓   2-rlsr (next)" in screen(app)
        begin_run(path / "2-rlsr", num_steps=2)
        app.look()
        await pilot.pause()
        assert "Reward" in screen(app), "the newest stage is followed"
        await pilot.press("s")
        await pilot.pause()
        assert "Reward" not in screen(app)
        assert "Loss" in screen(app)
        await pilot.press("s")
        await pilot.pause()
        assert "Reward" in screen(app)
        for key in ("4", "left"):
            await pilot.press(key)
        await pilot.pause()
        keys = screen(app).splitlines()[-1]
        assert all(words in keys for words in ("Next view", "Other stage", "Earlier step", "Later step", "Newest", "Leave"))  # fmt: skip

    drive(path, work)


@pytest.mark.slow
def test_what_is_not_there_yet_is_waited_for_and_what_goes_or_breaks_is_said(
    tmp_path: Path,
) -> None:
    path = tmp_path / "run"

    async def work(app: WatchApp, pilot: Pilot[None]) -> None:
        async def look() -> str:
            app.look()
            await pilot.pause()
            return screen(app)

        assert "waiting for it to begin" in screen(app)
        begin_run(path)
        assert "● running" in await look()
        path.rename(tmp_path / "moved")
        seen = await look()
        assert "the directory is not there any more" in seen
        assert "Reward" in seen, "what was seen stays"
        (tmp_path / "moved").rename(path)
        good = (path / "metrics.jsonl").read_bytes()
        (path / "metrics.jsonl").write_bytes(good + b"{no\n")
        await look()
        assert app.query_one("#problem", Static).display
        (path / "metrics.jsonl").write_bytes(good)
        add_step(path, 4)
        (path / "samples" / "step-000004.jsonl").write_text("{", encoding="utf-8")
        await pilot.press("4")
        assert "damaged line" in await look()
        assert not app.query_one("#problem", Static).display

    drive(path, work)


def test_hostile_texts_are_only_shown(tmp_path: Path) -> None:
    path = begin_run(tmp_path / "[red]run[/red]", num_steps=1)
    hostile = "\x1b[2J\x07[bold]no markup[/bold] [@click=app.quit]no link[/] \u202eabc"
    write_samples(path, 1, {"response": hostile, "prompt": hostile})

    async def work(app: WatchApp, pilot: Pilot[None]) -> None:
        await pilot.press("4")
        await pilot.pause()
        assert "[red]run[/red]" in screen(app)
        assert (
            "\\x1b[2J\\x07[bold]no markup[/bold] [@click=app.quit]no link[/] \\u202eabc"
            in screen(app)
        )
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", screen(app))

    drive(path, work)


@pytest.mark.slow
def test_as_many_curves_stand_side_by_side_as_fit(tmp_path: Path) -> None:
    path = begin_run(tmp_path / "run")
    add_step(path, 4, **{"optim/kl": 0.1, "optim/entropy": 2.0, "tokens/share_cut": 0.5})

    async def work(app: WatchApp, pilot: Pilot[None]) -> None:
        for columns, across in ((40, 1), (140, 3), (200, 5)):
            await pilot.resize_terminal(columns, 30)
            await pilot.pause()
            tops = [plot.region.y for plot in app.query(CurvePlot)]
            assert tops.count(tops[0]) == across
            assert max(map(len, screen(app).splitlines())) <= columns
            assert all(plot.region.height >= 5 for plot in app.query(CurvePlot))

    drive(path, work)
