"""What a haus has beside its database: settings, cache, signals."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

import storehaus.haus.caching as caches
import storehaus.haus.signalling as signals
from storehaus.config import AppConfig
from storehaus.model import Model
from storehaus.store import Database, acting

if TYPE_CHECKING:
    from storehaus.cache import CacheManager
    from storehaus.migrations import MigrationReport
    from storehaus.signals import SignalManager
    from storehaus.signals.log import EventLog, SubscriptionOptions

__all__ = ["Parts"]

H = TypeVar("H", bound=Callable[..., Any])


class Parts:
    """The parts of a haus that can be left out, and its settings.

    Args:
        config: Settings.
        database: What the parts stand around.
    """

    def __init__(self, config: AppConfig, database: Database) -> None:
        self._config = config
        self._cache = caches.make_cache(database, config.cache)
        self._signals = signals.make_signals(database, config.signal)
        self._events = signals.make_events(database, config.signal)

    def _register(self, models: Sequence[type[Model]]) -> "Callable[[Any, MigrationReport], None]":
        """Give what a migration does last, in its transaction."""

        def finish(run: Any, report: "MigrationReport") -> None:
            if self._cache is not None:
                caches.register_tables(run, models, report)
            if self._signals is not None:
                signals.capture_tables(run, models)

        return finish

    @property
    def cache(self) -> "CacheManager":
        """The cache.

        Raises:
            StorehausError: When the package `storehaus.cache` was left out.
        """
        return caches.present(self._cache)

    @property
    def signals(self) -> "SignalManager":
        """The callbacks that get events of what was committed.

        Raises:
            StorehausError: When the package `storehaus.signals` was left out.
        """
        return signals.present(self._signals)

    @property
    def events(self) -> "EventLog":
        """The log of what was written to durable tables, and its subscriptions.

        Raises:
            StorehausError: When the package `storehaus.signals` was left out.
        """
        return signals.present(self._events)

    def subscription(
        self, name: str, *models: type[Model], **options: "Unpack[SubscriptionOptions]"
    ) -> "Callable[[H], H]":
        """Decorate a handler that gets every committed write to durable models, at least once.

            @haus.subscription("search-index", Airport)
            async def index(event: DatabaseEvent) -> None: ...

        Of all processes that declare it one at a time works on it, in a task of its haus. It keeps
        its place in the database: after a crash or a restart it goes on there. Events of one record
        come in the order of their commits; one that fails is tried again later, and those behind it
        wait.

        The handler is a coroutine function with one of these parameters: `(event)`; `(event, tx)`,
        which runs in the transaction that keeps the place, so that what it writes to this database
        happens once; `(events)`, a list of them; `(events, tx)`.

        Args:
            name: What it is called, in all processes and for ever; 1 to 100 characters.
            *models: Models that are declared `durable=True`.
            **options: See `SubscriptionOptions`.

        Raises:
            SignalError: When that cannot be meant, or this process has one of this name.
        """
        return self.events.subscription(name, *models, **options)

    @property
    def config(self) -> AppConfig:
        """The settings; an embedded server's address is not among them."""
        return self._config

    def actor(self, name: str) -> AbstractContextManager[None]:
        """Say on whose behalf something is written: events carry it.

            with haus.actor("user:42"):
                await airports.create(airport)

        Args:
            name: 1 to 200 characters.

        Raises:
            ValueError: When it is none of these.
        """
        return acting(name)
