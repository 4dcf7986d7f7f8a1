"""create_from: rows that the database makes of others."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from fix_haus import Article, Author, Book, Keyword, LogLine, Mood, Recorder, Ticket
from fix_verbs import City, Copy, Country, Every, Reading, Shade, Station, Tally, city
from storehaus import (
    Change,
    CheckViolation,
    ForeignKeyViolation,
    GenericStore,
    NotNullViolation,
    Operation,
    QueryBuilder,
    QueryError,
    StoreHaus,
    UniqueViolation,
    UpdateSet,
    ValidationError,
    case,
    cast,
    count,
    cte,
    desc,
    exists_,
    func,
    literal,
    max_,
    row_number,
    scalar,
    sum_,
    uuid7,
)
from storehaus.store import Database
from storehaus.testing import CountingDriver, FakeDriver

pytestmark = pytest.mark.anyio

NEW_ID = func.gen_random_uuid(returns=UUID).as_("id")
MOMENT = datetime(2024, 2, 29, 12, 30, tzinfo=UTC)


class Stop(Exception):  # noqa: N818 - it ends a block, which is no error
    """Leaves a block."""


async def cities(haus: StoreHaus, number: int = 9) -> None:
    """Countries, of which CH is deleted, and cities in turn, of which 4 is deleted."""
    countries, store = haus.store(Country), haus.store(City)
    await countries.create_many([Country(code=c, name=c.lower()) for c in ("DE", "FR", "CH")])
    await store.create_many([city(i) for i in range(number)])
    await countries.delete("CH")
    await store.delete(4)


async def test_rows_are_given_as_stored(verbs: StoreHaus) -> None:
    """Exactly the rows that were made, with what the database filled in."""
    store = verbs.store(Copy)
    await store.create(Copy(title="other"))
    await cities(verbs)
    query = QueryBuilder(City).filter(City.people > 30).select(NEW_ID, City.name.as_("title"))

    made = await store.create_from(query, tags=["made", "it's"])

    assert sorted(row.title for row in made) == ["c5", "c6", "c7", "c8"]
    stored = await store.find(QueryBuilder(Copy).filter_by_tag("made"))
    assert {row.id: row for row in stored} == {row.id: row for row in made}
    assert len({row.id for row in made}) == 4
    assert {(row.kind, row.state, row.note, row.version) for row in made} == {
        ("copy", "new", None, 1)
    }
    for row in made:
        assert (row.parts, row.__tags__, row.__is_active__) == ([], ["made", "it's"], True)
        assert row.__created_at__ == row.__updated_at__
    assert await store.count() == 5


async def test_nothing_makes_nothing(verbs: StoreHaus) -> None:
    """A query without rows is no error; no tags are no tags."""
    store = verbs.store(Copy)
    query = QueryBuilder(City).select(NEW_ID, City.name.as_("title"))

    assert await store.create_from(query) == []
    await verbs.store(City).create(city(1))
    assert [row.__tags__ for row in await store.create_from(query)] == [[]]


async def test_every_type_is_carried_over(verbs: StoreHaus) -> None:
    """Enums, arrays of them, JSON, exact numbers, moments: as they were."""
    source = Every(
        name="n",
        price=Decimal("1234567890.25"),
        shade=Shade.BLUE,
        words=["a", 'b"{},\\', "NULL", ""],
        shades=[Shade.BLUE, Shade.RED],
        doc={"a": [1, {"b": None}], "é": "'\\"},
        at=MOMENT,
    )
    await verbs.store(Every).create(source)
    every, copies = QueryBuilder(Every), verbs.store(Copy)

    (made,) = await copies.create_from(
        every.select(
            Every.id,
            Every.name.as_("title"),
            Every.price.as_("total"),
            Every.shade,
            Every.words,
            Every.shades,
            Every.doc,
            Every.at,
        )
    )
    again = await verbs.store(Every).create_from(
        every.select(
            NEW_ID,
            *(getattr(Every, column.name) for column in Every.__table_info__.columns[1:-4]),
        )
    )

    for name in ("id", "shade", "words", "shades", "doc", "at"):
        assert getattr(made, name) == getattr(source, name), name
    assert (made.title, made.total) == ("n", source.price)
    for column in Every.__table_info__.columns[1:-4]:
        if column.name != "id":
            assert getattr(again[0], column.name) == getattr(source, column.name), column.name


async def test_values_and_expressions(verbs: StoreHaus) -> None:
    """Literals are parameters, of enums, arrays, documents and dates too."""
    await cities(verbs, 3)
    hostile = "'; DROP TABLE verbs.copies; --"
    query = QueryBuilder(City).filter(City.id == 1)

    (made,) = await verbs.store(Copy).create_from(
        query.select(
            NEW_ID,
            (City.name + "!").as_("title"),
            literal(hostile).as_("note"),
            literal(Shade.BLUE).as_("shade"),
            literal(["a", "b"]).as_("words"),
            literal([Shade.RED]).as_("shades"),
            literal({"a": 1}).as_("doc"),
            literal(MOMENT).as_("at"),
            cast(City.people, Decimal).as_("total"),
            case((City.people > 5, "large"), else_="small").as_("kind"),
        )
    )

    assert (made.title, made.note, made.kind, made.total) == ("c1!", hostile, "large", Decimal(10))
    assert (made.shade, made.words, made.shades) == (Shade.BLUE, ["a", "b"], [Shade.RED])
    assert (made.doc, made.at) == ({"a": 1}, MOMENT)


async def test_groups_become_rows(verbs: StoreHaus) -> None:
    """Joins, aggregates and HAVING; deleted rows take part nowhere, unless it is asked."""
    await cities(verbs)
    store = verbs.store(Tally)
    query = (
        QueryBuilder(City)
        .join(Country, on=Country.code == City.country)
        .group_by(City.country)
        .select(
            City.country,
            count().as_("cities"),
            sum_(City.people).as_("people"),
            max_(City.name).as_("largest"),
        )
    )

    made = await store.create_from(query.having(count() > 1).order_by(desc("people")))
    assert [(row.country, row.cities, row.people, row.largest) for row in made] == [
        ("DE", 3, 90, "c6"),
        ("FR", 2, 80, "c7"),
    ]
    (deleted,) = await store.create_from(query.with_deleted().filter(City.country == "CH"))
    assert (deleted.cities, deleted.people) == (3, 150)


async def test_other_shapes_of_queries(verbs: StoreHaus) -> None:
    """Unions, common table expressions, derived sources, windows, subqueries, locks, limits."""
    await cities(verbs)
    store = verbs.store(Tally)
    base = QueryBuilder(City)
    totals = base.group_by(City.country).select(City.country, count().as_("n")).as_("totals")
    big = cte("big", City)
    numbered = base.select(City.name, row_number().over(order_by=City.id.desc()).as_("n"))
    ranked = numbered.as_("ranked")
    queries = {
        "union": base.filter(City.id == 0)
        .select(City.name.as_("country"), City.id.as_("cities"), City.people)
        .union_all(base.filter(City.id == 1).select(City.name, City.id, City.people)),
        "derived": QueryBuilder.from_(totals).select(
            totals["country"], totals["n"].as_("cities"), literal(0).as_("people")
        ),
        "cte": QueryBuilder(big)
        .with_("big", base.filter(City.people > 60))
        .select(("cte " + big.name).as_("country"), big.id.as_("cities"), big.people),
        "window": QueryBuilder.from_(ranked)
        .filter(ranked["n"] < 3)
        .select(
            cast("window " + ranked["name"], str).as_("country"),
            ranked["n"].as_("cities"),
            literal(1).as_("people"),
        ),
        "scalar": base.order_by(City.id)
        .limit(1)
        .offset(2)
        .select(
            literal("scalar").as_("country"),
            City.id.as_("cities"),
            scalar(base.select(sum_(City.people))).as_("people"),
        ),
        "exists": base.filter(
            exists_(QueryBuilder(Country).filter(Country.code == City.country)), City.id < 4
        )
        .distinct(City.country)
        .select(("e" + City.country).as_("country"), City.id.as_("cities"), City.people),
        "locked": base.filter(City.id == 8)
        .for_update()
        .select(literal("locked").as_("country"), City.id.as_("cities"), City.people),
    }

    made = {name: await store.create_from(query) for name, query in queries.items()}

    got = {name: {(r.country, r.cities, r.people) for r in rows} for name, rows in made.items()}
    assert got == {
        "union": {("c0", 0, 0), ("c1", 1, 10)},
        "derived": {("DE", 3, 0), ("FR", 2, 0), ("CH", 3, 0)},
        "cte": {("cte c7", 7, 70), ("cte c8", 8, 80)},
        "window": {("window c8", 1, 1), ("window c7", 2, 1)},
        "scalar": {("scalar", 2, 320)},
        "exists": {("eDE", 0, 0), ("eFR", 1, 10)},
        "locked": {("locked", 8, 80)},
    }


async def test_deleted_sources_are_left_out(verbs: StoreHaus) -> None:
    """Alone, as one side of a join, and in subqueries; with_deleted sees them."""
    await cities(verbs)
    store = verbs.store(Copy)
    query = QueryBuilder(City).select(NEW_ID, City.name.as_("title"))

    plain = await store.create_from(query)
    joined = await store.create_from(query.join(Country, on=Country.code == City.country))
    asked = await store.create_from(query.only_deleted())

    assert sorted(row.title for row in plain) == [f"c{i}" for i in (0, 1, 2, 3, 5, 6, 7, 8)]
    assert sorted(row.title for row in joined) == ["c0", "c1", "c3", "c6", "c7"]
    assert [row.title for row in asked] == ["c4"]
    assert all(row.__is_active__ for row in asked)


async def test_of_the_table_itself(verbs: StoreHaus) -> None:
    """A table can be copied into itself: the query sees what was there before."""
    store = verbs.store(City)
    await store.create_many([city(i) for i in range(3)])

    made = await store.create_from(
        QueryBuilder(City).select(
            (City.id + 10).as_("id"), City.country, City.name, (City.people * 2).as_("people")
        )
    )

    assert {(row.id, row.people) for row in made} == {(10, 0), (11, 20), (12, 40)}
    assert await store.count() == 6


async def test_labels_are_names_of_fields(haus: StoreHaus) -> None:
    """Not of columns; words of SQL are names like others."""
    await haus.store(Ticket).create_many([Ticket(title="t")])
    query = QueryBuilder(Ticket)
    store = haus.store(Keyword)

    (made,) = await store.create_from(
        query.select(
            literal(7).as_("select"),
            Ticket.title.as_("where"),
            Ticket.state.as_("group"),
            Ticket.weight.as_("camel"),
        )
    )

    assert (made.select, made.where, made.group, made.camel) == (7, "t", "open", 7)
    with pytest.raises(QueryError, match="no field 'from'"):
        await store.create_from(
            query.select(
                literal(8).as_("select"), Ticket.title.as_("where"), Ticket.state.as_("from")
            )
        )


async def test_server_makes_identities_and_flags(haus: StoreHaus) -> None:
    """A key that is counted up, a flag of the model's own, and no key at all."""
    await haus.store(Ticket).create_many([Ticket(title=t) for t in "ab"])
    query = QueryBuilder(Ticket)

    tickets = await haus.store(Ticket).create_from(query.select(Ticket.title))
    articles = await haus.store(Article).create_from(
        query.filter(Ticket.id.in_([row.id for row in tickets])).select(
            NEW_ID, Ticket.title.as_("slug")
        )
    )
    lines = await haus.store(LogLine).create_from(
        query.select(Ticket.title.as_("level"), Ticket.state.as_("text"))
    )

    assert sorted(row.title for row in tickets) == ["a", "b"]
    assert len({row.id for row in tickets}) == 2
    assert {(row.slug, row.visible, tuple(row.tags)) for row in articles} == {
        ("a", True, ()),
        ("b", True, ()),
    }
    assert len(lines) == 4


