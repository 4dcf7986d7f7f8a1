"""update_where and delete_where with all that a filter and a value can be."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from fix_haus import LogLine, Recorder, Wallet, counted_haus
from fix_verbs import City, Country, Every, Owner, Pet, Rank, Reading, Shade, city
from storehaus import (
    Change,
    CheckViolation,
    ForeignKeyViolation,
    GenericStore,
    QueryBuilder,
    QueryError,
    QueryFilter,
    StoreHaus,
    UpdateSet,
    ValidationError,
    alias,
    case,
    coalesce,
    count,
    cte,
    exists_,
    func,
    greatest,
    literal,
    max_,
    nullif,
    scalar,
    sum_,
    truth,
)
from storehaus.store import Database
from storehaus.testing import CountingDriver

pytestmark = pytest.mark.anyio

CITIES = QueryBuilder(City)
COUNTRY_OF_CITY = QueryBuilder(Country).filter(Country.code == City.country)


class Stop(Exception):  # noqa: N818 - it ends a block, which is no error
    """Leaves a block."""


async def filled(haus: StoreHaus) -> GenericStore[City]:
    """Nine cities of three countries; CH is deleted, and so is city 4."""
    countries, store = haus.store(Country), haus.store(City)
    await countries.create_many([Country(code=c, name=c.lower()) for c in ("DE", "FR", "CH")])
    await store.create_many([city(i) for i in range(9)])
    await countries.delete("CH")
    await store.delete(4)
    return store


async def stored(store: GenericStore[City], *names: str) -> dict[int, Any]:
    """Fields of all cities by id, deleted ones too."""
    rows = await store.find(CITIES.with_deleted())
    found = {row.id: tuple(getattr(row, name) for name in names) for row in rows}
    return {key: value[0] if len(names) == 1 else value for key, value in found.items()}


# How rows are chosen → which of them.
CHOICES: dict[str, tuple[Any, set[int]]] = {
    "in a query": (City.country.in_(QueryBuilder(Country).select(Country.code)), {0, 1, 3, 6, 7}),
    "in a query of deleted rows": (
        City.country.in_(QueryBuilder(Country).only_deleted().select(Country.code)),
        {2, 5, 8},
    ),
    "not in a query": (City.country.not_in(QueryBuilder(Country).select(Country.code)), {2, 5, 8}),
    "in a query of itself": (
        City.id.in_(CITIES.order_by(City.people.desc()).limit(3).select(City.id)),
        {6, 7, 8},
    ),
    "in groups": (
        City.country.in_(CITIES.group_by(City.country).having(count() > 2).select(City.country)),
        {0, 2, 3, 5, 6, 8},
    ),
    "correlated": (exists_(COUNTRY_OF_CITY), {0, 1, 3, 6, 7}),
    "correlated, negated": (~exists_(COUNTRY_OF_CITY), {2, 5, 8}),
    "correlated twice": (
        exists_(
            COUNTRY_OF_CITY.filter(
                exists_(QueryBuilder(Owner).filter(Owner.name == Country.name, City.id > 1))
            )
        ),
        {3, 6},
    ),
    "a scalar": (City.people > scalar(CITIES.select(max_(City.people))) - 15, {7, 8}),
    "a correlated scalar": (
        scalar(COUNTRY_OF_CITY.select(Country.name)) == func.lower(City.country, returns=str),
        {0, 1, 3, 6, 7},
    ),
    "a common table expression within": (
        City.id.in_(
            QueryBuilder(cte("big", City))
            .with_("big", CITIES.filter(City.people > 50))
            .select(cte("big", City).id)
        ),
        {6, 7, 8},
    ),
    "a union": (
        City.id.in_(
            CITIES.filter(City.id == 1)
            .select(City.id)
            .union(CITIES.filter(City.id == 5).select(City.id))
        ),
        {1, 5},
    ),
    "from outside": (
        QueryFilter.from_dict({"or": [{"name": {"in": ["c0", "c4"]}}, {"people": {"gte": 80}}]}),
        {0, 8},
    ),
    "a case": (case((City.country == "DE", 1), else_=City.id) == 1, {0, 1, 3, 6}),
    "a query with deleted rows": (CITIES.with_deleted().filter(City.id.in_([3, 4])), {3, 4}),
    "a query of deleted rows": (CITIES.only_deleted().filter(City.id > 0), {4}),
    "nothing": (City.id.in_([]), set()),
}


@pytest.mark.parametrize("choice", CHOICES)
async def test_updated_rows_are_exactly_those_meant(verbs: StoreHaus, choice: str) -> None:
    """They are given as stored, and no other row is touched."""
    store = await filled(verbs)
    await verbs.store(Owner).create(Owner(id=1, name="de"))
    query, ids = CHOICES[choice]
    before = await stored(store, "people", "__updated_at__")

    rows = await store.update_where(query, {City.people: City.people + 1000})

    assert {row.id for row in rows} == ids
    assert {row.id: row.people for row in rows} == {i: 1000 + 10 * i for i in ids}
    after = await stored(store, "people", "__updated_at__")
    assert {i for i in after if after[i] != before[i]} == ids


@pytest.mark.parametrize("choice", [name for name in CHOICES if "deleted rows" not in name])
async def test_deleted_rows_are_exactly_those_meant(verbs: StoreHaus, choice: str) -> None:
    """Their ids are given, and all others stay active."""
    store = await filled(verbs)
    await verbs.store(Owner).create(Owner(id=1, name="de"))
    query, ids = CHOICES[choice]

    assert set(await store.delete_where(query)) == ids
    assert {i for i, active in (await stored(store, "__is_active__")).items() if active} == (
        {0, 1, 2, 3, 5, 6, 7, 8} - ids
    )


# What a field becomes → what it is then, by the id.
VALUES: dict[str, tuple[Any, Callable[[int], int]]] = {
    "an expression": (City.people * 2 + 1, lambda i: 20 * i + 1),
    "a scalar": (scalar(CITIES.select(count())), lambda _: 8),
    "a correlated scalar": (
        coalesce(scalar(COUNTRY_OF_CITY.select(literal(7))), -1),
        lambda i: -1 if i % 3 == 2 else 7,
    ),
    "a sum of others": (scalar(CITIES.filter(City.id < 3).select(sum_(City.people))), lambda _: 30),
    "a case": (
        case((City.country == "DE", City.people + 1), (City.id == 1, 99), else_=0),
        lambda i: 10 * i + 1 if i % 3 == 0 else 99 if i == 1 else 0,
    ),
    "a case with a subquery": (
        case((exists_(COUNTRY_OF_CITY), 1), else_=2),
        lambda i: 2 if i % 3 == 2 else 1,
    ),
    "the greatest": (greatest(City.people, 45), lambda i: max(10 * i, 45)),
    "a fallback": (coalesce(nullif(City.people, 20), 5), lambda i: 5 if i == 2 else 10 * i),
    "a function": (func.abs(City.people - 100, returns=int), lambda i: 100 - 10 * i),
    "a value": (7, lambda _: 7),
}


@pytest.mark.parametrize("form", ["column", "name", "set"])
@pytest.mark.parametrize("value", VALUES)
async def test_values_are_computed_row_by_row(verbs: StoreHaus, value: str, form: str) -> None:
    """Each row's own, as they were before the statement; deleted rows keep theirs."""
    store = await filled(verbs)
    given, wanted = VALUES[value]
    changes: Any = {
        "column": {City.people: given},
        "name": {"people": given},
        "set": UpdateSet().set(City.people, given),
    }[form]

    rows = await store.update_where(CITIES, changes, everything=True)

    active = {0, 1, 2, 3, 5, 6, 7, 8}
    assert {row.id: row.people for row in rows} == {i: wanted(i) for i in active}
    assert (await stored(store, "people"))[4] == 40


