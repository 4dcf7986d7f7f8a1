"""Statements of SQLAlchemy Core on our own connections.

SQLAlchemy compiles them and converts values by its types; it never sees a connection. Loaded when
it is needed only: it brings SQLAlchemy with it.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.exc import InvalidRequestError, SQLAlchemyError
from sqlalchemy.schema import ExecutableDDLElement
from sqlalchemy.sql.compiler import ExpandedState, SQLCompiler

from storehaus.driver import ResultColumn, ResultSet
from storehaus.errors import DatabaseError, QueryError
from storehaus.haus.results import ResultRows, decoded_columns, named_rows
from storehaus.model.rules import is_text
from storehaus.model.types import ColumnType
from storehaus.model.wire import UnfitValueError, encoder
from storehaus.sql import Statement

__all__ = ["CoreStatement", "Executable", "compile_core"]

Executable: TypeAlias = sa.Executable
Processor: TypeAlias = Callable[[Any], Any]
SqlType: TypeAlias = sa.types.TypeEngine[Any]

# What users' types may raise about a value. Whatever it says can quote that value.
_DOUBTS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

# SQLAlchemy asks for OIDs to tell numbers from each other, and for nothing else.
_OIDS = {
    "int2": 21,
    "int4": 23,
    "int8": 20,
    "oid": 26,
    "float4": 700,
    "float8": 701,
    "numeric": 1700,
    "int2[]": 1005,
    "int4[]": 1007,
    "int8[]": 1016,
    "float4[]": 1021,
    "float8[]": 1022,
    "numeric[]": 1231,
}


@dataclass(frozen=True, slots=True)
class CoreStatement:
    """A compiled statement, and how to read what it gives.

    Attributes:
        statement: Text and parameters.
        types: SQLAlchemy's types of the columns it returns, with their labels, as far as it knows.
        dialect: Converts values.
    """

    statement: Statement
    types: tuple[tuple[str | None, SqlType], ...]
    dialect: sa.Dialect

    def read(self, result: ResultSet) -> ResultRows:
        """Convert values by SQLAlchemy's types and name the rows.

        Raises:
            DatabaseError: When a stored value does not fit its type.
        """
        columns = decoded_columns(result)
        for i, (column, column_type) in enumerate(self._pairs(result.columns)):
            convert = column_type and self._result_processor(column_type, column)
            if convert:
                columns[i] = _converted(column, convert, columns[i])
        rows = zip(*columns, strict=True)
        return ResultRows(named_rows(result, rows), result.row_count)

    def _pairs(self, columns: Sequence[ResultColumn]) -> list[tuple[ResultColumn, SqlType | None]]:
        if len(columns) == len(self.types):
            return [(each, found) for each, (_, found) in zip(columns, self.types, strict=True)]
        # `text("a, b")` among the columns: what stands beside it can be told by name only.
        by_name = dict(self.types)
        return [(column, by_name.get(column.name)) for column in columns]

    def _result_processor(self, column_type: SqlType, column: ResultColumn) -> Processor | None:
        oid = _OIDS.get(column.type_name)
        return column_type.dialect_impl(self.dialect).result_processor(self.dialect, oid)


def compile_core(
    statement: object, parameters: Mapping[str, object] | None = None
) -> CoreStatement:
    """Compile a statement for our driver.

    Args:
        statement: What SQLAlchemy calls executable.
        parameters: Values of its `bindparam`s, or of the columns of an INSERT or UPDATE.

    Raises:
        QueryError: When it cannot be compiled, is DDL or about ORM classes, needs values that
            Python computes, or a value cannot travel.
    """
    executable = _checked(statement)
    given = _checked_parameters(parameters)
    dialect = _dialect()
    try:
        compiled = executable.compile(dialect=dialect, column_keys=list(given) or None)
    except (SQLAlchemyError, RecursionError) as problem:
        raise QueryError(f"SQLAlchemy cannot compile the statement: {_reason(problem)}") from None
    assert isinstance(compiled, SQLCompiler)  # noqa: S101 - all that is no DDL
    _refuse_python_defaults(compiled)
    _refuse_unknown(compiled, given)
    written = _bound(compiled, given, dialect)
    return CoreStatement(written, _types(executable), dialect)


def _dialect() -> sa.Dialect:
    dialect_class: Any = registry.load("postgresql.asyncpg")
    # Ours carries jsonb as bytes. Ranges are made of asyncpg's own class, hence dbapi.
    dialect: sa.Dialect = dialect_class(
        dbapi=dialect_class.import_dbapi(),
        json_serializer=encoder(ColumnType(kind="jsonb", sql="jsonb", python=Any)),
    )
    return dialect


def _checked(statement: object) -> Any:
    if isinstance(statement, sa.FunctionElement):
        return cast("Any", statement).select()
    if isinstance(statement, ExecutableDDLElement):
        raise QueryError("execute() takes no DDL: tables are made and altered by auto_migrate")
    # Two steps, since mypy holds a class below both, and below Insert, for impossible.
    is_clause = isinstance(statement, sa.ClauseElement)
    if not is_clause or not isinstance(statement, sa.Executable):
        raise QueryError(
            "execute() takes one statement of SQLAlchemy Core; hand-written SQL goes through"
            " fetch(sql(…))"
        )
    if any("entity" in each for each in _descriptions(statement)):
        raise QueryError(
            "execute() takes statements about tables, not about ORM classes: use their __table__,"
            " or sqlalchemy_table(Model)"
        )
    if isinstance(statement, sa.Insert) and not len(statement.exported_columns):
        # Without this SQLAlchemy would add a RETURNING of its own, for the key of the new row.
        return statement.inline()
    return statement


def _descriptions(statement: sa.Executable) -> list[Any]:
    if isinstance(statement, sa.Select):
        return list(cast("sa.Select[Any]", statement).column_descriptions)
    if isinstance(statement, sa.UpdateBase):
        return [statement.entity_description, *statement.returning_column_descriptions]
    return []


def _checked_parameters(parameters: Mapping[str, object] | None) -> dict[str, Any]:
    if parameters is None:
        return {}
    if not isinstance(parameters, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
        raise QueryError(
            "parameters are one mapping of names to values; for many rows use"
            " insert(table).values([…]), or a store's create_many"
        )
    return dict(parameters)


def _refuse_python_defaults(compiled: SQLCompiler) -> None:
    columns = [*compiled.insert_prefetch, *compiled.update_prefetch]
    if columns:
        raise QueryError(
            f"column {columns[0].name!r} has a default that Python computes, which is not run here:"
            " give it a value or a server_default",
            field=str(columns[0].name),
        )


def _refuse_unknown(compiled: SQLCompiler, given: Mapping[str, object]) -> None:
    unknown = sorted(given.keys() - compiled.binds.keys())
    if unknown:
        raise QueryError(f"the statement has no parameter {unknown[0]!r}", field=unknown[0])


def _bound(compiled: SQLCompiler, given: dict[str, Any], dialect: sa.Dialect) -> Statement:
    state = _expanded(compiled, given)
    expanded = {name for names in state.parameter_expansion.values() for name in names}
    params: list[Any] = []
    for name in state.positiontup or ():
        if name in expanded:
            convert = state.processors.get(name)
        else:
            convert = compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect)
        params.append(_bound_value(name, convert, state.parameters[name]))
    return Statement(state.statement, tuple(params))


def _expanded(compiled: SQLCompiler, given: dict[str, Any]) -> ExpandedState:
    try:
        return compiled.construct_expanded_state(given, escape_names=False)
    except InvalidRequestError:
        reason = "a parameter has no value"
    except (SQLAlchemyError, *_DOUBTS) as problem:
        # Its message may quote a value that was to be written out as a literal.
        reason = type(problem).__name__
    raise QueryError(f"SQLAlchemy cannot bind the parameters: {reason}")


def _bound_value(name: str, convert: Processor | None, value: Any) -> Any:
    rule = "must hold no NUL and no lone surrogate"
    try:
        wire = convert(value) if convert else value
        if _is_storable(wire):
            return wire
    except UnfitValueError as unfit:
        rule = str(unfit)
    except _DOUBTS:
        rule = "does not fit its SQLAlchemy type"
    raise QueryError(f"parameter {name!r} {rule} (got {type(value).__name__})", field=name)


def _is_storable(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_storable, cast("Sequence[Any]", value)))
    return not isinstance(value, str) or is_text(value)


def _types(statement: Any) -> tuple[tuple[str | None, SqlType], ...]:
    if not isinstance(statement, sa.SelectBase | sa.UpdateBase):
        return ()
    return tuple((column.key, column.type) for column in statement.exported_columns)


def _converted(column: ResultColumn, convert: Processor, values: Sequence[Any]) -> list[Any]:
    # Raised outside of `except`: the original may quote a value, and must not hang on ours.
    with suppress(SQLAlchemyError, *_DOUBTS):
        return list(map(convert, values))
    raise DatabaseError(
        f"column {column.name!r} ({column.type_name}) holds a value that does not fit its"
        " SQLAlchemy type"
    )


def _reason(problem: Exception) -> str:
    return str(problem.args[0]) if problem.args else type(problem).__name__
