"""What a store can do, one function per step; each works on its own."""

from typing import Final

from storehaus.cli.demo.airport import Airport, read_airports
from storehaus.cli.demo.cached import read_cached
from storehaus.cli.demo.followed import follow_events
from storehaus.cli.demo.queries import group, page, stream, transact
from storehaus.cli.demo.tour import Tour
from storehaus.errors import UniqueViolation, ValidationError
from storehaus.sql import QueryBuilder

__all__ = ["STEPS"]

_HUBS: Final = ("ATL", "DXB", "FRA", "HND", "LHR")
_HIGH_FEET: Final = 3000
# Real codes have four characters.
_ONE: Final = "DEMO-1"
_OTHER: Final = "DEMO-2"


async def load(tour: Tour) -> None:
    """Load all airports by COPY: one transaction, bounded memory."""
    airports = read_airports()
    with tour.watch(airports) as rows:
        await tour.run("load", "airports of the whole world by COPY", tour.airports.load(rows))
    tour.say(f"{await tour.airports.count():,} airports are in the table")


async def create(tour: Tour) -> None:
    """Create one row; the store fills id, times and tags."""
    airport = _invent(_ONE, name="Storehaus Field", runways=["07/25", "18/36"])
    stored = await tour.run(
        "create", "one airport, with a tag", tour.airports.create(airport, tags=["invented"])
    )
    tour.say(f"stored as {stored.id}, tags {stored.__tags__}, at {stored.__created_at__:%X %Z}")


async def create_many(tour: Tour) -> None:
    """Create a batch: one statement, given back in order."""
    batch = [_invent(f"BATCH-{number:03}") for number in range(500)]
    stored = await tour.run(
        "create_many", "500 airports at once", tour.airports.create_many(batch, tags=["invented"])
    )
    tour.say(f"the first is {stored[0].icao}, the last is {stored[-1].icao}")


async def find(tour: Tour) -> None:
    """Find rows by conditions, sorted and limited."""
    highest = (
        QueryBuilder(Airport)
        .filter((Airport.country == "CH") & (Airport.elevation > _HIGH_FEET))
        .order_by(Airport.elevation.desc())
        .limit(5)
    )
    tour.show(await tour.run("find", "the highest of Switzerland", tour.airports.find(highest)))
    by_code = (Airport.iata.in_(["FRA", "MUC"])) | (Airport.city == "Reykjavik")
    tour.show(await tour.run("find", "by code or city", tour.airports.find(by_code)))
    german = Airport.country == "DE"
    number = await tour.run("count_where", "in Germany", tour.airports.count_where(german))
    tour.say(f"{number:,} airports")


async def tag(tour: Tour) -> None:
    """Tag rows, and find them by their tags."""
    hubs = Airport.iata.in_(_HUBS)
    await tour.run(
        "update_where", "tag five hubs", tour.airports.update_where(hubs, {}, tags=["hub"])
    )
    tagged = QueryBuilder(Airport).filter_by_tag("hub").order_by(Airport.name)
    tour.show(await tour.run("find", "by the tag 'hub'", tour.airports.find(tagged)))


async def change(tour: Tour) -> None:
    """Change one row: some fields by value or expression, or all of them by a model."""
    airport = await tour.run("find_one", "by a unique code", _find(tour, _ONE))
    patched = await tour.run(
        "patch",
        "elevation + 100, in the database",
        tour.airports.patch(airport.id, {Airport.elevation: Airport.elevation + 100}),
    )
    tour.say(f"{airport.elevation:g} ft became {patched.elevation:g} ft")
    patched.name = "Storehaus International"
    updated = await tour.run(
        "update", "the name, from a model", tour.airports.update(patched.id, patched)
    )
    tour.say(f"renamed to {updated.name!r}, tags are still {updated.__tags__}")


async def upsert(tour: Tour) -> None:
    """Insert or update by a unique field, in one atomic statement."""
    for icao in (_ONE, _OTHER):
        airport = _invent(icao, name="Storehaus Upserted")
        result = await tour.run(
            "upsert", f"{icao} on its code", tour.airports.upsert(airport, on=(Airport.icao,))
        )
        tour.say(f"{icao} was {'inserted' if result.inserted else 'updated'}")


async def delete_and_restore(tour: Tour) -> None:
    """Delete softly, and bring back."""
    airport = await _find(tour, _OTHER)
    await tour.run("delete", "softly: the row stays", tour.airports.delete(airport.id))
    tour.say(f"get_by_id gives {await tour.airports.get_by_id(airport.id)}")
    deleted = QueryBuilder(Airport).only_deleted()
    tour.show(await tour.run("find", "only_deleted()", tour.airports.find(deleted)))
    restored = await tour.run("restore", "brings it back", tour.airports.restore(airport.id))
    tour.say(f"{restored.icao} is back since {restored.__updated_at__:%X %Z}")


async def write_by_query(tour: Tour) -> None:
    """Update and delete all rows that a query finds."""
    batch = Airport.icao.startswith("BATCH-")
    moved = await tour.run(
        "update_where", "move the batch", tour.airports.update_where(batch, {Airport.lat: 47.0})
    )
    tour.say(f"{len(moved)} airports moved to latitude {moved[0].lat:g}")
    deleted = await tour.run("delete_where", "delete it", tour.airports.delete_where(batch))
    tour.say(f"{len(deleted)} airports deleted, {await tour.airports.count():,} are left")


async def refuse_duplicates(tour: Tour) -> None:
    """A row that is there already is a typed error; a batch with one bad row leaves none."""
    twin = _invent("EDDF", name="A second Frankfurt")
    refusal = await tour.expect(
        UniqueViolation, "create", "a duplicate: refused", tour.airports.create(twin)
    )
    tour.say(f"UniqueViolation: {refusal}")
    tour.say(
        f"fields {refusal.fields}, constraint {refusal.constraint}, SQLSTATE {refusal.sqlstate}"
    )
    batch = [*(_invent(f"BAD-{number:03}") for number in range(300)), twin]
    refusal = await tour.expect(
        UniqueViolation,
        "create_many",
        "one bad row: none is kept",
        tour.airports.create_many(batch),
    )
    kept = await tour.airports.count_where(Airport.icao.startswith("BAD-"))
    tour.say(f"UniqueViolation in row {refusal.row_index}; {kept} of the batch are in the table")


async def refuse_invalid(tour: Tour) -> None:
    """A value that does not fit its field is refused before any SQL is sent."""
    refusal = await tour.expect(
        ValidationError,
        "create",
        "a latitude of 91: refused",
        tour.airports.create(_invent("DEMO-3", lat=91.0)),
    )
    tour.say(f"ValidationError: {refusal}")


STEPS: Final = (
    load,
    create,
    create_many,
    find,
    group,
    page,
    stream,
    tag,
    change,
    upsert,
    delete_and_restore,
    write_by_query,
    refuse_duplicates,
    refuse_invalid,
    transact,
    read_cached,
    follow_events,
)
"""The steps in the order of the demo."""


def _invent(
    icao: str, *, name: str = "Nowhere Field", lat: float = 50.1, runways: list[str] | None = None
) -> Airport:
    return Airport(
        icao=icao, name=name, country="DE", elevation=360, lat=lat, lon=8.7, runways=runways or []
    )


async def _find(tour: Tour, icao: str) -> Airport:
    airport = await tour.airports.find_one(Airport.icao == icao)
    if airport is None:
        raise LookupError(icao)
    return airport
