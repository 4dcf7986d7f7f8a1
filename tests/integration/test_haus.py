"""The haus: its stores, its life from open to close, its health."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from fix_haus import Airport, Gadget, Label, Recorder, Wallet, airport, config_of
from storehaus import (
    ConfigurationError,
    ConnectionFailed,
    DatabaseError,
    Field,
    GenericStore,
    Model,
    StoreAlreadyRegistered,
    StoreHaus,
    StorehausError,
    StoreNotFound,
    field,
)
from storehaus.haus import health as health_module
from storehaus.testing import CountingDriver, FakeDriver

pytestmark = pytest.mark.anyio


class Airports(GenericStore[Airport]):
    """A store with a verb of its own."""

    async def in_country(self, country: str) -> list[Airport]:
        """Airports of a country."""
        return await self.find(Airport.country == country)


class OtherAirport(Model, table="airports"):
    """Another model of a table that has one."""

    id: Field[int] = field(primary_key=True)


def closed_haus() -> StoreHaus:
    """A haus that was never opened."""
    return StoreHaus(config_of("postgresql://user:secret@localhost:1/db"))


async def pids(url: str) -> set[int]:
    """Backends of the database."""
    connection = await asyncpg.connect(url)
    try:
        found = await connection.fetch(
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        )
        return {row["pid"] for row in found}
    finally:
        await connection.close()


def test_same_call_gives_the_same_store() -> None:
    """There is one store per table, registered under the table's name."""
    haus = closed_haus()

    store = haus.store(Airport)

    assert haus.store(Airport) is store is haus.get_store("airports")
    assert haus.list_stores() == ["airports"]


def test_store_class_gives_its_own_kind() -> None:
    """A subclass names its model; it is made once."""
    haus = closed_haus()

    store = haus.store(Airports)

    assert type(store) is Airports
    assert store.model is Airport
    assert haus.store(Airports) is store


def test_table_has_one_kind_of_store() -> None:
    """Another class for the same table is refused, whichever came first."""
    first, second = closed_haus(), closed_haus()
    first.store(Airport)
    second.store(Airports)

    for haus, other in ((first, Airports), (second, Airport), (first, OtherAirport)):
        with pytest.raises(StoreAlreadyRegistered) as caught:
            haus.store(other)
        assert caught.value.name == "airports"


def test_table_of_a_schema_has_a_name_of_its_own() -> None:
    """The schema is part of the name where it is given."""
    haus = closed_haus()

    assert haus.store(Gadget) is haus.get_store("warehouse.gadgets")


def test_stores_are_registered_by_name() -> None:
    """register, get, list and unregister; the same store twice is no conflict."""
    haus = closed_haus()
    store, other = haus.store(Airport), haus.store(Wallet)

    haus.register_store("main", store)
    haus.register_store("main", store)
    with pytest.raises(StoreAlreadyRegistered):
        haus.register_store("main", other)

    assert haus.list_stores() == ["airports", "main", "wallets"]
    assert haus.get_store("main") is store
    haus.unregister_store("main")
    assert haus.list_stores() == ["airports", "wallets"]


def test_unknown_names_are_not_found() -> None:
    """The error names what was asked for and what there is."""
    haus = closed_haus()
    haus.store(Airport)

    for attempt in (haus.get_store, haus.unregister_store):
        with pytest.raises(StoreNotFound, match="airports") as caught:
            attempt("nope")
        assert caught.value.name == "nope"


def test_forgotten_store_can_be_made_again() -> None:
    """After unregister_store another class may take the table."""
    haus = closed_haus()
    haus.store(Airport)

    haus.unregister_store("airports")

    assert type(haus.store(Airports)) is Airports


@pytest.mark.parametrize("wrong", [int, Model, GenericStore, "airports", None, Airport.id])
def test_only_models_and_stores_have_stores(wrong: Any) -> None:
    """Anything else is a TypeError, not a store that fails later."""
    with pytest.raises(TypeError):
        closed_haus().store(wrong)


async def test_stores_taken_before_opening_work_after(tables_url: str, witness: Any) -> None:
    """A module may hold its stores; the haus connects them when it is opened, each time."""
    haus = StoreHaus(config_of(tables_url))
    store = haus.store(Airports)

    for number in range(2):
        async with haus:
            await store.create(airport(number))
            assert len(await store.in_country("DE")) == number + 1


async def test_closed_haus_says_so() -> None:
    """Before open and after close every verb gives the same clear error."""
    haus = closed_haus()
    store = haus.store(Airport)

    for attempt in (
        store.list_all,
        lambda: store.create(airport(1)),
        lambda: store.load([airport(1)]),
        lambda: haus.auto_migrate(Airport),
        lambda: haus.connection().__aenter__(),
    ):
        with pytest.raises(StorehausError, match="not open"):
            await attempt()
    health = await haus.health()
    assert (health.ok, health.database.detail) == (False, "the haus is not open")
    await haus.close()
    assert "secret" not in repr(haus)
    assert repr(haus) == "<StoreHaus closed, stores: airports>"


