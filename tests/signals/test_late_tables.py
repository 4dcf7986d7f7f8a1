"""Subscriptions that are declared before everything they need is there."""

import asyncio

import pytest

from fix_events import PATIENCE_SECONDS, Crate, Inbox, Ship, log_haus, migrated
from storehaus import SignalError, StoreHaus

pytestmark = pytest.mark.anyio


async def until_it_fails(haus: StoreHaus) -> None:
    """Wait until a subscription says that it does not work."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not haus.events.problems():
            await haus.health()


async def test_a_table_that_comes_later(postgres_url: str) -> None:
    """Nothing of it is passed over, whichever of the tables was there first."""
    await migrated(postgres_url, Ship)
    async with log_haus(postgres_url) as haus:
        inbox = Inbox()
        haus.subscription("s", Ship, Crate, start="beginning")(inbox)
        await until_it_fails(haus)
        await haus.auto_migrate(Crate)
        await haus.store(Crate).create(Crate(id=1))
        await haus.store(Ship).create(Ship(id=2))
        await inbox.until(2)
        assert inbox.ids == [1, 2]


async def test_a_log_that_comes_later(postgres_url: str) -> None:
    """A subscription waits for the first durable table."""
    async with log_haus(postgres_url) as haus:
        inbox = Inbox()
        haus.subscription("s", Ship, start="beginning")(inbox)
        await until_it_fails(haus)
        await haus.auto_migrate(Ship)
        await haus.store(Ship).create(Ship(id=1))
        await inbox.until(1)
        assert inbox.ids == [1]


@pytest.mark.parametrize("name", ["", "\x1b[31m", "x" * 101], ids=["empty", "control", "long"])
async def test_replay_into_a_wrong_name(postgres_url: str, name: str) -> None:
    """It is refused, as where a subscription is declared."""
    await migrated(postgres_url, Ship)
    async with log_haus(postgres_url) as haus:
        with pytest.raises(SignalError, match="name"):
            await haus.events.replay(name, start="now")
