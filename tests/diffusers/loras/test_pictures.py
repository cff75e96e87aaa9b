"""Pictures with LoRAs: of each layout, at each scale, and by each format."""

from pathlib import Path

import pytest

from render_worker.engines.diffusers.generation.request import LoraUse
from render_worker.engines.diffusers.loras.service import Loras
from tests.diffusers.loras.conftest import LAYOUTS, LoadModel, Picture


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_lora_changes_the_picture_and_leaves_the_model_as_it_was(
    layout: str, loras: Loras, load_model: LoadModel, picture: Picture
) -> None:
    model = load_model(layout)
    base = picture(model)
    seen = {}
    for name, scale in ((layout, 1.0), (layout, 2.0), (f"{layout}-other", 1.0), (layout, 0.5)):
        loras.apply(model, LoraUse(name, scale))
        seen[name, scale] = picture(model)
    assert len({base, *seen.values()}) == 5
    loras.apply(model, LoraUse(layout, 1.0))
    assert picture(model) == seen[layout, 1.0]
    loras.apply(model, LoraUse(layout, 0.0))
    assert picture(model) == base
    loras.apply(model, LoraUse(layout, 2.0))
    loras.apply(model, None)
    assert picture(model) == base


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_picture_is_that_of_diffusers_own_loading(
    layout: str, loras: Loras, lora_dir: Path, load_model: LoadModel, new_model: LoadModel, picture: Picture
) -> None:
    ours, theirs = load_model(layout), new_model(layout)
    loras.apply(ours, LoraUse(layout, 0.8))
    theirs.pipe.load_lora_weights(str(lora_dir / f"{layout}.safetensors"), adapter_name="it")
    theirs.pipe.set_adapters(["it"], [0.8])
    mine = picture(ours)
    loras.apply(ours, None)
    assert mine == picture(theirs)
