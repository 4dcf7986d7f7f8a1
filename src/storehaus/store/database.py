"""Where the statements of a store run."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import copy_context
from dataclasses import replace
from functools import partial
from typing import Any

from storehaus.driver import Connection, Driver, ResultSet, Row
from storehaus.errors import StorehausError, TransactionMisuse
from storehaus.model import TableInfo
from storehaus.sql.statement import Statement
from storehaus.store.actor import HAS_LOG, current_actor, name_actor
from storehaus.store.binding import find
from storehaus.store.block import conclude, open_block, open_inner_block
from storehaus.store.caching import ReadCache
from storehaus.store.change import Change, Outcome
from storehaus.store.cursor import CursorSealer
from storehaus.store.dependents import Dependents
from storehaus.store.effects import Fate, Keeper
from storehaus.store.plugin import Plugin
from storehaus.store.transaction import Options, Transaction, Unit

__all__ = ["Database"]

_PLAIN = Options()


class Database:
    """A driver and the plug-ins that see what is written through it.

    Args:
        driver: Carries statements to PostgreSQL; None until `connect`.
        plugins: In the order in which they are called.
        secret: Signs cursors of pages; None makes one up.
    """

    __slots__ = (
        "_driver",
        "cache",
        "dependents",
        "first",
        "keeper",
        "keyed",
        "last",
        "losers",
        "names_actors",
        "plugins",
        "sealer",
        "settings",
        "told",
    )

    def __init__(
        self,
        driver: Driver | None = None,
        plugins: Sequence[Plugin] = (),
        *,
        secret: str | None = None,
    ) -> None:
        self._driver = driver
        self.sealer = CursorSealer(secret)
        self.cache: ReadCache | None = None
        """Stands in front of reads outside of transactions; None when nothing does."""
        self.keeper = Keeper()
        self.dependents = Dependents()
        self.settings: Mapping[str, str] = {}
        """What every transaction sets for itself, by name of the parameter."""
        self.names_actors: bool | None = None
        """Whether a log of events keeps on whose behalf something was written; None is unknown."""
        self.use(plugins)

    @property
    def is_open(self) -> bool:
        """Whether there is a driver."""
        return self._driver is not None

    @property
    def driver(self) -> Driver:
        """The driver.

        Raises:
            StorehausError: When there is none: before the haus is open, or after it was closed.
        """
        if self._driver is None:
            raise StorehausError("the haus is not open: use `async with` or `await haus.open()`")
        return self._driver

    def connect(self, driver: Driver) -> None:
        """Begin to use an open driver."""
        self._driver = driver

    def disconnect(self) -> Driver | None:
        """Use the driver no more; give it to be closed."""
        driver, self._driver = self._driver, None
        return driver

    def joined(self) -> Unit | None:
        """Give the transaction that is open here and that verbs join, None when there is none.

        Raises:
            TransactionMisuse: When it belongs to another task.
        """
        return find(self)

    def use(self, plugins: Sequence[Plugin]) -> None:
        """Let these plug-ins see all writes from now on, in this order."""
        self.plugins = tuple(plugins)
        # What a plug-in does not override is not called, so that it costs nothing.
        self.first = _overriding(plugins, "before")
        """Those that see a change before it happens."""
        self.told = _overriding(plugins, "committed")
        """Those that take note of what was committed."""
        self.losers = _overriding(plugins, "lost")
        """Those that take note of what nobody knows."""
        self.last = _overriding(plugins, "after_commit")
        """Those that hear of a write when it is durable."""
        self.keyed = _overriding(plugins, "batch_key")
        """Those that tell calls apart."""

    def joined_by_plugins(self, table: TableInfo) -> bool:
        """Say whether a plug-in adds to the transactions of writes to a table."""
        return any(plugin.joins(table) for plugin in self.plugins)

    def batch_key(self) -> Hashable:
        """Give what tells apart calls that must not share a statement, as plug-ins see it."""
        keyed = self.keyed
        return tuple(plugin.batch_key() for plugin in keyed) if keyed else ()

    async def fetch(self, statement: Statement) -> Sequence[Row]:
        """Run one statement: in the open transaction, or as one of its own."""
        if statement.resets:
            async with self.connection() as connection:
                return await connection.fetch(statement.text, statement.params)
        return await self.fetch_rows(statement.text, statement.params)

    async def fetch_rows(self, text: str, params: Sequence[object] = ()) -> Sequence[Row]:
        """Run one statement that leaves the connection as it is, given by its parts."""
        unit = find(self)
        if unit is None:
            return await self.driver.fetch(text, params)
        await unit.check()
        return await unit.connection.fetch(text, params)

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Connection]:
        """Lend a connection that is reset later, since nobody knows what is done on it."""
        unit = find(self)
        if unit is None:
            async with self.driver.acquire() as connection:
                connection.mark_dirty()
                yield connection
            return
        await self.acts()
        await unit.check()
        await name_actor(unit)
        unit.connection.mark_dirty()
        try:
            yield unit.connection
        finally:
            unit.forget_actor()

    @asynccontextmanager
    async def raw_connection(self) -> AsyncGenerator[Connection]:
        """As `connection`, for whatever its borrower wants to do with it."""
        unit = find(self)
        async with self.connection() as connection:
            try:
                yield connection
            finally:
                if unit is not None:
                    for plugin in self._watching():
                        plugin.observe_statement(unit, None)

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[Callable[[], Awaitable[Connection]]]:
        """Lend a connection within a transaction, for reading bit by bit.

        It is that of the open transaction, which must be asked for anew before each use, or one of
        its own, which verbs do not join.
        """
        unit = find(self)
        if unit is not None:

            async def joined() -> Connection:
                await unit.check()
                return unit.connection

            yield joined
            return
        async with self.driver.acquire() as connection:
            await connection.begin()

            async def own() -> Connection:
                return connection

            yield own

    async def query(
        self, statement: Statement, touches: Sequence[TableInfo] | None = None
    ) -> ResultSet:
        """Run one statement that was written by hand: in the open transaction, or on its own.

        Args:
            statement: What is run.
            touches: The tables that it writes to; None may be any.
        """
        watching = [] if touches == () else self._watching()
        acts = await self.acts()
        unit = find(self)
        if unit is None and (watching or acts):
            async with self.write_block() as block:
                return await self._observed(block.unit, statement, touches, watching)
        if unit is not None:
            return await self._observed(unit, statement, touches, watching)
        async with self.connection() as connection:
            return await connection.query(statement.text, statement.params)

    async def _observed(
        self,
        unit: Unit,
        statement: Statement,
        touches: Sequence[TableInfo] | None,
        watching: Sequence[Plugin],
    ) -> ResultSet:
        await unit.check()
        await name_actor(unit)
        unit.connection.mark_dirty()
        result = await unit.connection.query(statement.text, statement.params)
        unit.forget_actor()
        for plugin in watching:
            plugin.observe_statement(unit, touches)
        return result

    def _watching(self) -> list[Plugin]:
        return [plugin for plugin in self.plugins if plugin.watches_statements()]

    @asynccontextmanager
    async def transaction(self, options: Options = _PLAIN) -> AsyncGenerator[Transaction]:
        """Run a block as a transaction that verbs join, or as a savepoint of the open one.

        Raises:
            TransactionMisuse: When options are given that a savepoint cannot have.
        """
        unit = find(self)
        if unit is not None and not options.is_plain:
            raise TransactionMisuse(
                "a transaction is open already, and this block is a savepoint of it: isolation, "
                "readonly and deferrable are said where the outermost one begins"
            )
        await self.acts()
        if unit is None:
            block = open_block(self.driver, self.keeper, self._own(options), self)
        else:
            block = open_inner_block(unit, options.timeout_seconds)
        async with block as transaction:
            yield transaction

    def write_block(self) -> AbstractAsyncContextManager[Transaction]:
        """Keep several statements of one verb whole: in the open transaction, or as one of its own.

        Verbs do not join it. Effects that are registered on it happen when it is durable.
        """
        unit = find(self)
        if unit is None:
            return open_block(self.driver, self.keeper, self._own(_PLAIN))
        return open_inner_block(unit)

    def _own(self, options: Options) -> Options:
        """Add what all transactions of this database have."""
        if not self.settings and not self.names_actors:
            return options
        return replace(options, settings=self.settings, names_actor=bool(self.names_actors))

    async def acts(self) -> bool:
        """Say whether what is written now is on somebody's behalf, and a log keeps that."""
        if current_actor() is None:
            return False
        if self.names_actors is None:
            ((self.names_actors,),) = await self.fetch_rows(HAS_LOG)
        unit = find(self)
        if unit is not None:
            unit.names_actor = bool(self.names_actors)
        return bool(self.names_actors)

    async def tell(self, outcome: Outcome[Any]) -> None:
        """Let plug-ins hear of a write that is durable, and wait for them.

        Raises:
            ExceptionGroup: When some of them failed.
        """
        for plugin in self.told:
            plugin.committed(outcome)
        if self.last:
            effects = [partial(plugin.after_commit, outcome) for plugin in self.last]
            await conclude(self.keeper, effects, Fate.COMMITTED)

    def lose(self, change: Change[Any]) -> None:
        """Let plug-ins hear of a write that may have happened or not."""
        for plugin in self.losers:
            plugin.lost(change)

    @property
    def tells(self) -> bool:
        """Whether any plug-in wants to hear of what is durable."""
        return bool(self.last or self.told)

    def announce(self, outcome: Outcome[Any], block: Transaction) -> None:
        """Let plug-ins hear of a write when the block that it is part of is durable, or is lost."""
        for plugin in self.told:
            run: Callable[..., object] = copy_context().run
            block.on_commit(partial(run, plugin.committed, outcome))
        for plugin in self.losers:
            block.on_unknown(partial(plugin.lost, outcome.change))
        for plugin in self.last:
            block.on_commit(partial(plugin.after_commit, outcome))


def _overriding(plugins: Sequence[Plugin], method: str) -> tuple[Plugin, ...]:
    default = getattr(Plugin, method)
    return tuple(each for each in plugins if getattr(type(each), method) is not default)
