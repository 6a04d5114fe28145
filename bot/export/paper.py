"""A client's record on paper: the one-page letter to a clinician, and the sheet of exercises."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import FontFace, TTFFont

from bot.coaching.record import Assessed, Flagged, Record
from bot.export.copy import Say, ScreenWords, Tried, WordsOf, said_date, said_dose, said_instant, said_whose, tries
from rules import Facts, Plan, Prescribed, Value
from rules.log import SessionReport, standing_log

Fonts: TypeAlias = Mapping[str, TTFFont]

FONT = "DejaVu"
"""DejaVu Sans comes with matplotlib; it has Latin with all accents, Greek and Cyrillic."""
MISSING = "□"
"""What stands for a sign that the font lacks."""
INK, MUTE, MARK, LINE, SOFT = (24, 28, 33), (91, 101, 112), (11, 94, 94), (205, 210, 216), (240, 244, 245)
ALERT: Mapping[str, tuple[int, int, int]] = {
    "emergency": (163, 22, 33),
    "urgent": (163, 22, 33),
    "clinician": (150, 82, 0),
    "coach": MARK,
}
MARGIN, WIDTH, FOOT = 18.0, 210.0 - 2 * 18.0, 20.0
"""Of an A4 page: the margins left and right, what is between them, and the room below; mm."""
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
PAIN = tuple(f"reports.pain_{name}" for name in ("now", "level", "where", "since", "trend"))
"""What the safety questions that all screens share ask about pain, in the order of the letter."""
LAST_SESSIONS = 4
"""So many sessions with pain are named in a letter."""


@dataclass(frozen=True, kw_only=True)
class _Room:
    """How much room the texts get: the size of the type against the usual one, and the most of each kind."""

    scale: float
    words: int
    line: int
    tests: int
    facts: int


ROOMS = (
    _Room(scale=1.0, words=1200, line=400, tests=14, facts=12),
    _Room(scale=0.92, words=1200, line=400, tests=14, facts=12),
    _Room(scale=0.92, words=800, line=300, tests=10, facts=10),
    _Room(scale=0.88, words=600, line=220, tests=8, facts=8),
    _Room(scale=0.84, words=400, line=160, tests=6, facts=6),
    _Room(scale=0.8, words=250, line=100, tests=4, facts=4),
    _Room(scale=0.8, words=120, line=60, tests=2, facts=2),
)
"""Tried in turn until all fits; the last one always does."""


def letter(record: Record, flag: Flagged, say: Say, *, words_of: WordsOf) -> bytes:
    """Write the letter to a clinician about a flag: a PDF of one A4 page, the same for the same record.

    Facts as they were reported, no diagnosis. Where words must be shortened they end in "…", and the page says so.
    """
    with _fonts() as fonts:
        for room in ROOMS:
            sheet = _Letter(record, flag, say, words_of(flag.screen), room, fonts)
            sheet.write()
            if sheet.pdf.page == 1:
                break
        return bytes(sheet.pdf.output())


def plan_sheet(record: Record, say: Say, *, words_of: WordsOf, exercises: Sequence[Prescribed] | None = None) -> bytes:
    """Write the sheet of exercises: a PDF of at most two A4 pages, with boxes to tick for seven days.

    *exercises* are those of today with today's doses; without them, those with which the current plan begins. While a
    flag stops exercise, and where there is no plan, the sheet says so and shows none.
    """
    with _fonts() as fonts:
        for most, room in [(1, room) for room in ROOMS[:2]] + [(2, room) for room in ROOMS]:
            sheet = _PlanSheet(record, say, words_of, room, fonts, exercises)
            sheet.write()
            if sheet.pdf.page <= most:
                break
        return bytes(sheet.pdf.output())


class _Sheet:
    """A page with the type and the signs that all our pages share."""

    def __init__(self, record: Record, say: Say, room: _Room, fonts: Fonts, title: str) -> None:
        self.record, self.say, self.room = record, say, room
        self.shortened = self.lacking = False
        pdf = self.pdf = FPDF(format="A4")
        # Dates and names that would differ between two printings of the same record are fixed.
        pdf.set_creation_date(record.at)
        pdf.set_producer("Coxa")
        pdf.set_lang(record.language)
        pdf.fonts.update(fonts)
        self.signs = fonts[FONT.lower()].cmap
        pdf.set_title(self.clean(title))
        pdf.set_margins(MARGIN, 16, MARGIN)
        pdf.c_margin = 0  # text begins where lines begin
        pdf.set_auto_page_break(True, margin=FOOT)

    def clean(self, text: str) -> str:
        """Give text without what can't be printed."""
        found = "".join(sign if sign.isprintable() or sign == "\n" else " " for sign in text)
        printable = "".join(sign if sign == "\n" or ord(sign) in self.signs else MISSING for sign in found)
        self.lacking = self.lacking or printable != found
        return printable

    def short(self, text: str, most: int) -> str:
        """Give text of at most so many signs; a longer one ends in "…"."""
        text = " ".join(text.split())
        if len(text) <= most:
            return text
        self.shortened = True
        cut = text[: most - 1]
        head = cut.rpartition(" ")[0]
        return (head if len(head) > most // 2 else cut).rstrip(" .,;:") + "…"

    def type(self, size: float, style: str = "", colour: tuple[int, int, int] = INK) -> float:
        """Choose the type; gives the height of a line in mm."""
        self.pdf.set_font(FONT, style, size * self.room.scale)
        self.pdf.set_text_color(*colour)
        return size * self.room.scale * 0.3528 * 1.32

    def text(
        self,
        text: str,
        size: float = 9.5,
        style: str = "",
        colour: tuple[int, int, int] = INK,
        *,
        width: float = 0,
        indent: float = 0,
    ) -> None:
        """Write a paragraph, and go on below it."""
        height = self.type(size, style, colour)
        self.pdf.set_x(MARGIN + indent)
        wide = width or WIDTH - indent
        self.pdf.multi_cell(wide, height, self.clean(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def gap(self, millimetres: float) -> None:
        """Leave room."""
        self.pdf.set_y(self.pdf.get_y() + millimetres * self.room.scale)

    def head(self, text: str) -> None:
        """Write the head of a section, with a line below."""
        self.gap(2.6)
        self.text(text, 10.5, "B", MARK)
        y = self.pdf.get_y() + 0.4
        self.pdf.set_draw_color(*LINE)
        self.pdf.set_line_width(0.2)
        self.pdf.line(MARGIN, y, MARGIN + WIDTH, y)
        self.gap(1.4)

    def pair(self, name: str, told: str, *, left: float = 42, indent: float = 0) -> None:
        """Write a name, and beside it what was told."""
        pdf, y = self.pdf, self.pdf.get_y()
        height = self.type(9.5, "", MUTE)
        pdf.set_xy(MARGIN + indent, y)
        pdf.multi_cell(left - 2, height, self.clean(name), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        below, page = pdf.get_y(), pdf.page
        self.type(9.5)
        pdf.set_xy(MARGIN + indent + left, y)
        wide = WIDTH - indent - left
        pdf.multi_cell(wide, height, self.clean(told), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        if pdf.page == page:
            pdf.set_y(max(pdf.get_y(), below) + 0.5 * self.room.scale)

    def foot(self, lines: Sequence[str]) -> None:
        """Write small print at the bottom of the page."""
        height = self.type(7.5, "", MUTE)
        text = "\n".join(self.clean(line) for line in lines)
        self.pdf.set_auto_page_break(False)
        told = self.pdf.multi_cell(WIDTH, height, text, align="L", dry_run=True, output="LINES")
        self.pdf.set_xy(MARGIN, 297 - 8 - height * (len(told) if isinstance(told, list) else 1))
        self.pdf.multi_cell(WIDTH, height, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)


class _Letter(_Sheet):
    """The letter while it is written."""

    def __init__(self, record: Record, flag: Flagged, say: Say, words: ScreenWords, room: _Room, fonts: Fonts) -> None:
        super().__init__(record, say, room, fonts, say("paper.letter.title", {}))
        self.flagged, self.words = flag, words
        own = [a for a in record.assessments if a.assessment.screen == flag.screen or not flag.screen]
        self.assessed: Assessed | None = own[-1] if own else None
        self.facts = self._facts()

    def _facts(self) -> Facts:
        """Give the newest tests, and what was told by the time the flag was raised."""
        told: dict[str, Value] = {}
        for answer in self.record.answers:
            about_them = answer.path.partition(".")[0] in ("profile", "reports")
            if answer.at <= self.flagged.raised_at if about_them else self.assessed is None:
                told.pop(answer.path, None)
                if answer.value is not None:
                    told[answer.path] = answer.value
        held = self.assessed.facts if self.assessed else Facts(profile=self.record.profile)
        return held.with_values(told)

    def write(self) -> None:
        """Write the page."""
        say, record, room = self.say, self.record, self.room
        self.pdf.add_page()
        self._banner()
        self.head(say("paper.letter.who", {}))
        for name, told in self._who():
            self.pair(name, self.short(told, min(room.line, 90)))
        self.head(say("paper.letter.reported", {}))
        self._reported()
        self.head(say("paper.letter.pain", {}))
        for name, told in self._pain():
            self.pair(name, self.short(told, room.line), left=64)
        self.head(say("paper.letter.tests", {}))
        self._tests()
        self.head(say("paper.letter.done", {}))
        for name, told in self._done():
            self.pair(name, self.short(told, max(room.line, 160)))
        self.head(say("paper.letter.rule", {}))
        flag = self.flagged.flag
        values = {"rule": flag.id, "row": flag.row, "version": self._version()}
        self.pair(say("paper.letter.fired", {}), self.short(say("paper.letter.rule_is", values), room.line))
        self.pair(say("paper.letter.source", {}), self.short(flag.source, room.line))
        lines = [say("paper.letter.foot", {"at": said_instant(record.at, record, say)})]
        lines += [say("paper.shortened", {})] if self.shortened else []
        lines += [say("paper.lacking", {"sign": MISSING})] if self.lacking else []
        self.foot(lines)

    def _banner(self) -> None:
        say, pdf, flagged = self.say, self.pdf, self.flagged
        self.text(say("paper.letter.title", {}), 16, "B")
        self.text(say("paper.letter.not_clinical", {}), 9.5, "", MUTE)
        self.gap(2)
        y = pdf.get_y()
        colour = ALERT[flagged.flag.urgency]
        self.gap(1.6)
        self.text(say(f"paper.urgency.{flagged.flag.urgency}", {}), 9.5, "B", colour, indent=4)
        self.text(self.short(self.words.summary(flagged), 160), 12.5, "B", indent=4)
        raised = said_instant(flagged.raised_at, self.record, say)
        if flagged.closed_at is None:
            stands = say("paper.letter.stands", {"at": raised})
        else:
            closed = said_instant(flagged.closed_at, self.record, say)
            values = {"at": raised, "closed": closed, "reason": self.short(flagged.reason or "–", 80)}
            stands = say("paper.letter.closed", values)
        self.text(stands, 9.5, "", MUTE, indent=4)
        self.gap(1.6)
        pdf.set_fill_color(*colour)
        pdf.rect(MARGIN, y, 1.4, pdf.get_y() - y, style="F")
        self.gap(0.6)

    def _version(self) -> str:
        if self.assessed is not None:
            return self.assessed.assessment.version
        screen = self.words.screen
        return f"{screen.version}+{screen.safety.version}" if screen else "–"

    def _who(self) -> Iterator[tuple[str, str]]:
        say, record = self.say, self.record
        yield say("paper.letter.name", {}), say("paper.letter.named", {"name": record.name, "id": record.client_id})
        for name, path in (("age", "profile.age_band"), ("sex", "profile.sex")):
            if self.facts.value(path) is not None:
                yield say(f"paper.letter.{name}", {}), self.words.answer(path, self.facts)
        if record.coach:
            yield say("paper.letter.coach", {}), record.coach

    def _reported(self) -> None:
        flagged, words = self.flagged, self.words
        told = [path for path in flagged.flag.because if path.partition(".")[0] in ("profile", "reports")]
        told = [path for path in told if self.facts.value(path) not in (None, ()) and path not in PAIN]
        for path in told[: self.room.facts]:
            self.pair(self.short(words.question(path), 160), self.short(words.answer(path, self.facts), 80), left=110)
        self.shortened = self.shortened or len(told) > self.room.facts
        if flagged.own_words:
            self.text(self.say("paper.letter.own_words", {}), 9.5, "", MUTE)
            self.text(f"“{self.short(flagged.own_words, self.room.words)}”", 9.5, "I", indent=4)
        if not told and not flagged.own_words:
            self.text(self.say("paper.letter.below", {}), 9.5)

    def _pain(self) -> Iterator[tuple[str, str]]:
        say, words, facts = self.say, self.words, self.facts
        told = [path for path in PAIN if facts.value(path) is not None]
        for path in told:
            answer = words.answer(path, facts)
            if path == PAIN[1]:
                answer = say("paper.of_ten", {"score": answer})
            yield self.short(words.question(path), 60), answer
        hurt = [one for one in standing_log(self.record.log) if isinstance(one, SessionReport) and one.pain]
        if hurt:
            sessions = "; ".join(self._session(one) for one in reversed(hurt[-LAST_SESSIONS:]))
            yield say("paper.letter.in_sessions", {}), sessions
        elif not told:
            yield say("paper.letter.no_pain", {}), "–"

    def _session(self, told: SessionReport) -> str:
        parts = [self.say("paper.pain_of_ten", {"pain": told.pain})]
        parts += [self.say(f"practice.where_is.{told.where}", {})] if told.where else []
        parts += [self.say(f"practice.like_is.{told.like}", {})] if told.like else []
        return f"{said_date(told.on, self.say)}: {', '.join(parts)}"

    def _tests(self) -> None:
        say = self.say
        told = tries(self.facts, self.words)
        if not told:
            self.text(say("paper.letter.no_tests", {}), 9.5)
            return
        if self.assessed is not None:
            tested = self.assessed.tested_at or self.assessed.at
            self.text(say("paper.letter.tested", {"at": said_instant(tested, self.record, say)}), 8.5, "", MUTE)
            self.gap(0.8)
        telling = sorted((one for one in told if not one.easy), key=lambda one: not one.hurts)
        easy = [one.name for one in told if one.easy]
        self._grid(telling[: self.room.tests])
        more = len(telling) - self.room.tests
        if more > 0:
            self.shortened = True
            self.text(say("paper.letter.more_tests", {"count": more}), 9.5, "", MUTE)
        if easy:
            self.gap(1.4)
            names = self.short(", ".join(easy), self.room.line)
            self.text(say("paper.letter.easy", {"tests": names}), 9.5)

    def _grid(self, told: Sequence[Tried]) -> None:
        """Write tests as lines of test, left, right."""
        if not told:
            return
        pdf, most = self.pdf, max(self.room.line // 3, 40)
        height = self.type(8.5)
        pdf.set_draw_color(*LINE)
        pdf.set_fill_color(255)
        with pdf.table(
            width=int(WIDTH),
            align="L",
            col_widths=(46, 64, 64),
            line_height=height,
            padding=(0.7, 1.2, 0.7, 1.2),
            borders_layout="HORIZONTAL_LINES",
            text_align="LEFT",
            first_row_as_headings=False,
        ) as table:
            self.type(8.5, "", MUTE)
            heads = table.row(style=FontFace(fill_color=SOFT))
            for key in ("copy.test", "bot.side.left", "bot.side.right"):
                heads.cell(self.clean(self.say(key, {})))
            for one in told:
                row = table.row()
                self.type(8.5)
                name = f"{one.name}, {one.context}" if one.context else one.name
                row.cell(self.clean(self.short(name, 80)))
                if one.both:
                    row.cell(self.clean(self.short(one.both, 2 * most)), colspan=2)
                else:
                    row.cell(self.clean(self.short(one.left or "–", most)))
                    row.cell(self.clean(self.short(one.right or "–", most)))

    def _done(self) -> Iterator[tuple[str, str]]:
        say, flagged = self.say, self.flagged
        yield say("paper.letter.stopped", {}), say(f"paper.action.{flagged.flag.action}", {})
        advice = self.words.advice(flagged, self.record.profile)
        if advice:
            yield say("paper.letter.advised", {}), f"“{advice}”"


class _PlanSheet(_Sheet):
    """The sheet of exercises while it is written."""

    def __init__(
        self,
        record: Record,
        say: Say,
        words_of: WordsOf,
        room: _Room,
        fonts: Fonts,
        exercises: Sequence[Prescribed] | None,
    ) -> None:
        super().__init__(record, say, room, fonts, say("paper.plan.title", {}))
        self.plan: Plan | None = record.plans[-1].plan if record.plans else None
        self.words = words_of(self.plan.screen if self.plan else "")
        self.exercises = exercises
        # A page long enough to write on for measuring, with the same type.
        self.trial = FPDF(format=(210, 3000))
        self.trial.fonts.update(fonts)
        self.trial.c_margin = 0
        self.trial.set_margins(MARGIN, 16, MARGIN)
        self.trial.set_auto_page_break(False)
        self.trial.add_page()
        self.stopped = any(f.closed_at is None and f.flag.action in ("lock", "pause") for f in record.flags)

    def write(self) -> None:
        """Write the pages."""
        say, record = self.say, self.record
        self.pdf.add_page()
        self.text(say("paper.plan.title", {}), 16, "B")
        values = {"name": self.short(record.name, 60), "date": said_date(record.at.date(), say)}
        self.text(say("paper.plan.of", values), 9.5, "", MUTE)
        if self.stopped or self.plan is None:
            self.gap(4)
            self.text(say("paper.plan.stopped" if self.stopped else "paper.plan.none", {}), 12, "B")
        else:
            self._exercises(self.plan)
            self.gap(2)
            worse = self.words.word("screen.worse")
            self._unbroken(lambda: self.text(say("paper.plan.stop_all", {"worse": worse}), 9.5, "B", ALERT["urgent"]))
        lines = [say("paper.plan.foot", {})]
        lines += [say("paper.shortened", {})] if self.shortened else []
        lines += [say("paper.lacking", {"sign": MISSING})] if self.lacking else []
        self.foot(lines)

    def _exercises(self, plan: Plan) -> None:
        lifts = {one.exercise for one in plan.strength}
        asked = self.exercises if self.exercises is not None else (*plan.daily, *plan.strength)
        for number, one in enumerate(asked, 1):
            lift = one.exercise in lifts or one.role == "lift"
            days = plan.strength_days if lift else plan.days_a_week
            self._unbroken(lambda n=number, p=one, d=days: self._exercise(n, p, d))  # type: ignore[misc]  # bound at once

    def _unbroken(self, write: Callable[[], None]) -> None:
        """Write something on one page: on the next where this one has too little room left."""
        pdf, self.pdf = self.pdf, self.trial
        self.pdf.set_y(0)
        write()
        tall, self.pdf = self.pdf.get_y(), pdf
        if pdf.get_y() + tall > 297 - FOOT:
            pdf.add_page()
        write()

    def _exercise(self, number: int, asked: Prescribed, days: int) -> None:
        say, words, most = self.say, self.words, self.room.line
        key = f"exercise.{asked.exercise}"
        side = say(f"bot.side.{asked.side}" if asked.side else "bot.each", {})
        self.gap(3.2)
        y = self.pdf.get_y()
        self.pdf.set_draw_color(*LINE)
        self.pdf.set_line_width(0.2)
        self.pdf.line(MARGIN, y, MARGIN + WIDTH, y)
        self.gap(1.8)
        self.text(f"{number}. {self.short(words.word(f'{key}.name', asked.exercise), 80)}", 12, "B")
        self.text(f"{said_dose(asked, say)}, {said_whose(asked, words, say)}", 10.5, "B", MARK)
        self.gap(1)
        where = f"{words.word(f'{key}.where', '', side=side)}. {words.word(f'{key}.setup', '')}"
        self.pair(say("paper.plan.setup", {}), self.short(where, most), left=34)
        for part in ("cue", "feel", "stop", "easier", "harder"):
            told = words.word(f"{key}.{part}", "")
            if asked.variant == part:
                told = say("paper.plan.this_way", {"how": told})
            if told:
                self.pair(say(f"paper.plan.{part}", {}), self.short(told, most), left=34)
        self._boxes(say("paper.plan.days", {"count": days}))

    def _boxes(self, name: str) -> None:
        """Draw seven boxes to tick, and how often it is asked for beside them."""
        pdf, side = self.pdf, 5.2 * self.room.scale
        self.gap(1.6)
        y = pdf.get_y()
        height = self.type(8.5, "", MUTE)
        pdf.set_xy(MARGIN, y + (side - height) / 2)
        pdf.cell(34, height, self.clean(name))
        pdf.set_draw_color(*MUTE)
        pdf.set_line_width(0.3)
        for place, day in enumerate(DAYS):
            x = MARGIN + 34 + place * 20
            pdf.rect(x, y, side, side)
            pdf.set_xy(x + side + 1.6, y + (side - height) / 2)
            pdf.cell(10, height, self.clean(self.say(f"rhythm.day.{day}", {})))
        pdf.set_xy(MARGIN, y + side)
        self.gap(1)


@contextmanager
def _fonts() -> Iterator[Fonts]:
    """Open the fonts that come with matplotlib, without importing it, and close them, which fpdf2 does not."""
    found = find_spec("matplotlib")
    if found is None or found.origin is None:
        raise ModuleNotFoundError(
            "matplotlib is missing, whose fonts the pages need; install what pyproject.toml names"
        )
    folder = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"
    holder = FPDF()
    for style, name in (("", "DejaVuSans.ttf"), ("B", "DejaVuSans-Bold.ttf"), ("I", "DejaVuSans-Oblique.ttf")):
        holder.add_font(FONT, style, folder / name)
    opened = {key: font for key, font in holder.fonts.items() if isinstance(font, TTFFont)}
    try:
        yield opened
    finally:
        for font in opened.values():
            font.ttfont.close()
