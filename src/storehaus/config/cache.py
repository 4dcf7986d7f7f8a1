"""The section `cache`: where cached rows are kept, and for how long."""

from typing import ClassVar, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from storehaus.config.address import check_redis_url
from storehaus.config.section import (
    NOT_GIVEN,
    Count,
    Milliseconds,
    OptionalSecret,
    Seconds,
    Section,
    Text,
    contradict,
)

__all__ = ["CacheConfig"]


class CacheConfig(Section):
    """How to cache.

    Attributes:
        redis_url: `redis://`, `rediss://` (TLS) or `unix://`; None keeps the cache in the process.
        pool_size: Connections kept open to Redis, at most `max_connections`.
        timeout_ms: Longest wait for an answer, in milliseconds; the circuit breaker reacts earlier.
        max_connections: Connections to Redis at most.
        connection_timeout_ms: Longest wait to connect, in milliseconds.
        prefix: What the keys begin with.
        ttl_seconds: How long an entry lives where its model does not say.
        local_max_items: Entries of the tier in the process, the least recently used go first; 0
            switches that tier off.
        local_max_bytes: What they may take at most, in bytes.
    """

    section: ClassVar[str] = "cache"

    redis_url: OptionalSecret = NOT_GIVEN
    pool_size: Count = Field(default=10)
    timeout_ms: Milliseconds = Field(default=5000)
    max_connections: Count = Field(default=100)
    connection_timeout_ms: Milliseconds = Field(default=3000)
    prefix: Text = Field(default="storehaus", max_length=100)
    ttl_seconds: Seconds = Field(default=3600.0)
    local_max_items: int = Field(default=10_000, ge=0, le=1_000_000_000)
    local_max_bytes: int = Field(default=67_108_864, ge=0, le=1_000_000_000_000)

    @field_validator("redis_url")
    @classmethod
    def _check_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            check_redis_url(value.get_secret_value())
        return value

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.pool_size > self.max_connections:
            key = self.stated("pool_size", "max_connections")
            raise contradict(key, "breaks the rule pool_size <= max_connections")
        return self
