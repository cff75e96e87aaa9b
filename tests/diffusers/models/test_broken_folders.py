"""A folder that is broken is told of in one sentence, and the models after it are right."""

import json
import shutil

import diffusers
import pytest
import safetensors.torch
import torch

from render_worker.engines.diffusers.errors import ModelUnusable
from render_worker.errors import EngineError, InvalidParameter
from tests.diffusers import tiny
from tests.diffusers.pictures import picture_of

UNET = "unet/diffusion_pytorch_model.safetensors"
ENCODER = "text_encoder/model.safetensors"


def cut(name, size):
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:size])


def write(name, text):
    return lambda folder: (folder / name).write_text(text)


def remove(name):
    return lambda folder: shutil.rmtree(folder / name) if (folder / name).is_dir() else (folder / name).unlink()


def edit(name, **values):
    def edit_it(folder):
        config = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**config, **values}))

    return edit_it


def pickled(folder):
    weights = safetensors.torch.load_file(folder / UNET)
    torch.save(weights, folder / "unet/diffusion_pytorch_model.bin")
    (folder / UNET).unlink()


def without_a_tensor(name):
    def edit_it(folder):
        weights = safetensors.torch.load_file(folder / name)
        del weights[max(weights, key=lambda key: weights[key].numel())]
        safetensors.torch.save_file(weights, folder / name, metadata={"format": "pt"})

    return edit_it


def with_other_names(name):
    def edit_it(folder):
        weights = safetensors.torch.load_file(folder / name)
        other = {f"other.{key}" if tensor.ndim > 1 else key: tensor for key, tensor in weights.items()}
        safetensors.torch.save_file(other, folder / name, metadata={"format": "pt"})

    return edit_it


def with_another_shape(folder):
    weights = safetensors.torch.load_file(folder / UNET)
    key = max(weights, key=lambda key: weights[key].numel())
    weights[key] = torch.cat([weights[key], weights[key]]).contiguous()
    safetensors.torch.save_file(weights, folder / UNET, metadata={"format": "pt"})


def with_words_for_weights(folder):
    (folder / UNET).write_bytes(b"<!DOCTYPE html>" * 10_000)


DAMAGES = {
    "its unet/diffusion_pytorch_model.safetensors is cut off: ": cut(UNET, 100_000),
    "its unet/diffusion_pytorch_model.safetensors is cut off within its header": cut(UNET, 100),
    "its unet/diffusion_pytorch_model.safetensors is no .safetensors file": with_words_for_weights,
    "its text_encoder/model.safetensors is no .safetensors file": cut(ENCODER, 0),
    "it has no unet/config.json": remove("unet/config.json"),
    "its unet/config.json is no JSON object": write("unet/config.json", "[1]"),
    "its unet/config.json is no JSON.": write("unet/config.json", "{"),
    "its unet/config.json is no JSON": write("unet/config.json", "[" * 200_000),
    "its model_index.json is no JSON": write("model_index.json", "\0"),
    "its vae has no .safetensors file": remove("vae"),
    "its unet is a .bin file, which may run code": pickled,
    "its pipeline is EvilPipeline, and known are ": edit("model_index.json", _class_name="EvilPipeline"),
    "its pipeline is ['pipeline', 'Evil'], and known are ": edit("model_index.json", _class_name=["pipeline", "Evil"]),
    "its unet is a subprocess.Popen, and known are UNet2D": edit("model_index.json", unet=["subprocess", "Popen"]),
    "its vae is a transformers.AutoModel, and known are ": edit("model_index.json", vae=["transformers", "AutoModel"]),
    "its tokenizer is a builtins.exec, and known are ": edit("model_index.json", tokenizer=["builtins", "exec"]),
    "its model_index.json names no scheduler of diffusers": edit("model_index.json", scheduler=["os", "XScheduler"]),
    "its model_index.json names no text_encoder": edit("model_index.json", text_encoder=[None, None]),
    "makes pictures of 9000000 pixels": edit("unet/config.json", sample_size=1_125_000),
    "its vae/config.json has no block_out_channels": edit("vae/config.json", block_out_channels=["a"]),
    "cannot be loaded: ": edit("unet/config.json", cross_attention_dim=40),
    "cannot be loaded: Cannot load because up_blocks.0": edit("unet/config.json", layers_per_block=2),
    "cannot be loaded: its text_encoder has ": edit("text_encoder/config.json", num_hidden_layers=3),
    "cannot be loaded: its unet": without_a_tensor(UNET),
    "cannot be loaded: its text_encoder": without_a_tensor(ENCODER),
    "its unet came without its weights.": with_other_names(UNET),
    "its vae came without its weights.": with_other_names("vae/diffusion_pytorch_model.safetensors"),
    " tensors by its configuration that are not in its files, as embeddings.": with_other_names(ENCODER),
    "The model broken cannot be loaded": with_another_shape,
    "The model broken cannot be loaded:": write("tokenizer/tokenizer.json", "{}"),
    "it has no scheduler/scheduler_config.json": remove("scheduler"),
    "its tokenizer has no vocabulary": remove("tokenizer"),
    "its tokenizer has no vocabulary.": remove("tokenizer/tokenizer.json"),
    "its text_encoder has no .safetensors file": remove(ENCODER),
}


