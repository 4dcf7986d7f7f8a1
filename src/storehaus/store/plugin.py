"""The seam where cache and signals stand around the store."""

from typing import Any

from storehaus.driver import Connection
from storehaus.store.change import Change, Outcome

__all__ = ["Plugin"]


class Plugin:
    """Sees every write of every store of one haus. Override what is needed.

    Plug-ins are called in the order of registration and know nothing of each other.

    Attributes:
        in_transaction: Whether `after` does something. Then also a single statement runs inside of
            BEGIN and COMMIT, which costs two round trips.
        needs_rows: Whether it must see the rows of a `load`, which then uses INSERT, not COPY.
    """

    in_transaction: bool = False
    needs_rows: bool = False

    async def before(self, change: Change[Any]) -> None:
        """Alter the change, or refuse it by raising. Nothing has been sent yet."""

    async def after(self, outcome: Outcome[Any], connection: Connection) -> None:
        """Add to the transaction of the write; raising rolls it back."""

    async def after_commit(self, outcome: Outcome[Any]) -> None:
        """React to what is durable now; must not raise, since it is too late to refuse.

        Writes in `haus.transaction()` are told after its commit, in order. It is seen through when
        the task that wrote is cancelled meanwhile.
        """
