"""A client's record as tables: CSV that is safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from typing import TypeAlias

from bot.coaching.record import Record
from bot.timetable.rhythm import tz
from rules.log import Cleared, FlareUp, Retracted, SessionReport, Sliders, WeeklyCheck, standing_log

Cell: TypeAlias = "str | int | float | bool | datetime | None"
Row: TypeAlias = "tuple[Cell, ...]"

SIGNS = re.compile(
    r"""
    (?: ^ | (?<=[;\t\r\n；]) )                          # where a cell begins, or may begin in another spreadsheet
    (?= ['"\s\u200b-\u200f\u2060\ufeff]*               # whatever is shown as nothing, quotes and apostrophes
        (?: [=+@＝＋－＠]
          | - (?! [0-9]+ (?:[.,][0-9]+)? \s* (?: [;\t\r\n；] | $ ) ) )   # a negative number is just that
    )
    | ^ (?= '*\s*[\t\r\n] )
    """,
    re.VERBOSE,
)
"""Where in a text an apostrophe goes, so that no spreadsheet takes what follows for a formula. Apostrophes that are
there already count, so that those put there can be told from the client's own: take one away at each such place."""
SLIDERS = ("stiffness", "tension", "ease", "options")


def as_csv(record: Record, *, zone: str) -> dict[str, str]:
    """Give one CSV text (RFC 4180, with a header) for each table of a record, by the table's name.

    Instants stand twice: in UTC and in the time of *zone*, ISO 8601. Days (`on`) are the client's own. Lists are
    joined with "; ". Where text may be taken for a formula, at its beginning or after ";", a tab or a new line, an
    apostrophe stands before it; numbers stay as they are, negative ones, too. Corrected entries and those taken back
    are in it, with `stands` "no". Raises ValueError for an unknown zone.
    """
    where = tz(zone)
    return {name: _csv((*columns,), rows(record), where) for name, (columns, rows) in TABLES.items()}


def as_zip(files: Mapping[str, str | bytes], *, at: datetime) -> bytes:
    """Pack files by name, in the order of their names; the same files and instant give the same bytes.

    CSV is marked as UTF-8, which spreadsheets would not guess.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, text in sorted(files.items()):
            entry = zipfile.ZipInfo(name, date_time=at.astimezone(UTC).timetuple()[:6])
            entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, 0o600 << 16
            held = text.encode("utf-8-sig" if name.endswith(".csv") else "utf-8") if isinstance(text, str) else text
            archive.writestr(entry, held)
    return packed.getvalue()


# --- the tables


def _answers(record: Record) -> Iterator[Row]:
    for answer in record.answers:
        value = "; ".join(answer.value) if isinstance(answer.value, tuple) else answer.value
        yield answer.at, answer.screening, answer.path, value, answer.how, answer.words


def _findings(record: Record) -> Iterator[Row]:
    for assessed in record.assessments:
        for found in assessed.assessment.findings:
            yield (
                assessed.at,
                assessed.tested_at,
                assessed.screening,
                assessed.assessment.screen,
                assessed.assessment.version,
                found.side,
                found.context,
                found.limited,
                found.driver,
                found.confidence,
                found.phase,
                found.not_a_priority,
                found.cue,
                _list(found.compensations),
                _list(reason.rule for reason in found.reasons),
                _list(dict.fromkeys(reason.source for reason in found.reasons)),
                _list(found.notes),
            )


def _plans(record: Record) -> Iterator[Row]:
    for planned in record.plans:
        plan = planned.plan
        if plan is None:
            yield planned.at, "ended", *[None] * (len(TABLES["plans"][0]) - 2)
            continue
        for part, prescribed in [("daily", p) for p in plan.daily] + [("strength", p) for p in plan.strength]:
            yield (
                planned.at,
                part,
                plan.screen,
                plan.version,
                plan.ladder,
                plan.side,
                plan.context,
                plan.driver,
                plan.days_a_week if part == "daily" else plan.strength_days,
                plan.offered,
                plan.gentle,
                prescribed.exercise,
                prescribed.role,
                prescribed.side,
                prescribed.dose.sets,
                prescribed.dose.amount,
                prescribed.dose.unit,
                prescribed.dose.per_side,
                prescribed.variant,
                _list(prescribed.why),
            )


def _sessions(record: Record) -> Iterator[Row]:
    standing = standing_log(record.log)
    for entry in record.log:
        head = (entry.id, entry.on, any(entry is one for one in standing), entry.kind)
        match entry:
            case SessionReport():
                told = (entry.completed, entry.short, entry.pain, entry.where, entry.like, entry.limp, entry.morning)
                yield *_days(head), *told, None, *_sliders(entry.before), *_sliders(entry.after)
            case FlareUp() | Cleared() | Retracted():
                what = entry.what if isinstance(entry, Retracted) else None
                yield *_days(head), *[None] * 7, what, *[None] * (2 * len(SLIDERS))
            case WeeklyCheck():
                continue


def _exercises(record: Record) -> Iterator[Row]:
    standing = standing_log(record.log)
    for entry in record.log:
        if not isinstance(entry, SessionReport):
            continue
        reports = {report.exercise: report for report in entry.exercises}
        asked = {prescribed.exercise: prescribed for prescribed in entry.prescribed}
        for exercise in dict.fromkeys((*asked, *reports)):
            prescribed, report = asked.get(exercise), reports.get(exercise)
            dose = prescribed.dose if prescribed else None
            yield (
                *_days((entry.id, entry.on, any(entry is one for one in standing))),
                exercise,
                prescribed.role if prescribed else None,
                prescribed.side if prescribed else None,
                prescribed.variant if prescribed else None,
                dose.sets if dose else None,
                dose.amount if dose else None,
                dose.unit if dose else None,
                dose.per_side if dose else None,
                report.sets_done if report else None,
                report.reserve if report else None,
                report.felt_right if report else None,
                _list(report.compensations, empty="none") if report and report.compensations is not None else None,
            )


def _checks(record: Record) -> Iterator[Row]:
    standing = standing_log(record.log)
    for entry in record.log:
        if not isinstance(entry, WeeklyCheck):
            continue
        head = _days((entry.id, entry.on, any(entry is one for one in standing)))
        for place, level in sorted(entry.levels.items()):
            test, _, side = place.rpartition(".")
            yield *head, "level", test, side, level
        told: list[tuple[str, Cell]] = [("task", entry.task), ("hurts", entry.hurts), ("done", entry.done)]
        told += zip(SLIDERS, _sliders(entry.sliders), strict=True)
        for measure, value in told:
            if value is not None:
                yield *head, measure, None, None, value


def _flags(record: Record) -> Iterator[Row]:
    for flagged in record.flags:
        flag = flagged.flag
        yield (
            flagged.raised_at,
            flagged.closed_at,
            flagged.screen,
            flag.id,
            flag.row,
            flag.urgency,
            flag.action,
            _list(flag.because),
            flag.source,
            flagged.own_words,
            flagged.reason,
        )


TABLES: Mapping[str, tuple[tuple[str, ...], Callable[[Record], Iterable[Row]]]] = {
    "answers": (("at", "screening", "path", "value", "how", "own_words"), _answers),
    "findings": (
        (
            *("at", "tested_at", "screening", "screen", "version", "side", "context", "limited", "driver"),
            *("confidence", "phase", "not_a_priority", "cue", "compensations", "reasons", "sources", "notes"),
        ),
        _findings,
    ),
    "plans": (
        (
            *("at", "part", "screen", "version", "ladder", "side", "context", "driver", "days_a_week", "offered"),
            *("gentle", "exercise", "role", "exercise_side", "sets", "amount", "unit", "per_side", "variant", "why"),
        ),
        _plans,
    ),
    "sessions": (
        (
            *("id", "on", "stands", "kind", "completed", "short", "pain", "where", "like", "limp", "morning"),
            *("takes_back", *(f"{name}_before" for name in SLIDERS), *(f"{name}_after" for name in SLIDERS)),
        ),
        _sessions,
    ),
    "exercises_of_sessions": (
        (
            *("session", "on", "stands", "exercise", "role", "side", "variant", "sets", "amount", "unit"),
            *("per_side", "sets_done", "reserve", "felt_right", "compensations"),
        ),
        _exercises,
    ),
    "checks": (("id", "on", "stands", "measure", "test", "side", "value"), _checks),
    "flags": (
        (
            *("raised_at", "closed_at", "screen", "flag", "row", "urgency", "action", "because", "source"),
            *("own_words", "reason"),
        ),
        _flags,
    ),
}
"""The tables by name: their columns, and what makes their rows. A column `at` or `…_at` is written as two."""


def _sliders(told: Sliders | None) -> tuple[Cell, ...]:
    return tuple(getattr(told, name, None) for name in SLIDERS)


def _days(cells: tuple[object, ...]) -> tuple[Cell, ...]:
    """Give an entry's id, its day as text, and the rest."""
    entry_id, on, *rest = cells
    return str(entry_id), str(on), *[cell if isinstance(cell, bool) else str(cell) for cell in rest]


def _list(items: Iterable[str], *, empty: str | None = None) -> str | None:
    return "; ".join(items) or empty


# --- the writing of them


def _csv(columns: tuple[str, ...], rows: Iterable[Row], where: tzinfo) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    instants = [name == "at" or name.endswith("_at") for name in columns]
    header: list[str] = []
    for name, twice in zip(columns, instants, strict=True):
        header += [f"{name}_utc", f"{name}_local"] if twice else [name]
    writer.writerow(header)
    for row in rows:
        cells: list[str] = []
        for cell, twice in zip(row, instants, strict=True):
            if isinstance(cell, datetime):
                cells += [_iso(cell, UTC), _iso(cell, where)]
            else:
                cells += ["", ""] if twice else [_cell(cell)]
        writer.writerow(cells)
    return text.getvalue()


def _iso(at: datetime, where: tzinfo) -> str:
    return at.astimezone(where).isoformat(timespec="seconds")


def _cell(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return "yes" if cell else "no"
        case str():
            return SIGNS.sub("'", cell)
        case _:
            return str(cell)
