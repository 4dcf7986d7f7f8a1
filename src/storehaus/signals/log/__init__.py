"""The event log: what was written to durable tables, kept by the transactions that wrote it.

    trigger ─► event ─► tick ─► page ─► handler of a subscription

docs/subscriptions.md tells what is promised, docs/adr/0015 why it is made like this.
"""

from storehaus.signals.log.capture import register_capture
from storehaus.signals.log.events import EventLog, LoggedEvent
from storehaus.signals.log.subscription import PauseSubscription, SubscriptionOptions
from storehaus.signals.log.survey import DeadLetter, SubscriptionState

__all__ = [
    "DeadLetter",
    "EventLog",
    "LoggedEvent",
    "PauseSubscription",
    "SubscriptionOptions",
    "SubscriptionState",
    "register_capture",
]
