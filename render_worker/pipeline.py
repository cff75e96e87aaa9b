"""The one way of a request: choose the engine, let it generate, make a file with its recipe inside, keep it."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from render_worker.admission import Admission
from render_worker.contract import GenerateRequest, GenerateResult, Model, ModelList
from render_worker.durations import Durations
from render_worker.engines.base import Engine, GeneratedImage
from render_worker.errors import InvalidParameter
from render_worker.imaging import Picture, to_picture
from render_worker.progress import Reporter, Tell, nobody
from render_worker.storages.base import Kept, Storages

LOCAL_SAVE_SECONDS = 1.0  # kept back from slower storages, so that the local folder still gets the picture

log = logging.getLogger(__name__)


class Pipeline:
    """Everything between a request and its result. It runs on the runtime's loop."""

    def __init__(
        self,
        engines: Mapping[str, Engine],
        auto: tuple[str, ...],
        storage: Storages,
        admission: Admission,
        simulated: bool,
    ) -> None:
        self.engines = engines
        self.storage = storage
        self.admission = admission
        self.durations = Durations()
        self.simulated = simulated or None  # left out of answers where it is not so
        self._auto = auto

    async def start(self) -> None:
        """Start the engines that answer model=auto, side by side; one that cannot start says so in its health."""
        await asyncio.gather(*(self._start(name) for name in self._auto))

    async def _start(self, name: str) -> None:
        try:
            await self.engines[name].start()
        except Exception:  # the worker must come up and tell, whatever keeps an engine from starting
            log.exception("engine %s could not start", name)

    async def stop(self) -> None:
        """Stop every engine."""
        for engine in self.engines.values():
            await engine.stop()

    async def generate(
        self, request: GenerateRequest, tell: Tell = nobody, seconds_left: Callable[[], float] | None = None
    ) -> GenerateResult:
        """Make and keep one picture; a WorkerError where that cannot be done."""
        started = time.monotonic()
        engine = self.choose(request.model)
        self.storage.check()
        at_a_time = self.admission.at_a_time(engine.places)
        report = Reporter(request.request_id, engine.name, at_a_time, self.durations, tell)
        room = self.durations.until_room(engine.name, at_a_time)
        async with self.admission.place(engine.places, report.queued, room) as leave_engine:
            report.begin()
            image = await engine.generate(request, report)
            leave_engine()  # what is left needs no engine, but a place among all
            report("saving")
            picture = await asyncio.to_thread(self._encode, engine, image, request)
            left = seconds_left() if seconds_left else request.timeout_seconds - (time.monotonic() - started)
            kept = await self.storage.save(picture, seconds=left - LOCAL_SAVE_SECONDS)
        self.durations.add(engine.name, report.seconds)
        result = self._result(request, engine, image, picture, kept, started)
        despite = f", setbacks on the way: {report.setbacks}" if report.setbacks else ""
        log.info("%s %s made in %d ms%s", request.request_id, engine.name, result.duration_ms, despite)
        return result

    def choose(self, model: str) -> Engine:
        """The engine that answers to that name."""
        if model == "auto":
            return self.engines[self._auto[0]]
        if model not in self.engines:
            raise InvalidParameter(f"model must be one of auto, {', '.join(self.engines)}.")
        return self.engines[model]

    def models(self) -> ModelList:
        """Every name that `choose` knows, besides auto."""
        return ModelList(
            models=[
                Model(
                    name=engine.name,
                    description=engine.description,
                    answers_auto=engine.name in self._auto,
                    state=engine.health().state,
                )
                for engine in self.engines.values()
            ],
            simulated=self.simulated,
        )

    def _encode(self, engine: Engine, image: GeneratedImage, request: GenerateRequest) -> Picture:
        texts = {
            "prompt": request.prompt,
            "negative_prompt": request.negative_prompt,
            "seed": str(image.seed),
            "guidance_scale": f"{image.guidance_scale:g}",
            "shape": request.shape,
            "engine": engine.name,
            "note": image.note,
            "simulated": "true" if self.simulated else None,
        }
        texts_known = {name: text for name, text in texts.items() if text is not None}
        return to_picture(image.data, request.size, texts_known, request.output_format)

    def _result(
        self,
        request: GenerateRequest,
        engine: Engine,
        image: GeneratedImage,
        picture: Picture,
        kept: Kept,
        started: float,
    ) -> GenerateResult:
        return GenerateResult(
            image_url=kept.stored.url,
            prompt=request.prompt,
            seed=image.seed,
            shape=request.shape,
            guidance_scale=image.guidance_scale,
            negative_prompt=request.negative_prompt,
            width=picture.width,
            height=picture.height,
            content_type=kept.stored.content_type,
            bytes=len(picture.data),
            sha256=picture.sha256,
            nsfw=image.nsfw,
            engine=engine.name,
            model=request.model,
            storage=kept.storage,
            storage_error=kept.problem,
            expires_at=kept.stored.expires_at,
            duration_ms=round((time.monotonic() - started) * 1000),
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            request_id=request.request_id,
            note=image.note,
            simulated=self.simulated,
        )
