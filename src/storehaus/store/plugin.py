"""The seam where cache and signals stand around the store."""

from collections.abc import Hashable, Sequence
from typing import Any

from storehaus.driver import Connection
from storehaus.model import TableInfo
from storehaus.store.change import Change, Outcome
from storehaus.store.transaction import Unit

__all__ = ["Plugin"]


class Plugin:
    """Sees every write of every store of one haus. Override what is needed.

    Plug-ins are called in the order of registration and know nothing of each other.

    Attributes:
        in_transaction: Whether `after` or `observe` does something. Then also a single statement
            runs inside of BEGIN and COMMIT, which costs two round trips.
        needs_rows: Whether it must see the rows of a `load`, which then uses INSERT, not COPY.
    """

    in_transaction: bool = False
    needs_rows: bool = False

    def joins(self, table: TableInfo) -> bool:
        """Say whether writes to a table need a transaction that this plug-in can add to."""
        del table
        return self.in_transaction

    def batch_key(self) -> Hashable:
        """Give what calls must have in common to share a statement, read from the context.

        Calls that tasks make at the same time may leave as one statement. What belongs to the
        caller and not to the row (an actor, a tenant, a role) is given here, so that only calls of
        the same one are put together.
        """
        return None

    async def before(self, change: Change[Any]) -> None:
        """Alter the change, or refuse it by raising. Nothing has been sent yet."""

    async def after(self, outcome: Outcome[Any], connection: Connection) -> None:
        """Add to the transaction of the write; raising rolls it back."""

    async def after_all(self, outcomes: Sequence[Outcome[Any]], connection: Connection) -> None:
        """As `after`, for writes that shared a statement; override it to send all at once.

        Raising rolls all of them back; then each is made again alone.
        """
        for outcome in outcomes:
            await self.after(outcome, connection)

    def observe(self, outcome: Outcome[Any], unit: Unit) -> None:
        """Take note of a write in an open transaction, after `after`.

        `unit.before_commit` takes what is to be done right before the COMMIT, once for all writes
        of the transaction; `unit.at_end` what is to be done when it is over, however it ended. A
        write that a savepoint undoes stays noted.
        """

    def watches_statements(self) -> bool:
        """Whether `observe_statement` does something now; statements then run in transactions."""
        return False

    def observe_statement(self, unit: Unit, touches: Sequence[TableInfo] | None) -> None:
        """Take note of a statement that was written by hand, and may have written anything.

        Args:
            unit: The transaction that it ran in.
            touches: The tables that it writes to, as the caller says; None may be any.
        """

    def committed(self, outcome: Outcome[Any]) -> None:
        """Take note of what is durable now, without waiting for anything; must not raise.

        As `after_commit`, but in the turn of the event loop in which the writer goes on. It runs in
        the context of the call that wrote.
        """

    def lost(self, change: Change[Any]) -> None:
        """Take note of a write that may have happened or not; must not raise.

        The connection was lost, and the answer to the COMMIT with it.
        """

    async def after_commit(self, outcome: Outcome[Any]) -> None:
        """React to what is durable now; must not raise, since it is too late to refuse.

        Writes in `haus.transaction()` are told after its commit, in order. It is seen through when
        the task that wrote is cancelled meanwhile.
        """
