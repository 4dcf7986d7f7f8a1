"""What the parts of the cache share: the parts themselves, and whether hits may be served."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from time import monotonic

from storehaus.cache.directory import Cached, Directory, Place, make_directory, place_of
from storehaus.cache.local import LocalTier
from storehaus.cache.registry import State
from storehaus.cache.stats import Counters
from storehaus.cache.transport import CacheTransport, Timing
from storehaus.model import TableInfo
from storehaus.store.database import Database

__all__ = ["TAG_SLACK_MS", "Core", "log"]

log = logging.getLogger("storehaus.cache")

TAG_SLACK_MS = 60_000
"""A tag outlives the entries that carry it by so much."""


class Core:
    """The state of one process's cache.

    Args:
        database: Where rows and the outbox are.
        transport: Where entries are kept for all processes; None keeps them in this one only.
        local: Where entries are kept in this process.
        timing: The constants.
        ttl_seconds: How long entries live where a model does not say.
    """

    __slots__ = (
        "_models",
        "bypassed",
        "counters",
        "database",
        "directory",
        "local",
        "now",
        "polled_at",
        "rests_until",
        "space",
        "timing",
        "transport",
        "ttl_seconds",
        "wake",
    )

    def __init__(
        self,
        database: Database,
        transport: CacheTransport | None,
        local: LocalTier,
        timing: Timing,
        ttl_seconds: float,
    ) -> None:
        self.database = database
        self.transport = transport
        self.local = local
        self.timing = timing
        self.ttl_seconds = ttl_seconds
        self.counters = Counters()
        self.now = monotonic
        """What tells the time; an event loop's own may stand still while something is computed."""
        self.directory: Directory | None = None
        """What is known; None before the first poll."""
        self.polled_at = float("-inf")
        """When the last poll began whose rows were all applied, by `now`."""
        self.space = b""
        """Which database it is about; empty before the first poll."""
        self.rests_until = float("-inf")
        """No hits are served before that: the database has been replaced by another one."""
        self.wake = asyncio.Event()
        """Set to poll at once."""
        self._models: dict[Place, TableInfo] = {}
        self.bypassed: dict[bytes, float] = {}
        """Names that must not be used, and until when."""

    def know(self, info: TableInfo) -> None:
        """Learn of a model that is used here."""
        if self._models.get(place_of(info)) is not info:
            self._models[place_of(info)] = info
            self.wake.set()

    @property
    def models(self) -> Sequence[TableInfo]:
        """The models that are used here."""
        return tuple(self._models.values())

    def learn(self, state: State, infos: Sequence[TableInfo]) -> Directory:
        """Take what was read of the database; `state.oids` are those of `infos`."""
        self.directory = make_directory(
            state,
            infos,
            now=self.now(),
            rests_until=self.rests_until,
            timing=self.timing,
            ttl_seconds=self.ttl_seconds,
            before=self.directory,
        )
        if any(each.has_external_writes for each in state.tables):
            # Triggers keep quiet about transactions that announce themselves.
            self.database.settings = {"storehaus.announced": "on"}
        return self.directory

    def is_trusted(self, now: float) -> bool:
        """Whether hits may be served: nothing waits in the outbox for longer than T."""
        return now - self.polled_at < self.timing.trust

    def serving(self, info: TableInfo, now: float) -> Cached | None:
        """Give a table whose entries may be used now, None for any other."""
        directory = self.directory
        if directory is None or now - self.polled_at >= self.timing.trust:
            return None
        found = directory.serving.get((info.schema, info.name))
        return found if found is not None and found.ready_at <= now else None

    def bypass(self, names: Iterable[bytes], now: float) -> None:
        """Use no entries of these names for T: they may be stale, and only the outbox says so."""
        until = now + self.timing.trust
        self.forgive(now)
        self.bypassed.update(dict.fromkeys(names, until))

    def forgive(self, now: float) -> None:
        """Let names be used again whose time is over."""
        self.bypassed = {name: end for name, end in self.bypassed.items() if end > now}

    def is_bypassed(self, names: Iterable[bytes], now: float) -> bool:
        """Whether one of these names must not be used now."""
        bypassed = self.bypassed
        return bool(bypassed) and any(bypassed.get(name, 0.0) > now for name in names)

    def keeps(self, *, is_local: bool) -> bool:
        """Whether there is anywhere to look for entries, or to put them, now."""
        transport = self.transport
        return is_local or (transport is not None and transport.is_usable)

    def uses_local(self, cached: Cached) -> bool:
        """Whether entries of a table are kept in this process."""
        alone = self.transport is None and not cached.is_shared
        return self.local.max_items > 0 and (alone or cached.params.local)
