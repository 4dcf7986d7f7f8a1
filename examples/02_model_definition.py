"""What a model can say: types, keys, constraints, mixins, references, and what is wrong with one.

    python examples/02_model_definition.py

It uses the PostgreSQL that `DATABASE_URL`, the environment or `./storehaus.toml` names; without any
of them it starts one of its own, which needs `pip install "storehaus[embedded]"`. Everything
happens in the schema `storehaus_examples`, whose tables are made anew at each start.
"""

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from ipaddress import IPv4Address
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from storehaus import (
    Check,
    CheckViolation,
    ConfigurationError,
    Field,
    ForeignKey,
    Index,
    Model,
    ModelDefinitionError,
    Numeric,
    SmallInt,
    StaleVersion,
    StoreHaus,
    Unique,
    ValidationError,
    analyse,
    desc,
    field,
    uuid7,
)


class Sex(StrEnum):
    """An enum becomes a type of PostgreSQL; its labels are the values."""

    FEMALE = "female"
    MALE = "male"


class Chip(msgspec.Struct):
    """A struct becomes jsonb, and comes back as itself."""

    number: str
    implanted: date | None = None


class Named(Model, schema="storehaus_examples"):
    """A class without `table=` is a mixin: it gives its fields and its schema to others."""

    id: Field[UUID] = field(primary_key=True, default_factory=uuid7)
    name: Field[str] = field(index=True, min_length=1, max_length=100)

    def greeting(self) -> str:
        """Methods are inherited like fields."""
        return f"I am {self.name}."


class Keeper(Named, table="keepers"):
    """Somebody who looks after animals."""

    badge: Field[int] = field(unique=True, gt=0, update=False)  # set at creation, then fixed
    phone: Field[str | None] = field(default=None, max_length=20, pattern=r"^\+?[0-9 ]+$")
    desk: Field[IPv4Address | None] = field(default=None)


class Animal(
    Named,
    table="animals",
    soft_delete=True,
    comment="Everyone who lives here",
    indexes=(
        Index("species", desc("born")),
        Index("traits", using="gin"),
        Unique("species", "name"),
        Check("left_at IS NULL OR left_at >= born", name="animals_stay"),
    ),
):
    """Most kinds of fields."""

    species: Field[str] = field(max_length=60)
    sex: Field[Sex | None] = field(default=None)
    diet: Field[Literal["plants", "meat", "both"]] = field(default="both")
    born: Field[date] = field(ge=date(1800, 1, 1))
    left_at: Field[date | None] = field(default=None, create=False)  # on update only
    weight: Field[Annotated[Decimal, Numeric(8, 3)] | None] = field(default=None, gt=0)
    legs: Field[Annotated[int, SmallInt]] = field(default=4, ge=0)
    traits: Field[list[str]] = field(default_factory=list)
    chip: Field[Chip | None] = field(default=None)
    notes: Field[dict[str, object]] = field(default_factory=dict)
    keeper_id: Field[UUID | None] = field(
        default=None, references=Keeper.id, on_delete="set null", index=True
    )
    mother_id: Field[UUID | None] = field(
        default=None, references="animals.id", on_delete="set null", index=True
    )


class Enclosure(Model, table="enclosures", schema="storehaus_examples"):
    """A key of two fields, whose ids are tuples, and a version against lost updates."""

    house: Field[str] = field(primary_key=True, max_length=20)
    number: Field[int] = field(primary_key=True)
    animals: Field[int] = field(default=0, ge=0)
    version: Field[int] = field(version=True)


class Feeding(
    Model,
    table="feedings",
    schema="storehaus_examples",
    indexes=(
        ForeignKey(("house", "number"), (Enclosure.house, Enclosure.number), on_delete="cascade"),
        Index("house", "number", desc("at")),
    ),
):
    """An id that PostgreSQL counts up, and a reference of two columns."""

    id: Field[int] = field(primary_key=True, generated="identity")
    house: Field[str] = field(max_length=20)
    number: Field[int]
    at: Field[datetime] = field(default_factory=lambda: datetime.now(UTC))
    took: Field[timedelta] = field(default=timedelta(minutes=10))