async def test_update_sets(verbs: StoreHaus) -> None:
    """Arithmetic by name and by column; several fields see the row as it was before."""
    store = await filled(verbs)
    changes = UpdateSet().increment("people", 5).set(City.name, City.name + City.country)

    (row,) = await store.update_where(City.id == 3, changes)
    assert (row.people, row.name) == (35, "c3DE")
    (row,) = await store.update_where(City.id == 3, UpdateSet().multiply(City.people, 3))
    (row,) = await store.update_where(City.id == 3, UpdateSet().divide("people", 2))
    (row,) = await store.update_where(City.id == 3, UpdateSet().decrement(City.people))
    assert row.people == 51
    swapped = {City.name: City.country, City.country: City.name}
    (row,) = await store.update_where(City.id == 3, swapped)
    assert (row.name, row.country) == ("DE", "c3DE")


async def test_every_type_takes_expressions(verbs: StoreHaus) -> None:
    """Enums, arrays, JSON and exact numbers, from cases, literals and other rows."""
    store = verbs.store(Every)
    one = await store.create(Every(name="one", price=Decimal("1.25"), shade=Shade.RED, words=["a"]))
    await store.create(Every(name="two", shade=Shade.BLUE, doc={"n": 2}, rank=Rank.HIGH))
    two = QueryBuilder(Every).filter(Every.name == "two")
    other = alias(Every, "other")
    two_again = QueryBuilder(other).filter(other.name == "two")

    (row,) = await store.update_where(
        Every.id == one.id,
        {
            Every.shade: scalar(two_again.select(other.shade)),
            Every.rank: case((Every.name == "one", Rank.LOW), else_=Rank.HIGH),
            Every.price: Every.price * 2,
            Every.words: literal(["x", "y"]),
            Every.doc: scalar(two.select(Every.doc)),
            Every.flag: truth(Every.words.contains(["a"])),
        },
    )

    assert (row.shade, row.rank, row.price) == (Shade.BLUE, Rank.LOW, Decimal("2.50"))
    assert (row.words, row.doc, row.flag) == (["x", "y"], {"n": 2}, True)