async def test_haus_is_opened_once(tables_url: str) -> None:
    """A second opening is refused, also while the first one is under way; no connection is lost."""
    before = await pids(tables_url)
    haus = StoreHaus(config_of(tables_url))

    results = await asyncio.gather(haus.open(), haus.open(), return_exceptions=True)
    with pytest.raises(StorehausError, match="already"):
        await haus.open()
    await haus.close()

    assert [type(each) for each in results] == [type(None), StorehausError]
    assert await pids(tables_url) == before


async def test_failed_opening_can_be_repeated(tables_url: str) -> None:
    """A haus that could not connect is closed, and may try again."""
    failing = FakeDriver()

    class Refusing(FakeDriver):
        async def open(self) -> None:
            raise ConnectionFailed("refused", sent=False)

    drivers = [Refusing(), failing]
    haus = StoreHaus(config_of(tables_url), driver_factory=lambda _: drivers.pop(0))

    with pytest.raises(ConnectionFailed):
        await haus.open()
    with pytest.raises(StorehausError, match="not open"):
        await haus.store(Label).list_all()
    await haus.open()

    assert await haus.store(Label).list_all() == []


async def test_server_that_is_not_there_is_named_without_secrets() -> None:
    """The error tells where, and not with which password."""
    with pytest.raises(ConnectionFailed) as caught:
        await closed_haus().open()

    assert "localhost" in str(caught.value)
    assert "secret" not in f"{caught.value!r} {caught.value.context}"


async def test_close_waits_for_running_work(tables_url: str, witness: Any) -> None:
    """What runs is finished, what comes after is refused."""
    haus = StoreHaus(config_of(tables_url))
    await haus.open()
    store = haus.store(Label)
    await store.create(Label(key="k", value="old"))
    entered, release = asyncio.Event(), asyncio.Event()

    async def rows() -> Any:
        yield Label(key="first", value="")
        entered.set()
        await release.wait()
        yield Label(key="last", value="")

    load = asyncio.create_task(store.load(rows()))
    await entered.wait()
    closing = asyncio.create_task(haus.close())
    await asyncio.sleep(0)
    with pytest.raises(StorehausError, match="not open"):
        await store.get("k")
    assert not closing.done()
    release.set()
    await closing

    assert await load == 2
    assert await witness.fetchval("SELECT count(*) FROM labels") == 3


async def test_close_cuts_off_what_takes_too_long(tables_url: str, witness: Any) -> None:
    """Past the grace period the load fails with a typed error and leaves nothing behind."""
    haus = StoreHaus(config_of(tables_url))
    await haus.open()
    entered, release = asyncio.Event(), asyncio.Event()

    async def rows() -> Any:
        entered.set()
        await release.wait()
        yield Label(key="late", value="")

    load = asyncio.create_task(haus.store(Label).load(rows()))
    await entered.wait()
    await haus.close(grace_seconds=0.05)
    release.set()

    with pytest.raises(DatabaseError):
        await load
    assert await witness.fetchval("SELECT count(*) FROM labels") == 0


async def test_close_leaves_no_connection(tables_url: str) -> None:
    """Twice is as good as once."""
    before = await pids(tables_url)
    haus = StoreHaus(config_of(tables_url, min_connections=3))
    await haus.open()
    assert len(await pids(tables_url)) == len(before) + 3

    await haus.close()
    await haus.close()

    assert await pids(tables_url) == before


async def test_batch_that_fails_while_the_haus_closes_tells_why(
    tables_url: str, witness: Any
) -> None:
    """The row can no longer be looked for, but the violation is told."""
    haus = StoreHaus(
        config_of(tables_url),
        driver_factory=lambda _: ClosingDriver(haus, FakeDriver([_violation()])),
    )
    await haus.open()

    with pytest.raises(DatabaseError) as caught:
        await haus.store(Label).create_many([Label(key="a", value=""), Label(key="b", value="")])

    assert type(caught.value).__name__ == "UniqueViolation"


def _violation() -> Exception:
    from storehaus import UniqueViolation  # noqa: PLC0415 - used here only

    return UniqueViolation("taken", sqlstate="23505", table="labels", constraint="labels_pkey")


class ClosingDriver(CountingDriver):
    """Closes its haus as soon as something is asked of it."""

    def __init__(self, haus: StoreHaus, driver: FakeDriver) -> None:
        super().__init__(driver)
        self._haus = haus

    async def fetch(self, *arguments: Any, **keywords: Any) -> Any:
        """Close the haus, then go on; what it asks by itself does not count."""
        if "storehaus.cached_tables" in arguments[0]:
            return ()
        self._haus._database.disconnect()
        return await super().fetch(*arguments, **keywords)


