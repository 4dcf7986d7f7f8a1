"""Redis behind a password, an ACL and TLS: with the right ones it works, else it is none."""

import asyncio
import logging
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import trustme

from fix_cache import MODELS, Town, cached_config, quick
from fix_redis import RedisServer
from storehaus import QueryBuilder, StoreHaus
from storehaus.cache import redis_transport
from storehaus.errors import CacheError

pytestmark = pytest.mark.anyio

SECRET = "correct-horse-battery"
USER = "keeper"


@asynccontextmanager
async def opened(postgres_url: str, redis_url: str) -> AsyncIterator[StoreHaus]:
    """Open a haus on cached tables, whether hits are served or not."""
    config = cached_config(postgres_url, redis_url, local_max_items=0, prefix="acl")
    async with quick(StoreHaus(config)) as haus:
        await haus.auto_migrate(*MODELS)
        for model in MODELS:
            haus.store(model)
        yield haus


async def use(haus: StoreHaus) -> None:
    """Read and write."""
    store = haus.store(Town)
    await store.upsert(Town(id=1, name="a"))
    for _ in range(3):
        assert (await store.get(1)).name == "a"
        assert await store.count_where(QueryBuilder(Town).filter(Town.country == "DE")) == 1
        await haus.cache._core.database.keeper.close(grace_seconds=5)
    await store.purge(1)
    assert await store.get_by_id(1) is None


async def check_works(haus: StoreHaus) -> None:
    """See that hits are served and nothing is refused."""
    await haus.cache.ready()
    await use(haus)
    stats = await haus.cache.stats()
    assert stats.hits > 0
    assert stats.query_hits > 0
    assert (stats.errors, stats.announced) == (0, 2)
    assert (await haus.cache.health_check())[0]
    await haus.cache._core.transport.sweep()  # type: ignore[union-attr]  # there is one


async def check_is_none(haus: StoreHaus, caplog: pytest.LogCaptureFixture) -> None:
    """See that the database answers, that health says so, and that nothing tells the secret."""
    caplog.set_level(logging.DEBUG)
    await use(haus)
    stats = await haus.cache.stats()
    assert (stats.hits, stats.query_hits) == (0, 0)
    ok, detail = await haus.cache.health_check()
    assert not ok
    for text in (detail, caplog.text, repr(haus), repr(stats), repr(haus.cache)):
        assert SECRET not in text


@pytest.mark.parametrize("given", [SECRET, "wrong", None], ids=str)
async def test_a_password(
    postgres_url: str,
    redis_server: RedisServer,
    given: str | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A wrong one, or none, is a Redis that does not answer."""
    await asyncio.to_thread(redis_server.run, "CONFIG", "SET", "requirepass", SECRET)
    login = "" if given is None else f"?password={given}"
    async with opened(postgres_url, f"{redis_server.url}{login}") as haus:
        if given == SECRET:
            await check_works(haus)
        else:
            await check_is_none(haus, caplog)


def documented_rules() -> list[str]:
    """Give the commands that the transport says its user needs."""
    text = re.sub(r"\s+", " ", redis_transport.__doc__ or "")
    found = re.search(r"`prefix:\*` and `([^`]+)`", text)
    assert found is not None
    return found[1].split()


async def test_a_user_who_may_do_what_is_documented(
    postgres_url: str, redis_server: RedisServer
) -> None:
    """And nothing else, needs nothing else."""
    rules = ["reset", "on", f">{SECRET}", "~acl:*", *documented_rules()]
    await asyncio.to_thread(redis_server.run, "ACL", "SETUSER", USER, *rules)
    url = f"{redis_server.url}?username={USER}&password={SECRET}"
    async with opened(postgres_url, url) as haus:
        await check_works(haus)
        key = haus.cache.record_key(Town, 1)
        assert key is not None
        assert (await haus.cache.explain(key)).verdict == "hit"
        await haus.cache.invalidate_table(Town)
        assert (await haus.cache.stats()).errors == 0


@pytest.mark.parametrize("missing", documented_rules())
async def test_a_user_who_may_do_less(
    postgres_url: str,
    redis_server: RedisServer,
    missing: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whatever he must not do: stores work, what they give is right, and it shows."""
    allowed = [each for each in documented_rules() if each != missing]
    rules = ["reset", "on", f">{SECRET}", "~acl:*", *allowed]
    await asyncio.to_thread(redis_server.run, "ACL", "SETUSER", USER, *rules)
    url = f"{redis_server.url}?username={USER}&password={SECRET}"
    async with opened(postgres_url, url) as haus:
        await use(haus)
        for key in await asyncio.to_thread(redis_server.all_keys):
            if key.endswith(b":p"):
                # As if it was there for long, so that entries are stored.
                await asyncio.to_thread(redis_server.run, "HSET", key, "boot", "1")
        await use(haus)
        is_refused = not (await haus.cache.health_check())[0]
        try:
            await haus.cache._core.transport.sweep()  # type: ignore[union-attr]  # there is one
        except CacheError:
            is_refused = True
        assert is_refused or (await haus.cache.stats()).errors > 0
    assert SECRET not in caplog.text


class Tls:
    """Speaks TLS in front of a Redis.

    Args:
        server: Redis.
        folder: For the certificate of the authority.
    """

    def __init__(self, server: RedisServer, folder: Path) -> None:
        authority = trustme.CA()
        self.authority = folder / "ca.pem"
        authority.cert_pem.write_to_path(self.authority)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(self._context)
        self._server = server
        self.port = 0

    @asynccontextmanager
    async def listen(self) -> AsyncIterator["Tls"]:
        """Listen for as long as the context lasts."""
        server = await asyncio.start_server(self._serve, "localhost", 0, ssl=self._context)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_unix_connection(self._server.socket)
        await asyncio.gather(_carry(reader, ours), _carry(theirs, writer))


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()
    writer.close()


@pytest.mark.parametrize("trusted", [True, False], ids=["trusted", "not trusted"])
async def test_tls(
    postgres_url: str,
    redis_server: RedisServer,
    tmp_path: Path,
    trusted: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The certificate is checked: a server that nobody vouches for is none."""
    async with Tls(redis_server, tmp_path).listen() as tls:
        query = f"?ssl_ca_certs={tls.authority}" if trusted else ""
        async with opened(postgres_url, f"rediss://localhost:{tls.port}/0{query}") as haus:
            if trusted:
                await check_works(haus)
            else:
                await check_is_none(haus, caplog)
