"""An answer while it is written, token by token."""

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rlsr.data.record import Message
from rlsr.models.chat import prompt_ids
from rlsr.models.generate import stop_ids
from rlsr.models.load import Policy


@dataclass(frozen=True)
class Written:
    """What there is of an answer."""

    text: str = ""
    """All of it so far, without special tokens; half of a character is left out until the rest of it is there."""
    num_tokens: int = 0
    """How many were drawn, the end of sequence included."""
    ended: bool = False
    """Whether the policy has ended it itself."""


def stream_answer(
    policy: Policy,
    messages: Sequence[Message],
    *,
    max_response_tokens: int,
    temperature: float = 0.0,
    seed: Sequence[int] = (0,),
) -> Iterator[Written]:
    """Let a policy answer a conversation, and look at every token.

    In float32 greedy answers are those of ``generate_responses``, and drawn ones are those that it draws by groups from the same
    seed. Several answers may be written in turns.

    Args:
        policy: In evaluation mode.
        messages: The turns, the last of them the user's.
        max_response_tokens: Longest answer; a longer one is cut.
        temperature: Divides the logits; 0 takes the most likely token.
        seed: Whole numbers from 0 on, which together say what is drawn.

    Yields:
        The answer so far, after each token.

    Raises:
        DataError: The chat template refuses the conversation.
        EngineError: Logits are not finite, so that nothing can be drawn.
    """
    import torch

    from rlsr.forward.sampling import Sampling, draw_tokens, uniform_numbers

    model, tokenizer = policy.model, policy.tokenizer
    stops, sampling = stop_ids(policy), Sampling(temperature=temperature)
    uniform = uniform_numbers([seed], max_response_tokens).to(model.device)
    ids, text = prompt_ids(tokenizer, messages), ""
    unread, written = ids, list[int]()
    kept: Any = None
    for step in range(max_response_tokens):
        # Not around the yield: whoever looks at the answer is not in this mode.
        with torch.inference_mode():
            rows = torch.tensor([unread], device=model.device)
            read_before = {} if kept is None else {"past_key_values": kept}
            output = model(input_ids=rows, use_cache=True, **read_before, **_last_logits(model))
            drawn = int(draw_tokens(output.logits[:, -1], sampling, uniform[:, step]))
        written.append(drawn)
        kept = getattr(output, "past_key_values", None)
        # A model that keeps nothing in this way reads everything again.
        unread = [drawn] if kept is not None else [*ids, *written]
        decoded = tokenizer.decode(written, skip_special_tokens=True)
        is_last = drawn in stops or len(written) == max_response_tokens
        # Half of a character reads as a replacement character.
        if is_last or not decoded.endswith("\ufffd"):
            text = decoded
        yield Written(text, len(written), drawn in stops)
        if is_last:
            return


def _last_logits(model: Any) -> dict[str, int]:
    """Ask for the logits of the last token alone, where the architecture can: those of a long prompt are gigabytes."""
    whole = model.get_base_model() if hasattr(model, "get_base_model") else model
    takes = "logits_to_keep" in inspect.signature(whole.forward).parameters
    return {"logits_to_keep": 1} if takes else {}
