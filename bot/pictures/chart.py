"""A chart of progress -> PNG for a phone: levels, the daily task, sessions and pain over one time axis."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from io import BytesIO
from itertools import pairwise
from typing import Literal, Self

from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.transforms import Bbox, IdentityTransform
from pydantic import BaseModel, ConfigDict, Field, model_validator

WIDTH, HEIGHT = 1080, 1350
"""Pixels: a portrait that Telegram shows whole, three times as wide as a small phone."""
LEVEL_BEST, TASK_BEST, PAIN_MOST = 2, 10, 10

Side = Literal["left", "right", "both"]
State = Literal["done", "partly", "rest", "missed"]
STATES: tuple[State, ...] = ("done", "partly", "missed", "rest")


# --- what is drawn


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Point(_Frozen):
    """What one check gave."""

    on: date
    value: float


class Series(_Frozen):
    """A line: its points, and from where to where (low, high) a single repeat of the first could come by chance."""

    side: Side
    label: str
    points: tuple[Point, ...]
    band: tuple[float, float] | None


class Day(_Frozen):
    """What was told of a day; pain 0 to 10."""

    on: date
    done: State
    pain: int | None = Field(ge=0, le=PAIN_MOST)


class Chart(_Frozen):
    """All that the picture shows, words included; levels go from 0 (blocked) to 2 (clear), the task from 0 to 10.

    A point that isn't there is a check that isn't known: the line has a gap where another line or the task has a point.
    `words` names done, partly, rest, missed and band, and pain where `pain_title` is empty. `date_labels` says dates by
    their ISO form; one that is missing is shown as month and day in numbers.
    """

    kind: Literal["progress"] = "progress"
    title: str
    subtitle: str
    levels: tuple[Series, ...] = Field(max_length=2)
    levels_title: str
    level_words: tuple[str, str, str]
    task: Series | None
    task_title: str
    days: tuple[Day, ...]
    days_title: str
    pain_title: str
    words: Mapping[str, str]
    date_labels: Mapping[str, str] = {}
    dark: bool = False

    @model_validator(mode="after")
    def _drawable(self) -> Self:
        if missing := {*STATES, "band"} - set(self.words):
            raise ValueError(f"words lacks {', '.join(sorted(missing))}; add what the picture shall call it")
        if len({line.side for line in self.levels}) < len(self.levels):
            raise ValueError("two lines of one side; give one line a side")
        for line, best in [*((line, LEVEL_BEST) for line in self.levels), *([(self.task, TASK_BEST)] if self.task else [])]:
            if not all(0 <= value <= best for value in [*(p.value for p in line.points), *(line.band or ())]):
                raise ValueError(f"a value of {line.side} outside 0 to {best}")
        if not self.dates():
            raise ValueError("no date at all; a chart needs a point or a day")
        return self

    def dates(self) -> list[date]:
        """Give all dates that something is known of, in order."""
        return sorted({*self.checked(), *(day.on for day in self.days)})

    def checked(self) -> list[date]:
        """Give the dates of checks, in order."""
        lines = [*self.levels, *([self.task] if self.task else [])]
        return sorted({point.on for line in lines for point in line.points})


# --- how it looks


@dataclass(frozen=True, kw_only=True)
class Theme:
    """Colours, from those of Okabe and Ito, which tell apart to all kinds of colour vision; dark is Telegram's grey."""

    paper: str
    ink: str
    muted: str
    rule: str
    left: str
    right: str
    both: str
    session: str
    pain: str
    tint: float

    def of(self, side: Side) -> str:
        """Give the colour of a side's line."""
        return {"left": self.left, "right": self.right, "both": self.both}[side]


LIGHT = Theme(
    paper="#ffffff",
    ink="#1b2733",
    muted="#566573",
    rule="#dfe4e9",
    left="#0067a3",
    right="#b04600",
    both="#00705a",
    session="#3d5166",
    pain="#96386e",
    tint=0.13,
)
DARK = Theme(
    paper="#17212b",
    ink="#f2f5f7",
    muted="#a3b1be",
    rule="#2f3d4a",
    left="#62b8ee",
    right="#f2a33c",
    both="#3fc7a3",
    session="#b4c4d3",
    pain="#e79ac6",
    tint=0.16,
)

