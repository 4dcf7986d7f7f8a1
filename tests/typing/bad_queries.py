"""Queries that cannot be meant are errors for both checkers."""

from typing import Any

from storehaus import (
    Field,
    GenericStore,
    Model,
    QueryBuilder,
    Row,
    Selection,
    alias,
    count,
    cte,
    exists_,
    field,
    optional,
    scalar,
)


class Country(Model, table="countries"):
    """Others refer to it."""

    code: Field[str] = field(primary_key=True)
    title: Field[str]


class City(Model, table="cities"):
    """Refers to a country."""

    id: Field[int] = field(primary_key=True)
    country: Field[str]
    name: Field[str]
    pop: Field[int] = field(default=0)


q = QueryBuilder(City)
on = Country.code == City.country
codes = QueryBuilder(Country).select(Country.code)
pairs = QueryBuilder(Country).select(Country.code, Country.title)
Up = alias(City, "up")
left = q.join(Country, on=on, how="left")
full = q.join(Country, on=on, how="full")
_: Any = None

# Unknown columns and keywords.
_ = City.population  # error: attr-defined | reportAttributeAccessIssue
_ = Up.population  # error: attr-defined | reportAttributeAccessIssue
_ = cte("x", City).population  # error: attr-defined | reportAttributeAccessIssue
q.filter(City.nam == "x")  # error: attr-defined | reportAttributeAccessIssue
q.filter(name="x")  # error: call-arg | reportCallIssue
q.filters(City.name == "x")  # error: attr-defined | reportAttributeAccessIssue
q.limit(rows="3")  # error: arg-type | reportArgumentType
q.order_by(City.name, reverse=True)  # error: call-arg | reportCallIssue
q.for_update(skip=True)  # error: call-arg | reportCallIssue
q.join(Country, on=on, kind="left")  # error: call-overload | reportCallIssue

# What Python answers itself; `and` and `or` it cannot show, they raise at run time.
q.filter(not City.name.like("x"))  # error: arg-type | reportArgumentType, reportGeneralTypeIssues
q.filter(City.name is None)  # error: arg-type | reportArgumentType, reportUnnecessaryComparison
q.filter("x" in City.name)  # error: arg-type, misc | reportArgumentType, reportOperatorIssue
q.filter(False)  # error: arg-type | reportArgumentType
q.filter(City.pop)  # error: arg-type | reportArgumentType
q.filter(count)  # error: arg-type | reportArgumentType
q.join(Country, on=True)  # error: call-overload | reportArgumentType, reportCallIssue
q.select(count()).having(True)  # error: arg-type | reportArgumentType
q.select(count()).having(count())  # error: arg-type | reportArgumentType

# Wrong operands.
q.filter(City.pop == "3")  # error: arg-type | reportArgumentType
q.filter(City.name == 3)  # error: arg-type | reportArgumentType
q.filter(City.pop.in_(["3"]))  # error: list-item | reportArgumentType
q.filter(City.pop.between("1", "3"))  # error: arg-type | reportArgumentType
q.filter(City.pop == City.name)  # error: operator | reportOperatorIssue
q.filter(Country.title == City.pop)  # error: operator | reportOperatorIssue
q.limit("3")  # error: arg-type | reportArgumentType
q.offset(1.5)  # error: arg-type | reportArgumentType
q.distinct(3)  # error: arg-type | reportArgumentType
q.group_by(3)  # error: arg-type | reportArgumentType
q.order_by(City.pop > 3)  # error: arg-type | reportArgumentType
q.filter_by_any_tag([3])  # error: list-item | reportArgumentType
q.with_deleted("cities")  # error: arg-type | reportArgumentType
q.for_update("cities")  # error: arg-type | reportArgumentType

