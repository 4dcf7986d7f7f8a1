"""Create, read, update, delete: the verbs of a store, one after the other.

    python examples/01_basic_usage.py

It uses the PostgreSQL that `DATABASE_URL`, the environment or `./storehaus.toml` names; without any
of them it starts one of its own, which needs `pip install "storehaus[embedded]"`. Everything
happens in the schema `storehaus_examples`, whose table is made anew at each start.
"""

import asyncio
from decimal import Decimal
from uuid import UUID

from storehaus import (
    ConfigurationError,
    Field,
    GenericStore,
    Model,
    NotFound,
    QueryBuilder,
    StoreHaus,
    UniqueViolation,
    ValidationError,
    field,
    uuid7,
)


class Product(Model, table="products", schema="storehaus_examples", soft_delete=True):
    """What a shop sells."""

    id: Field[UUID] = field(primary_key=True, default_factory=uuid7)
    sku: Field[str] = field(unique=True, update=False)  # set at creation, then fixed
    name: Field[str] = field(index=True, min_length=1, max_length=200)
    price: Field[Decimal] = field(ge=Decimal(0))
    stock: Field[int] = field(default=0, ge=0)
    description: Field[str | None] = field(default=None)


def configured_haus() -> StoreHaus:
    """Use the server that is configured; where nothing is, one of its own."""
    try:
        return StoreHaus.from_config()
    except ConfigurationError as error:
        if error.key is not None:  # there is a configuration, and it is wrong
            raise
        print("Nothing is configured, so an embedded PostgreSQL is started.")
        return StoreHaus.embedded()


async def create(products: GenericStore[Product]) -> Product:
    """Store one row, then a thousand in one transaction."""
    print("\nCreate")
    lamp = await products.create(
        Product(sku="LAMP-1", name="Desk lamp", price=Decimal("39.90"), stock=4),
        tags=["import", "lighting"],
    )
    print(f"  one row     {lamp.name}, tags {lamp.__tags__}")

    screws = [
        Product(sku=f"SCREW-{n}", name=f"Screw M{n % 9 + 2}", price=Decimal("0.05"), stock=n)
        for n in range(1000)
    ]
    stored = await products.create_many(screws, tags=["import"])
    print(f"  a batch     {len(stored)} rows, in the order given")
    return lamp


async def read(products: GenericStore[Product], lamp: Product) -> None:
    """Find rows by id, by condition, by tag."""
    print("\nRead")
    same = await products.get(lamp.id)
    print(f"  by id       {same.name} for {same.price}")

    well_stocked = await products.find(
        QueryBuilder(Product)
        .filter(Product.name.startswith("Screw M8"), Product.stock >= 900)
        .order_by(Product.stock.desc())
        .limit(3)
    )
    print(f"  a query     {[product.sku for product in well_stocked]}")

    tagged = await products.find(QueryBuilder(Product).filter_by_all_tags(["import", "lighting"]))
    print(f"  by tags     {[product.sku for product in tagged]}")
    print(f"  count       {await products.count()} rows")


async def update(products: GenericStore[Product], lamp: Product) -> None:
    """Change some fields, all fields, many rows."""
    print("\nUpdate")
    sold = await products.patch(lamp.id, {Product.stock: Product.stock - 1})
    print(f"  patch       {lamp.stock} in stock before, {sold.stock} after")

    sold.description = "Warm white, with a clamp"
    full = await products.update(sold.id, sold, tags=["lighting"])
    print(f"  update      {full.description!r}, tags now {full.__tags__}")

    cheaper = await products.update_where(
        Product.stock < 10, {Product.price: Product.price * Decimal("0.9")}
    )
    print(f"  by query    {len(cheaper)} rows are cheaper now")

    both = [
        Product(sku="LAMP-1", name="Desk lamp II", price=Decimal("44.90"), stock=7),
        Product(sku="LAMP-2", name="Floor lamp", price=Decimal("89.00"), stock=2),
    ]
    for outcome in await products.upsert_many(both, on=(Product.sku,)):
        print(f"  upsert      {outcome.model.sku} {'inserted' if outcome.inserted else 'updated'}")


async def delete(products: GenericStore[Product], lamp: Product) -> None:
    """Mark a row as deleted, bring it back, delete for good."""
    print("\nDelete")
    await products.delete(lamp.id)
    print(f"  soft        {await products.get_by_id(lamp.id)} is what get_by_id finds now")
    print(f"  restore     {(await products.restore(lamp.id)).name} is back")

    gone = await products.delete_where(Product.name.startswith("Screw"))
    print(f"  by query    {len(gone)} rows")
    print(f"  purge       {await products.purge(gone[0])}: this one is gone for good")


async def fail(products: GenericStore[Product], lamp: Product) -> None:
    """Meet the errors that applications handle most."""
    print("\nErrors")
    try:
        await products.create(Product(sku="LAMP-1", name="Another lamp", price=Decimal(1)))
    except UniqueViolation as error:
        print(f"  duplicate   {error.constraint} on {error.fields}")

    try:
        await products.patch(lamp.id, stock=-1)
    except ValidationError as error:
        print(f"  wrong value {error.message}")

    try:
        await products.get(uuid7())
    except NotFound as error:
        print(f"  missing row {error.message}")


async def main() -> None:
    """Run all of it."""
    async with configured_haus() as haus:
        health = await haus.health()
        print(f"{health.database.detail} is ready.")

        await haus.auto_migrate(Product, recreate=True)
        products = haus.store(Product)

        lamp = await create(products)
        await read(products, lamp)
        await update(products, lamp)
        await delete(products, lamp)
        await fail(products, lamp)


if __name__ == "__main__":
    asyncio.run(main())
