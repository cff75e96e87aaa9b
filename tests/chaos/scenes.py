"""The scenes of jobs over HTTP: what happens to the processes while jobs are submitted and run."""

import random
import signal
import time

import psutil
import psycopg

from tests.chaos.scene import Scenes, pause
from tests.chaos.stage import Cast, Stage

LEASE_SECONDS = 15  # of a job: as long as a killed process's jobs wait
FULL_BYTES = 16 * 1024
SCENES = Scenes(Cast())
scene = SCENES.scene


@scene("nothing")
def nothing(stage: Stage, chance: random.Random) -> None:
    """Nothing happens."""


@scene("api-killed")
def api_killed(stage: Stage, chance: random.Random) -> None:
    """kill -9 of the API tier, three times."""
    for _ in range(3):
        pause(chance)
        stage.api.kill()
        stage.api.start_again()


@scene("worker-killed")
def worker_killed(stage: Stage, chance: random.Random) -> None:
    """kill -9 of the render worker, twice, for two seconds each."""
    for _ in range(2):
        pause(chance)
        stage.workers[0].kill()
        time.sleep(2)
        stage.workers[0].start()


@scene("postgres-killed", ("postgresql",))
def postgres_killed(stage: Stage, chance: random.Random) -> None:
    """kill -9 of all of PostgreSQL's processes, twice, for two seconds each."""
    assert stage.postgres
    for _ in range(2):
        pause(chance)
        stage.postgres.kill()
        time.sleep(2)
        stage.postgres.start()


@scene("all-killed")
def all_killed(stage: Stage, chance: random.Random) -> None:
    """kill -9 of everything at once, twice."""
    for _ in range(2):
        pause(chance)
        _kill_all(stage)


@scene("api-stopped")
def api_stopped(stage: Stage, chance: random.Random) -> None:
    """SIGTERM of the API tier while it makes pictures, three times."""
    for _ in range(3):
        pause(chance)
        stage.api.terminate()
        stage.api.start_again()


@scene("locked-3s", ("sqlite",))
def locked_briefly(stage: Stage, chance: random.Random) -> None:
    """Another process holds SQLite's write lock for three seconds, three times."""
    for _ in range(3):
        pause(chance)
        with stage.locked():
            time.sleep(3)


@scene("locked-20s", ("sqlite",))
def locked_long(stage: Stage, chance: random.Random) -> None:
    """Another process holds SQLite's write lock for longer than a lease."""
    pause(chance)
    with stage.locked():
        time.sleep(LEASE_SECONDS + 5)


@scene("api-killed-while-locked", ("sqlite",))
def killed_while_locked(stage: Stage, chance: random.Random) -> None:
    """kill -9 of the API tier, which starts again while another process holds the write lock."""
    pause(chance)
    with stage.locked():
        stage.api.kill()
        stage.api.start_again()
        time.sleep(5)


@scene("postgres-paused", ("postgresql",))
def postgres_paused(stage: Stage, chance: random.Random) -> None:
    """PostgreSQL stands still for longer than a lease, and goes on."""
    assert stage.postgres
    pause(chance)
    processes = stage.postgres.processes()
    for process in processes:
        process.suspend()
    time.sleep(LEASE_SECONDS + 5)
    for process in processes:
        process.resume()


@scene("postgres-disconnects", ("postgresql",))
def postgres_disconnects(stage: Stage, chance: random.Random) -> None:
    """PostgreSQL ends all of its connections, every half a second for five seconds."""
    assert stage.postgres
    for _ in range(10):
        pause(chance, 0.1, 0.9)
        with psycopg.connect(stage.postgres.url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )


@scene("api-paused", cast=Cast(apis=2))
def api_paused(stage: Stage, chance: random.Random) -> None:
    """One of two API tiers stands still for longer than its leases, and goes on."""
    pause(chance)
    stage.api.send(signal.SIGSTOP)
    time.sleep(LEASE_SECONDS + 5)
    stage.api.send(signal.SIGCONT)


@scene("one-api-killed", cast=Cast(apis=2))
def one_api_killed(stage: Stage, chance: random.Random) -> None:
    """kill -9 of one of two API tiers, which does not come back."""
    pause(chance)
    stage.api.kill()


@scene("two-workers", cast=Cast(workers=2))
def two_workers(stage: Stage, chance: random.Random) -> None:
    """kill -9 of the API tier before two render workers, and then of one of these."""
    pause(chance)
    stage.api.kill()
    stage.api.start_again()
    pause(chance)
    stage.workers[1].kill()
    time.sleep(2)
    stage.workers[1].start()


@scene("real-worker", cast=Cast("real"))
def real_worker(stage: Stage, chance: random.Random) -> None:
    """kill -9 of the API tier, and then of this repository's own render worker, whose pictures a stand-in makes."""
    pause(chance, 1.0, 3.0)
    stage.api.kill()
    stage.api.start_again()
    pause(chance, 1.0, 3.0)
    stage.workers[0].kill()
    stage.workers[0].start()


@scene("gunicorn-worker-killed")
def gunicorn_worker_killed(stage: Stage, chance: random.Random) -> None:
    """kill -9 of the API tier's gunicorn worker alone, which its master starts again, three times."""
    for _ in range(3):
        pause(chance)
        for process in stage.api.server.tree()[1:]:
            process.kill()


@scene("disk-full", ("sqlite",))
def disk_full(stage: Stage, chance: random.Random) -> None:
    """No file of the API tier can grow for eight seconds, as on a full disk."""
    pause(chance)
    _limit_files(stage, FULL_BYTES)
    time.sleep(8)
    _limit_files(stage, psutil.RLIM_INFINITY)


def _limit_files(stage: Stage, most: int) -> None:
    for process in stage.api.server.tree():
        process.rlimit(psutil.RLIMIT_FSIZE, (most, psutil.RLIM_INFINITY))


@scene("everything")
def everything(stage: Stage, chance: random.Random) -> None:
    """All of it within some seconds: render worker, database, SIGTERM, kill -9 of the API tier, and of all at once."""
    pause(chance, 0.2, 1.0)
    stage.workers[0].kill()
    stage.workers[0].start()
    pause(chance, 0.2, 1.0)
    if stage.postgres:
        stage.postgres.kill()
        stage.postgres.start()
    else:
        with stage.locked():
            time.sleep(3)
    pause(chance, 0.2, 1.0)
    stage.api.terminate()
    stage.api.start_again()
    pause(chance, 1.0, 2.0)
    _kill_all(stage)


def _kill_all(stage: Stage) -> None:
    """Kill everything, and start it again."""
    stage.api.kill()
    stage.workers[0].kill()
    if stage.postgres:
        stage.postgres.kill()
        stage.postgres.start()
    stage.workers[0].start()
    stage.api.start_again()
