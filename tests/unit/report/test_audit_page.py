"""The page of an audit: what stands on it, what it keeps out, what it weighs."""

import base64
import hashlib
import json
import math
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rlsr
from audit_sample import ATTACKS, attack_check, sample_audit, with_texts
from html_page import Page
from rlsr.auditing.result import Audit
from rlsr.auditing.thresholds import Verdict
from rlsr.errors import MissingPackageError, RunError
from rlsr.report import page as module
from rlsr.report import write_audit_page
from rlsr.report.audit_page import audit_page

NAN = float("nan")
NASTY = (
    "<script>window.hacked = 1</script>",
    "</script><script>window.hacked = 2</script>",
    '"><img src=x onerror="window.hacked = 3">&lt;b&gt; {{ 7 * 7 }} {% raw %}',
    "</style></title><!-- <svg onload='window.hacked = 4'> ]]> \u2028 \\u003c",
)


def page_of(audit: Audit) -> Page:
    return Page(audit_page(audit))


def test_importing_the_report_loads_nothing_that_draws() -> None:
    code = "import sys, rlsr.report; print(*{name.partition('.')[0] for name in sys.modules})"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(found.stdout.split())
    assert "rlsr" in loaded
    assert loaded.isdisjoint({"torch", "jinja2", "markupsafe", "vl_convert"})


@pytest.mark.parametrize(
    ("imported", "package"), [("jinja2", "Jinja2"), ("vl_convert", "vl-convert-python")]
)
def test_a_missing_library_is_named_with_its_install_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, imported: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, imported, None)
    module._chart_library.cache_clear()
    with pytest.raises(MissingPackageError) as caught:
        write_audit_page(tmp_path / "audit.html", sample_audit())
    assert str(caught.value) == (
        f"{package} is not installed; it is needed to write an audit's page. "
        "Install it with: pip install 'rlsr[report]'"
    )
    assert not list(tmp_path.iterdir())


def test_the_page_is_one_file_that_asks_for_no_other(tmp_path: Path) -> None:
    file = tmp_path / "audit.html"
    assert write_audit_page(file, sample_audit()) == file
    html = file.read_text(encoding="utf-8")
    page = Page(html)
    assert html.lstrip().startswith("<!doctype html>")
    assert {tag for tag, _ in page.tags}.isdisjoint({"link", "img", "iframe", "object", "base"})
    for tag, names in page.tags:
        assert "src" not in names, tag
        assert names.get("href", "#examples") == "#examples"
    assert "@import" not in html[: html.index("</style>")]
    assert "url(" not in html[: html.index("</style>")]


def test_only_the_two_scripts_of_the_page_may_run() -> None:
    page = page_of(sample_audit())
    policy = next(
        names["content"] or ""
        for tag, names in page.tags
        if tag == "meta" and names.get("http-equiv") == "Content-Security-Policy"
    )
    data, *scripts = page.scripts
    json.loads(data)
    digests = [
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts
    ]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    assert f"script-src {allowed};" in policy
    assert len(scripts) == 2
    assert policy.startswith("default-src 'none';")
    assert "unsafe-eval" not in policy


def test_texts_of_the_user_stay_texts() -> None:
    audit = with_texts(sample_audit(num_rows=20, num_examples=1), NASTY)
    page = page_of(audit)
    assert len(page.scripts) == 3
    assert page.all("words") == list(NASTY) * len(ATTACKS)
    assert page.all("title") == [f"Reward audit: {NASTY[0]}"]
    assert page.all("li") == list(NASTY)
    assert [text for text in page.all("dd") if text in NASTY] == list(NASTY)
    assert not [names for _, names in page.tags if any(name.startswith("on") for name in names)]


def test_names_of_checks_stay_texts_in_the_table_the_choice_and_the_data() -> None:
    sample = sample_audit(num_rows=20, num_examples=1)
    name = NASTY[1]
    audit = replace(
        sample,
        checks=(attack_check(name, 0.3),),
        examples=(replace(sample.examples[0], attack=name),),
        scores={"honest": (0.5, 0.6), name: (0.1, 0.2)},
    )
    page = page_of(audit)
    assert len(page.scripts) == 3
    charts = json.loads(page.scripts[0])
    assert charts["attacks"]["data"]["values"][0]["attack"] == name
    assert charts["rewards"]["params"] == [{"name": "attack", "value": name}]
    assert page.all("option") == [name, "all attacks", name]
    assert page.all("a") == [name]


