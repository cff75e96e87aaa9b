"""The work of a picture that is not wanted any more ends at its next layer, and that of no other one."""

import threading
import time

import numpy as np
import pytest

from render_worker.engines.diffusers.generation.request import Stopped
from render_worker.errors import DeadlinePassed
from tests.diffusers.engine.requests_of import made, request, submitted
from tests.diffusers.engine.running_engine import SECONDS, Reported, digest, pixels

LAYOUTS = ("sd1", "sdxl", "flux")


def module(running, layout, path):
    """Return a module of a loaded model."""
    first, _, rest = path.partition(".")
    part = getattr(running.backend.cache.ready(layout).pipe, first)
    return part.get_submodule(rest) if rest else part


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("begins", "never_runs"),
    [("text_encoder", "vae.decoder"), ("vae.decoder", "vae.decoder.conv_out")],
)
def test_it_ends_inside_the_text_encoder_and_inside_the_vae(running, layout, begins, never_runs):
    want = digest(running.made(model=layout, seed=9))
    asked, ran = request(model=layout, scheduler=None, seed=9), []
    hooks = [
        module(running, layout, begins).register_forward_pre_hook(lambda *_: asked.stop.set()),
        module(running, layout, never_runs).register_forward_hook(lambda *_: ran.append(1)),
    ]
    (found,) = made(running, asked)
    for hook in hooks:
        hook.remove()
    assert isinstance(found, Stopped)
    assert not ran
    assert digest(running.made(model=layout, seed=9)) == want


@pytest.mark.parametrize("layout", LAYOUTS)
def test_it_ends_inside_a_step(running, layout):
    want = digest(running.made(model=layout, seed=9))
    steps: list[int] = []
    part = module(running, layout, "transformer" if layout == "flux" else "unet")
    last = [it for it in part.modules() if not [*it.children()]][-1]
    asked = request(model=layout, scheduler=None, steps=6, on_step=lambda step, total: steps.append(step))

    def stop_in_third(*_):
        if len(steps) == 2:
            asked.stop.set()

    ran = []
    hooks = [
        part.register_forward_pre_hook(stop_in_third),
        last.register_forward_hook(lambda *_: ran.append(len(steps))),
    ]
    (found,) = made(running, asked)
    for hook in hooks:
        hook.remove()
    assert isinstance(found, Stopped)
    assert steps == [1, 2]
    assert {*ran} <= {0, 1}
    assert digest(running.made(model=layout, seed=9)) == want


def test_it_ends_only_ones_own_of_a_batch(running):
    steps: list[int] = []
    gone = request(seed=1, on_step=lambda step, total: gone.stop.set())
    stays = request(seed=2, on_step=lambda step, total: steps.append(step))
    first, second = made(running, gone, stays)
    assert isinstance(first, Stopped)
    assert second.batch == 2
    assert steps == [1, 2, 3, 4]
    (alone,) = made(running, request(seed=2))
    assert np.abs(pixels(second.data) - pixels(alone.data)).max() <= 2


def test_a_batch_ends_once_none_of_it_is_wanted(running):
    steps: list[int] = []
    one = request(seed=1, steps=9)
    other = request(seed=2, steps=9, on_step=lambda step, total: (steps.append(step), stop_at(step)))

    def stop_at(step):
        (one if step == 2 else other).stop.set() if step in (2, 4) else None

    assert [type(it) for it in made(running, one, other)] == [Stopped, Stopped]
    assert steps == [1, 2, 3, 4]


def test_one_that_waits_is_never_begun(running):
    steps: list[int] = []
    gone = request(on_step=lambda step, total: steps.append(step))
    (future,) = submitted_and_stopped(running, gone)
    assert future.cancelled() or isinstance(future.exception(SECONDS), Stopped)
    assert steps == []


def submitted_and_stopped(running, gone):
    gone.stop.set()
    futures = submitted(running, gone)
    running.made(seed=1)
    return futures


def test_a_client_that_leaves_ends_its_picture_and_the_next_one_is_right(running):
    want = digest(running.made(seed=4))
    reported, begun = Reported(), threading.Event()

    class Told(Reported):
        def __call__(self, phase, message=None, **numbers):
            super().__call__(phase, message, **numbers)
            if self.steps:
                begun.set()

    reported = Told()
    future = running.runtime.submit(running.making(reported, seed=5, steps=100, width=256, height=256))
    assert begun.wait(SECONDS)
    future.cancel()
    assert digest(running.made(seed=4)) == want
    assert 0 < len(reported.steps) < 100


def test_the_deadline_ends_the_work_too(running):
    want, reported = digest(running.made(seed=4)), Reported()
    with pytest.raises(DeadlinePassed):
        running.run(running.making(reported, seed=5, steps=100, width=256, height=256), seconds=0.5)
    assert digest(running.made(seed=4)) == want
    assert len(reported.steps) < 100


def test_an_interrupted_run_gives_offloaded_parts_back(running, monkeypatch):
    pipe = running.backend.cache.ready("sd1").pipe
    freed = []
    monkeypatch.setattr(pipe, "maybe_free_model_hooks", lambda: freed.append(1))
    asked = request(on_step=lambda step, total: asked.stop.set())
    assert isinstance(made(running, asked)[0], Stopped)
    assert freed


def test_a_stopping_worker_ends_everything(start_engine):
    running = start_engine()
    running.made(seed=1)
    futures = [running.runtime.submit(running.making(seed=it, steps=100, width=256, height=256)) for it in (1, 2)]
    begun = time.monotonic()
    running.close()
    assert all(future.cancelled() or future.exception() for future in futures)
    assert time.monotonic() - begun < SECONDS
