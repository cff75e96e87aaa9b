"""The services of one application, built once by `create_app` and passed to its views."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from flask import Flask, current_app

from image_api.admission import Admission
from image_api.auth.account import Authenticator
from image_api.auth.api_keys import ApiKeys
from image_api.auth.signed_links import SigningKeys
from image_api.client_ids import ClientIds
from image_api.credentials.credentials import Credentials
from image_api.credentials.key_budgets import KeyBudgets
from image_api.credentials.link_keys import LinkKeys
from image_api.database_url import engine_url
from image_api.dispatch.awake_workers import look_at_awake
from image_api.dispatch.base import Dispatch
from image_api.dispatch.direct import DirectDispatch
from image_api.dispatch.pool.pooled_dispatch import PooledDispatch
from image_api.dispatch.pool.worker_pool import WorkerPool
from image_api.dispatch.queued.queue_state import QueueState
from image_api.dispatch.render_workers import RenderWorkers
from image_api.dispatch.worker_client import WorkerClient
from image_api.generation.cache import Cache, MemoryCache
from image_api.generation.picture_locations import PictureLocations
from image_api.generation.use_case import Generation
from image_api.jobs.jobs import Jobs
from image_api.limits.payers import Payers
from image_api.limits.prices import Prices
from image_api.limits.rate_limiter import RateLimiter, SharedCounting
from image_api.native_thread import NativeThread
from image_api.picture_checks import PictureChecks
from image_api.picture_variants import PictureVariants
from image_api.remote_pictures import RemotePictures
from image_api.sent_images import ImageMemory
from image_api.settings import Settings
from image_api.shared_check import SharedCheck

if TYPE_CHECKING:
    from limits.storage import Storage

    from image_api.dispatch.queued.queue import CeleryQueue
    from image_api.redis_breaker import RedisBreaker

UPLOAD_SLOTS = 4  # each of twice MAX_UPLOAD_MB on the disk, which may be one in memory
UPLOADS_FULL = "As many clients send pictures as this service can hold."
SHEET_SLOTS = 2  # each with a file of up to 40 MiB, nine small pictures of 2 MB and the sheet of 17 MB in memory
SHEETS_FULL = "As many contact sheets are being composed as this service can hold."
LIMITS_PREFIX = "img_limit"
"""Of the names of rates' counters in Redis."""
KEY = "image_api"
"""The key of `app.extensions` that holds the services."""


@dataclass(frozen=True)
class Services:
    """What all views of one application share. Thread-safe."""

    settings: Settings
    client_ids: ClientIds
    owner_ids: ClientIds
    """Ids of the owners of jobs, which stay the same when this service is started again."""
    payers: Payers
    """On whose limits new pictures count."""
    credentials: Credentials
    api_keys: ApiKeys
    authenticator: Authenticator | None
    """Finds the accounts of the credentials that AUTH wants; None with AUTH=none. API keys count whatever AUTH is."""
    signing_keys: SigningKeys
    worker: RenderWorkers
    worker_looks: SharedCheck[None]
    """Looks at the render workers that are awake, for all clients that ask for the health of jobs."""
    cache: Cache
    queue: "CeleryQueue | None"
    """None without DISPATCH=celery."""
    generation: Generation
    jobs: Jobs
    pictures: RemotePictures
    checks: PictureChecks
    variants: PictureVariants
    upload_slots: Admission
    image_memory: ImageMemory
    sheet_slots: Admission
    picture_thread: NativeThread
    """Where pictures are decoded and encoded, of all clients one at a time: a large one takes 300 MB of memory."""

    @classmethod
    def build(cls, settings: Settings) -> "Services":
        """Return the services as the settings configure them, without a connection yet."""
        token = settings.worker_token.get_secret_value() if settings.worker_token else None
        breaker = _redis_breaker(settings)
        cache = _cache(settings, breaker)
        worker, dispatch, queue = _workers(settings, cache)
        pictures = RemotePictures(worker, settings.picture_origins)
        checks = PictureChecks(pictures)
        picture_thread = NativeThread()
        generation = Generation(dispatch, cache, settings, worker.kept_recipe, checks.is_gone)
        image_memory = ImageMemory()
        credentials = Credentials(settings)
        budgets = _budgets(credentials, worker)
        api_keys = ApiKeys(settings.declared_keys, credentials)
        return cls(
            settings=settings,
            client_ids=ClientIds(token.encode() if token else None),
            owner_ids=ClientIds((token or engine_url(settings.database_url)).encode()),
            payers=Payers(RateLimiter(_shared_counting(settings, breaker)), settings.rates, budgets),
            credentials=credentials,
            api_keys=api_keys,
            authenticator=_authenticator(settings, api_keys),
            signing_keys=LinkKeys(settings.signing_secrets, credentials),
            worker=worker,
            worker_looks=SharedCheck(partial(look_at_awake, worker)),
            cache=cache,
            queue=queue,
            generation=generation,
            jobs=Jobs(settings, generation, image_memory, queue, budgets),
            pictures=pictures,
            checks=checks,
            variants=PictureVariants(picture_thread),
            upload_slots=Admission(UPLOAD_SLOTS, full=UPLOADS_FULL),
            image_memory=image_memory,
            sheet_slots=Admission(SHEET_SLOTS, full=SHEETS_FULL),
            picture_thread=picture_thread,
        )

    def queue_state(self) -> QueueState | None:
        """Return the state of the queue within some seconds, whatever hangs; None without DISPATCH=celery."""
        return self.queue.health.state() if self.queue else None

    def start(self) -> None:
        """Go on with the jobs that there are, and have the API keys at hand if AUTH wants them."""
        self.jobs.start()
        if self.settings.auth == "keys":
            self.credentials.begin(declared=bool(self.settings.declared_keys))

    def drain(self) -> None:
        """Begin no more jobs: this service is being stopped. Returns at once."""
        self.credentials.end()
        self.jobs.drain()

    def stop(self) -> None:
        """End what still waits when the grace period of the graceful shutdown is over."""
        self.jobs.leave()
        self.generation.stop()
        self.jobs.give_back()

    def close(self) -> None:
        """Close the connections, once no request is answered any more: after `stop`, when the process ends."""
        self.jobs.close()
        self.credentials.close()
        self.cache.close()
        if self.queue:
            self.queue.close()


