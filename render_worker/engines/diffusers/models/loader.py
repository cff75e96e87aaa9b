"""Loads a model's weights. Whatever makes modules of PyTorch, as each load of a model does, holds LOAD_LOCK meanwhile.

Two loads at a time leave tensors without data in the text encoders, and break the process for good (peft issue 3605,
diffusers issue 4296, transformers issue 41782). A LoRA is loaded without it: no module is made (loras/adapter.py).
"""

import ctypes
import gc
import logging
import re
import threading
import time
from typing import Any

import diffusers
import torch
import transformers

from render_worker.browser.memory import MIB
from render_worker.engines.diffusers.errors import ModelUnusable, OutOfMemory
from render_worker.engines.diffusers.models.allocation_failures import is_out_of_memory
from render_worker.engines.diffusers.models.configurations import json_of
from render_worker.engines.diffusers.models.device import CPU, Device
from render_worker.engines.diffusers.models.layout import INDEX, Layout
from render_worker.engines.diffusers.models.loaded_model import LoadedModel, Safety
from render_worker.engines.diffusers.models.model_files import SAFETY_CHECKER, ModelFiles, weight_files
from render_worker.engines.diffusers.models.registry import ModelSource

LOAD_LOCK = threading.RLock()
PIPELINES = {
    Layout.SD1: diffusers.StableDiffusionPipeline,
    Layout.SD2: diffusers.StableDiffusionPipeline,
    Layout.SDXL: diffusers.StableDiffusionXLPipeline,
    Layout.SD3: diffusers.StableDiffusion3Pipeline,
    Layout.FLUX: diffusers.FluxPipeline,
}
OFFLOADED_SHARE = 1.1  # of the largest part, which is alone on the GPU then
MAX_WORDS = 200  # letters of a library's sentence
MAX_NAME = 100  # letters of a tensor's name

log = logging.getLogger(__name__)

# They log prompts that they cut, and print bars and tables of weights.
for _library in (diffusers, transformers):
    _library.utils.logging.set_verbosity_error()
    _library.utils.logging.disable_progress_bar()


def needed_bytes(files: ModelFiles, device: Device, budget_bytes: int) -> int:
    """Return what a model takes of the device's memory: less if it is too large to be there as a whole.

    Raises OutOfMemory if there is no room for it at all.
    """
    whole = sum(files.parameters.values()) * device.number_bytes
    if whole <= budget_bytes:
        return whole
    offloaded = int(max(files.parameters.values()) * device.number_bytes * OFFLOADED_SHARE)
    if device.is_gpu and offloaded <= budget_bytes:
        return offloaded
    least = (offloaded if device.is_gpu else whole) // MIB + 1
    raise OutOfMemory(
        f"The model {files.folder.name} needs {least:,} MiB of memory, and {budget_bytes // MIB:,} MiB are for models."
    )


