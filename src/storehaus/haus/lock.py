"""Advisory locks by name."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from hashlib import blake2b

from storehaus.driver import Connection
from storehaus.errors import (
    CommitUnknown,
    ConnectionFailed,
    LockNotAvailable,
    QueryTimeout,
    TransactionMisuse,
)
from storehaus.store import Database

__all__ = ["Lock", "lock_key"]

_LOCK_NOT_AVAILABLE = "55P03"
_RELEASE_SECONDS = 5.0
# A lock that is held for long waits in its transaction, and is not to be ended for that.
_KEEP = "SET LOCAL idle_in_transaction_session_timeout = 0"
_KEEP_LONG = f"{_KEEP}; SET LOCAL transaction_timeout = 0"
_TRANSACTION_TIMEOUT_SINCE = 17


def lock_key(name: str) -> int:
    """Make the number that PostgreSQL knows a lock by: 64 bits, signed."""
    return int.from_bytes(
        blake2b(name.encode(errors="surrogatepass"), digest_size=8).digest(), signed=True
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """An advisory lock that is wanted.

    Attributes:
        name: Any text; who uses the same name in the same database waits for each other.
        shared: Whether those who share it may have it at the same time.
        wait: Whether to wait for it.
        timeout_seconds: Longest wait; None is that of a statement.

    Raises:
        TransactionMisuse: When the time-out is no positive number.
    """

    name: str
    shared: bool = False
    wait: bool = True
    timeout_seconds: float | None = None

    def __post_init__(self) -> None:
        if self.timeout_seconds is not None and not self.timeout_seconds > 0:
            raise TransactionMisuse("timeout_seconds is a positive number of seconds, or None")

    @asynccontextmanager
    async def hold(self, database: Database) -> AsyncGenerator[bool]:
        """Hold it for as long as the context lasts, and within a transaction to its end.

        Both ways it belongs to a transaction, so that losing the connection frees it.
        """
        unit = database.joined()
        if unit is not None:
            await unit.check()
            async with AsyncExitStack() as stack:
                if self.wait and self.timeout_seconds is not None:
                    # What times out fails no more than this block.
                    await stack.enter_async_context(database.write_block())
                acquired = await self._acquire(unit.connection)
            yield acquired
            return
        async with AsyncExitStack() as stack:
            connection = await stack.enter_async_context(database.driver.acquire())
            await connection.begin()
            has_limit = connection.server_version >= _TRANSACTION_TIMEOUT_SINCE
            await connection.execute(_KEEP_LONG if has_limit else _KEEP)
            acquired = await self._acquire(connection)
            if not acquired:
                await stack.aclose()
            yield acquired
            if acquired:
                await _release(connection)

    async def _acquire(self, connection: Connection) -> bool:
        shared = "_shared" if self.shared else ""
        key = (lock_key(self.name),)
        if not self.wait:
            rows = await connection.fetch(f"SELECT pg_try_advisory_xact_lock{shared}($1)", key)
            return bool(rows[0][0])
        text = f"SELECT pg_advisory_xact_lock{shared}($1)"
        try:
            await connection.fetch(text, key, timeout_seconds=self.timeout_seconds)
        except QueryTimeout:
            pass
        else:
            return True
        raise LockNotAvailable(
            f"the lock {self.name!r:.80} was not free in time", sqlstate=_LOCK_NOT_AVAILABLE
        )


async def _release(connection: Connection) -> None:
    """End the lock's transaction.

    Raises:
        ConnectionFailed: When the connection was lost: somebody else may have had the lock since.
    """
    try:
        async with asyncio.timeout(_RELEASE_SECONDS):
            await connection.commit()
    except (ConnectionFailed, CommitUnknown, TimeoutError):
        pass
    else:
        return
    raise ConnectionFailed(
        "the connection that held a lock was lost: somebody else may have had the lock since"
    )
