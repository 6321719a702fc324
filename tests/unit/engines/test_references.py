"""What supervised training reads."""

from pathlib import Path

from rlsr.engines.trl.references import as_reference_dataset
from transformers import AutoTokenizer

from rlsr.data import Message, PromptRecord


def test_every_reference_is_a_row_behind_its_prompt(tiny_model: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    records = [
        PromptRecord("1", (Message("user", "the cat"),), "sat", "f:1"),
        PromptRecord("2", (Message("user", "the dog"),), "ran", "f:2", other_references=("sat on", "big")),
    ]  # fmt: skip
    rows = as_reference_dataset(records, tokenizer, max_response_tokens=8)
    texts = [tokenizer.decode(row["response_ids"], skip_special_tokens=True) for row in rows]
    assert texts == ["sat", "ran", "sat on", "big"]
    assert rows[1]["prompt_ids"] == rows[2]["prompt_ids"] == rows[3]["prompt_ids"]
    assert rows[0]["prompt_ids"] != rows[1]["prompt_ids"]
