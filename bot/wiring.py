"""Chooses the real parts and joins them."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from bot.channels.console import CHANNEL, NAME, Console, Note, Paper, Skip, address_of, plain
from bot.conversation.effects import Joined, Line, Slot
from bot.phrasebook import Phrasebook, load_phrasebook
from bot.settings import Settings, SettingsError, place
from bot.workflow.deliver import deliver
from bot.workflow.door import Door
from bot.workflow.due import due
from bot.workflow.handle import handle
from bot.workflow.intake import Intake
from bot.workflow.ports import Clock, Raw, Speed, Store
from bot.workflow.receive import receive
from bot.workflow.watch import Watch
from bot.workflow.work import Work
from rules import ContentError, Library, load_library
from rules.check import check

if TYPE_CHECKING:
    from pydantic import SecretStr
    from starlette.applications import Starlette

    from bot.channels.telegram import Telegram
    from bot.channels.telegram_menu import Shown
    from bot.coaching.record import Record
    from bot.export.writer import Writer
    from bot.storage.database import Database
    from bot.storage.erasure_list import ErasureList
    from bot.storage.store import SqlStore
    from bot.web.listen import Listener
    from bot.web.traces import Traces


log = logging.getLogger(__name__)

MENU = (
    "practise",
    "plan",
    "progress",
    "time",
    "pause",
    "screen",
    "result",
    "profile",
    "settings",
    "privacy",
    "coach",
    "cancel",
    "help",
    "start",
)
"""The commands that Telegram's menu offers, in order."""
LONG, SHORT = 512, 120
"""The longest description and short description that Telegram takes."""
REACH_SECONDS = 5.0
"""The pause between tries to reach Telegram at the start."""
TAKE_OVER_SECONDS = 5.0
"""How often it is looked for what a process that is gone was sending. A proposal."""
TEXTS_LAST = timedelta(days=90)
"""How long events as they came, and the words of messages, are kept: to look into a complaint. A proposal."""
BACKUPS = "backups"
"""The folder in the data folder that backups are made in."""
FINISH_SECONDS = 8.0
"""How long what was begun may take to finish after a stop: systemd and Docker wait 10 seconds."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Give the present instant, in UTC."""
        return datetime.now(UTC)  # noqa: TID251  # the one place that reads the clock


@dataclass
class FixedClock:
    """A clock that stands still."""

    at: datetime

    def now(self) -> datetime:
        """Give the instant it stands at."""
        return self.at


class MovedClock:
    """Another clock, which the terminal moves forward."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._ahead = clock, timedelta()

    def now(self) -> datetime:
        """Give the other clock's instant, and what it was moved by."""
        return self._clock.now() + self._ahead

    def move(self, by: timedelta) -> None:
        """Let time pass."""
        self._ahead += by


@dataclass(frozen=True, kw_only=True)
class Seated:
    """Who sits at a terminal: names, the first speaks by default; `coaches` are among them.

    The others are clients of the coaches, but for those who came `alone`.
    """

    names: tuple[str, ...] = ("you",)
    coaches: frozenset[str] = frozenset()
    alone: frozenset[str] = frozenset()


def seat(people: str) -> Seated:
    """Read `ann,coach:sam`, or `alone:ann,coach:sam`; raises ValueError for a name that can't be one."""
    names: list[str] = []
    roles: dict[str, set[str]] = {"coach": set(), "alone": set()}
    for given in people.split(","):
        role, colon, name = given.strip().rpartition(":")
        if (colon and role not in roles) or not re.fullmatch(NAME, name):
            raise ValueError(f"{given.strip()!r} is no name; give names like ann,coach:sam (a-z, 0-9, _ and -)")
        if name in names:
            raise ValueError(f"{name} is named twice; give everybody a name of their own")
        names.append(name)
        if role:
            roles[role].add(name)
    return Seated(names=tuple(names), coaches=frozenset(roles["coach"]), alone=frozenset(roles["alone"]))


