"""Trains a small network on a table, on one core.

usage: python -P cpu.py TABLE STEPS TOLD

The last column is what the network learns from the others. The seconds that reading and training took, without
the start, go into the file TOLD.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

import numpy as np

WIDTH, BATCH, RATE = 256, 256, 0.01
TOLD_EACH = 100


def train(table: np.ndarray, steps: int) -> None:
    """Two hidden layers, plain gradient descent on the squared error; the loss is printed now and then."""
    rng = np.random.default_rng(0)
    sizes = (table.shape[1] - 1, WIDTH, WIDTH, 1)
    layers = [
        rng.standard_normal((rows, columns), np.float32) * np.float32((2 / rows) ** 0.5)
        for rows, columns in zip(sizes, sizes[1:], strict=False)
    ]
    for step in range(steps):
        rows = table[rng.integers(0, len(table), BATCH)]
        values = [rows[:, :-1]]
        for layer in layers[:-1]:
            values.append(np.maximum(values[-1] @ layer, 0))
        error = values[-1] @ layers[-1] - rows[:, -1:]
        slope = error * np.float32(2 / BATCH)
        for place in reversed(range(len(layers))):
            gradient = values[place].T @ slope
            slope = (slope @ layers[place].T) * (values[place] > 0)
            layers[place] -= np.float32(RATE) * gradient
        if step % TOLD_EACH == 0:
            print(f"step {step}: loss {float(np.mean(error**2)):.4f}", flush=True)


def main() -> None:
    path, steps, told = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    start = time.perf_counter()
    train(np.load(path), steps)
    told.write_text(f"{time.perf_counter() - start}\n")


main()
