"""From a packed row to padded tables and back, with gradients that are gathered instead of added up.

PyTorch does not know that each position of the row lies in one place of one table; its gradient of an indexed tensor adds up
whatever comes to an index, number by number, which takes several times as long as copying rows (docs/log.md).
"""

from collections.abc import Sequence
from typing import Any

import torch

from rlsr.forward.layout import Segments


class PaddedTables:
    """Tables that hold the pieces of a packed row between them.

    Args:
        num_positions: Positions of the row; each belongs to one piece of one table.
        *tables: The pieces of each table.
    """

    def __init__(self, num_positions: int, *tables: Segments) -> None:
        self._indices = tuple(table.index for table in tables)
        self._places = _places_of_positions(num_positions, tables)

    def spread(self, row: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Put the positions of a row into tables.

        What stands behind the end of a piece is some position's, and gets no gradient: nothing that is read may depend on it.

        Args:
            row: (position, ...).

        Returns:
            (piece, place, ...) for each table.
        """
        tables: tuple[torch.Tensor, ...] = _Spread.apply(row, self._places, *self._indices)
        return tables

    def collect(self, tables: Sequence[torch.Tensor]) -> torch.Tensor:
        """Undo ``spread``.

        Args:
            tables: (piece, place, ...) each.

        Returns:
            (position, ...).
        """
        row: torch.Tensor = _Collect.apply(self._places, *tables)
        return row


def tables_of_like_length(
    lengths: Sequence[int], prompt_width: int, table_cost: int
) -> list[list[int]]:
    """Divide responses among tables so that little is padded, and that there are few tables.

    A table of n responses, the longest of L tokens, costs attention n * L * (prompt_width + L) pairs of query and key.

    Args:
        lengths: Tokens of each response.
        prompt_width: Places of a prompt.
        table_cost: Pairs in whose time a further table is handled.

    Returns:
        Numbers of the responses of each table; those of a table are next to each other by length.
    """
    order = sorted(range(len(lengths)), key=lambda row: lengths[row])
    # Of the shortest responses, by their number: the least cost, and where the last table begins.
    best: list[tuple[int, int]] = [(0, 0)]
    for end in range(1, len(order) + 1):
        width = max(1, lengths[order[end - 1]])
        pairs = width * (prompt_width + width)
        best.append(
            min(
                (best[start][0] + (end - start) * pairs + table_cost, start) for start in range(end)
            )
        )
    tables: list[list[int]] = []
    end = len(order)
    while end:
        start = best[end][1]
        tables.append(sorted(order[start:end]))
        end = start
    return tables[::-1]


def _places_of_positions(num_positions: int, tables: Sequence[Segments]) -> torch.Tensor:
    """(position,): place of each in the flattened tables, one table behind the other."""
    places = torch.empty(num_positions, dtype=torch.long, device=tables[0].index.device)
    offset = 0
    for segments in tables:
        is_token = segments.is_token
        flat = torch.arange(is_token.numel(), device=places.device).view_as(is_token)
        places[segments.index[is_token]] = flat[is_token] + offset
        offset += is_token.numel()
    return places


def _take(row: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    return row.index_select(0, index.flatten()).unflatten(0, index.shape)


def _flat(tables: Sequence[torch.Tensor]) -> torch.Tensor:
    return torch.cat([table.flatten(0, 1) for table in tables])


class _Spread(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, row: torch.Tensor, places: torch.Tensor, *indices: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        ctx.save_for_backward(places)
        return tuple(_take(row, index) for index in indices)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (places,) = ctx.saved_tensors
        return _flat(gradients).index_select(0, places), None, *[None for _ in gradients]


class _Collect(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, places: torch.Tensor, *tables: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(places)
        ctx.shapes = [table.shape[:2] for table in tables]
        return _flat(tables).index_select(0, places)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (places,) = ctx.saved_tensors
        sizes = [shape.numel() for shape in ctx.shapes]
        flat = gradient.new_zeros(sum(sizes), *gradient.shape[1:])
        flat.index_copy_(0, places, gradient)
        parts = zip(flat.split(sizes), ctx.shapes, strict=True)
        return None, *[part.unflatten(0, shape) for part, shape in parts]
