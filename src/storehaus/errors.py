"""Every error StoreHaus raises, in one tree.

    StorehausError
    ├── ConfigurationError
    ├── ModelDefinitionError
    ├── ValidationError
    ├── QueryError
    ├── NotFound
    ├── StoreNotFound
    ├── StoreAlreadyRegistered
    ├── RelationNotLoaded
    ├── DatabaseError
    │   ├── ConnectionFailed                     (transient)
    │   ├── CommitUnknown
    │   ├── PoolTimeout                          (transient)
    │   ├── QueryTimeout                         (transient)
    │   ├── SerializationFailure                 (transient)
    │   ├── DeadlockDetected                     (transient)
    │   ├── LockNotAvailable                     (transient)
    │   └── ConstraintViolation
    │       ├── UniqueViolation
    │       ├── ForeignKeyViolation
    │       ├── CheckViolation
    │       ├── NotNullViolation
    │       └── ExclusionViolation
    ├── StaleVersion
    ├── TransactionMisuse
    ├── MigrationError
    ├── CacheError
    └── SignalError

An error is an interface: what a handler needs stands in attributes, `context` is the same as a
dict for structured logs, and every error survives pickling. Values of rows are attributes only;
they never enter a message.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

__all__ = [
    "CacheError",
    "CheckViolation",
    "CommitUnknown",
    "ConfigurationError",
    "ConnectionFailed",
    "ConstraintViolation",
    "DatabaseError",
    "DeadlockDetected",
    "ExclusionViolation",
    "ForeignKeyViolation",
    "LockNotAvailable",
    "MigrationError",
    "ModelDefinitionError",
    "NotFound",
    "NotNullViolation",
    "PoolTimeout",
    "QueryError",
    "QueryTimeout",
    "RelationNotLoaded",
    "SerializationFailure",
    "SignalError",
    "StaleVersion",
    "StoreAlreadyRegistered",
    "StoreNotFound",
    "StorehausError",
    "TransactionMisuse",
    "UniqueViolation",
    "ValidationError",
]


class StorehausError(Exception):
    """Root of the tree.

    Args:
        message: One sentence for people. It never holds a row's values or a secret.
        **details: The facts behind it; they become attributes named by `_fields` and `context`.
    """

    _fields: ClassVar[tuple[str, ...]] = ()
    is_transient: bool = False
    """Whether the same call may succeed when it is made again."""

    def __init__(self, message: str = "", **details: Any) -> None:
        super().__init__(message)
        unknown = details.keys() - set(self._fields)
        if unknown:
            raise TypeError(f"{type(self).__name__} has no field {min(unknown)!r}")
        for name in self._fields:
            setattr(self, name, details.get(name))

    @property
    def message(self) -> str:
        """The sentence the error was raised with."""
        return str(self.args[0]) if self.args else ""

    @property
    def context(self) -> dict[str, Any]:
        """Error name, transience and the fields that are known, without values of rows."""
        known = {name: getattr(self, name) for name in self._fields if name != "values"}
        return {
            "error": type(self).__name__,
            "is_transient": self.is_transient,
            **{name: value for name, value in known.items() if value is not None},
        }

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by message and attributes: keyword arguments do not fit the default way."""
        return (_rebuild, (type(self), self.args, dict(self.__dict__)))


def _rebuild(
    cls: type[StorehausError], args: tuple[Any, ...], state: Mapping[str, Any]
) -> StorehausError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigurationError(StorehausError):
    """A setting is missing, unknown, of the wrong type or out of range.

    Attributes:
        key: Dotted name, for instance `database.max_connections`; None when no file was found.
        source: Where the value came from: `file:line`, an environment variable, an argument.
        rule: What would have been right.
    """

    _fields = ("key", "source", "rule")
    key: str | None
    source: str | None
    rule: str | None


class ModelDefinitionError(StorehausError):
    """A model class is declared wrongly. Raised when the class is created.

    Attributes:
        model: Name of the class.
        field: Name of the field at fault, None when it is the class itself.
        rule: What would have been right.
    """

    _fields = ("model", "field", "rule")
    model: str | None
    field: str | None
    rule: str | None


class ValidationError(StorehausError):
    """A value does not fit its field. Raised before any SQL is sent.

    Attributes:
        model: Name of the model class.
        field: Name of the field.
        value_type: Name of the value's type, never the value.
        rule: What would have been right.
        row_index: Zero-based position in the batch, None for a single row.
    """

    _fields = ("model", "field", "value_type", "rule", "row_index")
    model: str | None
    field: str | None
    value_type: str | None
    rule: str | None
    row_index: int | None


class QueryError(StorehausError):
    """A query cannot mean anything: an unknown name, a wrong operand, a write without a filter.

    Attributes:
        model: Name of the model class, where one is known.
        field: Name of the field at fault, where there is one.
    """

    _fields = ("model", "field")
    model: str | None
    field: str | None


