"""Signals: what happened in the database reaches callbacks of this process.

    plugin ─► manager ─► subscriber (a queue and what runs) ─► callback

docs/signals.md tells what is promised.
"""

from storehaus.signals.event import DatabaseEvent, EventType
from storehaus.signals.manager import CallbackHandle, SignalManager
from storehaus.signals.stats import CallbackStats, Latency, SignalStats

__all__ = [
    "CallbackHandle",
    "CallbackStats",
    "DatabaseEvent",
    "EventType",
    "Latency",
    "SignalManager",
    "SignalStats",
]
