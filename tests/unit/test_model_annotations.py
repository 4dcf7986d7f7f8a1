"""Annotations that are text, as `from __future__ import annotations` makes them all."""

from __future__ import annotations

from typing import ClassVar, Generic, NewType, Optional, TypeVar

import msgspec
import pytest

from storehaus.errors import ModelDefinitionError
from storehaus.model import Field, Many, Model, One, field, related, relation_spec
from storehaus.model.routes import route_of

T = TypeVar("T")
UserId = NewType("UserId", int)


def _local() -> type[Model]:
    class Box(msgspec.Struct, Generic[T]):
        value: T

    class Local(Model, table="locals"):
        class Nested(msgspec.Struct):
            z: int

        LIMIT: ClassVar[int] = 3
        id: Field[UserId] = field(primary_key=True)
        box: Field[Box[int]]
        nested: Field[list[Nested]]
        maybe: Field[Optional["int"]] = field(default=None)  # noqa: UP037, UP045 - on purpose

    return Local


def test_types_local_to_a_function_are_found() -> None:
    """Also nested in the class, in generics, and as text within text."""
    info = _local().__table_info__

    assert {column.name: (column.type.sql, column.nullable) for column in info.columns[:4]} == {
        "id": ("bigint", False),
        "box": ("jsonb", False),
        "nested": ("jsonb", False),
        "maybe": ("bigint", True),
    }


def test_class_variables_are_no_fields() -> None:
    """Whether they are written as text or not."""
    assert "LIMIT" not in _local().__struct_fields__


def test_unknown_name_is_refused_with_its_field() -> None:
    """The error shows the annotation and what is unknown."""
    with pytest.raises(ModelDefinitionError, match=r"Thing\.it.*Unknown") as caught:

        class Thing(Model, table="things"):
            it: Field[Unknown]  # noqa: F821 - on purpose

    assert caught.value.field == "it"


def test_annotations_may_arrive_as_a_function() -> None:
    """As Python 3.14 hands them over (PEP 749)."""
    body = {"__module__": __name__, "__annotate_func__": lambda _format: {"it": int}}
    thing = type(Model)("Thing", (Model,), body, table="things")

    assert thing.__table_info__.by_name["it"].type.sql == "bigint"


def test_function_of_annotations_that_fails_is_refused() -> None:
    """A name that is not known where the class is made."""

    def annotate(_format: int) -> dict[str, object]:
        raise NameError("name 'Unknown' is not defined", name="Unknown")

    body = {"__module__": __name__, "__annotate_func__": annotate}
    with pytest.raises(ModelDefinitionError, match=r"Thing.*Unknown"):
        type(Model)("Thing", (Model,), body, table="things")


def _related() -> tuple[type[Model], type[Model]]:
    class Owner(Model, table="owners"):
        id: Field[int] = field(primary_key=True)
        pets: Many[Pet] = related(lambda: Pet.owner_id)
        pet: One[Pet | None] = related(lambda: Pet.owner_id)

    class Pet(Model, table="pets"):
        owner_id: Field[int] = field(references=Owner.id)
        owner: One[Owner] = related(owner_id)
        names: relation_spec.Many["Pet"] = related(lambda: Pet.owner_id)  # noqa: UP037 - on purpose

    return Owner, Pet


def test_relations_are_read_as_text() -> None:
    """Also between classes local to a function, where the name of the later one is never known."""
    owner, pet = _related()

    assert route_of(owner.pets).target.model is pet
    assert route_of(pet.owner).target.model is owner
    assert (owner.pets.declared.many, owner.pet.declared.many) == (True, False)
    assert (owner.pet.declared.optional, pet.owner.declared.optional) == (True, False)
    assert pet.names.declared.many
