"""What queries and transactions can do, one function per step."""

from typing import Final

from storehaus.cli.demo.airport import Airport
from storehaus.cli.demo.tour import Tour
from storehaus.errors import CheckViolation
from storehaus.expr.aggregates import avg, count, max_
from storehaus.expr.windows import rank
from storehaus.query import desc
from storehaus.sql import QueryBuilder

__all__ = ["group", "page", "stream", "transact"]

_HIGH_FEET: Final = 3000
_FAR_SOUTH: Final = -45.0


async def group(tour: Tour) -> None:
    """Count, average and rank; rows of a projection have names."""
    by_country = (
        QueryBuilder(Airport)
        .select(
            Airport.country,
            count().as_("airports"),
            count().filter(Airport.iata != "").as_("with_iata"),
            avg(Airport.elevation).as_("mean_ft"),
            max_(Airport.elevation).as_("highest_ft"),
        )
        .group_by(Airport.country)
        .order_by(desc("airports"))
        .limit(5)
    )
    rows = await tour.run("select", "countries by airports", tour.airports.select(by_country))
    tour.show_rows(rows)
    place = rank().over(partition_by=Airport.country, order_by=Airport.elevation.desc())
    ranked = QueryBuilder(Airport).select(Airport.country, Airport.name, place.as_("place"))
    ranks = ranked.as_("ranked")
    highest = (
        QueryBuilder.from_(ranks)
        .select(ranks.column(Airport.country), ranks.column(Airport.name))
        .filter(ranks["place"] == 1, ranks.column(Airport.country).in_(["CH", "NP", "PE"]))
        .order_by(ranks.column(Airport.country))
    )
    tour.show_rows(
        await tour.run("select", "the highest by a window", tour.airports.select(highest))
    )


async def page(tour: Tour) -> None:
    """Go through a long list by key: a late page costs what the first one costs."""
    query = QueryBuilder(Airport).order_by(Airport.country, Airport.name)
    first = await tour.run("page", "the first 500 by country", tour.airports.page(query, size=500))
    following = tour.airports.page(query, size=500, after=first.next)
    second = await tour.run("page", "the next 500, by a signed cursor", following)
    tour.say(f"from {second.items[0].country} {second.items[0].name!r} on")


async def stream(tour: Tour) -> None:
    """Read all rows in bounded memory, from a cursor on the server."""
    high = await tour.run("stream", "all airports, 500 at a time", _count_high(tour))
    tour.say(f"{high:,} of them lie above {_HIGH_FEET:,} ft")


async def transact(tour: Tour) -> None:
    """Several verbs are one: what fails takes the rest with it."""
    refusal = await tour.expect(
        CheckViolation, "transaction", "the second write fails", _move_too_far(tour)
    )
    moved = await tour.airports.count_where(Airport.lat == _FAR_SOUTH)
    tour.say(f"CheckViolation: {refusal.constraint}; {moved} airports were moved")


async def _count_high(tour: Tour) -> int:
    high = 0
    async with tour.airports.stream(QueryBuilder(Airport)) as rows:
        async for airport in rows:
            high += airport.elevation > _HIGH_FEET
    return high


async def _move_too_far(tour: Tour) -> None:
    icelandic = Airport.country == "IS"
    async with tour.haus.transaction():
        await tour.airports.update_where(icelandic, {Airport.lat: _FAR_SOUTH})
        await tour.airports.update_where(icelandic, {Airport.lat: Airport.lat * 3})
