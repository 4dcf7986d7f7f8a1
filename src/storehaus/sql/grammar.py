"""All writers together, and the scope of statements about one table."""

from storehaus.errors import QueryError
from storehaus.expr import Condition
from storehaus.expr.node import Node
from storehaus.model.records import TableInfo
from storehaus.sql.aggregates import AGGREGATES
from storehaus.sql.binder import Literals, Writer
from storehaus.sql.conditions import CONDITIONS
from storehaus.sql.documents import DOCUMENT_PARTS
from storehaus.sql.operands import OPERANDS
from storehaus.sql.records import Operand, Origin
from storehaus.sql.scope import Grammar, Scope
from storehaus.sql.select import select_exists, write_select

__all__ = ["GRAMMAR", "condition_sql", "operand_sql", "render_literal_condition", "table_scope"]

GRAMMAR = Grammar(
    operands={**OPERANDS, **DOCUMENT_PARTS, **AGGREGATES},
    conditions=CONDITIONS,
    select=write_select,
    exists=select_exists,
)


def table_scope(
    info: TableInfo,
    writer: Writer,
    *,
    name: str | None = None,
    excluded: bool = False,
) -> Scope:
    """Make the scope of a statement about one table.

    Args:
        info: The model.
        writer: Takes the values.
        name: What the statement calls the table, with which columns are then written; None is its
            own name, and columns stand alone.
        excluded: Whether `excluded(…)` means something.
    """
    scope = Scope(GRAMMAR, writer, qualified=name is not None, excluded=excluded)
    scope.origins.append(Origin(info.model, name or info.name, info, {}))
    scope.stage = "row"
    return scope


def condition_sql(scope: Scope, condition: Condition) -> str:
    """Write a condition.

    Raises:
        QueryError: On an unknown name, a value that does not fit, or nesting without end.
    """
    try:
        return scope.condition(condition)
    except RecursionError:
        raise QueryError("the condition is nested too deeply", model=scope.model) from None


def operand_sql(scope: Scope, node: Node) -> Operand:
    """Write an expression.

    Raises:
        QueryError: On an unknown name, types that cannot be computed with each other, or nesting
            without end.
    """
    try:
        return scope.operand(node)
    except RecursionError:
        raise QueryError("the expression is nested too deeply", model=scope.model) from None


def render_literal_condition(info: TableInfo, condition: Condition) -> str:
    """Write a condition with its values as literals, for CHECKs and predicates of indexes.

    Raises:
        QueryError: As `condition_sql`.
    """
    return condition_sql(table_scope(info, Literals()), condition)
