"""DATABASE_URL: what it accepts, what SQLAlchemy and the driver make of that, and what is refused at start."""

import subprocess
import sys

import psycopg
import pytest
from psycopg import pq
from pydantic import SecretStr
from sqlalchemy import create_engine, make_url
from sqlalchemy.pool import NullPool

from image_api.database_url import DEFAULT_FILE, PARAMETERS, ROOT, engine_url, sqlite_file
from tests.fakes.postgres_server import PASSWORD
from tests.fakes.processes import clean_environment

SECRET = "s3cr3t"


def url(text: str) -> str:
    """Return what SQLAlchemy gets for a DATABASE_URL."""
    return engine_url(SecretStr(text))


def connects_by(text: str) -> dict[str, object]:
    """Return what the driver is called with for a DATABASE_URL."""
    found = make_url(url(text))
    arguments = create_engine(found, poolclass=NullPool).dialect.create_connect_args(found)[1]
    return {name: it for name, it in arguments.items() if name != "context"}


def test_the_default_is_a_file_in_the_project_s_folder():
    assert sqlite_file(engine_url(None)) == DEFAULT_FILE == ROOT / ".data/jobs.db"
    assert (ROOT / "app.py").is_file()


@pytest.mark.parametrize(
    ("text", "file"),
    [
        ("sqlite:////data/jobs.db", "/data/jobs.db"),
        ("sqlite:///jobs.db", f"{ROOT}/jobs.db"),
        ("sqlite:///some/folder/jobs.db", f"{ROOT}/some/folder/jobs.db"),
        ("sqlite+aiosqlite:////data/jobs.db", "/data/jobs.db"),
        ("sqlite+pysqlite:////data/jobs.db", "/data/jobs.db"),
        ("SQLite:////data/jobs.db", "/data/jobs.db"),
        ("sqlite:////my data/jobs.db", "/my data/jobs.db"),
        ("sqlite:////my%20data/a%3Fb%23c%25.db", "/my data/a?b#c%.db"),
        ("sqlite:////Daten/Aufträge.db", "/Daten/Aufträge.db"),
        (" sqlite:////data/jobs.db\n", "/data/jobs.db"),
    ],
)
def test_sqlite_is_a_file(text, file):
    assert str(sqlite_file(url(text))) == file
    assert make_url(url(text)).database == file
    assert make_url(url(text)).drivername == "sqlite"


@pytest.mark.parametrize(
    "scheme",
    [
        "postgresql",
        "postgres",
        "POSTGRES",
        "postgresql+asyncpg",
        "postgresql+psycopg",
        "postgresql+psycopg2",
        "postgres+asyncpg",
    ],
)
def test_each_name_of_postgresql_is_the_driver_that_is_installed(scheme):
    text = f"{scheme}://user:{SECRET}@db.example:5433/jobs"
    assert url(text).startswith("postgresql+psycopg://")
    assert sqlite_file(url(text)) is None
    assert connects_by(text) == {
        "user": "user",
        "password": SECRET,
        "host": "db.example",
        "port": "5433",
        "dbname": "jobs",
    }