@pytest.mark.parametrize("in_transaction", [False, True])
async def test_conflicts_stop_all_or_are_passed_over(
    verbs_driver: CountingDriver, *, in_transaction: bool
) -> None:
    """Without skip_conflicts none is stored; with it the others are, and only they are told."""
    plugin = Recorder(in_transaction=in_transaction)
    store = GenericStore(Database(verbs_driver, [plugin]), Reading)
    await GenericStore(Database(verbs_driver), City).create_many([city(i) for i in range(4)])
    await store.create(Reading(id=2, text="old"))
    plugin.events.clear()
    query = QueryBuilder(City).select(City.id, City.name.as_("text"))

    with pytest.raises(UniqueViolation) as caught:
        await store.create_from(query)
    assert (caught.value.fields, caught.value.row_index) == (("id",), None)
    assert plugin.outcomes == []
    assert await store.count() == 1
    made = await store.create_from(query, skip_conflicts=True, tags=["new"])

    assert {row.id for row in made} == {0, 1, 3}
    (outcome,) = plugin.outcomes
    assert (outcome.count, outcome.models, outcome.inserted) == (3, made, None)
    assert outcome.change.operation is Operation.CREATE
    assert (await store.get(2)).text == "old"
    assert await store.create_from(query, skip_conflicts=True) == []


