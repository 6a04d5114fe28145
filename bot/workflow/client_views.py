"""Pages of a coach about a client, read with the coach's rights."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from bot.conversation import client_pages, holiday, papers, seen_pages
from bot.conversation.effects import Line, Say
from bot.conversation.talk import Talk
from bot.workflow.ports import Turns

if TYPE_CHECKING:
    from bot.workflow.views import Asked

MOST_NOTES = 10
"""So many notes are shown. A proposal."""
LONGEST_SEARCH = 40


async def clients(turns: Turns, asked: Asked) -> Sequence[Say]:
    """List the caseload, or those of it whose name or number is searched for."""
    search = str(asked.given.get("search", ""))[:LONGEST_SEARCH].strip()
    low = search.casefold()
    listed = await turns.desks.listed(asked.viewer_id, asked.at)
    chosen = [one for one in listed if not low or low in one.name.casefold() or low == str(one.id)]
    return [client_pages.clients(chosen, page=int(asked.given.get("page", 0)), search=search)]


async def covers(turns: Turns, asked: Asked) -> Sequence[Say]:
    """List the colleagues who may cover."""
    found = await turns.desks.links.coaches()
    others = [(coach.id, coach.name) for coach in found if coach.id != asked.viewer_id]
    return [holiday.covers(others, date.fromisoformat(str(asked.given["until"])))]


async def client(turns: Turns, asked: Asked) -> Sequence[Say]:
    """Give the brief of one client."""
    talk = await _talk(turns, asked, "brief")
    notes = await turns.desks.notes(asked.viewer_id, asked.client_id, MOST_NOTES, asked.at)
    return [client_pages.brief(talk, notes)]


async def export(turns: Turns, asked: Asked) -> Sequence[Say]:
    """Give a client's record as files."""
    return papers.export_page(await _talk(turns, asked, "export"), asked.viewer_id)


async def letter(turns: Turns, asked: Asked) -> Sequence[Say]:
    """Give the client who asks their letter to a clinician."""
    return [papers.letter_page(asked.viewer_id)]


async def sheet(turns: Turns, asked: Asked) -> Sequence[Say]:
    """Give the client who asks their exercises as a sheet."""
    return [papers.sheet_page(asked.viewer_id, asked.viewer_id)]


async def words(turns: Turns, asked: Asked) -> Sequence[Say]:
    """Ask what to write to a client, or to note of them."""
    talk = await _talk(turns, asked, "name")
    return [client_pages.ask_for_words(talk, note=bool(asked.given.get("note")))]


async def see(turns: Turns, asked: Asked) -> Sequence[Say]:
    """Give a page just as the client reads it."""
    what = str(asked.given["what"])
    return client_pages.as_the_client(await _talk(turns, asked, what), what)


async def edit(turns: Turns, asked: Asked) -> Sequence[Say]:
    """Give what may be changed about the exercises."""
    talk = await _talk(turns, asked, "exercises")
    note = asked.given.get("note")
    said = Line(key=str(note)) if note else None
    exercise, what = str(asked.given.get("exercise", "")), str(asked.given.get("what", ""))
    return [client_pages.edit(talk, exercise=exercise, what=what, note=said)]


async def film(turns: Turns, asked: Asked) -> Sequence[Say]:
    """Give the tests of which a clip may be asked for."""
    return [seen_pages.film(await _talk(turns, asked, "tests"))]


async def clip(turns: Turns, asked: Asked) -> Sequence[Say]:
    """Give the newest clip of a client; nothing where it expired."""
    found = await turns.desks.clip(asked.viewer_id, asked.client_id, asked.at)
    if found is None:
        return [Say(paragraphs=(Line(key="desk.film.expired"),))]
    talk = await _talk(turns, asked, "clip")
    return [seen_pages.clip(talk, asked.viewer_id, found["test"], found["side"])]


async def rate(turns: Turns, asked: Asked) -> Sequence[Say]:
    """Give the tests that the client did, to be rated by the coach, or what was kept of one."""
    talk = await _talk(turns, asked, "tests")
    words, note = str(asked.given.get("words", "")), asked.given.get("note")
    return [seen_pages.rate(talk, words=words, note=Line(key=str(note)) if note else None, kept=bool(note))]


async def notes(turns: Turns, asked: Asked) -> Sequence[Say]:
    """Give what coaches noted."""
    talk = await _talk(turns, asked, "notes")
    held = await turns.desks.notes(asked.viewer_id, asked.client_id, MOST_NOTES, asked.at)
    return [client_pages.notes_page(talk, held)]


async def _talk(turns: Turns, asked: Asked, what: str) -> Talk:
    read = await turns.desks.client(asked.viewer_id, asked.client_id, what, asked.at)
    return Talk(read.known, asked.at, asked.library)
