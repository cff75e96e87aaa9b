"""Cloudflare Workers AI, whose API is documented at https://developers.cloudflare.com/workers-ai."""

import random

from render_worker.contract import MAX_SEED, EngineHealth, Recipe, Size
from render_worker.engines.base import Engine, GeneratedImage, Reporter
from render_worker.engines.capabilities import Capabilities
from render_worker.engines.cloudflare.allowance import Allowance
from render_worker.engines.cloudflare.models import MODELS, UNKNOWN, CloudflareModel
from render_worker.engines.cloudflare.replies import NAME, error_of, picture_of
from render_worker.engines.cloudflare.settings import DEFAULT_MODEL, CloudflareSettings
from render_worker.engines.slots import Slots
from render_worker.errors import EngineNotConfigured, QuotaExhausted
from render_worker.outbound.exchange import HttpService, Reply

USUAL: Size = (1024, 1024)
FEW_PICTURES = 10


class CloudflareEngine(Engine):
    """Sends one request for a picture; closing its connection ends it."""

    name = "cloudflare"
    description = "Models that Cloudflare runs, FLUX.1 schnell unless configured otherwise; free for some 170 a day."
    needs = "a free account's `CLOUDFLARE_ACCOUNT_ID` and `CLOUDFLARE_API_TOKEN`"
    typical_seconds = 5
    capabilities = MODELS[DEFAULT_MODEL.removeprefix("@")].capabilities
    dollars = 0.0  # within the free allowance; a paid plan of Workers is billed for what exceeds it

    def __init__(self, settings: CloudflareSettings) -> None:
        self.slots = Slots(settings.engine_concurrency)
        self.models = tuple(dict.fromkeys(name.removeprefix("@") for name in settings.cloudflare_model))
        self.allowance = Allowance()
        self._settings = settings
        self._service = HttpService(NAME, settings.cloudflare_seconds)

    def check(self) -> None:
        missing = [
            name for name in ("cloudflare_account_id", "cloudflare_api_token") if not getattr(self._settings, name)
        ]
        if missing:
            raise EngineNotConfigured(f"{' and '.join(map(str.upper, missing))} not configured.")

    def capabilities_of(self, model: str) -> Capabilities:
        return self._model(model).capabilities

    def quality_of(self, model: str) -> int:
        return self._model(model).quality

    def health(self) -> EngineHealth:
        neurons = self._model(self.name).neurons
        details: dict[str, int | str | bool] = {}
        if neurons:
            details["pictures_left_today"] = self.allowance.pictures_left(neurons(USUAL))
        return EngineHealth(state="ready", details=details)

    async def generate(self, recipe: Recipe, report: Reporter) -> GeneratedImage:
        self.check()
        model, honoured = self._model(recipe.model), self.capabilities_of(recipe.model).parameters
        seed = (recipe.seed if recipe.seed >= 0 else random.randint(0, MAX_SEED)) if "seed" in honoured else None
        fields = model.fields(recipe, seed)
        neurons = model.neurons(self.plan(recipe).made) if model.neurons else 0.0
        report("generating", f"Cloudflare is making the picture{self._left_in_words(neurons)}.")
        data = await self._picture(self._named(recipe.model), model, fields)
        self.allowance.use(neurons)
        guidance = fields.get("guidance")
        return GeneratedImage(
            data,
            seed,
            None if guidance is None else float(guidance),
            note=self._warning(neurons),
            model=self._named(recipe.model),
        )

    async def _picture(self, name: str, model: CloudflareModel, fields: dict[str, str | int | float]) -> bytes:
        """Return the picture. Raises QuotaExhausted until 00:00 UTC if the day's neurons are used up."""
        try:
            return _picture_or_error(await self._ask(name, model, fields))
        except QuotaExhausted as error:
            error.retry_after = self.allowance.exhaust()
            raise

    async def _ask(self, name: str, model: CloudflareModel, fields: dict[str, str | int | float]) -> Reply:
        settings = self._settings
        token = settings.cloudflare_api_token.get_secret_value() if settings.cloudflare_api_token else ""
        address = f"{settings.cloudflare_url}/accounts/{settings.cloudflare_account_id}/ai/run/@{name}"
        headers = {"Authorization": f"Bearer {token}"}
        if model.multipart:  # a field is a part without a file's name
            form = {field: (None, str(value)) for field, value in fields.items()}
            return await self._service.exchange("POST", address, headers=headers, files=form)
        return await self._service.exchange("POST", address, headers=headers, json=fields)

    def _named(self, model: str) -> str:
        """Return the configured model that a request's `model` means."""
        return model if model in self.models else self.models[0]

    def _model(self, model: str) -> CloudflareModel:
        return MODELS.get(self._named(model), UNKNOWN)

    def _left_in_words(self, neurons: float) -> str:
        if not neurons:
            return ""
        left = self.allowance.pictures_left(neurons)
        return f"; today's free allowance is good for {left} such pictures, by this worker's count"

    def _warning(self, neurons: float) -> str | None:
        """Return a sentence about the allowance if little of it is left; None if there is enough, or no count."""
        if not neurons or (left := self.allowance.pictures_left(neurons)) >= FEW_PICTURES:
            return None
        return f"Of the day's free allowance at Cloudflare {left or 'no'} more such pictures were left after this one."


def _picture_or_error(reply: Reply) -> bytes:
    if not reply.is_success:
        raise error_of(reply)
    return picture_of(reply)
