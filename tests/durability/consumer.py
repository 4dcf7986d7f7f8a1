"""A process that reads a subscription: `consumer.py URL NAME MODE LOG [options]`.

MODE is how its handler wants events: `event`, `tx` or `events`. Each event is written to LOG by one
call; with `tx` also to a table, in the transaction that keeps the place.
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from durable_records import Delivery, Record, Seen, open_log, opened

from storehaus import DatabaseEvent, StoreHaus, Transaction


class Reader:
    """The handlers of one process.

    Args:
        arguments: Of the command line.
        haus: Where the table is.
    """

    def __init__(self, arguments: argparse.Namespace, haus: StoreHaus) -> None:
        self._arguments = arguments
        self._seen = haus.store(Seen)
        self._log = open_log(arguments.log)
        self._count = 0

    @property
    def handler(self) -> Callable[..., Any]:
        """The one that was asked for."""
        found: dict[str, Callable[..., Any]] = {
            "event": self.one,
            "tx": self.joined,
            "events": self.many,
        }
        return found[self._arguments.mode]

    async def one(self, event: DatabaseEvent) -> None:
        """Note an event outside of the database."""
        self._note(event)
        await asyncio.sleep(self._arguments.pause)

    async def joined(self, event: DatabaseEvent, tx: Transaction) -> None:
        """Note an event in the transaction that keeps the place."""
        noted = self._note(event)
        await self._seen.create(
            Seen(
                reader=self._arguments.name,
                event=noted.event,
                record=noted.record,
                number=noted.number,
                stamp=noted.stamp,
            )
        )
        await asyncio.sleep(self._arguments.pause)

    async def many(self, events: list[DatabaseEvent]) -> None:
        """Note many events, one after the other."""
        for each in events:
            await self.one(each)

    def _note(self, event: DatabaseEvent) -> Delivery:
        row = event.payload
        found = Delivery(os.getpid(), event.id, event.record_id, row["number"], row["stamp"])
        found.write(self._log)
        self._count += 1
        if self._count == self._arguments.stop_at:
            os.kill(os.getpid(), signal.SIGSTOP)
        return found


async def main(arguments: argparse.Namespace) -> None:
    """Read until told to stop."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with opened(arguments.url) as haus:
        haus.subscription(
            arguments.name,
            Record,
            start="beginning",
            page_size=arguments.page,
            lease_seconds=arguments.lease,
        )(Reader(arguments, haus).handler)
        await stopped.wait()


def parse(words: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("name")
    parser.add_argument("mode", choices=("event", "tx", "events"))
    parser.add_argument("log", type=Path)
    parser.add_argument("--page", type=int, default=50)
    parser.add_argument("--lease", type=float, default=1.0)
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--stop-at", type=int, default=0)
    return parser.parse_args(words)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    asyncio.run(main(parse(sys.argv[1:])))