SERVER = "postgresql://user:pw@host/jobs"
BASE = {"user": "user", "password": "pw", "host": "host", "dbname": "jobs"}


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        (SERVER, BASE),
        ("postgresql://user:p%40ss%2Fw%3Ard%25%20%2B+@host/jobs", BASE | {"password": "p@ss/w:rd% ++"}),
        ("postgresql://user:p:w@host/jobs", BASE | {"password": "p:w"}),
        ("postgresql://user:p@w@host/jobs", BASE | {"password": "p@w"}),
        ("postgresql://user:pässwörd@host/jobs", BASE | {"password": "pässwörd"}),
        ("postgresql://us%40er:pw@host/jobs", BASE | {"user": "us@er"}),
        ("postgresql://user@host/jobs", {"user": "user", "host": "host", "dbname": "jobs"}),
        ("postgresql://:pw@host/jobs", {"password": "pw", "host": "host", "dbname": "jobs"}),
        ("postgresql://host/jobs", {"host": "host", "dbname": "jobs"}),
        ("postgresql://host", {"host": "host"}),
        ("postgresql://host/", {"host": "host"}),
        ("postgresql://user:pw@host/a%2Fb", BASE | {"dbname": "a/b"}),
        ("postgresql://user:pw@[::1]:5433/jobs", BASE | {"host": "::1", "port": "5433"}),
        ("postgresql://user:pw@[fe80::1%25eth0]/jobs", BASE | {"host": "fe80::1%eth0"}),
        ("postgresql://user:pw@10.0.0.7:5433/jobs", BASE | {"host": "10.0.0.7", "port": "5433"}),
        ("postgresql://%2Fvar%2Frun%2FPostgreSQL/jobs", {"host": "/var/run/PostgreSQL", "dbname": "jobs"}),
        ("postgresql:///jobs?host=/var/run/postgresql", {"host": "/var/run/postgresql", "dbname": "jobs"}),
        ("postgresql://user:pw@/jobs?host=/run&port=5433", BASE | {"host": "/run", "port": "5433"}),
        ("postgresql:///?host=%40abstract", {"host": "@abstract"}),
        ("postgresql:///jobs", {"dbname": "jobs"}),
        ("postgresql://user:pw@one:5433,two/jobs", BASE | {"host": "one,two", "port": "5433,"}),
        ("postgresql://user:pw@one,two/jobs", BASE | {"host": "one,two", "port": ","}),
        ("postgresql://?dbname=jobs&user=user&password=p%40w&host=host", BASE | {"password": "p@w"}),
        (f"{SERVER}?ssl=require", BASE | {"sslmode": "require"}),
        (f"{SERVER}?ssl=true", BASE | {"sslmode": "require"}),
        (f"{SERVER}?ssl=True", BASE | {"sslmode": "require"}),
        (f"{SERVER}?ssl=1", BASE | {"sslmode": "require"}),
        (f"{SERVER}?ssl=no-verify", BASE | {"sslmode": "require"}),
        (f"{SERVER}?ssl=disable", BASE | {"sslmode": "disable"}),
        (f"{SERVER}?ssl=false", BASE | {"sslmode": "disable"}),
        (f"{SERVER}?ssl=prefer", BASE | {"sslmode": "prefer"}),
        (f"{SERVER}?ssl=verify-full&sslrootcert=system", BASE | {"sslmode": "verify-full", "sslrootcert": "system"}),
        (f"{SERVER}?sslmode=verify-ca", BASE | {"sslmode": "verify-ca"}),
        (f"{SERVER}?ssl=true&sslmode=require", BASE | {"sslmode": "require"}),
        (f"{SERVER}?application_name=my%20jobs", BASE | {"application_name": "my jobs"}),
        (f"{SERVER}?connect_timeout=3", BASE | {"connect_timeout": "3"}),
        (f"{SERVER}?options=-c%20search_path%3Djobs", BASE | {"options": "-c search_path=jobs"}),
        (f"{SERVER}?", BASE),
        (f"{SERVER}?prepared_statement_cache_size=0&command_timeout=60&ssl=require", BASE | {"sslmode": "require"}),
        (f"{SERVER}?pgbouncer=true&connection_limit=5&pool_size=5", BASE),
    ],
)  # fmt: skip
def test_the_driver_gets_what_the_url_says(text, parameters):
    found = connects_by(text)
    ports = found.pop("port", None)
    assert ({"port": str(ports)} if ports else {}) | found == parameters


