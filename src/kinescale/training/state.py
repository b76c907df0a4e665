"""TrainState: what a stage's loop carries from step to step, and its way into a checkpoint and back."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from kinescale.core.errors import BundleError
from kinescale.training.checkpoint import Checkpoint
from kinescale.training.config import OptimizerConfig, StageConfig
from kinescale.training.muon import MuonAdamW
from kinescale.training.schedule import ema_weight

MAX_BAD_STEPS = 50


class TrainState:
    """Module, its running average, optimizer, gradient scaler and counters.

    ``step`` counts finished steps. ``elapsed_s`` is training time over all invocations. ``bad`` counts
    steps in a row whose gradient was not finite.
    """

    def __init__(self, module: nn.Module, config: StageConfig, device: torch.device):
        self.module = module.to(device)
        self.config = config
        self.device = device
        self.average = average_of(module) if config.ema_decay else None
        self.optimizer = build_optimizer(module, config.optimizer)
        self.scaler = torch.amp.GradScaler(device.type, enabled=config.precision == "fp16")
        self.step = 0
        self.elapsed_s = 0.0
        self.bad = 0
        self.best: float | None = None

    @property
    def evaluated(self) -> nn.Module:
        """The module whose losses and weights count: the average where there is one."""
        return self.module if self.average is None else self.average

    @torch.no_grad()
    def update_average(self) -> None:
        """Move the average towards the weights; buffers (codebooks, counts) are taken as they are."""
        if self.average is None:
            return
        keep = ema_weight(self.config.ema_decay, self.step)
        for old, new in zip(self.average.parameters(), self.module.parameters(), strict=True):
            old.lerp_(new, 1.0 - keep)
        for old, new in zip(self.average.buffers(), self.module.buffers(), strict=True):
            old.copy_(new)

    def to_checkpoint(self, identity: Mapping[str, Any]) -> Checkpoint:
        """Everything needed to go on."""
        tensors = {f"model/{key}": value for key, value in self.module.state_dict().items()}
        if self.average is not None:
            tensors |= {f"ema/{key}": value for key, value in self.average.state_dict().items()}
        optimizer = self.optimizer.state_dict()
        for index, slots in optimizer["state"].items():
            for key, value in slots.items():
                tensors[f"optimizer/{index}/{key}"] = torch.as_tensor(value)
        state = {
            "identity": dict(identity),
            "step": self.step,
            "elapsed_s": self.elapsed_s,
            "bad": self.bad,
            "best": self.best,
            "scaler": self.scaler.state_dict(),
        }
        return Checkpoint(tensors, state)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Take over everything a checkpoint of the same configuration holds."""
        try:
            self.module.load_state_dict(checkpoint.part("model"))
            if self.average is not None:
                self.average.load_state_dict(checkpoint.part("ema"))
        except RuntimeError as problem:
            line = " ".join(str(problem).split())[:200]
            raise BundleError(
                f"the checkpoint's weights do not fit the model ({line}); start a new run folder."
            ) from None
        slots: dict[int, dict[str, Tensor]] = {}
        for key, value in checkpoint.part("optimizer").items():
            index, name = key.split("/", 1)
            slots.setdefault(int(index), {})[name] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": slots, "param_groups": groups})
        state = checkpoint.state
        if state["scaler"]:
            self.scaler.load_state_dict(state["scaler"])
        self.step, self.elapsed_s = int(state["step"]), float(state["elapsed_s"])
        self.bad, self.best = int(state["bad"]), state["best"]


def average_of(module: nn.Module) -> nn.Module:
    """A copy that is never trained: no gradients, evaluation mode."""
    return copy.deepcopy(module).requires_grad_(False).eval()


def build_optimizer(module: nn.Module, config: OptimizerConfig) -> torch.optim.Optimizer:
    """AdamW in two groups, with Muon for the matrices where the config says so.

    Weights of linear and convolution layers decay, everything else (biases, norms, tables) does not.
    """
    layers = (nn.Linear, nn.Conv1d, nn.Conv2d)
    heavy = {id(part.weight) for part in module.modules() if isinstance(part, layers)}
    matrices, decayed, plain = [], [], []
    for value in module.parameters():
        if value.requires_grad:
            matrix = config.kind == "muon" and value.ndim == 2 and id(value) in heavy
            (matrices if matrix else decayed if id(value) in heavy else plain).append(value)
    groups = [
        {"params": matrices, "weight_decay": config.weight_decay, "muon": True},
        {"params": decayed, "weight_decay": config.weight_decay, "muon": False},
        {"params": plain, "weight_decay": 0.0, "muon": False},
    ]
    groups = [group for group in groups if group["params"]]
    if config.kind == "muon":
        return MuonAdamW(groups, config)
    for group in groups:
        del group["muon"]
    return torch.optim.AdamW(groups, lr=config.lr, betas=config.betas, eps=config.eps)


def load_weights(checkpoint: Checkpoint) -> dict[str, Tensor]:
    """The weights to use from a checkpoint: the average where there is one."""
    return checkpoint.part("ema") or checkpoint.part("model")