@dataclass(frozen=True, kw_only=True)
class Content:
    """What is said and decided with: the screens and their words."""

    library: Library
    phrasebook: Phrasebook


def read_content(settings: Settings) -> Content:
    """Read the content once; raises ContentError."""
    library = load_library(settings.screens)
    if problems := check(library):
        more = f" (and {len(problems) - 1} more; coxa check lists them)" if len(problems) > 1 else ""
        raise ContentError(f"{problems[0]}{more}")
    return Content(library=library, phrasebook=load_phrasebook(library))


class Terminal:
    """Coxa at a terminal: every line goes the whole way through the house before the next is read."""

    def __init__(
        self,
        store: Store,
        content: Content,
        clock: MovedClock,
        seated: Seated,
        paper: Paper,
        zone: tzinfo | None = None,
        door: Door | None = None,
    ) -> None:
        self.clock, self._zone, self._door = clock, zone, door
        self.console = Console(paper, seated.names)
        self._store, self._content, self._seated = store, content, seated
        self._channels = {CHANNEL: self.console}

    async def start(self) -> None:
        """Finish what was cut off, then greet the first person, who is new or is offered to go on."""
        now = self.clock.now()
        await self._store.recover(now)
        for coach in sorted(self._seated.coaches):
            async with self._store.turns() as turns:
                coach_id = await turns.person_at(address_of(coach), coach, now)
                await turns.desks.links.employ(coach_id, "", now, operator=False, takes_all=False)
            for client in self._seated.names:
                if client not in self._seated.coaches | self._seated.alone:
                    await self._store.add_coach(address_of(coach), coach, address_of(client), client, now)
        await self.work()
        await self.hear("/start")

    async def hear(self, line: str) -> Skip | Note | None:
        """Hear a line, and answer; a skip and a note are given back to be shown."""
        name, text = self.console.speaker(line)
        understood = self.console.understand(name, text, self.clock.now())
        match understood:
            case Raw():
                await receive(self._store, [understood])
                await self.work()
            case Skip(by=by):
                await self.wait(by)
                return understood
            case Note():
                return understood
        return None

    async def wait(self, by: timedelta) -> None:
        """Let time pass, and do on the way what comes due, each at its time."""
        until = self.clock.now() + by
        while (soonest := await self._store.next_due()) is not None and soonest <= until:
            self.clock.move(max(soonest - self.clock.now(), timedelta()))
            self.console.mark = self.clock.now().astimezone(self._zone)
            await self.work()
            self.console.mark = None
        self.clock.move(until - self.clock.now())
        await self.work()

    async def wait_until(self, at: time, weekday: int | None) -> None:
        """Let time pass until the next such local time."""
        now = self.clock.now().astimezone(self._zone)
        wanted = datetime.combine(now.date(), at, now.tzinfo)
        while wanted <= now or weekday not in (None, wanted.weekday()):
            wanted = datetime.combine(wanted.date() + timedelta(days=1), at, now.tzinfo)
        await self.wait(wanted.astimezone(UTC) - self.clock.now())

    async def down(self, by: timedelta) -> None:
        """Let time pass while nothing runs, then go on."""
        self.clock.move(by)
        self.console.mark = self.clock.now().astimezone(self._zone)
        await self._store.recover(self.clock.now())
        await self.work()
        self.console.mark = None

    async def block(self, *, on: bool) -> None:
        """Let the first person block the bot, or let it write again."""
        await receive(self._store, [self.console.blocks(self.console.people[0], self.clock.now(), on=on)])
        await self.work()

    async def work(self) -> None:
        """Handle and deliver until nothing is left to do."""
        content = self._content
        while True:
            came = await due(self._store, self.clock)
            handled = await handle(
                self._store, self._channels, self.clock, content.library, content.phrasebook, door=self._door
            )
            sent = await deliver(self._store, self._channels, self.clock)
            if not came and not handled and not sent:
                return


