"""How commands get at the event log, which a database or an installation may not have."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeVar

from storehaus.config import AppConfig
from storehaus.errors import ConfigurationError
from storehaus.haus import StoreHaus

__all__ = ["NO_LOG", "ask", "ask_log", "check_meant"]

T = TypeVar("T")

NO_LOG: Final = (
    "this database has no event log: `storehaus migrate` makes it with the first model that is"
    " declared durable=True"
)
# Removing old events, and detaching subscriptions that nobody reads, is for programs: their
# settings say when. Those of whoever looks on may be others, so they are the longest there are.
_LONGEST_SECONDS: Final = 2_147_483
_LONGEST: Final = MappingProxyType(
    {
        "event_keep_seconds": _LONGEST_SECONDS,
        "subscription_max_idle_seconds": _LONGEST_SECONDS,
    }
)


def ask_log(file: Path | None, question: Callable[[StoreHaus], Awaitable[T]]) -> T | None:
    """As `ask`, where there is a log; give None without asking where there is none."""

    async def ask_if_there(haus: StoreHaus) -> T | None:
        return await question(haus) if await _has_log(haus) else None

    return ask(file, ask_if_there)


def ask(file: Path | None, question: Callable[[StoreHaus], Awaitable[T]]) -> T:
    """Ask the event log of the configured database.

    Args:
        file: The configuration that `--config` names.
        question: Gets the haus.

    Raises:
        DatabaseError: When the log was restored from another database.
        StorehausError: When this installation has no `storehaus.signals`.
    """
    config = AppConfig.load(file)
    signal = config.signal.model_copy(update=_LONGEST)
    settings = config.model_copy(update={"signal": signal})

    async def run() -> T:
        async with StoreHaus(settings) as haus:
            _ = haus.events  # raises where the package was left out
            return await question(haus)

    return asyncio.run(run())


async def _has_log(haus: StoreHaus) -> bool:
    from storehaus.signals.log.verification import has_log  # noqa: PLC0415 - may be left out

    async with haus.connection() as connection:
        return await has_log(connection)


def check_meant(deed: str, *, yes: bool) -> None:
    """Refuse what cannot be undone, unless it was meant.

    Raises:
        ConfigurationError: Without `--yes`.
    """
    if not yes:
        raise ConfigurationError(f"{deed}: add --yes if that is meant", rule="--yes")
