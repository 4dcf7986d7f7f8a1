"""Transports with a back door to their server, so that no test waits for time to pass."""

from collections.abc import AsyncIterator, Generator
from contextlib import closing, contextmanager
from itertools import count
from typing import Any, Protocol, cast

import pytest
import redis

from storehaus.cache import (
    CacheTransport,
    MemoryServer,
    MemoryTransport,
    Timing,
    make_redis_transport,
)
from storehaus.config import CacheConfig

TIMING = Timing(window=1000.0, horizon=1000.0, lease=1000.0, patience=5.0)
"""Nothing is over by itself while a test runs."""

PENDING = b"p"
BOOT = b"boot"
LEASE = b":l"


class Stand(Protocol):
    """A transport, and what a test does to its server behind its back.

    Attributes:
        transport: The transport.
    """

    transport: CacheTransport

    def drop(self, *names: bytes) -> None:
        """Lose keys, as a full server or the end of their time does."""
        ...

    def note(self, field: bytes, value: bytes) -> None:
        """Write a field of the pending HASH."""
        ...

    def noted(self) -> dict[bytes, bytes]:
        """Give all fields of it."""
        ...


class RedisStand(Stand):
    """The transport to Redis.

    Args:
        url: Of the server.
        prefix: What its keys begin with.
        client: To the same server.
    """

    def __init__(self, url: str, prefix: str, client: Any) -> None:
        config = CacheConfig.model_validate({"redis_url": url, "prefix": prefix})
        self.transport = make_redis_transport(config, TIMING)
        run = client.info("server")["run_id"][:8] + client.info("replication")["master_replid"][:8]
        self._client = client
        self._prefix = f"{prefix}:{run}:".encode()

    def drop(self, *names: bytes) -> None:
        """Delete keys."""
        self._client.delete(*map(self._key, names))

    def note(self, field: bytes, value: bytes) -> None:
        """Write a field of the pending HASH."""
        self._client.hset(self._key(PENDING), field, value)

    def noted(self) -> dict[bytes, bytes]:
        """Give all fields of it."""
        return dict(self._client.hgetall(self._key(PENDING)))

    def _key(self, name: bytes) -> bytes:
        return b"%b%b:%b" % (self._prefix, self.transport.space, name)


class MemoryStand(Stand):
    """The transport to nowhere; its clock stands still."""

    def __init__(self) -> None:
        self._server = MemoryServer(lambda: 1_800_000_000_000)
        self.transport = MemoryTransport(self._server, TIMING)

    def drop(self, *names: bytes) -> None:
        """Delete keys."""
        self._server.drop(*map(self._key, names))

    def note(self, field: bytes, value: bytes) -> None:
        """Write a field of the pending HASH."""
        self._server.kept[self._key(PENDING)][0][field] = value

    def noted(self) -> dict[bytes, bytes]:
        """Give all fields of it."""
        return dict(self._server.get(self._key(PENDING)) or {})

    def _key(self, name: bytes) -> bytes:
        return b"%b:%b" % (self.transport.space, name)


_BOOTS = count(1)


def age(*stands: Stand) -> None:
    """Let W be over since the pending HASH was made, at a time that no other was made at."""
    boot = b"%d" % next(_BOOTS)
    for stand in stands:
        stand.note(BOOT, boot)


async def warm(stand: Stand) -> None:
    """Make the pending HASH, and let W be over."""
    await stand.transport.cold_ms()
    age(stand)


@contextmanager
def redis_stand(url: str, prefix: str) -> Generator[RedisStand]:
    """Make a transport to Redis."""
    kind = cast("Any", redis.Redis)  # whose own types are half unknown
    with closing(kind.from_url(url)) as client:
        yield RedisStand(url, prefix, client)


@pytest.fixture(params=["redis", "memory"])
async def stand(
    request: pytest.FixtureRequest, shared_redis: str, redis_prefix: str
) -> AsyncIterator[Stand]:
    """A transport whose pending HASH is as old as it must be."""
    with redis_stand(shared_redis, redis_prefix) as over_redis:
        made: Stand = over_redis if request.param == "redis" else MemoryStand()
        await warm(made)
        yield made
        await made.transport.close()
