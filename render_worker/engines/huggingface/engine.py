"""Hugging Face's Inference Providers, and Inference Endpoints of one's own, by Hugging Face's client.

`HUGGINGFACE_PROVIDER=auto` takes the first known provider of the model, in the account's own order; the Hub lists a
model's providers. In October 2026 they were nscale and fal-ai for FLUX.1-schnell, while hf-inference replied HTTP 410,
as public code that asks it says.
"""

import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import TypedDict

from render_worker.contract import MAX_SEED, Recipe
from render_worker.engines.base import Engine, GeneratedImage, Reporter, require_package
from render_worker.engines.capabilities import Capabilities, requested
from render_worker.engines.huggingface.exchanges import Exchanges, ServiceUrls
from render_worker.engines.huggingface.providers import AUTO, HF_INFERENCE, PROVIDERS, capabilities_at, extra_at
from render_worker.engines.huggingface.settings import HuggingFaceSettings
from render_worker.engines.huggingface.sizes import FLUX
from render_worker.engines.slots import Slots
from render_worker.errors import EngineError, EngineNotConfigured

TOKEN_START = "hf_"  # noqa: S105 - with another key the client would bypass Hugging Face and ask the provider itself


class _Parameters(TypedDict):
    """The arguments of the client's `text_to_image`."""

    prompt: str
    negative_prompt: str | None
    width: int
    height: int
    seed: int | None
    guidance_scale: float | None
    extra_body: dict[str, str] | None
    """What the provider takes beside."""


class HuggingFaceEngine(Engine):
    """Pictures of one model, by a provider that runs it for Hugging Face."""

    name = "huggingface"
    description = "A model at Hugging Face's Inference Providers; paid by the account's credits."
    typical_seconds = 10
    needs = "an account's `HF_TOKEN`, and its credits"
    capabilities = Capabilities(FLUX, seed=True, negative_prompt=True, guidance_scale=True)

    def __init__(self, settings: HuggingFaceSettings) -> None:
        self.slots = Slots(settings.engine_concurrency)
        self._token = settings.huggingface_api_key or settings.hf_token
        self._model = settings.huggingface_model
        self._provider = settings.huggingface_provider
        self._endpoint = settings.huggingface_url
        self._addresses = ServiceUrls.of(settings)
        self._seconds = settings.huggingface_seconds
        self._hub_provider: str | None = None  # the one that the Hub named
        # The client's calls block: in the loop's own few threads they would delay everything else.
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

    async def generate(self, recipe: Recipe, report: Reporter) -> GeneratedImage:
        report("starting", "Asking Hugging Face.")
        try:
            return await self._generate(recipe, report)
        except EngineError as error:
            if not error.caused_by_request:
                self._hub_provider = None  # the next request has the Hub name one again
            raise

    async def _generate(self, recipe: Recipe, report: Reporter) -> GeneratedImage:
        token = self._token.get_secret_value() if self._token else ""
        exchanges = Exchanges(self._addresses, token, self._model, self._seconds, report)
        provider, address = await self._target(exchanges)
        parameters = self._parameters(recipe, provider)
        report("generating", f"The provider {provider} makes the picture.")
        data = await exchanges.run(self._threads, lambda: _sdk_picture(address, provider, token, parameters))
        model = None if self._endpoint else self._model
        return GeneratedImage(data, parameters["seed"], parameters["guidance_scale"], model=model)

    def _parameters(self, recipe: Recipe, provider: str) -> _Parameters:
        """Return the recipe as the client takes it; what the provider does not honour is None."""
        capabilities = capabilities_at(provider, self._model)
        honoured, plan = capabilities.parameters, capabilities.sizes.plan(recipe)
        return {
            "prompt": recipe.prompt,
            "negative_prompt": recipe.negative_prompt if "negative_prompt" in honoured else None,
            "width": plan.made[0],
            "height": plan.made[1],
            "seed": _seed(recipe) if "seed" in honoured else None,
            # The default is not sent: models differ in their own.
            "guidance_scale": recipe.guidance_scale if "guidance_scale" in honoured & set(requested(recipe)) else None,
            "extra_body": extra_at(provider, self._model, recipe, plan),
        }

    async def _target(self, exchanges: Exchanges) -> tuple[str, str]:
        """Return the provider, and the model as the client takes it: an address or a name."""
        if self._endpoint:
            return HF_INFERENCE, self._endpoint
        if self._provider == HF_INFERENCE:
            return HF_INFERENCE, self._addresses.hf_inference(self._model)
        if not self._hub_provider:
            choice = PROVIDERS if self._provider == AUTO else (self._provider,)
            self._hub_provider = await exchanges.run(self._threads, lambda: _provider_of(self._model, choice))
        if self._hub_provider == HF_INFERENCE:
            return HF_INFERENCE, self._addresses.hf_inference(self._model)
        return self._hub_provider, self._model


def _seed(recipe: Recipe) -> int:
    return recipe.seed if recipe.seed >= 0 else secrets.randbelow(MAX_SEED + 1)


def _provider_of(model: str, choice: tuple[str, ...]) -> str:
    from render_worker.engines.huggingface import sdk  # on first use, in a thread: its import takes half a second

    return sdk.provider_of(model, choice)


def _sdk_picture(model: str, provider: str, token: str, parameters: _Parameters) -> bytes:
    from render_worker.engines.huggingface import sdk

    return sdk.picture(model, provider, token, {**parameters})
