"""What each kind of server is asked for, in its own words, and the picture that comes of it."""

import asyncio
import json
import re

import pytest

from render_worker.contract import Recipe
from render_worker.errors import EngineNotConfigured, EngineUnreachable, InvalidParameter, RequestInvalid
from tests.fakes.at_openai import KEY, Reported, asked, engine, make, outcomes, play, size_of
from tests.fakes.processes import free_port, wait_until

ALL = {"seed": 7, "negative_prompt": "leaves", "guidance_scale": 5.5}
SERVERS = {
    "openai": {"size": "1024x1024", "output_format": "png", "quality": "medium", "model": "gpt-image-2"},
    "azure": {"size": "1024x1024", "output_format": "png", "quality": "medium", "model": "gpt-image-2"},
    "xai": {"aspect_ratio": "1:1", "resolution": "1k", "response_format": "b64_json", "model": "grok-imagine-image"},
    "together": {
        "width": 1024,
        "height": 1024,
        "response_format": "base64",
        "output_format": "png",
        "model": "black-forest-labs/FLUX.1-schnell",
        **ALL,
    },
    "vllm-omni": {"size": "1024x1024", "response_format": "b64_json", **ALL},
    "sglang": {"size": "1024x1024", "response_format": "b64_json", **ALL},
    "modelscope": {
        "size": "1024x1024",
        "model": "a/b",
        "seed": 7,
        "negative_prompt": "leaves",
        "guidance": 5.5,
    },
    "pollinations": {
        "size": "1024x1024",
        "response_format": "b64_json",
        "model": "zimage",
        "seed": 7,
        "guidance_scale": 5.5,
    },
    "compatible": {"size": "1024x1024", "response_format": "b64_json"},
}
NEED_A_MODEL = {"azure": "gpt-image-2", "modelscope": "a/b", "localai": "a"}


def model_of(of):
    return {"openai_image_model": NEED_A_MODEL[of]} if of in NEED_A_MODEL else {}


@pytest.mark.parametrize("of", SERVERS)
def test_each_server_is_asked_in_its_own_words(site, of):
    image = make(site, of, **model_of(of), **ALL)
    [body] = asked(site)
    ours = ("kind", "operation", "image_bytes")
    assert {name: it for name, it in body.items() if name not in ours} == {"prompt": "a tree", **SERVERS[of]}
    assert (image.seed, image.guidance_scale) == (SERVERS[of].get("seed"), 5.5 if "guid" in str(SERVERS[of]) else None)
    assert size_of(image)[0] == size_of(image)[1]


def test_a_negative_prompt_stands_after_localai_s_bar(site):
    image = make(site, "localai", openai_image_model="a", **{**ALL, "guidance_scale": 7.0})
    [body] = asked(site)
    assert (body["prompt"], body["seed"], image.seed) == ("a tree|leaves", 7, 7)
    assert "negative_prompt" not in body


def test_everything_else_stands_in_stable_diffusion_cpp_s_tag(site):
    image = make(site, "sd.cpp", **ALL)
    [body] = asked(site)
    native = json.loads(re.fullmatch(r"a tree <sd_cpp_extra_args>(.*)</sd_cpp_extra_args>", body["prompt"])[1])
    assert native == {"seed": 7, "negative_prompt": "leaves", "sample_params": {"guidance": {"txt_cfg": 5.5}}}
    assert (image.seed, image.guidance_scale) == (7, 5.5)


@pytest.mark.parametrize("of", ["together", "vllm-omni", "sglang", "localai", "sd.cpp", "modelscope", "pollinations"])
def test_a_fixed_seed_of_the_server_is_never_used(site, of):
    seeds = [make(site, of, **model_of(of)).seed for _ in range(2)]
    assert seeds[0] != seeds[1]
    for body, seed in zip(asked(site), seeds, strict=True):
        assert f'"seed": {seed}' in (body["prompt"] if of == "sd.cpp" else json.dumps(body))


def test_extensions_go_only_where_they_are_configured(site):
    assert make(site, "compatible", seed=5).seed is None
    image = make(site, "compatible", openai_kind="compatible+seed+negative_prompt", seed=5, negative_prompt="leaves")
    first, second = asked(site)
    assert "seed" not in first
    assert (second["seed"], second["negative_prompt"], image.seed) == (5, "leaves", 5)


@pytest.mark.parametrize(
    ("of", "constructs"),
    [
        ("compatible", ["<sd_cpp_extra_args>"]),
        ("sd.cpp", ["<sd_cpp_extra_args>", "<SD_CPP_extra_args >", "</sd_cpp_extra_args>"]),
        ("localai", ["|", "<sd_cpp_extra_args>"]),
        ("vllm-omni", ["<sd_cpp_extra_args>"]),
        ("litellm", ["<sd_cpp_extra_args>"]),
    ],
)
@pytest.mark.parametrize("field", ["prompt", "negative_prompt"])
def test_a_text_that_is_code_for_the_server_is_refused_by_name(site, of, constructs, field):
    for construct in constructs:
        with pytest.raises(InvalidParameter, match=f"^{field} must not hold"):
            make(site, of, openai_image_model="a", **{field: f"a {construct} b"})
    assert asked(site) == []


