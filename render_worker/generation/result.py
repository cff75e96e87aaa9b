"""The result of a generation, as it travels to the client."""

import time
from datetime import UTC, datetime
from fractions import Fraction

from render_worker.contract import GenerateResult, alternative_text, nearest_shape
from render_worker.engines.base import GeneratedImage
from render_worker.engines.capabilities import SIZE_PARAMETERS, requested
from render_worker.generation.attempt import Attempt
from render_worker.generation.selection import ignored_names
from render_worker.picture import Picture
from render_worker.storages.chain import SaveOutcome


def to_result(
    attempt: Attempt, image: GeneratedImage, picture: Picture, saved: SaveOutcome, *, simulated: bool
) -> GenerateResult:
    """Return the result of an attempt that made `image`, of which `picture` was saved."""
    request, candidate = attempt.request, attempt.candidate
    honoured = candidate.recipe(request)
    ignored = _ignored(attempt, image, picture)
    return GenerateResult(
        image_url=saved.stored.url,
        prompt=request.prompt,
        seed=image.seed,
        shape=nearest_shape(Fraction(picture.width, picture.height)),
        aspect_ratio=request.aspect_ratio,
        guidance_scale=image.guidance_scale,
        strength=None if "strength" in ignored else image.strength if request.strength is None else request.strength,
        steps=image.steps,
        scheduler=image.scheduler,
        lora_path=honoured.lora_path,
        lora_scale=honoured.lora_scale,
        negative_prompt=honoured.negative_prompt,
        width=picture.width,
        height=picture.height,
        blurhash=picture.placeholder and picture.placeholder.blurhash,
        dominant_color=picture.placeholder and picture.placeholder.dominant_color,
        alt=alternative_text(request.prompt),
        content_type=saved.stored.content_type,
        bytes=len(picture.data),
        sha256=picture.sha256,
        nsfw=image.nsfw,
        cost=attempt.selection.expense.cost,
        engine=candidate.engine.name,
        engine_model=image.model,
        model=request.model,
        fallback_from=attempt.selection.passed_over(candidate),
        ignored=ignored or None,
        expected_seconds=None if request.within is None else candidate.expected_seconds,
        storage=saved.storage,
        storage_error=saved.problem,
        expires_at=saved.stored.expires_at,
        duration_ms=round((time.monotonic() - attempt.selection.started) * 1000),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        request_id=request.request_id,
        note=image.note,
        simulated=simulated or None,
    )


def _ignored(attempt: Attempt, image: GeneratedImage, picture: Picture) -> list[str]:
    """Return what was ignored: also a size that the engine said it could make, and that its file has not."""
    request, left_out = attempt.request, list(attempt.candidate.left_out)
    left_out += [name for name in requested(request) if name in image.ignored]
    exact = request.exact_size
    if exact and exact != (picture.width, picture.height):
        left_out += [name for name in SIZE_PARAMETERS if getattr(request, name)]
    return sorted(ignored_names(request, left_out))