async def test_skipping_looks_at_every_unique_index(verbs: StoreHaus) -> None:
    """Also at those between the rows themselves."""
    await verbs.store(City).create_many([city(i) for i in range(4)])
    store = verbs.store(Station)
    query = QueryBuilder(City).select(City.id, cast(City.id % 2, Decimal).as_("serial"))

    made = await store.create_from(query, skip_conflicts=True)

    assert sorted(row.serial for row in made if row.serial is not None) == [0, 1]


async def test_what_the_database_refuses(verbs: StoreHaus, haus: StoreHaus) -> None:
    """Bounds, NULL, references: a typed error that names the fields, and nothing is stored."""
    await verbs.store(Every).create_many([Every(name="x" * 30), Every(name="ok")])
    copies, books = verbs.store(Copy), haus.store(Book)
    query = QueryBuilder(Every)

    with pytest.raises(CheckViolation):
        await copies.create_from(query.select(NEW_ID, Every.name.as_("title")))
    with pytest.raises(NotNullViolation) as missing:
        await copies.create_from(query.select(NEW_ID, Every.word.as_("title")))
    assert missing.value.fields == ("title",)
    with pytest.raises(ForeignKeyViolation) as foreign:
        await books.create_from(
            query.limit(1).select(
                literal(1).as_("id"), literal(99).as_("author_id"), Every.name.as_("title")
            )
        )
    assert foreign.value.fields == ("author_id",)
    assert (await copies.count(), await books.count()) == (0, 0)


