"""What a table is drawn from."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import pyarrow as pa

Columns = dict[str, pa.Array]


class Source(Protocol):
    """Real rows of one kind, of which as many as are wanted are drawn, with noise in the numbers."""

    told: str
    """What the report says of where the rows are from."""
    digits: dict[str, int]
    """The columns of real numbers, each with the digits after its point."""
    edited: list[tuple[str, ...]]
    """What one edit of a row replaces: the columns that change together."""

    def rows(self, rng: np.random.Generator, first: int, count: int) -> Columns:
        """So many rows with the numbers from `first` on in their column `id`."""


def noisy(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A fiftieth up or down, normally distributed."""
    return values * (1 + 0.02 * rng.standard_normal(values.shape))
