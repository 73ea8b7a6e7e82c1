"""The report as a picture: shares with their intervals, week by week, and what each promotion gained.

Knows: matplotlib, colours, where things stand. Does not know: what is counted, any language: every word
in the picture comes from whoever asks for it.

matplotlib is imported when the first picture is drawn. It is not safe to draw on two threads at once, so
one picture is drawn after the other; call from a thread of your own, not from an event loop.
"""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from engine.errors import ExtraMissing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PAPER, INK, SOFT, RULE, RED = "#fcfaf4", "#221f1a", "#665f53", "#d9d0be", "#a8321f"
CHINESE_FONTS = (
    *("Noto Sans CJK SC", "Noto Serif CJK SC", "Noto Sans SC", "Noto Serif SC", "Source Han Sans SC"),
    *("Source Han Serif SC", "PingFang SC", "Hiragino Sans GB", "Heiti SC", "Songti SC", "STSong"),
    *("Microsoft YaHei", "SimSun", "SimHei", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei"),
    *("Noto Sans CJK TC", "Noto Serif CJK TC", "Noto Sans CJK JP", "Noto Serif CJK JP"),
)
DOTS = 130
"""Dots an inch of a PNG."""
_ROW, _WIDTH, _NARROW, _WEEKS = 0.3, 8.0, 4.6, 2.4
_drawing = threading.Lock()


@dataclass(frozen=True, slots=True)
class Bar:
    """A line of the picture: a share or gain with its interval. `faint`: too few to say."""

    label: str
    value: float
    low: float
    high: float
    note: str = ""
    faint: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """Lines under one heading. `weekly`: their labels are weeks, drawn from left to right. `gains`: the
    values are differences about 0, not shares of 1."""

    heading: str
    bars: tuple[Bar, ...]
    weekly: bool = False
    gains: bool = False


def can_write_chinese() -> bool:
    """Whether a font with Chinese characters is installed; without one a PNG must be in English."""
    return bool(_chinese_font())


def picture(
    title: str, panels: Sequence[Panel], kind: Literal["png", "svg"] = "png", *, narrow: bool = False
) -> bytes:
    """The panels under one another as PNG or SVG; `narrow` for a phone. Raises ExtraMissing without
    matplotlib."""
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ExtraMissing(option="a picture", package="matplotlib", extra="bench") from error
    shown = [panel for panel in panels if panel.bars]
    heights = [_WEEKS if panel.weekly else _ROW * len(panel.bars) + 0.45 for panel in shown]
    # in SVG words stay words: a screen reader and a search find them, the reader's own fonts draw them
    style: Any = {"svg.fonttype": "none", "svg.hashsalt": "moyou", "axes.unicode_minus": False}
    style["text.parse_math"] = False  # a channel's name may have dollar signs
    style["font.family"] = [*filter(None, [_chinese_font()]), "DejaVu Sans"]
    with _drawing, rc_context(style), warnings.catch_warnings():
        # an SVG is drawn with its reader's fonts: what ours lack is no matter
        warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
        figure = Figure(
            figsize=(_NARROW if narrow else _WIDTH, sum(heights) + 0.55 * len(heights) + 0.7), facecolor=PAPER
        )
        figure.suptitle(title, color=INK, fontsize=14, x=0.02, ha="left", y=1 - 0.12 / figure.get_figheight())
        height = figure.get_figheight()
        top = height - 0.75
        for panel, size in zip(shown, heights, strict=True):
            left, width = (0.13, 0.84) if narrow else (0.08, 0.88)
            if not panel.weekly:
                left, width = (0.36, 0.36) if narrow else (0.3, 0.46)
            room = (left, (top - size) / height, width)
            axes = figure.add_axes((*room, (size - 0.35) / height), facecolor=PAPER)
            if panel.weekly:
                _weeks(axes, panel, 5 if narrow else 10)
            else:
                _lines(axes, panel, left / width)
            top -= size + 0.55
        data = io.BytesIO()
        # no date: the same numbers are the same picture
        metadata = {"Date": None} if kind == "svg" else None
        figure.savefig(data, format=kind, dpi=DOTS, facecolor=PAPER, metadata=metadata)
    return data.getvalue()


def _chinese_font() -> str:
    try:
        from matplotlib import font_manager
    except ImportError:
        return ""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    return next((name for name in CHINESE_FONTS if name in installed), "")


def _lines(axes: Axes, panel: Panel, margin: float) -> None:
    """Dots with whiskers, one a line, labels in the margin at the left and notes at the right."""
    _dress(axes, panel, 0.06 - margin)
    places = range(len(panel.bars))
    for place, bar in zip(places, panel.bars, strict=True):
        colour = RULE if bar.faint else INK
        if not bar.faint:
            axes.plot([bar.low, bar.high], [place, place], color=SOFT, linewidth=1.6, solid_capstyle="butt")
        axes.plot(bar.value, place, "o", color=colour if bar.faint else RED, markersize=5.5)
        note = axes.text(1.03, place, bar.note, transform=axes.get_yaxis_transform(), va="center")
        note.set(color=SOFT, fontsize=8.5)
    axes.set_yticks(list(places), [bar.label for bar in panel.bars], fontsize=9.5, color=INK)
    axes.set_ylim(len(panel.bars) - 0.4, -0.6)
    axes.locator_params(axis="x", nbins=5)
    if not panel.gains:
        _percent(axes.xaxis, axes.set_xlim)


def _weeks(axes: Axes, panel: Panel, most: int) -> None:
    """Weeks with their intervals, joined by a line; `most` of them named."""
    _dress(axes, panel, 0)
    certain = [place for place, bar in enumerate(panel.bars) if not bar.faint]
    for place, bar in enumerate(panel.bars):
        if not bar.faint:
            axes.plot([place, place], [bar.low, bar.high], color=SOFT, linewidth=1.6)
        axes.plot(place, bar.value, "o", color=RULE if bar.faint else RED, markersize=5)
    axes.plot(certain, [panel.bars[place].value for place in certain], color=RED, linewidth=1, alpha=0.6)
    step = max(1, -(-len(panel.bars) // most))
    ticks = list(range(0, len(panel.bars), step))
    axes.set_xticks(ticks, [panel.bars[place].label for place in ticks], fontsize=8.5, color=SOFT)
    axes.set_xlim(-0.6, max(len(panel.bars), 8) - 0.4)
    _percent(axes.yaxis, axes.set_ylim)


def _dress(axes: Axes, panel: Panel, left: float) -> None:
    axes.set_title(panel.heading, loc="left", color=SOFT, fontsize=10.5, x=left)
    axes.tick_params(length=0, colors=SOFT, labelsize=8.5)
    for side, spine in axes.spines.items():
        spine.set_visible(side == ("left" if panel.weekly else "bottom"))
        spine.set_color(RULE)
    axes.grid(axis="y" if panel.weekly else "x", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    middle = axes.axhline if panel.weekly else axes.axvline
    middle(0.0 if panel.gains else 0.5, color=SOFT, linewidth=0.9, linestyle=":")


def _percent(axis: Any, limit: Any) -> None:
    limit(0, 1)
    axis.set_ticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
