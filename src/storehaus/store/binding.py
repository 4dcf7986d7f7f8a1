"""Which transaction is open where: it is bound to the context, so that stores join it."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from storehaus.store.transaction import Unit

__all__ = ["bind", "find"]


@dataclass(frozen=True, slots=True, eq=False)
class _Binding:
    """A transaction, the database it belongs to, and what was bound around it."""

    database: object
    unit: Unit
    outer: "_Binding | None"


_bound: ContextVar[_Binding | None] = ContextVar("storehaus_transaction", default=None)


@contextmanager
def bind(database: object, unit: Unit) -> Generator[None]:
    """Let the verbs of a database join a transaction for as long as the context lasts."""
    outer = _bound.get()
    binding = _Binding(database, unit, outer)
    _bound.set(binding)
    try:
        yield
    finally:
        # A generator may be closed in another context, whose bindings are none of its business.
        if _bound.get() is binding:
            _bound.set(outer)


def find(database: object) -> Unit | None:
    """Give the transaction that is open for a database here, None when there is none.

    Raises:
        TransactionMisuse: When it belongs to another task.
    """
    binding = _bound.get()
    while binding is not None:
        if binding.database is database and not binding.unit.is_ended:
            binding.unit.check_task()
            return binding.unit
        binding = binding.outer
    return None
