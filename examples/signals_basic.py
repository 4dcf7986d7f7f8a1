"""Signals: callbacks that hear of what was committed.

    python examples/signals_basic.py

It uses the PostgreSQL that `DATABASE_URL`, the environment or `./storehaus.toml` names; without any
of them it starts one of its own, which needs `pip install "storehaus[embedded]"`. Everything
happens in the schema `storehaus_examples`, whose table is made anew at each start.
"""

import asyncio

from storehaus import (
    ConfigurationError,
    DatabaseEvent,
    EventType,
    Field,
    GenericStore,
    Model,
    StoreHaus,
    UniqueViolation,
    field,
)


class Order(Model, table="orders", schema="storehaus_examples", soft_delete=True):
    """What a customer wants."""

    id: Field[int] = field(primary_key=True)
    item: Field[str]
    state: Field[str] = field(default="new")


def configured_haus() -> StoreHaus:
    """Use the server that is configured; where nothing is, one of its own."""
    try:
        return StoreHaus.from_config()
    except ConfigurationError as error:
        if error.key is not None:  # there is a configuration, and it is wrong
            raise
        print("Nothing is configured, so an embedded PostgreSQL is started.")
        return StoreHaus.embedded()


def listen(haus: StoreHaus) -> None:
    """Add the callbacks."""

    @haus.signals.on(Order)
    async def show(event: DatabaseEvent) -> None:
        by = f" by {event.actor}" if event.actor else ""
        print(
            f"  {event.event_type.value:<7} order {event.record_id}{by}: {event.payload['state']}"
        )

    @haus.signals.on(Order, EventType.CREATE, tags={"express"})
    async def hurry(event: DatabaseEvent) -> None:
        print(f"  express! {event.payload['item']} first")

    @haus.signals.on(Order, EventType.UPDATE, name="fragile")
    async def fragile(event: DatabaseEvent) -> None:
        raise RuntimeError(f"cannot handle {event.record_id}")

    def complain(error: Exception, event: DatabaseEvent, name: str) -> None:
        print(f"  {name} failed for order {event.record_id}: {type(error).__name__}")

    haus.signals.set_error_handler(complain)


async def write(haus: StoreHaus, orders: GenericStore[Order]) -> None:
    """Write, alone and in transactions."""
    print("\nSingle writes")
    with haus.actor("shop"):
        await orders.create(Order(id=1, item="lamp"))
        await orders.create(Order(id=2, item="clock"), tags=["express"])
    await haus.signals.drain()

    print("\nA transaction that is rolled back tells of nothing")
    try:
        async with haus.transaction():
            await orders.patch(1, state="paid")
            await orders.create(Order(id=1, item="there is an order 1 already"))
    except UniqueViolation:
        await haus.signals.drain()

    print("\nOne that commits tells of everything, after the commit")
    async with haus.transaction(), haus.lock("orders"):
        await orders.patch(1, state="paid")
        await orders.patch(2, state="paid")
        print("  (not committed yet)")
    await haus.signals.drain()

    print("\nMany rows, and a delete that only marks")
    await orders.update_where(Order.state == "paid", {Order.state: "sent"})
    await orders.delete(1)
    await haus.signals.drain()


async def main() -> None:
    """Open, listen, write, and show what was counted."""
    async with configured_haus() as haus:
        await haus.auto_migrate(Order, recreate=True)
        listen(haus)
        await write(haus, haus.store(Order))
        stats = haus.signals.stats()
        print(
            f"\n{stats.emitted} events, {stats.executions} runs of callbacks, {stats.failures}"
            f" failures, {stats.removed} callback removed for failing"
        )


if __name__ == "__main__":
    asyncio.run(main())
