"""Models whose soft deletes cascade, in every way in which one can reference another."""

from enum import StrEnum
from typing import Any

import asyncpg

from storehaus import Field, ForeignKey, GenericStore, Index, Model, StoreHaus, Unique, field


class Region(Model, table="regions", soft_delete=True):
    """The top of three levels."""

    id: Field[int] = field(primary_key=True)
    name: Field[str] = field(default="")


class Shop(Model, table="shops", soft_delete=True):
    """The middle, with a version and a value that is unique among active rows."""

    id: Field[int] = field(primary_key=True)
    region_id: Field[int | None] = field(
        default=None, references=Region.id, on_delete="cascade", index=True
    )
    slug: Field[str | None] = field(default=None, unique=True)
    version: Field[int] = field(version=True)


class Shelf(Model, table="shelves"):
    """The bottom, with a flag of its own."""

    id: Field[int] = field(primary_key=True)
    shop_id: Field[int] = field(references=Shop.id, on_delete="cascade", index=True)
    visible: Field[bool] = field(soft_delete=True)


class Receipt(Model, table="receipts", soft_delete=True):
    """A child of the top and of the middle."""

    id: Field[int] = field(primary_key=True)
    region_id: Field[int | None] = field(
        default=None, references=Region.id, on_delete="cascade", index=True
    )
    shop_id: Field[int | None] = field(
        default=None, references=Shop.id, on_delete="cascade", index=True
    )


class Deal(Model, table="deals", soft_delete=True):
    """Two references to one table."""

    id: Field[int] = field(primary_key=True)
    buyer_id: Field[int] = field(references=Shop.id, on_delete="cascade", index=True)
    seller_id: Field[int] = field(references=Shop.id, on_delete="cascade", index=True)


class Note(Model, table="notes"):
    """Deleted for good, and only when the region is."""

    id: Field[int] = field(primary_key=True)
    region_id: Field[int] = field(references=Region.id, on_delete="cascade", index=True)


class Visit(Model, table="visits", soft_delete=True):
    """Refers to a region, and is no part of it."""

    id: Field[int] = field(primary_key=True)
    region_id: Field[int] = field(references=Region.id, index=True)


class Folder(Model, table="folders", soft_delete=True):
    """A tree in one table."""

    id: Field[int] = field(primary_key=True)
    parent_id: Field[int | None] = field(
        default=None, references="folders.id", on_delete="cascade", index=True
    )
    name: Field[str | None] = field(default=None, unique=True)


class Hall(Model, table="halls", soft_delete=True):
    """A composite key."""

    building: Field[str] = field(primary_key=True, max_length=20)
    number: Field[int] = field(primary_key=True)


class Chair(
    Model,
    table="chairs",
    soft_delete=True,
    indexes=(
        ForeignKey(("floor", "house"), (Hall.number, Hall.building), on_delete="cascade"),
        Index("floor", "house"),
        Unique("label"),
    ),
):
    """References a composite key, in another order and by other names; has one itself."""

    house: Field[str | None] = field(default=None)
    floor: Field[int | None] = field(default=None)
    row: Field[int] = field(primary_key=True)
    place: Field[str] = field(primary_key=True, max_length=20)
    label: Field[str | None] = field(default=None)


class Depot(Model, table="depots", schema="warehouse", soft_delete=True):
    """In a schema."""

    id: Field[int] = field(primary_key=True)


class Crate(Model, table="crates", soft_delete=True):
    """In another schema than what it references."""

    id: Field[int] = field(primary_key=True)
    depot_id: Field[int] = field(references=Depot.id, on_delete="cascade", index=True)


class Slot(Model, table="slots", schema="warehouse", soft_delete=True):
    """References a table of its own schema without naming that."""

    id: Field[int] = field(primary_key=True)
    depot_id: Field[int] = field(references="depots.id", on_delete="cascade", index=True)


class Metal(StrEnum):
    """Members that travel under other names."""

    IRON = "Fe"
    GOLD = "Au"


class Ore(Model, table="ores", soft_delete=True):
    """An enum as key."""

    metal: Field[Metal] = field(primary_key=True)


class Mine(Model, table="mines", soft_delete=True):
    """An enum as key and as reference."""

    metal: Field[Metal] = field(primary_key=True, references=Ore.metal, on_delete="cascade")


MODELS: tuple[type[Model], ...] = (
    Region,
    Shop,
    Shelf,
    Receipt,
    Deal,
    Note,
    Visit,
    Folder,
    Hall,
    Chair,
    Depot,
    Crate,
    Slot,
    Ore,
    Mine,
)


def know(haus: StoreHaus) -> None:
    """Take the stores of all models, so that the haus knows them."""
    for model in MODELS:
        haus.store(model)


async def active_ids(store: GenericStore[Any]) -> set[Any]:
    """Ids of the active rows of a table."""
    (key,) = store.table_info.primary_key
    return {getattr(row, key.name) for row in await store.list_all()}


async def marks(
    witness: "asyncpg.Connection[asyncpg.Record]", model: type[Model]
) -> dict[Any, Any]:
    """Deletion of each row of a table, by the first column of its key."""
    info = model.__table_info__
    key = info.primary_key[0].column
    rows = await witness.fetch(
        f'SELECT "{key}", "__deletion__" FROM "{info.schema or "public"}"."{info.name}"'
    )
    return {row[0]: row[1] for row in rows}