FONT = "DejaVu Sans"  # comes with matplotlib, so that a picture looks the same everywhere
TITLE, SUBTITLE, HEADING, LABEL, TICK = 52.0, 34.0, 36.0, 34.0, 31.0
LEAST = 30.0
"""Pixels: a third of it on a small phone is the least that reads without effort."""
LINE = 1.2
"""From line to line, in heights of the type."""
EDGE, GAP = 56.0, 44.0
"""Pixels around the picture and between its panels."""
TICKS_ROOM = 300.0
"""Pixels that the words of the levels may take at most: the longest word of a level in German."""
INSET = 26.0
"""Pixels from the end of the axis to the first and the last day, so that marks stand clear of it."""
KEY, KEY_GAP = 30.0, 14.0
DAY_LEAST, WEEK_LEAST = 15.0, 11.0
"""Pixels that a day or a week needs to show its marks; below that, they are put together by week or by four weeks."""


# --- drawing


def draw(chart: Chart) -> bytes:
    """Draw a chart as PNG of 1080 x 1350 pixels; the same chart gives the same bytes."""
    picture = BytesIO()
    lay_out(chart).savefig(picture, format="png", dpi=_DPI, facecolor="auto", metadata={"Software": None})
    return picture.getvalue()


def lay_out(chart: Chart) -> Figure:
    """Put a chart on a figure, all of it in pixels from the lower left."""
    page = _Page(DARK if chart.dark else LIGHT)
    top = _titles(page, chart)
    panels = tuple(_panels(page, chart))
    foot = EDGE + TICK * LINE
    axis = _axis(page, chart)
    free = top - foot - sum(panel.head.height + panel.least for panel in panels) - GAP * len(panels)
    weights = sum(panel.weight for panel in panels)
    frames = []
    for panel in panels:
        page.head(panel.head, top)
        top -= panel.head.height
        height = panel.least + max(0.0, free) * panel.weight / weights
        frames.append(_Frame(axis=axis, bottom=top - height, top=top))
        top -= height + GAP
    _dates(page, chart, frames)
    for panel, frame in zip(panels, frames, strict=True):
        panel.draw(frame)
    return page.figure


_DPI = 72  # makes a point of type, a point of line and a pixel the same


@dataclass(frozen=True, kw_only=True)
class _Words:
    """Words broken into lines, with the size at which they fit."""

    lines: tuple[str, ...]
    size: float
    width: float
    bold: bool = False

    @property
    def height(self) -> float:
        return len(self.lines) * self.size * LINE


@dataclass(frozen=True, kw_only=True)
class _Head:
    """A panel's title and the keys to its marks, each with its place: (right of the edge, below the top)."""

    title: _Words
    keys: tuple[tuple[float, float, str, _Words], ...]
    height: float


@dataclass(frozen=True, kw_only=True)
class _Axis:
    """Time, from left to right; `first` and `last` are pixels, `begin` and `end` the days there."""

    first: float
    last: float
    begin: date
    end: date

    @property
    def day(self) -> float:
        """Give the pixels of a day."""
        return (self.last - self.first) / (self.end - self.begin).days

    def x(self, on: date) -> float:
        return self.first + (on - self.begin).days * self.day


@dataclass(frozen=True, kw_only=True)
class _Frame:
    """Where a panel is drawn."""

    axis: _Axis
    bottom: float
    top: float

    def y(self, value: float, best: float) -> float:
        return self.bottom + (self.top - self.bottom) * value / best


@dataclass(frozen=True, kw_only=True)
class _Panel:
    """A part of the picture: it needs `least` pixels below its head, and takes more of what is left by its weight."""

    head: _Head
    least: float
    weight: float
    draw: Callable[[_Frame], None]


