"""The contenders, by name. Each is imported when it is asked for, and needs only its library."""

from importlib import import_module

from versus.contender import Contender

RAW = "asyncpg"
"""The contender that the others are compared with."""

_CLASSES = {
    "asyncpg": ("raw_asyncpg", "RawAsyncpg"),
    "asyncpg-executemany": ("raw_asyncpg", "RawExecutemany"),
    "storehaus": ("storehaus", "OurStore"),
    "psycopg": ("psycopg", "Psycopg"),
    "sqlalchemy": ("sqlalchemy", "SqlAlchemyOrm"),
    "advanced-alchemy": ("advanced_alchemy", "AlchemyService"),
    "tortoise": ("tortoise", "TortoiseOrm"),
    "piccolo": ("piccolo", "PiccoloOrm"),
    "django": ("django", "DjangoOrm"),
}

NAMES = tuple(_CLASSES)


def make(name: str) -> Contender:
    """Make a contender by its name."""
    module, cls = _CLASSES[name]
    made: Contender = getattr(import_module(f"versus.contenders.{module}"), cls)()
    return made
