"""The example notebook runs from its first cell to its last, and its results show themselves."""

import os
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[2] / "examples" / "notebook.ipynb"


def test_it_is_kept_without_results() -> None:
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert '"outputs": []' in text
    assert '"output_type"' not in text
    assert len(text) < 10_000


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::RuntimeWarning")
def test_it_runs(
    tiny_model: Path, private_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nbformat = pytest.importorskip("nbformat", reason="notebooks are not installed")
    nbclient = pytest.importorskip("nbclient", reason="notebooks are not installed")
    pytest.importorskip("ipykernel", reason="notebooks are not installed")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(private_cache))
    monkeypatch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "1"))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    policy = 'MODEL = "builtin:smollm2-135m"'
    assert policy in notebook.cells[1].source
    # A policy of seconds in the place of one of minutes.
    notebook.cells[1].source = notebook.cells[1].source.replace(policy, f"MODEL = {str(tiny_model)!r}")  # fmt: skip
    nbclient.NotebookClient(
        notebook, timeout=900, resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    html = [
        output.data["text/html"]
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if "text/html" in output.get("data", {})
    ]
    assert len(html) == 4, "the scores, the audit, the run and the frame"
    assert "the verdict is" in html[1]
    assert "sft, 4 steps; then rlsr, 4 steps" in html[2]
    lines = [output.text for cell in notebook.cells for output in cell.get("outputs", ()) if output.output_type == "stream"]  # fmt: skip
    assert any("stage 2 of 2: rlsr: training" in text for text in lines)
    assert (tmp_path / "runs").is_dir()
