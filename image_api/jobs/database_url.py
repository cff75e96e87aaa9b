"""DATABASE_URL, as SQLAlchemy takes it."""

from pathlib import Path

from pydantic import SecretStr

DEFAULT_FILE = Path(__file__).resolve().parent.parent.parent / ".data" / "jobs.db"


def engine_url(setting: SecretStr | None) -> str:
    """Return the URL of the jobs' database, with its password."""
    if setting is None:
        return f"sqlite:///{DEFAULT_FILE}"
    text = setting.get_secret_value()
    for prefix in ("postgresql+asyncpg://", "postgres://", "postgresql://"):
        if text.startswith(prefix):
            return "postgresql+psycopg://" + text.removeprefix(prefix)
    return text


def sqlite_file(url: str) -> Path | None:
    """Return the file of a URL of `engine_url`; None if it is no SQLite one."""
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None
