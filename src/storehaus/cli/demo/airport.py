"""The model of the demo, and the 28,000 rows that it starts with."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from storehaus.model import Field, Index, Model, Unique, field, uuid7

__all__ = ["MARK", "Airport", "make_airport", "read_airports"]

MARK: Final = "made by `storehaus demo`, which recreates it at every run"
"""Comment of the table, by which the demo knows it again."""


class Airport(
    Model,
    table="airports",
    schema="storehaus_demo",
    comment=MARK,
    soft_delete=True,
    indexes=(Index("country", "city"), Unique("iata", where="iata <> ''")),
):
    """An airport."""

    id: Field[UUID] = field(primary_key=True, default_factory=uuid7)
    icao: Field[str] = field(unique=True, update=False)
    iata: Field[str] = field(default="")
    name: Field[str] = field(index=True, max_length=200)
    country: Field[str]
    city: Field[str | None] = field(default=None)
    elevation: Field[float] = field(comment="feet above the sea")
    lat: Field[float] = field(ge=-90, le=90)
    lon: Field[float] = field(ge=-180, le=180)
    runways: Field[list[str]] = field(default_factory=list[str])
    extra: Field[dict[str, object]] = field(default_factory=dict[str, object])
    checked_at: Field[datetime | None] = field(create=False, default=None)


def read_airports() -> list[Airport]:
    """Read the airports of the package `airportsdata`."""
    import airportsdata  # noqa: PLC0415 - comes with the extra `demo`

    return [make_airport(record) for record in airportsdata.load("ICAO").values()]


def make_airport(record: Mapping[str, Any]) -> Airport:
    """Make a model of one record of `airportsdata`; what has no column of its own is `extra`."""
    extra = {"region": record["subd"], "timezone": record["tz"], "local_code": record["lid"]}
    return Airport(
        icao=record["icao"],
        iata=record["iata"],
        name=record["name"],
        country=record["country"],
        city=record["city"] or None,
        elevation=record["elevation"],
        lat=record["lat"],
        lon=record["lon"],
        extra={key: value for key, value in extra.items() if value},
    )
