"""The section `signal`: how callbacks run, and when they are given up."""

from typing import ClassVar, Literal

from pydantic import Field

from storehaus.config.section import Count, Seconds, Section

__all__ = ["SignalConfig"]


class SignalConfig(Section):
    """How events reach callbacks.

    Attributes:
        callback_timeout_seconds: Longest run of one callback.
        max_callbacks: Callbacks that may be registered.
        remove_failing_callbacks: Whether a callback that keeps failing is removed.
        max_consecutive_failures: Failures in a row after which that happens.
        cleanup_interval_seconds: Time between two searches for inactive callbacks.
        auto_remove_inactive_callbacks: Whether inactive callbacks are removed.
        inactive_callback_threshold_seconds: A callback not called for so long is inactive.
        max_concurrency: Callbacks that run at the same time.
        queue_size: Events that may wait for one callback.
        queue_policy: What happens to one more: "drop_oldest" forgets the oldest one, "block" lets
            the writer wait, "error" is a `SignalError` for him, though he has committed.
        event_keep_seconds: How long the event log keeps what all subscriptions have read, so that
            it can be replayed.
        subscription_max_idle_seconds: A subscription that no process worked on for so long is
            detached: it holds back no events any more.
    """

    section: ClassVar[str] = "signal"

    callback_timeout_seconds: Seconds = Field(default=30.0)
    max_callbacks: Count = Field(default=100)
    remove_failing_callbacks: bool = Field(default=True)
    max_consecutive_failures: Count = Field(default=3)
    cleanup_interval_seconds: Seconds = Field(default=60.0)
    auto_remove_inactive_callbacks: bool = Field(default=True)
    inactive_callback_threshold_seconds: Seconds = Field(default=300.0)
    max_concurrency: Count = Field(default=16)
    queue_size: Count = Field(default=1000)
    queue_policy: Literal["drop_oldest", "block", "error"] = Field(default="drop_oldest")
    event_keep_seconds: Seconds = Field(default=604_800.0)
    subscription_max_idle_seconds: Seconds = Field(default=604_800.0)
