"""The chart of progress: legible, whole and true, whatever there is to show."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from functools import cache
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from pydantic import ValidationError

from bot.pictures import chart as pictures
from bot.pictures.chart import DARK, HEIGHT, LIGHT, WIDTH, Chart, Day, Point, Series, Side, State, Theme, draw, lay_out

BEGIN = date(2026, 8, 3)
WORDS = {"done": "done", "partly": "part of it", "rest": "none due", "missed": "nothing told", "band": "may be chance"}
GERMAN = {
    "title": "Dein Fortschritt bei der Innenrotation deiner beiden Hüften",
    "subtitle": "Seit Montag, dem 3. August 2026, nach Rückmeldung",
    "levels_title": "Wie leicht sich die Hüfte nach innen dreht",
    "level_words": ("Stark eingeschränkt", "Mit Ausweichbewegung", "Vollständig beschwerdefrei"),
    "task_title": "Schuhe und Strümpfe anziehen, ohne mich anzulehnen: wie leicht, 0 bis 10",
    "days_title": "Übungseinheiten",
    "pain_title": "Schmerzen während der Übungseinheiten, 0 bis 10",
    "words": {
        "done": "vollständig",
        "partly": "teilweise erledigt",
        "rest": "kein Termin geplant",
        "missed": "keine Rückmeldung",
        "band": "könnte noch Zufall sein",
    },
}


def line(side: Side, values: dict[int, float], band: tuple[float, float] | None = None, label: str = "") -> Series:
    """Give a series by values per day."""
    points = tuple(Point(on=BEGIN + timedelta(days=day), value=value) for day, value in values.items())
    return Series(side=side, label=label or side.upper(), points=points, band=band)


def days(count: int) -> tuple[Day, ...]:
    """Give days of all states, with pain where there was a session."""
    states: tuple[State, ...] = ("done", "rest", "partly", "missed", "done")
    told = (states[(n + n // 5) % 5] for n in range(count))
    return tuple(
        Day(on=BEGIN + timedelta(days=n), done=state, pain=n % 11 if state in ("done", "partly") else None)
        for n, state in enumerate(told)
    )


def progress(checks: int = 4, **changed: Any) -> Chart:
    """Give a chart of so many weekly checks, whose two sides end at the same level."""
    weeks = range(0, 7 * checks, 7)
    told: dict[str, Any] = {
        "title": "Your progress",
        "subtitle": "Since 3 August",
        "levels": (
            line("left", {day: min(2, 0.4 + day / 20) for day in weeks}, (0.2, 0.6)),
            line("right", {day: min(2, 1.2 + day / 30) for day in weeks}, (1, 1.4)),
        ),
        "levels_title": "How easily it turns",
        "level_words": ("Very little", "Some", "Easily"),
        "task": line("both", {day: 4 + day % 5 for day in weeks}, (2.7, 5.3), "putting on shoes"),
        "task_title": "Putting on shoes: how easy, 0 to 10",
        "days": days(7 * checks),
        "days_title": "Sessions",
        "pain_title": "Pain in sessions, 0 to 10",
        "words": WORDS,
    }
    return Chart.model_validate(told | changed)


CONES = {
    # How colours look, in linear sRGB: Machado, Oliveira and Fernandes 2009 (IEEE TVCG 15:1291), severity 1.
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritan": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}

SAME = {0: 0.0, 7: 1.5, 14: 2.0}
SHAPES: dict[str, Chart] = {
    "one check": progress(1),
    "four checks": progress(4),
    "thirty checks": progress(30, dark=True),
    "one check of two like sides": progress(
        1, levels=(line("left", {0: 2}, (1.8, 2)), line("right", {0: 2}, (1.8, 2)))
    ),
    "lines that are one": progress(3, levels=(line("left", SAME), line("right", SAME, (0, 0.2)))),
    "all at the bottom": progress(2, levels=(line("right", {0: 0, 7: 0}), line("left", {0: 0, 7: 0})), dark=True),
    "one line": progress(4, levels=(line("both", {0: 0, 7: 1.2}, (0, 0.4), "Both sides at once"),)),
    "gaps": progress(5, levels=(line("left", {0: 0, 7: 1, 28: 1.2}), line("right", {7: 1}, (0.8, 1.2)))),
    "one ends before the other": progress(
        4, levels=(line("left", {0: 0, 7: 1.4}), line("right", {0: 1, 7: 1.4, 14: 1.2, 21: 1.6}))
    ),
    "an empty line": progress(2, levels=(line("left", {}), line("right", {0: 1}))),
    "sessions alone": progress(3, levels=(), task=None),
    "the task alone": progress(1, levels=(), days=()),
    "levels alone": progress(3, task=None, days=()),
    "two days running": progress(1, levels=(line("left", {0: 0, 1: 2}),), days=days(2)),
    "weeks after the last check": progress(2, days=days(50)),
    "two years": progress(4, days=days(730)),
    "German": progress(4, **GERMAN),
    "German, thirty checks": progress(30, **GERMAN, dark=True),
    "a long word": progress(2, level_words=("Bewegungseinschränkungsgrad", "x", "y"), title="Fortschritt" * 6),
    "a long task": progress(4, **(GERMAN | {"task_title": "Schuhe und Strümpfe anziehen " * 6})),
    "words beyond measure": progress(
        4,
        **(
            GERMAN
            | {
                "task_title": "Schuhe und Strümpfe anziehen " * 10,
                "levels_title": "Wie leicht sich die Hüfte dreht " * 5,
            }
        ),
    ),
    "signs": progress(2, title="Ärger, żółw & $x^2$ 🏃‍♀️ 走る", subtitle="", dark=True),
}


# --- whole and legible


def test_a_chart_is_a_portrait_for_a_phone_and_always_the_same() -> None:
    first = draw(progress(4))
    assert size(first) == (WIDTH, HEIGHT) == (1080, 1350)
    assert draw(progress(4)) == first
    assert b"Software" not in first
    dark = draw(progress(4, dark=True))
    assert size(dark) == (WIDTH, HEIGHT)
    assert dark != first


@pytest.mark.parametrize("name", SHAPES)
def test_all_is_drawn_within_the_picture_and_no_words_overlap(name: str) -> None:
    assert written(name)
    for text, box in written(name).items():
        assert box.x0 >= 20 and box.x1 <= WIDTH - 20, text.get_text()
        assert box.y0 >= 20 and box.y1 <= HEIGHT - 20, text.get_text()
    for (one, its), (two, other) in combinations(written(name).items(), 2):
        assert not its.overlaps(other), (one.get_text(), two.get_text())
    assert lines(laid_out(name))
    for mark in lines(laid_out(name)):
        xs, ys = (np.asarray(places, dtype=float) for places in mark.get_data())
        assert np.nanmin(xs) > 20 and np.nanmax(xs) < WIDTH - 20
        assert np.nanmin(ys) > 20 and np.nanmax(ys) < HEIGHT - 20


@pytest.mark.parametrize("name", ["one check", "four checks", "thirty checks", "weeks after the last check"])
def test_words_are_large_enough_for_a_phone(name: str) -> None:
    assert min(float(text.get_fontsize()) for text in written(name)) >= 30


@pytest.mark.parametrize("name", ["German", "a long word", "a long task"])
def test_long_words_are_never_cut(name: str) -> None:
    chart = SHAPES[name]
    shown = "".join("".join(text.get_text() for text in written(name)).split()).replace("-", "")
    for words in (chart.title, chart.task_title, *chart.level_words):
        assert "".join(words.split()) in shown


@pytest.mark.parametrize("name", SHAPES)
def test_words_at_the_end_of_a_line_are_clear_of_the_other_line(name: str) -> None:
    chart = SHAPES[name]
    for own, other in combinations(chart.levels, 2):
        for words, crossing in ((own, other), (other, own)):
            boxes = [box for text, box in written(name).items() if text.get_text() == words.label]
            assert len(boxes) == (1 if words.points else 0)
            drawn = strokes(laid_out(name), theme(chart).of(crossing.side))
            assert bool(drawn) == (len(crossing.points) > 1)
            for stroke in drawn:
                assert not any(box.contains(x, y) for box in boxes for x, y in along(stroke))


# --- seen by everybody


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_contrast_is_enough_for_words_and_marks(colours: Theme) -> None:
    for word in (colours.ink, colours.muted):
        assert contrast(word, colours.paper) >= 4.5
    for side in (colours.left, colours.right, colours.both):
        # A side's word may stand on any band, and so may its line.
        for paper in (colours.paper, *(shaded(colours, c) for c in (colours.left, colours.right, colours.both))):
            assert contrast(side, paper) >= 4.5
    for mark in (colours.session, colours.pain):
        assert contrast(mark, colours.paper) >= 3


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("vision", CONES)
def test_left_and_right_differ_to_every_kind_of_colour_vision(vision: str, colours: Theme) -> None:
    left, right = (np.clip(CONES[vision] @ linear(colour), 0, 1) for colour in (colours.left, colours.right))
    assert float(np.linalg.norm(lab(left) - lab(right))) > 25  # 10 is seen at a glance; proposal


def test_left_and_right_differ_without_colour() -> None:
    figure = laid_out("four checks")
    left, right = (strokes(figure, colour)[0] for colour in (LIGHT.left, LIGHT.right))
    assert left.get_linestyle() != right.get_linestyle()
    marks = {a.get_markeredgecolor(): a.get_marker() for a in lines(figure) if a.get_marker() != "None"}
    assert marks[LIGHT.left] != marks[LIGHT.right]
    assert {"LEFT", "RIGHT"} <= {text.get_text() for text in figure.texts}


def test_days_differ_without_colour() -> None:
    looks = set()
    for state in pictures.STATES:
        chart = progress(1, levels=(), task=None, days=(Day(on=BEGIN, done=state, pain=None),))
        figure = lay_out(chart)
        boxes = [patch for patch in figure.artists if isinstance(patch, Rectangle)]
        looks.add(tuple((box.get_facecolor(), round(box.get_height() / boxes[0].get_height(), 2)) for box in boxes))
    assert len(looks) == len(pictures.STATES)


# --- nothing that is not so


def test_one_check_is_a_point_and_no_line() -> None:
    figure = laid_out("one check")
    assert not [s for colour in (LIGHT.left, LIGHT.right, LIGHT.both) for s in strokes(figure, colour)]


def test_a_line_has_a_gap_where_a_check_is_not_known() -> None:
    left = strokes(laid_out("gaps"), LIGHT.left)
    assert [len(np.asarray(stroke.get_xdata())) for stroke in left] == [2]  # 0 to 7; 28 stands alone


def test_all_panels_share_the_time() -> None:
    figure = lay_out(progress(4, days=(Day(on=BEGIN + timedelta(days=7), done="done", pain=3),)))
    (stroke,) = strokes(figure, LIGHT.left)
    (stem,) = (a for a in lines(figure) if a.get_color() == LIGHT.pain and a.get_marker() == "None")
    assert np.asarray(stem.get_xdata())[0] == pytest.approx(np.asarray(stroke.get_xdata())[1])


def test_keys_name_only_what_is_there() -> None:
    assert {"done", "part of it", "none due", "nothing told"} <= said(progress(4))
    weeks = said(progress(30))
    assert "done" in weeks
    assert "none due" not in weeks  # weeks stack what was due
    bare = said(progress(2, levels=(line("left", {0: 1}),), task=None, days=days(1)))
    assert bare & set(WORDS.values()) == {"done"}


def test_dates_are_named_in_the_callers_words_or_in_numbers() -> None:
    labels = {"2026-08-03": "3. Aug.", "2026-08-24": "24. Aug."}
    shown = said(progress(4, days=(), date_labels=labels))
    assert {"3. Aug.", "24. Aug.", "08-10", "08-17"} <= shown


def test_a_chart_survives_json_and_threads() -> None:
    chart = progress(4)
    again = Chart.model_validate_json(chart.model_dump_json())
    assert again == chart
    with ThreadPoolExecutor(3) as pool:
        assert len(set(pool.map(draw, [again, chart, chart]))) == 1


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"words": {"done": "done"}}, "lacks band, missed, partly, rest"),
        ({"levels": (line("left", {0: 3}),)}, "left is not within 0 and 2"),
        ({"levels": (line("left", {0: 1}), line("left", {0: 2}))}, "two lines of one side"),
        ({"task": line("both", {0: 1}, (-1, 2))}, "both is not within 0 and 10"),
        ({"task": None, "levels": (line("left", {}),), "days": ()}, "nothing with a date"),
    ],
)
def test_what_cannot_be_true_is_not_drawn(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        progress(4, **changed)


# --- looking at a picture


@cache
def laid_out(name: str) -> Figure:
    """Lay a shape out, once for all tests."""
    return lay_out(SHAPES[name])


@cache
def written(name: str) -> dict[Text, Bbox]:
    """Give all that is written, with where its letters are."""
    renderer = FigureCanvasAgg(laid_out(name)).get_renderer()  # type: ignore[no-untyped-call]  # matplotlib's
    return {text: text.get_window_extent(renderer) for text in laid_out(name).texts if text.get_text()}


def said(chart: Chart) -> set[str]:
    """Give all lines of words in a picture."""
    return {text.get_text() for text in lay_out(chart).texts}


def theme(chart: Chart) -> Theme:
    """Give the colours of a chart."""
    return DARK if chart.dark else LIGHT


def lines(figure: Figure) -> list[Line2D]:
    """Give all lines and marks."""
    return [artist for artist in figure.artists if isinstance(artist, Line2D)]


def strokes(figure: Figure, colour: str) -> list[Line2D]:
    """Give the lines that join points, not the thin edges of bands, and not a point by itself."""
    drawn = [a for a in lines(figure) if a.get_color() == colour and a.get_marker() == "None"]
    return [a for a in drawn if a.get_linewidth() > 3 and len(np.asarray(a.get_xdata())) > 1]


def along(stroke: Line2D) -> Iterator[tuple[float, float]]:
    """Give places along a line, close to each other."""
    xs, ys = np.asarray(stroke.get_xdata(), dtype=float), np.asarray(stroke.get_ydata(), dtype=float)
    for (x, y), (to_x, to_y) in pairwise(zip(xs, ys, strict=True)):
        yield from zip(np.linspace(x, to_x, 40), np.linspace(y, to_y, 40), strict=True)


def size(png: bytes) -> tuple[int, int]:
    """Read width and height from the head of a PNG."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


def linear(colour: str) -> Any:
    """Give a colour's light, red, green and blue, as WCAG 2.2 reads sRGB."""
    return np.array([c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)])


def contrast(one: str, two: str) -> float:
    """Give the contrast of two colours as WCAG 2.2 defines it, 1 to 21."""
    dark, light = sorted(float(np.array([0.2126, 0.7152, 0.0722]) @ linear(colour)) for colour in (one, two))
    return (light + 0.05) / (dark + 0.05)


def lab(light: Any) -> Any:
    """Give linear sRGB as CIELAB (D65), where distance is difference seen."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ light / np.array([0.9505, 1.0, 1.089])
    x, y, z = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def shaded(colours: Theme, colour: str) -> str:
    """Give what the paper looks like under a band."""
    red, green, blue = (p + (c - p) * colours.tint for p, c in zip(to_rgb(colours.paper), to_rgb(colour), strict=True))
    return to_hex((red, green, blue))
