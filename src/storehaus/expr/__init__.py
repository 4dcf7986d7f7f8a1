"""Conditions and expressions: pure values that say what is meant and hold no SQL."""

from storehaus.expr.column import Column
from storehaus.expr.condition import Condition
from storehaus.expr.expression import Expression
from storehaus.expr.ordering import Ordering
from storehaus.expr.row import Row

__all__ = ["Column", "Condition", "Expression", "Ordering", "Row"]
