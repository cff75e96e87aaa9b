"""ComfyUI's workflows from files: what they honour, how they are filled in, and what is wrong with broken ones."""

import copy

import pytest

from render_worker.contract import Recipe
from render_worker.engines.comfyui.graphs import OF_IMAGE, OF_TEXT
from render_worker.engines.comfyui.workflow import Workflow
from render_worker.errors import EngineNotConfigured
from tests.fakes.at_comfyui import asked, engine, left_at, make, play, size_of, source, written

# As Export (API) writes it, for a model without guidance and negative prompts.
FLUX = {
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "photo of {{prompt}}, sharp", "clip": ["12", 1]}},
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["31", 0], "vae": ["12", 2]}},
    "9": {
        "class_type": "SaveImage",
        "inputs": {"filename_prefix": "flux", "images": ["8", 0]},
        "_meta": {"title": "Save Image"},
    },
    "12": {"class_type": "UNETLoader", "inputs": {"unet_name": "flux1-schnell.safetensors"}},
    "27": {
        "class_type": "EmptyLatentImage",
        "inputs": {"width": "{{ width }}", "height": "{{height}}", "batch_size": 1},
    },
    "31": {
        "class_type": "KSampler",
        "inputs": {
            "seed": "{{seed}}",
            "steps": 4,
            "cfg": 1,
            "sampler_name": "euler",
            "scheduler": "simple",
            "denoise": 1,
            "model": ["12", 0],
            "positive": ["6", 0],
            "negative": ["6", 0],
            "latent_image": ["27", 0],
        },
    },
}


def changed(path, value, graph=FLUX):
    """Return the graph with a node, or a node's input, replaced; None removes it."""
    copied = copy.deepcopy(graph)
    node, _, field = path.partition(".")
    place, key = (copied[node]["inputs"], field) if field else (copied, node)
    if value is None:
        del place[key]
    else:
        place[key] = value
    return copied


def test_it_works(site, tmp_path):
    play(site)
    image = make(
        site,
        recipe=Recipe(prompt="a {{seed}} tree", seed=5, shape="portrait"),
        comfyui_workflow=written(tmp_path, FLUX),
    )
    assert size_of(image) == (832, 1216)
    assert (image.seed, image.guidance_scale, image.model) == (5, None, "flux1-schnell.safetensors")
    graph = asked(site, "comfyui")[0]["body"]["prompt"]
    assert graph["6"]["inputs"]["text"] == "photo of a {{seed}} tree, sharp"  # a client's braces are text
    assert graph["31"]["inputs"] == FLUX["31"]["inputs"] | {"seed": 5}  # a number, and no text
    assert graph["27"]["inputs"] == {"width": 832, "height": 1216, "batch_size": 1}
    assert graph["9"] == {"class_type": "SaveImageWebsocket", "inputs": {"images": ["8", 0]}}
    assert left_at(site) == {"history": [], "queue": [], "files": {}}


def test_what_a_workflow_has_no_place_for_is_not_honoured(site, tmp_path):
    one = engine(site, comfyui_workflow=written(tmp_path, FLUX))
    assert one.capabilities_of("auto").parameters == {"seed"}
    wish = Recipe(prompt="a tree", negative_prompt="leaves", guidance_scale=5, seed=1, image="0" * 64, strength=0.5)
    assert one.cannot_honour(wish) == ["guidance_scale", "image", "negative_prompt", "strength"]
    unsized = changed("27.width", 512, changed("27.height", 512))
    one = engine(site, comfyui_workflow=written(tmp_path, unsized))
    assert one.cannot_honour(Recipe(prompt="a tree", width=640, height=640)) == ["width", "height"]
    assert size_of(make(site, comfyui_workflow=written(tmp_path, unsized))) == (512, 512)


def test_the_built_in_ones_honour_everything(site):
    everything = {"seed", "negative_prompt", "guidance_scale", "steps", "image", "strength"}
    assert engine(site).capabilities_of("auto").parameters == everything
    assert engine(site).capabilities.parameters == everything


@pytest.mark.parametrize(("named", "sent"), [(None, 20), (1, 1), (44, 44)])
def test_named_steps_take_the_place_of_the_operator_s(site, named, sent):
    image = make(site, recipe=Recipe(prompt="a tree", steps=named), comfyui_steps=20)
    assert asked(site, "comfyui")[0]["body"]["prompt"]["sampler"]["inputs"]["steps"] == sent
    assert image.steps == sent


def test_the_steps_of_a_workflow_are_its_own(site, tmp_path):
    one = engine(site, comfyui_workflow=written(tmp_path, FLUX))
    assert one.cannot_honour(Recipe(prompt="a tree", steps=4)) == ["steps"]
    assert make(site, comfyui_workflow=written(tmp_path, FLUX)).steps is None


