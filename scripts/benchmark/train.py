"""Trains one network and writes its checkpoints, its optimizer's state and three fine-tunes of it.

usage: python -m benchmark.train TRAINING DIRECTORY SEED SCALE

This and the modules of the trainings run in the harness's virtual environment, which has torch. The number of
threads is fixed, as it decides the order of the sums: the same seed gives the same bits on the same machine.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from .data import W3_CHECKPOINTS
from .train_task import Task

TRAININGS = {"gpt": "train_gpt", "conv": "train_conv"}
THREADS = 2
STEPS = 300
TUNING_STEPS = 15
STATES = 3
RANK = 8


class Adapter(nn.Module):
    """A layer that stays as it is, and a product of two thin ones that learns what to add to it (LoRA)."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        if isinstance(layer, nn.Conv2d):
            self.lora_A: nn.Module = nn.Conv2d(layer.in_channels, RANK, layer.kernel_size, layer.stride, layer.padding, bias=False)
            self.lora_B: nn.Module = nn.Conv2d(RANK, layer.out_channels, 1, bias=False)
        else:
            self.lora_A = nn.Linear(layer.in_features, RANK, bias=False)
            self.lora_B = nn.Linear(RANK, layer.out_features, bias=False)
        nn.init.normal_(self.lora_A.weight, std=0.02)
        nn.init.zeros_(self.lora_B.weight)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.layer(values) + 2 * self.lora_B(self.lora_A(values))


class Training:
    """One run of a task, from the first step to the last fine-tune."""

    def __init__(self, task: Task, directory: Path, scale: float) -> None:
        self._task = task
        self._directory = directory
        self._steps_each = max(2, round(STEPS * scale / W3_CHECKPOINTS))
        self._start = time.monotonic()

    def run(self) -> None:
        losses = [self._checkpoint(number) for number in range(1, W3_CHECKPOINTS + 1)]
        tuned = self._fine_tunes()
        parameters = sum(parameter.numel() for parameter in self._task.model.parameters())
        facts = {
            "parameters": parameters, "steps": self._steps_each * W3_CHECKPOINTS, "losses": losses, "tuned": tuned,
            "seconds": round(time.monotonic() - self._start, 1), "torch": torch.__version__,
        }
        (self._directory / "training.json").write_text(json.dumps(facts) + "\n")

    def _checkpoint(self, number: int) -> float:
        task = self._task
        task.model.train()
        for step in range((number - 1) * self._steps_each, number * self._steps_each):
            for group in task.optimizer.param_groups:
                group["lr"] = task.rate(step, self._steps_each * W3_CHECKPOINTS)
            loss = _step(task, task.optimizer, tuning=False)
        self._save(f"ckpt{number:02d}")
        if number > W3_CHECKPOINTS - STATES:
            self._save_state(f"optim{number:02d}")
        print(f"  checkpoint {number}: loss {loss:.3f}, {time.monotonic() - self._start:.0f} s", flush=True)
        return loss

    def _fine_tunes(self) -> dict[str, float]:
        """In this order: all of the network, its head alone, thin layers beside it; each from the last checkpoint on."""
        model = self._task.model
        base = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        losses = {"full": self._tune("full", model.parameters())}
        self._save("ft_full")
        model.load_state_dict(base)
        model.requires_grad_(False)
        model.head.requires_grad_(True)
        losses["head"] = self._tune("head", model.head.parameters())
        self._save("ft_head")
        model.load_state_dict(base)
        model.requires_grad_(False)
        for parent, name in self._task.adapted:
            setattr(parent, name, Adapter(getattr(parent, name)))
        losses["lora"] = self._tune("lora", [tensor for name, tensor in model.named_parameters() if "lora_" in name])
        self._save("ft_lora", lambda name: "lora_" in name)
        return losses

    def _tune(self, kind: str, parameters: Iterable[nn.Parameter]) -> float:
        """Only a fine-tune of everything moves the running means of normalisations too."""
        self._task.model.train(kind == "full")
        optimizer = self._task.tuner(list(parameters), self._task.tuning_rates[kind])
        loss = 0.0
        for _ in range(min(TUNING_STEPS, self._steps_each)):
            loss = _step(self._task, optimizer, tuning=True)
        print(f"  fine-tune {kind}: loss {loss:.3f}", flush=True)
        return loss

    def _save(self, name: str, wanted: Callable[[str], bool] = lambda name: True) -> None:
        tensors = {key: tensor.detach().contiguous() for key, tensor in self._task.model.state_dict().items() if wanted(key)}
        halved = {key: tensor.bfloat16() if tensor.is_floating_point() else tensor for key, tensor in tensors.items()}
        save_file(tensors, self._directory / f"{name}.fp32.safetensors", metadata={"name": name})
        save_file(halved, self._directory / f"{name}.bf16.safetensors", metadata={"name": name})

    def _save_state(self, name: str) -> None:
        task = self._task
        state = {
            f"{kind}.{key}": task.optimizer.state[parameter][kind].contiguous()
            for key, parameter in task.model.named_parameters() for kind in task.state
        }
        save_file(state, self._directory / f"{name}.fp32.safetensors")


def _step(task: Task, optimizer: torch.optim.Optimizer, tuning: bool) -> float:
    loss = task.loss(task.model, tuning)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_((parameter for group in optimizer.param_groups for parameter in group["params"]), 1.0)
    optimizer.step()
    return float(loss.detach())


def main() -> None:
    name, directory, seed, scale = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    torch.set_num_threads(THREADS)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(seed)
    print(f"training {name}, seed {seed}, scale {scale:g}", flush=True)
    task = importlib.import_module(f".{TRAININGS[name]}", __package__).task(seed, scale)
    Training(task, directory, scale).run()


if __name__ == "__main__":
    main()
