"""gunicorn's settings for the API tier; `gunicorn app:app` reads them by itself.

gunicorn's defaults, one synchronous worker that is killed after 30 seconds, would serve one client at a time and
lose every slow picture.
"""

import gc
import os
import sys
from pathlib import Path

gc.disable()  # until all is loaded, which is kept: a fifteenth of a start
# No plugins of pydantic's: to find some, it would search all installed packages.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # noqa: TID251 - set for a library
ROOT = str(Path(__file__).resolve().parent)
sys.path.insert(0, ROOT)  # wherever gunicorn is started

from render_worker.serving.process_hardening import become_undumpable  # noqa: E402

become_undumpable()  # before all else; a render worker on this host, and with it a browser, may be of the same user

from gevent import events, monkey  # noqa: E402

# Without the search of all installed packages for plugins, at each of the steps of a patch: 0.1 s.
events.notify_and_call_entry_points = events.notify
monkey.patch_all()  # before anything imports ssl, which cannot be patched once it is in use

import signal  # noqa: E402

import gevent  # noqa: E402
import gunicorn.http.message  # noqa: E402

from image_api.jobs.database.durability import loss_hint  # noqa: E402
from image_api.settings import load  # noqa: E402
from render_worker.serving import logs  # noqa: E402
from render_worker.serving.environment import gunicorn_address  # noqa: E402
from render_worker.serving.file_descriptors import room_for_connections  # noqa: E402

DRAIN_SECONDS = 3  # what a response takes once its wait is over
OTHER_CONNECTIONS = 1000  # for /health, pictures, refusals, and clients without a request
# Of the garbage collector's second generation before a full collection (10 by default). That walks over all that 2,000
# waiting clients have: 0.1 to 0.25 s each, and there were seven while they came.
COLLECTIONS = 100
OTHER_FILES = 250  # Redis, the log, connections that are being closed

settings = load()
chdir = ROOT
wsgi_app = "app:app"
bind = gunicorn_address(settings.host, settings.port)
workers = 1  # the last known health of the worker, and the connections to it, are kept in one process
# A greenlet for each client. Threads would hold as many in more memory: docs/BENCHMARKS.md, "Waiting clients".
worker_class = "image_api.gunicorn_worker.PatientWorker"
# Two files a client: its connection and the one to the render worker.
worker_connections = room_for_connections(
    settings.max_generations + OTHER_CONNECTIONS, others=OTHER_FILES, files_each=2
)
backlog = 4096  # connections of one burst, as far as the system lets so many wait
keepalive = settings.read_timeout_seconds
timeout = 120  # of the process itself, which a slow machine may keep from coming up; no limit of a request
graceful_timeout = settings.graceful_timeout_seconds + DRAIN_SECONDS
forwarded_allow_ips = ""  # TRUSTED_PROXIES names the proxies; gunicorn would trust every peer on loopback
forwarder_headers = ""  # also of a client by a Unix socket, whose SCRIPT_NAME could end a request with a traceback
secure_scheme_headers = {}
control_socket_disable = True  # it would lie in the home folder, shared by every gunicorn of this user
errorlog = "-"
loglevel = settings.log_level.lower()
logger_class = logs.BoundedLogger
logs.set_up(settings.log_level)

# Two texts of 2,000 characters, each character of up to 12 bytes when percent-encoded, make a request line of 48 KB.
# gunicorn refuses to read more than this constant of its own, whatever the setting says; 0, which means no limit,
# would let one client fill the memory.
limit_request_line = gunicorn.http.message.MAX_REQUEST_LINE = 64 * 1024


def on_starting(server):
    """Warn of several processes, of jobs that would be lost, and of too little room for MAX_GENERATIONS clients."""
    if hint := loss_hint(settings):
        server.log.warning(hint)
    if server.cfg.workers != workers:
        server.log.warning(
            "%d processes are started: each has its own slots and limits, and without REDIS_URL its own cache; one"
            " serves as many clients",
            server.cfg.workers,
        )
    needed = settings.max_generations + OTHER_CONNECTIONS
    if worker_connections < needed:
        server.log.warning(
            "the open-file limit allows %d connections; MAX_GENERATIONS needs %d",
            worker_connections,
            needed,
        )


def when_ready(server):
    """Have garbage collected again, but not of what both processes share: the collector's marks would copy it."""
    gc.freeze()
    gc.enable()


def post_fork(server, worker):
    """Have no garbage collected until the application is loaded."""
    gc.disable()


def post_worker_init(worker):
    """Go on with the jobs, and have SIGTERM also start the time after which waiting clients are refused."""
    from image_api.services import services_of

    gc.freeze()
    gc.set_threshold(*gc.get_threshold()[:2], COLLECTIONS)
    gc.enable()
    services = services_of(worker.wsgi)
    services.start()
    begin_shutdown = signal.getsignal(signal.SIGTERM)

    def end_services() -> None:
        services.generation.ending = True
        gevent.spawn(services.drain)
        gevent.spawn_later(settings.graceful_timeout_seconds, services.stop)

    def shut_down(number, frame) -> None:
        begin_shutdown(number, frame)
        end_services()

    signal.signal(signal.SIGTERM, shut_down)
    if not worker.alive:  # the signal came while the application was being loaded
        end_services()


def worker_exit(server, worker):
    """Let the jobs in flight end within what is left of the grace period, and give the rest back."""
    if not worker.booted:
        return
    from image_api.services import services_of

    services = services_of(worker.wsgi)
    if services.generation.ending:  # if gunicorn itself was killed, streams break off, to be resumed
        services.jobs.wait()
        services.stop()
        services.close()
