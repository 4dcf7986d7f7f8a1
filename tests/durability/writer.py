"""A process that counts records up: `writer.py URL LOG [options]`.

What the database acknowledged is written to LOG before the next transaction begins.
"""

import argparse
import asyncio
import os
import random
import signal
import sys
from contextlib import suppress
from pathlib import Path

from durable_records import RECORDS, Delivery, Record, open_log, opened

from storehaus import StoreHaus, StorehausError


class _UndoneError(Exception):
    """Rolls a transaction back."""


class Writer:
    """One task that writes, and the file of what was acknowledged.

    Args:
        haus: Where the table is.
        log: Descriptor of the file.
        pause: Longest pause between transactions, in seconds.
    """

    def __init__(self, haus: StoreHaus, log: int, pause: float) -> None:
        self._haus = haus
        self._store = haus.store(Record)
        self._log = log
        self._pause = pause

    async def write(self, stopped: asyncio.Event) -> None:
        """Write until told to stop."""
        while not stopped.is_set():
            done: list[Delivery] = []
            # Without an answer nobody knows: it is as if the process had died before it came.
            with suppress(_UndoneError, StorehausError):
                done = await self._transaction()
            for each in done:
                each.write(self._log)
            await asyncio.sleep(random.random() * self._pause)

    async def _transaction(self) -> list[Delivery]:
        done: list[Delivery] = []
        async with self._haus.transaction():
            for record in sorted(random.sample(range(RECORDS), random.choice((1, 1, 2, 3)))):
                stamp = random.getrandbits(60)
                row = await self._store.patch(record, number=Record.number + 1, stamp=stamp)
                done.append(Delivery(os.getpid(), "-", record, row.number, stamp))
                if random.random() < 0.4:
                    await asyncio.sleep(random.random() * 0.01)
            if random.random() < 0.1:
                raise _UndoneError
        return done


async def main(arguments: argparse.Namespace) -> None:
    """Write until told to stop."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    log = open_log(arguments.log)
    async with opened(arguments.url, arguments.tasks + 1) as haus:
        tasks = range(arguments.tasks)
        await asyncio.gather(*(Writer(haus, log, arguments.pause).write(stopped) for _ in tasks))


def parse(words: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("log", type=Path)
    parser.add_argument("--tasks", type=int, default=2)
    parser.add_argument("--pause", type=float, default=0.01)
    return parser.parse_args(words)


if __name__ == "__main__":
    asyncio.run(main(parse(sys.argv[1:])))
