"""The bench's lines as a table for the README, and throughput against conversations as a picture.

Knows: Markdown, matplotlib. Does not know: how anything is measured.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from engine.errors import BadFile
from engine.summary_bench import Measurement

BEGIN, END = "<!-- bench -->", "<!-- /bench -->"


def machine() -> str:
    """The processor and the day, in a few words."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    cores = f"{len(names)} x {names[0]}" if names else name
    return f"{cores}, {date.today().isoformat()}"


def table(found: Sequence[Measurement]) -> str:
    """Markdown, one row a measurement."""
    rows = [f"Measured on {machine()}.", ""]
    rows += ["| | ours | beside | ratio | bar | |", "|---|---|---|---|---|---|"]
    for one in found:
        values = one.values()
        ratio = values["ratio"] or values["fraction_of_limit"]
        peer = f"{one.peer_name} {one.peer:.4g}" if one.peer is not None else ""
        beside = peer or (f"limit {one.limit:.4g}" if one.limit is not None else "")
        state = {True: "holds", False: "does not hold", None: ""}[one.ok]
        shown = f"{ratio:.2f}" if ratio is not None else ""
        rows.append(f"| {one.name} | {one.ours:.4g} {one.unit} | {beside} | {shown} | {one.bar} | {state} |")
    return "\n".join(rows)


def write_into(file: Path, found: str) -> None:
    """Puts a table between the marks of a Markdown file, however often they are there. Raises BadFile."""
    text = file.read_text("utf-8")
    fresh, count = re.subn(
        rf"{BEGIN}.*?{END}", lambda _: f"{BEGIN}\n\n{found}\n\n{END}", text, flags=re.DOTALL
    )
    if not count:
        raise BadFile(file=file.name, reason=f"it has no {BEGIN} and {END} to write between")
    file.write_text(fresh, "utf-8")


def picture(rates: Mapping[str, Mapping[int, float]], file: Path) -> None:
    """Tokens a second against conversations, a line for each who writes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    for name, found in rates.items():
        axes.plot(list(found), list(found.values()), "--" if name == "limit" else "o-", label=name)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xlabel("conversations")
    axes.set_ylabel("tokens/s")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(file, dpi=120)
