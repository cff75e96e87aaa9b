"""LoRAs of other models: each is refused with a sentence, and the next picture is as before."""

import re

import pytest

from render_worker.engines.diffusers.errors import LoraInvalid
from render_worker.engines.diffusers.generation.request import LoraUse
from render_worker.engines.diffusers.loras.service import Loras
from tests.diffusers.loras.conftest import LAYOUTS, LoadModel, Picture

REASON = re.compile(r"the model has no [a-z_0-9.]+|[a-z_0-9.]+ wants \d+ there, the LoRA has \d+")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_lora_of_another_layout_is_refused_and_the_model_is_unchanged(
    layout: str, loras: Loras, load_model: LoadModel, picture: Picture
) -> None:
    model = load_model(layout)
    base = picture(model)
    for other in LAYOUTS:
        if other != layout:
            with pytest.raises(LoraInvalid) as refused:
                loras.apply(model, LoraUse(f"{other}.safetensors", 1.0))
            start = f"lora_path must name a LoRA that fits the model {layout}, and {other}.safetensors does not: "
            sentence = str(refused.value)
            assert sentence.startswith(start)
            assert REASON.fullmatch(sentence.removeprefix(start).removesuffix("."))
            assert picture(model) == base
    loras.apply(model, LoraUse(layout, 1.0))
    assert picture(model) != base
    loras.apply(model, None)


def test_a_refused_lora_leaves_the_one_before_it_active(loras: Loras, load_model: LoadModel, picture: Picture) -> None:
    model = load_model("sd1")
    loras.apply(model, LoraUse("sd1", 1.0))
    mine = picture(model)
    with pytest.raises(LoraInvalid):
        loras.apply(model, LoraUse("flux", 1.0))
    assert picture(model) == mine
    loras.apply(model, None)
