"""Keys and values of prompts and of the responses that are being written to them."""

import torch

from rlsr.forward.attention import UnsupportedPolicyError
from rlsr.forward.kernels import fold_heads, masked_attention
from rlsr.forward.layout import Segments
from rlsr.forward.tables import PaddedTables

BLOCK = 64
"""Tables of keys and values are a multiple of it long."""

LONGEST_COPY = 128
"""Places of the longest prompt up to which each response has the keys and values of its prompt in its own table: one product
instead of two. Longer ones are shared."""


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
        self._tables = PaddedTables(int(prompts.lengths.sum()), prompts)

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
        (queries,), (keys,), (values,) = (
            self._tables.spread(rows[0].transpose(0, 1)) for rows in (query, key, value)
        )
        self.keys.append(keys.transpose(1, 2).contiguous())
        self.values.append(values.transpose(1, 2).contiguous())
        output = masked_attention(queries, keys, values, visible=self._visible, scaling=scaling)
        return self._tables.collect([output])[None]


class GroupAttention:
    """One new token of each response attends to its prompt and to its response.

    Products run over whole tables, with what is not written yet hidden: a product with a part of a table costs up to five
    times as much (docs/log.md).

    Args:
        prompts: What the prompts left behind.
        prompt_of_row: For each response the number of its prompt.
    """

    def __init__(self, prompts: PromptAttention, prompt_of_row: torch.Tensor) -> None:
        self.num_tokens = 0
        """Tokens of each response whose keys are there."""
        is_padding = ~prompts.prompts.is_token
        self._is_padding = is_padding[prompt_of_row]
        width = is_padding.shape[1]
        is_copied = width <= LONGEST_COPY
        self._shared = None if is_copied else SharedPrompts(prompts, prompt_of_row)
        self._start = width if is_copied else 0
        self._capacity = 0
        """Places of the tables."""
        self._hidden = torch.empty(0)
        """(response, 1, 1, place): 0 for what is there, -inf for what is not; the prompt's places come first."""
        self._keys, self._values = (
            [table[prompt_of_row, :, : self._start] for table in tables]
            for tables in (prompts.keys, prompts.values)
        )
        self._grow()

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
        keys, values = self._keys[layer], self._values[layer]
        place = self._start + self.num_tokens
        keys[:, :, place : place + 1] = key
        values[:, :, place : place + 1] = value
        # (response, key head, repeat, width)
        folded = fold_heads(query.transpose(1, 2) * scaling, key.shape[1])
        scores = torch.matmul(folded, keys.transpose(2, 3))
        if self._shared is not None:
            scores = torch.cat([self._shared.scores(layer, folded), scores], dim=-1)
        # In float32, which on a CPU is faster, too.
        weights = torch.softmax(scores.add_(self._hidden), dim=-1, dtype=torch.float32)
        weights = weights.to(value.dtype)
        if self._shared is None:
            output = torch.matmul(weights, values)
        else:
            to_prompt, to_own = weights.tensor_split([-self._capacity], dim=-1)
            output = self._shared.mean_values(layer, to_prompt) + torch.matmul(to_own, values)
        return output.flatten(1, 2)[:, None]

    def advance(self) -> None:
        """Count the token whose keys every layer has stored."""
        self.num_tokens += 1
        place = self._start + self.num_tokens
        if place == self._capacity:
            self._grow()
        else:
            # Counted from the end: places of a shared prompt may stand before the table's.
            self._hidden[..., place - self._capacity] = 0

    def keep(self, rows: torch.Tensor) -> None:
        """Forget all other responses, and the prompts that have none left.

        Args:
            rows: (kept response,): numbers of those that stay, rising.
        """
        self._keys = [table[rows] for table in self._keys]
        self._values = [table[rows] for table in self._values]
        self._is_padding, self._hidden = self._is_padding[rows], self._hidden[rows]
        if self._shared is not None:
            self._shared.keep(rows)

    def _grow(self) -> None:
        """Make room for more tokens."""
        blocks = 1 + self._capacity // (4 * BLOCK)
        self._capacity = BLOCK * (max(self._capacity, self._start) // BLOCK + blocks)
        for tables in (self._keys, self._values):
            for layer, table in enumerate(tables):
                # Zeros: hidden places have the weight 0, and 0 times anything but a number is none.
                longer = table.new_zeros(*table.shape[:2], self._capacity, table.shape[3])
                longer[:, :, : table.shape[2]] = table
                tables[layer] = longer
        num_rows, width = self._is_padding.shape
        num_places = self._capacity + width - self._start
        hidden = self._keys[0].new_zeros(num_rows, num_places)
        hidden[:, :width].masked_fill_(self._is_padding, float("-inf"))
        hidden[:, width + self.num_tokens + 1 :] = float("-inf")
        self._hidden = hidden[:, None, None]


class SharedPrompts:
    """Keys and values of prompts, each there once for all its responses.

    They are read once for all of them, which for long prompts is most of what attention reads.

    Args:
        prompts: What the prompts left behind.
        prompt_of_row: For each response the number of its prompt.
    """

    def __init__(self, prompts: PromptAttention, prompt_of_row: torch.Tensor) -> None:
        self._keys = prompts.keys
        self._values = prompts.values
        self._prompt_of_row = prompt_of_row
        self._arrange()

    def scores(self, layer: int, query: torch.Tensor) -> torch.Tensor:
        """Ask each response's prompt.

        Args:
            layer: Number of the layer.
            query: (response, key head, repeat, width).

        Returns:
            (response, key head, repeat, prompt place).
        """
        return self._multiply(query, self._keys[layer].transpose(2, 3))

    def mean_values(self, layer: int, weights: torch.Tensor) -> torch.Tensor:
        """Add up the values of each response's prompt.

        Args:
            layer: Number of the layer.
            weights: (response, key head, repeat, prompt place).

        Returns:
            (response, key head, repeat, width).
        """
        return self._multiply(weights, self._values[layer])

    def keep(self, rows: torch.Tensor) -> None:
        """Forget all other responses, and the prompts that have none left.

        Args:
            rows: (kept response,): numbers of those that stay, rising.
        """
        left, self._prompt_of_row = self._prompt_of_row[rows].unique(return_inverse=True)
        if len(left) < len(self._keys[0]):
            self._keys = [table[left] for table in self._keys]
            self._values = [table[left] for table in self._values]
        self._arrange()

    def _arrange(self) -> None:
        """Find a place for each response in a table of (prompt, place), so that a prompt is multiplied once."""
        groups = self._prompt_of_row
        counts = groups.bincount(minlength=len(self._keys[0]))
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

    def _multiply(self, rows: torch.Tensor, tables: torch.Tensor) -> torch.Tensor:
        """Multiply (response, key head, repeat, n) by (prompt, key head, n, m) of each response's prompt."""
        repeats = rows.shape[2]
        placed = rows[self._row_of_place].transpose(1, 2).flatten(2, 3)
        answers = torch.matmul(placed, tables).unflatten(2, (-1, repeats)).transpose(1, 2)
        return answers.flatten(0, 1)[self._place_of_row]
