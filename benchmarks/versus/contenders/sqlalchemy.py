"""The ORM of SQLAlchemy 2, asynchronous, on asyncpg."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any, ClassVar

from sqlalchemy import BigInteger, DateTime, FetchedValue, Numeric, Text, insert, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from versus.contender import POOL, Address, Contender
from versus.table import PAGE, UNIT, Change, Given, Values


class _Base(DeclarativeBase):
    """The registry of the one table."""


class OrmReading(_Base):
    """The table; its system columns are the server's, and come back with every write."""

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


def make_engine(address: Address) -> AsyncEngine:
    """Make an engine whose pool has as many connections as those of the others."""
    return create_async_engine(
        "postgresql+asyncpg://", connect_args=address.parts, pool_size=POOL, max_overflow=0
    )


COLUMNS = (*Given._fields, "created_at", "updated_at", "tags")


class SqlAlchemyOrm(Contender):
    """A session for every call: the unit of work of a request."""

    name: ClassVar[str] = "sqlalchemy"
    title: ClassVar[str] = "SQLAlchemy ORM"
    packages: ClassVar[tuple[str, ...]] = ("SQLAlchemy", "asyncpg")
    how: ClassVar[str] = (
        "async_sessionmaker(expire_on_commit=False), a session for every call; update and"
        " create_many are UPDATE and bulk INSERT … RETURNING of the ORM, load is the bulk INSERT"
    )

    _engine: AsyncEngine
    _session: async_sessionmaker[AsyncSession]

    async def open(self, address: Address) -> None:
        """Make the engine and its sessions."""
        self._engine = make_engine(address)
        self._session = async_sessionmaker(self._engine, expire_on_commit=False)

    async def close(self) -> None:
        """Close the pool."""
        await self._engine.dispose()

    def prepare(self, row: Given) -> OrmReading:
        """Make an object of the ORM."""
        return OrmReading(**row._asdict())

    def prepare_many(self, rows: Sequence[Given]) -> list[dict[str, Any]]:
        """Make the dictionaries that a bulk INSERT takes."""
        return [row._asdict() for row in rows]

    async def get(self, id_: int) -> OrmReading | None:
        """BEGIN, SELECT, ROLLBACK."""
        async with self._session() as session:
            return await session.get(OrmReading, id_)

    async def find(self, first: int) -> Sequence[OrmReading]:
        """BEGIN, SELECT, ROLLBACK."""
        query = select(OrmReading).where(OrmReading.id >= first, OrmReading.unit == UNIT)
        async with self._session() as session:
            return (await session.scalars(query.order_by(OrmReading.id).limit(PAGE))).all()

    async def list_all(self) -> Sequence[OrmReading]:
        """BEGIN, SELECT, ROLLBACK."""
        async with self._session() as session:
            return (await session.scalars(select(OrmReading))).all()

    async def create(self, row: OrmReading) -> OrmReading:
        """BEGIN, INSERT … RETURNING, COMMIT."""
        async with self._session() as session, session.begin():
            session.add(row)
        return row

    async def update(self, change: Change) -> OrmReading:
        """BEGIN, UPDATE … RETURNING, COMMIT."""
        statement = (
            update(OrmReading)
            .where(OrmReading.id == change.id)
            .values(value=change.value, note=change.note)
            .returning(OrmReading)
        )
        async with self._session() as session, session.begin():
            return (await session.scalars(statement)).one()

    async def create_many(self, rows: Sequence[Any]) -> Sequence[OrmReading]:
        """BEGIN, an INSERT … RETURNING of many rows, COMMIT."""
        statement = insert(OrmReading).returning(OrmReading, sort_by_parameter_order=True)
        async with self._session() as session, session.begin():
            return (await session.scalars(statement, rows)).all()

    async def load(self, rows: Sequence[Any]) -> None:
        """BEGIN, an INSERT for many rows, COMMIT."""
        async with self._session() as session, session.begin():
            await session.execute(insert(OrmReading), rows)

    def values(self, row: Any) -> Values:
        """By name."""
        return tuple(attrgetter(*COLUMNS)(row))
