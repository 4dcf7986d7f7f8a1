"""Marks in comments: what StoreHaus made, and by which definition.

PostgreSQL gives back a predicate or CHECK in its own spelling, which no text comparison survives.
So a hash of the definition stands in the object's COMMENT, behind whatever people wrote there. It
says two things: the object is ours, and it still is what the model says.
"""

import hashlib
import re

__all__ = ["FLAG", "fingerprint", "join_comment", "split_comment"]

FLAG = "soft_delete"
"""Mark of the column that says which rows are active."""

_MARK = re.compile(r"(?:\A|\s)storehaus:(?P<mark>[0-9a-z_]+)\Z")


def fingerprint(definition: str) -> str:
    """Hash a definition: sixteen hexadecimal digits."""
    return hashlib.blake2s(definition.encode(), digest_size=8).hexdigest()


def split_comment(comment: str | None) -> tuple[str | None, str | None]:
    """Take a comment apart into what people wrote and the mark; None is the absence of either."""
    if comment is None:
        return None, None
    found = _MARK.search(comment)
    if found is None:
        return comment, None
    return comment[: found.start()] or None, found["mark"]


def join_comment(text: str | None, mark: str | None) -> str | None:
    """Put both together again, None when there is neither."""
    if mark is None:
        return text
    return f"{text} storehaus:{mark}" if text else f"storehaus:{mark}"