def test_a_workflow_for_images_has_capabilities_of_its_own(site, tmp_path):
    edit = changed("negative.text", "leaves", changed("sampler.denoise", 0.5, OF_IMAGE))
    files = {
        "comfyui_workflow": written(tmp_path, FLUX),
        "comfyui_edit_workflow": written(tmp_path, edit, "edit.json"),
        "comfyui_checkpoint": "v1-5-pruned-emaonly.ckpt",
    }
    one = engine(site, **files)
    one.check()
    wish = {"prompt": "a tree", "guidance_scale": 5, "negative_prompt": "leaves"}
    assert one.cannot_honour(Recipe(**wish)) == ["guidance_scale", "negative_prompt"]
    assert one.cannot_honour(Recipe(**wish, image="0" * 64, strength=0.5)) == ["negative_prompt", "strength"]
    play(site)
    image = make(site, recipe=Recipe(**wish, image="0" * 64), image=source(), **files)
    assert (image.guidance_scale, image.model) == (5, "v1-5-pruned-emaonly.ckpt")


def test_a_node_of_the_operators_own_is_taken_by_its_title_and_kept_as_it_is(site, tmp_path):
    graph = changed("10", {"class_type": "PreviewImage", "inputs": {"images": ["8", 0]}})
    graph["9"]["_meta"] = {"title": "{{output}}"}
    play(site, comfyui_socket="refused")
    assert make(site, comfyui_workflow=written(tmp_path, graph)).data
    assert Workflow.of("it", graph).output == "9"


@pytest.mark.parametrize(
    ("graph", "sentence"),
    [
        ("{", "workflow.json is no JSON"),
        ("[" * 100_000, "workflow.json is no JSON"),
        ("[]", "no object of nodes"),
        ({}, "no object of nodes"),
        ({"nodes": [], "links": []}, r"not in API format: export it by Export \(API\)"),
        ({"6": {"inputs": {}}}, "a node 6 without class_type"),
        ({"6": 7}, "a node 6 without class_type"),
        (changed("6.text", "a tree"), r"has no \{\{prompt\}\}"),
        (changed("31.seed", "{{sed}}"), r"\{\{sed\}\} in node 31 \(KSampler\); there are cfg, denoise"),
        (changed("31.seed", "{{}}"), r"\{\{\}\} in node 31"),
        (changed("31.seed", "{{a-b}}"), r"\{\{a-b\}\} in node 31"),
        (changed("27.width", 512), r"only one of \{\{width\}\} and \{\{height\}\}"),
        (changed("31.model", ["77", 0]), r"no node 77, to which model of node 31 \(KSampler\)"),
        (changed("9", None), "it has none"),
        (changed("10", FLUX["9"]), r"it has node 9 \(SaveImage\), node 10 \(SaveImage\)"),
        (changed("12.unet_name", "{{image}}"), "node 12 .*COMFYUI_EDIT_WORKFLOW"),
        (changed("12.unet_name", "{{model}}"), "COMFYUI_CHECKPOINT not configured"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_broken_file_is_named_with_what_is_wrong(site, tmp_path, graph, sentence):
    one = engine(site, comfyui_workflow=written(tmp_path, graph))
    with pytest.raises(EngineNotConfigured, match=sentence) as caught:
        one.check()
    assert "workflow.json" in str(caught.value)


def test_a_file_that_is_not_there_is_named(site, tmp_path):
    with pytest.raises(EngineNotConfigured, match=r"gone\.json cannot be read: No such file"):
        engine(site, comfyui_workflow=tmp_path / "gone.json").check()
    with pytest.raises(EngineNotConfigured, match=r"edit\.json has no \{\{image\}\}"):
        engine(site, comfyui_edit_workflow=written(tmp_path, OF_TEXT, "edit.json")).check()


def test_a_node_that_the_server_does_not_have_is_named(site, tmp_path):
    play(site)
    graph = changed("12", {"class_type": "LoadEverything", "inputs": {}})
    with pytest.raises(EngineNotConfigured, match="LoadEverything does not exist"):
        make(site, comfyui_workflow=written(tmp_path, graph))


def test_an_input_that_is_missing_is_named(site, tmp_path):
    play(site)
    with pytest.raises(EngineNotConfigured, match=r"node 31 \(KSampler\): \"Required input is missing: scheduler"):
        make(site, comfyui_workflow=written(tmp_path, changed("31.scheduler", None)))


def test_everything_from_the_cache_is_said_if_there_is_no_seed(site, tmp_path):
    play(site, comfyui="cached")
    with pytest.raises(Exception, match=r"workflow\.json has no \{\{seed\}\}"):
        make(site, comfyui_workflow=written(tmp_path, changed("31.seed", 1)))
    play(site)
    assert make(site, comfyui_workflow=written(tmp_path, changed("31.seed", 1))).seed is None
