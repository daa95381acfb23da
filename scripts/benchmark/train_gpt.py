"""The first training: a small transformer (34 million parameters) on the sources of Python's standard library, AdamW."""

from __future__ import annotations

import collections
import math
import os
import re
import sysconfig
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from .train_task import Task

WORDS, WIDTH, LAYERS, HEADS, CONTEXT, BATCH = 8192, 512, 8, 8, 96, 4
TEXT_CHARACTERS = 24_000_000
RATE, WARM_UP = 6e-4, 0.1


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.ln1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.o = nn.Linear(width, width)
        self.ln2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        q, k, v = self.qkv(self.ln1(x)).view(batch, length, 3, HEADS, width // HEADS).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(seen.transpose(1, 2).reshape(batch, length, width))
        return x + self.down(F.gelu(self.up(self.ln2(x))))


class Gpt(nn.Module):
    def __init__(self, words: int, width: int, layers: int) -> None:
        super().__init__()
        self.tok = nn.Embedding(words, width)
        self.pos = nn.Embedding(CONTEXT, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(layers))
        self.lnf = nn.LayerNorm(width)
        self.head = nn.Linear(width, words, bias=False)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.tok(tokens) + self.pos(torch.arange(tokens.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.lnf(x))


class Text:
    """Tokens by number; the last tenth is kept for fine-tuning."""

    def __init__(self, words: int, characters: int, seed: int) -> None:
        tokens = re.findall(r"\w+|\s+|[^\w\s]", _sources(characters))
        common = collections.Counter(tokens).most_common(words - 1)
        numbers = {word: number for number, (word, _) in enumerate(common, 1)}
        self._tokens = torch.tensor([numbers.get(token, 0) for token in tokens])
        self._split = len(tokens) * 9 // 10
        self._generator = torch.Generator().manual_seed(seed + 1)

    def loss(self, model: nn.Module, tuning: bool) -> torch.Tensor:
        least, most = (self._split, len(self._tokens)) if tuning else (0, self._split)
        starts = torch.randint(least, most - CONTEXT - 1, (BATCH,), generator=self._generator)
        seen = torch.stack([self._tokens[start : start + CONTEXT] for start in starts])
        following = torch.stack([self._tokens[start + 1 : start + CONTEXT + 1] for start in starts])
        return F.cross_entropy(model(seen).flatten(0, 1), following.flatten())


def task(seed: int, scale: float) -> Task:
    root = math.sqrt(scale)
    words = max(256, round(WORDS * root))
    model = Gpt(words, HEADS * max(4, round(WIDTH * root / HEADS)), max(2, round(LAYERS * root)))
    return Task(
        model=model,
        optimizer=torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.95), weight_decay=0.1),
        state=("exp_avg", "exp_avg_sq"),
        rate=_rate,
        loss=Text(words, max(2_000_000, round(TEXT_CHARACTERS * scale)), seed).loss,
        tuner=lambda parameters, rate: torch.optim.AdamW(parameters, lr=rate, weight_decay=0.0),
        tuning_rates={"full": 1e-5, "head": 1e-4, "lora": 1e-3},
        adapted=[(block, name) for block in model.blocks for name in ("qkv", "o")],
    )


def _rate(step: int, steps: int) -> float:
    """Rises over the first tenth, then falls to a tenth as a cosine does."""
    return RATE * min(1, (step + 1) / (WARM_UP * steps)) * (0.1 + 0.45 * (1 + math.cos(math.pi * step / steps)))


def _sources(characters: int) -> str:
    parts: list[str] = []
    for directory, names, files in os.walk(sysconfig.get_paths()["stdlib"]):
        names[:] = sorted(name for name in names if name not in ("site-packages", "dist-packages"))
        for file in sorted(files):
            if file.endswith(".py"):
                try:
                    parts.append(Path(directory, file).read_text())
                except (OSError, UnicodeDecodeError):
                    continue
    return "\n".join(parts)[:characters]
