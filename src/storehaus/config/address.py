"""Ways of naming the server: a URL, its parts, or a directory for the embedded one."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from pydantic import SecretStr, ValidationError
from pydantic_core import PydanticCustomError, Url

__all__ = ["check_redis_url", "spell_out_address", "split_postgres_url", "strip_unset"]

_POSTGRES_SCHEMES = ("postgresql", "postgres", "postgresql+asyncpg")
_ADDRESS = ("url", "embedded", "host", "port", "database", "username", "password")
# libpq takes a login without a host, for Unix sockets; the URL parser does not, so it gets one.
_HOSTLESS = re.compile(r"\A([^/?#]*//[^/?#]*@)(:\d+)?(?=[/?#]|\Z)")
_NO_HOST = "no-host.invalid"
_PARAMETERS = {
    "host": "host",
    "port": "port",
    "user": "username",
    "password": "password",
    "dbname": "database",
    "sslmode": "ssl",
    "sslrootcert": "ssl_root_certificate",
    "application_name": "application_name",
}


class Unset:
    """Stands for a key that a higher source takes away from those below."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNSET"


_UNSET = Unset()


def strip_unset(values: Mapping[str, Any]) -> dict[str, Any]:
    """Drop the keys that were taken away."""
    return {key: value for key, value in values.items() if not isinstance(value, Unset)}


def spell_out_address(values: Mapping[str, Any]) -> dict[str, Any]:
    """Complete one source's values, so that no part of another server's address shines through.

    A `url` becomes its parts, beneath those given beside it; parts it lacks are unset. `embedded`
    unsets url and parts, `host` and `url` unset `embedded`. What is invalid stays as it is, for
    validation to report.
    """
    if values.get("url") is not None:
        return {**dict.fromkeys(_ADDRESS, _UNSET), **_split_or_nothing(values["url"]), **values}
    if values.get("embedded") is not None:
        return {**dict.fromkeys(_ADDRESS, _UNSET), **values}
    if "host" in values:
        return {"embedded": _UNSET, **values}
    return dict(values)


def _split_or_nothing(url: object) -> dict[str, Any]:
    text = url.get_secret_value() if isinstance(url, SecretStr) else url
    try:
        return split_postgres_url(text) if isinstance(text, str) else {}
    except PydanticCustomError:
        return {}


def split_postgres_url(text: str) -> dict[str, Any]:
    """Take a PostgreSQL URL apart.

    Args:
        text: `postgresql://user:password@host:port/database?sslmode=…`, each part percent-encoded;
            `postgresql:///database?host=/directory` for a Unix socket.

    Returns:
        Keys of the section `database`, only those that the URL states.

    Raises:
        PydanticCustomError: When it is malformed. The message quotes nothing of it.
    """
    url = _parse(_HOSTLESS.sub(rf"\g<1>{_NO_HOST}\g<2>", text), _POSTGRES_SCHEMES)
    if url.host and "," in url.host:
        raise _refuse("must name one host")
    host = url.host or ""
    if host == _NO_HOST:
        host = ""
    texts = {
        "host": host[1:-1] if host.startswith("[") else _decode(host),
        "username": _decode(url.username or ""),
        "password": _decode(url.password or ""),
        "database": _decode((url.path or "").removeprefix("/")),
    }
    port = {} if url.port is None else {"port": url.port}
    stated = {key: text for key, text in texts.items() if text}
    return {**stated, **port, **_read_parameters(url.query or "")}


def check_redis_url(text: str) -> None:
    """Check a Redis URL.

    Raises:
        PydanticCustomError: When it is malformed. The message quotes nothing of it.
    """
    url = _parse(text, ("redis", "rediss", "unix"))
    if url.scheme == "unix" and not url.path:
        raise _refuse("must name a socket: unix:///path/to/socket")
    if url.scheme != "unix" and not url.host:
        raise _refuse("must name a host: redis://host:6379/0")


def _parse(text: str, schemes: tuple[str, ...]) -> Url:
    scheme, separator, rest = text.partition("://")
    if not separator:
        raise _refuse(f"must be a URL that begins with {schemes[0]}://")
    if scheme.lower() not in schemes:
        raise _refuse(f"must begin with one of {', '.join(f'{known}://' for known in schemes)}")
    if any(character.isspace() or not character.isprintable() for character in rest):
        raise _refuse("must not contain blanks or control characters; percent-encode them")
    url, reason = _parse_quietly(text)
    if url is None:
        raise _refuse(f"must be a well-formed URL ({reason}); percent-encode special characters")
    if url.fragment is not None or "@" in (url.path or "") + (url.query or ""):
        raise _refuse("must have the characters / ? # @ of its password percent-encoded")
    return url


def _parse_quietly(text: str) -> tuple[Url | None, str]:
    """Parse, and keep only the words of a failure: the error itself holds the URL."""
    try:
        return Url(text), ""
    except ValidationError as error:
        return None, str(error.errors()[0].get("ctx", {}).get("error", "cannot be parsed"))


def _decode(part: str) -> str:
    try:
        return unquote(part, errors="strict")
    except UnicodeDecodeError:
        pass
    raise _refuse("must be UTF-8 where it is percent-encoded")


def _read_parameters(query: str) -> dict[str, Any]:
    """Read what follows the question mark; unlike a form's, its plus signs are plus signs."""
    stated: dict[str, Any] = {}
    for pair in filter(None, query.split("&")):
        name, _, value = pair.partition("=")
        key = _PARAMETERS.get(name)
        if key is None:
            known = ", ".join(_PARAMETERS)
            raise _refuse(f"has a parameter that is not supported; known are {known}")
        text = _decode(value)
        stated[key] = _read_port(text) if key == "port" else text
    return stated


def _read_port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len("65535")):
        raise _refuse("must have a number for its port")
    return int(text)


def _refuse(rule: str) -> PydanticCustomError:
    return PydanticCustomError("url", "{rule}", {"rule": rule})
