"""Names in the database: what they may be, and how they are made."""

import hashlib
import re
from collections.abc import Iterable

__all__ = [
    "MAX_BYTES",
    "constraint_name",
    "identifier_problem",
    "is_built_in_type",
    "is_reserved_word",
    "primary_key_name",
    "snake_case",
]

MAX_BYTES = 63
"""PostgreSQL cuts longer names silently (NAMEDATALEN − 1)."""

# Every table has these already.
_SYSTEM_COLUMNS = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})

# Base types of pg_catalog, which comes first in every search_path: an enum of such a name could
# be created, and columns would get the other type.
_BUILT_IN_TYPES = """
    abstime any aclitem anyarray anyelement anyenum anyrange bit bool box bpchar bytea char cid
    cidr circle cstring date datemultirange daterange datetime event_trigger float4 float8
    gtsvector inet int2 int2vector int4 int4multirange int4range int8 int8multirange int8range
    internal interval json jsonb jsonpath language_handler line lseg macaddr macaddr8 money name
    numeric nummultirange numrange oid oidvector path pg_lsn point polygon record refcursor
    regclass regconfig regdictionary regnamespace regoper regoperator regproc regprocedure regrole
    regtype text tid time timestamp timestamptz timetz trigger tsmultirange tsquery tsrange
    tstzmultirange tstzrange tsvector txid_snapshot unknown uuid varbit varchar void xid xid8 xml
"""

# "Reserved" and "reserved (can be function or type)" in PostgreSQL's appendix "SQL Key Words".
_RESERVED_WORDS = """
    all analyse analyze and any array as asc asymmetric authorization binary both case cast check
    collate collation column concurrently constraint create cross current_catalog current_date
    current_role current_schema current_time current_timestamp current_user default deferrable desc
    distinct do else end except false fetch for foreign freeze from full grant group having ilike in
    initially inner intersect into is isnull join lateral leading left like limit localtime
    localtimestamp natural not notnull null offset on only or order outer overlaps placing primary
    references returning right select session_user similar some symmetric system_user table
    tablesample then to trailing true union unique user using variadic verbose when where window
    with
"""

_PLAIN = re.compile(r"[^\W\d]\w*\Z")


def identifier_problem(name: object) -> str | None:
    """Say why a table or column cannot be called this; None when it can.

    SQL keywords are fine: every name is quoted.
    """
    if not isinstance(name, str) or not name:
        return "a name is a non-empty string"
    if not _PLAIN.match(name):
        return "a name has letters, digits and underscores and starts with no digit"
    if len(name.encode()) > MAX_BYTES:
        return f"a name has at most {MAX_BYTES} bytes in PostgreSQL"
    if name in _SYSTEM_COLUMNS:
        return "PostgreSQL reserves this name for a system column"
    return None


def is_built_in_type(name: str) -> bool:
    """Whether PostgreSQL has a type of this name already."""
    return name in _BUILT_IN_TYPES.split()


def is_reserved_word(name: str) -> bool:
    """Whether SQL written by hand has to quote this name."""
    return name.lower() in _RESERVED_WORDS.split()


def constraint_name(table: str, columns: Iterable[str], suffix: str) -> str:
    """Name a constraint or index the way PostgreSQL does: `airports_country_city_idx`.

    A name of more than 63 bytes is cut and ends with eight hexadecimal digits of its hash, so that
    two long ones stay different.
    """
    name = "_".join([table, *(column.strip("_") for column in columns), suffix])
    encoded = name.encode()
    if len(encoded) <= MAX_BYTES:
        return name
    digest = hashlib.blake2s(encoded, digest_size=4).hexdigest()
    tail = f"_{digest}_{suffix}"
    kept = encoded[: MAX_BYTES - len(tail.encode())].decode(errors="ignore")
    return kept + tail


def primary_key_name(table: str) -> str:
    """Give the name that PostgreSQL makes for a primary key, long names of tables cut."""
    return table.encode()[: MAX_BYTES - len("_pkey")].decode(errors="ignore") + "_pkey"


def snake_case(name: str) -> str:
    """Turn a class name into a database name: `OrderState` → `order_state`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
