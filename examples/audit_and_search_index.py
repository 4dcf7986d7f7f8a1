"""Durable subscriptions: a full-text index of 28,000 airports that stays in step, and an audit.

    pip install "storehaus[demo]"
    python examples/audit_and_search_index.py

Whoever writes airports, the event is written with the row and reaches both subscriptions. What
they write is in this database, so it happens in the transaction that keeps their place: once. The
airports come with the package `airportsdata`. It uses the PostgreSQL that `DATABASE_URL`, the
environment or `./storehaus.toml` names; without any of them it starts one of its own. Everything
happens in the schema `storehaus_examples`, whose tables are made anew at each start; the log of
events is in the schema `storehaus`.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import airportsdata

from storehaus import (
    ConfigurationError,
    DatabaseEvent,
    EventType,
    Field,
    GenericStore,
    Model,
    QueryBuilder,
    SignalError,
    StoreHaus,
    Transaction,
    field,
)

SEARCH, AUDIT = "airport search", "airport audit"
# What `matches` works out for every row, unless an index has it already.
MAKE_INDEX = """
CREATE INDEX search_entries_words ON storehaus_examples.search_entries
USING gin (to_tsvector('simple'::regconfig, words))
"""


class Airport(
    Model,
    table="watched_airports",
    schema="storehaus_examples",
    durable=True,
    event_exclude=("operator_phone",),
):
    """An airport; each of its writes is an event."""

    icao: Field[str] = field(primary_key=True)
    name: Field[str]
    city: Field[str] = field(default="")
    elevation: Field[float] = field(comment="feet above the sea")
    operator_phone: Field[str | None] = field(default=None, comment="in no event")


class SearchEntry(Model, table="search_entries", schema="storehaus_examples"):
    """What an airport can be found by; it is derived, nobody else writes it."""

    icao: Field[str] = field(primary_key=True)
    words: Field[str]


class AuditEntry(Model, table="audit_entries", schema="storehaus_examples"):
    """Who did what to an airport."""

    event: Field[str] = field(primary_key=True, comment="id of the event")
    icao: Field[str]
    actor: Field[str | None] = field(default=None)
    what: Field[str]


def configured_haus() -> StoreHaus:
    """Use the server that is configured; where nothing is, one of its own."""
    try:
        return StoreHaus.from_config()
    except ConfigurationError as error:
        if error.key is not None:  # there is a configuration, and it is wrong
            raise
        print("Nothing is configured, so an embedded PostgreSQL is started.")
        return StoreHaus.embedded()


def subscribe(haus: StoreHaus) -> None:
    """Declare who reads; of several processes that do, one works on each subscription."""
    entries, audit = haus.store(SearchEntry), haus.store(AuditEntry)

    @haus.subscription(SEARCH, Airport)
    async def index(events: Sequence[DatabaseEvent], tx: Transaction) -> None:
        del tx  # stores write in it by themselves
        # Events of one airport come in order: the last one says how it is.
        last = {event.record_id: event for event in events}
        gone = [icao for icao, event in last.items() if event.event_type is EventType.DELETE]
        await entries.delete_many(gone)
        await entries.upsert_many(
            SearchEntry(icao=icao, words=f"{icao} {event.payload['name']} {event.payload['city']}")
            for icao, event in last.items()
            if event.event_type is not EventType.DELETE
        )

    @haus.subscription(AUDIT, Airport)
    async def write_audit(events: Sequence[DatabaseEvent], tx: Transaction) -> None:
        del tx
        await audit.create_many(
            AuditEntry(
                event=event.id, icao=event.record_id, actor=event.actor, what=describe(event)
            )
            for event in events
        )


def describe(event: DatabaseEvent) -> str:
    """Say in a line what happened; times and versions of rows are no news."""
    news = {name: pair for name, pair in event.changes.items() if not name.startswith("__")}
    changes = ", ".join(f"{name} {old!r} → {new!r}" for name, (old, new) in news.items())
    return f"{event.event_type.value} {changes}".rstrip()


def read_airports() -> list[Airport]:
    """Read the airports of the package."""
    return [
        Airport(
            icao=record["icao"],
            name=record["name"],
            city=record["city"],
            elevation=record["elevation"],
        )
        for record in airportsdata.load("ICAO").values()
    ]


async def write(haus: StoreHaus, airports: GenericStore[Airport]) -> int:
    """Write by several doors; give the number of events."""
    rows = read_airports()
    with haus.actor("import"):
        number = await airports.load(rows)
    print(f"{number:,} airports loaded by COPY")

    with haus.actor("user:42"):
        await airports.patch("EDDF", name="Frankfurt Moonport", operator_phone="secret")
        await airports.delete("LFPG")
    with suppress(LookupError):
        async with haus.transaction():
            await airports.patch("EGLL", name="A name that nobody will ever hear of")
            raise LookupError("this transaction is rolled back")
    # Raw SQL, psql and programs in other languages: the event is written by the table itself.
    async with haus.connection() as connection:
        await connection.execute(
            "UPDATE storehaus_examples.watched_airports SET city = 'Nowhere' WHERE icao = 'KJFK'"
        )
    print("one renamed, one deleted, one changed by raw SQL, one change rolled back")
    return number + 3


async def wait_for(haus: StoreHaus, audit: GenericStore[AuditEntry], events: int) -> None:
    """Wait until both subscriptions are there and have got everything; each goes its own pace."""
    while True:
        lags = {each.name: each.lag_events for each in await haus.events.subscriptions()}
        is_there = {SEARCH, AUDIT} <= lags.keys()
        if is_there and not lags[SEARCH] and await audit.count() >= events:
            return
        await asyncio.sleep(0.05)


async def show(entries: GenericStore[SearchEntry], audit: GenericStore[AuditEntry]) -> None:
    """Search, and read the audit."""
    for search in ("moonport", "frankfurt -main", '"charles de gaulle"', "nowhere kennedy"):
        found = await entries.find(
            QueryBuilder(SearchEntry)
            .filter(SearchEntry.words.matches(search))
            .order_by(SearchEntry.words.match_rank(search).desc(), SearchEntry.icao)
            .limit(3)
        )
        print(f"\n{search}: {'; '.join(each.words for each in found) or 'nothing'}")
    print("\nThe audit, without the import")
    for entry in await audit.find(
        QueryBuilder(AuditEntry)
        .filter(AuditEntry.actor.is_distinct_from("import"))
        .order_by(AuditEntry.icao)
    ):
        print(f"  {entry.icao} {entry.actor or 'somebody'}: {entry.what}")


async def main() -> None:
    """Open, subscribe, write, and see what was derived."""
    async with configured_haus() as haus:
        await haus.auto_migrate(Airport, SearchEntry, AuditEntry, recreate=True)
        async with haus.connection() as connection:
            await connection.execute(MAKE_INDEX)
        for name in (SEARCH, AUDIT):
            with suppress(SignalError):  # there is none at the first start
                await haus.events.forget(name)
        subscribe(haus)
        # Who begins "now" hears of what comes after it has begun.
        await wait_for(haus, haus.store(AuditEntry), 0)
        events = await write(haus, haus.store(Airport))
        await wait_for(haus, haus.store(AuditEntry), events)
        await show(haus.store(SearchEntry), haus.store(AuditEntry))


if __name__ == "__main__":
    asyncio.run(main())
