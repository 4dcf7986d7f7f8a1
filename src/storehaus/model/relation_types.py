"""Reading `Many[...]` and `One[...]` without evaluating them: the other model may come later."""

import ast
from dataclasses import dataclass
from typing import Any, ForwardRef, get_args, get_origin

from storehaus.model.relation_spec import Many, One
from storehaus.model.types import split_optional

__all__ = ["RelationType", "relation_type"]


@dataclass(frozen=True, slots=True)
class RelationType:
    """What an annotation says of a relation.

    Attributes:
        many: Whether it is a list.
        optional: Whether None is among what it allows.
        target: The other model, its name as text, or None where it is left open.
    """

    many: bool
    optional: bool
    target: type[Any] | str | None


def relation_type(annotation: object, scope: dict[str, Any]) -> RelationType | None:
    """Read an annotation; None when it is not one of a relation.

    Args:
        annotation: Evaluated by Python, or its text.
        scope: The names that are known where the class is made.
    """
    origin: Any
    argument: Any
    if isinstance(annotation, str):
        origin, argument = _read_text(annotation, scope)
    else:
        origin, argument = get_origin(annotation), next(iter(get_args(annotation)), None)
    if origin is not Many and origin is not One:
        return None
    return RelationType(origin is Many, *_split(argument))


def _split(argument: Any) -> tuple[bool, type[Any] | str | None]:
    """Take None out of what stands between the brackets."""
    text = argument.__forward_arg__ if isinstance(argument, ForwardRef) else argument
    if isinstance(text, str):
        return _split_text(text)
    inner, optional = split_optional(argument)
    if isinstance(inner, ForwardRef):
        inner = inner.__forward_arg__
    return optional, inner if isinstance(inner, type | str) else None


def _read_text(text: str, scope: dict[str, Any]) -> tuple[Any, str]:
    """Split `Many["Post"]` into what Many is and the text between the brackets."""
    node = _parsed(text)
    if not isinstance(node, ast.Subscript):
        return None, ""
    try:
        # The text is the developer's own source code.
        origin = eval(ast.unparse(node.value), scope)  # noqa: S307
    except Exception:  # noqa: BLE001 - reading it as the annotation of a field says what is wrong
        return None, ""
    return origin, _unquoted(node.slice)


def _split_text(text: str) -> tuple[bool, str]:
    """Take None out of a text: `Post | None` gives `(True, "Post")`."""
    parts = _members(_parsed(text))
    kept = [part for part in parts if not (isinstance(part, ast.Constant) and part.value is None)]
    return len(kept) < len(parts), " | ".join(map(_unquoted, kept))


def _members(node: ast.expr | None) -> list[ast.expr]:
    """Give the members of a union, however it is written."""
    match node:
        case None:
            found: list[ast.expr | None] = []
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            found = [left, right]
        case ast.Subscript(value=value, slice=inner) if _last_name(value) == "Optional":
            found = [inner, ast.Constant(None)]
        case ast.Subscript(value=value, slice=ast.Tuple(elts=members)) if (
            _last_name(value) == "Union"
        ):
            found = list(members)
        case ast.Constant(value=str() as text):
            found = [_parsed(text)]
        case _:
            return [node]
    return [member for part in found for member in _members(part)]


def _last_name(node: ast.expr) -> str:
    return ast.unparse(node).rpartition(".")[2]


def _parsed(text: str) -> ast.expr | None:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        return None


def _unquoted(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return ast.unparse(node)
