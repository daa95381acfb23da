"""Draws the images and the table that watched programs read.

usage: python -m benchmark.observed_data DIRECTORY SEED SCALE

This runs in the harness's virtual environment, which has numpy and Pillow.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import PIL
from PIL import Image

from .data import OBSERVE_IMAGES, OBSERVE_TABLE_ROWS, scaled

SIDE, COARSE = 64, 4
NOISE = 8.0
QUALITY = 90
IMAGES_PER_DIRECTORY = 1_000
FEATURES = 64


def write_images(root: Path, rng: np.random.Generator, count: int) -> None:
    """Photographs' statistics, roughly: a few colours that run into each other, and the noise of a sensor."""
    for number in range(count):
        directory = root / f"{number // IMAGES_PER_DIRECTORY:03d}"
        if number % IMAGES_PER_DIRECTORY == 0:
            directory.mkdir(parents=True)
        coarse = Image.fromarray(rng.integers(0, 256, (COARSE, COARSE, 3), np.uint8))
        smooth = np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.float32)
        noisy = smooth + NOISE * rng.standard_normal(smooth.shape, np.float32)
        pixels = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(directory / f"{number:06d}.jpg", quality=QUALITY)


def write_table(path: Path, rng: np.random.Generator, count: int) -> None:
    """Features, and in the last column what follows from them and some noise."""
    features = rng.standard_normal((count, FEATURES), np.float32)
    hidden = np.tanh(features @ rng.standard_normal((FEATURES, FEATURES), np.float32) / np.float32(FEATURES**0.5))
    target = hidden.mean(axis=1, keepdims=True) * 4 + 0.1 * rng.standard_normal((count, 1), np.float32)
    np.save(path, np.hstack([features, target]).astype(np.float32))


def main() -> None:
    directory, seed, scale = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    rng = np.random.default_rng(seed)
    write_images(directory / "images", rng, scaled(OBSERVE_IMAGES, scale, 100))
    write_table(directory / "table.npy", rng, OBSERVE_TABLE_ROWS)
    (directory / "made.json").write_text(json.dumps({"pillow": PIL.__version__, "numpy": np.__version__}) + "\n")


if __name__ == "__main__":
    main()
