"""Tortoise ORM, on asyncpg."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, ClassVar

from tortoise import Tortoise, fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.models import Model

from versus.contender import POOL, Address, Contender
from versus.table import PAGE, UNIT, Change, Given, Values

_COLUMNS = (*Given._fields, "created_at", "updated_at", "tags")


class TortoiseReading(Model):
    """The table; the ORM's own clock fills the times of a new row."""

    id = fields.BigIntField(primary_key=True, generated=False)
    station = fields.TextField()
    unit = fields.CharField(max_length=20)
    value = fields.FloatField()
    price = fields.DecimalField(max_digits=20, decimal_places=2)
    valid = fields.BooleanField()
    taken_at = fields.DatetimeField()
    note = fields.TextField(null=True)
    created_at = fields.DatetimeField(auto_now_add=True, source_field="__created_at__")
    updated_at = fields.DatetimeField(auto_now=True, source_field="__updated_at__")
    tags = ArrayField(element_type="text", default=list, source_field="__tags__")

    class Meta:
        """The name of the table."""

        table = "reading"


class TortoiseOrm(Contender):
    """The verbs of a model."""

    name: ClassVar[str] = "tortoise"
    title: ClassVar[str] = "Tortoise ORM"
    packages: ClassVar[tuple[str, ...]] = ("tortoise-orm", "asyncpg")
    how: ClassVar[str] = (
        "Tortoise.init with asyncpg; get, filter, all, save, bulk_create;"
        " it has no UPDATE … RETURNING, so an update is filter().update() and get()"
    )

    async def open(self, address: Address) -> None:
        """Initialise it with the one model."""
        credentials = address.parts | {"minsize": POOL, "maxsize": POOL}
        await Tortoise.init(
            config={
                "connections": {
                    "default": {
                        "engine": "tortoise.backends.asyncpg",
                        "credentials": credentials,
                    }
                },
                "apps": {"versus": {"models": [__name__]}},
                "use_tz": True,
                "timezone": "UTC",
            }
        )

    async def close(self) -> None:
        """Close its connections."""
        await Tortoise.close_connections()

    def prepare(self, row: Given) -> TortoiseReading:
        """Make a model."""
        return TortoiseReading(**row._asdict())

    def prepare_many(self, rows: Sequence[Given]) -> list[TortoiseReading]:
        """Make models."""
        return [TortoiseReading(**row._asdict()) for row in rows]

    async def get(self, id_: int) -> TortoiseReading:
        """One round trip."""
        return await TortoiseReading.get(id=id_)

    async def find(self, first: int) -> list[TortoiseReading]:
        """One round trip."""
        return await TortoiseReading.filter(id__gte=first, unit=UNIT).order_by("id").limit(PAGE)

    async def list_all(self) -> list[TortoiseReading]:
        """One round trip."""
        return await TortoiseReading.all()

    async def create(self, row: TortoiseReading) -> TortoiseReading:
        """One round trip; what is stored is what the model holds."""
        await row.save(force_create=True)
        return row

    async def update(self, change: Change) -> TortoiseReading:
        """Two round trips: the trigger's time has to be read."""
        await TortoiseReading.filter(id=change.id).update(value=change.value, note=change.note)
        return await TortoiseReading.get(id=change.id)

    async def create_many(self, rows: Sequence[TortoiseReading]) -> Sequence[TortoiseReading]:
        """One transaction; what is stored is what the models hold."""
        await TortoiseReading.bulk_create(rows)
        return rows

    async def load(self, rows: Sequence[TortoiseReading]) -> None:
        """The same."""
        await TortoiseReading.bulk_create(rows)

    def values(self, row: Any) -> Values:
        """By name."""
        return tuple(attrgetter(*_COLUMNS)(row))
