"""Lints: each fires on what it is about, and not on the next best thing."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import pytest

from storehaus.model import (
    Field,
    Index,
    Integer,
    Many,
    Model,
    Numeric,
    One,
    Unique,
    field,
    related,
    uuid7,
)
from storehaus.model.analysis import Lint, analyse

DOCUMENT = Path(__file__).parents[2] / "docs" / "models.md"


class Base(Model):
    """A key, so that only the lint in question has something to say."""

    id: Field[UUID] = field(primary_key=True, default_factory=uuid7)


class Customer(Base, table="customers"):
    """Something to reference."""

    email: Field[str] = field(unique=True, max_length=200)
    nickname: Field[str] = field(max_length=20)


class Member(Base, table="members", soft_delete=True):
    """Something that soft-deletes."""

    email: Field[str] = field(unique=True, max_length=200)


class Holder(Base, table="holders"):
    """Refers to what `_things` makes."""

    thing_id: Field[UUID] = field(references="things.id", index=True)
    only_thing_id: Field[UUID] = field(references="things.id", unique=True)


def _things(annotation: Any, value: Any = None, **keywords: Any) -> list[type[Model]]:
    body: dict[str, Any] = {"__module__": __name__, "__annotations__": {"it": annotation}}
    if value is not None:
        body["it"] = value
    keywords = {"table": "things", **keywords}
    return [Customer, Member, type(Model)("Thing", (Base,), body, **keywords)]


def _named(name: str, table: str = "things", **keywords: Any) -> list[type[Model]]:
    body: dict[str, Any] = {"__module__": __name__, "__annotations__": {name: int}}
    return [type(Model)("Thing", (Base,), body, table=table, **keywords)]


def _keyed(annotation: Any, **arguments: Any) -> list[type[Model]]:
    body: dict[str, Any] = {"__module__": __name__, "__annotations__": {"it": annotation}}
    body["it"] = field(**arguments)
    return [type(Model)("Thing", (Model,), body, table="things")]


def _wide(count: int) -> list[type[Model]]:
    names = [f"column_{i}" for i in range(count)]
    body = {"__module__": __name__, "__annotations__": dict.fromkeys(names, int)}
    return [type(Model)("Thing", (Base,), body, table="things")]


def _twins(table: str = "others", **keywords: Any) -> list[type[Model]]:
    body = {"__module__": __name__, "__annotations__": {"it": int}}
    indexes = (Index("it", name=keywords.pop("name", None)),)
    other = type(Model)("Other", (Base,), dict(body), table=table, indexes=indexes, **keywords)
    thing = type(Model)("Thing", (Base,), dict(body), table="things", indexes=indexes)
    return [other, thing]


def _enum(name: str, labels: list[str]) -> Any:
    return Enum(name, {label.upper(): label for label in labels})


def _two_enums(one: Any, other: Any) -> list[type[Model]]:
    first = type(Model)(
        "Other", (Base,), {"__module__": __name__, "__annotations__": {"it": one}}, table="others"
    )
    return [first, *_things(other)[-1:]]


MANY = [f"label_{i}" for i in range(31)]
NULLABLE = int | None
Declare = Callable[[], list[type[Model]]]

CASES: dict[Lint, tuple[Declare, Declare]] = {
    Lint.NO_PRIMARY_KEY: (
        lambda: _keyed(int, index=True),
        lambda: _keyed(int, primary_key=True),
    ),
    Lint.LONG_TEXT_KEY: (
        lambda: _keyed(str, primary_key=True),
        lambda: _keyed(str, primary_key=True, max_length=2),
    ),
    Lint.UNINDEXED_REFERENCE: (
        lambda: _things(UUID, field(references=Customer.id)),
        lambda: _things(UUID, field(references=Customer.id), indexes=(Index("it", "id"),)),
    ),
    Lint.FLOAT_MONEY: (
        lambda: [
            type(Model)(
                "Thing",
                (Base,),
                {"__module__": __name__, "__annotations__": {"unit_price": float}},
                table="things",
            )
        ],
        lambda: [
            type(Model)(
                "Thing",
                (Base,),
                {
                    "__module__": __name__,
                    "__annotations__": {
                        "unit_price": Annotated[Decimal, Numeric(12, 2)],
                        "consumption": float,
                    },
                },
                table="things",
            )
        ],
    ),
    Lint.WIDE_ROW: (lambda: _wide(50), lambda: _wide(49)),
    Lint.IMPOSSIBLE_BOUNDS: (
        lambda: _things(int, field(ge=5, le=4)),
        lambda: _things(int, field(ge=5, le=5)),
    ),
    Lint.IMPOSSIBLE_DEFAULT: (
        lambda: _things(list[str], field(default_factory=list, min_length=1)),
        lambda: _things(list[str], field(default_factory=lambda: ["a"], min_length=1)),
    ),
    Lint.REDUNDANT_INDEX: (
        lambda: _things(int, field(index=True), indexes=(Index("it", "id"),)),
        lambda: _things(int, field(index=True), indexes=(Index("id", "it"),)),
    ),
    Lint.NULLABLE_UNIQUE: (
        lambda: _things(NULLABLE, field(unique=True, default=1)),
        lambda: _things(NULLABLE, indexes=(Unique("it", where="it IS NOT NULL"),)),
    ),
    Lint.DOCUMENT_INDEX: (
        lambda: _things(dict, field(index=True)),
        lambda: _things(dict, indexes=(Index("it", using="gin"),)),
    ),
    Lint.BROKEN_REFERENCE: (
        lambda: _things(str, field(references="customers.nickname")),
        lambda: _things(str, field(references="customers.email")),
    ),
    Lint.RESERVED_WORD: (lambda: _named("order"), lambda: _named("orders")),
    Lint.QUOTED_NAME: (lambda: _named("firstName"), lambda: _named("first_name")),
    Lint.SAME_TABLE: (lambda: _twins("things"), lambda: _twins("things", schema="shop")),
    Lint.SAME_INDEX_NAME: (lambda: _twins(name="by_it"), _twins),
    Lint.ENUM_CLASH: (
        lambda: _two_enums(_enum("State", ["a"]), _enum("State", ["b"])),
        lambda: _two_enums(_enum("State", ["a"]), _enum("OtherState", ["b"])),
    ),
    Lint.SOFT_CASCADE: (
        lambda: _things(UUID, field(references=Member.id, on_delete="cascade", index=True)),
        lambda: _things(UUID, field(references=Customer.id, on_delete="cascade", index=True)),
    ),
    Lint.UNBOUNDED_KEY_TEXT: (
        lambda: _things(str, field(index=True)),
        lambda: _things(str, field(index=True, max_length=676)),
    ),
    Lint.SMALL_IDENTITY: (
        lambda: _keyed(Annotated[int, Integer], primary_key=True, generated="identity"),
        lambda: _keyed(int, primary_key=True, generated="identity"),
    ),
    Lint.NAIVE_DEFAULT: (
        lambda: _things(datetime, field(default_factory=datetime.now)),
        lambda: _things(datetime, field(default_factory=lambda: datetime.now(UTC))),
    ),
    Lint.SLOW_PATTERN: (
        lambda: _things(str, field(pattern="^(a+)*$")),
        lambda: _things(str, field(pattern="^(ab?)*c+$")),
    ),
    Lint.REPEATED_SYSTEM_FIELD: (
        lambda: [
            type(Model)(
                "Thing",
                (Base,),
                {"__module__": __name__, "__annotations__": {"created_at": datetime}},
                table="things",
            )
        ],
        lambda: _named("created_at"),
    ),
    Lint.BIG_ENUM: (
        lambda: _things(_enum("Kind", MANY)),
        lambda: _things(_enum("Kind", MANY[:30])),
    ),
    Lint.BROKEN_RELATION: (
        lambda: _things(Many["Customer"], related(lambda: Customer.email)),
        lambda: _things(Many["Holder"], related(lambda: Holder.thing_id)),
    ),
    Lint.AMBIGUOUS_ONE: (
        lambda: _things(One["Holder | None"], related(lambda: Holder.thing_id)),
        lambda: _things(One["Holder | None"], related(lambda: Holder.only_thing_id)),
    ),
}


def _codes(models: list[type[Model]]) -> list[str]:
    return [finding.code for finding in analyse(models) if finding.model == "Thing"]


@pytest.mark.parametrize("lint", Lint, ids=lambda lint: lint.name)
def test_lint_fires(lint: Lint) -> None:
    """Once, and it says what to do."""
    findings = analyse(CASES[lint][0]())

    (finding,) = [each for each in findings if each.code == lint.code]
    assert finding.model == "Thing"
    assert finding.severity == lint.value[1]
    assert finding.message
    assert finding.hint


@pytest.mark.parametrize("lint", Lint, ids=lambda lint: lint.name)
def test_lint_does_not_fire_on_the_next_best_thing(lint: Lint) -> None:
    """What looks alike and is fine stays unmentioned."""
    assert lint.code not in _codes(CASES[lint][1]())


def test_sound_models_have_no_findings() -> None:
    """Silence is the usual answer."""
    assert analyse([Customer, Member]) == []


def test_abstract_classes_are_passed_over() -> None:
    """They are no tables."""
    assert analyse([Base, Model]) == []


IMPOSSIBLE: list[tuple[Any, dict[str, Any]]] = [
    (int, {"gt": 1, "lt": 2}),
    (int, {"ge": 1, "lt": 1}),
    (float, {"gt": 1.0, "le": 1.0}),
    (float, {"ge": 2.0, "le": 3.0, "lt": 2.0}),
    (str, {"min_length": 3, "max_length": 2}),
    (Decimal, {"ge": 1, "lt": Decimal("0.5")}),
    (datetime, {"gt": datetime(2026, 1, 1, tzinfo=UTC), "lt": datetime(2026, 1, 1, tzinfo=UTC)}),
]


@pytest.mark.parametrize(("annotation", "bounds"), IMPOSSIBLE)
def test_bounds_that_leave_nothing_are_found(annotation: Any, bounds: dict[str, Any]) -> None:
    """Of every kind and in every combination."""
    assert Lint.IMPOSSIBLE_BOUNDS.code in _codes(_things(annotation, field(**bounds)))


POSSIBLE: list[tuple[Any, dict[str, Any]]] = [
    (int, {"gt": 1, "lt": 3}),
    (float, {"gt": 1.0, "lt": 1.1}),
    (float, {"ge": 1.0, "le": 1.0}),
    (str, {"min_length": 2, "max_length": 2}),
    (int, {"ge": 1}),
]


@pytest.mark.parametrize(("annotation", "bounds"), POSSIBLE)
def test_bounds_that_leave_something_are_fine(annotation: Any, bounds: dict[str, Any]) -> None:
    """One value is enough."""
    assert Lint.IMPOSSIBLE_BOUNDS.code not in _codes(_things(annotation, field(**bounds)))


REFERENCES = {
    "unknown column": (str, "customers.nothing"),
    "another type": (int, "customers.email"),
    "unique over active rows only": (str, "members.email"),
}


@pytest.mark.parametrize(("annotation", "target"), REFERENCES.values(), ids=REFERENCES.keys())
def test_reference_by_name_is_checked_against_the_models_given(
    annotation: Any, target: str
) -> None:
    """What a class cannot know of a later one is seen when both are there."""
    codes = _codes(_things(annotation, field(references=target, index=True)))

    assert Lint.BROKEN_REFERENCE.code in codes


def test_reference_to_a_model_that_is_not_given_is_not_judged() -> None:
    """It may well exist."""
    models = _things(UUID, field(references="elsewhere.id", index=True))

    assert Lint.BROKEN_REFERENCE.code not in _codes(models)


def test_later_of_two_equal_indexes_is_redundant() -> None:
    """Not both."""
    models = _things(int, field(index=True), indexes=(Index("it", name="again"),))
    (finding,) = [each for each in analyse(models) if each.code == Lint.REDUNDANT_INDEX.code]

    assert "again" in finding.message


def test_index_beside_a_unique_is_redundant() -> None:
    """A unique index is an index."""
    models = _things(int, field(index=True, unique=True))

    assert Lint.REDUNDANT_INDEX.code in _codes(models)


def test_partial_index_is_not_redundant() -> None:
    """It is smaller, and that is its purpose."""
    models = _things(int, field(index=True), indexes=(Index("it", where="it > 3", name="some"),))

    assert Lint.REDUNDANT_INDEX.code not in _codes(models)


def test_enum_called_like_another_models_table_is_found() -> None:
    """Both are types of PostgreSQL."""
    models = _two_enums(int, _enum("Others", ["a"]))

    assert Lint.ENUM_CLASH.code in _codes(models)


def test_one_enum_in_two_models_is_fine() -> None:
    """They share the type."""
    state = _enum("State", ["a"])

    assert Lint.ENUM_CLASH.code not in _codes(_two_enums(state, list[state]))


def test_findings_come_in_the_order_of_the_models() -> None:
    """Then by code."""
    findings = analyse([*_twins("things"), *_keyed(int, index=True)])

    codes = [finding.code for finding in findings if finding.model == "Thing"]
    assert codes == sorted(codes)


def test_codes_are_unique_and_documented() -> None:
    """The table in docs/models.md lists each with its severity."""
    rows = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| `SH")]
    documented = {
        (cells[1].strip(" `"), cells[2].strip()) for cells in (row.split("|") for row in rows)
    }

    assert documented == {lint.value for lint in Lint}
    assert len({lint.code for lint in Lint}) == len(Lint)