# Sources.
QueryBuilder(3)  # error: arg-type | reportArgumentType
QueryBuilder(str)  # error: type-var | reportArgumentType
alias(int, "x")  # error: type-var | reportArgumentType
alias(City, 3)  # error: arg-type | reportArgumentType
cte("x", int)  # error: type-var | reportArgumentType
optional(3)  # error: call-overload | reportArgumentType, reportCallIssue
QueryBuilder.from_(City)  # error: arg-type | reportArgumentType
QueryBuilder.from_(q)  # error: arg-type | reportArgumentType
q.join(q, on=on)  # error: call-overload | reportArgumentType, reportCallIssue
q.join("countries", on=on)  # error: call-overload | reportArgumentType, reportCallIssue
q.join(Country, on=on, how="outer")  # error: call-overload | reportArgumentType, reportCallIssue
q.join(Country, on=on, lateral=True)  # error: call-overload | reportArgumentType
q.with_("x", City)  # error: arg-type | reportArgumentType

# Queries in place of values.
q.filter(City.id.in_(codes))  # error: arg-type | reportArgumentType
q.filter(City.country.in_(QueryBuilder(Country)))  # error: arg-type | reportArgumentType
q.filter(City.country.in_(pairs))  # error: arg-type | reportArgumentType
q.filter(City.country == codes)  # error: arg-type | reportArgumentType
q.filter(City.id == scalar(codes))  # error: arg-type | reportOperatorIssue
scalar(q)  # error: arg-type | reportArgumentType, reportCallIssue
scalar(q.select(City.id, City.name))  # error: arg-type | reportArgumentType, reportCallIssue
exists_(City)  # error: arg-type | reportArgumentType
exists_(City.pop > 3)  # error: arg-type | reportArgumentType

# Set operations of different rows.
q.union(QueryBuilder(Country))  # error: arg-type | reportArgumentType
q.except_(q.select(City.id))  # error: arg-type | reportArgumentType
q.select(City.id).union(q)  # error: arg-type | reportArgumentType
q.select(City.id).union(q.select(City.name))  # error: arg-type | reportArgumentType
q.select(City.id).intersect(q.select(City.id, City.name))  # error: arg-type | reportArgumentType

# Assignments.
wrong_model: QueryBuilder[Country] = q  # error: assignment | reportAssignmentType
wrong_rows: Selection[Row[str]] = q.select(City.id)  # error: arg-type | reportAssignmentType
joined: QueryBuilder[City, Country] = left  # error: assignment | reportAssignmentType
wrong_text: str = q.to_sql()  # error: assignment | reportAssignmentType


async def stores(cities: GenericStore[City]) -> None:
    """What the verbs of a store refuse."""
    await cities.find(q.select(City.id))  # error: arg-type | reportArgumentType
    await cities.find_one(q.select(City))  # error: arg-type | reportArgumentType
    await cities.find(q.join(Country, on=on, how="right"))  # error: arg-type | reportArgumentType
    await cities.find(full)  # error: arg-type | reportArgumentType
    await cities.find(QueryBuilder.from_(cte("x")))  # error: arg-type | reportArgumentType
    await cities.find(QueryBuilder(Country))  # error: arg-type | reportArgumentType
    await cities.find("Berlin")  # error: arg-type | reportArgumentType
    await cities.count_where(q.select(City.id))  # error: arg-type | reportArgumentType
    await cities.exists(QueryBuilder(Country))  # error: arg-type | reportArgumentType
    await cities.page(q.select(City.id))  # error: arg-type | reportArgumentType
    await cities.page(q, size="3")  # error: arg-type | reportArgumentType
    await cities.page(q, page=3)  # error: call-arg | reportCallIssue
    await cities.select(q)  # error: call-overload | reportArgumentType
    await cities.select(full)  # error: call-overload | reportArgumentType
    await cities.select(q.models(), into=3)  # error: call-overload | reportArgumentType
    cities.stream(q, batch="3")  # error: call-overload | reportArgumentType, reportCallIssue
    for _row in cities.stream(q):  # error: attr-defined | reportGeneralTypeIssues
        pass
    a: list[Country] = await cities.find(q)  # error: assignment | reportAssignmentType
    b: City = await cities.find_one(q)  # error: assignment | reportAssignmentType
    c: str = await cities.count_where(q)  # error: assignment | reportAssignmentType
    del a, b, c
