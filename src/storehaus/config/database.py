"""The section `database`: which server, how many connections, how long to wait."""

import math
from collections.abc import Mapping
from ipaddress import IPv6Address
from ssl import SSLContext, SSLError, create_default_context
from typing import Any, ClassVar, Literal, Self

from pydantic import (
    Field,
    InstanceOf,
    SecretStr,
    field_serializer,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from storehaus.config.address import spell_out_address, split_postgres_url, strip_unset
from storehaus.config.problems import Problem, as_error
from storehaus.config.section import (
    NOT_GIVEN,
    OptionalPath,
    OptionalSecret,
    Seconds,
    Section,
    Text,
    contradict,
)
from storehaus.config.tables import is_table

__all__ = ["DatabaseConfig"]

_LONGEST_NAME = 63
_MOST_CONNECTIONS = 262_143  # what PostgreSQL accepts for its own max_connections


class DatabaseConfig(Section):
    """How to reach PostgreSQL.

    The server is named by `url`, by `host`, `port` and so on, or by `embedded`. A `url` fills the
    attributes of its parts; a part given beside it wins.

    Attributes:
        url: `postgresql://user:password@host:port/database?sslmode=require`; None when not used.
        embedded: Directory of an embedded server's data, made when missing; None when not used.
        host: Name, address or, with a leading slash, directory of a Unix socket.
        port: TCP port, 1 to 65535.
        database: Name of the database; None means `username`, and `postgres` without one.
        username: Role to log in as; None leaves it to the driver (PGUSER, else the system's user).
        password: Secret; None leaves it to the driver (PGPASSWORD, the password file).
        min_connections: Connections kept open, 0 or more.
        max_connections: Connections at most, at least 1.
        connection_timeout_seconds: Longest wait to connect, and for a free connection.
        idle_timeout_seconds: A connection unused for so long is closed.
        max_lifetime_seconds: A connection as old as this is replaced.
        ssl: True (system certificates, host name checked), False, a libpq mode, or a context; None
            is `prefer`. Ignored on Unix sockets. Settings with a context cannot be pickled.
        ssl_root_certificate: PEM file of trusted authorities, for the verifying modes; None for
            those of the system (True) or libpq's default file (modes).
        statement_timeout_seconds: Longest run of one statement; None for the server's own limit.
            The server watches over it, without prepared statements the client.
        prepared_statements: False for PgBouncer in transaction mode, where a statement costs two
            round trips instead of one.
        application_name: Shown in `pg_stat_activity`, at most 63 bytes.
        cursor_secret: Signs the cursors of pages, so that all processes with the same one take each
            other's; None uses `password`, and without one a secret of each `StoreHaus`.
    """

    section: ClassVar[str] = "database"

    url: OptionalSecret = NOT_GIVEN
    embedded: OptionalPath = NOT_GIVEN
    host: Text = Field(default="localhost")
    port: int = Field(default=5432, ge=1, le=65535)
    database: Text | None = Field(default=None)
    username: Text | None = Field(default=None)
    password: OptionalSecret = NOT_GIVEN
    min_connections: int = Field(default=1, ge=0, le=_MOST_CONNECTIONS)
    max_connections: int = Field(default=10, ge=1, le=_MOST_CONNECTIONS)
    connection_timeout_seconds: Seconds = Field(default=30.0)
    idle_timeout_seconds: Seconds = Field(default=600.0)
    max_lifetime_seconds: Seconds = Field(default=3600.0)
    ssl: (
        bool
        | Literal["disable", "prefer", "require", "verify-ca", "verify-full"]
        | InstanceOf[SSLContext]
        | None
    ) = Field(default=None)
    ssl_root_certificate: OptionalPath = NOT_GIVEN
    statement_timeout_seconds: Seconds | None = Field(default=None)
    prepared_statements: bool = Field(default=True)
    application_name: Text = Field(default="storehaus")
    cursor_secret: OptionalSecret = NOT_GIVEN

    @classmethod
    def spell_out(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Turn a `url` into its parts, and take away the parts of other servers."""
        return spell_out_address(values)

    @model_validator(mode="before")
    @classmethod
    def _spell_out_input(cls, values: Any) -> Any:
        return strip_unset(spell_out_address(strip_unset(values))) if is_table(values) else values

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            split_postgres_url(value.get_secret_value())
        return value

    @field_validator("host")
    @classmethod
    def _check_host(cls, value: str) -> str:
        if ":" in value and not value.startswith("/") and not _is_ipv6(value):
            raise PydanticCustomError("host", "must be a host alone; its port belongs into `port`")
        return value

    @field_validator("database", "username", "application_name")
    @classmethod
    def _check_name(cls, value: str | None) -> str | None:
        if value is not None and len(value.encode()) > _LONGEST_NAME:
            raise PydanticCustomError("name", "must have at most 63 bytes")
        return value

    @field_serializer("ssl", when_used="json")
    def _name_context(self, value: Any) -> Any:
        return type(value).__name__ if isinstance(value, SSLContext) else value

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        for rival in ("url", "host"):
            if self.embedded is not None and rival in self.model_fields_set:
                raise contradict("embedded", f"cannot be combined with {rival}; keep one of them")
        if self.min_connections > self.max_connections:
            key = self.stated("min_connections", "max_connections")
            raise contradict(key, "breaks the rule min_connections <= max_connections")
        if self.ssl_root_certificate and self.ssl not in {True, "verify-ca", "verify-full"}:
            rule = "needs ssl = true, verify-ca or verify-full"
            raise contradict("ssl_root_certificate", rule)
        return self

    def signing_secret(self) -> str | None:
        """Give the secret that signs cursors of pages; None when there is none."""
        secret = self.cursor_secret or self.password
        return secret.get_secret_value() if secret else None

    def at(self, url: str) -> Self:
        """Give the same settings for another server.

        Args:
            url: Replaces everything that names this one.

        Raises:
            ConfigurationError: When it is not a PostgreSQL URL.
        """
        return self.model_copy(update={"url": url})

    def connect_arguments(self) -> dict[str, Any]:
        """Give what a driver needs to connect, as keyword arguments of asyncpg.

        Returns:
            `host`, `port`, `user`, `password` (plain text), `database`, `ssl`, `server_settings`.

        Raises:
            ConfigurationError: When `ssl_root_certificate` cannot be read, or when the server is
                an embedded one, which has no address before it runs.
        """
        if self.embedded is not None:
            rule = "has no address before it runs; use `at(url)` once it does"
            raise as_error([Problem("database.embedded", "argument", rule)])
        return {
            "host": self.host,
            "port": self.port,
            "user": self.username,
            "password": self.password.get_secret_value() if self.password else None,
            "database": self.database or self.username or "postgres",
            "ssl": self._encryption(),
            "server_settings": self._server_settings(),
        }

    def _server_settings(self) -> dict[str, str]:
        settings = {"application_name": self.application_name}
        # PgBouncer lets nobody in who asks for a setting that it does not follow.
        if self.statement_timeout_seconds is not None and self.prepared_statements:
            milliseconds = math.ceil(self.statement_timeout_seconds * 1000)
            settings["statement_timeout"] = str(milliseconds)
        return settings

    def _encryption(self) -> bool | str | SSLContext | None:
        if self.host.startswith("/"):
            return False
        if self.ssl_root_certificate is None:
            return self.ssl
        context = _trust(str(self.ssl_root_certificate))
        if context is None:
            rule = "must be a readable PEM file"
            raise as_error([Problem("database.ssl_root_certificate", "argument", rule)])
        context.check_hostname = self.ssl != "verify-ca"
        return context


def _trust(certificate: str) -> SSLContext | None:
    try:
        return create_default_context(cafile=certificate)
    except (OSError, SSLError):
        return None


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True