def _budgets(credentials: Credentials, worker: RenderWorkers) -> KeyBudgets:
    """Return what counts the costs of keys' pictures, by the prices that the render workers told of last."""
    prices = Prices(lambda: worker.known_models, SharedCheck(worker.observe).begin)
    return KeyBudgets(lambda: credentials.store.database, prices)


def _authenticator(settings: Settings, api_keys: ApiKeys) -> Authenticator | None:
    """Return what AUTH configures. What it needs is loaded for it alone."""
    if settings.auth == "none":
        return None
    if settings.auth == "keys":
        return api_keys
    from image_api.auth.hub_tokens import HubTokens

    return HubTokens(settings.hub_url, settings.admin_accounts)


def _workers(settings: Settings, cache: Cache) -> tuple[RenderWorkers, Dispatch, "CeleryQueue | None"]:
    """Return the render workers, the way of a generation to one of them, and the queue if that is one."""
    if settings.dispatch == "celery":
        return _queued(settings, cache)
    worker, dispatch = _render_workers(settings, cache)
    return worker, dispatch, None


def _render_workers(settings: Settings, cache: Cache) -> tuple[RenderWorkers, Dispatch]:
    """Return the render workers of PERCHANCE_WORKER_URL, and the direct way to them."""
    if len(settings.worker_urls) > 1:
        pool = WorkerPool(settings, PictureLocations(cache))
        return pool, PooledDispatch(pool)
    worker = WorkerClient(settings)
    return worker, DirectDispatch(worker)


def _queued(settings: Settings, cache: Cache) -> "tuple[RenderWorkers, Dispatch, CeleryQueue]":
    """Return the Celery workers and the queue to them. Celery and Redis are loaded here, for this dispatch alone."""
    from image_api.dispatch.queued.celery_dispatch import CeleryDispatch
    from image_api.dispatch.queued.celery_workers import CeleryWorkers
    from image_api.dispatch.queued.queue import CeleryQueue

    queue = CeleryQueue.build(settings)
    servers, direct = _render_workers(settings, cache)
    dispatch = CeleryDispatch(queue, settings.worker_wake_seconds, direct.stop)
    return CeleryWorkers(queue.reports, queue.health, servers), dispatch, queue


def _redis_breaker(settings: Settings) -> "RedisBreaker | None":
    """Return the circuit breaker before Redis, which all that use it share; None without REDIS_URL."""
    if settings.redis_url is None:
        return None
    from image_api.redis_breaker import RedisBreaker

    return RedisBreaker()


def _cache(settings: Settings, breaker: "RedisBreaker | None") -> Cache:
    """Return the cache that the settings configure."""
    if settings.redis_url is None:
        return MemoryCache()
    from image_api.generation.redis_cache import RedisCache

    return RedisCache(settings.redis_url.get_secret_value(), breaker)


def _shared_counting(settings: Settings, breaker: "RedisBreaker | None") -> SharedCounting | None:
    """Return how rates are counted by all processes together; None if each counts for itself."""
    if settings.redis_url is None or breaker is None:
        return None
    return SharedCounting(partial(redis_storage, settings.redis_url.get_secret_value()), breaker)


def redis_storage(url: str) -> "Storage":
    """Return the storage of rates' counters in Redis."""
    from limits.storage import RedisStorage

    from image_api.outbound.redis_clients import quick_client

    return RedisStorage(url, connection_pool=quick_client(url).connection_pool, key_prefix=LIMITS_PREFIX)


def services_of(app: Flask) -> Services:
    """Return an application's services."""
    found: Services = app.extensions[KEY]
    return found


def services() -> Services:
    """Return the services of the application that handles the current request."""
    # The application itself: through Flask's proxy each attribute is looked up anew.
    return services_of(current_app._get_current_object())  # type: ignore[attr-defined]
