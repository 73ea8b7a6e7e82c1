"""`train --profile`: where the time of a training step goes.

Knows: torch's profiler, how many steps are looked at.
Does not know: what is trained.

A few steps of the real run are made and thrown away; nothing is left but the trace.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Sequence
from pathlib import Path

from torch.profiler import ProfilerActivity, profile, schedule

from engine.distributed import device_of
from engine.observer import Observer
from engine.train import RunConfig, train

TRACE = "trace.json"
_WARM_UP, _STEPS = 3, 5


class _Stepping(Observer):
    def __init__(self, profiler: profile) -> None:
        self._profiler = profiler

    def stepped(self) -> None:
        self._profiler.step()


def profile_training(
    config: RunConfig,
    files: Sequence[Path],
    out: Path,
    *,
    device: str = "auto",
    exclude: Sequence[Path] = (),
    init: Path | None = None,
    rows: int = 25,
) -> str:
    """A table of the costliest operations; the trace for chrome://tracing is `out`/trace.json.

    Times are sums over five steps after three of warm-up. Raises BadFile or BadOption.
    """
    short = copy.deepcopy(config)
    short.training.steps = short.training.pause_at = _WARM_UP + _STEPS + 1
    cuda = device_of(device).type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if cuda else [])]
    plan = schedule(wait=0, warmup=_WARM_UP, active=_STEPS, repeat=1)
    out.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix=".profile-", dir=out) as scratch,
        # the trace is taken when the five steps are over, before the last step and validation
        profile(activities=activities, schedule=plan, on_trace_ready=lambda p: _keep(p, out)) as profiler,
    ):
        train(
            short,
            files,
            Path(scratch) / "run",
            device=device,
            exclude=exclude,
            init=init,
            quiet=True,
            observers=[_Stepping(profiler)],
        )
    order = "self_cuda_time_total" if cuda else "self_cpu_time_total"
    return str(profiler.key_averages().table(sort_by=order, row_limit=rows))


def _keep(profiler: profile, out: Path) -> None:
    profiler.export_chrome_trace(str(out / TRACE))