async def test_tags_and_versions(verbs: StoreHaus) -> None:
    """Tags are replaced, kept or cleared; each changed row has its next version."""
    store = verbs.store(Reading)
    await store.create_many([Reading(id=i) for i in range(4)], tags=["old"])
    few = Reading.id.in_(QueryBuilder(Reading).order_by(Reading.id).limit(2).select(Reading.id))

    rows = await store.update_where(few, {Reading.value: 1}, tags=["it's", "new"])
    kept = await store.update_where(few, {Reading.value: 2})
    cleared = await store.update_where(few, {}, tags=())

    assert [(row.__tags__, row.version) for row in rows] == [(["it's", "new"], 2)] * 2
    assert [(row.__tags__, row.version) for row in kept] == [(["it's", "new"], 3)] * 2
    assert [(row.__tags__, row.version) for row in cleared] == [([], 4)] * 2
    await store.delete_where(few, tags=["gone"])
    gone = await store.find(QueryBuilder(Reading).only_deleted())
    assert [(row.__tags__, row.version) for row in gone] == [(["gone"], 5)] * 2


async def test_rows_without_key_and_rows_that_go_for_good(haus: StoreHaus) -> None:
    """Correlated filters over tables without a key, and real DELETEs."""
    lines, wallets = haus.store(LogLine), haus.store(Wallet)
    await lines.create_many([LogLine(level=str(i % 2), text=str(i)) for i in range(4)])
    await wallets.create_many([Wallet(id=i, owner=str(i)) for i in range(4)])
    in_lines = exists_(
        QueryBuilder(LogLine).filter(LogLine.text == Wallet.owner, LogLine.level == "1")
    )

    rows = await lines.update_where(
        exists_(QueryBuilder(Wallet).filter(Wallet.owner == LogLine.text, Wallet.id > 1)),
        {LogLine.text: LogLine.text + "!"},
    )
    assert sorted(row.text for row in rows) == ["2!", "3!"]
    assert await wallets.delete_where(in_lines) == [1]
    assert sorted(row.id for row in await wallets.list_all()) == [0, 2, 3]


