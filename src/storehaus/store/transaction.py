"""`Transaction`: one block of a transaction, and `Unit`, which all of its blocks share."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, get_args

from storehaus.driver import Connection
from storehaus.driver.protocol import IsolationLevel
from storehaus.errors import ConnectionFailed, TransactionMisuse
from storehaus.store.effects import Effect, Fate, Keeper, Ledger

__all__ = ["Options", "Transaction", "Unit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a transaction is to be.

    Attributes:
        isolation: None is the server's default.
        readonly: Whether writes are refused.
        deferrable: Whether to wait for a snapshot that cannot collide.
        timeout_seconds: Deadline of the whole block; None is no limit.
        settings: Parameters of the server for as long as it lasts, by name.
        names_actor: Whether its statements say on whose behalf they write.

    Raises:
        TransactionMisuse: When they cannot mean anything.
    """

    isolation: IsolationLevel | None = None
    readonly: bool = False
    deferrable: bool = False
    timeout_seconds: float | None = None
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    names_actor: bool = False

    def __post_init__(self) -> None:
        levels = get_args(IsolationLevel)
        if self.isolation is not None and self.isolation not in levels:
            raise TransactionMisuse(f"isolation is one of {', '.join(levels)}")
        if self.deferrable and not (self.readonly and self.isolation == "serializable"):
            raise TransactionMisuse(
                "deferrable means something only together with isolation='serializable'"
                " and readonly=True"
            )
        seconds = self.timeout_seconds
        if seconds is not None and not (0 < seconds < math.inf):
            raise TransactionMisuse("timeout_seconds is a positive number of seconds, or None")

    @property
    def is_plain(self) -> bool:
        """Whether nothing is asked that only a whole transaction can have."""
        return self.isolation is None and not self.readonly and not self.deferrable


UNKNOWN: Final = object()
"""The actor that a transaction was told last, where nobody knows."""


class Transaction:
    """An open block of `haus.transaction()`: a transaction, or a savepoint within one.

    Stores join it by themselves; it is needed only to ask for callbacks. It belongs to the task
    that opened it.
    """

    __slots__ = ("is_open", "savepoint", "start", "unit")

    def __init__(self, unit: "Unit", savepoint: str | None) -> None:
        self.unit = unit
        """What it shares with the blocks around it."""
        self.is_open = True
        """Whether the block has not ended yet."""
        self.savepoint = savepoint
        """Name of the savepoint; None for the outermost block."""
        self.start = len(unit.ledger)
        """How many effects were registered before it."""

    def __repr__(self) -> str:
        kind = "transaction" if self.savepoint is None else "savepoint"
        return f"<Transaction: {'open' if self.is_open else 'ended'} {kind}>"

    def on_commit(self, callback: Effect) -> None:
        """Call a function when the work of this block is durable, and not at all otherwise.

        Callbacks and what plug-ins do after a commit run in order of registration, outside the
        transaction. All of them run, even when one raises; then an `ExceptionGroup` comes out of
        the outermost block, which says that the transaction was committed.

        Args:
            callback: Function without arguments, synchronous or asynchronous.

        Raises:
            TransactionMisuse: When the block has ended, or belongs to another task.
        """
        self._add(Fate.COMMITTED, callback)

    def on_rollback(self, callback: Effect) -> None:
        """Call a function when the work of this block was rolled back, and not at all otherwise.

        When a lost connection leaves the outcome of a COMMIT unknown, neither kind is called.

        Args:
            callback: Function without arguments, synchronous or asynchronous.

        Raises:
            TransactionMisuse: When the block has ended, or belongs to another task.
        """
        self._add(Fate.ROLLED_BACK, callback)

    def on_unknown(self, callback: Effect) -> None:
        """Call a function when a lost connection leaves the outcome of the COMMIT unknown.

        Args:
            callback: Function without arguments, synchronous or asynchronous.

        Raises:
            TransactionMisuse: When the block has ended, or belongs to another task.
        """
        self._add(Fate.UNKNOWN, callback)

    def _add(self, fate: Fate, callback: Effect) -> None:
        if not self.is_open:
            raise TransactionMisuse("the transaction has ended; ask for callbacks inside its block")
        self.unit.check_task()
        self.unit.ledger.add(self, fate, callback)