@pytest.fixture(scope="module")
def folders(models, tmp_path_factory):
    """Return a folder with the model sd1, beside which a broken one may be put."""
    folder = tmp_path_factory.mktemp("folders")
    shutil.copytree(models / "sd1", folder / "sd1")
    return folder


@pytest.fixture(scope="module")
def right(folders):
    """Return the picture of sd1."""
    return picture_of(diffusers.DiffusionPipeline.from_pretrained(folders / "sd1"))


@pytest.mark.parametrize(("words", "damage"), DAMAGES.items(), ids=list(DAMAGES))
def test_a_broken_folder_is_told_of_in_one_sentence(models, make_cache, folders, right, words, damage):
    shutil.rmtree(folders / "broken", ignore_errors=True)
    shutil.copytree(models / "sd1", folders / "broken")
    damage(folders / "broken")
    cache = make_cache(model_cache_dir=folders)
    with pytest.raises(ModelUnusable) as raised:
        cache.load("broken").result(60)
    sentence = str(raised.value)
    assert words in sentence
    assert sentence.startswith("The model broken cannot be loaded: ")
    assert "\n" not in sentence
    assert len(sentence) < 300
    assert str(folders) not in sentence
    assert not cache.is_loading("broken")
    assert picture_of(cache.load("sd1").result(60).pipe) == right


@pytest.mark.parametrize("asked", [{"safety_checker": True}, {"nsfw": "flag"}, {"nsfw": "refuse"}], ids=str)
def test_a_safety_checker_with_other_names_is_not_loaded(models, make_cache, tmp_path, asked):
    folder = tmp_path / "models" / "sd1"
    shutil.copytree(models / "sd1", folder)
    checker, extractor = tiny.safety_checker()
    checker.save_pretrained(folder / "safety_checker")
    extractor.save_pretrained(folder / "feature_extractor")
    settings = {"model_cache_dir": tmp_path / "models", **asked}
    model = make_cache(**settings).load("sd1").result(60)
    assert torch.equal(model.safety.checker.concept_embeds, checker.concept_embeds)
    with_other_names("safety_checker/model.safetensors")(folder)
    with pytest.raises(ModelUnusable, match=r"its safety_checker has .* that are not in its files, as "):
        make_cache(**settings).load("sd1").result(60)


@pytest.mark.parametrize("name", ["nothing", "../models/sd1", "sd1/unet", "/etc", ""])
def test_an_unknown_name_is_told_of(make_cache, name):
    with pytest.raises(InvalidParameter, match=r"model must be one of sd1, sd-xl-base, "):
        make_cache().load(name).result(60)


def test_a_folder_that_is_mended_is_loaded(models, make_cache, tmp_path):
    shutil.copytree(models / "sd1", tmp_path / "models" / "sd1")
    remove("unet/config.json")(tmp_path / "models" / "sd1")
    cache = make_cache(model_cache_dir=tmp_path / "models")
    with pytest.raises(EngineError):
        cache.load("sd1").result(60)
    shutil.copy(models / "sd1/unet/config.json", tmp_path / "models/sd1/unet/config.json")
    assert cache.load("sd1").result(60).name == "sd1"
