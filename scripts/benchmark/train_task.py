"""What a training is made of: a network, an optimizer, data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn


@dataclass
class Task:
    """What `train` needs to know of a network. Its last layer is its attribute `head`."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    state: tuple[str, ...]
    """What the optimizer keeps of each parameter."""
    rate: Callable[[int, int], float]
    """The learning rate at a step of so many."""
    loss: Callable[[nn.Module, bool], torch.Tensor]
    """Draws a batch; if the flag is set, of what the training has not seen, for fine-tuning."""
    tuner: Callable[[list[nn.Parameter], float], torch.optim.Optimizer]
    tuning_rates: dict[str, float]
    adapted: list[tuple[nn.Module, str]]
    """The layers that get an adapter: each by its parent and its name there."""
