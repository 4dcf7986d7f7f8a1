"""Django's ORM, by its asynchronous methods, on psycopg 3 with the pool of psycopg_pool.

Its ORM is synchronous: the asynchronous methods hand the work to a thread. As under ASGI, where
every request has a thread of its own, every task of the benchmark has one here, and gives its
connection back at the end.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from operator import attrgetter
from typing import Any, ClassVar

import django  # type: ignore[import-untyped]  # Django has no types
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.conf import settings  # type: ignore[import-untyped]  # Django has no types
from django.db import connections  # type: ignore[import-untyped]  # Django has no types

from versus.contender import POOL, Address, Contender
from versus.table import PAGE, UNIT, Change, Given, Values

_COLUMNS = (*Given._fields, "created_at", "updated_at", "tags")


def _database(address: Address) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": address.host,
        "PORT": address.port,
        "USER": address.user,
        "PASSWORD": address.password,
        "NAME": address.database,
        "CONN_MAX_AGE": 0,
        "OPTIONS": {"pool": {"min_size": POOL, "max_size": POOL, "timeout": 120}},
    }


def _give_back() -> None:
    connections["default"].close()


class DjangoOrm(Contender):
    """The asynchronous methods of a manager."""

    name: ClassVar[str] = "django"
    title: ClassVar[str] = "Django ORM"
    packages: ClassVar[tuple[str, ...]] = ("Django", "psycopg", "psycopg-pool", "asgiref")
    how: ClassVar[str] = (
        "its asynchronous methods, with a thread and a connection for every task, as under ASGI,"
        " of a pool of psycopg_pool; it has no UPDATE … RETURNING, so an update is aupdate() and"
        " aget(); threads make more than 100 tasks pointless"
    )
    load_rows: ClassVar[int] = 50_000
    most_tasks: ClassVar[int] = 100

    _rows: Any

    async def open(self, address: Address) -> None:
        """Configure Django once in this process, and tell it where the server is."""
        if not settings.configured:
            settings.configure(
                DATABASES={"default": _database(address)},
                USE_TZ=True,
                TIME_ZONE="UTC",
                DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
            )
            django.setup()
        else:
            connections.settings["default"].update(_database(address))
        self._rows = _model().objects

    async def close(self) -> None:
        """Close the pool."""
        await sync_to_async(connections["default"].close_pool)()

    @asynccontextmanager
    async def task(self) -> AsyncIterator[None]:
        """Have a thread, and give the connection back that it used."""
        async with ThreadSensitiveContext():
            try:
                yield
            finally:
                await sync_to_async(_give_back)()

    def prepare(self, row: Given) -> Any:
        """Make a model."""
        return self._rows.model(**row._asdict())

    def prepare_many(self, rows: Sequence[Given]) -> list[Any]:
        """Make models."""
        return [self._rows.model(**row._asdict()) for row in rows]

    async def get(self, id_: int) -> Any:
        """One round trip."""
        return await self._rows.aget(id=id_)

    async def find(self, first: int) -> list[Any]:
        """One round trip."""
        found = self._rows.filter(id__gte=first, unit=UNIT).order_by("id")[:PAGE]
        return [row async for row in found]

    async def list_all(self) -> list[Any]:
        """One round trip."""
        return [row async for row in self._rows.all()]

    async def create(self, row: Any) -> Any:
        """One round trip."""
        await row.asave(force_insert=True)
        return row

    async def update(self, change: Change) -> Any:
        """Two round trips: the trigger's time has to be read."""
        await self._rows.filter(id=change.id).aupdate(value=change.value, note=change.note)
        return await self._rows.aget(id=change.id)

    async def create_many(self, rows: Sequence[Any]) -> Sequence[Any]:
        """One transaction."""
        stored: Sequence[Any] = await self._rows.abulk_create(rows)
        return stored

    async def load(self, rows: Sequence[Any]) -> None:
        """The same."""
        await self._rows.abulk_create(rows)

    def values(self, row: Any) -> Values:
        """By name."""
        return tuple(attrgetter(*_COLUMNS)(row))


def _model() -> Any:
    """Give the model, whose module can only be imported once Django is configured."""
    from versus.contenders.django_model import (  # noqa: PLC0415 - see the docstring
        DjangoReading,
    )

    return DjangoReading
