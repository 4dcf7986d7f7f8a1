"""StoreHaus: the verbs of a store."""

from collections.abc import Sequence
from typing import Any, ClassVar

from _bench import Reading
from msgspec.structs import astuple

from storehaus import AppConfig, DatabaseConfig, GenericStore, QueryBuilder, StoreHaus
from versus.contender import POOL, Address, Contender
from versus.table import PAGE, UNIT, Change, Given, Values

_QUERY = QueryBuilder(Reading)


class OurStore(Contender):
    """One store of one haus, which all tasks share."""

    name: ClassVar[str] = "storehaus"
    title: ClassVar[str] = "StoreHaus"
    packages: ClassVar[tuple[str, ...]] = ("storehaus", "asyncpg", "msgspec")
    how: ClassVar[str] = (
        "one haus and one store for all tasks; get_by_id, find, list_all, create, patch,"
        " create_many, load; the query of find is built for every call"
    )

    _haus: StoreHaus
    _store: GenericStore[Reading]

    async def open(self, address: Address) -> None:
        """Open a haus."""
        database = DatabaseConfig(url=address.url, min_connections=POOL, max_connections=POOL)
        self._haus = StoreHaus(AppConfig(database=database))
        await self._haus.open()
        self._store = self._haus.store(Reading)

    async def close(self) -> None:
        """Close it."""
        await self._haus.close()

    def prepare(self, row: Given) -> Reading:
        """Make a model."""
        return Reading(**row._asdict())

    def prepare_many(self, rows: Sequence[Given]) -> list[Reading]:
        """Make models."""
        return [Reading(**row._asdict()) for row in rows]

    async def get(self, id_: int) -> Reading | None:
        """One round trip."""
        return await self._store.get_by_id(id_)

    async def find(self, first: int) -> list[Reading]:
        """One round trip, for a query that is built here."""
        query = _QUERY.filter(Reading.id >= first, Reading.unit == UNIT)
        return await self._store.find(query.order_by(Reading.id).limit(PAGE))

    async def list_all(self) -> list[Reading]:
        """One round trip."""
        return await self._store.list_all()

    async def create(self, row: Reading) -> Reading:
        """One round trip."""
        return await self._store.create(row)

    async def update(self, change: Change) -> Reading:
        """One round trip."""
        return await self._store.patch(change.id, value=change.value, note=change.note)

    async def create_many(self, rows: Sequence[Reading]) -> list[Reading]:
        """One transaction."""
        return await self._store.create_many(rows)

    async def load(self, rows: Sequence[Reading]) -> None:
        """COPY."""
        await self._store.load(rows)

    def values(self, row: Any) -> Values:
        """By position."""
        return astuple(row)
