"""Conditions by name, for filters that arrive from outside."""

from collections.abc import Iterable, Mapping
from typing import Any

from storehaus.errors import QueryError
from storehaus.expr import Column, Condition
from storehaus.expr.condition import (
    And,
    Comparator,
    Comparison,
    Containment,
    Like,
    Membership,
    Not,
    NullTest,
    Or,
    Overlap,
)
from storehaus.expr.node import Name, Value
from storehaus.expr.operands import checked_condition, equality, listed, members
from storehaus.query.documents import DocumentReader

__all__ = ["TAGS", "QueryFilter", "checked_conditions"]

TAGS = "__tags__"


class QueryFilter:
    """Conditions over fields by name: `QueryFilter.gte("elevation", 500)`.

    They mean the same as those of typed columns and combine with them. Names are looked up in the
    model when the query is compiled; an unknown one is a `QueryError` and never becomes SQL, so
    both names and values may come from outside.
    """

    __slots__ = ()

    @staticmethod
    def eq(field: str, value: object) -> Condition:
        """Equal; None means NULL."""
        return equality(Name(field), value)

    @staticmethod
    def ne(field: str, value: object) -> Condition:
        """Not equal, which leaves out rows that are NULL; None means not NULL."""
        return equality(Name(field), value, negated=True)

    @staticmethod
    def gt(field: str, value: object) -> Condition:
        """Greater."""
        return _ordered("gt", field, value)

    @staticmethod
    def gte(field: str, value: object) -> Condition:
        """Greater or equal."""
        return _ordered("ge", field, value)

    @staticmethod
    def lt(field: str, value: object) -> Condition:
        """Less."""
        return _ordered("lt", field, value)

    @staticmethod
    def lte(field: str, value: object) -> Condition:
        """Less or equal."""
        return _ordered("le", field, value)

    @staticmethod
    def like(field: str, pattern: str) -> Condition:
        r"""Matches a pattern of `%` (any text), `_` (any character) and `\` (escape)."""
        return Like(Name(field), Value(pattern))

    @staticmethod
    def ilike(field: str, pattern: str) -> Condition:
        """As `like`, upper and lower case being the same."""
        return Like(Name(field), Value(pattern), ignore_case=True)

    @staticmethod
    def in_values(field: str, values: Iterable[object]) -> Condition:
        """Among the values; None among them stands for NULL; without values nothing is found."""
        return Membership(Name(field), listed(values))

    @staticmethod
    def not_in_values(field: str, values: Iterable[object]) -> Condition:
        """Not among the values; rows that are NULL are found only when there are no values."""
        return Membership(Name(field), listed(values), negated=True)

    @staticmethod
    def is_null(field: str) -> Condition:
        """Has no value."""
        return NullTest(Name(field))

    @staticmethod
    def is_not_null(field: str) -> Condition:
        """Has a value."""
        return NullTest(Name(field), negated=True)

    @staticmethod
    def has_any_tag(tags: Iterable[str]) -> Condition:
        """Has at least one of the tags; without tags nothing is found."""
        return Overlap(Name(TAGS), Value(list(members(tags))))

    @staticmethod
    def has_all_tags(tags: Iterable[str]) -> Condition:
        """Has all of the tags; without tags every row is found."""
        return Containment(Name(TAGS), Value(list(members(tags))))

    @staticmethod
    def from_dict(
        document: Mapping[str, object],
        *,
        fields: Iterable[str | Column[Any]] | None = None,
        max_depth: int = 5,
        max_conditions: int = 50,
        max_values: int = 1_000,
    ) -> Condition:
        """Read a filter that arrived as JSON.

            {"country": "DE", "elevation": {"gte": 500}, "or": [{"iata": "FRA"}, {"iata": "MUC"}]}

        All members of an object must hold. A member is `and` or `or` with a list of objects, `not`
        with one, or a field with a value (null is NULL) or with operators: `eq ne gt gte lt lte
        between in not_in is_null like ilike startswith endswith contains icontains has_any
        has_all`. Values are read as the type of the field: dates, UUIDs and decimals may be texts.

        Args:
            document: The decoded JSON.
            fields: Columns or names that may be filtered by; None allows every field of the model,
                system fields included.
            max_depth: Deepest nesting of objects.
            max_conditions: Most conditions.
            max_values: Most values in all lists together.

        Raises:
            QueryError: When it is no filter, names another field, or is too large. A value that
                does not fit its field is refused when the query is compiled.
        """
        reader = DocumentReader(
            fields, max_depth=max_depth, max_conditions=max_conditions, max_values=max_values
        )
        return reader.read(document)

    @staticmethod
    def and_(conditions: Iterable[Condition]) -> Condition:
        """All of them hold; without conditions every row is found."""
        return And(checked_conditions(conditions))

    @staticmethod
    def or_(conditions: Iterable[Condition]) -> Condition:
        """At least one of them holds; without conditions nothing is found."""
        return Or(checked_conditions(conditions))

    @staticmethod
    def not_(condition: Condition) -> Condition:
        """It does not hold."""
        return Not(*checked_conditions([condition]))


def checked_conditions(conditions: object) -> tuple[Condition, ...]:
    """Take conditions, so that a truth value is no filter by accident.

    Raises:
        QueryError: When one is something else.
    """
    return tuple(map(checked_condition, members(conditions)))


def _ordered(comparator: Comparator, field: str, value: object) -> Condition:
    if value is None:
        raise QueryError("nothing is less or greater than None; use is_null or is_not_null")
    return Comparison(comparator, Name(field), Value(value))
