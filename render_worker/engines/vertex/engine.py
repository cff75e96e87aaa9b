"""Google's Vertex AI: Gemini's image models, by `generate_content`."""

import asyncio
import contextlib
import importlib
import random
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, ClassVar

import httpx

from render_worker.contract import EngineHealth, Recipe
from render_worker.engines.base import Engine, GeneratedImage, Reporter, require_package
from render_worker.engines.capabilities import Capabilities
from render_worker.engines.slots import Slots
from render_worker.engines.vertex import gemini
from render_worker.engines.vertex.models import known
from render_worker.engines.vertex.outputs import output_of
from render_worker.engines.vertex.replies import error_of_reply
from render_worker.engines.vertex.service_account import ServiceAccount
from render_worker.engines.vertex.settings import DEFAULT_MODEL, VertexSettings
from render_worker.errors import (
    EngineBusy,
    EngineError,
    EngineNotConfigured,
    EngineRateLimited,
    EngineUnauthorized,
    EngineUnreachable,
    PhaseTimeout,
    UnexpectedReply,
)
from render_worker.imaging import SourcePicture
from render_worker.outbound.client import AS_IT_IS, http_client, tls
from render_worker.outbound.download import MAX_PICTURE_BYTES
from render_worker.outbound.limited_client import limit_replies
from render_worker.outbound.replies import UNREADABLE

if TYPE_CHECKING:
    from google import genai
    from google.genai.errors import APIError
    from google.genai.types import HttpOptions

MAX_REPLY_BYTES = MAX_PICTURE_BYTES * 3 // 2  # a picture in base64, which adds a third, and some JSON around it
MULTI_REGIONS = ("us", "eu")


