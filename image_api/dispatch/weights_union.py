"""What several render workers say of their models and LoRAs, as one answer."""

from collections.abc import Sequence

from render_worker.contract import LoadedModel, Lora, LoraList, LoraState


def union_of_loaded(states: Sequence[LoadedModel]) -> LoadedModel:
    """Return the state of a model that each was to load: it is loaded if it is with all of them."""
    return LoadedModel(
        model=states[0].model,
        loaded=all(it.loaded for it in states),
        seconds=max(it.seconds for it in states),
        size_bytes=next((it.size_bytes for it in states if it.size_bytes is not None), None),
        unloaded=sorted({name for it in states for name in it.unloaded}),
    )


def union_of_loras(lists: Sequence[LoraList]) -> LoraList:
    """Return each LoRA once; it has a problem only if no worker can use it."""
    found: dict[str, Lora] = {}
    for lora in (it for each in lists for it in each.loras):
        known = found.get(lora.lora_path)
        found[lora.lora_path] = _both(known, lora) if known else lora
    return LoraList(loras=[found[name] for name in sorted(found)])


def union_of_states(states: Sequence[LoraState]) -> LoraState:
    """Return the state of a LoRA that each was to load or unload: it is loaded if it is with all of them."""
    return states[0].model_copy(update={"loaded": all(it.loaded for it in states)})


def _both(one: Lora, other: Lora) -> Lora:
    return Lora(
        lora_path=one.lora_path,
        size_bytes=one.size_bytes if one.size_bytes is not None else other.size_bytes,
        loaded=one.loaded or other.loaded,
        fits=sorted({*one.fits, *other.fits}),
        problem=one.problem and other.problem,
    )