async def test_hooks_see_the_query_and_may_alter_it(verbs_driver: CountingDriver) -> None:
    """before_create gets a change that carries the projection; what it makes of it is run."""
    seen: list[Change[Copy]] = []

    class Copies(GenericStore[Copy]):
        async def before_create(self, change: Change[Copy]) -> None:
            seen.append(change)
            assert change.query is not None
            change.query = change.query.filter(City.people > 10)
            change.tags = ["hooked"]

    await GenericStore(Database(verbs_driver), City).create_many([city(i) for i in range(4)])
    store = Copies(Database(verbs_driver))
    query = QueryBuilder(City).select(NEW_ID, City.name.as_("title"))

    made = await store.create_from(query, tags=["given"])

    (change,) = seen
    assert (change.operation, change.models, change.ids) == (Operation.CREATE, None, None)
    assert sorted(row.title for row in made) == ["c2", "c3"]
    assert {tuple(row.__tags__) for row in made} == {("hooked",)}


async def test_altered_queries_are_checked_again(verbs_driver: CountingDriver) -> None:
    """A hook cannot smuggle in what would be refused, and may refuse itself."""

    class Careless(GenericStore[Copy]):
        async def before_create(self, change: Change[Copy]) -> None:
            change.query = QueryBuilder(City).select(City.id, City.name.as_("title"))

    class Refusing(GenericStore[Copy]):
        async def before_create(self, change: Change[Copy]) -> None:
            raise PermissionError("no")

    query = QueryBuilder(City).select(NEW_ID, City.name.as_("title"))
    with pytest.raises(QueryError, match="bigint is no uuid"):
        await Careless(Database(verbs_driver)).create_from(query)
    with pytest.raises(PermissionError):
        await Refusing(Database(verbs_driver)).create_from(query)
    assert verbs_driver.calls == []