async def test_order_of_the_query_does_not_matter(verbs: StoreHaus) -> None:
    """A sorted query writes the same rows."""
    store = await filled(verbs)

    rows = await store.update_where(
        CITIES.filter(City.id < 3).order_by(City.people.desc()), {City.people: 0}
    )

    assert {row.id for row in rows} == {0, 1, 2}


UNKEPT: dict[str, Any] = {
    "join": CITIES.join(Country, on=Country.code == City.country),
    "left join": CITIES.join(Country, on=Country.code == City.country, how="left"),
    "right join": CITIES.join(Country, on=Country.code == City.country, how="right"),
    "limit": CITIES.filter(City.id > 0).limit(3),
    "offset": CITIES.filter(City.id > 0).offset(3),
    "distinct": CITIES.filter(City.id > 0).distinct(City.country),
    "group": CITIES.filter(City.id > 0).group_by(City.country),
    "having": CITIES.filter(City.id > 0).having(count() > 1),
    "lock": CITIES.filter(City.id > 0).for_update(),
    "cte": CITIES.filter(City.id > 0).with_("x", CITIES),
    "projection": CITIES.filter(City.id > 0).select(City.id),
    "union": CITIES.filter(City.id > 0).union(CITIES),
    "alias": QueryBuilder(alias(City, "c")).filter(City.id > 0),
    "other model": QueryBuilder(Country).filter(Country.code == "DE"),
    "foreign column": CITIES.filter(Country.code == "DE"),
    "uncorrelated name": City.country.in_(QueryBuilder(Country).select(Reading.text)),
    "two columns": City.country.in_(QueryBuilder(Country).select(Country.code, Country.name)),
    "other type": City.id.in_(QueryBuilder(Country).select(Country.code)),
    "truth value": True,
    "text": "id > 3",
    "nothing": None,
}


@pytest.mark.parametrize("part", UNKEPT)
async def test_what_a_write_cannot_keep_to_is_refused_unsent(
    verbs_driver: CountingDriver, part: str
) -> None:
    """UPDATE and DELETE know no joins and limits; ignoring them would touch other rows."""
    store = GenericStore(Database(verbs_driver), City)

    with pytest.raises(QueryError):
        await store.update_where(UNKEPT[part], {City.people: 0}, everything=True)
    with pytest.raises(QueryError):
        await store.delete_where(UNKEPT[part], everything=True)
    assert verbs_driver.calls == []


@pytest.mark.parametrize(
    "changes",
    [
        {City.people: City.name},
        {City.people: scalar(QueryBuilder(Country).select(Country.name))},
        {City.people: scalar(CITIES.select(City.id, City.people))},
        {City.people: Country.name},
        {City.people: CITIES.select(City.id)},
        {City.people: case((City.id > 3, "x"), else_="y")},
        {City.people: exists_(CITIES)},
        {City.people: 1, "people": 2},
        {Country.name: "x"},
        {"nope": 1},
        {},
        UpdateSet(),
        UpdateSet().increment("name"),
    ],
)
async def test_changes_that_mean_nothing_are_refused_unsent(
    verbs_driver: CountingDriver, changes: Any
) -> None:
    """Whatever the filter."""
    store = GenericStore(Database(verbs_driver), City)

    with pytest.raises((QueryError, ValidationError)):
        await store.update_where(City.id > 3, changes)
    assert verbs_driver.calls == []


async def test_writes_to_all_rows_say_so(verbs: StoreHaus) -> None:
    """A query without a filter, or with one that keeps all rows, needs everything=True."""
    store = await filled(verbs)
    for query in (
        CITIES,
        CITIES.order_by(City.id),
        CITIES.filter_by_all_tags([]),
        CITIES.filter(QueryFilter.from_dict({"not": {"id": {"in": []}}})),
        ~City.id.in_([]),
        (City.id > 3) | ~QueryFilter.or_([]),
    ):
        with pytest.raises(QueryError, match="everything=True"):
            await store.update_where(query, {City.people: 0})
        with pytest.raises(QueryError, match="everything=True"):
            await store.delete_where(query)

    assert len(await store.update_where(CITIES, {City.people: 0}, everything=True)) == 8
    assert sorted(await store.delete_where(CITIES, everything=True)) == [0, 1, 2, 3, 5, 6, 7, 8]
    assert await store.count() == 0


