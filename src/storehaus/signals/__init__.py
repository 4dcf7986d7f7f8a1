"""Signals: what happened in the database reaches callbacks of this process, and subscriptions.

    plugin ─► manager ─► subscriber (a queue and what runs) ─► callback
    log/: trigger ─► event ─► tick ─► page ─► handler of a subscription, or file_log

docs/signals.md and docs/subscriptions.md tell what is promised.
"""

from storehaus.signals.event import DatabaseEvent, EventType
from storehaus.signals.file_log import FileLog
from storehaus.signals.log import DeadLetter, EventLog, PauseSubscription, SubscriptionState
from storehaus.signals.manager import CallbackHandle, SignalManager
from storehaus.signals.stats import CallbackStats, Latency, SignalStats

__all__ = [
    "CallbackHandle",
    "CallbackStats",
    "DatabaseEvent",
    "DeadLetter",
    "EventLog",
    "EventType",
    "FileLog",
    "Latency",
    "PauseSubscription",
    "SignalManager",
    "SignalStats",
    "SubscriptionState",
]
