"""The public face of the embedded PostgreSQL."""

import asyncio
import re
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import quote

from storehaus.driver.embedded.patience import Patience
from storehaus.errors import ConfigurationError, ConnectionFailed

if TYPE_CHECKING:
    from storehaus.driver.embedded.lease import Lease
    from storehaus.driver.embedded.supervisor.messages import Ready

_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 30.0
_NO_SETTINGS: Final[Mapping[str, str]] = MappingProxyType({})
# These decide who can reach the server, where its files are and what a commit is worth.
_RESERVED: Final = frozenset(
    {
        "config_file",
        "data_directory",
        "external_pid_file",
        "fsync",
        "full_page_writes",
        "hba_file",
        "ident_file",
        "listen_addresses",
        "port",
        "unix_socket_directories",
        "unix_socket_group",
        "unix_socket_permissions",
    }
)


class EmbeddedPostgres:
    """A PostgreSQL server that runs for as long as some process uses it.

    Its data directory is kept and found again. Processes that name the same directory share one
    server; when the last of them has stopped, or died by whatever means, the server is shut down.

    Args:
        data_directory: Where the data is kept; created if missing. None means the platform's
            folder for the data of this user, for root `/var/lib/storehaus/postgres`: root's servers
            run as an unprivileged account, which must be able to reach the directory.
        durable: Whether a commit survives a crash of the machine. False is for tests.
        settings: Further settings of PostgreSQL by name, for instance `{"work_mem": "64MB"}`.

    Raises:
        ConfigurationError: A setting is malformed, or is one that StoreHaus decides.
    """

    def __init__(
        self,
        data_directory: Path | None = None,
        *,
        durable: bool = True,
        settings: Mapping[str, str] = _NO_SETTINGS,
    ) -> None:
        _check_settings(settings)
        self._data_directory = data_directory
        self._durable = durable
        self._settings = dict(settings)
        self._is_temporary = False
        self._lease: Lease | None = None
        self._granted_to: Patience | None = None
        self._starting = threading.Lock()
        self._handover = threading.Lock()

    @classmethod
    def temporary(
        cls, *, durable: bool = False, settings: Mapping[str, str] = _NO_SETTINGS
    ) -> Self:
        """A server whose data directory is new at each start and is removed when it stops.

        It is removed too when this process is killed.

        Args:
            durable: Whether a commit survives a crash of the machine.
            settings: Further settings of PostgreSQL by name.

        Raises:
            ConfigurationError: A setting is malformed, or is one that StoreHaus decides.
        """
        server = cls(durable=durable, settings=settings)
        server._is_temporary = True
        return server

    @property
    def url(self) -> str:
        """A `postgresql://` URL for asyncpg and libpq. It contains the password.

        Raises:
            ConnectionFailed: The server is not started.
        """
        ready = self._ready
        host = quote(ready.host, safe="/")
        login = f"{ready.user}:{quote(ready.password, safe='')}"
        return f"postgresql://{login}@/{ready.database}?host={host}&port={ready.port}"

    @property
    def connection_parameters(self) -> dict[str, str | int]:
        """The parts `host`, `port`, `user`, `password` and `database`.

        The host is a directory with a Unix socket.

        Raises:
            ConnectionFailed: The server is not started.
        """
        ready = self._ready
        return {
            "host": ready.host,
            "port": ready.port,
            "user": ready.user,
            "password": ready.password,
            "database": ready.database,
        }

    async def start(self) -> None:
        """Join the running server of the data directory, or start it; nothing if already done.

        Raises:
            ConfigurationError: The wheel is missing, or the directory cannot be used.
            ConnectionFailed: The server did not come up within 60 seconds.
        """
        patience = Patience(_START_SECONDS)
        try:
            await asyncio.to_thread(self._start, patience)
        except asyncio.CancelledError:
            self._abandon(patience)
            raise

    async def stop(self) -> None:
        """Leave the server; when this was its last user, wait until it is gone.

        Raises:
            ConnectionFailed: The server is not gone after 30 seconds.
        """
        await asyncio.to_thread(self.stop_blocking)

    def start_blocking(self) -> None:
        """The same as `start`, in the calling thread.

        Raises:
            ConfigurationError: The wheel is missing, or the directory cannot be used.
            ConnectionFailed: The server did not come up within 60 seconds.
        """
        self._start(Patience(_START_SECONDS))

    def stop_blocking(self) -> None:
        """The same as `stop`, in the calling thread.

        Raises:
            ConnectionFailed: The server is not gone after 30 seconds.
        """
        with self._handover:
            lease, self._lease = self._lease, None
        if lease is not None and not lease.release(_STOP_SECONDS):
            raise ConnectionFailed(f"the embedded PostgreSQL still runs after {_STOP_SECONDS:g} s")

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    def __repr__(self) -> str:
        place = "temporary" if self._is_temporary else str(self._data_directory or "default")
        state = "started" if self._lease is not None else "stopped"
        return f"<{type(self).__name__} {place} durable={self._durable} {state}>"

    @property
    def _ready(self) -> "Ready":
        lease = self._lease
        if lease is None:
            raise ConnectionFailed("the embedded PostgreSQL is not started")
        return lease.ready

    def _start(self, patience: Patience) -> None:
        if sys.platform == "win32":
            raise ConfigurationError("the embedded PostgreSQL runs on Linux and macOS")
        # These need modules of POSIX, which are missing where the check above ends.
        from storehaus.driver.embedded.home import make_plan  # noqa: PLC0415 - POSIX only, checked above
        from storehaus.driver.embedded.lease import acquire  # noqa: PLC0415 - POSIX only, checked above

        with self._starting:
            if self._lease is not None and self._lease.is_alive:
                return
            self._forget()
            plan = make_plan(
                self._data_directory,
                durable=self._durable,
                is_temporary=self._is_temporary,
                settings=self._settings,
            )
            lease = acquire(plan, patience)
            with self._handover:
                if patience.is_left:
                    self._lease, self._granted_to = lease, patience
                    return
            lease.drop()

    def _abandon(self, patience: Patience) -> None:
        """Undo a start whose caller was cancelled, however far its thread has come."""
        with self._handover:
            patience.abandon()
            is_granted = self._granted_to is patience
        if is_granted:
            self._forget()

    def _forget(self) -> None:
        with self._handover:
            lease, self._lease = self._lease, None
        if lease is not None:
            lease.drop()


def _check_settings(settings: Mapping[str, str]) -> None:
    for name, value in settings.items():
        if not re.fullmatch(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?", name):
            raise ConfigurationError(f"{name!r} is not the name of a setting", key=name)
        if name in _RESERVED:
            raise ConfigurationError(f"{name} is decided by StoreHaus", key=name)
        if "\0" in value:
            raise ConfigurationError(f"the value of {name} holds a NUL", key=name)
