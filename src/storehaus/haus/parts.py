"""What a haus has beside its database: settings, cache, signals."""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import storehaus.haus.caching as caches
import storehaus.haus.signalling as signals
from storehaus.config import AppConfig
from storehaus.store import Database, acting

if TYPE_CHECKING:
    from storehaus.cache import CacheManager
    from storehaus.signals import SignalManager

__all__ = ["Parts"]


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