@pytest.mark.parametrize("in_transaction", [False, True])
async def test_plugins_see_every_stage_and_may_undo(
    verbs_driver: CountingDriver, *, in_transaction: bool
) -> None:
    """Before, after, after_commit with the exact rows; raising in the transaction undoes it."""

    class Failing(Recorder):
        async def after(self, outcome: Any, connection: Any) -> None:
            raise Stop

    plain = Database(verbs_driver)
    await GenericStore(plain, City).create_many([city(i) for i in range(3)])
    query = QueryBuilder(City).select(NEW_ID, City.name.as_("title"))
    plugin = Recorder(in_transaction=in_transaction)

    made = await GenericStore(Database(verbs_driver, [plugin]), Copy).create_from(query)
    with pytest.raises(Stop):
        await GenericStore(
            Database(verbs_driver, [Failing(in_transaction=True)]), Copy
        ).create_from(query)

    wanted = ["before", "after", "after_commit"]
    assert plugin.stages == (wanted if in_transaction else ["before", "after_commit"])
    assert plugin.outcomes[0].models == made
    assert await GenericStore(plain, Copy).count() == 3


async def test_within_a_transaction(verbs: StoreHaus) -> None:
    """Joined, rolled back with it, and an error in a savepoint leaves the block alive."""
    store = verbs.store(Reading)
    await verbs.store(City).create_many([city(i) for i in range(3)])
    query = QueryBuilder(City).select(City.id, City.name.as_("text"))

    try:
        async with verbs.transaction():
            assert len(await store.create_from(query)) == 3
            raise Stop  # noqa: TRY301 - it ends the block inside
    except Stop:
        assert await store.count() == 0
    async with verbs.transaction():
        await store.create_from(query)
        with pytest.raises(UniqueViolation):
            async with verbs.transaction():
                await store.create_from(query)
        assert await store.create_from(query, skip_conflicts=True) == []
    assert await store.count() == 3


async def test_bulk_door_makes_what_the_single_door_makes(verbs: StoreHaus) -> None:
    """The same rows as creating each of them, but for times."""
    await cities(verbs)
    by_one = verbs.store(Reading)
    query = QueryBuilder(City).select(City.id, City.people.as_("value"), City.name.as_("text"))
    rows = await verbs.store(City).find(QueryBuilder(City))
    singles = [
        await by_one.create(Reading(id=c.id, value=c.people, text=c.name), tags=["t"]) for c in rows
    ]
    for single in singles:
        await by_one.purge(single.id)

    made = await by_one.create_from(query, tags=["t"])

    names = ("id", "value", "seen_at", "hits", "text", "version", "__tags__", "__is_active__")
    assert sorted(tuple(getattr(r, n) for n in names) for r in made) == sorted(
        tuple(getattr(r, n) for n in names) for r in singles
    )


async def test_one_round_trip(verbs_driver: CountingDriver) -> None:
    """One statement makes any number of rows, whatever their number."""
    await GenericStore(Database(verbs_driver), City).load(city(i) for i in range(3_000))
    verbs_driver.reset()

    made = await GenericStore(Database(verbs_driver), Reading).create_from(
        QueryBuilder(City).select(City.id, City.name.as_("text"))
    )

    assert len(made) == 3_000
    assert [call.kind for call in verbs_driver.calls] == ["fetch"]


