"""Blocks, replays and locks that cannot be meant are errors for both checkers."""

from storehaus import StoreHaus


async def transfer(source: int, target: int) -> int:
    """Two arguments."""
    return source + target


def plain(source: int) -> int:
    """Not asynchronous."""
    return source


async def use(haus: StoreHaus) -> None:
    """Every line is refused."""
    haus.transaction("sloppy")  # error: arg-type | reportArgumentType
    haus.transaction("serializable", True)  # error: call-arg | reportCallIssue
    haus.transaction(retries=3)  # error: call-arg | reportCallIssue
    await haus.atomic(transfer, 1)  # error: arg-type | reportArgumentType
    await haus.atomic(transfer, 1, "2")  # error: arg-type | reportArgumentType
    await haus.atomic(transfer, 1, 2, 3)  # error: arg-type | reportArgumentType
    await haus.atomic(plain, 1)  # error: arg-type | reportArgumentType
    await haus.atomic(transfer, 1, 2, deferrable=True)  # error: call-arg | reportCallIssue
    haus.lock(3)  # error: arg-type | reportArgumentType
    haus.lock("x", True)  # error: call-arg | reportCallIssue
    async with haus.transaction() as tx:
        tx.on_commit(3)  # error: arg-type | reportArgumentType
        tx.on_commit(transfer)  # error: arg-type | reportArgumentType