async def test_within_a_transaction(verbs: StoreHaus) -> None:
    """Rolled back with it; an inner block is undone on its own; later verbs see what it did."""
    store = await filled(verbs)
    before = await stored(store, "people")

    async def fail_within() -> None:
        async with verbs.transaction():
            every = verbs.store(Every)
            await every.create(Every(name="x"))
            await every.update_where(Every.name == "x", {Every.word: literal("c")})

    try:
        async with verbs.transaction():
            await store.update_where(exists_(COUNTRY_OF_CITY), {City.people: 0})
            await store.delete_where(City.country.in_(QueryBuilder(Country).select(Country.code)))
            assert await store.count() == 3
            raise Stop  # noqa: TRY301 - it ends the block inside
    except Stop:
        assert await stored(store, "people") == before
    async with verbs.transaction():
        await store.update_where(City.id == 1, {City.people: 1})
        with pytest.raises(CheckViolation):
            await fail_within()
        rows = await store.update_where(City.people == 1, {City.people: City.people + 1})
        assert [row.people for row in rows] == [2]
    assert await verbs.store(Every).count() == 0


async def test_referenced_rows_stop_a_delete(verbs: StoreHaus) -> None:
    """One of them is enough: none is deleted, the error names the reference."""
    owners, pets = verbs.store(Owner), verbs.store(Pet)
    await owners.create_many([Owner(id=i, name="n") for i in range(3)])
    await pets.create(Pet(id=1, owner_id=1))

    with pytest.raises(ForeignKeyViolation):
        await owners.delete_where(Owner.id >= 0)
    assert await owners.count() == 3
    without = ~exists_(QueryBuilder(Pet).filter(Pet.owner_id == Owner.id))
    assert sorted(await owners.delete_where(without)) == [0, 2]


@pytest.mark.parametrize("in_transaction", [False, True])
async def test_plugins_hear_of_exactly_these_rows(
    verbs_driver: CountingDriver, *, in_transaction: bool
) -> None:
    """The rows as stored, with the change that carries query and changes."""
    plain = GenericStore(Database(verbs_driver), City)
    await plain.create_many([city(i) for i in range(4)])
    plugin = Recorder(in_transaction=in_transaction)
    store = GenericStore(Database(verbs_driver, [plugin]), City)
    some = City.id.in_(CITIES.filter(City.id > 1).select(City.id))

    updated = await store.update_where(some, {City.people: scalar(CITIES.select(count()))})
    await store.delete_where(some)
    await store.delete_where(some)

    first, second, third = plugin.outcomes
    assert list(first.models or ()) == updated
    assert {row.people for row in updated} == {4}
    assert first.change.query is not None
    assert {row.id for row in second.models or ()} == {2, 3}
    assert (third.count, third.models) == (0, [])


async def test_hook_may_narrow_a_query_with_subqueries(verbs_driver: CountingDriver) -> None:
    """What it adds holds besides."""

    class Careful(GenericStore[City]):
        async def before_delete(self, change: Change[City]) -> None:
            assert change.query is not None
            change.query = change.query.filter(City.people < 30)

    store = Careful(Database(verbs_driver))
    await store.create_many([city(i) for i in range(5)])

    assert sorted(await store.delete_where(City.id.in_(CITIES.select(City.id)))) == [0, 1, 2]


