"""The health check of a Celery worker, which has no port: python -m render_worker.queued.health_check [NAME].

A Celery worker reports itself to Redis every few seconds. To look for that takes 0.3 s of CPU, `celery inspect ping`,
which asks it by the queue, 1.0.
"""

from render_worker.serving.process_hardening import become_undumpable

if __name__ == "__main__":
    become_undumpable()  # before the rest is imported: it has the settings' secrets

import argparse
import socket
import sys

from pydantic import Field, SecretStr
from redis import RedisError

from render_worker.contract import REPORT_TTL_SECONDS, report_key
from render_worker.queued.connections import connect
from render_worker.serving.celery_address import is_redis
from render_worker.serving.environment import EnvironmentSettings, read


class Settings(EnvironmentSettings):
    """What the check needs: the whole settings of a worker would take most of its time."""

    redis_url: SecretStr | None = Field(None, description="The Redis that holds the queue.")
    celery_broker_url: SecretStr | None = Field(None, description="It holds the queue too, if it is the only Redis.")

    @property
    def address(self) -> str | None:
        """Return the address of the Redis that a Celery worker reports itself to."""
        given = (url.get_secret_value() for url in (self.redis_url, self.celery_broker_url) if url)
        return next((url for url in given if is_redis(url)), None)


def problem_of(worker: str) -> str | None:
    """Return why a Celery worker takes no jobs; returns None if it has reported itself lately."""
    address = read(Settings).address
    if address is None:
        return "REDIS_URL is not set"
    try:
        with connect(address) as redis:
            if redis.exists(report_key(worker)):
                return None
    except (RedisError, OSError) as error:
        return f"Redis did not answer ({type(error).__name__})"
    return f"{worker} has not reported itself for {REPORT_TTL_SECONDS:g} seconds"


def main(arguments: list[str] | None = None) -> int:
    """Print why a Celery worker takes no jobs, and return 1; return 0 if it does."""
    parser = argparse.ArgumentParser(
        prog="python -m render_worker.queued.health_check",
        description="Exit with 0 if the Celery worker of this name has reported itself to Redis lately, else with 1.",
    )
    own = f"celery@{socket.gethostname()}"
    parser.add_argument("name", nargs="?", default=own, help=f"as --hostname says; here {own}".replace("%", "%%"))
    problem = problem_of(parser.parse_args(arguments).name)
    if problem:
        sys.stderr.write(f"{problem}\n")
    return int(bool(problem))


if __name__ == "__main__":
    sys.exit(main())
