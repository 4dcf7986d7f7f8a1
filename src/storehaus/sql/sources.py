"""FROM as SQL: the relations of a query, how they are joined, and which of their rows are seen.

Soft delete is a closed world: a deleted row takes part in a query exactly as little as one that is
not there. Its flag is therefore asked where that is true: of the first source in WHERE, of a joined
one in ON, so that an outer join still gives the row that has lost its partner. Where a right or
full join follows, both places would be wrong, and the relation is filtered before it is joined.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from storehaus.errors import QueryError
from storehaus.expr.condition import And
from storehaus.model.records import TableInfo
from storehaus.model.types import ColumnType
from storehaus.model.wire import decoder
from storehaus.query.clauses import Clauses, Visibility
from storehaus.query.sources import Alias, Combined, Derived, Join, Source
from storehaus.sql.columns import column_list
from storehaus.sql.identifiers import quote_identifier, table_name
from storehaus.sql.records import Body, Operand, Origin, Output
from storehaus.sql.scope import Scope

__all__ = ["Sources", "combined_sql"]

_WORDS = {
    "inner": "JOIN",
    "left": "LEFT JOIN",
    "right": "RIGHT JOIN",
    "full": "FULL JOIN",
    "cross": "CROSS JOIN",
}


class Sources:
    """The sources of one query level.

    Args:
        scope: The level; gets the relations.
        clauses: What is asked for.

    Attributes:
        text: FROM, without the word.
        visible: Conditions of soft delete that belong into WHERE.
    """

    __slots__ = ("_clauses", "_early", "_scope", "text", "visible")

    def __init__(self, scope: Scope, clauses: Clauses) -> None:
        self._scope = scope
        self._clauses = clauses
        self._early = any(join.how in {"right", "full"} for join in clauses.joins)
        self.visible: list[str] = []
        source = clauses.source
        if source is None:
            raise QueryError("only a query that names its model can be written as SQL")
        if isinstance(source, Combined) and clauses.visibility != "active":
            raise QueryError(
                "what a query gives was seen by that query: say only_deleted() in it, or"
                " with_deleted()"
            )
        first = self._place(source, clauses.visibility)
        self._check_seen()
        self.text = first[0]
        self.visible += first[1]
        for join in clauses.joins:
            self._join(join)

    def _join(self, join: Join) -> None:
        if join.how in {"right", "full"}:
            self._mark_nullable()
        # `only_deleted()` is about the first source; others are then seen as usual.
        usual: Visibility = (
            "active" if self._clauses.visibility == "deleted" else (self._clauses.visibility)
        )
        nullable = join.how in {"left", "full"}
        text, visible = self._place(join.source, usual, nullable=nullable, lateral=join.lateral)
        lateral = "LATERAL " if join.lateral else ""
        self.text += f" {_WORDS[join.how]} {lateral}{text}"
        if join.on is None:
            self.visible += visible
            return
        with self._scope.at("row"):
            # Within AND, an OR stands in parentheses.
            condition = self._scope.condition(And((join.on,)))
        self.text += f" ON {' AND '.join([condition, *visible])}"

    def _mark_nullable(self) -> None:
        origins = self._scope.origins
        origins[:] = [replace(each, nullable=True) for each in origins]

    def _place(
        self,
        source: Source,
        usual: Visibility,
        *,
        nullable: bool = False,
        lateral: bool = False,
    ) -> tuple[str, list[str]]:
        """Take a relation up, give it as SQL, with the conditions that its rows must fulfil."""
        origin, text = self._origin(source, lateral=lateral)
        origin = replace(origin, nullable=nullable)
        flag = self._flag(source, origin, usual)
        named = _named(text, origin)
        if flag and self._early:
            assert origin.info is not None  # noqa: S101 - only a model has a flag
            rows = f"SELECT {column_list(origin.info.columns)} FROM {text} WHERE {flag('')}"
            named, flag = f"({rows}) AS {quote_identifier(origin.name)}", None
        self._scope.origins.append(origin)
        prefix = f"{quote_identifier(origin.name)}." if self._scope.qualified else ""
        return named, [flag(prefix)] if flag else []

    def _flag(
        self, source: Source, origin: Origin, usual: Visibility
    ) -> Callable[[str], str] | None:
        """Give the condition for the rows that are seen, which takes what stands before a name."""
        visibility = usual
        for each, said in self._clauses.seen:
            visibility = said if each == source else visibility
        info = origin.info
        # What a query gives was seen by that query.
        is_given = isinstance(source, Combined) or (
            isinstance(source, Alias) and source.__alias__.cte is not None
        )
        if visibility == "deleted" and (is_given or info is None or info.soft_delete is None):
            raise QueryError(
                "what a query gives has no deleted rows: say only_deleted() in that query"
                if is_given or info is None
                else f"{info.model.__name__} does not soft-delete, so it has no deleted rows",
                model=None if info is None else info.model.__name__,
            )
        if is_given or info is None or info.soft_delete is None or visibility == "all":
            return None
        column = quote_identifier(info.soft_delete.column)
        negation = "" if visibility == "active" else "NOT "
        return lambda prefix: f"{negation}{prefix}{column}"

    def _check_seen(self) -> None:
        sources = [self._clauses.source, *(join.source for join in self._clauses.joins)]
        for source, _ in self._clauses.seen:
            if source not in sources:
                raise QueryError(f"{source.__name__} is none of the sources of the query")

    def _origin(self, source: Source, *, lateral: bool) -> tuple[Origin, str]:
        if isinstance(source, Combined):
            return self._combined(source)
        if any(origin.source == source for origin in self._scope.origins):
            raise QueryError(
                f"{getattr(source, '__name__', source)} takes part twice: give it another name"
                ' with alias(Model, "name")'
            )
        if isinstance(source, Derived):
            return self._derived(source, lateral=lateral)
        info = source.__table_info__
        name, cte = info.name, None
        if isinstance(source, Alias):
            name, cte = source.__alias__.name, source.__alias__.cte
        origin = Origin(source, self._scope.free_name(name), info, {})
        if cte is None:
            return origin, self._table(info)
        columns = self._check_cte(cte)
        if any(column.name not in columns for column in info.columns):
            raise QueryError(f"with_() defines {cte!r:.60} without the fields of {source.__name__}")
        return origin, quote_identifier(cte)

    def _table(self, info: TableInfo) -> str:
        if info.schema is None and info.name in self._scope.ctes:
            raise QueryError(f"a common table expression hides the table {info.name!r}")
        return table_name(info)

    def _check_cte(self, name: str) -> Mapping[str, Operand]:
        found = self._scope.ctes.get(name)
        if found is None:
            raise QueryError(f"with_() defines no {name!r:.60}")
        return found

    def _derived(self, source: Derived, *, lateral: bool) -> tuple[Origin, str]:
        name = self._scope.free_name(source.name)
        if source.query is None:
            of = source.of or source.name
            return Origin(source, name, None, self._check_cte(of)), quote_identifier(of)
        scope = self._scope
        # A subquery in FROM sees the sources beside it only when it is lateral.
        around = scope if lateral else scope.beside()
        body = around.subselect(source.query)
        return Origin(source, name, None, body.columns), f"({body.text})"

    def _combined(self, source: Combined) -> tuple[Origin, str]:
        text, body = combined_sql(self._scope, source)
        info = None if source.model is None else source.model.__table_info__
        name = self._scope.free_name("combined" if info is None else info.name)
        columns: Mapping[str, Operand] = body.columns if info is None else {}
        return Origin(source.model or source, name, info, columns), f"({text})"


def combined_sql(scope: Scope, source: Combined) -> tuple[str, Body]:
    """Write a set operation.

    Returns:
        Its text, and the first of its queries, which names the columns.

    Raises:
        QueryError: When the two give different columns.
    """
    left, right = scope.subselect(source.left), scope.subselect(source.right)
    if list(map(_kind, left.outputs)) != list(map(_kind, right.outputs)):
        raise QueryError(f"both sides of {source.operator} give columns of the same types")
    pairs = zip(left.outputs, right.outputs, strict=True)
    outputs = tuple(replace(a, nullable=a.nullable or b.nullable) for a, b in pairs)
    every = " ALL" if source.every else ""
    text = f"({left.text}) {source.operator.upper()}{every} ({right.text})"
    return text, replace(left, outputs=outputs)


def _kind(output: Output) -> tuple[TableInfo | None, object]:
    return output.entity, _same(output.operand.column.type)


def _same(column_type: ColumnType | None) -> object:
    """Give what must be the same of the types on both sides of a set operation."""
    if column_type is None:
        return None
    # The rows of both are decoded as the first one says.
    python = None if decoder(column_type) is None else column_type.python
    return column_type.kind, python, _same(column_type.element)


def _named(text: str, origin: Origin) -> str:
    name = quote_identifier(origin.name)
    return text if text == name or text.endswith(f".{name}") else f"{text} AS {name}"
