"""Pictures of every layout: the pipeline's own, and those of a seed the same in every process."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.diffusers import tiny
from tests.diffusers.engine.running_engine import RunningEngine, digest, pixels, request_of

ROOT = Path(__file__).parents[3]
LAYOUTS = tuple(tiny.PIPELINES)
ANOTHER_SECONDS = 300  # its imports alone take a minute on a busy machine
IN_ANOTHER_PROCESS = """
import sys
from pathlib import Path
from tests.diffusers import conftest
from render_worker.engines.diffusers.settings import DiffusersSettings
from tests.diffusers.engine.running_engine import RunningEngine, digest
folder = Path(sys.argv[1])
settings = DiffusersSettings(default_model_id="sd1", model_cache_dir=folder, torch_threads=1)
running = RunningEngine(settings)
for name in sys.argv[2:]:
    print(name, digest(running.made(model=name, seed=11)))
running.close()
"""


def by_pipeline(running: RunningEngine, **recipe: object) -> np.ndarray:
    """Return the picture of a recipe as the bare pipeline of the loaded model makes it."""
    request = request_of(**recipe)
    pipe = running.backend.cache.ready(request.model).pipe
    words = {} if request.model == "flux" else {"negative_prompt": request.negative_prompt}
    found = pipe(
        request.prompt,
        width=request.width,
        height=request.height,
        num_inference_steps=request.steps,
        guidance_scale=request.guidance_scale,
        generator=torch.Generator().manual_seed(request.seed),
        **words,
    )
    return np.asarray(found.images[0]).astype(int)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_picture_is_the_pipelines_own_to_the_bit(running, layout):
    recipe = {"model": layout, "seed": 5, "guidance_scale": 4.0, "width": 96}
    if layout != "flux":
        recipe["negative_prompt"] = "blurry"
    made = running.made(**recipe)
    assert (made.seed, made.model, made.guidance_scale, made.nsfw, made.made) == (5, layout, 4.0, None, None)
    assert (pixels(made) == by_pipeline(running, **recipe)).all()


@pytest.mark.timeout(ANOTHER_SECONDS + 120)
def test_a_named_seed_gives_the_same_bytes_in_another_process(running, models: Path):
    here = {name: digest(running.made(model=name, seed=11)) for name in LAYOUTS}
    found = subprocess.run(
        [sys.executable, "-c", IN_ANOTHER_PROCESS, models, *LAYOUTS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=ANOTHER_SECONDS,
        check=False,
    )
    assert dict(line.split() for line in found.stdout.splitlines()) == here, found.stderr


def test_each_seed_gives_its_own_picture_and_one_that_is_drawn_is_told(running):
    assert digest(running.made(seed=1)) != digest(running.made(seed=2))
    drawn = running.made()
    assert drawn.seed >= 0
    again = running.made(seed=drawn.seed)
    assert digest(again) == digest(drawn)  # it was alone, so it was in no batch


def test_six_at_a_time_are_six_right_ones(running):
    recipes = [{"model": name, "seed": seed} for seed in (1, 2, 3) for name in ("sd1", "sdxl")]
    one_by_one = [digest(running.made(**recipe)) for recipe in recipes]
    assert [digest(it) for it in running.made_together(*recipes)] == one_by_one


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_parameters_change_the_picture(running, layout):
    usual = {"model": layout, "seed": 3}
    honours = running.engine.capabilities_of(layout).parameters
    others = {"prompt": "a lighthouse", "negative_prompt": "blurry", "guidance_scale": 2.0, "steps": 7}
    plain = digest(running.made(**usual))
    changed = {
        name: digest(running.made(**usual, **{name: value})) != plain
        for name, value in others.items()
        if name == "prompt" or name in honours
    }
    assert all(changed.values()), changed


def test_flux_is_asked_with_a_guidance_of_its_own_unless_one_is_named(running):
    assert running.made(model="flux", seed=1).guidance_scale == 3.5
    assert running.made(model="flux", seed=1, guidance_scale=6).guidance_scale == 6


@pytest.mark.parametrize("layout", [layout for layout in LAYOUTS if layout != "flux"])
@pytest.mark.parametrize(("scale", "is_ignored"), [(0, True), (0.5, True), (1, True), (1.5, False), (7, False)])
def test_a_negative_prompt_that_the_guidance_scale_leaves_without_effect_is_told(running, layout, scale, is_ignored):
    recipe = {"model": layout, "seed": 3, "steps": 1, "guidance_scale": scale}
    plain, negative = running.made(**recipe), running.made(**recipe, negative_prompt="blurry")
    assert (digest(plain) == digest(negative)) is is_ignored
    assert negative.ignored == (("negative_prompt",) if is_ignored else ())
    assert plain.ignored == ()
