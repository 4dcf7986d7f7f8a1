"""Piccolo, on asyncpg."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, ClassVar

from piccolo.columns import (
    Array,
    BigInt,
    Boolean,
    DoublePrecision,
    Numeric,
    Text,
    Timestamptz,
    Varchar,
)
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.engine.postgres import PostgresEngine
from piccolo.table import Table

from versus.contender import POOL, Address, Contender
from versus.table import PAGE, UNIT, Change, Given, Values

_COLUMNS = (*Given._fields, "created_at", "updated_at", "tags")
_AT_ONCE = 1_000


class PiccoloReading(Table, tablename="reading"):
    """The table; Piccolo's own defaults fill the times of a new row."""

    id = BigInt(primary_key=True)
    station = Text()
    unit = Varchar(length=20)
    value = DoublePrecision()
    price = Numeric()
    valid = Boolean()
    taken_at = Timestamptz()
    note = Text(null=True)
    created_at = Timestamptz(default=TimestamptzNow(), db_column_name="__created_at__")
    updated_at = Timestamptz(default=TimestamptzNow(), db_column_name="__updated_at__")
    tags = Array(base_column=Text(), default=list, db_column_name="__tags__")


class PiccoloOrm(Contender):
    """The verbs of a table."""

    name: ClassVar[str] = "piccolo"
    title: ClassVar[str] = "Piccolo"
    packages: ClassVar[tuple[str, ...]] = ("piccolo", "asyncpg")
    how: ClassVar[str] = (
        "PostgresEngine with its pool; objects(), save(), update().returning();"
        f" create_many and load are insert() of {_AT_ONCE:,} rows at a time in a transaction"
    )

    _engine: PostgresEngine

    async def open(self, address: Address) -> None:
        """Start the pool."""
        self._engine = PostgresEngine(config=address.parts)
        await self._engine.start_connection_pool(min_size=POOL, max_size=POOL)
        PiccoloReading._meta.db = self._engine  # noqa: SLF001 - its documented place for an engine

    async def close(self) -> None:
        """Close the pool."""
        await self._engine.close_connection_pool()

    def prepare(self, row: Given) -> PiccoloReading:
        """Make an object."""
        return PiccoloReading(**row._asdict())

    def prepare_many(self, rows: Sequence[Given]) -> list[PiccoloReading]:
        """Make objects."""
        return [PiccoloReading(**row._asdict()) for row in rows]

    async def get(self, id_: int) -> PiccoloReading | None:
        """One round trip."""
        return await PiccoloReading.objects().get(PiccoloReading.id == id_)

    async def find(self, first: int) -> list[PiccoloReading]:
        """One round trip."""
        wanted = (PiccoloReading.id >= first) & (PiccoloReading.unit == UNIT)
        query = PiccoloReading.objects().where(wanted)
        return await query.order_by(PiccoloReading.id).limit(PAGE)

    async def list_all(self) -> list[PiccoloReading]:
        """One round trip."""
        return await PiccoloReading.objects()

    async def create(self, row: PiccoloReading) -> PiccoloReading:
        """One round trip; what is stored is what the object holds."""
        await row.save()
        return row

    async def update(self, change: Change) -> PiccoloReading:
        """One round trip."""
        values: dict[Any, Any] = {
            PiccoloReading.value: change.value,
            PiccoloReading.note: change.note,
        }
        query = PiccoloReading.update(values).where(PiccoloReading.id == change.id)
        (row,) = await query.returning(*PiccoloReading.all_columns())
        return PiccoloReading(_exists_in_db=True, **row)

    async def create_many(self, rows: Sequence[PiccoloReading]) -> Sequence[PiccoloReading]:
        """One transaction; what is stored is what the objects hold."""
        async with self._engine.transaction():
            for start in range(0, len(rows), _AT_ONCE):
                await PiccoloReading.insert(*rows[start : start + _AT_ONCE])
        return rows

    async def load(self, rows: Sequence[PiccoloReading]) -> None:
        """The same."""
        await self.create_many(rows)

    def values(self, row: Any) -> Values:
        """By name."""
        return tuple(attrgetter(*_COLUMNS)(row))
