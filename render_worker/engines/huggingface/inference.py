"""Hugging Face's Inference Providers, and Inference Endpoints of one's own, by Hugging Face's client.

`HUGGINGFACE_PROVIDER=auto` takes the known providers of the model, in the account's own order; the Hub lists a model's
providers. In October 2026 they were nscale and fal-ai for FLUX.1-schnell, while hf-inference replied HTTP 410, as
public code that asks it says: the next one is asked then.
"""

import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import TypedDict

from render_worker.contract import MAX_SEED, Recipe
from render_worker.engines.base import GeneratedImage, Reporter, require_package
from render_worker.engines.capabilities import requested
from render_worker.engines.huggingface.exchanges import Exchanges, ServiceUrls
from render_worker.engines.huggingface.providers import (
    AUTO,
    HF_INFERENCE,
    PROVIDERS,
    capabilities_at,
    extra_at,
    quality_at,
)
from render_worker.engines.huggingface.replies import ModelGone
from render_worker.engines.huggingface.settings import HuggingFaceSettings
from render_worker.engines.huggingface.way import Way
from render_worker.errors import EngineError, EngineNotConfigured


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


class Inference(Way):
    """One model, by a provider that runs it for Hugging Face, or at an endpoint of one's own."""

    dollars = None  # by the provider's price, of which the Hub tells nothing

    def __init__(self, settings: HuggingFaceSettings, token: str) -> None:
        super().__init__()
        self._token = token
        self._name = settings.huggingface_model
        self._provider = settings.huggingface_provider
        self._endpoint = settings.huggingface_url
        self._addresses = ServiceUrls.of(settings)
        self._seconds = settings.huggingface_seconds
        self._hub_providers: tuple[str, ...] = ()  # those that the Hub named, and that still serve the model
        # The client's calls block: in the loop's own few threads they would delay everything else.
        self._threads = ThreadPoolExecutor(settings.engine_concurrency, thread_name_prefix="huggingface")
        self.model = None if self._endpoint else self._name
        self.capabilities = capabilities_at(HF_INFERENCE if self._endpoint else self._provider, self._name)
        self.quality = quality_at(self._name)

    def check(self) -> None:
        require_package("huggingface_hub", "huggingface")
        if not self._endpoint and self._provider not in (AUTO, *PROVIDERS):
            raise EngineNotConfigured(f"HUGGINGFACE_PROVIDER must be one of {AUTO}, {', '.join(PROVIDERS)}.")

    async def stop(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _make(self, recipe: Recipe, report: Reporter) -> GeneratedImage:
        report("starting", "Asking Hugging Face.")
        try:
            return await self._by_any(recipe, report)
        except EngineError as error:
            if not error.caused_by_request:
                self._hub_providers = ()  # the next request has the Hub name them again
            raise

    async def _by_any(self, recipe: Recipe, report: Reporter) -> GeneratedImage:
        """Make the picture by the first provider that serves the model: one may have dropped what the Hub lists."""
        exchanges = Exchanges(self._addresses, self._token, self._name, self._seconds, report)
        while True:
            provider, address = await self._target(exchanges)
            try:
                return await self._by(provider, address, recipe, exchanges, report)
            except ModelGone as gone:
                self._hub_providers = tuple(name for name in self._hub_providers if name != provider)
                if not self._hub_providers:
                    raise
                report.setback(f"{provider}: {gone} Asking {self._hub_providers[0]}.")

    async def _by(
        self, provider: str, address: str, recipe: Recipe, exchanges: Exchanges, report: Reporter
    ) -> GeneratedImage:
        parameters = self._parameters(recipe, provider)
        report("generating", f"The provider {provider} makes the picture.")
        data = await exchanges.run(self._threads, lambda: _sdk_picture(address, provider, self._token, parameters))
        guidance = parameters["guidance_scale"]
        return GeneratedImage(data, parameters["seed"], guidance, nsfw=exchanges.nsfw, model=self.model)

    def _parameters(self, recipe: Recipe, provider: str) -> _Parameters:
        """Return the recipe as the client takes it; what the provider does not honour is None."""
        capabilities = capabilities_at(provider, self._name)
        honoured, plan = capabilities.parameters, capabilities.sizes.plan(recipe)
        return {
            "prompt": recipe.prompt,
            "negative_prompt": recipe.negative_prompt if "negative_prompt" in honoured else None,
            "width": plan.made[0],
            "height": plan.made[1],
            "seed": _seed(recipe) if "seed" in honoured else None,
            # The default is not sent: models differ in their own.
            "guidance_scale": recipe.guidance_scale if "guidance_scale" in honoured & set(requested(recipe)) else None,
            "extra_body": extra_at(provider, self._name, recipe, plan),
        }

    async def _target(self, exchanges: Exchanges) -> tuple[str, str]:
        """Return the provider, and the model as the client takes it: an address or a name."""
        if self._endpoint:
            return HF_INFERENCE, self._endpoint
        provider = self._provider
        if provider != HF_INFERENCE:
            if not self._hub_providers:
                choice = PROVIDERS if provider == AUTO else (provider,)
                self._hub_providers = await exchanges.run(self._threads, lambda: _providers_of(self._name, choice))
            provider = self._hub_providers[0]
        return provider, self._addresses.hf_inference(self._name) if provider == HF_INFERENCE else self._name


def _seed(recipe: Recipe) -> int:
    return recipe.seed if recipe.seed >= 0 else secrets.randbelow(MAX_SEED + 1)


def _providers_of(model: str, choice: tuple[str, ...]) -> tuple[str, ...]:
    from render_worker.engines.huggingface import sdk  # on first use, in a thread: its import takes half a second

    return sdk.providers_of(model, choice)


def _sdk_picture(model: str, provider: str, token: str, parameters: _Parameters) -> bytes:
    from render_worker.engines.huggingface import sdk

    return sdk.picture(model, provider, token, {**parameters})
