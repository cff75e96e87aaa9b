"""What the process of the models must have before PyTorch and its companions are imported."""

import os

from render_worker.engines.diffusers.settings import DiffusersSettings


def prepare(settings: DiffusersSettings) -> None:
    """Hand the settings to the libraries that read the environment when they are imported."""
    ours = {
        "HF_HOME": settings.hf_home,
        "TORCH_HOME": settings.torch_home,
        "CUDA_VISIBLE_DEVICES": settings.cuda_visible_devices,
        "HF_HUB_DISABLE_PROGRESS_BARS": 1,
        "HF_HUB_DISABLE_TELEMETRY": 1,
        "TRANSFORMERS_VERBOSITY": "error",  # it warns of packages that no model of ours needs
        "TOKENIZERS_PARALLELISM": "false",  # its threads and a fork do not go together
    }
    os.environ |= {name: str(value) for name, value in ours.items() if value is not None}  # noqa: TID251 - it is written
