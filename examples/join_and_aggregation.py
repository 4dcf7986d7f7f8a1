"""Queries: joins, groups, subqueries, windows, pages and streams over 28,000 real airports.

    pip install "storehaus[demo]"
    python examples/join_and_aggregation.py

The airports come with the package `airportsdata`. It uses the PostgreSQL that `DATABASE_URL`, the
environment or `./storehaus.toml` names; without any of them it starts one of its own. Everything
happens in the schema `storehaus_examples`, whose tables are made anew at each start.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal

import airportsdata
import msgspec

from storehaus import (
    ConfigurationError,
    Field,
    GenericStore,
    Index,
    Model,
    QueryBuilder,
    StoreHaus,
    alias,
    avg,
    case,
    cast,
    coalesce,
    count,
    count_distinct,
    cte,
    desc,
    exists_,
    field,
    max_,
    min_,
    optional,
    rank,
    scalar,
    string_agg,
)

# The twenty countries with the most airports, and five without any.
NAMES = {
    "US": "United States",
    "BR": "Brazil",
    "AU": "Australia",
    "CA": "Canada",
    "DE": "Germany",
    "FR": "France",
    "RU": "Russia",
    "VE": "Venezuela",
    "CL": "Chile",
    "ZA": "South Africa",
    "CN": "China",
    "CD": "DR Congo",
    "GB": "United Kingdom",
    "IN": "India",
    "ID": "Indonesia",
    "AR": "Argentina",
    "BO": "Bolivia",
    "PE": "Peru",
    "SE": "Sweden",
    "MX": "Mexico",
    "AD": "Andorra",
    "LI": "Liechtenstein",
    "MC": "Monaco",
    "SM": "San Marino",
    "VA": "Vatican City",
}


class Country(Model, table="countries", schema="storehaus_examples", soft_delete=True):
    """A country, by its ISO code; not all have a name here."""

    code: Field[str] = field(primary_key=True, min_length=2, max_length=2)
    name: Field[str | None] = field(default=None)


class Airport(
    Model,
    table="airports",
    schema="storehaus_examples",
    indexes=(Index("country", "elevation"), Index("elevation", "icao")),
):
    """An airport; its country is that of the table above."""

    icao: Field[str] = field(primary_key=True)
    iata: Field[str] = field(default="")
    name: Field[str]
    city: Field[str] = field(default="")
    country: Field[str] = field(references=Country.code)
    elevation: Field[float] = field(comment="feet above the sea")
    timezone: Field[str] = field(default="")


class CountryReport(msgspec.Struct):
    """A row of a projection, as a class of one's own."""

    country: str
    airports: int
    mean: float | None
    lowest: float | None
    highest: float | None


# Parts that several queries are made of.
COUNTRIES = QueryBuilder(Country)
AIRPORTS = QueryBuilder(Airport)
IS_THERE = Airport.country == Country.code
COUNTRY_NAME = coalesce(Country.name, Country.code)


def configured_haus() -> StoreHaus:
    """Use the server that is configured; where nothing is, one of its own."""
    try:
        return StoreHaus.from_config()
    except ConfigurationError as error:
        if error.key is not None:  # there is a configuration, and it is wrong
            raise
        print("Nothing is configured, so an embedded PostgreSQL is started.")
        return StoreHaus.embedded()


