"""AI Horde: pictures that volunteers' machines make, free."""

import asyncio
import random
import re
from dataclasses import replace

from render_worker.cancellation import run_shielded
from render_worker.contract import MAX_SEED, Recipe
from render_worker.engines.base import Engine, GeneratedImage, Reporter
from render_worker.engines.capabilities import TEXT_PARAMETERS, Capabilities
from render_worker.engines.horde.client import HordeClient
from render_worker.engines.horde.replies import Document, KudosUpfront, count
from render_worker.engines.horde.settings import HordeSettings
from render_worker.engines.horde.terms import Negotiation, Terms
from render_worker.engines.slots import Slots
from render_worker.errors import ContentRefused, EngineBusy, EngineError, InvalidParameter, UnexpectedReply
from render_worker.outbound.download import PictureService, download
from render_worker.outbound.exchange import picture_in_base64
from render_worker.outbound.replies import printable
from render_worker.sizes import SizeRange, Sizes

NEGATIVE = "###"  # what follows it in a prompt is the negative prompt
DOWNLOAD_SECONDS = 60.0
IMPOSSIBLE_LOOKS = 2  # in a row, because a look may fall between two workers
# Its API takes sides from 64 to 3072 (horde/apis/models/stable_v2.py), and most of its models paint nothing sensible on
# less than 512: a smaller picture is scaled down from a larger one.
SIZES = Sizes(((768, 768), (768, 512), (512, 768)), SizeRange(least=512, most=3072, step=64), promised=True)


class HordeEngine(Engine):
    """Pictures by AI Horde, with an account's key or the anonymous one."""

    name = "horde"
    description = "AI Horde: Stable Diffusion and others on volunteers' machines, free."
    needs = "nothing; with a free account's `HORDE_API_KEY` it waits less"
    capabilities = Capabilities.of(TEXT_PARAMETERS | {"steps"}, SIZES)
    typical_seconds = 45
    dollars = 0.0

    def __init__(self, settings: HordeSettings) -> None:
        self._settings = settings
        self.slots = Slots(settings.engine_concurrency)
        self._source = PictureService("AI Horde", settings.horde_image_origins)
        self._negotiation = Negotiation(settings)

    async def generate(self, recipe: Recipe, report: Reporter) -> GeneratedImage:
        seed = recipe.seed if recipe.seed >= 0 else random.randint(0, MAX_SEED)
        async with HordeClient.open(self._settings, report) as client:
            report("starting", "Handing the request to AI Horde.")
            job, terms = await self._submit(client, recipe, seed, report)
            try:
                await self._wait_until_done(client, job, report)
                report("downloading")
                state = await client.look(job, "status")
            except BaseException:  # whatever it is, there is no client for the picture any longer
                await run_shielded(client.cancel(job))
                raise
        image = await self._image(state, seed)
        return self._on_terms(image, terms, recipe)

    async def _submit(self, client: HordeClient, recipe: Recipe, seed: int, report: Reporter) -> tuple[str, Terms]:
        """Return the id of the accepted request and the terms on which it was accepted: the first without kudos.

        Raises InvalidParameter if a text holds the service's separator.
        """
        _require_no_separator(recipe)
        planned = self.plan(recipe).made
        terms = self._negotiation.planned(planned, recipe.steps)
        while True:
            try:
                return await client.submit(_request_body(recipe, seed, terms)), terms
            except KudosUpfront as refusal:
                terms = await self._negotiation.next_terms(terms, refusal, recipe, planned, client, report)

    async def _wait_until_done(self, client: HordeClient, job: str, report: Reporter) -> None:
        """Wait until the picture is there, and report the queue. Raises EngineError if no machine makes it."""
        impossible = 0
        while True:
            await asyncio.sleep(self._settings.horde_poll_seconds)
            state = await client.look(job, "check")
            if state.get("faulted"):
                raise EngineError("AI Horde's machines failed at the picture.")
            if state.get("done"):
                return
            impossible = impossible + 1 if state.get("is_possible") is False else 0
            if impossible >= IMPOSSIBLE_LOOKS:
                raise EngineBusy("No machine of AI Horde's that is up can make such a picture.")
            _report_state(state, report)

    async def _image(self, state: Document, seed: int) -> GeneratedImage:
        """Return the picture of a request that is done. Raises ContentRefused if the service censored it."""
        generations = state.get("generations")
        generation = generations[0] if isinstance(generations, list) and generations else None
        if not isinstance(generation, dict) or not isinstance(generation.get("img"), str):
            raise UnexpectedReply("AI Horde was done, but its answer holds no picture.")
        if generation.get("censored"):
            raise ContentRefused("AI Horde censored the picture.")
        named = generation.get("seed")
        used = int(named) if isinstance(named, str) and re.fullmatch(r"[0-9]{1,10}", named) else seed
        model = printable(generation.get("model")) or None
        data = await self._data(generation["img"])
        nsfw = False if generation.get("censored") is False else None  # the machine's checker, as `censor_nsfw` asks
        return GeneratedImage(data, used, None, nsfw=nsfw, model=model)

    async def _data(self, img: str) -> bytes:
        if img.startswith("http"):
            return await download(img, self._source, DOWNLOAD_SECONDS, self._settings.horde_poll_seconds)
        return picture_in_base64(img, "AI Horde")

    def _on_terms(self, image: GeneratedImage, terms: Terms, recipe: Recipe) -> GeneratedImage:
        """Return the image with what it was made by, as far as that is not as the recipe has it."""
        guidance, planned = _guidance(recipe, terms), self.plan(recipe).made
        steps = terms.choice.steps
        kept = {"guidance_scale": guidance == round(recipe.guidance_scale, 2), "steps": recipe.steps in (None, steps)}
        ignored = tuple(name for name, is_kept in kept.items() if not is_kept)
        image = replace(image, guidance_scale=guidance, steps=steps, ignored=ignored)
        if terms.size == planned:
            return image
        note = f"AI Horde makes no larger picture without kudos at the moment; {planned[0]}x{planned[1]} was planned."
        return replace(image, made=terms.size, note=note)