# Writes with a function that sets something on the connection.
SETS = func.set_config("storehaus.leak", "x", False, returns=str)
LEAKS: dict[str, Callable[[GenericStore[Reading]], Any]] = {
    "update_where by filter": lambda s: s.update_where(SETS == "x", {Reading.value: 1}),
    "update_where by value": lambda s: s.update_where(Reading.id > 0, {Reading.text: SETS}),
    "update_where by subquery": lambda s: s.update_where(
        Reading.text.not_in(QueryBuilder(Reading).select(SETS)), {Reading.value: 1}
    ),
    "delete_where": lambda s: s.delete_where(SETS == "x"),
    "patch": lambda s: s.patch(1, {Reading.text: SETS}),
    "create_from": lambda s: s.create_from(
        QueryBuilder(Reading).select((Reading.id + 10).as_("id"), SETS.as_("text"))
    ),
    "upsert by filter": lambda s: s.upsert(Reading(id=1), where=SETS == "x"),
    "upsert by value": lambda s: s.upsert(Reading(id=1), update={Reading.text: SETS}),
    "upsert_many by filter": lambda s: s.upsert_many(
        [Reading(id=1), Reading(id=2)], where=SETS == "x"
    ),
    "upsert_many by value": lambda s: s.upsert_many(
        [Reading(id=1), Reading(id=2)], update={Reading.text: SETS}
    ),
    "find": lambda s: s.find(SETS == "x"),
    "count_where": lambda s: s.count_where(SETS == "x"),
    "exists": lambda s: s.exists(SETS == "x"),
    "select": lambda s: s.select(QueryBuilder(Reading).select(SETS)),
    "page": lambda s: s.page(SETS == "x"),
    "stream": lambda s: exhausted(s.stream(SETS == "x", batch=1)),
    "stream of a projection": lambda s: exhausted(s.stream(QueryBuilder(Reading).select(SETS))),
}


async def exhausted(rows: Any) -> None:
    """Read a stream to its end."""
    async with rows:
        assert [row async for row in rows]


@pytest.mark.parametrize("place", ["alone", "with a plug-in", "transaction", "savepoint", "failed"])
@pytest.mark.parametrize("name", LEAKS)
async def test_what_a_function_sets_does_not_leak(
    verbs_url: str, verbs: StoreHaus, name: str, place: str
) -> None:
    """The next user of the connection does not see it, whatever became of the statement."""
    await verbs.store(Reading).create_many([Reading(id=i) for i in (1, 2)])
    plugins = [Recorder(in_transaction=True)] if place == "with a plug-in" else []
    async with counted_haus(verbs_url, *plugins, max_connections=1) as (haus, driver):
        store = haus.store(Reading)
        assert await setting(haus) in {None, ""}
        if place in {"alone", "with a plug-in"}:
            await LEAKS[name](store)
        else:
            await run_within(haus, place, LEAKS[name])
        assert await setting(haus) in {None, ""}
        assert driver.stats().size == 1


async def run_within(
    haus: StoreHaus, place: str, verb: Callable[[GenericStore[Reading]], Any]
) -> None:
    """Run a verb in a block. Looking at the setting inside would itself mark the connection."""
    try:
        async with haus.transaction():
            if place == "savepoint":
                async with haus.transaction():
                    await verb(haus.store(Reading))
            else:
                await verb(haus.store(Reading))
            if place == "failed":
                raise Stop  # noqa: TRY301 - it ends the block inside
    except Stop:
        return


async def setting(haus: StoreHaus) -> str | None:
    """What was set, read by a function, for which the connection is reset as well."""
    reads = func.current_setting("storehaus.leak", True, returns=str)
    rows = await haus.store(Reading).select(QueryBuilder(Reading).with_deleted().select(reads))
    value: str | None = rows[0][0]
    return value


async def test_setting_would_be_seen_without_a_reset(verbs_url: str, verbs: StoreHaus) -> None:
    """The tests above can fail: a connection that is not marked carries it on."""
    await verbs.store(Reading).create(Reading(id=1))
    async with counted_haus(verbs_url, max_connections=1) as (haus, driver):
        statement = QueryBuilder(Reading).select(SETS).to_sql()
        await driver.fetch(statement.text, statement.params)
        assert await setting(haus) == "x"
