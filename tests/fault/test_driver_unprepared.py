"""Without prepared statements: what each call costs, and where a pooler may take the server away.

PgBouncer in transaction mode does so whenever a server is idle in no transaction. What it has read
of a statement must not lie on both sides of such a moment.
"""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from fault.conftest import MakeDriver
from fault.proxy import Proxy
from fault.wire import Wire
from fix_haus import Draft
from storehaus import GenericStore, QueryBuilder
from storehaus.driver import Connection
from storehaus.driver.asyncpg_driver import AsyncpgDriver
from storehaus.migrations import migrate
from storehaus.store import Database

pytestmark = pytest.mark.anyio

Calls = Callable[[Connection], Coroutine[Any, Any, Any]]
OpenDriver = Callable[[bool], Coroutine[Any, Any, AsyncpgDriver]]
Verb = Callable[[GenericStore[Draft]], Coroutine[Any, Any, Any]]

ADD = "SELECT $1::int + 1"
# What asyncpg makes of a statement: parse, describe, flush; parse, bind, execute, sync.
STATEMENT = "PDH" + "PBES"


async def transact(connection: Connection) -> None:
    """A transaction with a bit of everything."""
    await connection.begin()
    await connection.savepoint("s")
    await connection.fetch(ADD, (1,))
    await connection.release_savepoint("s")
    cursor = await connection.cursor(ADD, (1,))
    await cursor.fetch(2)
    await connection.commit()


CALLS: dict[str, tuple[Calls, str]] = {
    "fetch": (lambda c: c.fetch(ADD, (1,)), STATEMENT),
    "fetch without parameters": (lambda c: c.fetch("SELECT 1"), STATEMENT),
    "query": (lambda c: c.query(ADD, (1,)), STATEMENT),
    "execute": (lambda c: c.execute(ADD, (1,)), STATEMENT),
    "execute without parameters": (lambda c: c.execute("SELECT 1"), "Q"),
    "copy_in": (lambda c: c.copy_in("drafts", ["text"], []), "PDH" + "Q" + "dc"),
    "transaction": (transact, "Q" + "Q" + STATEMENT + "Q" + "PDH" + "PBS" + "ES" + "Q"),
}


async def stream(store: GenericStore[Draft]) -> None:
    """Read two rows, in one batch."""
    async with store.stream(QueryBuilder(Draft), batch=10) as rows:
        assert len([row async for row in rows]) == 2


# Round trips of each verb, with prepared statements and without.
VERBS: dict[str, tuple[Verb, int, int]] = {
    "get_by_id": (lambda s: s.get_by_id(1), 1, 2),
    "get_many": (lambda s: s.get_many([1, 2]), 1, 2),
    "find": (lambda s: s.find(Draft.id == 1), 1, 2),
    "count": (lambda s: s.count(), 1, 2),
    "exists": (lambda s: s.exists(Draft.id == 1), 1, 2),
    "stream": (stream, 4, 5),
    "create": (lambda s: s.create(Draft(id=9, text="n")), 1, 2),
    "create_many": (lambda s: s.create_many([Draft(id=i, text="n") for i in (8, 9)]), 1, 2),
    "load": (lambda s: s.load([Draft(id=i, text="n") for i in (8, 9)]), 5, 6),
    "update": (lambda s: s.update(1, Draft(id=1, text="n")), 1, 2),
    "patch": (lambda s: s.patch(1, text="n"), 1, 2),
    "update_where": (lambda s: s.update_where(Draft.id < 3, {"text": "n"}), 1, 2),
    "upsert_many": (lambda s: s.upsert_many([Draft(id=i, text="n") for i in (1, 9)]), 1, 2),
    "delete": (lambda s: s.delete(1), 1, 2),
    "restore": (lambda s: s.restore(3), 1, 2),
    "purge": (lambda s: s.purge(1), 1, 2),
}


async def reset(witness: Any) -> None:
    """Drafts 1 and 2, and 3 which is deleted."""
    await witness.execute(
        "DELETE FROM drafts; INSERT INTO drafts (id, text, __is_active__)"
        " VALUES (1, 'old', true), (2, 'old', true), (3, 'old', false)"
    )


@pytest.fixture
async def open_driver(make_driver: MakeDriver, postgres_url: str, witness: Any) -> OpenDriver:
    """Opens a driver of one connection, with prepared statements or without; there are drafts."""
    await migrate({"dsn": postgres_url}, [Draft])
    await reset(witness)

    async def make(prepared_statements: bool) -> AsyncpgDriver:
        made = make_driver(max_connections=1, prepared_statements=prepared_statements)
        await made.open()
        return made

    return make


@pytest.fixture
def wire(proxy: Proxy) -> Wire:
    """Reads what a driver and the server say to each other, once it listens."""
    return Wire(proxy)


@pytest.mark.parametrize("name", CALLS)
async def test_call_lets_the_server_go_only_at_its_end(
    open_driver: OpenDriver, wire: Wire, name: str
) -> None:
    """Everything that it sends is one transaction, or part of one, to whom looks from between."""
    call, requests = CALLS[name]
    driver = await open_driver(False)
    wire.listen()
    async with driver.acquire() as connection:
        await call(connection)

    assert (wire.requests, wire.releases) == (requests, 1)
    assert wire.names <= {b""}


@pytest.mark.parametrize("prepared", [True, False], ids=["prepared", "unprepared"])
@pytest.mark.parametrize("name", VERBS)
async def test_verb_costs_so_many_round_trips(
    open_driver: OpenDriver, wire: Wire, witness: Any, name: str, *, prepared: bool
) -> None:
    """From the second time on, when its types are known."""
    verb, *costs = VERBS[name]
    driver = await open_driver(prepared)
    store = GenericStore(Database(driver), Draft)
    await verb(store)
    await reset(witness)
    wire.listen()
    await verb(store)

    assert (wire.round_trips, wire.releases) == (costs[not prepared], 1)
    assert prepared or wire.names <= {b""}
