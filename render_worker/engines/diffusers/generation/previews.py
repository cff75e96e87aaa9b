"""Small pictures of an unfinished one: a linear map from its latents to colours, as the VAE itself takes too long.

The map is fitted once for each model: its VAE encodes a picture of known colours, and the least squares say which
colour a latent stands for. So it holds for VAEs of any kind and any number of channels.
"""

import io
import time
import weakref
from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image

from render_worker.engines.diffusers.generation.request import DiffusionRequest
from render_worker.engines.diffusers.models.layout import Layout
from render_worker.engines.diffusers.models.loaded_model import LoadedModel

SHARE = 0.015  # of the time that the picture has taken so far
QUALITY = 70  # 128 by 128 pixels are about 3 KB
CHART_SIDE = 256  # pixels of the picture of known colours
RIDGE = 1e-3  # keeps directions of the latents that its colours do not reach near 0
LEAST_SPREAD = 1.0  # of the latents; those of some schedulers begin with noise of fourteen times that


class LatentColors:
    """The colours of a model's latents."""

    def __init__(self) -> None:
        self._maps: weakref.WeakKeyDictionary[LoadedModel, Any] = weakref.WeakKeyDictionary()

    def of(self, model: LoadedModel) -> Any:
        """Return the map of a model; None if its VAE brings none, as with numbers of too few bits."""
        if model not in self._maps:
            self._maps[model] = _fitted_map(model.pipe)
        return self._maps[model]


class Previews:
    """The previews of a batch, which take a small share of its time at most."""

    def __init__(self, model: LoadedModel, colors: Any, batch: Sequence[DiffusionRequest]) -> None:
        self._layout = model.layout
        self._colors = colors
        self._batch = batch
        self._begun = time.perf_counter()
        self._spent = 0.0

    def show(self, pipe: Any, latents: Any) -> None:
        """Report the unfinished picture of each request that wishes to see it, if there is time for that."""
        begun = time.perf_counter()
        if self._spent > SHARE * (begun - self._begun):
            return
        wishes = [(at, request.on_preview) for at, request in enumerate(self._batch) if request.on_preview]
        if self._layout is Layout.FLUX:
            size = self._batch[0].size
            latents = pipe._unpack_latents(latents, size[1], size[0], pipe.vae_scale_factor)
        for at, tell in wishes:
            tell(_jpeg(latents[at], self._colors))
        self._spent += time.perf_counter() - begun


def _jpeg(latents: Any, colors: Any) -> bytes:
    """Return the picture of latents of one picture, by their channels, rows and columns."""
    flat = latents.float().flatten(1)
    flat = flat / flat.std().clamp(min=LEAST_SPREAD)
    shades = (colors[:-1].T @ flat + colors[-1:].T).clamp(0, 1)
    pixels = (shades * 255).round().to(torch.uint8).T.reshape(*latents.shape[1:], 3)
    file = io.BytesIO()
    Image.fromarray(pixels.cpu().numpy()).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def _fitted_map(pipe: Any) -> Any:
    """Return the factors of each channel for red, green and blue, and in the last row what is added to them.

    Returns None if the VAE's latents are no finite numbers.
    """
    vae, device = pipe.vae, pipe._execution_device
    chart = _chart()
    with torch.no_grad():
        encoded = vae.encode((chart * 2 - 1)[None].to(device, vae.dtype)).latent_dist.mode()[0].float()
    pipe.maybe_free_model_hooks()
    config = vae.config
    latents = (encoded - (getattr(config, "shift_factor", None) or 0)) * config.scaling_factor
    if not bool(torch.isfinite(latents).all()):
        return None
    return fitted(latents, chart.to(device))


def fitted(latents: Any, picture: Any) -> Any:
    """Return the map by which these latents have the colours of a picture, which are from 0 to 1, or nearly."""
    height, width = latents.shape[1:]
    colors = torch.nn.functional.adaptive_avg_pool2d(picture, (height, width)).flatten(1).T.double().cpu()
    ones = torch.ones(height * width, 1, device=latents.device)
    values = torch.cat([latents.flatten(1).T, ones], 1).double().cpu()
    square = values.T @ values + RIDGE * len(values) * torch.eye(values.shape[1], dtype=torch.float64)
    return torch.linalg.solve(square, values.T @ colors).float().to(latents.device)


def _chart() -> Any:
    """Return a picture of smooth colours: every channel has waves of its own, so that all mixtures occur."""
    across = torch.linspace(0, 2 * torch.pi, CHART_SIDE)
    down = across[:, None]
    waves = (torch.sin(2 * across + down), torch.sin(across - 3 * down + 1), torch.sin(3 * across + 2 * down + 2))
    return torch.stack([(wave + 1) / 2 for wave in waves])
