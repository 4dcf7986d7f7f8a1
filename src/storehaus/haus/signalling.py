"""Where a haus gets its signals from; without the package `signals` it has none."""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

from storehaus.config import SignalConfig
from storehaus.errors import StorehausError
from storehaus.haus.health import ComponentHealth
from storehaus.model import Model
from storehaus.store import Database

if TYPE_CHECKING:
    from storehaus.signals import SignalManager
    from storehaus.signals.log import EventLog

__all__ = [
    "capture_tables",
    "check_signals",
    "close_events",
    "close_signals",
    "make_events",
    "make_signals",
    "open_events",
    "present",
    "refresh_events",
]

T = TypeVar("T")


def make_signals(database: Database, config: SignalConfig) -> "SignalManager | None":
    """Make the signals of a haus."""
    if find_spec("storehaus.signals") is None:
        return None
    from storehaus.signals import SignalManager  # noqa: PLC0415 - may be left out

    return SignalManager(database, config)


def present(part: T | None) -> T:
    """Give a part of the package `signals`.

    Raises:
        StorehausError: When it was left out.
    """
    if part is None:
        raise StorehausError("this installation has no storehaus.signals")
    return part


def make_events(database: Database, config: SignalConfig) -> "EventLog | None":
    """Make what works on the event log of a haus."""
    if find_spec("storehaus.signals") is None:
        return None
    from storehaus.signals.log import EventLog  # noqa: PLC0415 - may be left out

    return EventLog(database, config)


def open_events(events: "EventLog | None") -> None:
    """Begin to work on subscriptions."""
    if events is not None:
        events.open()


async def close_events(events: "EventLog | None", *, grace_seconds: float) -> None:
    """Let handlers finish with their event."""
    if events is not None:
        await events.close(grace_seconds)


async def refresh_events(events: "EventLog | None") -> None:
    """Look at what a migration made."""
    if events is not None:
        await events.refresh()


def capture_tables(run: Any, models: Sequence[type[Model]]) -> None:
    """Let triggers keep what is written to durable tables: a migration does this last."""
    from storehaus.signals.log import register_capture  # noqa: PLC0415 - may be left out

    register_capture(run, [model.__table_info__ for model in models])


async def close_signals(signals: "SignalManager | None", *, grace_seconds: float) -> None:
    """Wait for callbacks that still run."""
    if signals is not None:
        await signals.settle(grace_seconds=grace_seconds)


def check_signals(
    signals: "SignalManager | None", events: "EventLog | None"
) -> ComponentHealth | None:
    """Say how the signals are, None where there are neither callbacks nor subscriptions."""
    problems = [] if events is None else events.problems()
    if problems:
        return ComponentHealth(ok=False, detail="; ".join(problems))
    if signals is None or not signals.callback_count:
        is_used = events is not None and events.is_in_use
        return ComponentHealth(ok=True, detail="the subscriptions work") if is_used else None
    stats = signals.stats()
    waiting = f"{signals.callback_count} callbacks, {stats.queue_depth:,} events wait"
    detail = f"{waiting}, {stats.drops:,} were dropped" if stats.drops else waiting
    return ComponentHealth(ok=not stats.drops, detail=detail)
