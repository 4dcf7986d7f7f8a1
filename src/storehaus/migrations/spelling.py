"""Whether two SQL expressions are the same, asked from PostgreSQL.

It keeps expressions as trees and writes them back in a spelling of its own. EXPLAIN parses and
writes both sides alike, runs nothing and changes nothing.
"""

import json
from collections.abc import Sequence
from typing import Any

from storehaus.migrations.session import Session

__all__ = ["same_expressions"]


def same_expressions(
    session: Session, pairs: Sequence[tuple[str, str]], *, table: str | None = None
) -> list[bool]:
    """Compare expressions pairwise; what cannot be parsed is different.

    Args:
        session: The migration.
        pairs: Two expressions each.
        table: The table their columns are of, in SQL; None when they have none.
    """
    if not pairs:
        return []
    found = _compare(session, pairs, table)
    if found is None:
        # One that cannot be parsed hides the others.
        return [_compare(session, [pair], table) == [True] for pair in pairs]
    return found


def _compare(
    session: Session, pairs: Sequence[tuple[str, str]], table: str | None
) -> list[bool] | None:
    listed = ", ".join(f"({left}), ({right})" for left, right in pairs)
    source = f" FROM {table}" if table else ""
    rows = session.try_fetch(f"EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) SELECT {listed}{source}")
    if rows is None:
        return None
    answer: Any = rows[0][0]
    # SQLAlchemy 2.0 leaves the document as it is, 2.1 reads it.
    plan = json.loads(answer) if isinstance(answer, str) else answer
    output: list[str] = plan[0]["Plan"].get("Output", [])
    if len(output) != 2 * len(pairs):
        return None
    return [output[i] == output[i + 1] for i in range(0, len(output), 2)]
