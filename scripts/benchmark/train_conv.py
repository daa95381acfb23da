"""The second training, on which nothing was developed: a convolutional network (27 million parameters) that
tells from 1,024 bytes of a file, seen as a picture, which directory of this machine it is from; SGD with momentum."""

from __future__ import annotations

import collections
import math
import os
import random

import torch
import torch.nn.functional as F
from torch import nn

from .realfiles import directories, distinct
from .train_task import Task

WIDTHS, BLOCKS, BATCH = (192, 384, 576), (2, 2, 3), 16
SIDE = 32
CLASSES = 64
DATA_BYTES = 24_000_000
RATE, WARM_UP = 0.05, 0.05


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(width)
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv2(F.relu(self.norm2(self.conv1(F.relu(self.norm1(x))))))


class Conv(nn.Module):
    """Three stages, each at half the side of the one before."""

    def __init__(self, widths: list[int], classes: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, widths[0], 4, stride=4)
        stages: list[nn.Module] = []
        for number, (width, blocks) in enumerate(zip(widths, BLOCKS, strict=True)):
            if number:
                stages.append(nn.Conv2d(widths[number - 1], width, 3, stride=2, padding=1, bias=False))
            stages += [Block(width) for _ in range(blocks)]
        self.stages = nn.Sequential(*stages)
        self.norm = nn.BatchNorm2d(widths[-1])
        self.head = nn.Linear(widths[-1], classes)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.head(F.relu(self.norm(self.stages(self.stem(pictures)))).mean((2, 3)))


class Pictures:
    """Files of the directories that have the most of them; the last tenth is kept for fine-tuning."""

    def __init__(self, limit: int, seed: int) -> None:
        self._rng = random.Random(seed + 1)
        files: list[tuple[str, bytes]] = []
        total = 0
        for path, content in distinct(directories(self._rng)):
            if total >= limit:
                break
            files.append(("/".join(path.split(os.sep)[:3]), content))
            total += len(content)
        common = collections.Counter(directory for directory, _ in files).most_common(CLASSES)
        numbers = {directory: number for number, (directory, _) in enumerate(common)}
        self.classes = len(numbers)
        self._files = [(content, numbers[directory]) for directory, content in files if directory in numbers]
        self._split = len(self._files) * 9 // 10

    def loss(self, model: nn.Module, tuning: bool) -> torch.Tensor:
        chosen = self._rng.choices(self._files[self._split :] if tuning else self._files[: self._split], k=BATCH)
        pictures = torch.stack([self._picture(content) for content, _ in chosen])
        return F.cross_entropy(model(pictures), torch.tensor([number for _, number in chosen]))

    def _picture(self, content: bytes) -> torch.Tensor:
        start = self._rng.randrange(len(content) - SIDE * SIDE + 1)
        values = torch.tensor(list(content[start : start + SIDE * SIDE]), dtype=torch.float32)
        return (values / 128 - 1).view(1, SIDE, SIDE)


def task(seed: int, scale: float) -> Task:
    pictures = Pictures(max(1_000_000, round(DATA_BYTES * scale)), seed)
    model = Conv([max(16, round(width * math.sqrt(scale))) for width in WIDTHS], pictures.classes)
    return Task(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=RATE, momentum=0.9, nesterov=True, weight_decay=5e-4),
        state=("momentum_buffer",),
        rate=_rate,
        loss=pictures.loss,
        tuner=lambda parameters, rate: torch.optim.SGD(parameters, lr=rate, momentum=0.9),
        tuning_rates={"full": 0.001, "head": 0.01, "lora": 0.01},
        adapted=[(block, "conv2") for block in model.stages if isinstance(block, Block)],
    )


def _rate(step: int, steps: int) -> float:
    """Rises over the first twentieth, then falls to a hundredth along a line."""
    return RATE * min(1.0, (step + 1) / (WARM_UP * steps)) * (1 - 0.99 * step / steps)
