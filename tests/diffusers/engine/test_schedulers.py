"""Schedulers by name: which a layout can use, and how many steps they really take."""

from types import SimpleNamespace

import diffusers
import pytest

from render_worker.engines.diffusers.generation.schedulers import (
    BY_LAYOUT,
    NOISE_SCHEDULERS,
    make_scheduler,
    name_of,
    scheduler_name,
)
from render_worker.engines.diffusers.models.layout import Layout
from render_worker.errors import InvalidParameter
from tests.diffusers.engine.running_engine import Reported, digest, source

EVERY = [(layout, name) for layout in ("sd1", "sd3", "flux") for name in BY_LAYOUT[Layout(layout)]]
TWICE = {"heun", "kdpm2", "kdpm2_a"}  # each step but the last has two evaluations


def steps_of(name: str, steps: int) -> int:
    """Return how many steps a scheduler takes if it is asked for so many."""
    if name in TWICE:
        return 2 * steps - 1
    return steps + 1 if name == "pndm" and steps > 1 else steps


@pytest.mark.parametrize(("layout", "name"), EVERY)
@pytest.mark.parametrize("steps", [1, 3])
def test_every_scheduler_makes_pictures_and_its_real_steps_are_reported(running, layout, name, steps):
    reported, expected = Reported(), steps_of(name, steps)
    made = running.made(reported, model=layout, scheduler=name, steps=steps, seed=3)
    assert reported.steps == [(step, expected) for step in range(1, expected + 1)]
    assert (made.steps, made.scheduler) == (expected, name)


@pytest.mark.parametrize("name", NOISE_SCHEDULERS)
def test_a_models_own_configuration_is_no_reason_to_take_other_steps(running, name):
    assert running.made(model="sdxl", scheduler=name, steps=4, seed=3).steps == steps_of(name, 4)


@pytest.mark.parametrize(("layout", "name"), EVERY)
def test_every_scheduler_begins_with_an_image(running, layout, name):
    reported = Reported()
    made = running.made(reported, image=source(), strength=0.5, model=layout, scheduler=name, steps=5, seed=3)
    assert made.steps == len(reported.steps) == reported.steps[-1][0] == reported.steps[-1][1]
    assert made.scheduler == name


def test_each_scheduler_makes_another_picture(running):
    found = {name: digest(running.made(scheduler=name, steps=4, seed=3)) for name in NOISE_SCHEDULERS}
    assert len({*found.values()}) == len(found), found


@pytest.mark.parametrize("layout", ["sd1", "sd2", "sdxl", "sd3", "flux"])
def test_a_models_own_scheduler_has_a_name_by_which_the_same_picture_comes(running, layout):
    own = running.made(model=layout, seed=3)
    assert own.scheduler in BY_LAYOUT[Layout(layout)]
    assert digest(running.made(model=layout, seed=3, scheduler=own.scheduler)) == digest(own)


@pytest.mark.parametrize("name", NOISE_SCHEDULERS)
def test_a_scheduler_that_was_made_is_named_as_it_was_asked_for(name):
    own = diffusers.PNDMScheduler(skip_prk_steps=True)
    assert name_of(Layout.SD1, make_scheduler(Layout.SD1, name, own)) == name


def test_one_run_leaves_the_models_own_scheduler_as_it_was(running):
    pipe = running.backend.cache.ready("sd1").pipe
    own, before = pipe.scheduler, digest(running.made(seed=3))
    running.made(seed=3, scheduler="heun")
    assert pipe.scheduler is own
    assert digest(running.made(seed=3)) == before


@pytest.mark.parametrize(
    ("wish", "name"),
    [
        ("Euler", "euler"),
        ("EulerAncestralDiscreteScheduler", "euler_a"),
        ("dpm++_2m_karras", "dpmpp_2m_karras"),
        ("DPMSolverMultistepScheduler", "dpmpp_2m"),
        ("k_euler_a", "euler_a"),
        ("dpm2", "kdpm2"),
        ("UNIPC", "unipc"),
    ],
)
def test_other_spellings_name_the_same(wish, name):
    assert scheduler_name(Layout.SDXL, wish, 20) == name


@pytest.mark.parametrize(
    ("layout", "wish"), [("sdxl", "nothing"), ("sdxl", "lms"), ("sd3", "ddim"), ("flux", "heun"), ("flux", "pndm")]
)
def test_what_a_layout_cannot_use_is_refused_with_what_it_can(running, layout, wish):
    with pytest.raises(InvalidParameter, match=r"scheduler must be one of euler, .*lcm, or left out\.$"):
        running.made(model=layout, scheduler=wish)


def test_lcm_takes_fifty_steps_at_most(running):
    with pytest.raises(InvalidParameter, match="steps must be at most 50 with the scheduler lcm"):
        running.made(scheduler="lcm", steps=51)


def test_a_scheduler_of_another_kind_is_named_by_its_class():
    assert name_of(Layout.FLUX, SimpleNamespace(config={})) == "SimpleNamespace"
