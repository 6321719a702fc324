"""The page of a report: what stands on it, what it keeps out, what it weighs."""

import base64
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rlsr
from html_page import Page
from report_sample import (
    heldout_rows,
    step_rows,
    with_texts,
    write_run,
    write_sample_comparison,
    write_sample_pipeline,
    write_sample_run,
)
from rlsr.comparison.policies import AnsweringPolicy
from rlsr.errors import MissingPackageError, RunError
from rlsr.report import page as module
from rlsr.report import write_report
from rlsr.report.report_data import ReportData
from rlsr.report.report_page import report_page
from rlsr.runs.rows import HeldoutRow

NASTY = (
    "<script>window.hacked = 1</script>",
    "</script><script>window.hacked = 2</script>",
    '"><img src=x onerror="window.hacked = 3">&lt;b&gt; {{ 7 * 7 }} {% raw %}',
    "</style></title><!-- <svg onload='window.hacked = 4'> ]]> \u2028 \\u003c",
    "\u202eright to left\u202c שלום 🙂 \ud83d",
)
SECTIONS = ["notices", "results", "differences", "training", "browser", "provenance"]


def page_of(file: Path, *paths: Path) -> Page:
    write_report(file, paths)
    return Page(file.read_text(encoding="utf-8"))


def section_ids(page: Page) -> list[str | None]:
    return [names.get("id") for tag, names in page.tags if tag == "section"]


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison of five recipes."""
    return write_sample_comparison(tmp_path_factory.mktemp("c") / "compared")


@pytest.fixture(scope="module")
def page(compared: Path) -> Page:
    """Its page."""
    return page_of(compared / "report.html", compared)


@pytest.mark.parametrize(
    ("imported", "package"), [("jinja2", "Jinja2"), ("vl_convert", "vl-convert-python")]
)
def test_a_missing_library_is_named_with_its_install_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, imported: str, package: str
) -> None:
    path = write_sample_run(tmp_path / "run", num_prompts=2, num_steps=1)
    monkeypatch.setitem(sys.modules, imported, None)
    module._chart_library.cache_clear()
    with pytest.raises(MissingPackageError) as caught:
        write_report(path / "report.html", [path])
    assert str(caught.value) == (
        f"{package} is not installed; it is needed to write a report's page. Install it with: pip install 'rlsr[report]'"
    )
    assert not (path / "report.html").exists()


def test_writing_a_page_loads_no_torch_and_no_trainer(tmp_path: Path) -> None:
    path = write_sample_run(tmp_path / "run", num_prompts=2, num_steps=1)
    code = (
        "import sys, pathlib; from rlsr.report import write_report\n"
        f"write_report(pathlib.Path({str(tmp_path / 'r.html')!r}), [pathlib.Path({str(path)!r})])\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)  # fmt: skip
    assert {"torch", "transformers", "trl", "scipy"}.isdisjoint(found.stdout.split())


def test_the_page_is_one_file_that_asks_for_no_other(page: Page) -> None:
    assert {tag for tag, _ in page.tags}.isdisjoint(
        {"link", "img", "iframe", "object", "base", "a"}
    )
    for tag, names in page.tags:
        assert "src" not in names, tag


def test_only_the_scripts_of_the_page_may_run(page: Page) -> None:
    policy = next(
        names["content"] or ""
        for tag, names in page.tags
        if tag == "meta" and names.get("http-equiv") == "Content-Security-Policy"
    )
    charts, browser, *scripts = page.scripts
    json.loads(charts), json.loads(browser)
    digests = [
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts
    ]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    assert f"script-src {allowed};" in policy
    assert len(scripts) == 4
    assert policy.startswith("default-src 'none';")
    assert "unsafe-eval" not in policy


def test_the_results_stand_first_and_the_settings_last(page: Page) -> None:
    assert section_ids(page) == SECTIONS[1:]
    headings = page.all("h2")
    assert headings == ["Results", "Difference from base", "Training", "Prompt by prompt", "Settings and provenance"]  # fmt: skip
    rows = [" ".join(text.split()) for text in page.all("tr")]
    assert rows[0] == "base not trained sft dpo rlsr sft+rlsr sft then rlsr"
    assert page.one("h1") == "compared"
    assert "40 held-out prompts, 2 seeds, 120 s of training each" in [" ".join(t.split()) for t in page.all("quiet")]  # fmt: skip


def test_words_above_the_table_say_what_was_found(page: Page) -> None:
    findings = [" ".join(text.split()) for text in page.all("li")][:4]
    assert [text.split()[0] for text in findings] == ["sft", "dpo", "rlsr", "sft+rlsr"]
    assert findings[3].startswith(
        "sft+rlsr is higher than base on independent similarity and BLEU."
    )
    assert "By the measures of the reward itself it is higher than base on chrF." in findings[3]
    read = [text for tone in ("good", "bad", "even") for text in page.all(f"verdict {tone}")]
    assert len(read) == 4 * 3, "three primary metrics of each recipe"
    assert (
        "Only the primary metrics are read: similarity by an independent encoder, BLEU and chrF."
        in " ".join(page.all("small"))
    )
    assert "2 seeds tell little about how much seeds differ" in page.all("li")


def test_every_chart_has_a_place_and_its_numbers(page: Page) -> None:
    charts = json.loads(page.scripts[0])
    places = {names.get("id") for tag, names in page.tags if names.get("class") == "chart"}
    assert {f"chart-{figure['id']}" for figure in charts["figures"]} == places
    for figure in charts["figures"]:
        assert set(figure["columns"]) <= set(charts["columns"])
    assert all(len(row) == len(charts["columns"]) for row in charts["rows"])


def test_the_foot_says_where_the_numbers_come_from(page: Page) -> None:
    assert page.all("dd") == [f"rlsr {rlsr.__version__}", "2026-11-20T12:00:00+00:00", "0123abc", "AMD EPYC", "2"]  # fmt: skip


def test_settings_of_every_stage_are_folded_in(page: Page) -> None:
    names = [" ".join(text.split()) for text in page.all("summary")]
    assert names == ["base untrained", "sft sft, seeds 0, 1", "dpo dpo, seeds 0, 1", "rlsr rlsr, seeds 0, 1", "sft+rlsr, stage 1-sft sft, seeds 0, 1", "sft+rlsr, stage 2-rlsr rlsr, seeds 0, 1"]  # fmt: skip
    tables = [json.loads(text) for text in page.all("pre")]
    assert tables[0]["seed"] == 0
    assert tables[1] == [{"rlsr": "0.1.0", "device": "cpu", "cores": 2}]


def test_texts_of_the_user_stay_texts(tmp_path: Path) -> None:
    rows = [
        with_texts([row], {"id": text, "category": text, "prompt": text, "reference": text, "response": text})[0]
        for row, text in zip(heldout_rows(0.5, 5), NASTY, strict=True)
    ]  # fmt: skip
    path = write_run(tmp_path / "<script>run", before=rows, after=rows, steps=step_rows(2))
    page = page_of(tmp_path / "report.html", path)
    assert len(page.scripts) == 6
    data = json.loads(page.scripts[1])
    assert [data["texts"][prompt["prompt"]][0] for prompt in data["prompts"]] == list(NASTY)
    assert [prompt["category"] for prompt in data["prompts"]] == list(NASTY)
    assert page.one("h1") == "<script>run"
    assert not [names for _, names in page.tags if any(name.startswith("on") for name in names)]


@settings(max_examples=25)
@given(st.lists(st.text(max_size=40), min_size=3, max_size=3), st.text(min_size=1, max_size=20))
def test_any_text_reaches_the_browser_as_it_is(texts: list[str], name: str) -> None:
    prompt, reference, response = texts
    row = HeldoutRow("1", prompt, reference, response, {name: 0.5})
    data = ReportData("any", (), (AnsweringPolicy(name, {0: (row,)}),))
    html = report_page(data).encode("utf-8", errors="backslashreplace").decode("utf-8")
    found = json.loads(Page(html).scripts[1])
    (shown,) = found["prompts"]
    places = (shown["prompt"], *shown["references"], shown["answers"][0][0][0])
    assert [found["texts"][place][0] for place in places] == texts
    assert found["policies"][0]["name"] == name


def test_names_of_recipes_stay_texts_in_tables_and_charts(tmp_path: Path) -> None:
    path = write_sample_comparison(tmp_path / "compared")
    table = json.loads((path / "compare.json").read_text(encoding="utf-8"))
    name = NASTY[1]
    for recipe in table["recipes"]:
        recipe["name"] = name if recipe["name"] == "rlsr" else recipe["name"]
    (path / "compare.json").write_text(json.dumps(table), encoding="utf-8")
    page = page_of(tmp_path / "report.html", path)
    assert len(page.scripts) == 6
    assert name in page.one("thead")
    columns = json.loads(page.scripts[0])["columns"]
    assert name in {row[columns.index("recipe")] for row in json.loads(page.scripts[0])["rows"]}


def test_an_unfinished_run_says_so_on_top(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", before=heldout_rows(0.3), steps=step_rows(2), complete=False)
    page = page_of(tmp_path / "report.html", path)
    assert section_ids(page)[0] == "notices"
    assert "is not complete: 2 steps so far" in page.all("li")[0]


def test_a_run_without_an_evaluation_has_its_curves(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", steps=step_rows(2))
    page = page_of(tmp_path / "report.html", path)
    assert section_ids(page) == ["notices", "results", "training", "provenance"]
    assert "No held-out answers were found" in page.one("results")


def test_a_policy_that_was_only_evaluated_has_no_curves(tmp_path: Path) -> None:
    page = page_of(tmp_path / "report.html", write_run(tmp_path / "base", after=heldout_rows(0.3)))
    assert section_ids(page) == ["results", "browser", "provenance"]


def test_runs_without_a_common_prompt_say_so(tmp_path: Path) -> None:
    rows = heldout_rows(0.5, 4)
    paths = [
        write_run(tmp_path / str(n), after=rows[2 * n : 2 * n + 2], steps=step_rows(1))
        for n in (0, 1)
    ]
    page = page_of(tmp_path / "report.html", *paths)
    assert "have no held-out prompt in common" in page.one("browser")
    assert len(page.scripts) == 5


def test_a_pipeline_says_that_stages_follow_one_another(tmp_path: Path) -> None:
    page = page_of(tmp_path / "report.html", write_sample_pipeline(tmp_path / "pipe"))
    assert "Stages follow one another" in page.one("training")


@pytest.mark.slow
def test_a_large_comparison_stays_under_three_megabytes(tmp_path: Path) -> None:
    path = write_sample_comparison(
        tmp_path / "compared", num_prompts=128, num_steps=30, seeds=(0, 1, 2)
    )
    file = tmp_path / "report.html"
    write_report(file, [path])
    assert 1_000_000 < file.stat().st_size < 2_000_000, "five recipes, 128 prompts, three seeds"
    for place in path.rglob("after.jsonl"):
        rows = [json.loads(line) for line in place.read_text(encoding="utf-8").splitlines()]
        long = [{**row, "response": f"{place} {row['response']} {'漢<' * 4_000}"} for row in rows]
        place.write_text("".join(json.dumps(row) + "\n" for row in long), encoding="utf-8")
    write_report(file, [path])
    assert file.stat().st_size < 3_000_000
    assert "Texts end after" in Page(file.read_text(encoding="utf-8")).one("browser")


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    path = write_sample_run(tmp_path / "run", num_prompts=2, num_steps=1)
    with pytest.raises(RunError, match="the report cannot be written"):
        write_report(tmp_path / "nowhere" / "report.html", [path])


def test_what_monitors_saw_stands_above_the_charts_alarms_first(tmp_path: Path) -> None:
    steps = [
        {**row, "tokens/share_cut": 0.6, "monitor/cut": 2.0, "monitor/<i>gone": 1.0}
        for row in step_rows(8)
    ]
    run = write_run(tmp_path / "run", before=heldout_rows(0.4), after=heldout_rows(0.6), steps=steps)  # fmt: skip
    page = page_of(tmp_path / "report.html", run)
    assert "What the monitors saw" in page.all("h3")
    [alarm], [warning] = page.all("alarm"), page.all("warn")
    assert alarm.startswith("run: cut: alarm after steps 1 to 8 of 8: 60% of the last responses")
    assert warning == "run: <i>gone: warn after steps 1 to 8 of 8."
    assert "monitor/cut" not in page.scripts[0], "levels are no charts"
    sound = write_run(tmp_path / "sound", after=heldout_rows(0.6), steps=step_rows(8))
    assert "What the monitors saw" not in page_of(tmp_path / "sound.html", sound).all("h3")