def _titles(page: _Page, chart: Chart) -> float:
    """Write title and subtitle; give where the rest begins."""
    top = HEIGHT - EDGE
    title = page.fit(chart.title, size=TITLE, least=HEADING, room=WIDTH - 2 * EDGE, lines=2, bold=True)
    page.write(title, EDGE, top, page.theme.ink, va="top")
    top -= title.height
    if chart.subtitle.strip():
        subtitle = page.fit(chart.subtitle, size=SUBTITLE, least=LEAST, room=WIDTH - 2 * EDGE, lines=2)
        page.write(subtitle, EDGE, top - 4, page.theme.muted, va="top")
        top -= subtitle.height + 4
    return top - GAP * 0.8


def _panels(page: _Page, chart: Chart) -> Iterator[_Panel]:
    """Give the panels that there is something to show in."""
    words, levels = chart.words, [line for line in chart.levels if line.points]
    task = chart.task if chart.task and chart.task.points else None
    banded = any(line.band for line in levels)
    if levels:
        sides = "".join(f"-{line.side}" for line in levels if line.band)
        keys = [(f"band{sides}", words["band"])] if banded else []
        head = page.measured_head(chart.levels_title, keys)
        yield _Panel(head=head, least=220, weight=4, draw=lambda frame: _draw_levels(page, chart, levels, frame))
    if task:
        keys = [(f"band-{task.side}", words["band"])] if task.band and not banded else []
        head = page.measured_head(chart.task_title, keys)
        yield _Panel(head=head, least=130, weight=2.5, draw=lambda frame: _draw_task(page, chart, task, frame))
    if chart.days:
        span = _span(chart, _axis(page, chart))
        told = {day.done for day in chart.days}
        shown = [state for state in STATES if state in told and (state != "rest" or span == 1)]
        head = page.measured_head(chart.days_title, [(state, words[state]) for state in shown])
        least, weight = (46.0, 0.0) if span == 1 else (100.0, 0.8)
        yield _Panel(head=head, least=least, weight=weight, draw=lambda frame: _draw_days(page, chart, span, frame))
    if any(day.pain is not None for day in chart.days):
        head = page.measured_head(chart.pain_title or words.get("pain", ""), [])
        yield _Panel(head=head, least=90, weight=1, draw=lambda frame: _draw_pain(page, chart, frame))


# --- the time axis


def _axis(page: _Page, chart: Chart) -> _Axis:
    """Lay time between the words at the left and what stands at the ends of lines at the right."""
    dates = chart.dates()
    begin, end = dates[0], dates[-1]
    if begin == end:
        end += timedelta(days=7)  # the first day stands at the left: the rest is still to come
    has_levels = any(line.points for line in chart.levels)
    ticks = max((words.width for words in _level_words(page, chart)), default=0.0) if has_levels else 0.0
    first = EDGE + max(ticks, page.width("10", TICK)) + 20 + INSET
    last = WIDTH - EDGE - INSET
    for line in [*chart.levels, *([chart.task] if chart.task else [])]:
        if line.points:
            label = _end_words(page, line) if line is not chart.task else _number(page, line.points[-1].value)
            part = (max(point.on for point in line.points) - begin) / (end - begin)
            room = WIDTH - EDGE - label.width - _AWAY - first
            last = min(last, first + room / part) if part else last
    return _Axis(first=first, last=last, begin=begin, end=end)


def _dates(page: _Page, chart: Chart, frames: Sequence[_Frame]) -> None:
    """Name the first and the last date and a few between, with a fine line through all panels at each."""
    axis, dates = frames[0].axis, chart.dates()
    between = [on for on in chart.checked() or dates if dates[0] < on < dates[-1]]
    wanted: list[date] = [dates[0], *dates[-1:]]
    for part in (1 / 2, 1 / 4, 3 / 4):
        aim = axis.begin + (axis.end - axis.begin) * part
        wanted += sorted(between, key=lambda on: abs(on - aim))[:1]
    places: list[tuple[float, float]] = []
    for on in dict.fromkeys(wanted):
        words = page.fit(_date_label(chart, on), size=TICK, least=LEAST, room=WIDTH / 3, lines=1)
        x = axis.x(on)
        middle = min(max(x, EDGE + words.width / 2), WIDTH - EDGE / 2 - words.width / 2)
        reach = (middle - words.width / 2 - 24, middle + words.width / 2 + 24)
        if any(reach[0] < right and left < reach[1] for left, right in places):
            continue
        places.append((middle - words.width / 2, middle + words.width / 2))
        page.write(words, middle, frames[-1].bottom - 18, page.theme.muted, ha="center", va="top")
        for frame in frames:
            page.line([x, x], [frame.bottom, frame.top], page.theme.rule, 2)


