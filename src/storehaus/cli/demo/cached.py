"""The cached part of the demo: the same rows, read from the database and out of the cache."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from storehaus.cli.demo.airport import MARK, Airport
from storehaus.cli.demo.tour import Tour
from storehaus.model import CacheParams, Field, Model, field
from storehaus.sql import QueryBuilder

__all__ = ["CachedAirport", "read_cached"]

_COUNTRY: Final = "DE"
_ROWS: Final = 200


class CachedAirport(
    Model,
    table="cached_airports",
    schema="storehaus_demo",
    comment=MARK,
    cache=CacheParams(ttl_seconds=300, tags=("country",), local=True),
):
    """An airport that is read much more often than it is written."""

    icao: Field[str] = field(primary_key=True)
    name: Field[str]
    country: Field[str]
    elevation: Field[float] = field(default=0.0)


async def read_cached(tour: Tour) -> None:
    """Read rows and a result out of the cache, and see a write at once."""
    cached, cache = tour.haus.store(CachedAirport), tour.haus.cache
    german = await tour.airports.find(
        QueryBuilder(Airport).filter(Airport.country == _COUNTRY).limit(_ROWS)
    )
    await cached.load(
        CachedAirport(
            icao=each.icao, name=each.name, country=each.country, elevation=each.elevation
        )
        for each in german
    )
    await tour.run("cache", f"wait until hits are served, {_where(tour)}", cache.ready())
    slow = await tour.run(
        "get", "from the database, one by one", _time(tour.airports.get, [a.id for a in german])
    )
    codes = [each.icao for each in german]
    await tour.run("get", "of a cached table, for the first time", _time(cached.get, codes))
    fast = await tour.run("get", "the same out of the cache", _time(cached.get, codes))
    tour.say(f"{1 / slow:,.0f} reads per second, {1 / fast:,.0f} out of the cache")

    of_country = QueryBuilder(CachedAirport).filter(CachedAirport.country == _COUNTRY)
    for what in ("by country, for the first time", "the same result out of the cache"):
        await tour.run("find", what, cached.find(of_country))
    await tour.run("patch", "a row that is kept", cached.patch(codes[0], name="Renamed"))
    tour.say(f"get gives {(await cached.get(codes[0])).name!r} at once")
    stats = await cache.stats()
    tour.say(
        f"{stats.hits:,} rows and {stats.query_hits:,} results were hits,"
        f" {stats.misses:,} reads were not ({stats.hit_rate:.0%} hits)"
    )


def _where(tour: Tour) -> str:
    if tour.redis is None:
        return "in this process: no --redis was given"
    return f"in this process and in {tour.redis}"


async def _time(get: Callable[[object], Awaitable[object]], ids: Sequence[object]) -> float:
    """Give the seconds that one read takes."""
    started = time.perf_counter()
    for each in ids:
        await get(each)
    return (time.perf_counter() - started) / max(len(ids), 1)
