"""Rows of measurements: scikit-learn's bundled table of breast cancers, 569 rows of 30 real numbers each."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from sklearn.datasets import load_breast_cancer

from .table_source import Columns, noisy

FIRST_DAY = np.datetime64("2020-01-01")
ROWS_A_DAY = 997


class Measurements:
    """The numbers keep about as many digits as they were measured with."""

    def __init__(self) -> None:
        bundled = load_breast_cancer()
        self._values: np.ndarray = bundled.data
        self._labels: np.ndarray = bundled.target
        self._label_names = pa.array([str(name) for name in bundled.target_names])
        names = [str(name).replace(" ", "_") for name in bundled.feature_names]
        self.told = f"scikit-learn's bundled breast_cancer ({len(self._values)} rows of {len(names)} measurements)"
        self.digits = {name: _digits(float(most)) for name, most in zip(names, self._values.max(axis=0), strict=True)}
        self.edited = [(name,) for name in names]

    def rows(self, rng: np.random.Generator, first: int, count: int) -> Columns:
        drawn = rng.integers(0, len(self._values), count)
        values = noisy(self._values[drawn], rng)
        ids = np.arange(first, first + count)
        rounded = {name: np.round(values[:, at], digits) for at, (name, digits) in enumerate(self.digits.items())}
        return {
            "id": pa.array(ids),
            "date": pa.array(FIRST_DAY + ids // ROWS_A_DAY).cast(pa.string()),
            "diagnosis": self._label_names.take(pa.array(self._labels[drawn])),
            **{name: pa.array(column) for name, column in rounded.items()},
        }


def _digits(most: float) -> int:
    return 5 if most < 1 else 3 if most < 100 else 1


def source(seed: int, rows: int) -> Measurements:
    """The same rows for every seed."""
    del seed, rows
    return Measurements()
