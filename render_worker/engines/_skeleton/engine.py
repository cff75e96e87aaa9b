"""The service's name for people, and where its API is documented."""

import asyncio
import base64
import random

import httpx

from render_worker.contract import MAX_SEED, Recipe
from render_worker.engines._skeleton.settings import SkeletonSettings
from render_worker.engines.base import Engine, GeneratedImage, Reporter
from render_worker.engines.capabilities import Capabilities
from render_worker.engines.slots import Slots
from render_worker.errors import (
    BadPicture,
    ContentRefused,
    EngineBusy,
    EngineError,
    EngineNotConfigured,
    EngineRateLimited,
    EngineUnauthorized,
    EngineUnreachable,
    PhaseTimeout,
    RequestInvalid,
    UnexpectedReply,
)
from render_worker.outbound.client import AS_IT_IS, http_client
from render_worker.outbound.download import MAX_PICTURE_BYTES
from render_worker.outbound.replies import json_object, limit_replies, printable, retry_after
from render_worker.sizes import Sizes

MAX_REPLY_BYTES = 2 * MAX_PICTURE_BYTES  # base64 adds a third
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

    def check(self) -> None:
        # A library of its own is required here too: require_package("module", self.name)
        if not self._settings.skeleton_api_key:
            raise EngineNotConfigured("SKELETON_API_KEY not configured.")

    async def generate(self, recipe: Recipe, report: Reporter) -> GeneratedImage:
        # Being cancelled has to end the work at the service as well: closing the connection does, or a request of its
        # own within cancellation.run_shielded. A library is imported here, on first use.
        seed = recipe.seed if recipe.seed >= 0 else random.randint(0, MAX_SEED)
        report("generating")
        width, height = self.plan(recipe).made
        reply = await self._ask({"prompt": recipe.prompt, "size": f"{width}x{height}", "seed": seed})
        return GeneratedImage(picture_of(reply), seed, guidance_scale=None)

    async def _ask(self, words: dict[str, object]) -> dict[str, object]:
        """Send the one request. Raises an EngineError if it brings no JSON object."""
        key, seconds = self._settings.skeleton_api_key, self._settings.skeleton_seconds
        headers = {"Authorization": f"Bearer {key.get_secret_value() if key else ''}", **AS_IT_IS}
        try:
            async with asyncio.timeout(seconds), http_client(seconds) as client:
                limit_replies(client, MAX_REPLY_BYTES)
                reply = await client.post(f"{self._settings.skeleton_url}/images", json=words, headers=headers)
        except (TimeoutError, httpx.TimeoutException):
            raise PhaseTimeout(f"Skeleton did not answer within {seconds:g} seconds.") from None
        except httpx.HTTPError as error:
            raise EngineUnreachable("Skeleton cannot be reached.") from error
        found = json_object(reply.content)
        if reply.status_code != httpx.codes.OK:
            raise error_of(reply.status_code, reply.headers, found or {})
        if found is None:
            raise UnexpectedReply("Skeleton's reply is no JSON object.")
        return found


def picture_of(reply: dict[str, object]) -> bytes:
    """Return the picture within a reply. A picture behind an address is fetched by `outbound.download.download`."""
    text = reply.get("image")
    if not isinstance(text, str):
        raise BadPicture("missing", "Skeleton's reply holds no picture.")
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:  # binascii.Error is one; text that is not ASCII is another
        raise BadPicture("broken", "Skeleton's picture is no base64.") from None


def error_of(status: int, headers: httpx.Headers, reply: dict[str, object]) -> EngineError:
    """Return the error that a refusal means: the service's own codes come before the HTTP status."""
    if reply.get("code") == "content_policy":
        return ContentRefused("Skeleton does not make such a picture.")
    if status == httpx.codes.TOO_MANY_REQUESTS:  # asking again sooner is in vain: the circuit breaker opens
        seconds = retry_after(headers.get("retry-after"), MAX_RETRY_AFTER_SECONDS)
        return EngineRateLimited("Skeleton limits how often this worker may ask.", seconds)
    words = f'Skeleton answered HTTP {status}: "{printable(reply.get("message"))}".'
    kinds: dict[int, type[EngineError]] = {400: RequestInvalid, 401: EngineUnauthorized, 403: EngineUnauthorized}
    return kinds.get(status, EngineBusy if status >= httpx.codes.INTERNAL_SERVER_ERROR else UnexpectedReply)(words)
