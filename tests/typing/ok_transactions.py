"""What blocks, replays and locks give, as both checkers see it."""

from typing import assert_type

from storehaus import Field, Model, StoreHaus, Transaction, field


class Wallet(Model, table="wallets"):
    """One row to pay from."""

    id: Field[int] = field(primary_key=True)
    balance: Field[int]


async def transfer(source: int, target: int, amount: float) -> Wallet:
    """Several arguments, and a result."""
    return Wallet(id=source + target, balance=round(amount))


async def sweep() -> None:
    """Neither."""


def notify() -> int:
    """A callback whose result nobody reads."""
    return 1


async def use(haus: StoreHaus) -> None:
    """Every way to ask for it."""
    async with haus.transaction("serializable", readonly=True, deferrable=True) as tx:
        assert_type(tx, Transaction)
        tx.on_commit(notify)
        tx.on_commit(sweep)
        tx.on_rollback(lambda: None)
    async with haus.transaction(isolation="repeatable read", timeout_seconds=5):
        pass

    assert_type(await haus.atomic(transfer, 1, 2, 3.5), Wallet)
    assert_type(await haus.atomic(transfer, 1, 2, 3, retries=1, isolation="serializable"), Wallet)
    await haus.atomic(sweep, timeout_seconds=1.5, readonly=True)

    async with haus.lock("nightly") as acquired:
        assert_type(acquired, bool)
    async with haus.lock("nightly", shared=True, wait=False, timeout_seconds=1):
        pass