def _date_label(chart: Chart, on: date) -> str:
    return chart.date_labels.get(on.isoformat(), f"{on:%m-%d}")


# --- levels and the task


def _level_words(page: _Page, chart: Chart) -> list[_Words]:
    return [page.fit(words, size=TICK, least=LEAST, room=TICKS_ROOM, lines=2) for words in chart.level_words]


def _end_words(page: _Page, line: Series) -> _Words:
    return page.fit(line.label, size=LABEL, least=LEAST, room=200, lines=2, bold=True)


def _number(page: _Page, value: float) -> _Words:
    return page.fit(f"{value:.1f}".removesuffix(".0"), size=LABEL, least=LEAST, room=200, lines=1, bold=True)


_AWAY = 24.0
"""Pixels from a point to its words."""
_MARKS: Mapping[Side, str] = {"left": "o", "right": "D", "both": "o"}
_STROKES: Mapping[Side, str | tuple[float, tuple[float, ...]]] = {"left": "-", "right": (0, (2.2, 1.3)), "both": "-"}


def _draw_levels(page: _Page, chart: Chart, levels: Sequence[Series], frame: _Frame) -> None:
    for value, words in enumerate(_level_words(page, chart)):
        _rule(page, frame, frame.y(value, LEVEL_BEST), words)
    _bands(page, levels, frame, LEVEL_BEST)
    for line in sorted(levels, key=lambda line: line.side):  # right on left: its dashes and smaller marks leave both seen
        _line(page, chart, line, frame, LEVEL_BEST)
    ends = [_end(page, line, frame, _end_words(page, line)) for line in levels]
    for line, (x, y, words) in zip(levels, _apart(ends, levels, frame), strict=True):
        page.write(words, x, y, page.theme.of(line.side), va="center")


def _draw_task(page: _Page, chart: Chart, task: Series, frame: _Frame) -> None:
    _scale(page, frame, TASK_BEST)
    _bands(page, [task], frame, TASK_BEST)
    _line(page, chart, task, frame, TASK_BEST)
    last = max(task.points, key=lambda point: point.on)
    page.write(
        _number(page, last.value),
        frame.axis.x(last.on) + _AWAY,
        frame.y(last.value, TASK_BEST),
        page.theme.of(task.side),
        va="center",
    )


def _rule(page: _Page, frame: _Frame, y: float, words: _Words) -> None:
    """Draw a line across at a value, and its words at the left."""
    left = frame.axis.first - INSET
    page.line([left, frame.axis.last + INSET], [y, y], page.theme.rule, 2)
    page.write(words, left - 20, y, page.theme.muted, ha="right", va="center")


