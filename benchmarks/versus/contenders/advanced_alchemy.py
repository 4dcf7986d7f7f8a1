"""Advanced Alchemy: a service over SQLAlchemy's ORM."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any, ClassVar

from advanced_alchemy.base import DefaultBase
from advanced_alchemy.filters import LimitOffset
from advanced_alchemy.repository import SQLAlchemyAsyncRepository
from advanced_alchemy.service import SQLAlchemyAsyncRepositoryService
from sqlalchemy import BigInteger, DateTime, FetchedValue, Numeric, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import Mapped, mapped_column

from versus.contender import Address, Contender
from versus.contenders.sqlalchemy import COLUMNS, make_engine
from versus.table import PAGE, UNIT, Change, Given, Values


class AlchemyReading(DefaultBase):
    """The table, on a base class of Advanced Alchemy."""

    __tablename__ = "reading"
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012 - the base class declares it

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    station: Mapped[str] = mapped_column(Text)
    unit: Mapped[str] = mapped_column(Text)
    value: Mapped[float]
    price: Mapped[Decimal] = mapped_column(Numeric)
    valid: Mapped[bool]
    taken_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    note: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(
        "__created_at__", DateTime(timezone=True), server_default=FetchedValue()
    )
    updated_at: Mapped[datetime] = mapped_column(
        "__updated_at__",
        DateTime(timezone=True),
        server_default=FetchedValue(),
        server_onupdate=FetchedValue(),
    )
    tags: Mapped[list[str]] = mapped_column("__tags__", ARRAY(Text), server_default=FetchedValue())


class _Readings(SQLAlchemyAsyncRepositoryService[AlchemyReading]):
    """The service of the table."""

    class Repo(SQLAlchemyAsyncRepository[AlchemyReading]):
        """Its repository."""

        model_type = AlchemyReading

    repository_type = Repo


class AlchemyService(Contender):
    """A session and a service for every call, as its web plug-ins make one for every request."""

    name: ClassVar[str] = "advanced-alchemy"
    title: ClassVar[str] = "Advanced Alchemy"
    packages: ClassVar[tuple[str, ...]] = ("advanced-alchemy", "SQLAlchemy", "asyncpg")
    how: ClassVar[str] = (
        "a session and a SQLAlchemyAsyncRepositoryService for every call, auto_commit;"
        " its update reads the row first, and create_many is its load too"
    )
    load_rows: ClassVar[int] = 20_000

    _engine: AsyncEngine
    _session: async_sessionmaker[AsyncSession]

    async def open(self, address: Address) -> None:
        """Make the engine and its sessions."""
        self._engine = make_engine(address)
        self._session = async_sessionmaker(self._engine, expire_on_commit=False)

    async def close(self) -> None:
        """Close the pool."""
        await self._engine.dispose()

    def prepare(self, row: Given) -> dict[str, Any]:
        """Make the dictionary that a service takes."""
        return row._asdict()

    def prepare_many(self, rows: Sequence[Given]) -> list[dict[str, Any]]:
        """Make the dictionaries that a service takes."""
        return [row._asdict() for row in rows]

    async def get(self, id_: int) -> AlchemyReading:
        """By the service's `get`."""
        async with self._session() as session:
            return await _Readings(session=session).get(id_)

    async def find(self, first: int) -> Sequence[AlchemyReading]:
        """By the service's `get_many`."""
        async with self._session() as session:
            return await _Readings(session=session).get_many(
                AlchemyReading.id >= first,
                AlchemyReading.unit == UNIT,
                LimitOffset(limit=PAGE, offset=0),
                order_by=("id", False),
            )

    async def list_all(self) -> Sequence[AlchemyReading]:
        """By the service's `get_many`."""
        async with self._session() as session:
            return await _Readings(session=session).get_many()

    async def create(self, row: Any) -> AlchemyReading:
        """By the service's `create`."""
        async with self._session() as session:
            return await _Readings(session=session).create(row, auto_commit=True)

    async def update(self, change: Change) -> AlchemyReading:
        """By the service's `update`, which reads the row and writes what differs."""
        async with self._session() as session:
            data = {"value": change.value, "note": change.note}
            return await _Readings(session=session).update(data, change.id, auto_commit=True)

    async def create_many(self, rows: Sequence[Any]) -> Sequence[AlchemyReading]:
        """By the service's `create_many`."""
        async with self._session() as session:
            return await _Readings(session=session).create_many(list(rows), auto_commit=True)

    async def load(self, rows: Sequence[Any]) -> None:
        """By the same, since it has no other way for many rows."""
        await self.create_many(rows)

    def values(self, row: Any) -> Values:
        """By name."""
        return tuple(attrgetter(*COLUMNS)(row))
