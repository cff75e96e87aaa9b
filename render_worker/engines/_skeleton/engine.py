"""The service's name for people, and where its API is documented."""

import random

import httpx

from render_worker.contract import MAX_SEED, Recipe
from render_worker.engines._skeleton.settings import SkeletonSettings
from render_worker.engines.base import Engine, GeneratedImage, Reporter
from render_worker.engines.capabilities import Capabilities
from render_worker.engines.slots import Slots
from render_worker.errors import (
    ContentRefused,
    EngineBusy,
    EngineError,
    EngineNotConfigured,
    EngineRateLimited,
    EngineUnauthorized,
    RequestInvalid,
    UnexpectedReply,
)
from render_worker.outbound.exchange import HttpService, Reply, picture_in_base64
from render_worker.outbound.privacy import repeatable
from render_worker.outbound.replies import retry_after
from render_worker.sizes import Sizes

MAX_RETRY_AFTER_SECONDS = 3600


class SkeletonEngine(Engine):
    """What makes this engine different from the others."""

    name = "skeleton"  # the registry's key
    description = "What it is, in a sentence for clients."
    needs = "an account's `SKELETON_API_KEY`"
    typical_seconds = 10  # until pictures were measured
    # Whatever is left out is refused by name, or listed as ignored. A SizeRange beside the native sizes bounds others.
    capabilities = Capabilities(Sizes(((1024, 1024), (1216, 832), (832, 1216))), seed=True)

    def __init__(self, settings: SkeletonSettings) -> None:
        self._settings = settings
        self.slots = Slots(settings.engine_concurrency)
        self._service = HttpService("Skeleton", settings.skeleton_seconds)

    def check(self) -> None:
        # A library of its own is required here too: require_package("module", self.name)
        if not self._settings.skeleton_api_key:
            raise EngineNotConfigured("SKELETON_API_KEY not configured.")

    async def generate(self, recipe: Recipe, report: Reporter) -> GeneratedImage:
        # A picture behind an address is fetched by outbound.download. Being cancelled has to end the work at the
        # service as well: closing the connection does, or a request of its own within cancellation.run_shielded. A
        # library is imported here, on first use.
        seed = recipe.seed if recipe.seed >= 0 else random.randint(0, MAX_SEED)
        report("generating")
        width, height = self.plan(recipe).made
        reply = await self._ask({"prompt": recipe.prompt, "size": f"{width}x{height}", "seed": seed})
        return GeneratedImage(picture_in_base64(reply.get("image"), "Skeleton"), seed, guidance_scale=None)

    async def _ask(self, words: dict[str, object]) -> dict[str, object]:
        """Send the one request. Raises an EngineError if it brings no JSON object."""
        key = self._settings.skeleton_api_key
        headers = {"Authorization": f"Bearer {key.get_secret_value() if key else ''}"}
        reply = await self._service.exchange(
            "POST", f"{self._settings.skeleton_url}/images", headers=headers, json=words
        )
        if not reply.is_success:
            raise error_of(reply)
        return reply.required_document()


def error_of(reply: Reply) -> EngineError:
    """Return the error that a refusal means: the service's own codes come before the HTTP status."""
    if reply.document.get("code") == "content_policy":
        return ContentRefused("Skeleton does not make such a picture.")
    if reply.status == httpx.codes.TOO_MANY_REQUESTS:  # asking again sooner is in vain: the circuit breaker opens
        seconds = retry_after(reply.headers.get("retry-after"), MAX_RETRY_AFTER_SECONDS)
        return EngineRateLimited("Skeleton limits how often this worker may ask.", seconds)
    words = f'Skeleton answered HTTP {reply.status}: "{repeatable(reply.document.get("message"))}".'
    kinds: dict[int, type[EngineError]] = {400: RequestInvalid, 401: EngineUnauthorized, 403: EngineUnauthorized}
    kind = kinds.get(reply.status, EngineBusy if reply.status >= httpx.codes.INTERNAL_SERVER_ERROR else UnexpectedReply)
    return kind(words)
