"""What clients read about the engine's models, without PyTorch."""

import pytest

from render_worker.engines.diffusers.engine import DiffusersEngine
from render_worker.engines.diffusers.settings import DiffusersSettings


@pytest.mark.parametrize(
    ("model", "description"),
    [
        ("sd-1-5", DiffusersEngine.description),
        ("stable-diffusion-v1-5/stable-diffusion-v1-5", "Another name of sd-1-5."),
        ("diffusers", "Another name of sd-2-1."),
    ],
)
def test_another_name_of_a_model_says_of_which(tmp_path, model, description):
    settings = DiffusersSettings(model_cache_dir=tmp_path, default_model_id="sd-2-1")
    assert DiffusersEngine(settings).description_of(model) == description
