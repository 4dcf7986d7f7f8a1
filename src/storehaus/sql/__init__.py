"""Queries and changes as statements: text and parameters, apart from each other."""

from storehaus.sql.assignments import compile_assignments
from storehaus.sql.binder import Binder
from storehaus.sql.builder import QueryBuilder, RowQuery, as_query
from storehaus.sql.filters import compile_filter, has_filter
from storehaus.sql.grammar import render_literal_condition
from storehaus.sql.identifiers import (
    Identifier,
    cast_name,
    column_list,
    identifier,
    quote_identifier,
    table_name,
)
from storehaus.sql.projecting import Selection
from storehaus.sql.recipes import compile_count, compile_exists, compile_find, compile_selection
from storehaus.sql.statement import Statement
from storehaus.sql.template import SqlTemplate, sql

__all__ = [
    "Binder",
    "Identifier",
    "QueryBuilder",
    "RowQuery",
    "Selection",
    "SqlTemplate",
    "Statement",
    "as_query",
    "cast_name",
    "column_list",
    "compile_assignments",
    "compile_count",
    "compile_exists",
    "compile_filter",
    "compile_find",
    "compile_selection",
    "has_filter",
    "identifier",
    "quote_identifier",
    "render_literal_condition",
    "sql",
    "table_name",
]