def _request_body(recipe: Recipe, seed: int, terms: Terms) -> Document:
    """Return the request in the service's words.

    It has no `allow_downgrade`: with no models named the service fails at that, and else does not say what it did.
    """
    negative = f" {NEGATIVE} {recipe.negative_prompt}" if recipe.negative_prompt else ""
    return {
        "prompt": recipe.prompt + negative,
        "params": _params(recipe, seed, terms),
        "models": list(terms.choice.names),
        "nsfw": False,
        "censor_nsfw": True,
        "slow_workers": True,
        "r2": True,
        "shared": False,
    }


def _params(recipe: Recipe, seed: int, terms: Terms) -> Document:
    width, height = terms.size
    return {
        "width": width,
        "height": height,
        "steps": terms.choice.steps,
        "cfg_scale": _guidance(recipe, terms),
        "seed": str(seed),
        "sampler_name": "k_euler_a",
        "karras": True,
        "n": 1,
    }


def _guidance(recipe: Recipe, terms: Terms) -> float:
    """Return the guidance scale that the models are given: with two decimals, as the service refuses more."""
    most = terms.choice.max_guidance
    return round(recipe.guidance_scale if most is None else min(recipe.guidance_scale, most), 2)


def _require_no_separator(recipe: Recipe) -> None:
    for name, text in (("prompt", recipe.prompt), ("negative_prompt", recipe.negative_prompt or "")):
        if NEGATIVE in text:
            raise InvalidParameter(f"{name} must not hold {NEGATIVE}, which divides them at AI Horde.")


def _report_state(state: Document, report: Reporter) -> None:
    wait, position = count(state.get("wait_time")), count(state.get("queue_position"))
    if count(state.get("processing")):
        report("generating", "A machine of AI Horde's is making the picture.", expected_seconds=wait)
    elif position:
        message = f"Waiting at AI Horde, as number {position} in its queue."
        report("queued", message, position=position, expected_seconds=wait)
    else:
        report("queued", "Waiting at AI Horde.", expected_seconds=wait)