class Unit:
    """An open transaction: the connection and the task it belongs to, and its blocks.

    Attributes:
        connection: Where its statements run.
        keeper: Sees its end through.
        ledger: What is to happen after it.
        before_commit: What is done right before the COMMIT, in order; an error rolls back.
        at_end: What is done when it is over, told how it ended; it must not raise.
        notes: What plug-ins keep of it, each under a key of its own.
        transaction_id: PostgreSQL's own, as far as a statement has given it, and the id before
            which all transactions have ended.
        names_actor: Whether statements say on whose behalf they write.
        actor: On whose behalf, as the server was told last; `UNKNOWN` after a savepoint was undone.
        task: Whose verbs may join it.
        blocks: The open blocks, the innermost last.
        is_lost: Whether it cannot go on, since undoing a savepoint was not answered.
        is_ended: Whether it is over, or being committed.
    """

    __slots__ = (
        "_count",
        "_was_named",
        "actor",
        "at_end",
        "before_commit",
        "blocks",
        "connection",
        "is_ended",
        "is_lost",
        "keeper",
        "ledger",
        "names_actor",
        "notes",
        "task",
        "transaction_id",
    )

    def __init__(
        self, connection: Connection, keeper: Keeper, *, names_actor: bool = False
    ) -> None:
        self.connection = connection
        self.keeper = keeper
        self.ledger = Ledger()
        self.before_commit: list[Callable[[Unit], Awaitable[None]]] = []
        self.at_end: list[Callable[[Fate], None]] = []
        self.notes: dict[object, Any] = {}
        self.transaction_id: Sequence[int] | None = None
        self.names_actor = names_actor
        self.actor: object = None
        self._was_named = False
        self.is_lost = False
        self.is_ended = False
        self.blocks: list[Transaction] = [Transaction(self, None)]
        self.task: asyncio.Task[Any] | None = asyncio.current_task()
        self._count = 0

    @property
    def innermost(self) -> Transaction:
        """The block that verbs run in."""
        return self.blocks[-1]

    def push(self, savepoint: str) -> Transaction:
        """Add a block within the innermost one."""
        block = Transaction(self, savepoint)
        self.blocks.append(block)
        return block

    def name_savepoint(self) -> str:
        """Make a name, never the same twice: undoing a block must not reach back to another one."""
        self._count += 1
        return f"storehaus_{self._count}"

    def remove(self, block: Transaction) -> None:
        """End a block, and those within it that are open still."""
        while block.is_open:
            self.blocks.pop().is_open = False

    def tell_actor(self, actor: str | None) -> None:
        """Take note that the server is told on whose behalf it writes."""
        self.actor = actor
        self._was_named = True

    def forget_actor(self) -> None:
        """Take note that a savepoint may have been undone, and what the server was told with it."""
        if self._was_named:
            self.actor = UNKNOWN

    def check_task(self) -> None:
        """Refuse every task but the one that opened the transaction.

        Raises:
            TransactionMisuse: In another one.
        """
        if asyncio.current_task() is self.task:
            return
        raise TransactionMisuse(
            "a transaction belongs to the task that opened it, and another task (of gather, "
            "TaskGroup, create_task, or wait_for before Python 3.12) uses it: run its verbs one "
            "after the other and put deadlines with asyncio.timeout(); a task that is not to take "
            "part starts before the transaction, or with context=contextvars.Context()"
        )

    async def check(self) -> None:
        """See that the transaction is still the one that was opened.

        Raises:
            ConnectionFailed: When its connection is lost.
            TransactionMisuse: When it was ended by other means.
        """
        if self.is_lost:
            raise ConnectionFailed(
                "the transaction cannot go on: a savepoint of it could not be undone", sent=False
            )
        if self.connection.in_transaction:
            return
        # A lost connection is in no transaction either; asking it tells the two apart.
        await self.connection.fetch("SELECT 1")
        raise TransactionMisuse(
            "the transaction was ended by SQL of its own (COMMIT, ROLLBACK): what was done before "
            "that is committed or lost, and no callbacks run; leave its end to the block"
        )
