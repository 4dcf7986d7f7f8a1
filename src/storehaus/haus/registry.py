"""Stores by name."""

from typing import Any

from storehaus.errors import StoreAlreadyRegistered, StoreNotFound
from storehaus.model import Model, TableInfo
from storehaus.store import Database, GenericStore

__all__ = ["Registry", "registered_name"]


def registered_name(info: TableInfo) -> str:
    """Name under which the store of a model is registered: its table, with a given schema."""
    return info.name if info.schema is None else f"{info.schema}.{info.name}"


class Registry:
    """The stores of one haus, one per table."""

    __slots__ = ("_stores",)

    def __init__(self) -> None:
        self._stores: dict[str, GenericStore[Any]] = {}

    def add(self, name: str, store: GenericStore[Any]) -> None:
        """Register a store; registering the same one again changes nothing.

        Raises:
            StoreAlreadyRegistered: When another one has the name.
            TypeError: When it is no store, or the name no text.
        """
        _check_pair(name, store)
        if self._stores.setdefault(name, store) is not store:
            raise _taken(name)

    def get(self, name: str) -> GenericStore[Any]:
        """Find a store.

        Raises:
            StoreNotFound: When there is none of this name.
        """
        found = self._stores.get(name)
        if found is None:
            known = ", ".join(sorted(self._stores)) or "none"
            raise StoreNotFound(f"no store is registered as {name!r} (known: {known})", name=name)
        return found

    def remove(self, name: str) -> None:
        """Forget a store.

        Raises:
            StoreNotFound: When there is none of this name.
        """
        self.get(name)
        del self._stores[name]

    def names(self) -> list[str]:
        """Names of all stores, sorted."""
        return sorted(self._stores)

    def obtain(
        self,
        database: Database,
        wanted: type[Model] | type[GenericStore[Any]],
        *,
        batching: bool | None = None,
    ) -> GenericStore[Any]:
        """Give the store of a model or of a store class, made at the first call.

        Args:
            database: Where it runs.
            wanted: The model or the class.
            batching: As of `GenericStore`; None takes the store as it is.

        Raises:
            StoreAlreadyRegistered: When the table has a store of another class or of other
                settings, or the name is another model's.
            TypeError: When it is neither a model with a table nor a store class that names one.
        """
        store_class: type[GenericStore[Any]] = GenericStore
        model: Any = wanted
        if issubclass(wanted, GenericStore):
            store_class, model = wanted, wanted.model_class
        if model is None or not issubclass(model, Model) or not hasattr(model, "__table_info__"):
            raise TypeError(
                f"{wanted.__name__} is neither a model with a table nor a GenericStore of one"
            )
        name = registered_name(model.__table_info__)
        existing = self._stores.get(name)
        if existing is None:
            settings = {} if batching is None else {"batching": batching}
            existing = self._stores[name] = store_class(database, model, **settings)
        if batching not in {None, existing.batching}:
            raise _taken(name)
        if type(existing) is not store_class or existing.model is not model:
            raise _taken(name)
        return existing


def _check_pair(name: object, store: object) -> None:
    if not isinstance(name, str) or not isinstance(store, GenericStore):
        raise TypeError("what is registered is a GenericStore, under a name")


def _taken(name: str) -> StoreAlreadyRegistered:
    return StoreAlreadyRegistered(f"another store is registered as {name!r}", name=name)
