"""ComfyUI: what it is asked for, its progress, and the errors that its replies and events mean."""

import asyncio
import time

import pytest
from pydantic import SecretStr

from render_worker.contract import Recipe
from render_worker.errors import (
    BadPicture,
    EngineBusy,
    EngineError,
    EngineNotConfigured,
    EngineRateLimited,
    EngineUnauthorized,
    EngineUnreachable,
    InvalidParameter,
    PhaseTimeout,
    RequestInvalid,
    UnexpectedReply,
)
from tests.fakes.at_comfyui import Reported, asked, engine, left_at, make, play, size_of, source
from tests.fakes.processes import free_port

TOKEN = "a-token-of-a-proxy"


def nodes(site, number=0):
    """Return the inputs of the nodes that were submitted, by class."""
    return {it["class_type"]: it["inputs"] for it in asked(site, "comfyui")[number]["body"]["prompt"].values()}


@pytest.mark.parametrize(
    ("asked_for", "size"),
    [
        ({"shape": "square"}, (1024, 1024)),
        ({"shape": "portrait"}, (832, 1216)),
        ({"width": 1000, "height": 640}, (1000, 640)),
        ({"width": 256, "height": 256}, (512, 512)),  # scaled down afterwards
    ],
)
def test_it_works(site, asked_for, size):
    play(site)
    image = make(site, recipe=Recipe(prompt="a tree", seed=7, guidance_scale=5.5, **asked_for))
    assert size_of(image) == size
    assert (image.seed, image.guidance_scale, image.model) == (7, 5.5, "sd_xl_base_1.0.safetensors")
    sent = nodes(site)
    assert (sent["EmptyLatentImage"]["width"], sent["EmptyLatentImage"]["height"]) == size
    assert sent["KSampler"] | {"seed": 7, "steps": 25, "cfg": 5.5, "sampler_name": "euler"} == sent["KSampler"]
    assert (sent["KSampler"]["denoise"], image.strength) == (1.0, None)
    assert "SaveImageWebsocket" in sent
    assert left_at(site) == {"history": [], "queue": [], "files": {}}


def test_the_settings_are_sent(site):
    play(site)
    image = make(
        site,
        comfyui_checkpoint="v1-5-pruned-emaonly.ckpt",
        comfyui_sampler="dpmpp_2m",
        comfyui_scheduler="karras",
        comfyui_steps=30,
    )
    sent = nodes(site)
    assert sent["CheckpointLoaderSimple"] == {"ckpt_name": "v1-5-pruned-emaonly.ckpt"}
    assert sent["KSampler"] | {"sampler_name": "dpmpp_2m", "scheduler": "karras", "steps": 30} == sent["KSampler"]
    assert image.model == "v1-5-pruned-emaonly.ckpt"
    assert engine(site, comfyui_checkpoint="v1-5-pruned-emaonly.ckpt").models == ("v1-5-pruned-emaonly.ckpt",)


def test_each_picture_without_a_seed_has_its_own(site):
    play(site)
    seeds = {make(site, recipe=Recipe(prompt="a tree")).seed for _ in range(2)}
    assert seeds == {nodes(site, number)["KSampler"]["seed"] for number in range(2)}
    assert len(seeds) == 2


@pytest.mark.parametrize("form", ["ok", "combo"])
def test_the_first_checkpoint_is_taken_from_either_form_of_the_list(site, form):
    play(site, comfyui_info=form)
    assert make(site).model == "sd_xl_base_1.0.safetensors"


def test_parentheses_are_sent_as_they_are_meant(site):
    play(site)
    make(site, recipe=Recipe(prompt=r"a fox (red:1.5) \(x\) {a|b} \\", negative_prompt="(leaves)"))
    graph = asked(site, "comfyui")[0]["body"]["prompt"]
    assert graph["positive"]["inputs"]["text"] == r"a fox \(red:1.5\) \\(x\\) {a|b} \\ "
    assert graph["negative"]["inputs"]["text"] == r"\(leaves\)"


@pytest.mark.parametrize("text", ["embedding:bad", "a tree, embedding:x.pt", "a\nembedding:x"])
def test_an_embedding_is_refused_by_name(site, text):
    for field, recipe in (
        ("prompt", Recipe(prompt=text)),
        ("negative_prompt", Recipe(prompt="a tree", negative_prompt=text)),
    ):
        with pytest.raises(InvalidParameter, match=f"^{field} must not hold embedding:"):
            make(site, recipe=recipe)
    assert asked(site, "comfyui") == asked(site, "comfyui_info") == []


