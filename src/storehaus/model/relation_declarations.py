"""From `related(...)` in a class body to what the class keeps of it."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from storehaus.model.columns import refuse
from storehaus.model.field import FieldSpec
from storehaus.model.inheritance import is_deeper
from storehaus.model.layout import check_name
from storehaus.model.relation import DeclaredRelation, Relation
from storehaus.model.relation_spec import RelationSpec
from storehaus.model.relation_types import RelationType, relation_type

__all__ = ["check_relations", "declare_relations", "inherited_relations"]

_ANNOTATION = "a relation is declared as name: Many[Model] or One[Model] = related(...)"


def declare_relations(
    model: str, namespace: dict[str, Any], annotations: dict[str, Any], scope: dict[str, Any]
) -> dict[str, DeclaredRelation]:
    """Take the relations out of a class body and its annotations.

    Args:
        model: Name of the class.
        namespace: The class body.
        annotations: Its annotations, not evaluated.
        scope: The names that are known where the class is made.

    Raises:
        ModelDefinitionError: On anything wrong that the other model is not needed for.
    """
    found: dict[str, DeclaredRelation] = {}
    for name, annotation in list(annotations.items()):
        kind = relation_type(annotation, scope)
        spec = namespace.get(name)
        if kind is None and not isinstance(spec, RelationSpec):
            continue
        if kind is None or not isinstance(spec, RelationSpec):
            raise refuse(model, name, _ANNOTATION)
        check_name(model, name)
        found[name] = _declared(model, name, kind, spec, namespace)
        del annotations[name]
    for name, value in namespace.items():
        if isinstance(value, RelationSpec) and name not in found:
            raise refuse(model, name, _ANNOTATION)
    for name in found:
        del namespace[name]
    return found


def _declared(
    model: str, name: str, kind: RelationType, spec: RelationSpec, namespace: Mapping[str, Any]
) -> DeclaredRelation:
    if kind.many and kind.optional:
        raise refuse(model, name, "Many[...] is a list, empty where there is no row, never None")
    if isinstance(kind.target, type) and not hasattr(kind.target, "__table_info__"):
        raise refuse(model, name, f"{kind.target.__name__} is no model with a table")
    if spec.via is not None and not kind.many:
        raise refuse(model, name, "via= is for Many[...]: one row is referred to directly")
    if kind.many and spec.own:
        rule = "Many[...] goes by a column of the other model: related(lambda: Other.column)"
        raise refuse(model, name, rule)
    own = _own_names(model, name, spec.own, namespace)
    return DeclaredRelation(
        name, kind.many, kind.optional, kind.target, own, spec.columns, spec.via
    )


def _own_names(
    model: str, name: str, own: tuple[str | FieldSpec, ...], namespace: Mapping[str, Any]
) -> tuple[str, ...]:
    """Put names in the place of own fields: in a class body those are what field() gave."""
    names = {id(value): key for key, value in namespace.items() if isinstance(value, FieldSpec)}
    found = [part if isinstance(part, str) else names.get(id(part)) for part in own]
    if None in found:
        raise refuse(model, name, "the field stands in another class body; give its name")
    return tuple(key for key in found if key is not None)


def check_relations(model: str, fields: Collection[str], relations: Iterable[str]) -> None:
    """Check that no relation has the name of a field, whichever class declares the one or other.

    Raises:
        ModelDefinitionError: When one has.
    """
    for name in relations:
        if name in fields:
            raise refuse(model, name, "a relation and a field cannot have the same name")


def inherited_relations(bases: tuple[type, ...]) -> dict[str, Relation[Any, Any]]:
    """Collect the relations of all bases, as fields are: the leftmost base wins."""
    found: dict[str, Relation[Any, Any]] = {}
    for base in reversed(bases):
        relations: Mapping[str, Relation[Any, Any]] = vars(base).get("__relations__", {})
        for name, relation in relations.items():
            if name not in found or not is_deeper(found[name].model, relation.model):
                found[name] = relation
    return found
