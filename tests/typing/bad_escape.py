"""What must not go through the escape hatches."""

from storehaus import Row, StoreHaus, identifier, sql


async def escape(haus: StoreHaus, outside: str) -> None:
    """A text that was made at run time is no text of a statement; mypy knows no LiteralString."""
    sql(f"SELECT {outside}")  # error: - | reportArgumentType
    sql("SELECT " + outside)  # error: - | reportArgumentType
    sql(outside)  # error: - | reportArgumentType
    sql("SELECT {0}".replace("{0}", outside))  # error: - | reportArgumentType
    sql("SELECT {x}", outside)  # error: call-arg | reportCallIssue
    sql(template="SELECT 1")  # error: call-arg | reportCallIssue
    identifier("a", "b", "c")  # error: call-arg | reportCallIssue
    identifier(3)  # error: arg-type | reportArgumentType
    await haus.fetch("SELECT 1")  # error: call-overload | reportArgumentType
    await haus.fetch(sql("SELECT 1"), into=3)  # error: call-overload | reportArgumentType
    await haus.execute("SELECT 1")  # error: arg-type | reportArgumentType
    await haus.execute(sql("SELECT 1"))  # error: arg-type | reportArgumentType


def typed(row: Row[int, str]) -> None:
    """A row has as many values as its types say."""
    _ = row[2]  # error: misc | reportGeneralTypeIssues
    _, _, _ = row  # error: misc | reportAssignmentType
    row[0] = 3  # error: - | reportIndexIssue