def show(title: str, headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table: numbers to the right, all else to the left."""
    given = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headers, *given, strict=True)]
    numeric = [all(_is_number(row[i]) for row in given) for i in range(len(headers))]
    print(f"\n{title}")
    for row in (headers, ["-" * width for width in widths], *given):
        cells = zip(row, widths, numeric, strict=True)
        print("  " + "  ".join(c.rjust(w) if n else c.ljust(w) for c, w, n in cells).rstrip())


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float | Decimal):
        return f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)[:48]


def _is_number(cell: str) -> bool:
    return cell == "-" or cell.lstrip("-").replace(",", "").isdigit()


async def load(countries: GenericStore[Country], airports: GenericStore[Airport]) -> None:
    """Load the countries that the data names, those of `NAMES`, and all airports."""
    records = list(airportsdata.load("ICAO").values())
    codes = {record["country"] for record in records} | NAMES.keys()
    await countries.load(Country(code=code, name=NAMES.get(code)) for code in sorted(codes))
    rows = (
        Airport(
            icao=record["icao"],
            iata=record["iata"],
            name=record["name"],
            city=record["city"],
            country=record["country"],
            elevation=record["elevation"],
            timezone=record["tz"],
        )
        for record in records
    )
    number = await airports.load(rows)
    print(f"{number:,} airports in {await countries.count()} countries are in the tables.")


async def join_and_group(countries: GenericStore[Country]) -> None:
    """LEFT JOIN keeps countries without airports: `count(column)` is 0 there, `count()` is not."""
    per_country = (
        COUNTRIES.join(Airport, on=IS_THERE, how="left")
        .select(
            COUNTRY_NAME.as_("country"),
            count(Airport.icao).as_("airports"),
            avg(Airport.elevation).as_("mean"),
            min_(Airport.elevation).as_("lowest"),
            max_(Airport.elevation).as_("highest"),
        )
        .group_by(Country.code)
    )
    largest = per_country.order_by(desc("airports")).limit(8)
    reports = await countries.select(largest, into=CountryReport)
    show(
        "Countries by airports (left join, group by, into a struct)",
        ("country", "airports", "mean ft", "lowest", "highest"),
        [(each.country, each.airports, each.mean, each.lowest, each.highest) for each in reports],
    )

    high = per_country.having(count(Airport.icao) > 50, avg(Airport.elevation) > 2500)
    rows = await countries.select(high.order_by(desc("mean")))
    show(
        "More than 50 airports, and 2,500 ft high on average (having)",
        ("country", "airports", "mean ft", "lowest", "highest"),
        rows,
    )


async def without_airports(countries: GenericStore[Country]) -> None:
    """NOT EXISTS finds rows without a partner, and is a query of whole models."""
    lonely = COUNTRIES.filter(~exists_(AIRPORTS.filter(IS_THERE))).order_by(Country.name)
    found = await countries.find(lonely)
    show("Countries without an airport (not exists)", ("code", "name"), map(_country, found))


def _country(country: Country) -> tuple[str, str | None]:
    return country.code, country.name


async def highest_of_each(airports: GenericStore[Airport]) -> None:
    """DISTINCT ON is for the first row of each group, a window for the first n."""
    highest = (
        AIRPORTS.filter(Airport.country.in_(["BO", "CH", "CN", "FR", "NP", "US"]))
        .distinct(Airport.country)
        .order_by(Airport.country, Airport.elevation.desc(), Airport.icao)
    )
    show(
        "The highest airport of some countries (distinct on)",
        ("country", "icao", "name", "feet"),
        [(a.country, a.icao, a.name, a.elevation) for a in await airports.find(highest)],
    )

    ranked = AIRPORTS.select(
        Airport.icao,
        rank()
        .over(partition_by=Airport.country, order_by=[Airport.elevation.desc(), Airport.icao])
        .as_("place"),
    ).as_("ranked")
    top_two = (
        AIRPORTS.join(ranked, on=ranked.column(Airport.icao) == Airport.icao)
        .filter(ranked["place"] <= 2, Airport.country.in_(["CH", "NP"]))
        .select(Airport.country, ranked["place"], Airport.name, Airport.elevation)
        .order_by(Airport.country, ranked["place"])
    )
    show(
        "The two highest of Switzerland and Nepal (rank over a window)",
        ("country", "place", "name", "feet"),
        await airports.select(top_two),
    )


async def elevation_bands(airports: GenericStore[Airport]) -> None:
    """CASE makes the groups, FILTER counts several things in one pass over the table."""
    band = case(
        (Airport.elevation < 0, "0  below the sea"),
        (Airport.elevation < 500, "1  below 500 ft"),
        (Airport.elevation < 2_000, "2  500 to 2,000 ft"),
        (Airport.elevation < 8_000, "3  2,000 to 8,000 ft"),
        else_="4  above 8,000 ft",
    )
    bands = (
        AIRPORTS.select(
            band.as_("band"),
            count().as_("airports"),
            count().filter(Airport.iata != "").as_("with_iata"),
            count().filter(Airport.timezone.startswith("Europe/")).as_("in_europe"),
            avg(Airport.elevation).as_("mean"),
        )
        .group_by("band")
        .order_by("band")
    )
    show(
        "Airports by elevation (case, filter)",
        ("band", "airports", "with IATA code", "in Europe", "mean ft"),
        await airports.select(bands),
    )


async def above_average(countries: GenericStore[Country]) -> None:
    """A common table expression is named twice here, and computed once."""
    sizes, again = cte("sizes"), cte("sizes").as_("again")
    mean = scalar(QueryBuilder.from_(again).select(avg(cast(again["n"], float))))
    share = (
        COUNTRIES.with_(
            "sizes",
            AIRPORTS.select(Airport.country, count().as_("n")).group_by(Airport.country),
        )
        .join(sizes, on=sizes.column(Airport.country) == Country.code)
        .filter(cast(sizes["n"], float) > mean * 5)
        .select(COUNTRY_NAME.as_("country"), sizes["n"], (sizes["n"] / mean).as_("times"))
        .order_by(desc("n"))
    )
    show(
        "More than five times the mean number of airports (CTE, scalar subquery)",
        ("country", "airports", "times the mean"),
        await countries.select(share),
    )


async def namesakes(airports: GenericStore[Airport]) -> None:
    """A self join needs an alias."""
    other = alias(Airport, "other")
    same = (other.name == Airport.name) & (other.icao > Airport.icao)
    twins = (
        AIRPORTS.join(other, on=same & (other.country != Airport.country))
        .filter(Airport.name.contains("International"))
        .select(Airport.name, Airport.country, other.country)
        .order_by(Airport.name, Airport.icao)
    )
    shared = (
        AIRPORTS.select(
            Airport.name,
            count().as_("n"),
            string_agg(Airport.country, " ", distinct=True).as_("countries"),
        )
        .group_by(Airport.name)
        .having(count_distinct(Airport.country) > 2)
        .order_by(desc("n"), "name")
        .limit(5)
    )
    show(
        "International airports with namesakes abroad (self join)",
        ("name", "in", "and in"),
        await airports.select(twins),
    )
    show(
        "Names in three countries or more (string_agg)",
        ("name", "n", "countries"),
        await airports.select(shared),
    )


async def search(airports: GenericStore[Airport]) -> None:
    """Full text search, as people type it."""
    asked = '"hot springs" -county'
    found = (
        AIRPORTS.join(Country, on=IS_THERE)
        .filter(Airport.name.matches(asked, config="english"))
        .select(Airport.icao, Airport.name, COUNTRY_NAME)
        .order_by(Airport.name.match_rank(asked, config="english").desc(), Airport.icao)
        .limit(5)
    )
    show(f"Search: {asked}", ("icao", "name", "country"), await airports.select(found))


async def pages(airports: GenericStore[Airport]) -> None:
    """Pages go on behind the last row of the one before, however far that is."""
    query = AIRPORTS.filter(Airport.country == "DE").order_by(Airport.elevation.desc())
    cursor: str | None = None
    rows: list[tuple[int, int, str, float]] = []
    for number in range(1, 4):
        page = await airports.page(query, size=100, after=cursor)
        first = page.items[0]
        rows.append((number, len(page.items), first.name, first.elevation))
        cursor = page.next
    show(
        "German airports from the highest down (keyset pages)",
        ("page", "rows", "begins with", "feet"),
        rows,
    )


async def stream(airports: GenericStore[Airport]) -> None:
    """A stream holds one batch in memory, and ends when the loop does."""
    words: Counter[str] = Counter()
    number = 0
    async with airports.stream(AIRPORTS.select(Airport.name), batch=1_000) as rows:
        async for (name,) in rows:
            number += 1
            words.update(word for word in name.split() if len(word) > 5)
    show(f"Words of {number:,} names (stream)", ("word", "times"), words.most_common(5))


async def closed_world(countries: GenericStore[Country], airports: GenericStore[Airport]) -> None:
    """A soft-deleted row takes part in no join; a left join keeps the row that has lost it."""
    nordic = (
        AIRPORTS.join(Country, on=IS_THERE, how="left")
        .filter(Airport.icao.in_(["ESSA", "EDDF"]))
        .select(Airport.name, optional(Country.name))
        .order_by(Airport.icao)
    )
    await countries.delete("SE")
    show("With Sweden deleted softly", ("airport", "country"), await airports.select(nordic))
    await countries.restore("SE")
    show("And restored", ("airport", "country"), await airports.select(nordic))


async def main() -> None:
    """Run all of it."""
    async with configured_haus() as haus:
        await haus.auto_migrate(Country, Airport, recreate=True)
        countries, airports = haus.store(Country), haus.store(Airport)

        await load(countries, airports)
        await join_and_group(countries)
        await without_airports(countries)
        await highest_of_each(airports)
        await elevation_bands(airports)
        await above_average(countries)
        await namesakes(airports)
        await search(airports)
        await pages(airports)
        await stream(airports)
        await closed_world(countries, airports)


if __name__ == "__main__":
    asyncio.run(main())
