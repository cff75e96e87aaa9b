"""DATABASE_URL: every form that other programs and platforms give it, as the one that SQLAlchemy gets.

Nothing here loads the database's library: a setting is checked at each start, and most never need a database.
"""

import re
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode

from pydantic import SecretStr

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_FILE = ROOT / ".data" / "jobs.db"
"""Beside the render worker's pictures; `make clean` leaves it."""
EXAMPLES = (
    "it must be like postgresql://user:password@host:5432/jobs, the password percent-encoded, or"
    " sqlite:////data/jobs.db, or sqlite:///jobs.db for a file in the project's folder"
)
MAX_PORT = 65535
URL = re.compile(r"([a-z0-9+]+)://([^/?]*)(/[^?]*)?(?:\?(.*))?", re.IGNORECASE)
SQLITE = re.compile(r"sqlite(\+aiosqlite|\+pysqlite)?", re.IGNORECASE)
# Render and Heroku say postgres; the drivers are those that other programs are told to use by the same variable.
POSTGRESQL = re.compile(r"postgres(ql)?(\+asyncpg|\+psycopg|\+psycopg2|\+psycopg_async)?", re.IGNORECASE)
HOST = re.compile(r"(?:\[([0-9a-f:.]+(?:%[\w%.-]+)?)\]|([\w.%-]*))(?::([0-9]{1,5}))?", re.IGNORECASE)
NAME = re.compile(r"[a-z_]{1,40}", re.IGNORECASE)
# https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-PARAMKEYWORDS
KEYWORDS = """
application_name channel_binding client_encoding connect_timeout dbname fallback_application_name gssdelegation
gssencmode gsslib host hostaddr keepalives keepalives_count keepalives_idle keepalives_interval krbsrvname
load_balance_hosts max_protocol_version min_protocol_version oauth_client_id oauth_client_secret oauth_issuer
oauth_scope options passfile password port replication require_auth requirepeer scram_client_key scram_server_key
service ssl_max_protocol_version ssl_min_protocol_version sslcert sslcertmode sslcompression sslcrl sslcrldir sslkey
sslkeylogfile sslmode sslnegotiation sslpassword sslrootcert sslsni target_session_attrs tcp_user_timeout user
"""
PARAMETERS = frozenset(KEYWORDS.split())
# How other libraries pool connections and cache statements, which this service does in its own way.
POOLS = """
command_timeout connection_limit max_cacheable_statement_size max_cached_statement_lifetime max_overflow pgbouncer
pool_size pool_timeout prepared_statement_cache_size statement_cache_size
"""
IGNORED = frozenset(POOLS.split())
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
# `ssl` is asyncpg's name for sslmode; other libraries say by it whether TLS is required.
SSL_WORDS = {
    **{mode: mode for mode in SSL_MODES},
    **dict.fromkeys(("true", "1", "yes", "on", "no-verify"), "require"),
    **dict.fromkeys(("false", "0", "no", "off"), "disable"),
}


def engine_url(setting: SecretStr | None) -> str:
    """Return the URL of the jobs' database for SQLAlchemy, password included; None means the default file.

    Raises ValueError, with a sentence without any password, if it is no URL of a SQLite file or of PostgreSQL.
    """
    if setting is None:
        return _of_file(DEFAULT_FILE)
    text = setting.get_secret_value().strip()
    found = URL.fullmatch(text)
    # A raw # or @ after the host can only be a password's that was not encoded: what is before it is no host then.
    if not found or not text.isprintable() or "#" in text or "@" in (found[3] or "") + (found[4] or ""):
        raise ValueError(EXAMPLES)
    scheme, authority, path, query = found.groups(default="")
    if SQLITE.fullmatch(scheme):
        return _of_file(_file(authority, path, query))
    if POSTGRESQL.fullmatch(scheme):
        return _of_server(authority, path, query)
    raise ValueError(EXAMPLES)


def sqlite_file(url: str) -> Path | None:
    """Return the file of a URL of `engine_url`; None if it is PostgreSQL's."""
    path = url.removeprefix("sqlite:///")
    return Path(unquote(path)) if path != url else None


def _of_file(file: Path) -> str:
    return f"sqlite:///{quote(str(file))}"


def _file(authority: str, path: str, query: str) -> Path:
    """Return the absolute path of a SQLite file; a relative one begins in the project's folder, whatever the cwd."""
    if query:
        raise ValueError("of SQLite it takes no parameters, only a file, like sqlite:////data/jobs.db")
    name = _decoded(path[1:])
    if authority or not name or name == ":memory:" or name.endswith("/"):
        raise ValueError(
            "of SQLite it must name a file: sqlite:////data/jobs.db, with four slashes, or sqlite:///jobs.db"
        )
    return ROOT / name


def _of_server(authority: str, path: str, query: str) -> str:
    """Return PostgreSQL's URL: the host stands in the query, which holds sockets, IPv6 and several alike."""
    login, _, hosts = authority.rpartition("@")
    user, _, password = login.partition(":")
    found = {"user": _decoded(user), "password": _decoded(password), "dbname": _database(path), **_hosts(hosts)}
    given = {**{name: it for name, it in found.items() if it}, **_parameters(query)}
    _check_ports(given.get("port", ""))
    parts = [quote(given.pop(name, ""), safe="") for name in ("user", "password", "dbname")]
    return f"postgresql+psycopg://{parts[0]}{':' if parts[1] else ''}{parts[1]}@/{parts[2]}?" + urlencode(
        given, quote_via=quote
    )


def _database(path: str) -> str:
    if "/" in path[1:]:
        raise ValueError(EXAMPLES)
    return _decoded(path[1:])


def _hosts(text: str) -> dict[str, str]:
    """Return libpq's `host` and `port` of one host, or of several separated by commas."""
    found = [HOST.fullmatch(each) for each in text.split(",")]
    if not all(found):
        raise ValueError(EXAMPLES)
    hosts = [_decoded(it[1] or it[2]) for it in found if it]
    ports = [it[3] or "" for it in found if it]
    return {"host": ",".join(hosts), "port": ",".join(ports) if any(ports) else ""}


def _check_ports(text: str) -> None:
    for port in filter(None, text.split(",")):
        if not (port.isascii() and port.isdigit() and 1 <= int(port) <= MAX_PORT):
            raise ValueError(f"its port must be a number from 1 to {MAX_PORT}")


def _parameters(query: str) -> dict[str, str]:
    """Return the query's parameters, as libpq names them."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), errors="strict")
    except ValueError:
        raise ValueError(EXAMPLES) from None
    if not all(NAME.fullmatch(name) and "\0" not in value for name, value in pairs):
        raise ValueError(EXAMPLES)
    found: dict[str, str] = {}
    for name, value in [(name, value) for name, value in pairs if name not in IGNORED]:
        if name not in PARAMETERS and name != "ssl":
            raise ValueError(f"its parameter {name} is none of PostgreSQL's")
        known, value = ("sslmode", _ssl_mode(value)) if name in ("ssl", "sslmode") else (name, value)
        if found.setdefault(known, value) != value:
            raise ValueError(f"its parameter {known} has two values")
    return found


def _ssl_mode(value: str) -> str:
    if value.lower() not in SSL_WORDS:
        raise ValueError(f"its parameter sslmode, or ssl, must be one of {', '.join(SSL_MODES)}")
    return SSL_WORDS[value.lower()]


def _decoded(text: str) -> str:
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise ValueError(EXAMPLES) from None
    if "\0" in decoded:
        raise ValueError(EXAMPLES)
    return decoded
