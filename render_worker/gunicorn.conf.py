"""gunicorn's settings for the worker: `gunicorn -c render_worker/gunicorn.conf.py`.

One process, because the browser, the queue and the sessions live in it; a thread for each request in flight.
"""

import gc
import os
import sys
from pathlib import Path

gc.disable()  # until the worker serves: a tenth of the time of a start, in which next to nothing becomes garbage
# To find no plugin, pydantic would read what every installed package declares.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # noqa: TID251 - written, for this process alone

ROOT = str(Path(__file__).resolve().parent.parent)
sys.path.insert(0, ROOT)  # wherever gunicorn is started

from render_worker.serving.heap import limit_heap  # noqa: E402
from render_worker.serving.process_hardening import become_undumpable  # noqa: E402

become_undumpable()  # before all else; master and worker: what runs in the browser is of the same user
limit_heap()

import logging  # noqa: E402
import signal  # noqa: E402
import threading  # noqa: E402

from render_worker import KEY  # noqa: E402
from render_worker.browser.orphans import reap_all  # noqa: E402
from render_worker.browser.processes import kill_descendants  # noqa: E402
from render_worker.budgets.budgets import require_ledger  # noqa: E402
from render_worker.gunicorn_worker import PatientWorker  # noqa: E402
from render_worker.serving import logs  # noqa: E402
from render_worker.serving.environment import gunicorn_address  # noqa: E402
from render_worker.serving.file_descriptors import room_for_connections  # noqa: E402
from render_worker.settings import load  # noqa: E402
from render_worker.starting import health_while_loading  # noqa: E402

SHUTDOWN_SECONDS = 8  # for cancelling generations, closing the browser and reaping, together

settings = load()
require_ledger(settings)
chdir = ROOT
wsgi_app = "render_worker.worker:create_app()"
bind = gunicorn_address(settings.host, settings.port)
workers = 1
worker_class = PatientWorker
PatientWorker.receive_seconds = settings.read_timeout_seconds
PatientWorker.starting_health = lambda: health_while_loading(settings)
PatientWorker.when_loaded = lambda worker, application: start_services(worker, application)
sendfile = False  # it has no timeout for a client that does not read
# Every admitted request holds a thread: running, queued, or on its way to a fallback; some more serve /health, pictures
# and refusals meanwhile.
threads = 2 * settings.slots + settings.queue_size + 16
worker_connections = room_for_connections(1000, others=192 + 2 * threads)
timeout = 120  # of the process, which starts slowly on a slow machine; no timeout of a request
graceful_timeout = settings.graceful_timeout_seconds + SHUTDOWN_SECONDS  # then gunicorn kills, and nothing is answered
preload_app = False  # the loop's thread would be left behind in the parent
forwarded_allow_ips = forwarder_headers = ""  # no header changes the address of a client
secure_scheme_headers = {}
control_socket_disable = True  # it would be in the home folder, shared by every gunicorn of this user
# For Playwright's driver: with the usual 16 MB for young objects node grew from 104 MiB to 114 in 4,000 pictures; so it
# stays at 66, and a picture takes no longer. One heap for its threads saves it 7 more.
raw_env = ["NODE_OPTIONS=--max-semi-space-size=1", "MALLOC_ARENA_MAX=1"]
errorlog = "-"
loglevel = settings.log_level.lower()
logger_class = logs.BoundedLogger

for library in ("httpx", "httpx2"):  # they would log the address of every picture; huggingface_hub has the second
    logging.getLogger(library).setLevel(logging.WARNING)
logs.set_up(settings.log_level)


def on_starting(server):  # type: ignore[no-untyped-def]  # gunicorn's hooks have no types
    if server.cfg.workers != workers:
        server.log.warning("%d processes are started: each has its own browser and queue", server.cfg.workers)


def when_ready(server):  # type: ignore[no-untyped-def]
    """Collect garbage from now on, in this process that lives for months."""
    gc.enable()


def post_fork(server, worker):  # type: ignore[no-untyped-def]
    gc.disable()  # until it serves


def start_services(worker, application):  # type: ignore[no-untyped-def]
    gc.freeze()  # what was imported stays; no collection is to go through it
    gc.enable()
    addresses = [listener.getsockname() for listener in worker.sockets]
    hosts = [address[0] if isinstance(address, tuple) else str(address) for address in addresses]
    application.extensions[KEY].start(hosts)


def post_worker_init(worker):  # type: ignore[no-untyped-def]
    def give_up() -> None:
        if app := worker.end_loading():
            app.extensions[KEY].runtime.give_up()

    _give_up_after_drain(give_up)


def worker_exit(server, worker):  # type: ignore[no-untyped-def]
    app = worker.end_loading() if worker.booted else None
    if app is not None:
        app.extensions[KEY].stop()
        kill_descendants()  # what did not end in time
        reap_all(seconds=1)
        if "torch" in sys.modules:
            _exit_at_once()


def _exit_at_once() -> None:
    """End the process without the interpreter's end, which takes PyTorch seconds: gunicorn may kill it before."""
    ending = sys.exception()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(ending.code if isinstance(ending, SystemExit) and isinstance(ending.code, int) else 0)


def _give_up_after_drain(give_up) -> None:  # type: ignore[no-untyped-def]
    """Have SIGTERM also start the drain of a graceful shutdown: what is in flight after it gets an error."""
    begin_shutdown = signal.getsignal(signal.SIGTERM)

    def shut_down(number, frame) -> None:  # type: ignore[no-untyped-def]
        begin_shutdown(number, frame)
        timer = threading.Timer(settings.graceful_timeout_seconds, give_up)
        timer.daemon = True
        timer.start()

    signal.signal(signal.SIGTERM, shut_down)
