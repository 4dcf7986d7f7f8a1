"""What a contender is: the verbs that the workloads call, and how to compare its answers."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from psycopg.conninfo import conninfo_to_dict

from versus.table import Change, Given, Values

POOL = 10
"""Connections of every contender: as many as asyncpg's pool has by default."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server is; the host may be the directory of a Unix socket."""

    url: str
    host: str
    port: int
    user: str
    password: str
    database: str

    @classmethod
    def of(cls, url: str) -> "Address":
        """Take a URL apart as libpq does."""
        parts = conninfo_to_dict(url)
        return cls(
            url=url,
            host=str(parts.get("host") or "localhost"),
            port=int(parts.get("port") or 5432),
            user=str(parts.get("user") or "postgres"),
            password=str(parts.get("password") or ""),
            database=str(parts.get("dbname") or parts.get("user") or "postgres"),
        )

    @property
    def parts(self) -> dict[str, Any]:
        """What asyncpg's `connect` takes, and those that pass it on."""
        return {
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "password": self.password,
            "database": self.database,
        }

    @property
    def is_socket(self) -> bool:
        """Whether the way to the server is a Unix socket."""
        return self.host.startswith("/")


class Contender(Protocol):
    """One library, used as its documentation recommends.

    Attributes:
        name: How the command line calls it.
        title: How the report calls it.
        packages: Distributions whose versions matter.
        how: In a few words, how it is used.
        takes: Workloads that it takes part in; empty for all.
        load_rows: Rows that it loads at most; its rate is what counts.
        most_tasks: Tasks at which it is measured at most.
        gives_rows: Whether `create_many` hands the stored rows back.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    packages: ClassVar[tuple[str, ...]]
    how: ClassVar[str]
    takes: ClassVar[frozenset[str]] = frozenset()
    load_rows: ClassVar[int] = 100_000
    most_tasks: ClassVar[int] = 1_000
    gives_rows: ClassVar[bool] = True

    async def open(self, address: Address) -> None:
        """Connect, with a pool of `POOL` connections."""

    async def close(self) -> None:
        """Give the connections back."""

    @asynccontextmanager
    async def task(self) -> AsyncIterator[None]:
        """Stand around the calls of one task."""
        yield

    def prepare(self, row: Given) -> Any:
        """Make what `create` takes; it is done before the clock starts."""
        return row

    def prepare_many(self, rows: Sequence[Given]) -> Sequence[Any]:
        """Make what `create_many` and `load` take; it is done before the clock starts."""
        return rows

    async def get(self, id_: int) -> Any:
        """Give the row of an id."""

    async def find(self, first: int) -> Sequence[Any]:
        """Give the first `PAGE` rows from an id on whose unit is `UNIT`, in order."""
        raise NotImplementedError

    async def list_all(self) -> Sequence[Any]:
        """Give all rows."""
        raise NotImplementedError

    async def create(self, row: Any) -> Any:
        """Store a row and give it back as it is stored."""

    async def update(self, change: Change) -> Any:
        """Change two columns of a row and give it back as it is stored."""

    async def create_many(self, rows: Sequence[Any]) -> Sequence[Any]:
        """Store rows, all or none, and give them back in order."""
        raise NotImplementedError

    async def load(self, rows: Sequence[Any]) -> None:
        """Store rows, all or none, as fast as it goes."""

    def values(self, row: Any) -> Values:
        """Say a row that it gave as the others can say it."""
        raise NotImplementedError
