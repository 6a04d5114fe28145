"""Processor time of a turn of `coxa serve` beside python-telegram-bot's echo bot, on one double in one run.

    python -m tests.benchmarks.turns [CHATS] [STEPS]

Figures in milliseconds are this machine's; the ratio is what may be compared.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
from pathlib import Path

from rules import load_library
from tests.e2e.phone import Phone, Served
from tests.telegram_double import Double, serve

TOKEN = "123456:TEST"  # noqa: S105  # of a made-up bot
WARM = 5
"""Steps and messages before measuring begins: imports and first queries are not what is asked."""


def cpu_seconds(pid: int) -> float:
    """Give the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def coxa(chats: int, steps: int, home: Path) -> tuple[float, float]:
    """Play so many screenings side by side; give seconds of processor and of the clock, a turn."""
    double, screen = Double(token=TOKEN), load_library().screens["hip_internal_rotation"]
    async with serve(double) as url, Served(home, url, TOKEN) as served:
        phones = [Phone(double.user(100 + n, first_name="Ann"), screen) for n in range(chats)]
        await asyncio.gather(*(phone.begin() for phone in phones))
        await asyncio.gather(*(phone.play(steps=WARM) for phone in phones))
        before, turns, began = served.cpu_seconds(), sum(p.taps for p in phones), asyncio.get_running_loop().time()
        await asyncio.gather(*(phone.play(steps=steps) for phone in phones))
        done = sum(phone.taps for phone in phones) - turns
        wall = asyncio.get_running_loop().time() - began
        return (served.cpu_seconds() - before) / done, wall / done


async def echo(count: int) -> float:
    """Have the echo bot answer so many messages; give seconds of processor a message."""
    double = Double(token=TOKEN)
    async with serve(double) as url:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.benchmarks.echo_bot", f"{url}/bot", TOKEN),
            cwd=Path(__file__).parents[2],
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            users = [double.user(100 + n, first_name="Ann") for n in range(50)]
            for user in users[:WARM]:
                await user.says("warm")
            await double.wait_for(lambda: len(double.journal.calls("sendMessage", ok=True)) == WARM, 30)
            before = cpu_seconds(process.pid)
            for n in range(count):
                await users[n % len(users)].says(f"message {n}")
            await double.wait_for(lambda: len(double.journal.calls("sendMessage", ok=True)) == WARM + count, 300)
            return (cpu_seconds(process.pid) - before) / count
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def main() -> None:
    """Run both, one after the other, and print."""
    given = [int(word) for word in sys.argv[1:]]
    chats, steps = (given + [20, 25][len(given) :])[:2]
    with tempfile.TemporaryDirectory() as folder:
        turn, wall = await coxa(chats, steps, Path(folder))
    message = await echo(chats * steps)
    sys.stdout.write(f"coxa serve, SQLite: {turn * 1000:.1f} ms of processor a turn ({1 / wall:.0f} turns a second)\n")
    sys.stdout.write(f"echo bot, stock:    {message * 1000:.1f} ms of processor a message\n")
    sys.stdout.write(f"ratio:              {turn / message:.1f}\n")


if __name__ == "__main__":
    asyncio.run(main())
