"""`StoreHaus`: where an application begins."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, TypeVarTuple, overload

import storehaus.haus.caching as caches
import storehaus.haus.signalling as signals
from storehaus.config import AppConfig, DatabaseConfig
from storehaus.driver import Connection
from storehaus.driver.protocol import IsolationLevel
from storehaus.errors import QueryError, StorehausError, TransactionMisuse
from storehaus.expr.row import AnyRow
from storehaus.haus.atomic import Replay
from storehaus.haus.caching import Touched, touched
from storehaus.haus.drivers import DriverFactory, asyncpg_driver
from storehaus.haus.explain import explain
from storehaus.haus.health import ComponentHealth, Health, check_database
from storehaus.haus.lock import Lock
from storehaus.haus.parts import Parts
from storehaus.haus.registry import Registry
from storehaus.haus.results import ResultRows, decoded_rows, named_rows
from storehaus.haus.targets import Target
from storehaus.model import Model
from storehaus.query import Query
from storehaus.sql import Selection, SqlTemplate
from storehaus.store import Database, GenericStore, Options, Plugin, Transaction

if TYPE_CHECKING:
    from storehaus.driver.embedded import EmbeddedPostgres
    from storehaus.haus.sqlalchemy_core import Executable
    from storehaus.migrations import MigrationReport

__all__ = ["StoreHaus"]

M = TypeVar("M", bound=Model)
S = TypeVar("S", bound=GenericStore[Any])
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class StoreHaus(Parts):
    """A database with its stores.

        async with StoreHaus.from_config() as haus:
            await haus.auto_migrate(Airport)
            airports = haus.store(Airport)

    Stores may be taken before the haus is open; they work while it is.

    Args:
        config: Settings.
        plugins: See every write of every store, in this order.
        driver_factory: Makes the driver; None is asyncpg. Tests pass their own.
    """

    def __init__(
        self,
        config: AppConfig,
        *,
        plugins: Sequence[Plugin] = (),
        driver_factory: DriverFactory | None = None,
    ) -> None:
        self._address = config.database
        self._make_driver = driver_factory or asyncpg_driver
        self._database = Database(plugins=plugins, secret=config.database.signing_secret())
        self._registry = Registry()
        super().__init__(config, self._database)
        self._server: EmbeddedPostgres | None = None
        self._is_opening = False

    @classmethod
    def from_config(cls, file: str | Path | None = None) -> Self:
        """Make one from environment and configuration file.

        Args:
            file: Configuration file; None looks where `STOREHAUS_CONFIG` points, then for
                `./storehaus.toml`.

        Raises:
            ConfigurationError: When a setting is wrong, or nothing is configured at all.
        """
        return cls(AppConfig.load(file))

    @classmethod
    def embedded(cls, data_directory: str | Path | None = None) -> Self:
        """Make one on a PostgreSQL of its own, which starts and stops with it.

        Args:
            data_directory: Where the data is kept and found again; None is `storehaus` in the
                user's data folder of the platform.

        Raises:
            ConfigurationError: When the extra `embedded` is not installed.
        """
        from storehaus.driver.embedded.home import choose_default_home  # noqa: PLC0415 - an extra

        directory = Path(data_directory) if data_directory else choose_default_home()
        return cls(AppConfig(database=DatabaseConfig(embedded=directory)))

    def __repr__(self) -> str:
        state = "open" if self._database.is_open else "closed"
        return f"<StoreHaus {state}, stores: {', '.join(self.list_stores()) or 'none'}>"

    async def open(self) -> None:
        """Start the embedded server, if there is one, and connect.

        Raises:
            ConnectionFailed: When the server cannot be reached or refuses the login.
            StorehausError: When the haus is open already.
        """
        # A second opening meanwhile would leave a pool and a server that nobody closes.
        if self._database.is_open or self._is_opening:
            raise StorehausError("the haus is open already")
        self._is_opening = True
        try:
            self._address = await self._start_server()
            driver = self._make_driver(self._address)
            await driver.open()
        except BaseException:
            await self._stop_server()
            raise
        finally:
            self._is_opening = False
        self._database.connect(driver)
        try:
            await caches.open_cache(self._cache)
            signals.open_events(self._events)
        except BaseException:
            await self.close()
            raise

    async def close(self, *, grace_seconds: float = 10.0) -> None:
        """Refuse new work, wait for running work, disconnect, stop the embedded server.

        Args:
            grace_seconds: How long running work may take; what takes longer is cut off.
        """
        await signals.close_events(self._events, grace_seconds=grace_seconds)
        await self._database.keeper.close(grace_seconds=grace_seconds)
        # Callbacks may use the stores.
        await signals.close_signals(self._signals, grace_seconds=grace_seconds)
        await caches.close_cache(self._cache)
        driver = self._database.disconnect()
        try:
            if driver is not None:
                await driver.close(grace_seconds=grace_seconds)
        finally:
            await self._stop_server()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    @overload
    def store(self, of: type[M], *, batching: bool | None = None) -> GenericStore[M]: ...
    @overload
    def store(self, of: type[S], *, batching: bool | None = None) -> S: ...
    def store(self, of: type[Any], *, batching: bool | None = None) -> Any:
        """Give the store of a table, made at the first call and registered under its name.

        Args:
            of: A model, or a subclass of `GenericStore` that names one.
            batching: Whether calls by id that tasks make at the same time may share statements;
                None takes what the store is or its class says, which is True.

        Raises:
            StoreAlreadyRegistered: When the table has a store of another class, or one with the
                other `batching`, already.
            ConfigurationError: When other processes declare another `cache=` for the table.
            TypeError: When it is something else.
        """
        store = self._registry.obtain(self._database, of, batching=batching)
        caches.know_model(self._cache, store.table_info)
        return store

    def register_store(self, name: str, store: GenericStore[Any]) -> None:
        """Register a store under a name of its own.

        Raises:
            StoreAlreadyRegistered: When another one has the name.
        """
        self._registry.add(name, store)

    def get_store(self, name: str) -> GenericStore[Any]:
        """Find a store by name.

        Raises:
            StoreNotFound: When there is none.
        """
        return self._registry.get(name)

    def list_stores(self) -> list[str]:
        """Names of all registered stores, sorted."""
        return self._registry.names()

    def unregister_store(self, name: str) -> None:
        """Forget a store; whoever holds it can go on using it.

        Raises:
            StoreNotFound: When there is none.
        """
        self._registry.remove(name)

    async def auto_migrate(self, *models: type[Model], recreate: bool = False) -> "MigrationReport":
        """Bring tables to their models: create what is missing, change what differs.

        All of it is one transaction, under a lock that other processes wait for.

        Args:
            *models: The models, in any order.
            recreate: Drop the tables first, with all their rows.

        Returns:
            What was done; columns that no model knows are reported and stay.

        Raises:
            TransactionMisuse: Inside of a transaction.
            MigrationError: When data would be lost, with the SQL that would have been run.
        """
        # SQLAlchemy and Alembic cost 0.3 s of import, which most processes never need.
        from storehaus.migrations import migrate  # noqa: PLC0415 - see above

        if self._database.joined() is not None:
            raise TransactionMisuse("a migration is a transaction of its own: run it outside")
        self._database.driver  # noqa: B018 - refuses a closed haus, whose address may be unknown
        arguments = self._address.connect_arguments()
        finish = self._register(models)
        report = await migrate(arguments, models, recreate=recreate, finish=finish)
        for model in models:
            self._database.dependents.add_model(model.__table_info__)
        await caches.refresh_cache(self._cache, models)
        await signals.refresh_events(self._events)
        return report

    def transaction(
        self,
        isolation: IsolationLevel | None = None,
        *,
        readonly: bool = False,
        deferrable: bool = False,
        timeout_seconds: float | None = None,
    ) -> AbstractAsyncContextManager[Transaction]:
        """Run a block as one transaction, which all stores of this haus join by themselves.

            async with haus.transaction() as tx:
                await wallets.patch(a, {Wallet.balance: Wallet.balance - 10})
                await wallets.patch(b, {Wallet.balance: Wallet.balance + 10})
                tx.on_commit(announce)

        Leaving the block commits; an exception rolls back. Inside of an open transaction the block
        is a savepoint. It belongs to the task that opened it.

        Args:
            isolation: "read committed", "repeatable read" or "serializable"; None is the server's
                default.
            readonly: Whether the server refuses writes.
            deferrable: Whether to wait for a snapshot that cannot collide; only with
                `isolation="serializable"` and `readonly=True`.
            timeout_seconds: Deadline of the whole block; None is no limit.

        Raises:
            TransactionMisuse: When options contradict each other or the open transaction; when the
                open one belongs to another task, or was ended by SQL.
            QueryTimeout: When the block took too long; it is rolled back.
            SerializationFailure: When it collided with another one; see `atomic`.
            CommitUnknown: When the connection broke during COMMIT; no callbacks run.
            ExceptionGroup: When it was committed, and callbacks failed after that.
        """
        return self._database.transaction(
            Options(
                isolation=isolation,
                readonly=readonly,
                deferrable=deferrable,
                timeout_seconds=timeout_seconds,
            )
        )

    async def atomic(
        self,
        function: Callable[[*Ts], Awaitable[T]],
        *args: *Ts,
        retries: int = 5,
        isolation: IsolationLevel | None = None,
        readonly: bool = False,
        timeout_seconds: float | None = None,
    ) -> T:
        """Run a function in a transaction; replay it whole when that collided with another one.

            await haus.atomic(transfer, a, b, isolation="serializable")

        It is replayed after `SerializationFailure` and `DeadlockDetected` and in no other case,
        with pauses of random length up to 10 ms, 20 ms and so on up to 1 s. So what the function
        does outside of the database belongs into `tx.on_commit`: callbacks run for the attempt
        that was committed, once. Inside of an open transaction it is a savepoint and runs once.

        Args:
            function: What to do. It may run several times.
            *args: Its arguments.
            retries: Further attempts after the first.
            isolation: As for `transaction`.
            readonly: As for `transaction`.
            timeout_seconds: Deadline of all attempts together; None is no limit.

        Returns:
            What the function gave in the attempt that was committed.

        Raises:
            SerializationFailure: When the last attempt collided too.
            DeadlockDetected: The same.
            TransactionMisuse: As for `transaction`.
        """
        options = Options(isolation=isolation, readonly=readonly, timeout_seconds=timeout_seconds)
        work = partial(function, *args)
        return await Replay(retries=retries).run(self._database, options, work)

    def lock(
        self,
        name: str,
        *,
        shared: bool = False,
        wait: bool = True,
        timeout_seconds: float | None = None,
    ) -> AbstractAsyncContextManager[bool]:
        """Hold an advisory lock for as long as the context lasts; give whether it was free.

            async with haus.lock("nightly-report", wait=False) as acquired:
                if acquired:
                    ...

        Inside of a transaction it is held to the transaction's end. Otherwise it takes a connection
        of its own, which the block does not use.

        Args:
            name: Any text; who uses the same name in the same database waits for each other.
            shared: Whether those who share it may have it at the same time.
            wait: False gives False at once when somebody else has it.
            timeout_seconds: Longest wait; the deadline of statements holds as well, and is the only
                one where this is None.

        Raises:
            LockNotAvailable: When it was not free in time.
            ConnectionFailed: On leaving, when the connection was lost meanwhile, and the lock with
                it.
            TransactionMisuse: In a task that does not own the open transaction.
        """
        lock = Lock(name=name, shared=shared, wait=wait, timeout_seconds=timeout_seconds)
        return lock.hold(self._database)

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        """Lend a raw connection; whatever was set on it is reset on return.

        Inside of a transaction it is the transaction's own, which must be left to end it. What is
        written through it passes by hooks and plug-ins; outside of a transaction also by the cache,
        which `haus.cache.invalidate_table` tells.
        """
        return self._database.raw_connection()

    @overload
    async def fetch(self, statement: SqlTemplate, *, touches: Touched = None) -> list[AnyRow]: ...
    @overload
    async def fetch(
        self, statement: SqlTemplate, *, into: type[T], touches: Touched = None
    ) -> list[T]: ...
    async def fetch(
        self,
        statement: SqlTemplate,
        *,
        into: type[Any] | None = None,
        touches: Touched = None,
    ) -> list[Any]:
        """Run one statement written by hand, give its rows.

            rows = await haus.fetch(sql("SELECT country, count(*) AS n FROM airports GROUP BY 1"))
            rows[0].country, rows[0][1]

        The statement may be anything: it passes by stores, hooks and plug-ins, which do not see
        what it writes, and soft-deleted rows are rows to it. JSON comes as Python values, an enum
        as its label, everything else as the driver gives it. What it sets on the connection is
        reset afterwards; a transaction that it opens is rolled back.

        Args:
            statement: What `sql()` made.
            into: A msgspec.Struct, dataclass or NamedTuple to build of each row, by the names of
                its columns. Values are checked against its annotations; labels become members of
                enums. None gives named tuples.
            touches: Models of the tables that it writes to; `()` says that none of them is cached,
                None makes all that is cached stale if the statement wrote anything.

        Raises:
            QueryError: When the statement is no `sql()`, or, after it ran, when its rows do not fit
                `into`.
            DatabaseError: What the server says, by SQLSTATE.
        """
        if not isinstance(statement, SqlTemplate):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
            raise QueryError("fetch() takes what sql() made: fetch(sql('… {x} …', x=1))")
        target = None if into is None else Target[Any].of(into)
        result = await self._database.query(statement.to_sql(), touched(touches))
        if target is not None:
            return target.build(result)
        return named_rows(result, decoded_rows(result))

    async def execute(
        self,
        statement: "Executable",
        parameters: Mapping[str, object] | None = None,
        *,
        touches: Touched = None,
    ) -> ResultRows:
        """Run one statement of SQLAlchemy Core, give its rows and their number.

            airports = sqlalchemy_table(Airport)
            done = await haus.execute(update(airports).values(city=None).where(…))
            done.row_count

        Values go both ways through SQLAlchemy's types. Stores, hooks and plug-ins do not see what
        it writes, and soft-deleted rows are rows to it. What it sets on the connection is reset
        afterwards.

        Args:
            statement: A select, insert, update, delete, function or text.
            parameters: Values of its `bindparam`s, or of the columns of an INSERT or UPDATE.
            touches: As for `fetch`.

        Raises:
            QueryError: When it is no such statement, is about ORM classes, needs a default that
                Python computes, or a value cannot travel.
            DatabaseError: What the server says, by SQLSTATE.
        """
        # SQLAlchemy costs 0.2 s of import, which most processes never need.
        from storehaus.haus.sqlalchemy_core import compile_core  # noqa: PLC0415 - see above

        compiled = compile_core(statement, parameters)
        return compiled.read(await self._database.query(compiled.statement, touched(touches)))

    async def explain(
        self, query: Query[Any] | Selection[Any], *, analyze: bool = False, buffers: bool = False
    ) -> str:
        """Give PostgreSQL's plan for a query, as its EXPLAIN prints it.

        Args:
            query: A query that names its model, or a projection.
            analyze: Run the query too, and say what was planned and what happened. A query that
                locks rows locks them for as long.
            buffers: Say how many pages were read from where; it needs `analyze`.

        Raises:
            QueryError: When it is no query, or `buffers` stands without `analyze`.
        """
        return await explain(self._database, query, analyze=analyze, buffers=buffers)

    async def health(self) -> Health:
        """Check every component on its own; a broken one is a result, not an error."""
        if not self._database.is_open:
            return Health(database=ComponentHealth(ok=False, detail="the haus is not open"))
        database = await check_database(self._database.driver)
        return Health(
            database=database,
            cache=await caches.check_cache(self._cache),
            signals=signals.check_signals(self._signals, self._events),
        )

    async def _start_server(self) -> DatabaseConfig:
        config = self._config.database
        if config.embedded is None:
            return config
        from storehaus.driver.embedded import EmbeddedPostgres  # noqa: PLC0415 - an extra

        self._server = EmbeddedPostgres(Path(config.embedded))
        await self._server.start()
        return config.at(self._server.url)

    async def _stop_server(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            # Once begun, a stop is finished, so that a cancelled caller leaves no server behind.
            await asyncio.shield(server.stop())
