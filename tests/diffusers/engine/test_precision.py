"""Pictures with bf16, as on a GPU."""

import pytest
import torch

from tests.diffusers import tiny
from tests.diffusers.engine.running_engine import Reported, digest, pixels, source


@pytest.fixture
def running(start_engine):
    return start_engine(diffusers_precision="bf16")


@pytest.mark.parametrize("layout", tiny.PIPELINES)
def test_an_image_to_begin_with_changes_neither_the_weights_nor_the_next_picture(running, layout):
    before = digest(running.made(model=layout, seed=3))
    reported = Reported(wants_previews=True)
    made = running.made(reported, image=source(), strength=0.5, model=layout, steps=6, seed=3)
    assert pixels(made).shape == (64, 64, 3)
    assert reported.previews
    assert digest(running.made(model=layout, seed=3)) == before
    model = running.backend.cache.ready(layout)
    parts = [part for part in model.pipe.components.values() if isinstance(part, torch.nn.Module)]
    assert {part.dtype for part in parts} == {torch.bfloat16}