CITY = QueryBuilder(City)
REFUSED: list[tuple[Any, str]] = [
    (CITY, "a projection is needed"),
    (City, "a projection is needed"),
    (City.id > 3, "a projection is needed"),
    (None, "a projection is needed"),
    ("SELECT 1", "a projection is needed"),
    (UpdateSet(), "a projection is needed"),
    (CITY.models(), "has no field 'cities'"),
    (CITY.select(City), "has no field"),
    (CITY.select(City.id, City.country), "has no field 'id'|bigint is no uuid"),
    (CITY.select(NEW_ID), "title needs a value"),
    (CITY.select(City.name.as_("title")), "id is made by Python|id needs a value"),
    (CITY.select(NEW_ID, City.name), "no field 'name'"),
    (CITY.select(NEW_ID, City.name.as_("headline")), "no field 'headline'"),
    (CITY.select(NEW_ID, City.id.as_("title")), "bigint is no text"),
    (CITY.select(City.id, City.name.as_("title")), "bigint is no uuid"),
    (CITY.select(NEW_ID, City.name.as_("title"), City.name.as_("title")), "same label"),
    (CITY.select(NEW_ID, City.name.as_("title"), City.id.as_("checked")), "not given on create"),
    (CITY.select(NEW_ID, City.name.as_("title"), City.id.as_("version")), "not given on create"),
    (
        CITY.select(NEW_ID, City.name.as_("title"), literal(["x"]).as_("__tags__")),
        "not given on create",
    ),
    (
        CITY.select(NEW_ID, City.name.as_("title"), literal(MOMENT).as_("__created_at__")),
        "not given on create",
    ),
    (
        CITY.select(NEW_ID, City.name.as_("title"), literal(value=True).as_("__is_active__")),
        "not given on create",
    ),
    (CITY.select(NEW_ID, City.name.as_("title"), City.name.as_("shade")), "text is no"),
    (CITY.select(NEW_ID, City.name.as_("title"), literal(Mood.SAD).as_("shade")), "mood is no"),
    (CITY.select(NEW_ID, City.name.as_("title"), literal([1]).as_("words")), "is no text"),
    (CITY.select(NEW_ID, City.name.as_("title"), City.name.as_("doc")), "text is no jsonb"),
    (
        QueryBuilder(Every).select(NEW_ID, Every.name.as_("title"), Every.doc["a"].as_("doc")),
        "jsonb is no jsonb|other JSON",
    ),
    (
        QueryBuilder(Every).select(NEW_ID, Every.name.as_("title"), Every.spot.as_("doc")),
        "jsonb is no jsonb|other JSON",
    ),
    (CITY.select(NEW_ID, Country.name.as_("title")), "Country"),
    (CITY.filter(Country.name == "x").select(NEW_ID, City.name.as_("title")), "Country"),
    (CITY.select(NEW_ID, City.name.as_("title"), count().as_("note")), "bigint is no text|group"),
    (CITY.filter(City.id == "x").select(NEW_ID, City.name.as_("title")), "must be int"),
]


@pytest.mark.parametrize(("query", "said"), REFUSED)
async def test_what_means_nothing_is_refused_unsent(query: Any, said: str) -> None:
    """By a QueryError that says what to do, before any statement and any hook."""
    driver = FakeDriver()
    plugin = Recorder()
    store = GenericStore(Database(driver, [plugin]), Copy)

    with pytest.raises(QueryError, match=said):
        await store.create_from(query)
    assert driver.calls == []
    assert plugin.events == []


@pytest.mark.parametrize("tags", ["tag", [3], ["\x00"], [None]])
async def test_tags_are_checked(tags: Any) -> None:
    """As in every verb that writes."""
    driver = FakeDriver()
    store = GenericStore(Database(driver), Copy)

    with pytest.raises(ValidationError):
        await store.create_from(
            QueryBuilder(City).select(NEW_ID, City.name.as_("title")), tags=tags
        )
    assert driver.calls == []


async def test_function_that_makes_keys_leaves_no_trace(verbs: StoreHaus) -> None:
    """The statement is marked, since nobody knows what a function does."""
    query = QueryBuilder(City).select(NEW_ID, City.name.as_("title"))

    assert query.to_sql().resets
    assert not QueryBuilder(City).select(City.id).to_sql().resets
    await verbs.store(City).create(city(1))
    (made,) = await verbs.store(Copy).create_from(query)
    assert made.id.version == 4


async def test_keys_that_python_makes_can_be_given(haus: StoreHaus) -> None:
    """One literal for one row; a default of Python's is asked for instead of left out."""
    await haus.store(Author).create(Author(id=1, name="a"))
    chosen = uuid7()

    (made,) = await haus.store(Article).create_from(
        QueryBuilder(Author).select(literal(chosen).as_("id"), Author.name.as_("slug"))
    )

    assert made.id == chosen
