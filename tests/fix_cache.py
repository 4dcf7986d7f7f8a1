"""Cached models on a database of their own, in a process of its own or over Redis."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest

from storehaus import (
    AppConfig,
    CacheParams,
    DatabaseConfig,
    Field,
    Index,
    Model,
    StoreHaus,
    field,
)
from storehaus.cache import Timing
from storehaus.config import CacheConfig


class Colour(Enum):
    """A PostgreSQL enum."""

    RED = "red"
    BLUE = "blue"


class Town(
    Model,
    table="cached_towns",
    soft_delete=True,
    cache=CacheParams(ttl_seconds=60, tags=("country", "colour"), negative=True, local=True),
    indexes=(Index("country"),),
):
    """A cached table with tags, arrays and JSON."""

    id: Field[int] = field(primary_key=True)
    name: Field[str] = field(unique=True)
    country: Field[str] = field(default="DE")
    colour: Field[Colour] = field(default=Colour.RED)
    founded: Field[date | None] = field(default=None)
    budget: Field[Decimal] = field(default=Decimal(0))
    streets: Field[list[str]] = field(default_factory=list)
    extra: Field[dict[str, object]] = field(default_factory=dict)


class House(Model, table="cached_houses", cache=CacheParams()):
    """A cached table whose rows the database deletes along with those of another."""

    id: Field[int] = field(primary_key=True)
    owner_id: Field[int] = field(references="cached_owners.id", on_delete="cascade", index=True)
    number: Field[int] = field(default=0)


class Owner(Model, table="cached_owners"):
    """A table that is not cached itself."""

    id: Field[int] = field(primary_key=True)
    name: Field[str] = field(default="")


class Sign(Model, table="cached_signs", cache=CacheParams(local=True), external_writes=True):
    """A cached table that others write to, kept in the process too."""

    id: Field[int] = field(primary_key=True)
    text: Field[str] = field(default="")


MODELS: tuple[type[Model], ...] = (Town, Owner, House, Sign)


def cached_config(url: str, redis_url: str | None = None, **cache: Any) -> AppConfig:
    """Configure a haus that caches."""
    return AppConfig(
        database=DatabaseConfig(url=url, max_connections=12),
        cache=CacheConfig(redis_url=redis_url, **cache),
    )


def quick(haus: StoreHaus, **seconds: float) -> StoreHaus:
    """Shorten the times of a haus that is not open yet, and forgive a busy machine more."""
    timing = Timing(**{"window": 0.2, "patience": 2.0, **seconds})
    core = haus.cache._core
    core.timing = timing
    if core.transport is not None:
        core.transport.timing = timing
    return haus


@asynccontextmanager
async def caching(url: str, redis_url: str | None = None, **cache: Any) -> AsyncIterator[StoreHaus]:
    """Open a haus on the cached tables, as soon as hits are served."""
    haus = quick(StoreHaus(cached_config(url, redis_url, **cache)))
    async with haus:
        await haus.auto_migrate(*MODELS)
        for model in MODELS:
            haus.store(model)
        await haus.cache.ready()
        yield haus


@pytest.fixture
async def town_haus(postgres_url: str) -> AsyncIterator[StoreHaus]:
    """A haus that keeps entries in its process."""
    async with caching(postgres_url) as haus:
        yield haus
