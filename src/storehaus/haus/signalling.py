"""Where a haus gets its signals from; without the package `signals` it has none."""

from importlib.util import find_spec
from typing import TYPE_CHECKING

from storehaus.config import SignalConfig
from storehaus.errors import StorehausError
from storehaus.haus.health import ComponentHealth
from storehaus.store import Database

if TYPE_CHECKING:
    from storehaus.signals import SignalManager

__all__ = ["check_signals", "close_signals", "make_signals", "present"]


def make_signals(database: Database, config: SignalConfig) -> "SignalManager | None":
    """Make the signals of a haus."""
    if find_spec("storehaus.signals") is None:
        return None
    from storehaus.signals import SignalManager  # noqa: PLC0415 - may be left out

    return SignalManager(database, config)


def present(signals: "SignalManager | None") -> "SignalManager":
    """Give the signals.

    Raises:
        StorehausError: When there are none.
    """
    if signals is None:
        raise StorehausError("this installation has no storehaus.signals")
    return signals


async def close_signals(signals: "SignalManager | None", *, grace_seconds: float) -> None:
    """Wait for callbacks that still run."""
    if signals is not None:
        await signals.settle(grace_seconds=grace_seconds)


def check_signals(signals: "SignalManager | None") -> ComponentHealth | None:
    """Say how the signals are, None where there are no callbacks."""
    if signals is None or not signals.callback_count:
        return None
    stats = signals.stats()
    waiting = f"{signals.callback_count} callbacks, {stats.queue_depth:,} events wait"
    detail = f"{waiting}, {stats.drops:,} were dropped" if stats.drops else waiting
    return ComponentHealth(ok=not stats.drops, detail=detail)