class VertexEngine(Engine):
    """Sends one request for a picture; closing its connection ends the work at Google as well."""

    name = "vertex"
    description = "Google's Vertex AI, with Gemini's image models; paid for each picture."
    typical_seconds = 30
    needs = "a paid project: `GOOGLE_API_KEY`, or `GOOGLE_CLOUD_PROJECT` and `GOOGLE_APPLICATION_CREDENTIALS`"
    capabilities = gemini.capabilities_of(DEFAULT_MODEL)
    retry_pauses: ClassVar[tuple[float, ...]] = (1.0, 2.0)  # Google asks for at most two retries, a second apart

    def __init__(self, settings: VertexSettings) -> None:
        self.slots = Slots(settings.engine_concurrency)
        self._model = settings.vertex_model
        self._known = known(self._model)
        self.today: Callable[[], date] = lambda: datetime.now(UTC).date()
        self._api_key = settings.google_api_key
        self._key_file = settings.google_application_credentials
        self._seconds = settings.vertex_seconds
        self._account = ServiceAccount(self._key_file, self._seconds) if self._key_file and not self._api_key else None
        self._project = settings.google_cloud_project
        self._location = "global" if self._api_key else settings.vertex_ai_location
        self._address = settings.vertex_url or _google(self._location)

    def check(self) -> None:
        require_package("google.genai", self.name)
        if self._known.gone:
            raise self._ended()
        if self._api_key:
            return
        if self._key_file is None:
            raise EngineNotConfigured("GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_API_KEY not configured.")
        if not self._project:
            raise EngineNotConfigured("GOOGLE_CLOUD_PROJECT not configured.")
        if self._account:
            self._account.check()

    def capabilities_of(self, model: str) -> Capabilities:
        return gemini.capabilities_of(self._model)

    def price(self, recipe: Recipe) -> float | None:
        return self._known.dollars.get(output_of(recipe, self._model).image_size)

    def quality_of(self, model: str) -> int:
        return self._known.quality

    def health(self) -> EngineHealth:
        ends = self._known.ends
        return EngineHealth(state="ready", details={"model_ends": ends.isoformat()} if ends else {})

    async def generate(self, recipe: Recipe, report: Reporter) -> GeneratedImage:
        return await self._generate(recipe, None, report)

    async def edit(self, recipe: Recipe, image: SourcePicture, report: Reporter) -> GeneratedImage:
        return await self._generate(recipe, image, report)

    async def _generate(self, recipe: Recipe, image: SourcePicture | None, report: Reporter) -> GeneratedImage:
        """Make a picture, with retries of requests that Google turned away: only replies with a picture cost money."""
        self.check()
        await asyncio.to_thread(importlib.import_module, "google.genai.types")  # half a second the first time
        for pause in self.retry_pauses:
            try:
                return await self._generate_once(recipe, image, report)
            except (EngineBusy, EngineRateLimited, EngineUnreachable) as problem:
                if isinstance(problem, EngineRateLimited) and problem.retry_after is not None:
                    raise  # Google named a time; an earlier retry is in vain
                report.setback(f"{problem} Trying again.")
                await asyncio.sleep(pause * random.uniform(1, 1.5))  # so that clients do not come at once
        return await self._generate_once(recipe, image, report)

    async def _generate_once(self, recipe: Recipe, image: SourcePicture | None, report: Reporter) -> GeneratedImage:
        from google.genai.errors import APIError

        try:
            async with asyncio.timeout(self._seconds), http_client(self._seconds) as http:
                limit_replies(http, MAX_REPLY_BYTES)
                client = await self._authenticated_client(http, report)
                with contextlib.closing(client):
                    report("generating", "Vertex AI is making the picture.")
                    return await gemini.make(client, self._model, recipe, image)
        except APIError as error:
            raise self._error_of(error) from None
        except (httpx.ConnectError, httpx.ConnectTimeout):
            raise EngineUnreachable("Vertex AI cannot be reached.") from None
        except (TimeoutError, httpx.TimeoutException):
            raise PhaseTimeout(f"Vertex AI did not answer within {self._seconds:g} seconds.") from None
        except httpx.HTTPError:
            raise EngineError("The connection to Vertex AI broke off before its answer.") from None
        except UNREADABLE:
            raise UnexpectedReply("Vertex AI answered something that cannot be read.") from None

    async def _authenticated_client(self, http: httpx.AsyncClient, report: Reporter) -> "genai.Client":
        token = None
        if self._account:
            if not self._account.has_token():
                report("verifying", "Signing in at Google.")
            token = await self._account.token(http)
        return self._new_client(http, token)

    def _new_client(self, http: httpx.AsyncClient, token: str | None) -> "genai.Client":
        """Return a client that takes nothing from the environment: all that it would look for there is given."""
        from google import genai
        from google.genai.client import DebugConfig
        from google.oauth2.credentials import Credentials

        options = self._http_options(http)
        # Else a variable makes it write files.
        live = DebugConfig(client_mode=None, replays_directory=None, replay_id=None)
        if self._api_key:
            key = self._api_key.get_secret_value()
            return genai.Client(vertexai=True, api_key=key, http_options=options, debug_config=live)
        return genai.Client(
            vertexai=True,
            credentials=Credentials(token),  # type: ignore[no-untyped-call]
            project=self._project,
            location=self._location,
            http_options=options,
            debug_config=live,
        )

    def _http_options(self, http: httpx.AsyncClient) -> "HttpOptions":
        from google.genai.types import HttpOptions

        return HttpOptions(
            base_url=self._address,
            api_version="v1",
            headers=AS_IT_IS,
            timeout=round(self._seconds * 1000),
            httpx_async_client=http,
            client_args={"verify": tls(), "trust_env": False},  # these two are for clients that are not used,
            async_client_args={"ssl": tls()},  # each of which would load all certificates again
        )

    def _error_of(self, error: "APIError") -> EngineError:
        problem = error_of_reply(error, self._model, self._location)
        if isinstance(problem, EngineNotConfigured) and self._known.has_ended(self.today()):
            return self._ended()
        if isinstance(problem, EngineUnauthorized) and self._account:
            self._account.forget()
        return problem

    def _ended(self) -> EngineNotConfigured:
        """Return the error of a model that Google has ended."""
        known = self._known
        return EngineNotConfigured(
            f"Google ended the model {self._model} on {known.ends}; set VERTEX_MODEL={known.successor}."
        )


def _google(location: str) -> str:
    """Return Google's own address of a location."""
    if location == "global":
        return "https://aiplatform.googleapis.com"
    if location in MULTI_REGIONS:
        return f"https://aiplatform.{location}.rep.googleapis.com"
    return f"https://{location}-aiplatform.googleapis.com"
