"""Tags as callers give them."""

from collections.abc import Sequence
from typing import Any

from storehaus.errors import ValidationError
from storehaus.model import TableInfo
from storehaus.model.validation import wire_value

__all__ = ["checked_tags"]


def checked_tags(info: TableInfo, tags: Sequence[str] | None) -> list[str] | None:
    """Check tags, give them as the driver takes them; None stays None.

    Raises:
        ValidationError: When they are a single text, or one of them is no storable text.
    """
    if tags is None:
        return None
    given: Any = tags
    # A text is a sequence of texts too; "hub" would become the tags h, u and b.
    if not isinstance(given, list | tuple):
        rule = "must be a list or tuple of texts"
        raise ValidationError(
            f"tags {rule}",
            model=info.model.__name__,
            field="__tags__",
            value_type=type(given).__name__,
            rule=rule,
        )
    checked: list[str] = wire_value(info.model.__name__, info.by_name["__tags__"], list(tags))
    return checked