async def test_connection_leaves_no_state(tables_url: str, witness: Any) -> None:
    """What is set on a lent connection is gone for the next user of it."""
    async with StoreHaus(config_of(tables_url, max_connections=1)) as haus:
        question = "SELECT current_setting('search_path'), current_setting('statement_timeout')"
        async with haus.connection() as connection:
            (fresh,) = await connection.fetch(question)
            fresh = tuple(fresh)
            await connection.execute("SET search_path TO pg_catalog; SET statement_timeout = 1234")
            await connection.execute("SELECT pg_advisory_lock(77)")
            await connection.execute("BEGIN")
        async with haus.connection() as connection:
            (row,) = await connection.fetch(question)
            assert tuple(row) == fresh
            assert not connection.in_transaction
        assert await haus.store(Label).count() == 0
        assert await witness.fetchval("SELECT pg_try_advisory_lock(77)")


async def test_plugins_of_a_haus_see_every_store(tables_url: str, witness: Any) -> None:
    """What is given to the haus is shown the writes of all of its stores."""
    plugin = Recorder()
    async with StoreHaus(config_of(tables_url), plugins=[plugin]) as haus:
        await haus.store(Label).create(Label(key="k", value=""))
        await haus.store(Airports).create(airport(1))

    assert [each.change.table.name for each in plugin.outcomes] == ["labels", "airports"]


async def test_health_of_a_working_database(haus: StoreHaus) -> None:
    """Version, latency and the pool."""
    health = await haus.health()

    assert health.ok
    assert health.database.ok
    assert health.database.detail.startswith("PostgreSQL 1")
    assert health.database.latency_seconds is not None
    assert health.database.pool is not None
    assert (health.cache, health.signals) == (None, None)


async def test_health_of_a_dead_database_is_a_result(tables_url: str) -> None:
    """A broken part is reported, not raised."""
    fake = FakeDriver()
    fake.fail("fetch", ConnectionFailed("gone", sent=False))
    haus = StoreHaus(config_of(tables_url), driver_factory=lambda _: fake)
    await haus.open()

    health = await haus.health()

    assert not health.ok
    assert not health.database.ok
    assert health.database.detail == "gone"


async def test_health_waits_no_longer_than_its_deadline(
    tables_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pool that has no connection left is an answer too."""
    monkeypatch.setattr(health_module, "_DEADLINE_SECONDS", 0.05)
    async with StoreHaus(config_of(tables_url, max_connections=1)) as haus, haus.connection():
        health = await haus.health()

    assert not health.ok
    assert "0.05 seconds" in health.database.detail


async def test_configuration_is_found_in_the_working_directory(
    tables_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, witness: Any
) -> None:
    """from_config reads storehaus.toml beside the program, or a file that is named."""
    for name in ("DATABASE_URL", "STOREHAUS_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    text = f'[database]\nurl = "{tables_url}"\nmax_connections = 2\n'
    (tmp_path / "storehaus.toml").write_text(text)
    (tmp_path / "other.toml").write_text(text.replace("= 2", "= 3"))
    monkeypatch.chdir(tmp_path)

    async with StoreHaus.from_config() as haus:
        await haus.store(Airport).create(airport(1))
        assert haus.config.database.max_connections == 2
    assert StoreHaus.from_config("other.toml").config.database.max_connections == 3


async def test_missing_configuration_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With nothing configured the error says what to write."""
    for name in ("DATABASE_URL", "STOREHAUS_CONFIG", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigurationError, match=r"storehaus\.toml"):
        StoreHaus.from_config()


async def test_failed_opening_leaves_no_embedded_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that was started for a haus that cannot open is stopped again."""
    stopped: list[str] = []

    class Server:
        def __init__(self, directory: Path) -> None:
            self.url = "postgresql://localhost:1/postgres"

        async def start(self) -> None:
            stopped.append("started")

        async def stop(self) -> None:
            stopped.append("stopped")

    class Refusing(FakeDriver):
        async def open(self) -> None:
            raise ConnectionFailed("refused", sent=False)

    monkeypatch.setattr("storehaus.driver.embedded.EmbeddedPostgres", Server)
    haus = StoreHaus.embedded(tmp_path)
    haus._make_driver = lambda _: Refusing()

    with pytest.raises(ConnectionFailed):
        await haus.open()

    assert stopped == ["started", "stopped"]


async def test_embedded_server_lives_as_long_as_its_haus(data_directory: Path) -> None:
    """Data is kept from one opening to the next; in between nothing runs."""
    data = data_directory
    for number in range(2):
        async with StoreHaus.embedded(data) as haus:
            await haus.auto_migrate(Label)
            await haus.store(Label).create(Label(key=str(number), value=""))
            assert await haus.store(Label).count() == number + 1
    assert not list(data.rglob("postmaster.pid"))