async def serve(
    settings: Settings, stopping: asyncio.Event, say: Callable[[str], None], *, by_webhook: bool = False
) -> None:
    """Answer on Telegram until told to stop, polling or *by webhook*; raises SettingsError for what can't be used."""
    # A third of a second of imports that a terminal does without.
    from bot.channels.telegram import CHANNEL as TELEGRAM
    from bot.channels.telegram import make_telegram
    from bot.channels.telegram_menu import show
    from bot.channels.telegram_poll import Poll
    from bot.pictures.painter import ThreadPainter
    from bot.scheduler import ticking
    from bot.storage.backup import newest_at
    from bot.web.health import Health
    from bot.web.hook import Hook
    from bot.web.metrics import Metrics

    token = settings.telegram().get_secret_value()
    hook = settings.webhook() if by_webhook else None
    content, clock, health = read_content(settings), SystemClock(), Health(stopping)
    metrics = Metrics(clock)
    async with AsyncExitStack() as opened:
        watch = Watch(metrics.ended)
        if settings.otlp_endpoint is not None:
            traces = _traces(settings.otlp_endpoint, clock)
            opened.push_async_callback(traces.close)
            watch = Watch(metrics.ended, traces.ended)
        if settings.metrics_listen is not None:  # at once: others look whether we live while a database is migrated
            pages = _listening("COXA_METRICS_LISTEN", settings.metrics_listen, health.app(metrics.routes()))
            await opened.enter_async_context(pages)
        store = await opened.enter_async_context(open_store(settings, memory=False))
        health.database, metrics.standing = store.figures.answers, store.figures.standing
        if settings.backup_hours is not None:
            metrics.newest_backup = lambda: newest_at(settings.data_dir / BACKUPS)
        painter = ThreadPainter(writer(store, content, clock).write)
        paid = settings.paid_broadcast
        telegram = make_telegram(token, settings.telegram_api_url, painter, paid=paid, watch=watch)
        bot = telegram.bot
        try:
            if not await _reach(bot.initialize, stopping, say):
                return
            health.is_known = True
            door = Door(bot=bot.username, invite_only=settings.invite_only, zone=settings.zone)
            speed = Speed(per_second=settings.sends_per_second) if settings.sends_per_second else None
            parts = (store, {TELEGRAM: telegram}, clock, content.library, content.phrasebook, door)
            work = Work(*parts, speed=speed, watch=watch)
            await show(bot, menus(content))

            async def received(raws: Sequence[Raw]) -> None:
                with watch("receive") as doing:
                    doing.count = await work.receive(raws)

            async def came_due() -> int:
                with watch("due") as doing:
                    doing.count = await work.due()
                return doing.count

            comes = Poll(telegram, clock, received).run
            if hook is not None:
                heard = Hook(
                    settings.webhook_path,
                    hook[1].get_secret_value(),
                    clock,
                    telegram.raw,
                    Intake(received).keep,
                )
                hearing = _listening("COXA_WEBHOOK_LISTEN", settings.webhook_listen, heard.app(health.routes()))
                comes = (await opened.enter_async_context(hearing)).until
                if not await _reach(lambda: _hook(telegram, *hook), stopping, say):
                    return
            say(f"Coxa answers as @{bot.username}. Kept in {settings.place}; the key in {settings.key_file}.")
            backup = None if settings.backup_hours is None else lambda: back_up(settings, clock)
            running = (comes(stopping), work.run(stopping), _take_over(store, clock, stopping))
            async with ticking(came_due, daily=lambda: sweep(store, settings, clock), backup=backup):
                await _until_stopped(stopping, *running, then=work.finish)
        finally:
            await telegram.close()
            await bot.shutdown()


def writer(store: Store, content: Content, clock: Clock) -> Writer:
    """Make who writes the files that go out: each from the record as it is then, with the rights of who gets it."""
    from bot.export.writer import Writer

    async def read(viewer_id: int, client_id: int, kind: str) -> Record:
        async with store.turns() as turns:
            return await turns.desks.record(viewer_id, client_id, kind, clock.now())

    async def clip(viewer_id: int, client_id: int) -> Mapping[str, str]:
        async with store.turns() as turns:
            found = await turns.desks.clip(viewer_id, client_id, clock.now())
        if found is None:
            raise LookupError("the clip has expired")
        return found

    def say(language: str) -> Callable[[str, Mapping[str, Any]], str]:
        return lambda key, values: plain(content.phrasebook.text(Line(key=key, values=values), language))

    return Writer(read, clip, content.library, say)


