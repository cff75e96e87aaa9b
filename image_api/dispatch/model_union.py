"""The models of several workers as one list."""

from render_worker.contract import Model, ModelList

READY = "ready"


def union(lists: list[ModelList]) -> ModelList:
    """Return each model once, as the worker has it that is best able to make its pictures."""
    best: dict[str, Model] = {}
    for model in (it for each in lists for it in each.models):
        known = best.setdefault(model.name, model)
        if known.state != READY and model.state == READY:
            best[model.name] = model
    return ModelList(models=list(best.values()), simulated=all(it.simulated for it in lists) or None)
