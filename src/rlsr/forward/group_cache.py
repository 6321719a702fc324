"""Keys and values of prompts and of the responses that are being written to them."""

import torch

from rlsr.forward.attention import UnsupportedPolicyError
from rlsr.forward.kernels import fold_heads, masked_attention
from rlsr.forward.layout import Segments, places_in_tables

BLOCK = 64
"""Response tokens by which the tables of keys and values grow."""


class PromptAttention:
    """Prompts attend to themselves, and their keys and values are kept.

    Args:
        prompts: Where each lies in the packed row.
    """

    def __init__(self, prompts: Segments) -> None:
        self.prompts = prompts
        self.keys: list[torch.Tensor] = []
        """By layer: (prompt, key head, place, width)."""
        self.values: list[torch.Tensor] = []
        """The same shapes."""
        self._visible = prompts.causal
        self._places = places_in_tables(int(prompts.lengths.sum()), prompts)

    def attend(
        self,
        layer: int,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scaling: float,
    ) -> torch.Tensor:
        """Compute one layer's attention.

        Args:
            layer: Number of the layer; layers come in order.
            query: (1, head, position, width).
            key: (1, key head, position, width).
            value: The same shape.
            scaling: Factor of the scores.

        Returns:
            (1, position, head, width).

        Raises:
            UnsupportedPolicyError: Layers share attention or have none.
        """
        if layer != len(self.keys):
            raise UnsupportedPolicyError("some of its layers have no attention of their own")
        index = self.prompts.index
        queries, keys, values = (rows[0].transpose(0, 1)[index] for rows in (query, key, value))
        self.keys.append(keys.transpose(1, 2).contiguous())
        self.values.append(values.transpose(1, 2).contiguous())
        output = masked_attention(queries, keys, values, visible=self._visible, scaling=scaling)
        return output.flatten(0, 1)[self._places][None]


class GroupAttention:
    """One new token of each response attends to its prompt, whose keys the whole group shares, and to its response.

    The keys of a prompt are read once for all its responses, which for long prompts is most of what attention reads.

    Args:
        prompts: What the prompts left behind.
        prompt_of_row: For each response the number of its prompt.
    """

    def __init__(self, prompts: PromptAttention, prompt_of_row: torch.Tensor) -> None:
        self._prompt_keys = prompts.keys
        self._prompt_values = prompts.values
        self._prompt_lengths = prompts.prompts.lengths
        self._keys: list[torch.Tensor] = []
        self._values: list[torch.Tensor] = []
        self._prompt_of_row = prompt_of_row
        self.num_tokens = 0
        """Tokens of each response whose keys are there."""
        self._arrange()

    def attend(
        self,
        layer: int,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scaling: float,
    ) -> torch.Tensor:
        """Compute one layer's attention.

        Args:
            layer: Number of the layer.
            query: (response, head, 1, width).
            key: (response, key head, 1, width).
            value: The same shape.
            scaling: Factor of the scores.

        Returns:
            (response, 1, head, width).
        """
        num_tokens = self.num_tokens + 1
        keys = _store(self._keys, layer, key, self.num_tokens)[:, :, :num_tokens]
        values = _store(self._values, layer, value, self.num_tokens)[:, :, :num_tokens]
        # (response, key head, repeat, width)
        folded = fold_heads(query.transpose(1, 2) * scaling, key.shape[1])
        prompt_scores = self._ask_prompts(folded, self._prompt_keys[layer].transpose(2, 3))
        prompt_scores = prompt_scores + self._padding[:, None, None].to(query.dtype)
        own_scores = torch.matmul(folded, keys.transpose(2, 3))
        weights = torch.softmax(torch.cat([prompt_scores, own_scores], dim=-1), dim=-1)
        to_prompt, to_own = weights.split([prompt_scores.shape[-1], num_tokens], dim=-1)
        output = self._ask_prompts(to_prompt, self._prompt_values[layer])
        output = output + torch.matmul(to_own, values)
        return output.flatten(1, 2)[:, None]

    def advance(self) -> None:
        """Count the token whose keys every layer has stored."""
        self.num_tokens += 1

    def keep(self, rows: torch.Tensor) -> None:
        """Forget all other responses, and the prompts that have none left.

        Args:
            rows: (kept response,): numbers of those that stay, rising.
        """
        self._keys = [table[rows] for table in self._keys]
        self._values = [table[rows] for table in self._values]
        left, self._prompt_of_row = self._prompt_of_row[rows].unique(return_inverse=True)
        if len(left) < len(self._prompt_lengths):
            self._prompt_keys = [table[left] for table in self._prompt_keys]
            self._prompt_values = [table[left] for table in self._prompt_values]
            self._prompt_lengths = self._prompt_lengths[left]
        self._arrange()

    def _arrange(self) -> None:
        """Find a place for each response in a table of (prompt, place), so that a prompt is multiplied once."""
        groups = self._prompt_of_row
        counts = groups.bincount(minlength=len(self._prompt_lengths))
        width = int(counts.max())
        order = torch.argsort(groups, stable=True)
        first = counts.cumsum(0) - counts
        place = torch.arange(len(groups), device=groups.device) - first[groups[order]]
        flat = groups[order] * width + place
        self._place_of_row = torch.empty_like(groups)
        self._place_of_row[order] = flat
        # Empty places ask too, with the first response's query; nobody reads their answers.
        row_of_place = torch.zeros(len(counts) * width, dtype=torch.long, device=groups.device)
        row_of_place[flat] = order
        self._row_of_place = row_of_place.view(len(counts), width)
        longest = self._prompt_keys[0].shape[2]
        places = torch.arange(longest, device=groups.device)[None]
        is_padding = places >= self._prompt_lengths[:, None]
        self._padding = torch.zeros(is_padding.shape, device=groups.device).masked_fill_(
            is_padding, float("-inf")
        )[groups]

    def _ask_prompts(self, rows: torch.Tensor, tables: torch.Tensor) -> torch.Tensor:
        """Multiply (response, key head, repeat, n) by (prompt, key head, n, m) of each response's prompt."""
        repeats = rows.shape[2]
        placed = rows[self._row_of_place].transpose(1, 2).flatten(2, 3)
        answers = torch.matmul(placed, tables).unflatten(2, (-1, repeats)).transpose(1, 2)
        return answers.flatten(0, 1)[self._place_of_row]


def _store(tables: list[torch.Tensor], layer: int, new: torch.Tensor, at: int) -> torch.Tensor:
    """Write one token's keys or values of all responses; tables grow by blocks."""
    if layer == len(tables):
        tables.append(new.new_empty(*new.shape[:2], BLOCK, new.shape[3]))
    table = tables[layer]
    if at == table.shape[2]:
        longer = table.new_empty(*table.shape[:2], 2 * at, table.shape[3])
        longer[:, :, :at] = table
        tables[layer] = table = longer
    table[:, :, at : at + 1] = new
    return table
