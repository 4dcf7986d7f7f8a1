"""Linting declarations: what PostgreSQL would refuse, and what would be regretted later.

Pure: nothing is asked of a database. What cannot be meant at all is refused when the class is made;
here is what is possible and unwise, and what shows only when several models are seen together.
"""

from collections.abc import Iterable
from typing import Any

from storehaus.model.field_lints import FIELD_LINTS
from storehaus.model.findings import Finding, Lint, Severity
from storehaus.model.records import TableInfo
from storehaus.model.relation_lints import RELATION_LINTS
from storehaus.model.schema_lints import SCHEMA_LINTS
from storehaus.model.table_lints import TABLE_LINTS

__all__ = ["Finding", "Lint", "Severity", "analyse"]


def analyse(models: Iterable[type[Any]]) -> list[Finding]:
    """Lint models.

    Args:
        models: Model classes; those that reference each other are best given together. Abstract
            classes are passed over.

    Returns:
        Findings in the order of the models, then of codes and fields. Empty when all is well.
    """
    found = (vars(model).get("__table_info__") for model in dict.fromkeys(models))
    infos: list[TableInfo] = [info for info in found if info is not None]
    findings = [finding for lint in SCHEMA_LINTS for finding in lint(infos)]
    for info in infos:
        findings += (finding for lint in (*TABLE_LINTS, *RELATION_LINTS) for finding in lint(info))
        findings += (
            finding
            for column in info.columns
            if not column.system
            for lint in FIELD_LINTS
            for finding in lint(info, column)
        )
    order = {info.model.__name__: place for place, info in enumerate(infos)}
    return sorted(findings, key=lambda each: (order[each.model], each.code, each.field or ""))
