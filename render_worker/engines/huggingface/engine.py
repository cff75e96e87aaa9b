"""Hugging Face's Inference Providers, and own Inference Endpoints, asked by its own client.

`HUGGINGFACE_PROVIDER=auto` takes the first provider of the model, in the account's own order, that is known here; the
Hub says who serves a model. In October 2026 that was nscale and fal-ai for FLUX.1-schnell, while hf-inference
answered HTTP 410, as public code says that asks for it.
"""

import secrets
from concurrent.futures import ThreadPoolExecutor

from render_worker.contract import MAX_SEED, Recipe
from render_worker.engines.base import Engine, GeneratedImage, Report, require_package
from render_worker.engines.capabilities import Capabilities, requested
from render_worker.engines.huggingface.exchanges import Addresses, Exchanges
from render_worker.engines.huggingface.providers import AUTO, HF_INFERENCE, PROVIDERS, capabilities_at
from render_worker.engines.huggingface.settings import HuggingFaceSettings
from render_worker.engines.slots import Slots
from render_worker.errors import EngineError, EngineNotConfigured

TOKEN_START = "hf_"  # noqa: S105 - with another key the client would leave Hugging Face out and ask the provider itself


class HuggingFaceEngine(Engine):
    """Has a model's pictures made by whoever runs it for Hugging Face."""

    name = "huggingface"
    description = "A model at Hugging Face's Inference Providers; paid by the account's credits."
    typical_seconds = 10
    needs = "an account's `HF_TOKEN`, and its credits"
    capabilities = Capabilities(  # no sizes: the shape is asked for, but not every provider promises to keep it
        seed=True, negative_prompt=True, guidance_scale=True
    )

    def __init__(self, settings: HuggingFaceSettings) -> None:
        self.slots = Slots(settings.engine_concurrency)
        self._token = settings.huggingface_api_key or settings.hf_token
        self._model = settings.huggingface_model
        self._provider = settings.huggingface_provider
        self._endpoint = settings.huggingface_url
        self._addresses = Addresses.of(settings)
        self._seconds = settings.huggingface_seconds
        self._found: str | None = None  # the provider that the Hub named
        # The client's calls block: in the loop's own few threads they would hold up everything else.
        self._threads = ThreadPoolExecutor(settings.engine_concurrency, thread_name_prefix=self.name)
        if not self._endpoint:
            self.models = (self._model,)

    def check(self) -> None:
        require_package("huggingface_hub", self.name)
        if not self._token:
            raise EngineNotConfigured("HF_TOKEN or HUGGINGFACE_API_KEY not configured.")
        if self._endpoint:
            return
        if self._provider not in (AUTO, *PROVIDERS):
            raise EngineNotConfigured(f"HUGGINGFACE_PROVIDER must be one of {AUTO}, {', '.join(PROVIDERS)}.")
        if not self._token.get_secret_value().startswith(TOKEN_START):
            raise EngineNotConfigured(
                f"HF_TOKEN or HUGGINGFACE_API_KEY must be a token of Hugging Face: {TOKEN_START}…"
            )

    def capabilities_of(self, model: str) -> Capabilities:
        return capabilities_at(HF_INFERENCE if self._endpoint else self._provider, self._model)

    async def stop(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def generate(self, recipe: Recipe, report: Report) -> GeneratedImage:
        report("starting", "Asking Hugging Face.")
        try:
            return await self._generate(recipe, report)
        except EngineError as error:
            if not error.caused_by_request:
                self._found = None  # the next request asks the Hub again who serves the model
            raise

    async def _generate(self, recipe: Recipe, report: Report) -> GeneratedImage:
        token = self._token.get_secret_value() if self._token else ""
        exchanges = Exchanges(self._addresses, token, self._model, self._seconds, report)
        provider, address = await self._whom_to_ask(exchanges)
        taken = capabilities_at(provider, self._model).parameters
        seed = _seed(recipe) if "seed" in taken else None
        # The default asks for nothing: what is usual differs from model to model.
        guidance_scale = recipe.guidance_scale if "guidance_scale" in taken.intersection(requested(recipe)) else None
        words: dict[str, object] = {
            "prompt": recipe.prompt,
            "negative_prompt": recipe.negative_prompt if "negative_prompt" in taken else None,
            "width": recipe.size[0],
            "height": recipe.size[1],
            "seed": seed,
            "guidance_scale": guidance_scale,
        }
        report("generating", f"The provider {provider} makes the picture.")
        data = await exchanges.run(self._threads, lambda: _picture(address, provider, token, words))
        return GeneratedImage(data, seed, guidance_scale, model=self._model if not self._endpoint else None)

    async def _whom_to_ask(self, exchanges: Exchanges) -> tuple[str, str]:
        """The provider, and the model as the client is to be told it: an address, or its name."""
        if self._endpoint:
            return HF_INFERENCE, self._endpoint
        if self._provider == HF_INFERENCE:
            return HF_INFERENCE, self._addresses.hf_inference(self._model)
        if not self._found:
            wanted = PROVIDERS if self._provider == AUTO else (self._provider,)
            self._found = await exchanges.run(self._threads, lambda: _provider_of(self._model, wanted))
        if self._found == HF_INFERENCE:
            return HF_INFERENCE, self._addresses.hf_inference(self._model)
        return self._found, self._model


def _seed(recipe: Recipe) -> int:
    return recipe.seed if recipe.seed >= 0 else secrets.randbelow(MAX_SEED + 1)


def _provider_of(model: str, wanted: tuple[str, ...]) -> str:
    from render_worker.engines.huggingface import sdk  # on first use, in a thread: its import takes half a second

    return sdk.provider_of(model, wanted)


def _picture(model: str, provider: str, token: str, words: dict[str, object]) -> bytes:
    from render_worker.engines.huggingface import sdk

    return sdk.picture(model, provider, token, words)