def configured_haus() -> StoreHaus:
    """Use the server that is configured; where nothing is, one of its own."""
    try:
        return StoreHaus.from_config()
    except ConfigurationError as error:
        if error.key is not None:  # there is a configuration, and it is wrong
            raise
        print("Nothing is configured, so an embedded PostgreSQL is started.")
        return StoreHaus.embedded()


async def use_types(haus: StoreHaus) -> None:
    """Store one row with most types, and read it back."""
    print("\nTypes")
    keeper = await haus.store(Keeper).create(
        Keeper(name="Maya", badge=7, phone="+49 30 1234", desk=IPv4Address("10.0.0.7"))
    )
    elephant = await haus.store(Animal).create(
        Animal(
            name="Kiri",
            species="Elephas maximus",
            sex=Sex.FEMALE,
            diet="plants",
            born=date(2011, 5, 1),
            weight=Decimal("2710.500"),
            traits=["calm", "loves water"],
            chip=Chip("276098100", implanted=date(2011, 9, 1)),
            notes={"songs": 3, "friends": ["Tuma"]},
            keeper_id=keeper.id,
        )
    )
    again = await haus.store(Animal).get(elephant.id)
    print(f"  {again.greeting()} {again.weight} kg, {again.sex!r}, {again.chip}")
    print(f"  created {again.__created_at__:%H:%M:%S}, active: {again.__is_active__}")


async def use_columns(haus: StoreHaus) -> None:
    """Class attributes are columns, instance attributes are values."""
    print("\nColumns")
    animals = haus.store(Animal)
    found = await animals.find(Animal.weight > Decimal(1000), Animal.diet == "plants")
    print(f"  {Animal.weight!r} > 1000: {[animal.name for animal in found]}")


async def use_keys(haus: StoreHaus) -> None:
    """Composite keys, identities, versions."""
    print("\nKeys")
    enclosures = haus.store(Enclosure)
    pool = await enclosures.create(Enclosure(house="water", number=1))
    feeding = await haus.store(Feeding).create(Feeding(house="water", number=1))
    print(f"  feeding {feeding.id} took {feeding.took}")

    await enclosures.patch(("water", 1), animals=2)
    pool.animals = 5
    try:
        await enclosures.update(("water", 1), pool)
    except StaleVersion as error:
        print(f"  somebody else was faster: {error.message}")


async def break_rules(haus: StoreHaus) -> None:
    """Values are checked before anything is sent; what only the database knows, by it."""
    print("\nRules")
    animals = haus.store(Animal)
    dodo = Animal(name="Dodo", species="Raphus cucullatus", born=date(1662, 1, 1))
    try:
        await animals.create(dodo)
    except ValidationError as error:
        print(f"  before: {error.message}")

    fox = await animals.create(Animal(name="Finn", species="Vulpes", born=date(2020, 4, 1)))
    try:
        await animals.patch(fox.id, left_at=date(2019, 1, 1))
    except CheckViolation as error:
        print(f"  by the database: {error.constraint}")


def break_declarations() -> None:
    """A declaration that cannot be meant is refused when the class is made."""
    print("\nDeclarations")
    try:

        class Impossible(Model, table="impossible"):
            phase: Field[complex]

    except ModelDefinitionError as error:
        print(f"  refused: {error.message}")

    class Unwise(Model, table="unwise"):
        price: Field[float] = field(ge=10, le=5)

    for finding in analyse([Unwise]):
        print(f"  {finding.code} {finding.severity}: {finding.message}")


async def main() -> None:
    """Run all of it."""
    async with configured_haus() as haus:
        await haus.auto_migrate(Keeper, Animal, Enclosure, Feeding, recreate=True)
        await use_types(haus)
        await use_columns(haus)
        await use_keys(haus)
        await break_rules(haus)
    break_declarations()


if __name__ == "__main__":
    asyncio.run(main())
