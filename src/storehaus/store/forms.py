"""The forms of the verbs that write one row."""

from typing import Any

from storehaus.sql.delete import delete_by_key, delete_shared
from storehaus.sql.insert import insert_one, insert_shared
from storehaus.sql.update import update_one, update_shared
from storehaus.store.batch import Form
from storehaus.store.shape import Shape
from storehaus.store.table import Table

__all__ = ["delete_form", "insert_form", "update_form"]


def insert_form(table: Table[Any], shape: Shape) -> Form:
    """INSERT of the columns of a shape. What follows them: the tags."""
    info = table.info
    return Form(
        alone=insert_one(info, shape),
        shared=insert_shared(info, shape),
        columns=shape,
        id_of=table.key.finder(shape),
    )


def update_form(table: Table[Any], shape: Shape, versioned: bool) -> Form:
    """UPDATE of the columns of a shape.

    Values are those of the key, the version if it counts, and the columns. What follows them: the
    tags, None to keep them.
    """
    info = table.info
    columns = (*_found_by(table, versioned), *shape)
    return Form(
        alone=update_one(info, shape, versioned=versioned),
        shared=update_shared(info, shape, versioned=versioned),
        columns=columns,
        id_of=table.key.finder(columns),
        numbered=True,
    )


def delete_form(table: Table[Any], versioned: bool) -> Form:
    """DELETE, or UPDATE of the rows that are only marked.

    Values are those of the key, and the version if it counts. What follows them for marked rows:
    the tags and the deletion.
    """
    info = table.info
    columns = _found_by(table, versioned)
    return Form(
        alone=delete_by_key(info, versioned=versioned),
        shared=delete_shared(info, versioned=versioned),
        columns=columns,
        id_of=table.key.finder(columns),
        numbered=True,
    )


def _found_by(table: Table[Any], versioned: bool) -> Shape:
    version = table.info.version
    return (*table.key.columns, version) if versioned and version else table.key.columns
