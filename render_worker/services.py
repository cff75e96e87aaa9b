"""The services of one worker process, composed from its settings."""

import asyncio
import ipaddress
import logging
from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from render_worker.browser.orphans import become_subreaper, reap_for_ever
from render_worker.budgets.amounts import dollars_of
from render_worker.budgets.budgets import build_budgets
from render_worker.cancellation import Cancelled
from render_worker.circuit_breaker import CircuitBreaker
from render_worker.contract import GenerateRequest, ModelList
from render_worker.engines import build_engines
from render_worker.engines.base import Engine
from render_worker.engines.loadable import EngineNotEnabled, LoadingEngine
from render_worker.errors import EngineError, InvalidParameter, WorkerError
from render_worker.generation.admission import Admission
from render_worker.generation.idempotency import IdempotentRequests
from render_worker.generation.latency import Latencies
from render_worker.generation.pipeline import Pipeline
from render_worker.generation.selector import EngineSelector
from render_worker.health import Health, HealthCollector
from render_worker.metrics import Metrics
from render_worker.runtime import Runtime
from render_worker.serving.bearer_tokens import has_bearer_token
from render_worker.settings import Settings
from render_worker.storages import build_storages
from render_worker.storages.chain import StorageChain
from render_worker.storages.local.recipes import KeptRecipes
from render_worker.storages.local.storage import kept_recipes

OPEN_TO_ALL = "WORKER_TOKEN is not set and this worker listens beyond loopback: anybody who reaches it may use it."

log = logging.getLogger(__name__)


@dataclass
class Services:
    """What the views need. Start it after a fork, and stop it before the process ends."""

    settings: Settings
    runtime: Runtime
    selector: EngineSelector
    requests: IdempotentRequests
    health: Health
    metrics: CollectorRegistry
    storages: StorageChain
    recipes: KeptRecipes
    """Of the pictures of the local folder."""
    open_to_all: bool = False
    """Whether every client is a stranger: there is no token, and others than this machine reach the worker."""

    def start(self, hosts: list[str]) -> None:
        """Start the loop's thread and, without waiting for them, the engines. `hosts`: where the server listens."""
        if not self.settings.worker_token and not all(_is_loopback(host) for host in hosts):
            self.open_to_all = True
            self.health.warnings.append(OPEN_TO_ALL)
            log.warning(OPEN_TO_ALL)
        for problem in self.selector.problems():
            self.health.warnings.append(problem)
            log.warning(problem)
        if (idle := self.settings.idle_engines) and not self.settings.simulated_names:  # the sandbox sets addresses
            log.info("set up, but not enabled by ENGINES: %s", ", ".join(idle))
        become_subreaper()
        self.runtime.start()
        self.runtime.submit(reap_for_ever())
        self.runtime.submit(self.selector.budgets.start())
        self.runtime.submit(start_engines(self.selector.auto_engines))

    def stop(self) -> None:
        """Stop the engines, close the budgets and end the thread."""
        self.runtime.stop(self._stop_all())

    async def _stop_all(self) -> None:
        await _stop_engines(self.selector.engines.values())
        await self.selector.budgets.close()

    def models(self) -> ModelList:
        """Return the names that `model` accepts."""
        simulated = self.settings.simulated_names
        models = [it.model_copy(update={"simulated": it.engine in simulated or None}) for it in self.selector.models()]
        return ModelList(models=models, simulated=self.settings.all_simulated or None)

    @property
    def loading_engine(self) -> LoadingEngine:
        """Return the enabled engine that keeps weights itself. Raises EngineNotConfigured if it cannot be used."""
        for engine in self.selector.engines.values():
            if isinstance(engine, LoadingEngine):
                engine.check()
                return engine
        raise EngineNotEnabled("No engine is enabled that keeps models itself, as diffusers does.")

    def trusts(self, authorization: str | None) -> bool:
        """Return whether a client has the token, or none is set and only this machine reaches the worker."""
        token = self.settings.worker_token
        return not self.open_to_all if token is None else has_bearer_token(authorization, token.get_secret_value())

    def record_failure(self, error: WorkerError, request: GenerateRequest) -> None:
        """Note in an error what the request may have cost, and keep it for the log and, unless it is the client's, for
        /health; a cancellation is no failure.
        """
        if error.cost is None:  # its work was cut short, or goes on
            error.cost = self.requests.cost_of(request)
        if isinstance(error, Cancelled):
            return
        log.warning("%s failed: %s: %s", request.request_id, error.code, error, extra={"kind": error.code})
        if not isinstance(error, InvalidParameter):
            self.health.remember(error, request.model, request.request_id)


def build_services(settings: Settings, *, folder_served: bool = True) -> Services:
    """Return the services of a worker with these settings; nothing is started yet.

    `folder_served`: whether a render worker serves the local folder, so that pictures may be kept there.
    """
    latencies, metrics, storages = Latencies(), Metrics(), build_storages(settings, folder_served=folder_served)
    engines = build_engines(settings.engines, settings)
    admission = Admission(settings.slots, settings.queue_size, (engine.slots for engine in engines.values()))
    breakers = {name: _breaker(name, settings) for name in engines}
    prices = {name: dollars_of(micros) for name, micros in settings.engine_prices.items()}
    budgets = build_budgets(settings)
    selector = EngineSelector(engines, settings.engines, breakers, latencies, admission, budgets, prices)
    hedged = settings.hedge == "free"
    pipeline = Pipeline(
        selector,
        storages,
        admission,
        latencies,
        metrics,
        settings.simulated_names,
        hedged=hedged,
        refuses_nsfw=settings.nsfw == "refuse",
    )
    health = Health(
        selector, storages, admission, memory_limit_mb=settings.memory_limit_mb, simulated=settings.simulated_names
    )
    metrics.registry.register(HealthCollector(health))
    requests = IdempotentRequests(pipeline.generate)
    recipes = kept_recipes(settings)
    return Services(settings, Runtime(), selector, requests, health, metrics.registry, storages, recipes)


def _breaker(name: str, settings: Settings) -> CircuitBreaker:
    """Return an engine's circuit breaker; that of an engine without a service outside never opens."""
    failures = settings.engine_failures if name in settings.engines else 0
    return CircuitBreaker(name, failures, settings.engine_rest_seconds)


async def start_engines(engines: Iterable[Engine]) -> None:
    """Start engines side by side; one that cannot start says so in its health."""
    await asyncio.gather(*(_start_engine(engine) for engine in engines))


async def _start_engine(engine: Engine) -> None:
    try:
        await engine.start()
    except EngineError as error:
        log.warning("engine %s could not start: %s", engine.name, error)
    except Exception:  # the worker must come up and report it, whatever keeps an engine from starting
        log.exception("engine %s could not start", engine.name)


async def _stop_engines(engines: Iterable[Engine]) -> None:
    for engine in engines:
        await engine.stop()


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return True  # no IP address: a Unix socket, which is of this machine
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