def test_openai_s_own_prompts_may_hold_anything(site):
    make(site, prompt="a | <sd_cpp_extra_args>{}</sd_cpp_extra_args>")
    assert asked(site)[0]["prompt"] == "a | <sd_cpp_extra_args>{}</sd_cpp_extra_args>"


@pytest.mark.parametrize(
    ("asked_for", "size"),
    [
        ({"shape": "portrait"}, "1024x1536"),
        ({"shape": "landscape"}, "1536x1024"),
        ({"width": 512, "height": 512}, "1024x1024"),
        ({"width": 1920, "height": 1080}, "1920x1088"),
        ({"aspect_ratio": "1:4"}, "1024x1536"),  # 1:3 is the narrowest that it makes
    ],
)
def test_gpt_image_2_is_asked_for_sizes_that_it_makes(site, asked_for, size):
    make(site, **asked_for)
    assert asked(site)[0]["size"] == size


def test_a_size_that_is_too_narrow_cannot_be_honoured(site):
    assert engine(site).cannot_honour(Recipe(prompt="a", width=256, height=1024)) == ["width", "height"]
    assert engine(site).cannot_honour(Recipe(prompt="a", width=512, height=1024)) == []


@pytest.mark.parametrize(("ratio", "sent"), [("16:9", "16:9"), ("21:9", "2:1"), ("1:1", "1:1"), ("4:5", "3:4")])
def test_xai_gets_the_nearest_ratio(site, ratio, sent):
    make(site, "xai", aspect_ratio=ratio)
    assert asked(site)[0]["aspect_ratio"] == sent


def test_another_size_than_asked_is_taken(site):
    play(site, openai="other_size")
    assert size_of(make(site, "vllm-omni")) == (640, 512)


def test_the_output_format_is_asked_for(site):
    assert make(site, output_format="jpeg").data[:3] == b"\xff\xd8\xff"
    make(site, output_format="webp", output_compression=50)
    assert [body.get("output_format") for body in asked(site)] == ["jpeg", None]  # lossless, to be compressed once


def test_a_deployment_at_azure_has_its_key_header_and_its_version(site):
    base = f"{site.url}/openai/azure/openai/deployments/mine"
    assert make(site, "azure", openai_base_url=base, openai_image_model="gpt-image-2").data
    assert asked(site)[0]["deployment"] == "mine"


@pytest.mark.parametrize("end", ["", "/", "/images/generations"])
def test_an_address_may_have_or_lack_its_end(site, end):
    assert make(site, openai_base_url=f"{site.url}/openai/openai/v1{end}").data


def test_the_key_and_the_model_are_asked_for_by_their_names(site):
    with pytest.raises(EngineNotConfigured, match="OPENAI_API_KEY"):
        make(site, openai_api_key=None)
    with pytest.raises(EngineNotConfigured, match="OPENAI_IMAGE_MODEL"):
        make(site, "modelscope")


@pytest.mark.parametrize("model", ["dall-e-3", "dall-e-2", "gpt-image-1", "openai/gpt-image-1"])
def test_a_model_that_has_ended_says_so(site, model):
    with pytest.raises(EngineNotConfigured, match=r"has ended on 2026-\d\d-\d\d; name another in OPENAI_IMAGE_MODEL"):
        make(site, openai_image_model=model)
    assert asked(site) == []


def test_a_model_whose_end_is_only_announced_is_asked_for_all_the_same(site):
    assert make(site, openai_image_model="gpt-image-1.5").data
    play(site, openai="no_model")
    with pytest.raises(EngineNotConfigured, match="2026-12-01"):
        make(site, openai_image_model="gpt-image-1.5")


def test_a_server_that_is_down_is_unreachable(site):
    with pytest.raises(EngineUnreachable) as caught:
        make(site, openai_base_url=f"http://127.0.0.1:{free_port()}/v1")
    assert "127.0.0.1" not in str(caught.value)


def test_a_server_that_refuses_response_format_is_asked_without_it(site):
    """Nothing was made, so nothing is paid twice; a proxy of OpenAI's GPT image models refuses it."""
    recipe = Recipe(prompt="a tree")
    one = engine(site, openai_kind="compatible")

    async def twice():
        return [await one.generate(recipe, Reported()) for _ in range(2)]

    assert len(asyncio.run(twice())) == 2
    assert ["response_format" in body for body in asked(site)] == [True, False, False]


def test_a_field_that_is_not_known_is_the_request_s_fault(site):
    with pytest.raises(RequestInvalid, match="Unknown parameter"):
        make(site, openai_kind="compatible+seed")


def test_the_key_is_in_no_repr_and_no_error(site):
    with pytest.raises(Exception, match="key") as caught:
        make(site, openai_api_key=f"wrong-{KEY}")
    assert KEY not in str(caught.value)
    assert KEY not in repr(engine(site)._connection)


def test_a_picture_that_is_no_longer_wanted_is_cancelled_there(site):
    play(site, openai="hang")
    with pytest.raises(TimeoutError):
        make(site, seconds=0.5)
    wait_until(lambda: outcomes(site) == ["aborted"], "the cancellation")


def test_it_reports_what_it_does(site):
    reported = Reported()
    make(site, "sglang", reported)
    assert [phase for phase, _ in reported.news] == ["generating"]