def test_a_word_before_a_colon_is_no_embedding(site):
    play(site)
    assert make(site, recipe=Recipe(prompt="Embedding: a diagram of word-embedding:s")).data


def test_progress_and_previews_are_reported(site):
    play(site, delay=0.4)
    reported = Reported(wants_previews=True)
    make(site, reported)
    steps = [numbers for phase, numbers in reported.news if phase == "generating" and numbers]
    told = [{"percent": 25 * step, "step": step, "total": 4} for step in range(1, 5)]
    assert steps == [*told, told[-1]]  # the node after the last step has none: the bar does not fall back
    assert len(reported.previews) == 4
    assert all(preview.startswith(b"\xff\xd8\xff") for preview in reported.previews)  # never the finished PNG


def test_previews_are_not_made_for_a_client_that_wants_none(site):
    play(site)
    make(site)
    assert asked(site, "comfyui")[0]["body"]["extra_data"] == {"preview_method": "none"}


def test_an_old_server_chooses_the_id_and_tells_pictures_by_the_running_node(site):
    play(site, comfyui="old_server")
    reported = Reported(wants_previews=True)
    assert size_of(make(site, reported)) == (1024, 1024)
    assert len(reported.previews) == 4
    assert left_at(site) == {"history": [], "queue": [], "files": {}}


def test_the_position_in_the_queue_is_reported(site):
    play(site, comfyui_others=2)
    reported = Reported()
    make(site, reported)
    positions = [numbers["position"] for phase, numbers in reported.news if phase == "queued"]
    assert list(dict.fromkeys(positions)) == [2, 1]


def test_the_token_of_a_proxy_is_sent_everywhere(site):
    play(site, comfyui_token=TOKEN, comfyui_info="no_websocket_node")
    reported = Reported()
    assert make(site, reported, comfyui_token=SecretStr(TOKEN)).data
    assert reported.setbacks == []
    with pytest.raises(EngineUnauthorized, match="COMFYUI_TOKEN"):
        make(site, comfyui_token=SecretStr("not-the-token"))


def test_the_token_is_in_no_log(site, caplog):
    play(site, comfyui_token=TOKEN, comfyui="crash")
    with caplog.at_level("DEBUG"), pytest.raises(EngineError) as caught:
        make(site, comfyui_token=SecretStr(TOKEN))
    assert TOKEN not in caplog.text + str(caught.value)


@pytest.mark.parametrize(
    ("scenario", "error", "sentence"),
    [
        ({"comfyui": "oom"}, EngineBusy, "out of memory"),
        ({"comfyui": "crash"}, EngineError, r"node sampler \(KSampler\): \"Expected all tensors"),
        ({"comfyui": "interrupted"}, EngineError, "interrupted"),
        ({"comfyui": "cached"}, BadPicture, "without a picture"),
        ({"comfyui": "partly"}, EngineNotConfigured, "upscaler"),
        ({"comfyui": "no_prompt"}, EngineNotConfigured, "no prompt"),
        ({"comfyui": "unauthorized"}, EngineUnauthorized, "401"),
        ({"comfyui": "queue_full"}, EngineRateLimited, "limits"),
        ({"comfyui": "teapot"}, UnexpectedReply, "418"),
        ({"comfyui": "error_500"}, EngineBusy, "500"),
        ({"comfyui": "no_id"}, UnexpectedReply, "no id"),
        ({"comfyui": "bad_id"}, UnexpectedReply, "no id"),
        ({"comfyui": "html"}, UnexpectedReply, "JSON"),
        ({"comfyui": "html_502"}, EngineBusy, "502"),
        ({"comfyui": "reset"}, EngineUnreachable, "reached"),
        ({"comfyui_info": "html"}, UnexpectedReply, "JSON"),
        ({"comfyui_info": "odd"}, EngineNotConfigured, "no checkpoint"),
        ({"comfyui_info": "no_checkpoints"}, EngineNotConfigured, "models/checkpoints"),
        ({"comfyui_info": "no_websocket_node", "comfyui_view": "404"}, BadPicture, "not to be had"),
        ({"comfyui_socket": "refused", "comfyui_look": "html"}, UnexpectedReply, "JSON"),
        ({"comfyui_socket": "refused", "comfyui": "forgotten"}, EngineError, "does not know"),
        ({"comfyui_socket": "refused", "comfyui": "oom"}, EngineBusy, "out of memory"),
        ({"comfyui_socket": "refused", "comfyui": "interrupted"}, EngineError, "interrupted"),
    ],
    ids=str,
)
def test_each_refusal_has_its_own_error(site, scenario, error, sentence):
    play(site, **scenario)
    with pytest.raises(error, match=sentence) as caught:
        make(site)
    assert type(caught.value) is error
    assert "/home/" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "listed"),
    [
        ({"comfyui_checkpoint": "gone.ckpt"}, "ckpt_name: 'gone.ckpt' not in .*sd_xl_base_1.0.safetensors"),
        ({"comfyui_sampler": "magic"}, "sampler_name: 'magic' not in .*It has euler, .*dpmpp_2m"),
    ],
)
def test_a_setting_that_the_server_does_not_have_lists_what_exists(site, changes, listed):
    play(site)
    with pytest.raises(EngineNotConfigured, match=listed):
        make(site, **changes)
    assert asked(site, "comfyui_delete") == []  # nothing was accepted


