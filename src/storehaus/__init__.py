"""StoreHaus: the data layer for PostgreSQL that owns the model, the cache and the events together.

    Model says what the data is · Query says what you want · SQL turns it into text and parameters ·
    Store runs it · Driver carries it to PostgreSQL.

Everything public stands here. What costs time to import (settings, migrations) is loaded when it is
first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from storehaus._version import __version__
from storehaus.driver import Connection, Driver, PoolStats
from storehaus.errors import (
    CacheError,
    CheckViolation,
    CommitUnknown,
    ConfigurationError,
    ConnectionFailed,
    ConstraintViolation,
    DatabaseError,
    DeadlockDetected,
    ExclusionViolation,
    ForeignKeyViolation,
    LockNotAvailable,
    MigrationError,
    ModelDefinitionError,
    NotFound,
    NotNullViolation,
    PoolTimeout,
    QueryError,
    QueryTimeout,
    RelationNotLoaded,
    SerializationFailure,
    SignalError,
    StaleVersion,
    StoreAlreadyRegistered,
    StorehausError,
    StoreNotFound,
    TransactionMisuse,
    UniqueViolation,
    ValidationError,
)
from storehaus.expr import Column, Condition, Expression, Ordering, Row
from storehaus.model import (
    Check,
    Exclude,
    Field,
    ForeignKey,
    Index,
    Integer,
    Model,
    Numeric,
    SmallInt,
    TableInfo,
    Unique,
    field,
    uuid7,
)
from storehaus.query import QueryFilter, SortOrder, UpdateSet, asc, desc

# The function `sql` takes the name of the package it comes from: `storehaus.sql` is the function
# to whoever reads the attribute, and `from storehaus.sql import …` finds the package all the same.
from storehaus.sql import Identifier, QueryBuilder, SqlTemplate, Statement, identifier, sql
from storehaus.store import Change, GenericStore, Operation, Outcome, Plugin, Transaction, Upserted

if TYPE_CHECKING:
    from storehaus.config import AppConfig, CacheConfig, DatabaseConfig, SignalConfig, load_config
    from storehaus.haus import ComponentHealth, Health, ResultRows, StoreHaus
    from storehaus.migrations import MigrationReport, schema_sql, sqlalchemy_table
    from storehaus.model.analysis import Finding, analyse

__all__ = [
    "UNSET",
    "AppConfig",
    "CacheConfig",
    "CacheError",
    "Change",
    "Check",
    "CheckViolation",
    "Column",
    "CommitUnknown",
    "ComponentHealth",
    "Condition",
    "ConfigurationError",
    "Connection",
    "ConnectionFailed",
    "ConstraintViolation",
    "DatabaseConfig",
    "DatabaseError",
    "DeadlockDetected",
    "Driver",
    "Exclude",
    "ExclusionViolation",
    "Expression",
    "Field",
    "Finding",
    "ForeignKey",
    "ForeignKeyViolation",
    "GenericStore",
    "Health",
    "Identifier",
    "Index",
    "Integer",
    "LockNotAvailable",
    "MigrationError",
    "MigrationReport",
    "Model",
    "ModelDefinitionError",
    "NotFound",
    "NotNullViolation",
    "Numeric",
    "Operation",
    "Ordering",
    "Outcome",
    "Plugin",
    "PoolStats",
    "PoolTimeout",
    "QueryBuilder",
    "QueryError",
    "QueryFilter",
    "QueryTimeout",
    "RelationNotLoaded",
    "ResultRows",
    "Row",
    "SerializationFailure",
    "SignalConfig",
    "SignalError",
    "SmallInt",
    "SortOrder",
    "SqlTemplate",
    "StaleVersion",
    "Statement",
    "StoreAlreadyRegistered",
    "StoreHaus",
    "StoreNotFound",
    "StorehausError",
    "TableInfo",
    "Transaction",
    "TransactionMisuse",
    "Unique",
    "UniqueViolation",
    "UpdateSet",
    "Upserted",
    "ValidationError",
    "__version__",
    "analyse",
    "asc",
    "desc",
    "field",
    "identifier",
    "load_config",
    "schema_sql",
    "sql",
    "sqlalchemy_table",
    "uuid7",
]

_LAZY = {
    "AppConfig": "storehaus.config",
    "CacheConfig": "storehaus.config",
    "ComponentHealth": "storehaus.haus",
    "DatabaseConfig": "storehaus.config",
    "Finding": "storehaus.model.analysis",
    "Health": "storehaus.haus",
    "MigrationReport": "storehaus.migrations",
    "ResultRows": "storehaus.haus",
    "SignalConfig": "storehaus.config",
    "StoreHaus": "storehaus.haus",
    "analyse": "storehaus.model.analysis",
    "load_config": "storehaus.config",
    "schema_sql": "storehaus.migrations",
    "sqlalchemy_table": "storehaus.migrations",
}


def __getattr__(name: str) -> Any:
    module = _LAZY.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(module), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
