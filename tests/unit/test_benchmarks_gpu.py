"""benchmarks/gpu_acceptance.py: parts that fail, hang or come too late, and the tables of what they leave."""

import importlib
import json
import time
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import a script's module; benchmarks are no package."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


@pytest.fixture
def acceptance(module: Any) -> Any:
    return module("gpu_acceptance")


def say(words: str, *, then: str = "") -> tuple[str, ...]:
    return ("-c", f"print({words!r}, flush=True); {then}")


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA H200", 989e12),
        ("NVIDIA GH200 480GB", 989e12),
        ("NVIDIA A10", 125e12),
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("NVIDIA L40S", 362e12),
        ("cpu", None),
    ],
)
def test_a_chip_is_known_by_the_longest_part_of_its_name(
    name: str, peak: float | None, module: Any
) -> None:
    assert module("chip_peak").bfloat16_peak(name) == peak


def test_a_part_that_fails_or_hangs_costs_no_other(acceptance: Any, tmp_path: Path) -> None:
    child = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
    parts = [
        acceptance.Part("good", 30, (say("well"),)),
        acceptance.Part("bad", 30, (say("alas", then="raise SystemExit(3)"), say("and more"))),
        acceptance.Part("slow", 1, (say("begun", then=child),)),
        acceptance.Part("last", 30, (say("well"),)),
    ]
    started = time.monotonic()
    outcomes = acceptance.run_parts(parts, tmp_path, tmp_path, 300)
    assert time.monotonic() - started < 30
    assert [(one.name, one.status) for one in outcomes] == [
        ("good", "ok"), ("bad", "failed"), ("slow", "over its limit"), ("last", "ok"),
    ]  # fmt: skip
    assert [one.log for one in outcomes] == ["", "alas\nand more", "begun", ""]
    kept = json.loads((tmp_path / "acceptance.json").read_text("utf-8"))
    assert [part["status"] for part in kept["parts"]] == [one.status for one in outcomes]
    page = (tmp_path / "acceptance.md").read_text("utf-8")
    assert "| slow | over its limit |" in page
    assert "## bad: failed\n\n```\nalas\nand more\n```" in page


def test_no_part_begins_when_the_time_of_all_is_over(acceptance: Any, tmp_path: Path) -> None:
    parts = [acceptance.Part("one", 30, (say("a"),)), acceptance.Part("two", 30, (say("b"),))]
    outcomes = acceptance.run_parts(parts, tmp_path, tmp_path, 5)
    assert [one.status for one in outcomes] == ["no time left"] * 2


def test_nothing_follows_a_device_that_is_not_there(acceptance: Any, tmp_path: Path) -> None:
    parts = [
        acceptance.Part("device", 30, (say("no CUDA device", then="raise SystemExit(1)"),)),
        acceptance.Part("tests", 30, (say("never"),)),
    ]
    assert [one.name for one in acceptance.run_parts(parts, tmp_path, tmp_path, 60)] == ["device"]


def test_the_parts_fit_into_nine_minutes_and_each_policy_has_its_own(acceptance: Any) -> None:
    parts = acceptance.make_parts(acceptance.FULL, Path("/s"), policy="/real", device="cuda")
    names = [part.name for part in parts]
    assert names == [
        "device", "tests", "update-qwen2-1.5b", "update-qwen2-7b", "encoder", "step-smollm2-135m", "step-qwen2-1.5b", "step-qwen2-7b",
    ]  # fmt: skip
    assert acceptance.SECONDS <= 530
    real = parts[names.index("step-smollm2-135m")].commands
    assert all("step_time.py" in command[0] and "/real" in command for command in real)
    large = parts[names.index("step-qwen2-7b")].commands
    assert large[0][1:] == ("qwen2-7b", "/s/policies/qwen2-7b", "--device", "cuda")


def test_chosen_parts_bring_what_they_need(
    acceptance: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = acceptance.make_parts(acceptance.FULL, Path("/s"), policy=None, device="cuda")
    chosen = acceptance._chosen(parts, "step-qwen2-7b")
    assert [part.name for part in chosen] == ["device", "encoder", "step-qwen2-7b"]
    with pytest.raises(SystemExit, match=r"^--parts: no part steps; there are device, tests, "):
        acceptance._chosen(parts, "steps,tests")


def test_tables_show_what_there_is_and_shares_of_the_peak(module: Any, tmp_path: Path) -> None:
    tables, record = module("gpu_tables"), module("step_record")
    device = {"name": "NVIDIA H100 80GB HBM3", "memory_gb": 80.0, "products": 7e14}
    (tmp_path / "device.json").write_text(json.dumps(device))
    fits = {
        "seconds": [0.5, 0.4], "gradient_norm": 2.0, "peak_gpu_gb": 41.23, "prompts": 4, "tokens": 100,
        "operations_per_second": 4e14, "share_of_peak": 4e14 / 989e12,
    }  # fmt: skip
    update = {"policy": "qwen2-7b", "generations": 8, "ways": {"grouped": fits, "plain": {"error": "CUDA out of memory"}}}  # fmt: skip
    (tmp_path / "update-qwen2-7b.json").write_text(json.dumps(update))
    inputs = tmp_path / "step-tiny" / "inputs"
    inputs.mkdir(parents=True)
    config = {"hidden_size": 4, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1, "intermediate_size": 8, "vocab_size": 10}  # fmt: skip
    (inputs / "model.json").write_text(json.dumps({"config": config}))
    (tmp_path / "step-tiny" / "lora-40").mkdir()
    for side, seconds in (("rlsr", 3.0), ("trl", 6.0)):
        request = record.Request(side, "lora", "m", "d", 8, 1, 0)
        phases = dict.fromkeys(record.PHASES, seconds / 5)
        step = record.Step([], 5.0, 4.0, 8, 32, seconds, phases)
        result = record.Result(request, [step, step], 1.0, 2.0, "cuda")
        record.write_result(result, tmp_path / "step-tiny" / "lora-40" / f"{side}-0.json")
    report = tables.collect(tmp_path, tables.machine_facts(), [])
    sides = report["steps"][0]["sides"]
    counts = module("floor_counts")
    gradient, _ = counts.update(counts.shape_of(config), counts.Workload(4, 8, 5, 4, 8), 16)
    wanted = sum(gradient.operations.values()) / 0.6 / 989e12
    assert sides["rlsr"]["update_share_of_peak"] == pytest.approx(wanted)
    page = tables.markdown(report)
    assert "Device: NVIDIA H100 80GB HBM3, 80 GB. Its peak in bfloat16 is 989 TFLOP/s" in page
    assert "| qwen2-7b | grouped | 4 x 8 | 100 | 0.400 | 400 | 40% | 41.2 | 2 |" in page
    assert "| qwen2-7b | plain | CUDA out of memory |" in page
    assert "| tiny | rlsr | 1 | 3.00 | 0.60 | 0.60 | 0% | 2.0 | 0.50 |  |" in page
    json.dumps(report)


def test_wheels_are_followed_without_what_is_there(module: Any) -> None:
    wheels = module("gpu_wheels")
    linux = {"python_version": "3.12", "sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"}  # fmt: skip
    names = wheels.needed(("rlsr[train]",), linux)
    assert {"trl", "peft", "tokenizers", "dill", "wordllama"} <= set(names)
    assert not wheels.THERE & set(names)
    assert "rlsr" not in names
    assert "sympy" not in names, "torch alone needs it"
