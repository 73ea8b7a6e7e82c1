"""One run on several processes, as torchrun starts them, on one machine or more.

Knows: which process this is, how values are shared, batch statistics over all processes.
Does not know: the schedule, files.

Every process reads the same data and draws the same batches; of each batch process r takes the rows r,
r + size, r + 2 size, … Losses are sums divided by the tokens of the whole batch, the posterior mean is
normalised with the whole batch's moments, and the latent's noise is drawn for the whole batch and then
cut: the loss curve is that of one process, whatever their number. Dropout and word dropout are drawn by
each process on its own, from the seed and its rank.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn

from engine.errors import BadOption
from engine.model import BatchMean, ConditionalVAE

Value = TypeVar("Value")


def device_of(name: str) -> torch.device:
    """The device that auto, cpu or cuda means here. Raises BadOption."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise BadOption(option="device", reason="this machine has no CUDA GPU; use --device cpu")
    return torch.device(name)


@dataclass(frozen=True)
class World:
    """The processes of a run. `control` carries small values between them, on the CPU whatever the device."""

    rank: int = 0
    size: int = 1
    device: torch.device | None = None
    control: Any = None

    @property
    def first(self) -> bool:
        """Whether this process is the one that validates and writes."""
        return self.rank == 0

    @property
    def part(self) -> slice:
        """The rows of a batch that are this process's."""
        return slice(self.rank, None, self.size)

    def agree(self, value: Value) -> Value:
        """The first process's value, in all of them. The first must not raise between two calls."""
        if self.size == 1:
            return value
        carried = [value]
        dist.broadcast_object_list(carried, src=0, group=self.control)
        return carried[0]

    def all(self, value: Value) -> list[Value]:
        """Every process's value, by rank."""
        if self.size == 1:
            return [value]
        found: list[Any] = [None] * self.size
        dist.all_gather_object(found, value, group=self.control)
        return found

    def total(self, values: Tensor) -> Tensor:
        """The sum over processes, without gradients."""
        values = values.detach().cpu()
        if self.size > 1:
            dist.all_reduce(values, group=self.control)
        return values

    def wrap(self, model: ConditionalVAE) -> nn.Module:
        """The model to call in training: gradients are averaged over processes, statistics shared.

        `model` itself stays the one to validate and save; its state has the same names as ever.
        """
        if self.size == 1:
            return model
        synchronise(model)
        ids = [self.device.index] if self.device and self.device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(model, device_ids=ids, forward_sync_buffers=False)


ALONE = World()


@contextlib.contextmanager
def joined(device: str = "auto") -> Iterator[World]:
    """The world this process was started in: by torchrun one of several, else alone.

    Processes on GPUs talk by nccl, on CPUs by gloo. Raises BadOption.
    """
    if not (dist.is_available() and dist.is_torchelastic_launched()):
        yield ALONE
        return
    where = device_of(device)
    if where.type == "cuda":
        local, here = dist.get_node_local_rank(0), torch.cuda.device_count()
        if local >= here:
            reason = f"this machine has {here} GPUs; start at most {here} processes on it"
            raise BadOption(option="device", reason=reason)
        where = torch.device("cuda", local)
        torch.cuda.set_device(where)
    dist.init_process_group("nccl" if where.type == "cuda" else "gloo")
    yield World(dist.get_rank(), dist.get_world_size(), where, dist.new_group(backend="gloo"))
    # Not after a failure: the others would be waited for, and torchrun ends them.
    dist.destroy_process_group()


class _Total(torch.autograd.Function):
    """The sum over processes; so is its gradient, since every process's loss depends on it."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total


def _total(values: Tensor) -> Tensor:
    return cast(Tensor, _Total.apply(values))  # type: ignore[no-untyped-call]


class SharedBatchNorm(nn.BatchNorm1d):
    """Batch normalisation with the moments of all processes' rows, on any device.

    (torch.nn.SyncBatchNorm does this on GPUs only.) Rows may be few or uneven among processes.
    """

    def forward(self, rows: Tensor) -> Tensor:
        """rows (B, Z) → (B, Z)."""
        if not self.training:
            return super().forward(rows)
        sums = _total(torch.cat([rows.sum(dim=0), rows.new_full((1,), len(rows))]))
        count = sums[-1].detach()
        mean = sums[:-1] / count
        variance = _total((rows - mean).square().sum(dim=0)) / count
        momentum = self.momentum if self.momentum is not None else 0.1
        with torch.no_grad():
            if self.running_mean is not None and self.running_var is not None:
                self.running_mean.lerp_(mean, momentum)
                self.running_var.lerp_(variance * count / (count - 1), momentum)
            if self.num_batches_tracked is not None:
                self.num_batches_tracked.add_(1)
        return (rows - mean) * torch.rsqrt(variance + self.eps)


class SharedBatchMean(BatchMean):
    """The mean over all processes' rows in training; validation is one process's own."""

    def forward(self, rows: Tensor) -> Tensor:
        if not self.training:
            return super().forward(rows)
        sums = _total(torch.cat([rows.sum(dim=0), rows.new_full((1,), len(rows))]))
        return sums[:-1] / sums[-1].detach()


def synchronise(model: ConditionalVAE) -> None:
    """Put the shared statistics in place of a model's own; nothing else about it changes."""
    model.average = SharedBatchMean()
    if model.config.latent:
        own = model.normalise
        shared = SharedBatchNorm(own.num_features, eps=own.eps, momentum=own.momentum, affine=False)
        shared.load_state_dict(own.state_dict())
        model.normalise = shared.to(next(model.parameters()).device)
