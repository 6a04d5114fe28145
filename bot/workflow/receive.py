"""Raw updates -> the inbox, durably, before anyone confirms them."""

from __future__ import annotations

from collections.abc import Sequence

from bot.workflow.ports import Raw, Store


async def receive(store: Store, raws: Sequence[Raw]) -> int:
    """Store raw updates in one transaction and give how many were new; a repeated update is stored once.

    Only after this returns may an update be confirmed to where it came from.
    """
    return await store.receive(raws) if raws else 0