class NotFound(StorehausError):
    """No row with this id, or it is soft-deleted.

    Attributes:
        table: Name of the table.
        record_id: The id that was asked for.
        row_index: Zero-based position in the batch, None for a single row.
    """

    _fields = ("table", "record_id", "row_index")
    table: str | None
    record_id: Any
    row_index: int | None


class StaleVersion(StorehausError):
    """The row's version moved since it was read.

    Attributes:
        table: Name of the table.
        record_id: Id of the row.
        expected: The version the caller had; None when it carried none.
        row_index: Zero-based position in the batch, None for a single row.
    """

    _fields = ("table", "record_id", "expected", "row_index")
    table: str | None
    record_id: Any
    expected: int | None
    row_index: int | None


class StoreNotFound(StorehausError):
    """No store is registered under this name."""

    _fields = ("name",)
    name: str | None


class StoreAlreadyRegistered(StorehausError):
    """Another store is registered under this name, or the same one with other settings."""

    _fields = ("name",)
    name: str | None


class RelationNotLoaded(StorehausError):
    """A relation was accessed before it was loaded; StoreHaus never queries on attribute access.

    Attributes:
        model: Name of the model class.
        field: Name of the relation.
    """

    _fields = ("model", "field")
    model: str | None
    field: str | None


class DatabaseError(StorehausError):
    """PostgreSQL refused, or could not be reached.

    Attributes:
        sqlstate: Five-character code of PostgreSQL, None when there was no answer.
    """

    _fields: ClassVar[tuple[str, ...]] = ("sqlstate",)
    sqlstate: str | None


class ConnectionFailed(DatabaseError):
    """The server cannot be reached, refused the login or dropped the connection.

    When the connection broke during a statement, the statement may or may not have run. It is
    transient, but for a refused login and a database that does not exist.

    Attributes:
        sent: Whether the statement may have reached the server. False means it has not run, so
            that even a write can be made again; None when no statement was concerned.
    """

    _fields = ("sqlstate", "sent")
    sent: bool | None
    is_transient = True

    def __init__(self, message: str = "", **details: Any) -> None:
        super().__init__(message, **details)
        # Class 28 is a refused login, 3D000 a database that does not exist: neither goes away.
        self.is_transient = not (self.sqlstate or "").startswith(("28", "3D"))


class CommitUnknown(DatabaseError):
    """The connection broke while a write was being committed: it may or may not have happened.

    It is never retried by StoreHaus, since a second write could be the one too many.
    """


class PoolTimeout(DatabaseError):
    """No connection became free within `connection_timeout_seconds`."""

    is_transient = True


class QueryTimeout(DatabaseError):
    """A statement ran longer than its deadline and was cancelled."""

    is_transient = True


class SerializationFailure(DatabaseError):
    """Two transactions collided (SQLSTATE 40001, where the server saw it); replay the whole one."""

    is_transient = True


class DeadlockDetected(DatabaseError):
    """PostgreSQL broke a deadlock by cancelling this transaction (SQLSTATE 40P01)."""

    is_transient = True


class LockNotAvailable(DatabaseError):
    """A lock was not free, and waiting for it was not wanted any longer (SQLSTATE 55P03)."""

    is_transient = True


class ConstraintViolation(DatabaseError):
    """A row breaks a rule of its table.

    Attributes:
        table: Name of the table.
        constraint: Name of the constraint; None for NOT NULL.
        fields: Names of the model's fields that the constraint covers, empty when not known.
        values: Field name → value of the offending row, where the row is known. Not in `context`.
        row_index: Zero-based position in the batch, None for a single row or when unknown.
    """

    _fields = ("sqlstate", "table", "constraint", "fields", "values", "row_index")
    table: str | None
    constraint: str | None
    fields: tuple[str, ...] | None
    values: Mapping[str, Any] | None
    row_index: int | None


class UniqueViolation(ConstraintViolation):
    """Another row has the same value (SQLSTATE 23505)."""


class ForeignKeyViolation(ConstraintViolation):
    """The referenced row is missing, or a row is still referenced (SQLSTATE 23503, 23001)."""


class CheckViolation(ConstraintViolation):
    """A CHECK does not hold (SQLSTATE 23514)."""


class NotNullViolation(ConstraintViolation):
    """A required column is NULL (SQLSTATE 23502)."""


class ExclusionViolation(ConstraintViolation):
    """Two rows exclude each other (SQLSTATE 23P01)."""


class TransactionMisuse(StorehausError):
    """A transaction is used where it may not be: by another task, after its end, in a wrong way."""


class MigrationError(StorehausError):
    """A table cannot be brought to its model without losing data, or not in time.

    Attributes:
        table: Name of the table.
        statements: The SQL that would have been run, in order.
    """

    _fields = ("table", "statements")
    table: str | None
    statements: tuple[str, ...] | None


class CacheError(StorehausError):
    """The cache failed. Raised by the cache manager only, never by a store."""


class SignalError(StorehausError):
    """A signal could not be registered or delivered."""
