"""Hugging Face: Inference Providers, paid by credits, and a Space of ZeroGPU, in the account's free minutes."""

from render_worker.contract import Recipe
from render_worker.engines.base import Engine, GeneratedImage, Reporter
from render_worker.engines.capabilities import Capabilities
from render_worker.engines.huggingface.inference import Inference
from render_worker.engines.huggingface.settings import HuggingFaceSettings
from render_worker.engines.huggingface.sizes import FLUX
from render_worker.engines.huggingface.space import Space
from render_worker.engines.huggingface.way import UNUSABLE, Way
from render_worker.engines.slots import Slots
from render_worker.errors import EngineError, EngineNotConfigured

TOKEN_START = "hf_"  # noqa: S105 - with another key the client would bypass Hugging Face and ask the provider itself
WAYS = {"providers": Inference, "space": Space}


class HuggingFaceEngine(Engine):
    """Makes a picture by the first of its ways that has credit or quota; a model that is named has one way."""

    name = "huggingface"
    description = "A model at Hugging Face's Inference Providers, paid by the account's credits, or in a Space, free."
    typical_seconds = 10
    needs = "an account's `HF_TOKEN`, and its credits or free GPU minutes"
    capabilities = Capabilities(FLUX, seed=True, negative_prompt=True, guidance_scale=True)

    def __init__(self, settings: HuggingFaceSettings) -> None:
        self.slots = Slots(settings.engine_concurrency)
        self._token = settings.huggingface_api_key or settings.hf_token
        self._endpoint = settings.huggingface_url
        token = self._token.get_secret_value() if self._token else ""
        names = ("providers",) if self._endpoint else settings.huggingface_ways
        self._ways: tuple[Way, ...] = tuple(WAYS[name](settings, token) for name in names)
        self.models = tuple(dict.fromkeys(way.model for way in self._ways if way.model))

    def check(self) -> None:
        for way in self._ways:
            way.check()
        if not self._token:
            raise EngineNotConfigured("HF_TOKEN or HUGGINGFACE_API_KEY not configured.")
        if not self._endpoint and not self._token.get_secret_value().startswith(TOKEN_START):
            raise EngineNotConfigured(
                f"HF_TOKEN or HUGGINGFACE_API_KEY must be a token of Hugging Face: {TOKEN_START}…"
            )

    def capabilities_of(self, model: str) -> Capabilities:
        return self._first(model).capabilities

    def price(self, recipe: Recipe) -> float | None:
        """Return the dearest way's price: the Space may have no quota left, and then the providers are asked."""
        prices = [way.dollars for way in self._ways_of(recipe.model)]
        known = [dollars for dollars in prices if dollars is not None]
        return max(known) if len(known) == len(prices) else None

    def quality_of(self, model: str) -> int:
        return self._first(model).quality

    async def stop(self) -> None:
        for way in self._ways:
            await way.stop()

    async def generate(self, recipe: Recipe, report: Reporter) -> GeneratedImage:
        first, *others = self._ways_of(recipe.model)
        try:
            return await first.generate(recipe, report)
        except UNUSABLE as refusal:
            problem: EngineError = refusal
        for way in others:
            if way.misses(recipe):  # what the first way honours must not be dropped now
                continue
            report.setback(f"{problem} Taking another way.")
            try:
                return await way.generate(recipe, report)
            except UNUSABLE as refusal:
                problem = refusal
        raise self._as_a_whole(problem)

    def _as_a_whole(self, problem: EngineError) -> EngineError:
        """Return the error for the circuit breaker, which must not open while any way is left."""
        if len(self._ways) == 1:
            return problem
        blocked = [refusal for way in self._ways if (refusal := way.blocked)]
        if len(blocked) == len(self._ways):
            return min(blocked, key=lambda refusal: refusal.retry_after or 0)
        problem.trips_breaker = problem.service_blocked = False
        problem.caused_by_request = True  # it names a model, or parameters, that the other way does not have
        return problem

    def _ways_of(self, model: str) -> list[Way]:
        """Return the ways that may make a picture of that model, those that are not blocked first."""
        named = [way for way in self._ways if way.model == model]
        return named or sorted(self._ways, key=lambda way: way.blocked is not None)

    def _first(self, model: str) -> Way:
        return self._ways_of(model)[0]
