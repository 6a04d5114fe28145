"""Traces over OTLP: a span for each step of the work, which says how many events it was about and how it ended."""

from __future__ import annotations

import asyncio
import logging
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Status, StatusCode

from bot.workflow.ports import Clock
from bot.workflow.watch import FAILED, Doing

log = logging.getLogger(__name__)

PATH = "/v1/traces"
"""Where a receiver hears traces, if its address names no path (OTLP 1)."""
SEND_SECONDS = 2.0
"""How long the receiver may take: the work waits for none of it, but a stop does. A proposal."""
LAST_SECONDS = 3.0
"""How long what is left may take to go out at a stop. A proposal."""


class Traces:
    """Sends spans to a receiver, from a thread of its own; what it does not take is lost, and nobody waits."""

    def __init__(self, endpoint: str, clock: Clock) -> None:
        self._clock = clock
        whole = endpoint if urlsplit(endpoint).path.strip("/") else endpoint.rstrip("/") + PATH
        self._provider = TracerProvider(resource=Resource({"service.name": "coxa"}), shutdown_on_exit=False)
        exporter = OTLPSpanExporter(endpoint=whole, timeout=SEND_SECONDS)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("coxa")

    def ended(self, doing: Doing) -> None:
        """Make a span of a step that has ended; a look that found nothing to do is none."""
        if doing.count == 0 and doing.outcome == "done":
            return
        end = round(self._clock.now().timestamp() * 1e9)
        attributes: dict[str, str | int] = {"coxa.count": doing.count, "coxa.outcome": doing.outcome}
        began = end - round(doing.seconds * 1e9)
        span = self._tracer.start_span(doing.step, start_time=began, attributes=attributes)
        if doing.outcome == FAILED:
            span.set_status(Status(StatusCode.ERROR))
        span.end(end_time=end)

    async def close(self) -> None:
        """Send what is left, if the receiver is there."""
        try:
            async with asyncio.timeout(LAST_SECONDS):
                await asyncio.to_thread(self._provider.shutdown)
        except TimeoutError:
            log.warning("the last traces were not sent")