async def sweep(store: Store, settings: Settings, clock: Clock) -> None:
    """Do what is due once a day."""
    await store.sweep(clock.now(), keep=timedelta(days=settings.keep_days), texts=TEXTS_LAST)


async def back_up(settings: Settings, clock: Clock) -> None:
    """Make a backup where the newest is so old that one is due, and delete those that are too many."""
    from bot.storage.backup import BackupError, backup, name_at, newest_at, prune

    folder, now, url = settings.data_dir / BACKUPS, clock.now(), settings.url.get_secret_value()
    newest = newest_at(folder)
    if settings.backup_hours is None or (newest and now - newest < timedelta(hours=settings.backup_hours)):
        return
    try:
        made = await backup(url, settings.key_file, folder / name_at(url, now))
    except BackupError as error:
        log.error("no backup was made: %s", error)
        return
    gone = prune(folder, settings.backup_keep, made.path, now)
    log.info("backup %s made: %s bytes; %s older deleted", made.path.name, made.size, len(gone))


def _traces(endpoint: str, clock: Clock) -> Traces:
    """Make who sends traces; raises SettingsError where what that takes is not installed."""
    try:
        from bot.web.traces import Traces
    except ImportError as error:
        raise SettingsError(
            "COXA_OTLP_ENDPOINT is set, but what sends traces is not installed: pip install 'coxa[otlp]', or unset it"
        ) from error
    return Traces(endpoint, clock)


@asynccontextmanager
async def _listening(setting: str, where: str, app: Starlette) -> AsyncIterator[Listener]:
    """Serve an app where a setting says; raises SettingsError where that can't be."""
    from bot.web.listen import PlaceTaken, listening

    async with AsyncExitStack() as opened:
        try:
            listener = await opened.enter_async_context(listening(app, *place(where)))
        except PlaceTaken as error:
            raise SettingsError(f"{setting} is {where}, where nothing can listen ({error}); give another") from error
        yield listener


async def _hook(telegram: Telegram, url: str, secret: SecretStr) -> None:
    """Have updates brought to us; raises SettingsError for an address that Telegram does not take."""
    from telegram.error import BadRequest

    try:
        await telegram.hook(url, secret.get_secret_value())
    except BadRequest as error:
        raise SettingsError(f"COXA_WEBHOOK_URL is {url}, which Telegram does not take ({error})") from error


async def _take_over(store: SqlStore, clock: Clock, stopping: asyncio.Event) -> None:
    """Look now and then for what a process that is gone was sending, until told to stop."""
    while not stopping.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), TAKE_OVER_SECONDS)
        try:
            count = await store.take_over(clock.now())
        except Exception as error:  # the database is in trouble; the next look tries again
            log.warning("nothing could be taken over (%s)", type(error).__name__)
            continue
        if count:
            log.warning("%s messages were being sent by a process that is gone; they are sent again", count)