def load(source: ModelSource, device: Device) -> LoadedModel:
    """Load a model that is on disk.

    Raises ModelUnusable, with a sentence, if that fails, and OutOfMemory if there is no room for it.
    """
    if source.files is None:
        raise source.problem or ModelUnusable(f"The model {source.name} is not downloaded.")
    started = time.monotonic()
    try:
        with LOAD_LOCK:
            model = _load(source, source.files, device)
    except Exception as error:  # the libraries raise whatever a broken file leads them to
        raise _translated(source, error) from error
    model.seconds = time.monotonic() - started
    log.info("Loaded the model %s in %.1f s, %d MiB.", model.name, model.seconds, model.memory_bytes // MIB)
    return model


def _load(source: ModelSource, files: ModelFiles, device: Device) -> LoadedModel:
    needed = needed_bytes(files, device, device.budget_bytes)
    is_offloaded = needed < sum(files.parameters.values()) * device.number_bytes
    pipe = PIPELINES[files.layout].from_pretrained(
        files.folder,
        dtype=device.dtype,
        use_safetensors=True,
        variant=files.variant,
        local_files_only=True,
        **{part: _encoder(source, files, part, device) for part in files.parameters if "text_encoder" in part},
        **dict.fromkeys(files.absent),
    )
    _check(source, files, pipe)
    pipe.set_progress_bar_config(disable=True)
    safety = _safety(source, files, device)
    _place(pipe, device, is_offloaded=is_offloaded)
    return LoadedModel(source, files, device, pipe, safety, needed if is_offloaded else None)


def _encoder(source: ModelSource, files: ModelFiles, part: str, device: Device) -> Any:
    """Return a text encoder of the class that the model's index names."""
    kind = json_of(files.folder, INDEX)[part][1]  # one of layout.WEIGHTS
    return _of_transformers(source, files, part, getattr(transformers, kind), device)


def _of_transformers(source: ModelSource, files: ModelFiles, part: str, kind: Any, device: Device) -> Any:
    """Return a part of a class of transformers, which fills tensors that the files lack with random numbers.

    Raises ModelUnusable if there are such.
    """
    module, report = kind.from_pretrained(
        files.folder / part,
        dtype=device.dtype,
        use_safetensors=True,
        variant=files.variant if weight_files(files.folder, part, files.variant) else None,
        local_files_only=True,
        output_loading_info=True,
    )
    if missing := sorted(report["missing_keys"]):
        raise ModelUnusable(
            f"The model {source.name} cannot be loaded: its {part} has {len(missing)} tensors by its configuration that"
            f" are not in its files, as {missing[0][:MAX_NAME]}."
        )
    return module


def _place(pipe: Any, device: Device, *, is_offloaded: bool) -> None:
    """Put a pipeline's weights where they are used."""
    if is_offloaded:
        _detach(pipe)
        pipe.enable_model_cpu_offload(device=device.name)
    elif device.name == CPU:
        _detach(pipe)
    else:
        pipe.to(device.name)


def _detach(pipe: Any) -> None:
    """Copy the weights out of their files, which are mapped into memory.

    Otherwise a file that is overwritten changes the pictures, and one that becomes shorter ends the process.
    """
    for module in _modules(pipe).values():
        for tensor in (*module.parameters(), *module.buffers()):
            tensor.data = tensor.data.clone()


def _check(source: ModelSource, files: ModelFiles, pipe: Any) -> None:
    """Raise ModelUnusable if a part has weights that came of no file: they would be random."""
    for part, module in _modules(pipe).items():
        if any(tensor.is_meta for tensor in module.parameters()):
            raise ModelUnusable(f"The model {source.name} cannot be loaded: its {part} came without its weights.")
        wanted, found = sum(tensor.numel() for tensor in module.parameters()), files.parameters.get(part, 0)
        if wanted > found:
            raise ModelUnusable(
                f"The model {source.name} cannot be loaded: its {part} has {wanted:,} weights by its configuration, and"
                f" {found:,} are in its files."
            )


def _modules(pipe: Any) -> dict[str, Any]:
    """Return the parts of a pipeline that have weights."""
    return {name: part for name, part in pipe.components.items() if isinstance(part, torch.nn.Module)}


def _safety(source: ModelSource, files: ModelFiles, device: Device) -> Safety | None:
    """Return the model's safety checker, if it is wanted."""
    if not files.has_safety_checker:
        return None
    from diffusers.pipelines.stable_diffusion import (
        StableDiffusionSafetyChecker,
    )  # takes a moment, and is seldom wanted

    checker = _of_transformers(source, files, SAFETY_CHECKER, StableDiffusionSafetyChecker, device)
    extractor = transformers.CLIPImageProcessorPil.from_pretrained(files.folder / "feature_extractor")
    return Safety(checker.to(device.name), extractor)


def _translated(source: ModelSource, error: Exception) -> Exception:
    """Return the error of a load as clients are told it."""
    if isinstance(error, ModelUnusable | OutOfMemory):
        return error
    if is_out_of_memory(error):
        return OutOfMemory(f"There is no memory left to load the model {source.name}.")
    log.warning("The model %s cannot be loaded.", source.name, exc_info=error)
    return ModelUnusable(f"The model {source.name} cannot be loaded: {_first_sentence(source, error)}")


def _first_sentence(source: ModelSource, error: Exception) -> str:
    """Return the beginning of what a library says, without the paths of this machine."""
    words = " ".join(str(error).split()) or type(error).__name__
    if source.folder:
        words = words.replace(f"{source.folder}/", "").replace(str(source.folder), source.name)
    return re.split(r"(?<=[.!?]) ", words)[0][:MAX_WORDS]


def free_memory() -> None:
    """Give memory that is not in use back to the system and to the GPU."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    ctypes.CDLL(None).malloc_trim(0)
