"""Pictures that begin with one, at the bounds of strength, steps and size."""

import numpy as np
import pytest

from render_worker.imaging import fitted
from tests.diffusers.engine.running_engine import digest, pixels, source

LAYOUTS = ("sd1", "sd2", "sdxl", "sd3", "flux")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("strength", "steps"), [(0.01, 20), (0.04, 20), (0.9, 1), (0.24, 4)])
def test_less_than_one_step_returns_the_image_itself(running, layout, strength, steps):
    image = source((100, 70))
    made = running.made(image=image, model=layout, strength=strength, steps=steps, seed=1)
    assert (pixels(made) == pixels(fitted(image, (64, 64)).data)).all()
    assert (made.steps, made.model) == (0, layout)
    assert "strength" in made.note


@pytest.mark.parametrize("layout", ["sd2", "sdxl", "flux"])
@pytest.mark.parametrize(("strength", "steps", "taken"), [(0.25, 4, 1), (0.5, 10, 5), (1, 1, 1), (None, 4, 3)])
def test_strength_says_how_many_steps_are_taken(running, layout, strength, steps, taken):
    made = running.made(image=source(), model=layout, scheduler="euler", strength=strength, steps=steps, seed=1)
    assert made.steps == taken
    again = running.made(image=source(), model=layout, scheduler="euler", strength=strength, steps=steps, seed=1)
    assert digest(made) == digest(again)


@pytest.mark.parametrize("size", [(100, 70), (97, 65), (33, 200), (1, 1)])
def test_an_image_of_any_size_is_fitted_to_the_picture(running, size):
    made = running.made(image=source(size), strength=0.5, seed=1, width=96, height=64)
    assert pixels(made).shape == (64, 96, 3)


def test_the_image_and_the_strength_change_the_picture(running):
    usual = {"model": "sdxl", "steps": 10, "seed": 1}
    weak, strong = (running.made(image=source(), strength=it, **usual) for it in (0.2, 0.8))
    assert digest(weak) != digest(strong)
    other = running.made(image=fitted(source((64, 200)), (64, 64)), strength=0.2, **usual)
    assert digest(other) != digest(weak)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_texts_alone_are_as_before_after_an_image(start_engine, layout):
    running = start_engine(diffusers_precision="bf16")
    usual = {"model": layout, "steps": 2, "seed": 1}
    before = running.made(**usual)
    running.made(image=source(), strength=0.5, **usual)
    assert digest(running.made(**usual)) == digest(before)
    assert np.unique(pixels(before)).size > 1
