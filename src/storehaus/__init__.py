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
from storehaus.expr import Column, Condition, Expression, Ordering
from storehaus.model import (
    Check,
    Exclude,
    Field,
    ForeignKey,
    Index,
    Integer,
    Many,
    Model,
    Numeric,
    One,
    Relation,
    SmallInt,
    TableInfo,
    Unique,
    field,
    related,
    uuid7,
)
from storehaus.query import QueryFilter, SortOrder, UpdateSet, asc, desc
from storehaus.sql import QueryBuilder, Statement
from storehaus.store import Change, GenericStore, Operation, Outcome, Plugin, Upserted

if TYPE_CHECKING:
    from storehaus.config import AppConfig, CacheConfig, DatabaseConfig, SignalConfig, load_config
    from storehaus.haus import ComponentHealth, Health, StoreHaus
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
    "Index",
    "Integer",
    "Many",
    "MigrationError",
    "MigrationReport",
    "Model",
    "ModelDefinitionError",
    "NotFound",
    "NotNullViolation",
    "Numeric",
    "One",
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
    "Relation",
    "RelationNotLoaded",
    "SerializationFailure",
    "SignalConfig",
    "SignalError",
    "SmallInt",
    "SortOrder",
    "StaleVersion",
    "Statement",
    "StoreAlreadyRegistered",
    "StoreHaus",
    "StoreNotFound",
    "StorehausError",
    "TableInfo",
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
    "load_config",
    "related",
    "schema_sql",
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
