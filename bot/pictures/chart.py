"""A chart of progress -> PNG for a phone: levels, the daily task, sessions and pain over one time axis."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache, partial
from io import BytesIO
from itertools import pairwise
from math import nan
from typing import Literal, Self

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.transforms import Bbox, IdentityTransform
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

WIDTH, HEIGHT = 1080, 1350
"""Pixels: a portrait that Telegram shows whole, three times as wide as a small phone."""
LEVEL_BEST, TASK_BEST, PAIN_MOST = 2, 10, 10

Side = Literal["left", "right", "both"]
State = Literal["done", "partly", "rest", "missed"]
STATES: tuple[State, ...] = ("done", "partly", "missed", "rest")
"""In the order in which keys and weeks show them."""


# --- what is drawn


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Point(_Frozen):
    """What one check gave."""

    on: date
    value: float


class Series(_Frozen):
    """A line by its points, and from where to where (low, high) a single repeat of the first could come by chance."""

    side: Side
    label: str
    points: tuple[Point, ...]
    band: tuple[float, float] | None

    @field_validator("points")
    @classmethod
    def _in_order(cls, points: tuple[Point, ...]) -> tuple[Point, ...]:
        return tuple(sorted(points, key=lambda point: point.on))


class Day(_Frozen):
    """What was told of a day; pain goes from 0 to 10."""

    on: date
    done: State
    pain: int | None = Field(ge=0, le=PAIN_MOST)


class Chart(_Frozen):
    """All that the picture shows, words included; levels go from 0 (blocked) to 2 (clear), the task from 0 to 10.

    A point that isn't there is not known: its line has a gap at a date where another line has a point.
    `words` names done, partly, rest, missed and band, and pain if `pain_title` is empty. `date_labels` says dates by
    their ISO form; one that it lacks is shown as month and day in numbers.
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
        if lacking := {*STATES, "band"} - set(self.words):
            raise ValueError(f"words lacks {', '.join(sorted(lacking))}; say what the picture shall call it")
        if len({line.side for line in self.levels}) < len(self.levels):
            raise ValueError("two lines of one side; give one line a side")
        for line in self.lines():
            best = TASK_BEST if line is self.task else LEVEL_BEST
            if not all(0 <= value <= best for value in (*(p.value for p in line.points), *(line.band or ()))):
                raise ValueError(f"a value of {line.side} is not within 0 and {best}")
        if not self.dates():
            raise ValueError("nothing with a date; give a point or a day")
        return self

    def lines(self) -> tuple[Series, ...]:
        """Give all lines that there are, the task's last."""
        return (*self.levels, *([self.task] if self.task else ()))

    def checked(self) -> list[date]:
        """Give the dates of checks, in order."""
        return sorted({point.on for line in self.lines() for point in line.points})

    def dates(self) -> list[date]:
        """Give all dates of which something is known, in order."""
        return sorted({*self.checked(), *(day.on for day in self.days)})


# --- how it looks


