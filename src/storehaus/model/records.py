"""What a model is, as frozen records that every later stage reads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from storehaus.expr import Condition
from storehaus.model.cache_params import CacheParams
from storehaus.model.types import ColumnType

__all__ = [
    "NO_DEFAULT",
    "Bounds",
    "CheckInfo",
    "ColumnInfo",
    "EventPayload",
    "ExclusionInfo",
    "ForeignKeyInfo",
    "IndexInfo",
    "IndexKey",
    "OnDelete",
    "TableInfo",
]

EventPayload = Literal["full", "changed", "keys"]
"""How much of a row its events hold."""

OnDelete = Literal["restrict", "cascade", "set null", "no action"]


class _NoDefault:
    """The absence of a default, where None is a value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "NO_DEFAULT"


NO_DEFAULT = _NoDefault()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Constraints of one field; None means that there is none.

    Attributes:
        ge: Least value.
        gt: Value that must be exceeded.
        le: Greatest value.
        lt: Value that must not be reached.
        min_length: Fewest characters, bytes or items.
        max_length: Most characters, bytes or items.
        pattern: Regular expression that must be found in the text.
    """

    ge: Any = None
    gt: Any = None
    le: Any = None
    lt: Any = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None

    def rules(self) -> tuple[tuple[str, Any], ...]:
        """The constraints that are set, as (name, value), in a fixed order."""
        names = ("ge", "gt", "le", "lt", "min_length", "max_length", "pattern")
        pairs = ((name, getattr(self, name)) for name in names)
        return tuple((name, value) for name, value in pairs if value is not None)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ColumnInfo:
    """One column. Two are equal only when they are the same.

    Attributes:
        name: Name of the attribute.
        column: Name in the database.
        type: PostgreSQL type.
        nullable: Whether NULL is allowed.
        position: Zero-based place in the instance and in every column list.
        primary_key: Whether it belongs to the primary key.
        insertable: Whether a value given by the caller is stored on create.
        updatable: Whether a value given by the caller is stored on update.
        system: Whether StoreHaus owns it (`__created_at__` and the like).
        identity: Whether PostgreSQL counts it up (GENERATED ALWAYS AS IDENTITY).
        version: Whether it is the optimistic lock.
        soft_delete: Whether it is the flag of active rows.
        default: Value of a new instance, NO_DEFAULT when there is none.
        default_factory: Makes the value of a new instance, None when there is none.
        server_default: SQL expression of the user for DEFAULT; such a field is UNSET until stored.
        default_sql: The whole DEFAULT of the column, also where it follows from `default`.
        bounds: Constraints checked before the database and as CHECKs in it.
        comment: Comment on the column.
        renamed_from: Earlier name in the database.
        derived: What later stages worked out from this column once, by their own keys.
    """

    name: str
    column: str
    type: ColumnType
    nullable: bool
    position: int
    primary_key: bool = False
    insertable: bool = True
    updatable: bool = True
    system: bool = False
    identity: bool = False
    version: bool = False
    soft_delete: bool = False
    default: Any = NO_DEFAULT
    default_factory: Callable[[], Any] | None = None
    server_default: str | None = None
    default_sql: str | None = None
    bounds: Bounds = field(default_factory=Bounds)
    comment: str | None = None
    renamed_from: str | None = None
    derived: dict[Any, Any] = field(default_factory=dict[Any, Any], repr=False)


@dataclass(frozen=True, slots=True)
class IndexKey:
    """One key of an index.

    Attributes:
        column: Name in the database.
        descending: Whether it is sorted downwards.
        nulls: Place of NULLs; None is PostgreSQL's default (last upwards, first downwards).
    """

    column: str
    descending: bool = False
    nulls: Literal["first", "last"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexInfo:
    """An index or a UNIQUE.

    Attributes:
        name: Name in the database.
        keys: Keys in order.
        unique: Whether it forbids equal rows.
        constraint: Whether it is a UNIQUE constraint, which has neither predicate nor order.
        using: Access method: btree, gin, gist, brin, hash, spgist.
        where: Predicate as SQL or condition; None covers all rows.
        active_only: Whether only active rows of a soft-deleting model count (added to `where`).
        include: Further columns stored in it, by name in the database.
    """

    name: str
    keys: tuple[IndexKey, ...]
    unique: bool = False
    constraint: bool = False
    using: str = "btree"
    where: str | Condition | None = None
    active_only: bool = False
    include: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckInfo:
    """A CHECK constraint.

    Attributes:
        name: Name in the database.
        condition: SQL, or a condition over the model's columns.
        fields: Names of the fields it speaks of, empty when not known.
    """

    name: str
    condition: str | Condition
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExclusionInfo:
    """An EXCLUDE constraint.

    Attributes:
        name: Name in the database.
        elements: Pairs of (column in the database, operator).
        using: Access method.
        where: Predicate as SQL or condition; None covers all rows.
        active_only: Whether only active rows count.
    """

    name: str
    elements: tuple[tuple[str, str], ...]
    using: str = "gist"
    where: str | Condition | None = None
    active_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKeyInfo:
    """A FOREIGN KEY.

    Attributes:
        name: Name in the database.
        columns: Own columns, by name in the database.
        schema: Schema of the referenced table; None is the model's own.
        table: Referenced table.
        references: Referenced columns, by name in the database.
        on_delete: What happens to this row when the referenced one is deleted.
        model: The referenced model, None where the declaration names only its columns.
    """

    name: str
    columns: tuple[str, ...]
    schema: str | None
    table: str
    references: tuple[str, ...]
    on_delete: OnDelete = "no action"
    model: type[Any] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TableInfo:
    """A model, whole: `Airport.__table_info__`.

    Attributes:
        model: The class.
        name: Name of the table.
        schema: Schema; None is the first of `search_path`.
        columns: In the order of the instance's fields and of every column list.
        primary_key: Columns of the primary key, empty when there is none.
        soft_delete: Flag of active rows, None when rows are deleted for good.
        deletion: Column that says which cascade deleted a row, NULL for any other row. Only the
            table has it: no instance, and no column list. None when rows are deleted for good.
        version: Column of the optimistic lock, None when there is none.
        indexes: Indexes and UNIQUEs.
        checks: CHECKs, those of fields included.
        exclusions: EXCLUDEs.
        foreign_keys: FOREIGN KEYs.
        by_name: Field name → column.
        comment: Comment on the table.
        renamed_from: Earlier name of the table.
        cache: How it is cached, None when it is not.
        external_writes: Whether others than stores write to it.
        durable: Whether every write to it is kept in the event log.
        event_payload: How much of a row an event of the log holds.
        event_exclude: Columns that no event holds.
        derived: What later stages worked out from this model once, by their own keys.
    """

    model: type[Any]
    name: str
    schema: str | None
    columns: tuple[ColumnInfo, ...]
    primary_key: tuple[ColumnInfo, ...]
    soft_delete: ColumnInfo | None
    deletion: ColumnInfo | None
    version: ColumnInfo | None
    indexes: tuple[IndexInfo, ...]
    checks: tuple[CheckInfo, ...]
    exclusions: tuple[ExclusionInfo, ...]
    foreign_keys: tuple[ForeignKeyInfo, ...]
    by_name: Mapping[str, ColumnInfo]
    comment: str | None = None
    renamed_from: str | None = None
    cache: CacheParams | None = None
    external_writes: bool = False
    durable: bool = False
    event_payload: EventPayload = "full"
    event_exclude: tuple[ColumnInfo, ...] = ()
    derived: dict[Any, Any] = field(default_factory=dict[Any, Any], repr=False)

    @property
    def table_columns(self) -> tuple[ColumnInfo, ...]:
        """All columns of the table: those of instances, then the one that they do not have."""
        return self.columns if self.deletion is None else (*self.columns, self.deletion)