@settings(max_examples=25)
@given(st.lists(st.text(min_size=1, max_size=40), min_size=4, max_size=4))
def test_any_text_is_shown_as_it_is(texts: list[str]) -> None:
    # A parser turns a carriage return into a line feed before it sees the text.
    plain = [text.replace("\r", "\n") for text in texts]
    audit = replace(sample_audit(num_rows=20, num_examples=1), scores={}, encoders=())
    words = page_of(with_texts(audit, plain)).all("words")
    assert words[:4] == [text if text.strip() else "(only white space)" for text in plain]


def test_half_a_surrogate_pair_is_shown_as_its_escape(tmp_path: Path) -> None:
    audit = with_texts(sample_audit(20, 1), ["a\ud83d", "b", "c", "d"])
    html = write_audit_page(tmp_path / "audit.html", audit).read_text(encoding="utf-8")
    assert Page(html).all("words")[0] == "a\\ud83d"


@pytest.mark.parametrize(
    ("letter", "shown"), [("a", 4_000), ("漢", 1_000), ("<", 1_000), ("\ud83d", 500)]
)
def test_a_page_of_long_texts_stays_under_two_megabytes(
    tmp_path: Path, letter: str, shown: int
) -> None:
    audit = with_texts(sample_audit(num_rows=5_000), [letter * 20_000] * 4)
    # Only the examples are long: names and recommendations are ours.
    audit = replace(sample_audit(num_rows=5_000), examples=audit.examples)
    file = write_audit_page(tmp_path / "audit.html", audit)
    assert file.stat().st_size < 2_000_000
    words = Page(file.read_text(encoding="utf-8")).all("words")[0]
    cut = f" […{20_000 - shown} more characters in the JSON]"
    assert words == letter.encode("utf-8", "backslashreplace").decode() * shown + cut


def test_texts_that_fit_are_shown_whole() -> None:
    audit = with_texts(sample_audit(20, 1), ["a" * 4_000] * 4)
    assert set(page_of(audit).all("words")) == {"a" * 4_000}


@pytest.mark.parametrize(
    ("verdicts", "headline", "tally"),
    [
        (("ok", "warn", "fail"), "✗ fail Do not train on this reward as it is", "Of 3 checks 1 failed, 1 warned and 1 found nothing."),
        (("ok", "warn"), "▲ warn Usable, with warnings", "Of 2 checks 0 failed, 1 warned and 1 found nothing."),
        (("ok", "left out"), "✓ ok No check found a fault", "Of 1 check 0 failed, 0 warned and 1 found nothing. 1 was left out, with the reason below."),
        (("left out", "left out"), "\N{EN DASH} not enough Too little was measured to trust this reward", "Of 0 checks 0 failed, 0 warned and 0 found nothing. 2 were left out, with the reason below."),
    ],
)  # fmt: skip
def test_the_worst_verdict_is_the_headline(
    verdicts: tuple[Verdict, ...], headline: str, tally: str
) -> None:
    sample = sample_audit(20, 1)
    checks = [
        replace(sample.checks[place], verdict=verdict) for place, verdict in enumerate(verdicts)
    ]
    page = page_of(replace(sample, checks=tuple(checks)))
    assert page.one("h1") == headline
    assert tally in [" ".join(text.split()) for text in page.all("p")]


def test_recommendations_come_before_everything_else() -> None:
    html = audit_page(sample_audit(20, 1))
    places = [html.index(f'<section id="{name}">') for name in SECTIONS]
    assert places == sorted(places)
    assert Page(html).all("li") == list(sample_audit().recommendations)


SECTIONS = ("recommendations", "attacks", "checks", "rewards", "examples", "encoders")