def _scale(page: _Page, frame: _Frame, best: int) -> None:
    for value in (0, best // 2, best):
        words = page.fit(str(value), size=TICK, least=LEAST, room=100, lines=1)
        _rule(page, frame, frame.y(value, best), words)


def _bands(page: _Page, lines: Sequence[Series], frame: _Frame, best: int) -> None:
    """Shade from the first point on where a repeat could come by chance; edges are stroked as the line is."""
    for line in lines:
        if line.band is None:
            continue
        low, high = (frame.y(value, best) for value in sorted(line.band))
        begin, end = frame.axis.x(min(point.on for point in line.points)), frame.axis.last + INSET
        page.band(begin, low, end - begin, high - low, line.side)


def _line(page: _Page, chart: Chart, line: Series, frame: _Frame, best: int) -> None:
    colour, points = page.theme.of(line.side), sorted(line.points, key=lambda point: point.on)
    places = [(frame.axis.x(point.on), frame.y(point.value, best)) for point in points]
    close = min((right - left for (left, _), (right, _) in pairwise(places)), default=100.0)
    size = min(24.0, max(11.0, close * 0.75)) * (0.62 if line.side == "right" else 1.0)
    for run in _runs(points, chart.checked()):
        xs, ys = [frame.axis.x(p.on) for p in run], [frame.y(p.value, best) for p in run]
        if len(run) > 1:
            page.line(xs, ys, colour, 5 if line.side == "right" else 6, style=_STROKES[line.side])
    page.marks([x for x, _ in places], [y for _, y in places], colour, _MARKS[line.side], size, line.side != "right")


def _runs(points: Iterable[Point], checked: Sequence[date]) -> Iterator[list[Point]]:
    """Give the points that follow each other without a check that gave none."""
    place, run = {on: n for n, on in enumerate(checked)}, list[Point]()
    for point in points:
        if run and place[point.on] - place[run[-1].on] > 1:
            yield run
            run = []
        run.append(point)
    yield run


_End = tuple[float, float, _Words]


def _end(page: _Page, line: Series, frame: _Frame, words: _Words) -> _End:
    last = max(line.points, key=lambda point: point.on)
    return frame.axis.x(last.on) + _AWAY, frame.y(last.value, LEVEL_BEST), words


def _apart(ends: Sequence[_End], lines: Sequence[Series], frame: _Frame) -> list[_End]:
    """Move words at the ends of two lines so far that they touch neither each other nor the other line."""
    if len(ends) < 2:
        return list(ends)
    (one_x, one_y, one), (two_x, two_y, two) = ends
    apart = (one.height + two.height) / 2
    if one_x == two_x:
        if abs(one_y - two_y) >= apart:
            return list(ends)
        first_above = one_y > two_y or (one_y == two_y and lines[0].side == "left")
        middle, up = (one_y + two_y) / 2, 1 if first_above else -1
        return [(one_x, middle + up * apart / 2, one), (two_x, middle - up * apart / 2, two)]
    early = 0 if one_x < two_x else 1
    kept, other = ends[1 - early], lines[1 - early]
    x, y, words = ends[early]
    shift = words.height / 2 + _AWAY
    beside = (x, y)
    above, below = (x - _AWAY - words.width / 2, y + shift), (x - _AWAY - words.width / 2, y - shift)
    blocked = [_box(*kept), *_stretches(other, frame)]
    free = [
        place
        for place in (beside, above, below)
        if not any(_box(*place, words).overlaps(box) for box in blocked) and place[0] > frame.axis.first - INSET
    ]
    moved = (*(free or [beside])[0], words)
    return [moved, kept] if early == 0 else [kept, moved]


def _box(x: float, y: float, words: _Words) -> Bbox:
    return Bbox.from_extents(x, y - words.height / 2, x + words.width, y + words.height / 2)


def _stretches(line: Series, frame: _Frame) -> Iterator[Bbox]:
    """Give small boxes that cover a line with its marks."""
    points = sorted(line.points, key=lambda point: point.on)
    places = [(frame.axis.x(point.on), frame.y(point.value, LEVEL_BEST)) for point in points]
    for (x, y), (to_x, to_y) in pairwise([*places, places[-1]]):
        for step in range(13):
            at_x, at_y = x + (to_x - x) * step / 12, y + (to_y - y) * step / 12
            yield Bbox.from_extents(at_x - 13, at_y - 13, at_x + 13, at_y + 13)


# --- sessions and pain


def _span(chart: Chart, axis: _Axis) -> int:
    """Give how many days share a column: as few as leave it wide enough to see."""
    if axis.day >= DAY_LEAST or len(chart.days) == 1:
        return 1
    return 7 if axis.day * 7 >= WEEK_LEAST else 28


def _draw_days(page: _Page, chart: Chart, span: int, frame: _Frame) -> None:
    """Draw a mark a day in a row, or, when they are many, what was due stacked by week, the done below."""
    axis, height = frame.axis, frame.top - frame.bottom
    if span == 1:
        size = min(40.0, axis.day * 0.8, height)
        for day in chart.days:
            page.day(day.done, axis.x(day.on) - size / 2, frame.bottom + (height - size) / 2, size, size)
        return
    columns: dict[date, list[State]] = {}
    for day in chart.days:
        monday = day.on - timedelta(days=(day.on.toordinal() - 1) % span)
        columns.setdefault(monday, [])
        columns[monday] += [day.done] if day.done != "rest" else []
    rows = max(*(len(states) for states in columns.values()), 4)
    tall, wide = min(height / rows, axis.day * span), axis.day * span
    page.line([axis.first - INSET, axis.last + INSET], [frame.bottom] * 2, page.theme.rule, 2)
    for monday, states in columns.items():
        left = axis.x(monday) - axis.day / 2
        for row, state in enumerate(sorted(states, key=STATES.index)):
            page.day(state, left + wide * 0.1, frame.bottom + 3 + row * tall, wide * 0.8, tall * 0.82)


def _draw_pain(page: _Page, chart: Chart, frame: _Frame) -> None:
    """Draw each day's pain as a stem; none at all is a dot on the ground, and a day not told of is nothing."""
    _scale(page, frame, PAIN_MOST)
    width = min(7.0, max(2.0, frame.axis.day * 0.45))
    told = [(frame.axis.x(day.on), frame.y(day.pain, PAIN_MOST)) for day in chart.days if day.pain is not None]
    for x, y in told:
        page.line([x, x], [frame.bottom, y], page.theme.pain, width)
    size = min(16.0, max(5.0, frame.axis.day * 0.9))
    page.marks([x for x, _ in told], [y for _, y in told], page.theme.pain, "o", size, False)


# --- pen and paper


@dataclass(kw_only=True)
class _Pen:
    """What is drawn later lies on top."""

    order: int = 0

    def next(self) -> int:
        self.order += 1
        return self.order


class _Page:
    """A figure on which everything is measured and drawn in pixels."""

    def __init__(self, theme: Theme) -> None:
        self.theme = theme
        self.figure = Figure(figsize=(WIDTH / _DPI, HEIGHT / _DPI), dpi=_DPI, facecolor=theme.paper)
        self.renderer = FigureCanvasAgg(self.figure).get_renderer()
        self.pen = _Pen()
        self.widths: dict[tuple[str, float, bool], float] = {}

    # words

    def width(self, words: str, size: float, bold: bool = False) -> float:
        """Give the width of a line of words."""
        key = (words, size, bold)
        if key not in self.widths:
            self.widths[key] = self.renderer.get_text_width_height_descent(words, _font(size, bold), False)[0]
        return self.widths[key]

    def fit(self, words: str, *, size: float, least: float, room: float, lines: int, bold: bool = False) -> _Words:
        """Break words into lines of *room*; the type gets smaller, down to *least*, before there are more lines."""
        words, start = _printable(words, bold), size
        while True:
            broken = self._broken(words, size, room, bold)
            if len(broken) <= lines or size <= least:
                break
            size -= 2
        if len(broken) > lines and self.width(max(words.split(), key=len), start, bold) <= room:
            pass
        width = max(self.width(line, size, bold) for line in broken)
        return _Words(lines=tuple(broken), size=size, width=width, bold=bold)

    def _broken(self, words: str, size: float, room: float, bold: bool) -> list[str]:
        lines = [""]
        for word in words.split():
            longer = f"{lines[-1]} {word}".strip()
            if self.width(longer, size, bold) <= room:
                lines[-1] = longer
                continue
            lines += [word] if lines[-1] else []
            lines[-1] = word
            while self.width(lines[-1], size, bold) > room:  # a word wider than the room breaks where it must
                whole = lines[-1]
                cut = next(n for n in range(len(whole) - 1, 0, -1) if self.width(whole[:n], size, bold) <= room or n == 1)
                lines[-1:] = [whole[:cut], whole[cut:]]
        return lines

    def write(self, words: _Words, x: float, y: float, colour: str, *, ha: str = "left", va: str = "center") -> None:
        """Write words at a place."""
