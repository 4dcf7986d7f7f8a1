"""What the cache asks of a server, kept by Redis and by the memory alike."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from fix_transport import BOOT, LEASE, PENDING, TIMING, Stand, age
from storehaus.cache import (
    CacheTransport,
    Finding,
    Lease,
    MemoryTransport,
    Opened,
    make_redis_transport,
)
from storehaus.cache.entry import check_entry, make_entry
from storehaus.config import CacheConfig
from storehaus.errors import CacheError

pytestmark = pytest.mark.anyio

PRINT = b"columns1"
TAGS = (b"x", b"y")
TTL_MS = 60_000
TAG_MS = 120_000
LONG_AGO = b"@1000"

Operation = Callable[[CacheTransport], Awaitable[object]]

OPERATIONS: dict[str, Operation] = {
    "read": lambda transport: transport.read((b"e",)),
    "open": lambda transport: opened(transport, b"token"),
    "fill": lambda transport: transport.fill(
        b"e", (), Lease(b"token", 1, (), {}), b"", ttl_ms=1, tag_ttl_ms=1
    ),
    "release": lambda transport: transport.release(b"e", Lease(b"token", 1, (), {})),
    "intend": lambda transport: transport.intend(7, (b"e",), (), tag_ttl_ms=1),
    "pending": lambda transport: transport.pending((b"e",)),
    "cold_ms": lambda transport: transport.cold_ms(),
    "sweep": lambda transport: transport.sweep(),
    "remaining_ms": lambda transport: transport.remaining_ms(b"e"),
}


async def opened(
    transport: CacheTransport, token: bytes = b"mine", fingerprint: bytes = PRINT
) -> Opened:
    """Open the entry."""
    return await transport.open(b"e", TAGS, token, fingerprint=fingerprint, tag_ttl_ms=TAG_MS)


async def leased(transport: CacheTransport, token: bytes = b"mine") -> Lease:
    """Open the entry, which is not there."""
    answer = await opened(transport, token)
    assert answer.finding is Finding.LEASE
    assert answer.lease is not None
    return answer.lease


async def filled(transport: CacheTransport, lease: Lease, payload: bytes = b"row") -> bool:
    """Store the entry."""
    value = make_entry(b"e", PRINT, lease.generations, payload)
    return await transport.fill(b"e", TAGS, lease, value, ttl_ms=TTL_MS, tag_ttl_ms=TAG_MS)


async def stored(transport: CacheTransport) -> bytes | None:
    """Give what a plain read finds."""
    value, *generations = await transport.read((b"e", *TAGS))
    return None if value is None else check_entry(b"e", value, PRINT, generations)


async def intend(
    stand: Stand, transaction: int | None, *names: bytes, tag: bytes | None = None, over: int = 0
) -> None:
    """Announce a write of entries, and of a tag."""
    tags = () if tag is None else (tag,)
    await stand.transport.intend(transaction, names, tags, tag_ttl_ms=TAG_MS, over=over)


async def noted(stand: Stand, name: bytes) -> bytes | None:
    """Give what is noted of a name, without the time."""
    (found,) = await stand.transport.pending((name,))
    return None if found is None else found.partition(b"@")[0]


async def test_read_gives_what_is_there(stand: Stand) -> None:
    """In the order of the names, and None for what is not."""
    lease = await leased(stand.transport)
    assert await filled(stand.transport, lease)
    first, second = lease.generations
    value = make_entry(b"e", PRINT, lease.generations, b"row")
    found = await stand.transport.read((b"y", b"none", b"e", b"x"))
    assert list(found) == [second, None, value, first]


async def test_open_gives_a_lease(stand: Stand) -> None:
    """With all that its holder must know; tags that are not there are made."""
    lease = await leased(stand.transport)
    assert lease.token == b"mine"
    assert b"%d" % lease.boot == stand.noted()[BOOT]
    assert lease.pending == {}
    assert lease.transactions == ()
    assert list(await stand.transport.read(TAGS)) == list(lease.generations)
    assert {len(each) for each in lease.generations} == {8}
    assert len({*lease.generations}) == 2


async def test_open_without_tags(stand: Stand) -> None:
    """An entry need not carry any."""
    answer = await stand.transport.open(b"e", (), b"mine", fingerprint=PRINT, tag_ttl_ms=TAG_MS)
    assert answer.lease is not None
    value = make_entry(b"e", PRINT, (), b"row")
    assert await stand.transport.fill(b"e", (), answer.lease, value, ttl_ms=9_000, tag_ttl_ms=9_999)
    again = await stand.transport.open(b"e", (), b"his", fingerprint=PRINT, tag_ttl_ms=TAG_MS)
    assert again == Opened(Finding.HIT, value=value)


async def test_open_lets_others_wait(stand: Stand) -> None:
    """There is one lease, until it is given back or its time is over."""
    lease = await leased(stand.transport)
    assert await opened(stand.transport, b"his") == Opened(Finding.WAIT)
    await stand.transport.release(b"e", lease)
    await leased(stand.transport, b"his")
    stand.drop(b"e" + LEASE)
    await leased(stand.transport, b"hers")


async def test_lease_has_its_time(stand: Stand) -> None:
    """And so have tags that are made."""
    await leased(stand.transport)
    assert_near(await stand.transport.remaining_ms(b"e" + LEASE), TIMING.lease * 1000)
    assert_near(await stand.transport.remaining_ms(b"x"), TAG_MS)


async def test_open_hits(stand: Stand) -> None:
    """It gives the entry, and no lease."""
    lease = await leased(stand.transport)
    assert await filled(stand.transport, lease)
    value = make_entry(b"e", PRINT, lease.generations, b"row")
    assert await opened(stand.transport, b"his") == Opened(Finding.HIT, value=value)
    assert await stored(stand.transport) == b"row"
    assert await stand.transport.remaining_ms(b"e" + LEASE) is None


async def test_hit_needs_no_pending_hash(stand: Stand) -> None:
    """What is stored counts, as long as it is there."""
    assert await filled(stand.transport, await leased(stand.transport))
    stand.drop(b"p")
    assert (await opened(stand.transport)).finding is Finding.HIT
    assert stand.noted() == {}


async def test_other_columns_do_not_hit(stand: Stand) -> None:
    """The fingerprint must agree."""
    assert await filled(stand.transport, await leased(stand.transport))
    assert (await opened(stand.transport, fingerprint=b"columns2")).finding is Finding.LEASE


@pytest.mark.parametrize("tag", TAGS, ids=["first", "second"])
async def test_other_generation_does_not_hit(stand: Stand, tag: bytes) -> None:
    """Of no tag, be it new or lost."""
    assert await filled(stand.transport, await leased(stand.transport))
    await intend(stand, None, tag=tag)
    lease = await leased(stand.transport)
    assert await filled(stand.transport, lease)
    stand.drop(tag)
    assert await stored(stand.transport) is None
    assert (await leased(stand.transport)).generations != lease.generations


async def test_other_number_of_tags_does_not_hit(stand: Stand) -> None:
    """An entry counts for the tags that it was made with."""
    assert await filled(stand.transport, await leased(stand.transport))
    answer = await stand.transport.open(b"e", (b"x",), b"mine", fingerprint=PRINT, tag_ttl_ms=1)
    assert answer.finding is Finding.LEASE


@pytest.mark.parametrize("value", [b"", b"SH\x01", b"SH\x01columns1"], ids=["none", "magic", "cut"])
async def test_value_that_is_none_does_not_hit(stand: Stand, value: bytes) -> None:
    """It is read from the database and replaced."""
    lease = await leased(stand.transport)
    await stand.transport.fill(b"e", TAGS, lease, value, ttl_ms=TTL_MS, tag_ttl_ms=TAG_MS)
    assert await filled(stand.transport, await leased(stand.transport))
    assert await stored(stand.transport) == b"row"


@pytest.mark.parametrize("maker", ["open", "intend", "cold_ms"])
async def test_new_hash_is_cold(stand: Stand, maker: str) -> None:
    """Whoever makes it; tags are made all the same, and nobody gets a lease until W is over."""
    stand.drop(b"p")
    await OPERATIONS[maker](stand.transport)
    assert_near(await stand.transport.cold_ms(), TIMING.window * 1000)
    assert await opened(stand.transport) == Opened(Finding.COLD)
    assert None not in await stand.transport.read(TAGS)
    assert await stand.transport.remaining_ms(b"e" + LEASE) is None
    age(stand)
    assert await stand.transport.cold_ms() == 0
    await leased(stand.transport)


async def test_cold_comes_before_wait(stand: Stand) -> None:
    """A lease of the time before says nothing."""
    await leased(stand.transport)
    stand.drop(b"p")
    assert await opened(stand.transport, b"his") == Opened(Finding.COLD)


async def test_hash_lives_for_a_day(stand: Stand) -> None:
    """A sweep lets it live on, and writes do not."""
    stand.drop(b"p")
    await stand.transport.cold_ms()
    assert_near(await stand.transport.remaining_ms(b"p"), 86_400_000)


async def test_fill_is_granted_once(stand: Stand) -> None:
    """It gives the lease back."""
    lease = await leased(stand.transport)
    assert await filled(stand.transport, lease)
    assert not await filled(stand.transport, lease, b"again")
    assert await stored(stand.transport) == b"row"


async def test_fill_without_the_lease_is_refused(stand: Stand) -> None:
    """Its time is over, it was given back, or a write was announced."""
    lost = await leased(stand.transport, b"lost")
    stand.drop(b"e" + LEASE)
    assert not await filled(stand.transport, lost)
    back = await leased(stand.transport, b"back")
    await stand.transport.release(b"e", back)
    assert not await filled(stand.transport, back)
    overtaken = await leased(stand.transport, b"overtaken")
    await intend(stand, None, b"e")
    assert not await filled(stand.transport, overtaken)
    assert await stored(stand.transport) is None


async def test_fill_with_another_lease_is_refused(stand: Stand) -> None:
    """Its holder keeps it."""
    old = await leased(stand.transport, b"old")
    await stand.transport.release(b"e", old)
    new = await leased(stand.transport, b"new")
    assert not await filled(stand.transport, old)
    assert await filled(stand.transport, new)


@pytest.mark.parametrize("is_there", [False, True], ids=["missing", "another"])
async def test_fill_after_the_hash_was_lost_is_refused(stand: Stand, *, is_there: bool) -> None:
    """Nobody knows what was noted in it; the lease is given back."""
    lease = await leased(stand.transport)
    stand.drop(b"p")
    if is_there:
        await stand.transport.cold_ms()
        age(stand)
    assert not await filled(stand.transport, lease)
    assert await stored(stand.transport) is None
    assert await stand.transport.remaining_ms(b"e" + LEASE) is None


async def test_fill_lets_tags_live_longer(stand: Stand) -> None:
    """Never shorter."""
    answer = await stand.transport.open(b"e", TAGS, b"mine", fingerprint=PRINT, tag_ttl_ms=9_000)
    assert answer.lease is not None
    assert await filled(stand.transport, answer.lease)
    assert_near(await stand.transport.remaining_ms(b"e"), TTL_MS)
    assert_near(await stand.transport.remaining_ms(b"x"), TAG_MS)
    assert_near(await stand.transport.remaining_ms(b"y"), TAG_MS)
    await intend(stand, None, b"e")
    lease = await leased(stand.transport)
    await stand.transport.fill(b"e", TAGS, lease, b"", ttl_ms=1_000, tag_ttl_ms=2_000)
    assert_near(await stand.transport.remaining_ms(b"x"), TAG_MS)


async def test_fill_after_a_tag_changed_is_refused(stand: Stand) -> None:
    """The lease holds, but what was read may be older than what somebody else knows."""
    lease = await leased(stand.transport)
    await intend(stand, 7, tag=b"x")
    assert not await filled(stand.transport, lease)
    assert await stored(stand.transport) is None
    assert (await opened(stand.transport)).finding is Finding.LEASE


async def test_fill_after_a_tag_was_lost_is_refused(stand: Stand) -> None:
    """Nobody knows whether it changed before that; and it is not made."""
    lease = await leased(stand.transport)
    stand.drop(b"y")
    assert not await filled(stand.transport, lease)
    assert await stand.transport.remaining_ms(b"y") is None


async def test_entry_whose_tag_changes_is_no_hit(stand: Stand) -> None:
    """It was stored before."""
    assert await filled(stand.transport, await leased(stand.transport))
    await intend(stand, 7, tag=b"x")
    assert await stored(stand.transport) is None
    assert (await opened(stand.transport)).finding is Finding.LEASE


async def test_release_gives_back_ones_own(stand: Stand) -> None:
    """Not that of another, and twice is once."""
    old = await leased(stand.transport, b"old")
    await stand.transport.release(b"e", old)
    await leased(stand.transport, b"new")
    await stand.transport.release(b"e", old)
    assert (await opened(stand.transport)).finding is Finding.WAIT


async def test_intend_drops_entries(stand: Stand) -> None:
    """And keeps others."""
    assert await filled(stand.transport, await leased(stand.transport))
    await intend(stand, 7, b"other")
    assert await stored(stand.transport) == b"row"
    await intend(stand, 7, b"e")
    assert list(await stand.transport.read((b"e",))) == [None]


async def test_intend_gives_new_generations(stand: Stand) -> None:
    """Of the tags that it names, there or not, with a time to live."""
    lease = await leased(stand.transport)
    stand.drop(b"y")
    await stand.transport.intend(None, (), (b"y", b"z"), tag_ttl_ms=9_000)
    x, y, z = await stand.transport.read((*TAGS, b"z"))
    assert x == lease.generations[0]
    assert y not in {None, lease.generations[1]}
    assert y == z
    assert_near(await stand.transport.remaining_ms(b"y"), 9_000)


async def test_intend_notes_the_transaction(stand: Stand) -> None:
    """Whoever opens an entry afterwards hears of it, by the names that he asks about."""
    await intend(stand, 7, b"e", tag=b"y")
    await intend(stand, 8, b"other", tag=b"z")
    lease = await leased(stand.transport)
    assert lease.transactions == ((7, 7), (7, 7))
    assert [*lease.pending] == [b"e", b"y"]
    assert list(await stand.transport.pending((b"y", b"none", b"e"))) == [
        lease.pending[b"y"],
        None,
        lease.pending[b"e"],
    ]


async def test_intend_without_a_transaction_notes_none(stand: Stand) -> None:
    """What is visible already needs no waiting, and takes nothing back."""
    await intend(stand, 7, b"e")
    await intend(stand, None, b"e", b"other", tag=b"x")
    assert await noted(stand, b"e") == b"7-7"
    assert list(await stand.transport.pending((b"other", b"x"))) == [None, None]


@pytest.mark.parametrize(
    ("intents", "expected"),
    [
        ([(7, 0), (9, 0)], b"7-9"),
        ([(9, 0), (7, 0)], b"7-9"),
        ([(7, 0), (9, 0), (8, 0)], b"7-9"),
        ([(6, 0), (9, 0), (10, 8)], b"8-10"),
        ([(7, 0), (9, 7)], b"7-9"),
        ([(7, 0), (8, 0), (10, 9)], b"10-10"),
        ([(7, 0), (8, 0), (10, 8)], b"8-10"),
        ([(10, 0), (7, 7)], b"7-10"),
        ([(2**52, 0), (2**52 + 1, 0)], b"%d-%d" % (2**52, 2**52 + 1)),
    ],
    ids=[
        "two",
        "earlier",
        "between",
        "over cuts",
        "over at the first",
        "over all",
        "over at the last",
        "over before both",
        "large",
    ],
)
async def test_intents_are_merged(
    stand: Stand, intents: list[tuple[int, int]], expected: bytes
) -> None:
    """First and last are kept; of those before `over` none."""
    for transaction, over in intents:
        await intend(stand, transaction, b"e", over=over)
    assert await noted(stand, b"e") == expected


async def test_intend_forgets_beyond_the_horizon(stand: Stand) -> None:
    """A transaction that announced so long ago is over."""
    stand.note(b"e", b"5-6" + LONG_AGO)
    await intend(stand, 7, b"e")
    assert await noted(stand, b"e") == b"7-7"


async def test_noted_time_is_the_servers(stand: Stand) -> None:
    """It is that of the last announcement."""
    stand.drop(b"p")
    await intend(stand, 7, b"e")
    boot, at = await stand.transport.pending((BOOT, b"e"))
    assert boot is not None
    assert at is not None
    assert 0 <= int(at.partition(b"@")[2]) - int(boot) < 10_000


async def test_fill_forgets_what_is_over(stand: Stand) -> None:
    """As it was noted when the entry was opened."""
    await intend(stand, 7, b"e", b"other", tag=b"x")
    assert await filled(stand.transport, await leased(stand.transport))
    found = await stand.transport.pending((b"e", b"x", b"other"))
    assert [each is None for each in found] == [True, True, False]


async def test_fill_keeps_what_was_noted_since(stand: Stand) -> None:
    """Another transaction may not be over."""
    await intend(stand, 7, b"e")
    lease = await leased(stand.transport)
    (field,) = lease.pending
    stand.note(field, b"7-8@" + lease.pending[field].partition(b"@")[2])
    assert await filled(stand.transport, lease)
    assert await noted(stand, b"e") == b"7-8"


async def test_refused_fill_forgets_nothing(stand: Stand) -> None:
    """Whoever holds no lease may know nothing."""
    await intend(stand, 7, b"e")
    lease = await leased(stand.transport)
    await stand.transport.release(b"e", lease)
    assert not await filled(stand.transport, lease)
    assert await noted(stand, b"e") == b"7-7"


async def test_many_names_are_announced_in_pieces(stand: Stand) -> None:
    """All of them."""
    assert await filled(stand.transport, await leased(stand.transport))
    lease = await stand.transport.open(b"e9", (), b"m", fingerprint=PRINT, tag_ttl_ms=TAG_MS)
    entries = [b"e", *(b"e%d" % i for i in range(1_100))]
    tags = [b"t%d" % i for i in range(700)]
    await stand.transport.intend(7, entries, tags, tag_ttl_ms=TAG_MS)
    values = await stand.transport.read(entries)
    assert set(values) == {None}
    assert None not in await stand.transport.read(tags)
    assert None not in await stand.transport.pending([*entries, *tags])
    assert await stand.transport.remaining_ms(b"e9" + LEASE) is None
    assert lease.finding is Finding.LEASE
    assert len(stand.noted()) == 1 + len(entries) + len(tags)


async def test_intend_of_nothing(stand: Stand) -> None:
    """It is no error."""
    before = stand.noted()
    await intend(stand, 7)
    assert stand.noted() == before


async def test_sweep_forgets_beyond_the_horizon(stand: Stand) -> None:
    """And nothing else."""
    await intend(stand, 7, b"new")
    for i in range(300):
        stand.note(b"old%d" % i, b"5-6" + LONG_AGO)
    boot = stand.noted()[BOOT]
    await stand.transport.sweep()
    assert {*stand.noted()} == {BOOT, b"new"}
    assert stand.noted()[BOOT] == boot


async def test_sweep_makes_no_hash(stand: Stand) -> None:
    """Where none is, nothing is old."""
    stand.drop(b"p")
    await stand.transport.sweep()
    assert stand.noted() == {}


async def test_entry_that_is_not_there_lives_no_longer(stand: Stand) -> None:
    """None says so."""
    assert await stand.transport.remaining_ms(b"e") is None


async def test_spaces_are_apart(stand: Stand) -> None:
    """The space may change at any time."""
    assert await filled(stand.transport, await leased(stand.transport))
    stand.transport.space = b"another database"
    assert await opened(stand.transport) == Opened(Finding.COLD)
    assert list(await stand.transport.read((b"e",))) == [None]
    await intend(stand, 7, b"e", tag=b"x")
    stand.transport.space = b""
    assert await stored(stand.transport) == b"row"
    assert await noted(stand, b"e") is None


@pytest.mark.parametrize(
    "name", [b"boot ", b"a\r\nb", b"\x00", b"%d", b"e:l:l", b"x" * 70_000], ids=repr
)
async def test_names_hold_anything(stand: Stand, name: bytes) -> None:
    """They are found again as they are."""
    await stand.transport.intend(7, (name,), (), tag_ttl_ms=1)
    answer = await stand.transport.open(name, (), b"t", fingerprint=PRINT, tag_ttl_ms=1)
    assert answer.lease is not None
    assert [*answer.lease.pending] == [name]


async def test_ping_says_who_answers(stand: Stand) -> None:
    """Whatever else is the matter, as long as the server is there."""
    assert (await stand.transport.ping()).partition(" ")[0] in {"Redis", "Valkey", "Memory"}
    assert stand.transport.is_usable
    assert stand.transport.state == "closed"
    await stand.transport.close()
    assert await stand.transport.ping()


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_closed_transport_answers_nothing(stand: Stand, operation: str) -> None:
    """It is not usable any more."""
    await stand.transport.close()
    with pytest.raises(CacheError):
        await OPERATIONS[operation](stand.transport)
    assert not stand.transport.is_usable
    assert stand.transport.state == "open"


@pytest.fixture(params=["redis", "memory"])
def gone(request: pytest.FixtureRequest, tmp_path: Path) -> CacheTransport:
    """A transport to a server that is not there."""
    if request.param == "redis":
        url = f"unix://{tmp_path}/none"
        return make_redis_transport(CacheConfig.model_validate({"redis_url": url}), TIMING)
    transport = MemoryTransport()
    transport.unplug()
    return transport


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_server_that_is_not_there(gone: CacheTransport, operation: str) -> None:
    """It is a CacheError, and asking again makes no sense."""
    with pytest.raises(CacheError):
        await OPERATIONS[operation](gone)
    assert not gone.is_usable
    assert gone.state != "closed"
    await gone.close()


async def test_ping_of_a_server_that_is_not_there(gone: CacheTransport) -> None:
    """It asks all the same."""
    for _ in range(2):
        with pytest.raises(CacheError):
            await gone.ping()
    await gone.close()


def assert_near(left: float | None, full: float) -> None:
    """Compare a time that began a moment ago."""
    assert left is not None
    assert full - 10_000 < left <= full


async def test_names_are_all_that_is_there(stand: Stand) -> None:
    """Entries, leases, tags and the HASH, and nothing of another space."""
    assert await filled(stand.transport, await leased(stand.transport))
    await stand.transport.open(b"f*[x]", TAGS, b"his", fingerprint=PRINT, tag_ttl_ms=TAG_MS)
    stand.transport.space = b"elsewhere"
    await intend(stand, 7, b"e", tag=b"z")
    assert {name async for name in stand.transport.names()} == {PENDING, b"z"}
    stand.transport.space = b""
    found = {name async for name in stand.transport.names()}
    assert found == {PENDING, b"e", b"x", b"y", b"f*[x]" + LEASE}