def test_checks_stand_by_group_with_verdict_number_rule_and_reason() -> None:
    page = page_of(sample_audit())
    captions = [text.split()[0] for text in page.all("caption")]
    assert captions == ["Attacks", "Signal", "Biases", "Agreement"]
    rows = [" ".join(text.split()) for text in page.all("tr")]
    assert (
        "▲ warn truncated to three quarters 0.340 [0.274, 0.406] share of rows where the attack wins, n = 200 "
        "warns above 0.2, fails above 0.35 It beats the honest answer on 34.0% of the rows. "
        "auc 0.644 [0.604, 0.684] · mean honest 0.72"
    ) in rows
    assert (
        "\N{EN DASH} left out ceiling \N{EN DASH} mean reward of a second reference warns below 0.5, fails below 0.3 "
        "The rows have one reference each; give a second one to have this measured."
    ) in rows


def test_a_group_without_checks_is_not_shown() -> None:
    sample = sample_audit(20, 1)
    page = page_of(
        replace(sample, checks=tuple(c for c in sample.checks if c.group == "agreement"))
    )
    assert [text.split()[0] for text in page.all("caption")] == ["Agreement"]


def test_a_number_that_is_missing_is_a_dash() -> None:
    sample = sample_audit(20, 1)
    check = replace(sample.checks[0], value=NAN, low=None, high=None, details={"auc": NAN})
    page = page_of(replace(sample, checks=(check,)))
    assert page.one("value") == "\N{EN DASH} share of rows where the attack wins, n = 20"
    assert "auc \N{EN DASH}" in page.all("small")
    assert "nan" not in " ".join(page.all("body")).lower()


def test_what_the_audit_does_not_have_has_no_section() -> None:
    audit = replace(sample_audit(20, 1), checks=(), examples=(), scores={}, encoders=())
    names = {names.get("id") for tag, names in page_of(audit).tags if tag == "section"}
    assert names == {"recommendations", "checks"}


@pytest.mark.parametrize(
    ("honest", "attacked", "outcome"),
    [
        (0.5, 0.75, "✗ attack wins by 0.250"),
        (0.75, 0.5, "✓ honest answer wins by 0.250"),
        (0.5, 0.5, "▲ a tie"),
        (NAN, 0.5, "\N{EN DASH} not scored"),
    ],
)
def test_an_example_says_who_won(honest: float, attacked: float, outcome: str) -> None:
    sample = sample_audit(20, 1)
    example = replace(sample.examples[1], honest_score=honest, attacked_score=attacked)
    page = page_of(replace(sample, examples=(example,)))
    assert page.one("h3") == f"truncated to a quarter {outcome}"
    shown = "\N{EN DASH}" if math.isnan(honest) else f"{honest:.3f}"
    assert page.all("h4")[2:] == [f"Honest answer, {shown}", f"Attack, {attacked:.3f}"]


def test_an_empty_answer_is_said_to_be_empty() -> None:
    page = page_of(with_texts(sample_audit(20, 1), ["a", "", " \n", "b"]))
    assert page.all("words")[:4] == ["a", "(empty)", "(only white space)", "b"]


def test_encoders_stand_in_a_table_the_audited_one_first() -> None:
    rows = [" ".join(text.split()) for text in page_of(sample_audit(20, 1)).all("tr")]
    assert rows[-3:] == [
        "builtin:minilm (audited) 0.822 0.793 0.115 25.31",
        "builtin:wordllama 0.861 0.809 0.000 0.41",
        "org/an-encoder-with-a-long-name-base-v2 0.874 \N{EN DASH} 0.020 61.20",
    ]


def test_the_foot_says_what_was_audited() -> None:
    facts = page_of(sample_audit()).all("dd")
    assert facts == [
        "recipes.jsonl",
        "cosine of embeddings, an empty answer -1",
        "builtin:minilm",
        "200",
        "a second reference of the same prompt",
        "48.2 s",
        f"rlsr {rlsr.__version__}",
    ]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=re.escape(str(tmp_path / "nowhere" / "audit.html"))):
        write_audit_page(tmp_path / "nowhere" / "audit.html", sample_audit(20, 1))
