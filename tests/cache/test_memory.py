"""The transport to nowhere: its clock, its switch, and several that share one server."""

import pytest

from storehaus.cache import Finding, Lease, MemoryServer, MemoryTransport, Timing
from storehaus.errors import CacheError

pytestmark = pytest.mark.anyio

DAY_MS = 86_400_000
PRINT = b"columns1"


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1_800_000_000_000

    def __call__(self) -> int:
        """Give it."""
        return self.now


async def leased(transport: MemoryTransport, token: bytes = b"mine") -> Lease:
    """Open an entry, which is not there."""
    answer = await transport.open(b"e", (b"x",), token, fingerprint=PRINT, tag_ttl_ms=60_000)
    assert answer.lease is not None
    return answer.lease


async def filled(transport: MemoryTransport, lease: Lease) -> bool:
    """Store it."""
    value = b"SH\x01" + PRINT + b"\x01" + lease.generations[0]
    return await transport.fill(b"e", (b"x",), lease, value, ttl_ms=1_000, tag_ttl_ms=9_000)


async def test_two_share_a_server() -> None:
    """What one announces the other sees; with servers of their own they are strangers."""
    server = MemoryServer()
    one, two, stranger = MemoryTransport(server), MemoryTransport(server), MemoryTransport()
    await one.intend(7, (b"e",), (b"x",), tag_ttl_ms=9_000)
    assert await two.read((b"x",)) == await one.read((b"x",)) != [None]
    assert await two.pending((b"e",)) == await one.pending((b"e",)) != [None]
    assert await stranger.read((b"x",)) == await stranger.pending((b"e",)) == [None]


async def test_one_is_unplugged() -> None:
    """It fails until it is plugged again, and the other one works."""
    server = MemoryServer()
    one, two = MemoryTransport(server), MemoryTransport(server)
    one.unplug()
    assert (one.is_usable, one.state) == (False, "open")
    with pytest.raises(CacheError, match="unplugged"):
        await one.intend(7, (b"e",), (), tag_ttl_ms=1)
    with pytest.raises(CacheError, match="unplugged"):
        await one.ping()
    assert list(await two.pending((b"e",))) == [None]
    one.plug()
    assert (one.is_usable, one.state) == (True, "closed")
    await one.intend(7, (b"e",), (), tag_ttl_ms=1)
    assert list(await two.pending((b"e",))) != [None]


async def test_window_is_over_by_the_clock() -> None:
    """To the millisecond."""
    clock = Clock()
    transport = MemoryTransport(MemoryServer(clock), Timing(window=0.5))
    assert await transport.cold_ms() == 500
    clock.now += 499
    opened = await transport.open(b"e", (), b"t", fingerprint=PRINT, tag_ttl_ms=1)
    assert opened.finding is Finding.COLD
    assert await transport.cold_ms() == 1
    clock.now += 1
    await leased(transport)


async def test_times_to_live() -> None:
    """Of leases, entries and tags; what is over is forgotten with a sweep."""
    clock = Clock()
    transport = MemoryTransport(MemoryServer(clock), Timing(window=0.001, lease=3.0))
    await transport.cold_ms()
    clock.now += 1
    lease = await leased(transport)
    clock.now += 3_001
    assert not await filled(transport, lease)
    assert await filled(transport, await leased(transport, b"his"))
    clock.now += 1_000
    assert await transport.remaining_ms(b"e") == 0
    assert None not in await transport.read((b"e", b"x"))
    clock.now += 1
    value, tag = await transport.read((b"e", b"x"))
    assert (value, tag) == (None, lease.generations[0])
    clock.now += 60_000
    assert list(await transport.read((b"x",))) == [None]
    await transport.sweep()
    assert [*transport.server.kept] == [b":p"]


async def test_horizon_is_over_by_the_clock() -> None:
    """To the millisecond, for sweeps and for announcements."""
    clock = Clock()
    transport = MemoryTransport(MemoryServer(clock), Timing(horizon=10.0))
    await transport.intend(7, (b"a", b"b"), (), tag_ttl_ms=1)
    clock.now += 10_000
    await transport.sweep()
    await transport.intend(8, (b"a",), (), tag_ttl_ms=1)
    a, b = await transport.pending((b"a", b"b"))
    assert a == b"7-8@%d" % clock.now
    assert b is not None
    clock.now += 10_001
    await transport.intend(9, (b"a",), (), tag_ttl_ms=1)
    await transport.sweep()
    assert list(await transport.pending((b"a", b"b"))) == [b"9-9@%d" % clock.now, None]


async def test_pending_hash_lives_for_a_day() -> None:
    """Sweeps let it live on."""
    clock = Clock()
    transport = MemoryTransport(MemoryServer(clock), Timing(window=1.0))
    await transport.cold_ms()
    clock.now += DAY_MS
    assert await transport.cold_ms() == 0
    await transport.sweep()
    clock.now += DAY_MS
    assert await transport.cold_ms() == 0
    clock.now += 1
    assert await transport.cold_ms() == 1_000