async def _reach(
    ask: Callable[[], Coroutine[Any, Any, None]], stopping: asyncio.Event, say: Callable[[str], None]
) -> bool:
    """Ask Telegram until it answers; False where we are told to stop before. Raises SettingsError for a bad token."""
    from telegram.error import InvalidToken, TelegramError

    stop = asyncio.ensure_future(stopping.wait())
    try:
        while not stopping.is_set():
            asking = asyncio.ensure_future(ask())
            await asyncio.wait({asking, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                asking.cancel()
                with suppress(asyncio.CancelledError):
                    await asking
                return False
            try:
                asking.result()
                return True
            except InvalidToken as error:
                raise SettingsError(
                    "COXA_TELEGRAM_TOKEN is not taken by Telegram; get the token from @BotFather"
                ) from error
            except TelegramError as error:
                say(f"Telegram can't be reached ({error}); trying again. coxa doctor looks closer.")
                await asyncio.wait({stop}, timeout=REACH_SECONDS)
        return False
    finally:
        stop.cancel()


async def _until_stopped(
    stopping: asyncio.Event, *running: Coroutine[Any, Any, None], then: Callable[[], Awaitable[None]]
) -> None:
    """Run side by side; after a stop, what was begun has FINISH_SECONDS to end, and what is left is cut off.

    A message that is cut off while it is sent is put back at the next start, and perhaps repeated once.
    """

    async def all_of_them() -> None:
        async with asyncio.TaskGroup() as group:
            for one in running:
                group.create_task(one)
        await then()

    working, stop = asyncio.ensure_future(all_of_them()), asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait({working, stop}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({working}, timeout=FINISH_SECONDS)
        if working.done():
            working.result()
    finally:
        for task in (working, stop):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def menus(content: Content) -> Mapping[str, Shown]:
    """Give what Telegram shows of the bot, in each language that has words for it: all screens by name."""
    from bot.channels.telegram_menu import Shown

    phrasebook, screens = content.phrasebook, content.library.screens
    values: dict[str, Slot] = {
        "names": Joined(items=tuple(Line(key=f"{screen}/screen.name") for screen in screens), glue=", "),
        "what": Joined(items=tuple(Line(key=f"{screen}/screen.what") for screen in screens), glue=" "),
    }

    def text(key: str, language: str) -> str:
        return phrasebook.text(Line(key=key, values=values), language)

    def first_that_fits(most: int, wanted: str, instead: str) -> str:
        return wanted if len(wanted) <= most else instead

    return {
        language: Shown(
            commands={name: text(f"menu.{name}", language) for name in MENU},
            description=first_that_fits(LONG, text("about.long", language), text("about.long_many", language)),
            short=first_that_fits(SHORT, text("about.short", language), text("about.short_many", language)),
        )
        for language in phrasebook.languages
        if phrasebook.has("about.long", language)
    }


@contextmanager
def explained(settings: Settings) -> Iterator[None]:
    """Raise SettingsError, with what to do, for what goes wrong inside while a database is opened."""
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    try:
        yield
    except OSError as error:
        raise SettingsError(f"{error.filename}: {error.strerror}; set COXA_DATA_DIR to a folder of yours") from error
    except (SQLAlchemyError, ImportError) as error:
        why = error.orig if isinstance(error, DBAPIError) else error
        raise SettingsError(f"{settings.place} can't be opened ({why}); is COXA_DATABASE_URL right?") from error


@asynccontextmanager
async def open_store(settings: Settings, *, memory: bool) -> AsyncIterator[SqlStore]:
    """Open the store: the database of the settings, or one in memory that is gone afterwards.

    Raises SettingsError for a database that can't be reached, and what bot.storage raises for one that can't be used.
    """
    # Half a second of imports that other commands do without.
    from bot.storage.crypto import KeyRing
    from bot.storage.database import open_database, open_ring
    from bot.storage.erasure_list import ErasureList
    from bot.storage.store import SqlStore

    erasures = None if memory else ErasureList.beside(settings.key_file)
    with explained(settings):
        if memory:
            database = await open_database("sqlite+aiosqlite:///:memory:", KeyRing.new())
        else:
            url = settings.url.get_secret_value()
            database = await open_database(url, open_ring(settings.key_file, url))
    store = SqlStore(database, erasures)
    try:
        if erasures is not None:
            await _reapply(database, erasures)
        yield store
    finally:
        await store.close()


async def _reapply(database: Database, erasures: ErasureList) -> None:
    """Delete again whom a restored backup brought back, before anybody is served; raises SettingsError."""
    from bot.storage.reapply import reapply

    try:
        await reapply(database, erasures)
    except (OSError, ValueError) as error:
        raise SettingsError(f"the erasure list can't be read: {error}") from error