@pytest.mark.parametrize(
    "text",
    [
        "",
        "jobs.db",
        "/data/jobs.db",
        "mysql://user:s3cr3t@host/jobs",
        "postgresql+pg8000://user:s3cr3t@host/jobs",
        "http://user:s3cr3t@host/jobs",
        '"postgresql://user:s3cr3t@host/jobs"',
        "postgresql:/user:s3cr3t@host/jobs",
        "postgresql//user:s3cr3t@host/jobs",
        "postgresql://user:s3cr3t@ho st/jobs",
        "postgresql://user:s3cr3t@host:port/jobs",
        "postgresql://user:s3cr3t@host:0/jobs",
        "postgresql://user:s3cr3t@host:65536/jobs",
        "postgresql://user:s3cr3t@host:５４３２/jobs",
        "postgresql://user:s3cr3t@host:/jobs",
        "postgresql://user:s3cr3t@[::1/jobs",
        "postgresql://user:s3cr3t@[nonsense]/jobs",
        "postgresql://user:s3cr3t@host/jobs/more",
        "postgresql://user:s3cr3t@host/jobs#more",
        # Passwords with marks that were not encoded: what is before them could be taken for a host and its port.
        "postgresql://user:12/s3cr3t@host/jobs",
        "postgresql://user:12?s3cr3t=x@host/jobs",
        "postgresql://user:12#s3cr3t@host/jobs",
        "postgresql://user:s3cr3t/x@host/jobs",
        "postgresql://user:s3cr3t\n@host/jobs",
        "postgresql://user:s3cr3t%00@host/jobs",
        "postgresql://user:s3cr3t%ff@host/jobs",
        "postgresql://user:s3cr3t@host/jobs?nonsense=1",
        "postgresql://user:s3cr3t@host/jobs?schema=public",
        "postgresql://user:s3cr3t@host/jobs?SSLMODE=require",
        "postgresql://user:s3cr3t@host/jobs?sslmode=s3cr3t",
        "postgresql://user:s3cr3t@host/jobs?ssl=",
        "postgresql://user:s3cr3t@host/jobs?ssl",
        "postgresql://user:s3cr3t@host/jobs?ssl=true&sslmode=disable",
        "postgresql://user:s3cr3t@host/jobs?password=s3cr3t&password=another",
        "postgresql://user:s3cr3t@host/jobs?application_name=%00",
        "postgresql://user:s3cr3t@host/jobs?port=s3cr3t",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite://jobs.db",
        "sqlite://host/jobs.db",
        "sqlite:////data/",
        "sqlite:////data/jobs.db?mode=ro",
        "sqlite:////data/jobs%00.db",
        "sqlite+nonsense:////data/jobs.db",
    ],
)
def test_everything_else_is_refused_by_a_sentence_without_the_password(text):
    with pytest.raises(ValueError, match=r"^it(s| must be)|^of SQLite") as caught:
        url(text)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (f"{SERVER}?nonsense=1&sslmode=require", "nonsense"),
        (f"{SERVER}?sslmode=tls", "sslmode"),
        (f"{SERVER}?ssl=true&sslmode=disable", "sslmode"),
        (f"{SERVER}?port=65536", "port"),
    ],
)
def test_what_is_wrong_is_named(text, named):
    with pytest.raises(ValueError, match=named):
        url(text)


def test_its_parameters_are_those_of_the_driver_s_library():
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    assert known == PARAMETERS


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+asyncpg"])
@pytest.mark.parametrize("end", ["", "?ssl=disable", "?sslmode=prefer", "?ssl=prefer&application_name=jobs"])
def test_it_connects_to_a_real_server(postgres, scheme, end):
    engine = create_engine(url(postgres.url.replace("postgresql", scheme, 1) + end), poolclass=NullPool)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT current_user").scalar() == "postgres"


def test_it_connects_by_a_unix_socket(postgres):
    text = f"{postgres.url.replace(f'127.0.0.1:{postgres.port}', '')}?host={postgres.folder}&port={postgres.port}"
    with create_engine(url(text), poolclass=NullPool).connect() as connection:
        assert connection.exec_driver_sql("SELECT inet_server_addr()").scalar() is None


def test_the_next_of_several_hosts_is_asked(postgres):
    text = postgres.url.replace("127.0.0.1", "127.0.0.1:9,127.0.0.1")
    with create_engine(url(text), poolclass=NullPool).connect() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1


def test_a_required_tls_is_not_left_out(postgres):
    with pytest.raises(psycopg.OperationalError, match="SSL"):  # the server has none
        psycopg.connect(**connects_by(f"{postgres.url}?ssl=require"))


def test_sqlalchemy_does_not_show_the_password(postgres):
    assert PASSWORD not in repr(create_engine(url(postgres.url)))
    assert "p%40ss" not in repr(create_engine(url(postgres.url)))


def test_checking_it_loads_no_library_of_databases():
    code = (
        "import sys; from pydantic import SecretStr; from image_api.database_url import engine_url;"
        f" engine_url(SecretStr({SERVER!r})); engine_url(None);"
        " print([it for it in ('sqlalchemy', 'psycopg', 'sqlite3', 'alembic') if it in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=clean_environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