@pytest.mark.parametrize("scenario", [{"comfyui": "hang"}, {"comfyui_info": "hang"}])
def test_a_server_that_hangs_is_a_timeout(site, scenario):
    play(site, **scenario)
    with pytest.raises(PhaseTimeout):
        make(site, comfyui_seconds=0.4)


def test_a_server_that_is_down_is_an_error(site):
    with pytest.raises(EngineUnreachable):
        make(site, comfyui_url=f"http://127.0.0.1:{free_port()}")


@pytest.mark.parametrize("fault", ["error_500", "reset"])
def test_a_look_that_fails_is_taken_again(site, fault):
    play(site, comfyui_look=fault, times=2)
    reported = Reported()
    assert make(site, reported).data
    assert len(reported.setbacks) == 2


def test_it_is_not_configured_without_an_address(site):
    with pytest.raises(EngineNotConfigured, match="COMFYUI_URL not configured"):
        make(site, comfyui_url=None)


def test_many_at_a_time_get_their_own_pictures(site):
    play(site, delay=0.2)

    async def many():
        one = engine(site)
        recipes = [Recipe(prompt="a tree", seed=seed) for seed in range(3)]
        return await asyncio.gather(*(one.generate(recipe, Reported()) for recipe in recipes))

    begun = time.monotonic()
    assert [image.seed for image in asyncio.run(many())] == [0, 1, 2]
    assert time.monotonic() - begun < 10
    assert left_at(site) == {"history": [], "queue": [], "files": {}}


@pytest.mark.parametrize(("strength", "denoise"), [(None, 0.75), (0.4, 0.4), (1.0, 1.0), (1e-9, 0.01)])
def test_an_image_is_begun_with(site, strength, denoise):
    play(site)
    recipe = Recipe(prompt="a tree", seed=7, strength=strength, image="0" * 64, shape="landscape")
    image = make(site, recipe=recipe, image=source())
    assert size_of(image) == (1216, 832)
    sent = nodes(site)
    assert (sent["KSampler"]["denoise"], image.strength) == (denoise, denoise)
    assert (sent["ImageScale"]["width"], sent["ImageScale"]["height"], sent["ImageScale"]["crop"]) == (
        1216,
        832,
        "center",
    )
    uploads = [entry["body"] for entry in asked(site, "comfyui_upload")]
    assert sent["LoadImage"]["image"] == f"{uploads[0]['name']} [temp]"
    assert len({upload["name"] for upload in uploads}) == 1  # overwritten by a blank one
    assert left_at(site)["files"] == {f"temp/{uploads[0]['name']}": 69}


@pytest.mark.parametrize(
    ("fault", "error"),
    [("too_large", RequestInvalid), ("no_name", UnexpectedReply), ("error_500", EngineBusy), ("html", UnexpectedReply)],
)
def test_an_image_that_is_not_taken_is_an_error(site, fault, error):
    play(site, comfyui_upload=fault)
    with pytest.raises(error):
        make(site, image=source())
    assert asked(site, "comfyui") == []
