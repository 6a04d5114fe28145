"""Traces over OTLP, heard by a receiver over real HTTP: a span a step, and nothing in them of anybody."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.settings import SettingsError, read_settings
from bot.web.listen import listening
from bot.web.traces import Traces
from bot.wiring import serve as serve_coxa
from bot.workflow.watch import Watch
from tests.fakes import FakeClock
from tests.played import settings_in
from tests.telegram_double import Double, serve

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
NAME, CHAT, WORDS = "Sentinella", 4711998811, "sentinel words"
TOKEN = "987654321:SentinelTokenSecretOfABot"  # noqa: S105  # of a made-up bot


class Receiver:
    """Hears spans as a collector does."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.url = ""

    async def hear(self, request: Request) -> Response:
        assert request.headers["Content-Type"] == "application/x-protobuf"
        self.bodies.append(await request.body())
        return Response(media_type="application/x-protobuf")

    @property
    def spans(self) -> list[Span]:
        """Give what was heard."""
        read = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        return [
            span for one in read for about in one.resource_spans for held in about.scope_spans for span in held.spans
        ]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    app = Starlette(routes=[Route("/v1/traces", made.hear, methods=["POST"])])
    async with listening(app, "127.0.0.1", 0) as listener:
        made.url = f"http://127.0.0.1:{listener.port}"
        yield made


async def test_a_step_is_a_span_with_its_count_and_its_end(receiver: Receiver) -> None:
    traces = Traces(receiver.url, FakeClock(NOW))
    watch = Watch(traces.ended)
    with watch("handle") as doing:
        doing.count = 2
    with watch("handle"):
        pass  # a look that found nothing
    with watch("deliver") as doing:
        doing.outcome = "blocked"
    with suppress(ValueError), watch("due"):
        raise ValueError(WORDS)
    await traces.close()
    told = [(s.name, *(a.value.int_value or a.value.string_value for a in s.attributes)) for s in receiver.spans]
    assert told == [("handle", 2, "done"), ("deliver", "", "blocked"), ("due", "", "failed")]
    for span in receiver.spans:
        assert span.end_time_unix_nano == NOW.timestamp() * 1e9
        assert span.start_time_unix_nano <= span.end_time_unix_nano
    assert [span.status.code for span in receiver.spans] == [0, 0, 2]
    assert WORDS.encode() not in b"".join(receiver.bodies)


async def test_a_receiver_that_is_not_there_holds_up_nothing(caplog: pytest.LogCaptureFixture) -> None:
    traces = Traces("http://127.0.0.1:9", FakeClock(NOW))
    with Watch(traces.ended)("due") as doing:
        doing.count = 1
    await traces.close()
    assert WORDS not in caplog.text


async def test_a_whole_run_is_traced_and_says_nothing_of_anybody(receiver: Receiver, tmp_path: Path) -> None:
    double, stopping = Double(token=TOKEN), asyncio.Event()
    async with serve(double) as api:
        given = {"telegram_token": TOKEN, "telegram_api_url": f"{api}/bot", "otlp_endpoint": receiver.url}
        settings = type(settings_in(tmp_path)).model_validate({**settings_in(tmp_path).model_dump(), **given})
        served = asyncio.ensure_future(serve_coxa(settings, stopping, lambda _: None))
        ann = double.user(CHAT, first_name=NAME, language_code="en")
        await ann.says("/start")
        await ann.wait("Hello", 30)
        await ann.says(WORDS)
        await double.quiet(0.3)
        stopping.set()
        await served
    assert {span.name for span in receiver.spans} == {"receive", "handle", "deliver"}
    assert {attribute.key for span in receiver.spans for attribute in span.attributes} == {"coxa.count", "coxa.outcome"}
    sent = b"".join(receiver.bodies)
    for personal in (NAME, str(CHAT), WORDS, *TOKEN.split(":")):
        assert personal.encode() not in sent


async def test_without_the_extra_the_setting_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bot.web.traces", None)
    monkeypatch.setenv("COXA_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    monkeypatch.setenv("COXA_TELEGRAM_TOKEN", TOKEN)
    monkeypatch.setenv("COXA_DATA_DIR", str(tmp_path / "data"))
    with pytest.raises(SettingsError, match=r"COXA_OTLP_ENDPOINT is set, but .*coxa\[otlp\]"):
        await serve_coxa(read_settings(), asyncio.Event(), lambda _: None)
    monkeypatch.setenv("COXA_OTLP_ENDPOINT", "127.0.0.1:4318")
    with pytest.raises(SettingsError, match="COXA_OTLP_ENDPOINT: "):
        read_settings()
