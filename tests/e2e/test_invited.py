"""From `coxa coach add` to a client who ends it: real links, over real HTTP, beside a `coxa serve` that runs."""

from __future__ import annotations

import asyncio
import io
import os
import re
import sys
from pathlib import Path

import zxingcpp
from PIL import Image

from tests.e2e.phone import PATIENCE, Served
from tests.e2e.test_telegram import TOKEN, trouble
from tests.telegram_double import Double, serve
from tests.telegram_double.users import User

LINK = r"https://t\.me/double_bot\?start=([A-Za-z0-9_-]{32})"


async def coxa(home: Path, url: str, *arguments: str, **more: str) -> str:
    """Run a command of Coxa and give what it printed."""
    environment = {
        **os.environ,
        "HOME": str(home),
        "COXA_DATA_DIR": str(home / "data"),
        "COXA_KEY_FILE": str(home / "key.json"),
        "COXA_TELEGRAM_TOKEN": TOKEN,
        "COXA_TELEGRAM_API_URL": f"{url}/bot",
        **more,
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", *arguments),
        env=environment,
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 0, err.decode()
    return out.decode()


def token_in(text: str) -> str:
    """Find the token of the link in a text."""
    found = re.search(LINK, text)
    assert found is not None, text
    return found[1]


async def says_and_hears(user: User, text: str, wanted: str) -> str:
    await user.says(text)
    return (await user.wait(wanted, PATIENCE)).text


async def test_a_coach_and_a_client_come_in_by_links_and_part_again(tmp_path: Path) -> None:
    home, double = tmp_path / "invited", Double(token=TOKEN)
    async with serve(double) as url, Served(home, url, TOKEN, COXA_INVITE_ONLY="1") as served:
        try:
            sam, ann, bea = (
                double.user(number, first_name=name) for number, name in ((7, "S"), (42, "Ann"), (43, "Bea"))
            )
            await says_and_hears(ann, "/start", "invited people only")

            added = await coxa(home, url, "coach", "add", "Sam Smith")  # asks Telegram for the bot's name
            await says_and_hears(sam, f"/start {token_in(added)}", "You are a coach here")
            assert "Sam Smith (0 clients)" in await coxa(home, url, "coach", "list")

            await sam.says("/invite Ann B.")
            invited = await sam.wait(lambda m: "photo" in m.data, PATIENCE)
            token = token_in(invited.text)
            stored = next(file for file in double.files.values() if file.kind == "photo")
            (read,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(stored.upload.body)))
            assert token_in(read.text) == token
            await sam.wait("Invitations that are open", PATIENCE)

            group = double.group(-5, "Family", (ann,))
            await group.says(ann, f"/start@double_bot {token}")
            await group.wait("private", PATIENCE)  # told off, and the invitation is as good as before

            await says_and_hears(ann, f"/start {token}", "Sam Smith invites you")
            await ann.taps("Yes, they may see this")
            await ann.wait("Sam Smith is your coach now", PATIENCE)
            await ann.wait("Your coach Sam Smith sees your results", PATIENCE)
            await sam.wait("Ann B. is your client now", PATIENCE, anywhere=True)
            await says_and_hears(bea, f"/start {token}", "can't be used")

            await says_and_hears(ann, "/coach", "Sam Smith is your coach since")
            page = await ann.wait("Sam Smith is your coach since", PATIENCE)
            await ann.taps("End it", page)
            await ann.wait("Shall Sam Smith no longer", PATIENCE)
            await ann.taps("Yes, end it", page)
            await ann.wait("Sam Smith is no longer your coach", PATIENCE)
            await sam.wait("Ann B. is no longer your client", PATIENCE, anywhere=True)
            assert await coxa(home, url, "coach", "remove", "Sam Smith") == "Sam Smith is no coach any more\n"
            assert await served.stop() == 0
        except (TimeoutError, AssertionError, LookupError) as error:
            raise AssertionError(trouble(double, served)) from error
        kept = b"".join(file.read_bytes() for file in (home / "data").iterdir() if file.is_file())
        for told in (token, token_in(added)):
            assert told.encode() not in kept
            assert told not in served.log.read_text()
