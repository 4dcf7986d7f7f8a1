"""Tables of the golden queries that join, project and nest, and what makes such a golden."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from golden_queries import Golden
from storehaus.model import Field, Model, field
from storehaus.sql import QueryBuilder, Statement, compile_count, compile_exists


class Country(Model, table="countries", soft_delete=True):
    """Soft-deletes, and others refer to it."""

    code: Field[str] = field(primary_key=True)
    title: Field[str]


class City(Model, table="cities", soft_delete=True):
    """Soft-deletes, refers to a country and to another city."""

    id: Field[int] = field(primary_key=True)
    country: Field[str]
    name: Field[str]
    pop: Field[int] = field(default=0)
    founded: Field[date | None] = field(default=None)
    parent: Field[int | None] = field(default=None)


class Staff(Model, table="staff"):
    """Deletes for good, refers to itself."""

    id: Field[int] = field(primary_key=True)
    name: Field[str]
    team: Field[str] = field(default="")
    boss: Field[int | None] = field(default=None)
    city: Field[int | None] = field(default=None)
    pay: Field[Decimal] = field(default=Decimal(0))
    rate: Field[float | None] = field(default=None)
    away: Field[bool] = field(default=False)
    skills: Field[list[str]] = field(default_factory=list)
    notes: Field[dict[str, object]] = field(default_factory=dict)


TABLES: tuple[type[Model], ...] = (Country, City, Staff)

Q = QueryBuilder(City)
L = QueryBuilder(Country)
S = QueryBuilder(Staff)


def columns(model: type[Model], name: str | None = None) -> str:
    """All columns of a model as a SELECT lists them, each with the name of its relation."""
    prefix = "" if name is None else f'"{name}".'
    return ", ".join(f'{prefix}"{column.column}"' for column in model.__table_info__.columns)


COUNTRY, CITY, STAFF = columns(Country), columns(City), columns(Staff)
COUNTRIES, CITIES = columns(Country, "countries"), columns(City, "cities")
STAFFS, BOSS, UP = columns(Staff, "staff"), columns(Staff, "boss"), columns(City, "up")


def golden(name: str, query: Any, text: str, *params: Any) -> Golden:
    """A query that shows its SQL itself."""
    return Golden(name, query.to_sql, text, params)


def counted(name: str, query: QueryBuilder[Any], text: str, *params: Any) -> Golden:
    """What a store asks for the number of its rows."""
    return _asked(name, compile_count, query, text, params)


def existing(name: str, query: QueryBuilder[Any], text: str, *params: Any) -> Golden:
    """What a store asks for whether there is a row."""
    return _asked(name, compile_exists, query, text, params)


def _asked(
    name: str, write: Callable[..., Statement], query: Any, text: str, params: Any
) -> Golden:
    return Golden(name, lambda: write(query.model.__table_info__, query), text, params)