@dataclass(frozen=True, kw_only=True)
class Theme:
    """Colours near those of Okabe and Ito, which every kind of colour vision tells apart; `tint` shades a band."""

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
    session="#567089",
    pain="#96386e",
    tint=0.13,
)
DARK = Theme(
    paper="#17212b",  # Telegram's own dark grey
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

FONT = "DejaVu Sans"  # comes with matplotlib, so a picture looks the same on every machine
TITLE, SUBTITLE, HEADING, LABEL, TICK = 52.0, 34.0, 36.0, 34.0, 31.0
LEAST = 30.0
"""Pixels of type: a third of it, on a small phone, is the least that reads without effort."""
LINE = 1.2
"""From line to line, in heights of the type."""
EDGE, GAP, NEAR = 56.0, 40.0, 12.0
"""Pixels around the picture, between its panels, and above the dates."""
INSET = 26.0
"""Pixels from an end of the axis to the first or last day, so that marks stand clear of it."""
AWAY = 24.0
"""Pixels from a mark to its words."""
MARK = 24.0
"""Pixels of a point; half of it where points stand close."""
BESIDE = 34.0
"""Pixels of a mark that follows the words for a side; before them it would look like one more point."""
KEY = 32.0
"""Pixels of the mark in a key."""
DAY_LEAST, WEEK_LEAST = 17.0, 11.0
"""Pixels that a day or a week needs for its marks to be seen; with less, weeks or four weeks share a column."""
DAY_MOST, WEEK_MOST = 40.0, 28.0
"""Pixels that a mark takes at most."""
MARKS: Mapping[Side, str] = {"left": "o", "right": "D", "both": "o"}
Stroke = Literal["-"] | tuple[float, tuple[float, ...]]
STROKES: Mapping[Side, Stroke] = {"left": "-", "right": (0, (2.2, 1.3)), "both": "-"}

_DPI = 72  # makes a point of type, a point of line and a pixel the same


# --- the whole


def draw(chart: Chart) -> bytes:
    """Draw a chart as PNG of 1080 x 1350 pixels; the same chart gives the same bytes."""
    picture = BytesIO()
    lay_out(chart).savefig(picture, format="png", dpi=_DPI, metadata={"Software": None})
    return picture.getvalue()


def lay_out(chart: Chart) -> Figure:
    """Put a chart on a figure, all of it in pixels from the lower left."""
    page = _Page(DARK if chart.dark else LIGHT)
    axis = _axis(page, chart)
    ceiling = _titles(page, chart)
    panels = tuple(_panels(page, chart, axis))
    heights, gap = _heights(panels, ceiling - EDGE - TICK * LINE - NEAR)
    frames = []
    for panel, height in zip(panels, heights, strict=True):
        page.head(panel.head, ceiling)
        top = ceiling - panel.head.height - panel.above
        frames.append(
            _Frame(axis=axis, bottom=top - height, top=top, above=panel.above, below=panel.below, ruled=panel.ruled)
        )
        ceiling = top - height - panel.below - gap
    _dates(page, chart, frames)
    for panel, frame in zip(panels, frames, strict=True):
        panel.draw(frame)
    return page.figure


@dataclass(frozen=True, kw_only=True)
class _Words:
    """Words broken into lines at the size at which they fit; `cut` when a word had to be broken, too."""

    lines: tuple[str, ...]
    size: float
    bold: bool
    width: float
    cut: bool

    @property
    def height(self) -> float:
        return len(self.lines) * self.size * LINE


@dataclass(frozen=True, kw_only=True)
class _Key:
    """What a mark means: its words, for the mark of a state or of the bands of sides."""

    words: str
    state: State | None = None
    bands: tuple[Side, ...] = ()

    @property
    def width(self) -> float:
        """Give the pixels up to the words."""
        return max(1, len(self.bands)) * (KEY + 8) + 4


@dataclass(frozen=True, kw_only=True)
class _Head:
    """A panel's title, and keys with where they stand: how far from the left edge, how far down their middle."""

    title: _Words
    keys: tuple[tuple[float, float, _Key, _Words], ...]
    height: float


@dataclass(frozen=True, kw_only=True)
class _Axis:
    """Time from left to right: at the pixels `first` and `last` are the days `begin` and `end`."""

    first: float
    last: float
    begin: date
    end: date

    @property
    def day(self) -> float:
        """Give the pixels of a day."""
        return (self.last - self.first) / (self.end - self.begin).days

    @property
    def left(self) -> float:
        return self.first - INSET

    @property
    def right(self) -> float:
        return self.last + INSET

    def x(self, on: date) -> float:
        return self.first + (on - self.begin).days * self.day


@dataclass(frozen=True, kw_only=True)
class _Frame:
    """Where a panel's values stand, least to most; its words may reach `above` and `below` that."""

    axis: _Axis
    bottom: float
    top: float
    above: float
    below: float
    ruled: bool

    def y(self, value: float, best: float) -> float:
        return self.bottom + (self.top - self.bottom) * value / best


@dataclass(frozen=True, kw_only=True)
class _Panel:
    """A part of the picture: its values need `least` pixels, and get of what is left by `weight`, up to `most`."""

    head: _Head
    least: float
    most: float
    weight: float
    above: float
    below: float
    draw: Callable[[_Frame], None]
    ruled: bool = True


def _heights(panels: Sequence[_Panel], room: float) -> tuple[list[float], float]:
    """Share the room out: give each panel's height without its words, and the gap between panels."""
    words = sum(panel.head.height + panel.above + panel.below for panel in panels)
    least = sum(panel.least for panel in panels)
    gaps, weights = len(panels) - 1, sum(panel.weight for panel in panels) or 1
    gap = min(GAP, max(GAP / 2, (room - words - least) / (gaps + 6)))
    free = room - words - least - gap * gaps  # below 0 when words are very long: what is drawn gives way to them
    return [min(panel.most, panel.least + free * panel.weight / weights) for panel in panels], gap


def _titles(page: _Page, chart: Chart) -> float:
    """Write title and subtitle; give where the panels begin."""
    top = HEIGHT - EDGE
    title = page.fit(chart.title, size=TITLE, least=HEADING + 2, room=WIDTH - 2 * EDGE, lines=2, bold=True)
    page.write(title, EDGE, top - title.height / 2, page.theme.ink)
    top -= title.height
    if chart.subtitle.strip():
        subtitle = page.fit(chart.subtitle, size=SUBTITLE, least=LEAST, room=WIDTH - 2 * EDGE, lines=2)
        page.write(subtitle, EDGE, top - 4 - subtitle.height / 2, page.theme.muted)
        top -= 4 + subtitle.height
    return top - GAP


def _panels(page: _Page, chart: Chart, axis: _Axis) -> Iterator[_Panel]:
    """Give the panels in which there is something to show."""
    levels = [line for line in chart.levels if line.points]
    banded = [line.side for line in levels if line.band]
    if levels:
        keys = [_Key(words=chart.words["band"], bands=tuple(banded))] if banded else []
        head, ticks = page.measured(chart.levels_title, keys), _level_words(page, chart)
        above, below = (max(words.height / 2, LABEL * LINE / 2) for words in (ticks[-1], ticks[0]))
        draws, least = partial(_draw_levels, page, chart, levels), max(150, 2 * max(above, below) * 2 + 30)
        yield _Panel(head=head, least=least, most=HEIGHT, weight=4, above=above, below=below, draw=draws)
    if (task := chart.task) and task.points:
        # One word for all bands is enough: it stands where the first of them is.
        keys = [_Key(words=chart.words["band"], bands=(task.side,))] if task.band and not banded else []
        head, half = page.measured(chart.task_title, keys), LABEL * LINE / 2
        draws = partial(_draw_task, page, chart, task)
        yield _Panel(head=head, least=85, most=HEIGHT, weight=2.5, above=half, below=half, draw=draws)
    if chart.days:
        span = _span(chart, axis)
        told = {day.done for day in chart.days} - (set() if span == 1 else {"rest"})
        head = page.measured(chart.days_title, [_Key(words=chart.words[s], state=s) for s in STATES if s in told])
        row = min(DAY_MOST, axis.day * 0.8)
        least, most, weight = (row, row, 0.0) if span == 1 else (75.0, 220.0, 0.8)
        draws = partial(_draw_days, page, chart, span)
        yield _Panel(head=head, least=least, most=most, weight=weight, above=12, below=8, draw=draws, ruled=False)
    if any(day.pain is not None for day in chart.days):
        head, half = page.measured(chart.pain_title or chart.words.get("pain", ""), []), TICK * LINE / 2
        yield _Panel(
            head=head, least=68, most=300, weight=1, above=half, below=half, draw=partial(_draw_pain, page, chart)
        )


# --- the time axis


def _axis(page: _Page, chart: Chart) -> _Axis:
    """Lay time between the words at the left and those at the ends of lines at the right."""
    dates, begin = chart.dates(), chart.dates()[0]
    end = dates[-1] if dates[-1] > begin else begin + timedelta(days=7)  # one day stands at the left: more is to come
    ticks = [page.width("10", TICK)]
    if any(line.points for line in chart.levels):
        ticks += [words.width for words in _level_words(page, chart)]
    first = EDGE + max(ticks) + 20 + INSET
    last = WIDTH - EDGE - INSET
    for line in chart.lines():
        if line.points and (part := (line.points[-1].on - begin) / (end - begin)):
            words = _number(page, line.points[-1].value) if line is chart.task else _label(page, line)
            beside = BESIDE if line is not chart.task and len(chart.levels) > 1 else 0
            last = min(last, first + (WIDTH - EDGE - words.width - beside - AWAY - first) / part)
    return _Axis(first=first, last=last, begin=begin, end=end)


def _dates(page: _Page, chart: Chart, frames: Sequence[_Frame]) -> None:
    """Name the first and the last date and a few between, with a fine line up through all panels."""
    axis, dates = frames[0].axis, chart.dates()
    wanted = [dates[0], dates[-1]]
    for part in (1 / 2, 1 / 4, 3 / 4):
        away = partial(_away_from, axis.begin + (axis.end - axis.begin) * part)
        nearest = min(chart.checked() or dates, key=away)
        # The date of a check says more than another; but where there is none for long, any day's will do.
        wanted.append(nearest if away(nearest) <= (axis.end - axis.begin) / 5 else min(dates, key=away))
    roof = frames[-1].bottom - frames[-1].below - NEAR
    taken: list[tuple[float, float]] = []
    for on in dict.fromkeys(wanted):
        label = chart.date_labels.get(on.isoformat()) or f"{on:%m-%d}"
        words = page.fit(label, size=TICK, least=LEAST, room=WIDTH / 3, lines=1)
        x, half = axis.x(on), words.width / 2
        middle = min(max(x, EDGE + half), WIDTH - EDGE / 2 - half)
        if any(middle - half - AWAY < right and left < middle + half + AWAY for left, right in taken):
            continue
        taken.append((middle - half, middle + half))
        page.write(words, middle, roof - words.height / 2, page.theme.muted, ha="center")
        for frame in (frame for frame in frames if frame.ruled):
            page.line([x, x], [frame.bottom, frame.top], page.theme.rule, 2)


def _away_from(aim: date, on: date) -> timedelta:
    return abs(on - aim)


# --- levels and the task


def _level_words(page: _Page, chart: Chart) -> tuple[_Words, ...]:
    """Break the words of the levels into a column that is as narrow as two lines of each allow."""
    for room in (190.0, 230.0, 270.0, 300.0):
        ticks = tuple(page.fit(words, size=TICK, least=LEAST, room=room, lines=2) for words in chart.level_words)
        if all(len(words.lines) <= 2 and not words.cut for words in ticks):
            return ticks
    return tuple(page.fit(words, size=TICK, least=LEAST - 10, room=300, lines=3) for words in chart.level_words)


def _label(page: _Page, line: Series) -> _Words:
    """Break the word for a side, which stands at the end of its line."""
    narrow = page.fit(line.label, size=LABEL, least=LEAST, room=190, lines=2, bold=True)
    return page.fit(line.label, size=LABEL, least=LEAST, room=250, lines=2, bold=True) if narrow.cut else narrow


def _number(page: _Page, value: float) -> _Words:
    return page.fit(f"{value:.1f}".removesuffix(".0"), size=LABEL, least=LEAST, room=200, lines=1, bold=True)


def _draw_levels(page: _Page, chart: Chart, levels: Sequence[Series], frame: _Frame) -> None:
    for value, words in enumerate(_level_words(page, chart)):
        _rule(page, frame, frame.y(value, LEVEL_BEST), words)
    _bands(page, levels, frame, LEVEL_BEST)
    for line in sorted(levels, key=lambda line: line.side):  # right on left: dashes and a smaller mark let both be seen
        _line(page, chart, line, frame, LEVEL_BEST)
    ends = []
    for line in levels:
        x, y = frame.axis.x(line.points[-1].on), frame.y(line.points[-1].value, LEVEL_BEST)
        words = _label(page, line)
        ends.append(_End(words=words, width=words.width + (BESIDE if len(levels) > 1 else 0), x=x + AWAY, y=y))
    apart = _apart(ends, levels, frame)
    for line, end in zip(levels, apart, strict=True):
        page.write(end.words, end.x, end.y, page.theme.of(line.side))
        if apart != ends and len(line.points) > 1:  # moved words may not tell whose line it is, so a mark follows
            page.points(line.side, [end.x + end.words.width + BESIDE - MARK / 2], [end.y], MARK - 4)


def _draw_task(page: _Page, chart: Chart, task: Series, frame: _Frame) -> None:
    _scale(page, frame, TASK_BEST)
    _bands(page, [task], frame, TASK_BEST)
    _line(page, chart, task, frame, TASK_BEST)
    last, colour = task.points[-1], page.theme.of(task.side)
    page.write(_number(page, last.value), frame.axis.x(last.on) + AWAY, frame.y(last.value, TASK_BEST), colour)


def _scale(page: _Page, frame: _Frame, best: int) -> None:
    """Draw the rules of a scale from 0, at its ends and, if there is room, its middle."""
    roomy = frame.top - frame.bottom >= 2 * TICK
    for value in (0, best // 2, best) if roomy else (0, best):
        words = page.fit(str(value), size=TICK, least=LEAST, room=100, lines=1)
        _rule(page, frame, frame.y(value, best), words)


def _rule(page: _Page, frame: _Frame, y: float, words: _Words) -> None:
    """Draw a line across at a value, and its words at the left."""
    page.line([frame.axis.left, frame.axis.right], [y, y], page.theme.rule, 2)
    page.write(words, frame.axis.left - 20, y, page.theme.muted, ha="right")


def _bands(page: _Page, lines: Iterable[Series], frame: _Frame, best: int) -> None:
    """Shade, from the first point on, what a repeat of it could give by chance."""
    for line in lines:
        if line.band is not None:
            low, high = (frame.y(value, best) for value in line.band)
            begin = frame.axis.x(line.points[0].on)
            page.band(line.side, begin, low, frame.axis.right - begin, high - low)


def _line(page: _Page, chart: Chart, line: Series, frame: _Frame, best: int) -> None:
    """Draw the points of a line, joined where no check between them is unknown."""
    colour, place = page.theme.of(line.side), {on: n for n, on in enumerate(chart.checked())}
    xs, ys = [frame.axis.x(p.on) for p in line.points], [frame.y(p.value, best) for p in line.points]
    gaps = [n for n, (a, b) in enumerate(pairwise(line.points), 1) if place[b.on] - place[a.on] > 1]
    for begin, end in pairwise([0, *gaps, len(xs)]):
        page.line(xs[begin:end], ys[begin:end], colour, 5.5, STROKES[line.side])
    between = min((b - a for a, b in pairwise(xs) if b > a), default=WIDTH)
    page.points(line.side, xs, ys, min(MARK, max(MARK / 2, between * 0.72)))


@dataclass(frozen=True, kw_only=True)
class _End:
    """Words at the end of a line, and a mark if need be: their left end and their middle."""

    words: _Words
    width: float
    x: float
    y: float

    @property
    def box(self) -> Bbox:
        half = self.words.height / 2
        return Bbox.from_extents(self.x, self.y - half, self.x + self.width, self.y + half)


def _apart(ends: Sequence[_End], lines: Sequence[Series], frame: _Frame) -> list[_End]:
    """Move the words at the ends of two lines so that they touch neither each other nor the other line."""
    if len(ends) < 2:
        return list(ends)
    one, two = ends
    if one.x != two.x:
        return _beside(one, two, lines[1], frame) if one.x < two.x else _beside(two, one, lines[0], frame)[::-1]
    apart = (one.words.height + two.words.height) / 2
    if abs(one.y - two.y) >= apart:
        return [one, two]
    up = 1 if one.y > two.y or (one.y == two.y and lines[0].side == "left") else -1
    lower, upper = (two, one) if up == 1 else (one, two)
    floor = frame.bottom - frame.below + lower.words.height / 2
    roof = frame.top + frame.above - upper.words.height / 2 - apart
    base = max(floor, min(roof, (one.y + two.y - apart) / 2))
    return [replace(one, y=base + (apart if up == 1 else 0)), replace(two, y=base + (0 if up == 1 else apart))]


def _beside(early: _End, late: _End, late_line: Series, frame: _Frame) -> list[_End]:
    """Find a place for the words of the line that ends first: right of its end, else above or below it."""
    shift, centred = early.words.height / 2 + AWAY * 0.8, early.x - AWAY - early.width / 2
    above, below = ((centred, early.y + shift), (centred, early.y - shift))
    taken = [late.box, *_stretches(late_line, frame)]
    for x, y in ((early.x, early.y), above, below):
        end = replace(early, x=x, y=y)
        inside = frame.bottom - frame.below <= end.box.y0 and end.box.y1 <= frame.top + frame.above
        if inside and end.box.x0 > frame.axis.left and not any(end.box.overlaps(box) for box in taken):
            return [end, late]
    return [early, late]


def _stretches(line: Series, frame: _Frame) -> Iterator[Bbox]:
    """Give small boxes that together cover a line and its marks."""
    places = [(frame.axis.x(point.on), frame.y(point.value, LEVEL_BEST)) for point in line.points]
    for (x, y), (to_x, to_y) in pairwise([*places, places[-1]]):
        for step in range(17):
            at_x, at_y = x + (to_x - x) * step / 16, y + (to_y - y) * step / 16
            yield Bbox.from_extents(at_x - 13, at_y - 13, at_x + 13, at_y + 13)


# --- sessions and pain


def _span(chart: Chart, axis: _Axis) -> int:
    """Give how many days share a column: as few as leave its marks wide enough to see."""
    if axis.day >= DAY_LEAST:
        return 1
    return 7 if axis.day * 7 >= WEEK_LEAST else 28


def _draw_days(page: _Page, chart: Chart, span: int, frame: _Frame) -> None:
    """Draw a mark a day in a row; when they are many, stack a week's, the done ones lowest and rest left out."""
    axis, height = frame.axis, frame.top - frame.bottom
    if span == 1:
        size = min(DAY_MOST, axis.day * 0.8, height)
        for day in chart.days:
            page.state(day.done, axis.x(day.on) - size / 2, frame.bottom + (height - size) / 2, size, size)
        return
    columns: dict[int, list[Day]] = {}
    for day in chart.days:
        columns.setdefault((day.on - axis.begin).days // span, []).append(day)
    page.line([axis.left, axis.right], [frame.bottom, frame.bottom], page.theme.rule, 2)
    due = {column: [day.done for day in days if day.done != "rest"] for column, days in columns.items()}
    tall = (height - 4) / max(4, *(len(states) for states in due.values()))
    wide, middle = min(WEEK_MOST, axis.day * span * 0.8), 0.0
    for column, days in sorted(columns.items()):
        # In the middle of its days, but clear of the column before: the last one may have a day or two.
        centre = (axis.x(days[0].on) + axis.x(days[-1].on)) / 2
        middle = max(centre, middle + wide * 1.2)
        for row, state in enumerate(sorted(due[column], key=STATES.index)):
            page.state(state, middle - wide / 2, frame.bottom + 4 + row * tall, wide, tall * 0.82)


def _draw_pain(page: _Page, chart: Chart, frame: _Frame) -> None:
    """Draw each day's pain as a stem; a dot on the ground is no pain, nothing is not told."""
    _scale(page, frame, PAIN_MOST)
    xs = [frame.axis.x(day.on) for day in chart.days if day.pain is not None]
    ys = [frame.y(day.pain, PAIN_MOST) for day in chart.days if day.pain is not None]
    stems = [(at, end) for x, y in zip(xs, ys, strict=True) for at, end in ((x, frame.bottom), (x, y), (x, nan))]
    width = min(6.0, max(2.0, frame.axis.day * 0.45))
    page.line([x for x, _ in stems], [y for _, y in stems], page.theme.pain, width)
    page.marks(xs, ys, page.theme.pain, "o", min(16.0, max(5.5, frame.axis.day * 0.9)), page.theme.pain)


# --- pen and paper


class _Page:
    """A figure on which everything is measured and drawn in pixels; what comes later lies on top."""

    def __init__(self, theme: Theme) -> None:
        self.theme = theme
        self.figure = Figure(figsize=(WIDTH / _DPI, HEIGHT / _DPI), dpi=_DPI, facecolor=theme.paper)
        self._renderer = FigureCanvasAgg(self.figure).get_renderer()  # type: ignore[no-untyped-call]
        self._widths: dict[tuple[str, float, bool], float] = {}
        self._layer = 0

    def width(self, words: str, size: float, bold: bool = False) -> float:
        """Give how wide a line of words is."""
        key = (words, size, bold)
        if key not in self._widths:
            self._widths[key] = self._renderer.get_text_width_height_descent(words, _font(size, bold), False)[0]
        return self._widths[key]

    def fit(self, words: str, *, size: float, least: float, room: float, lines: int, bold: bool = False) -> _Words:
        """Break words into lines within *room*; type shrinks from *size* to *least* before there are more lines."""
        words = _printable(words, bold)
        broken, cut = self._broken(words, size, room, bold)
        if cut and not self._broken(words, least, room, bold)[1]:
            while cut:
                size -= 1
                broken, cut = self._broken(words, max(size, least), room, bold)
        while len(broken) > lines and size > least:
            size -= 1
            broken, cut = self._broken(words, max(size, least), room, bold)
        size = max(size, least)
        width = max(self.width(line, size, bold) for line in broken)
        return _Words(lines=tuple(broken), size=size, bold=bold, width=width, cut=cut)

    def _broken(self, words: str, size: float, room: float, bold: bool) -> tuple[list[str], bool]:
        lines, cut = [""], False
        for word in words.split():
            joined = f"{lines[-1]} {word}".strip()
            if self.width(joined, size, bold) <= room:
                lines[-1] = joined
                continue
            lines = [*lines, word] if lines[-1] else [word]
            while self.width(lines[-1], size, bold) > room and len(lines[-1]) > 1:
                cut, whole = True, lines[-1]
                part = len(whole) - 1
                while part > 1 and self.width(f"{whole[:part]}-", size, bold) > room:
                    part -= 1
                lines[-1:] = [f"{whole[:part]}-", whole[part:]]
        return lines, cut

    def write(self, words: _Words, x: float, y: float, colour: str, ha: str = "left") -> None:
        """Write words with their middle at *y*."""
        for row, line in enumerate(words.lines):
            middle = y + ((len(words.lines) - 1) / 2 - row) * words.size * LINE
            font = _font(words.size, words.bold)
            # On the baseline, not by the middle of its letters: else lines with and without descenders jump.
            self.figure.text(
                x,
                middle - words.size * 0.36,
                line,
                ha=ha,
                va="baseline",
                color=colour,
                fontproperties=font,
                transform=IdentityTransform(),
                parse_math=False,
                zorder=self._next(),
            )

    def measured(self, title: str, keys: Sequence[_Key]) -> _Head:
        """Measure a panel's title with its keys: on one row if they fit, else on rows below."""
        room = WIDTH - 2 * EDGE
        heading = self.fit(title, size=HEADING, least=LEAST + 1, room=room, lines=1, bold=True)
        if len(heading.lines) > 1:
            heading = self.fit(title, size=HEADING, least=LEAST - 6, room=room, lines=2, bold=True)
        texts = [self.fit(key.words, size=TICK, least=LEAST, room=room - key.width, lines=2) for key in keys]
        wides = [key.width + words.width for key, words in zip(keys, texts, strict=True)]
        height = heading.height
        if keys and len(heading.lines) == 1 and heading.width + sum(wides) + AWAY * (len(keys) + 1) <= room:
            x, middle = room - sum(wides) - AWAY * (len(keys) - 1), height / 2
        else:
            x, middle = 0.0, height
        places: list[tuple[float, float, _Key, _Words]] = []
        for key, words, wide in zip(keys, texts, wides, strict=True):
            if not places and middle == height:
                height = middle + 4 + words.height
                middle += 4 + words.height / 2
            elif x + wide > room + 0.5:
                x, middle = 0.0, height + words.height / 2
                height += words.height
            places.append((x, middle, key, words))
            x += wide + AWAY
        return _Head(title=heading, keys=tuple(places), height=height + 8)

    def head(self, head: _Head, top: float) -> None:
        """Draw a panel's title and keys."""
        self.write(head.title, EDGE, top - head.title.height / 2, self.theme.ink)
        for x, down, key, words in head.keys:
            left, middle = EDGE + x, top - down
            if key.state:
                self.state(key.state, left + 2, middle - KEY / 2 + 2, KEY - 4, KEY - 4)
            for n, side in enumerate(key.bands):
                self.band(side, left + n * (KEY + 8), middle - KEY / 2 + 3, KEY, KEY - 6)
            self.write(words, left + key.width, middle, self.theme.muted)

    def line(
        self,
        xs: Sequence[float],
        ys: Sequence[float],
        colour: str,
        width: float,
        style: Stroke = "-",
    ) -> None:
        """Draw a line."""
        self.figure.add_artist(
            Line2D(
                xs,
                ys,
                color=colour,
                linewidth=width,
                linestyle=style,
                dash_capstyle="butt",
                solid_capstyle="butt",
                transform=IdentityTransform(),
                zorder=self._next(),
            )
        )

    def marks(self, xs: Sequence[float], ys: Sequence[float], colour: str, mark: str, size: float, inside: str) -> None:
        """Draw a mark at each place."""
        self.figure.add_artist(
            Line2D(
                xs,
                ys,
                linestyle="none",
                marker=mark,
                markersize=size,
                markerfacecolor=inside,
                markeredgecolor=colour,
                markeredgewidth=min(5.0, size * 0.22),
                transform=IdentityTransform(),
                zorder=self._next(),
            )
        )

    def points(self, side: Side, xs: Sequence[float], ys: Sequence[float], size: float) -> None:
        """Draw points of a side: rings, or for the right diamonds that fit into them."""
        colour, right = self.theme.of(side), side == "right"
        self.marks(xs, ys, colour, MARKS[side], size * (0.58 if right else 1), colour if right else self.theme.paper)

    def band(self, side: Side, x: float, y: float, width: float, height: float) -> None:
        """Shade what can be chance on a side, with edges stroked as its line is."""
        colour = self.theme.of(side)
        self.box(x, y, width, height, colour, self.theme.tint)
        for edge in (y, y + height):
            self.line([x, x + width], [edge, edge], colour, 1.5, STROKES[side])

    def state(self, state: State, x: float, y: float, width: float, height: float) -> None:
        """Draw a day: done is full, partly half full, missed empty, rest a dot."""
        colour = self.theme.session
        if state == "rest":
            self.marks([x + width / 2], [y + height / 2], colour, "o", max(5.0, width * 0.26), colour)
            return
        x, y, width, height = (float(round(pixels)) for pixels in (x, y, width, height))
        self.box(x, y, width, height, colour)
        if state != "done":
            edge = 3.0 if min(width, height) > 16 else 2.0
            hollow = {"partly": height / 2, "missed": height - edge}[state]
            self.box(x + edge, y + height - hollow, width - 2 * edge, hollow - edge, self.theme.paper)

    def box(self, x: float, y: float, width: float, height: float, colour: str, alpha: float | None = None) -> None:
        """Fill a rectangle."""
        self.figure.add_artist(
            Rectangle(
                (x, y),
                width,
                height,
                facecolor=colour,
                edgecolor="none",
                alpha=alpha,
                transform=IdentityTransform(),
                zorder=self._next(),
            )
        )

    def _next(self) -> int:
        self._layer += 1
        return self._layer


@cache
def _font(size: float, bold: bool) -> FontProperties:
    return FontProperties(family=FONT, size=size, weight="bold" if bold else "normal")


def _printable(words: str, bold: bool) -> str:
    """Leave out signs, as emojis, that the font can't show; a letter that it can't show becomes a box."""
    font, shown = get_font(findfont(_font(TICK, bold))), []
    for sign in _SIGNS.findall(unicodedata.normalize("NFC", " ".join(words.split()))):
        if font.get_char_index(ord(sign[0])):
            shown += [part for part in sign if font.get_char_index(ord(part))]
        elif unicodedata.category(sign[0])[0] in "LN":
            shown.append("\u25a1")
    return "".join(shown)


# One sign with all that changes it: skin tones, and what is joined to it.
_SIGNS = re.compile(r".(?:[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]|\u200d.)*")
