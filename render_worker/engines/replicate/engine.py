"""Models that Replicate runs, by its API and its own client library."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from typing import TYPE_CHECKING

from render_worker.contract import Recipe
from render_worker.engines.base import Engine, GeneratedImage, Reporter, require_package
from render_worker.engines.capabilities import Capabilities
from render_worker.engines.replicate.inputs import Inputs
from render_worker.engines.replicate.predictions import fetch_schema, run_prediction
from render_worker.engines.replicate.results import error_of_prediction, picture_of_output
from render_worker.engines.replicate.settings import ReplicateSettings
from render_worker.engines.replicate.sizes import COG_FLUX_SIZES, sides_of
from render_worker.engines.replicate.transport import Transport
from render_worker.engines.slots import Slots
from render_worker.errors import EngineError, EngineNotConfigured, RequestInvalid
from render_worker.sizes import SizeRange, Sizes

if TYPE_CHECKING:
    from replicate.client import Client

FLUX = Sizes(COG_FLUX_SIZES)
SDXL = sides_of((1024, 1024), SizeRange(1, 2048, 32, 2 * 1024 * 1024, 512 * 1024))  # its schema bounds no side

# Until Replicate has described them: as the models' pages said in autumn 2026.
WELL_KNOWN = {
    "black-forest-labs/flux-schnell": Capabilities(FLUX, seed=True),
    "black-forest-labs/flux-dev": Capabilities(FLUX, seed=True, guidance_scale=True),
    "stability-ai/sdxl": Capabilities(SDXL, seed=True, guidance_scale=True, negative_prompt=True),
}

# US dollars for a picture: FLUX pro by its page at replicate.com, the others as public pages of May 2026 quoted
# replicate.com/pricing. Other models are billed by the second, by the size of the picture, or at a price not seen.
PRICES = {
    "black-forest-labs/flux-schnell": 0.003,
    "black-forest-labs/flux-dev": 0.025,
    "black-forest-labs/flux-pro": 0.055,
}
QUALITY = {"stability-ai/sdxl": 2, "black-forest-labs/flux-2-pro": 4, "black-forest-labs/flux-2-max": 4}

MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 5.0, 600.0  # before a model's description is requested once more

log = logging.getLogger(__name__)


class ReplicateEngine(Engine):
    """Creates a prediction, polls it until it ends, and downloads its output."""

    name = "replicate"
    description = "Models that Replicate runs, FLUX schnell unless configured otherwise; its account pays a picture."
    typical_seconds = 10  # a second or two if the model is warm
    needs = "a paid account's `REPLICATE_API_TOKEN`"
    capabilities = Capabilities(FLUX, seed=True, guidance_scale=True, negative_prompt=True)

    def __init__(self, settings: ReplicateSettings) -> None:
        self.slots = Slots(settings.engine_concurrency)
        self.models = settings.replicate_models
        self._settings = settings
        self._inputs: dict[str, Inputs] = {}
        self._doubtful: set[str] = set()
        """Models that refused parameters which their description has."""
        self._describing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Request the models' descriptions, so that no client waits for them; what fails is requested later again."""
        self.check()
        await self._describe_all(self.models)
        self._describing = asyncio.create_task(self._keep_describing())

    async def stop(self) -> None:
        if self._describing:
            self._describing.cancel()
            await asyncio.wait([self._describing])  # a second cancellation, by the loop's end, would leak connections

    def check(self) -> None:
        require_package("replicate", self.name)
        if not self._settings.replicate_api_token:
            raise EngineNotConfigured("REPLICATE_API_TOKEN not configured.")

    def capabilities_of(self, model: str) -> Capabilities:
        """Return what the model's schema has; before it is known, what is generally known of the model."""
        name = self._named(model)
        known = self._inputs.get(name)
        return known.capabilities if known else WELL_KNOWN.get(name.partition(":")[0], Capabilities(Sizes()))

    def price(self, recipe: Recipe) -> float | None:
        return PRICES.get(self._named(recipe.model))

    def quality_of(self, model: str) -> int:
        name, _, _ = self._named(model).partition(":")
        return QUALITY.get(name, 3 if "/flux-" in name else self.quality)

    async def generate(self, recipe: Recipe, report: Reporter) -> GeneratedImage:
        self.check()
        model = self._named(recipe.model)
        texts = (recipe.prompt, recipe.negative_prompt or "")
        report("starting", "Asking Replicate for the picture.")
        async with self._client(*texts) as (client, transport):
            inputs = self._inputs.get(model)
            if inputs is None or model in self._doubtful:
                inputs = await self._describe(client, model, report.setback)
            model_input = inputs.for_recipe(recipe)
            try:
                prediction = await run_prediction(client, transport, model, model_input.sent, report)
            except RequestInvalid:
                self._doubtful.add(model)  # models change: the next request has this one described anew
                raise
        if error := error_of_prediction(prediction, texts):
            raise error
        report("downloading")
        data = await picture_of_output(prediction.output, self._settings.replicate_image_origins)
        return GeneratedImage(data, model_input.seed, model_input.guidance_scale, model=model)

    def _named(self, model: str) -> str:
        """Return the configured model that a request's `model` means."""
        return model if model in self.models else self.models[0]

    @contextlib.asynccontextmanager
    async def _client(self, *texts: str) -> "AsyncIterator[tuple[Client, Transport]]":
        """Yield the library's client for one picture, and its transport; no error quotes the texts.

        The client takes nothing from the environment.
        """
        from replicate.client import Client  # its import takes time and memory

        settings = self._settings
        token = settings.replicate_api_token.get_secret_value() if settings.replicate_api_token else ""
        transport = Transport(settings.replicate_request_seconds, (token, *texts))
        try:
            yield Client(token, base_url=settings.replicate_url, transport=transport, trust_env=False), transport
        finally:
            await transport.aclose()

    async def _keep_describing(self) -> None:
        pause = MIN_PAUSE_SECONDS
        while unknown := [model for model in self.models if model not in self._inputs]:
            await asyncio.sleep(pause)
            pause = min(2 * pause, MAX_PAUSE_SECONDS)
            await self._describe_all(unknown)

    async def _describe_all(self, models: Iterable[str]) -> None:
        async with self._client() as (client, _):
            await asyncio.gather(*(self._try_to_describe(client, model) for model in models))

    async def _try_to_describe(self, client: "Client", model: str) -> None:
        try:
            await self._describe(client, model, log.warning)
        except EngineError as error:
            log.warning("schema of %s is not known yet: %s", model, error)
        except Exception:  # whatever the library raises of a reply, the other models are still described
            log.exception("schema of %s is not known yet", model)

    async def _describe(self, client: "Client", model: str, setback: Callable[[str], None]) -> Inputs:
        """Request the description of the model's inputs, and keep it. Raises EngineNotConfigured without a prompt."""
        inputs = Inputs(await fetch_schema(client, model, setback), model)
        if not inputs.takes_a_prompt:
            raise EngineNotConfigured(f"Replicate tells of no prompt that {model} takes; look at REPLICATE_MODELS.")
        self._inputs[model] = inputs
        self._doubtful.discard(model)
        return inputs
