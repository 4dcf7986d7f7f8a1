"""Why a read of an entry is answered as it is."""

from msgspec import Struct

from storehaus.cache.core import Core
from storehaus.cache.directory import Cached
from storehaus.cache.entry import check_entry, fingerprint_of, read_entry
from storehaus.cache.names import generation_tag
from storehaus.cache.transport import CacheTransport
from storehaus.errors import CacheError

__all__ = ["Explanation", "explain"]

_KINDS = frozenset({"r", "q"})


class Explanation(Struct, frozen=True, kw_only=True):
    """Why a read of one entry is answered as it is.

    Attributes:
        key: Name of the entry.
        verdict: "hit", "miss" or "refused": the cache would not be asked.
        reason: One sentence.
        size: Bytes of the entry, None where there is none.
        ttl_seconds: How long it lives, None where there is none.
    """

    key: str
    verdict: str
    reason: str
    size: int | None = None
    ttl_seconds: float | None = None


async def explain(core: Core, key: str) -> Explanation:
    """Say whether the entry of this name is a hit now, and why.

    Args:
        core: The cache.
        key: Name of an entry, or a key as Redis shows it.
    """
    name = _name_of(key)
    oid = _table_of(name)
    directory = core.directory
    if oid is None or directory is None or oid not in directory.registered:
        return _refused(key, "it belongs to no cached table")
    cached = next((each for each in directory.serving.values() if each.oid == oid), None)
    reason = _reason_not_to_ask(core, name, cached, generation_tag(oid))
    if reason is not None:
        return _refused(key, reason)
    if core.local.get(name, core.now()) is not None:
        return Explanation(key=key, verdict="hit", reason="it is kept in this process")
    transport = core.transport
    if transport is None:
        return Explanation(key=key, verdict="miss", reason="it is not kept in this process")
    try:
        return await _explain_stored(transport, key, name, cached, generation_tag(oid))
    except CacheError as error:
        core.counters.errors += 1
        return _refused(key, str(error))


def _reason_not_to_ask(
    core: Core, name: bytes, cached: Cached | None, generation: bytes
) -> str | None:
    now = core.now()
    if not core.is_trusted(now):
        return "the outbox could not be read for a while, so no hits are served"
    if cached is not None and cached.ready_at > now:
        return f"the table is cached since a moment; hits come in {cached.ready_at - now:.1f} s"
    if core.is_bypassed((name, generation), now):
        return "this process has written it without reaching Redis a moment ago"
    return None


async def _explain_stored(
    transport: CacheTransport, key: str, name: bytes, cached: Cached | None, tag: bytes
) -> Explanation:
    value, generation = await transport.read((name, tag))
    if value is None:
        reason = "there is no such entry"
        if any(each is not None for each in await transport.pending((name, tag))):
            reason += "; a transaction has announced a write, and nobody has read it since"
        return Explanation(key=key, verdict="miss", reason=reason)
    left = await transport.remaining_ms(name)
    verdict, reason = _judge(name, value, cached, generation)
    return Explanation(
        key=key,
        verdict=verdict,
        reason=reason,
        size=len(value),
        ttl_seconds=None if left is None else left / 1000,
    )


def _judge(
    name: bytes, value: bytes, cached: Cached | None, generation: bytes | None
) -> tuple[str, str]:
    """Give verdict and reason for an entry that Redis keeps."""
    is_query = name.startswith(b"q:")
    # Which tables a query is about, nobody can tell by its name.
    compared = cached is not None and not is_query
    expected = cached.fingerprint if cached is not None and compared else fingerprint_of(value)
    if read_entry(name, value, expected) is None:
        return "miss", "its bytes are damaged, or of another version of the model"
    if not is_query and check_entry(name, value, expected, (generation,)) is None:
        return "miss", "the whole table was written to since it was stored"
    if is_query:
        return "hit", "it is there; its tags and the version of its models were not compared"
    if not compared:
        return "hit", "it is there; the version of its model was not compared"
    return "hit", "it is there"


def _refused(key: str, reason: str) -> Explanation:
    return Explanation(key=key, verdict="refused", reason=reason)


def _name_of(key: str) -> bytes:
    """Take off what Redis shows before the name."""
    parts = key.split(":")
    kinds = [i for i, part in enumerate(parts) if part in _KINDS]
    return ":".join(parts[kinds[-1] :]).encode() if kinds else key.encode()


def _table_of(name: bytes) -> int | None:
    kind, _, rest = name.decode().partition(":")
    oid = rest.partition(":")[0]
    return int(oid) if kind in _KINDS and oid.isascii() and oid.isdigit() else None
