"""Tiny pipelines with random weights in the layouts of Stable Diffusion 1, 2, XL and 3 and of FLUX, without a download.

A folder is the same to the byte in every process. Their own size is 64 pixels, as their configurations say.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
from tokenizers import pre_tokenizers

TEXT = (
    "a photo of an astronaut riding a horse on mars a red fox in the snow a lighthouse at sunset by the sea portrait of"
    " an old woman watercolor painting of a city street in the rain a cat and a dog mountains and a river highly"
    " detailed cinematic light blurry low quality watermark"
)
WORDS = tuple(dict.fromkeys(TEXT.split()))
SIDE = 64
"""The models' own size, in pixels."""
NOISE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}


def clip_tokenizer(pad: str = "<|endoftext|>") -> transformers.CLIPTokenizer:
    """Return a tokenizer of CLIP's kind for a few words.

    Its merges are made here: a trainer of tokenizers breaks ties by chance, so that each process would have others.
    """
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = list(dict.fromkeys(pair for word in WORDS for pair in _merges_of(word)))
    marks = ["<|startoftext|>", "<|endoftext|>"]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *(left + right for left, right in merges), *marks]
    vocabulary = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    return transformers.CLIPTokenizer(vocab=vocabulary, merges=merges, pad_token=pad, model_max_length=77)


def _merges_of(word: str) -> Iterator[tuple[str, str]]:
    """Yield the merges by which a word becomes one token, from the left."""
    *letters, last = list(word)
    start, *others = [*letters, f"{last}</w>"]
    for other in others:
        yield start, other
        start += other


def t5_tokenizer() -> transformers.T5TokenizerFast:
    """Return a tokenizer of T5's kind for a few words."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -2.0)]
    pieces += [(f"▁{word}", -3.0) for word in WORDS]
    pieces += [(chr(code), -8.0) for code in range(33, 127)]
    pieces.append(("▁", -6.0))
    return transformers.T5TokenizerFast(vocab=list(dict(pieces).items()), extra_ids=0, model_max_length=128)


def clip_encoder(tokenizer: Any, side: int = 32, *, projects: bool = False, activation: str = "quick_gelu") -> Any:
    """Return a text encoder of CLIP's kind, `side` numbers wide."""
    config = transformers.CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=side,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        projection_dim=side,
        hidden_act=activation,
        max_position_embeddings=77,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return (transformers.CLIPTextModelWithProjection if projects else transformers.CLIPTextModel)(config)


def t5_encoder(tokenizer: Any) -> Any:
    """Return a text encoder of T5's kind."""
    config = transformers.T5Config(
        vocab_size=len(tokenizer),
        d_model=32,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_heads=4,
        feed_forward_proj="gated-gelu",
    )
    return transformers.T5EncoderModel(config)


def vae(channels: int = 4, **options: Any) -> Any:
    """Return a VAE that makes latents of an eighth of the picture's sides."""
    return diffusers.AutoencoderKL(
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        block_out_channels=[16] * 4,
        layers_per_block=1,
        latent_channels=channels,
        norm_num_groups=8,
        sample_size=SIDE,
        **options,
    )


def unet(side: int, heads: Any, base: int, **options: Any) -> Any:
    """Return a U-Net whose text encoders are `side` numbers wide together."""
    return diffusers.UNet2DConditionModel(
        sample_size=SIDE // 8,
        layers_per_block=1,
        block_out_channels=[base, 2 * base],
        norm_num_groups=base // 2,
        down_block_types=["DownBlock2D", "CrossAttnDownBlock2D"],
        up_block_types=["CrossAttnUpBlock2D", "UpBlock2D"],
        cross_attention_dim=side,
        attention_head_dim=heads,
        **options,
    )


def sd1(base: int = 32) -> Any:
    """Return a pipeline as Stable Diffusion 1's."""
    tokenizer = clip_tokenizer()
    return diffusers.StableDiffusionPipeline(
        vae=vae(),
        text_encoder=clip_encoder(tokenizer),
        tokenizer=tokenizer,
        unet=unet(32, 4, base),
        scheduler=diffusers.PNDMScheduler(skip_prk_steps=True, set_alpha_to_one=False, **NOISE),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def sd2(base: int = 32) -> Any:
    """Return a pipeline as Stable Diffusion 2's: it predicts a velocity, and projects by matrices."""
    tokenizer = clip_tokenizer(pad="!")
    return diffusers.StableDiffusionPipeline(
        vae=vae(),
        text_encoder=clip_encoder(tokenizer, 48, activation="gelu"),
        tokenizer=tokenizer,
        unet=unet(48, [4, 8], base, use_linear_projection=True),
        scheduler=diffusers.DDIMScheduler(
            prediction_type="v_prediction", set_alpha_to_one=False, clip_sample=False, **NOISE
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def sdxl(base: int = 32) -> Any:
    """Return a pipeline as Stable Diffusion XL's: two text encoders, and a U-Net that is told the sizes."""
    tokenizer, second = clip_tokenizer(), clip_tokenizer(pad="!")
    return diffusers.StableDiffusionXLPipeline(
        vae=vae(scaling_factor=0.13025),
        text_encoder=clip_encoder(tokenizer),
        text_encoder_2=clip_encoder(second, projects=True, activation="gelu"),
        tokenizer=tokenizer,
        tokenizer_2=second,
        unet=unet(
            64,
            [2, 4],
            base,
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            transformer_layers_per_block=[1, 2],
            projection_class_embeddings_input_dim=6 * 8 + 32,
        ),
        scheduler=diffusers.EulerDiscreteScheduler(timestep_spacing="leading", **NOISE),
        force_zeros_for_empty_prompt=True,
    )


def sd3() -> Any:
    """Return a pipeline as Stable Diffusion 3's, without its T5."""
    tokenizer, second = clip_tokenizer(), clip_tokenizer(pad="!")
    return diffusers.StableDiffusion3Pipeline(
        transformer=diffusers.SD3Transformer2DModel(
            sample_size=SIDE // 8,
            patch_size=2,
            in_channels=16,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=4,
            caption_projection_dim=32,
            joint_attention_dim=64,
            pooled_projection_dim=64,
            out_channels=16,
            pos_embed_max_size=96,
        ),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=vae(16, use_quant_conv=False, use_post_quant_conv=False, shift_factor=0.0609, scaling_factor=1.5305),
        text_encoder=clip_encoder(tokenizer, projects=True),
        tokenizer=tokenizer,
        text_encoder_2=clip_encoder(second, projects=True, activation="gelu"),
        tokenizer_2=second,
        text_encoder_3=None,
        tokenizer_3=None,
    )


def flux() -> Any:
    """Return a pipeline as FLUX.1's."""
    tokenizer, second = clip_tokenizer(), t5_tokenizer()
    return diffusers.FluxPipeline(
        transformer=diffusers.FluxTransformer2DModel(
            patch_size=1,
            in_channels=64,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            pooled_projection_dim=32,
            axes_dims_rope=[4, 4, 8],
            guidance_embeds=True,
        ),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=vae(16, use_quant_conv=False, use_post_quant_conv=False, shift_factor=0.1159, scaling_factor=0.3611),
        text_encoder=clip_encoder(tokenizer),
        tokenizer=tokenizer,
        text_encoder_2=t5_encoder(second),
        tokenizer_2=second,
    )


def safety_checker() -> tuple[Any, Any]:
    """Return a safety checker, and what prepares pictures for it."""
    vision = {
        "hidden_size": 32,
        "intermediate_size": 37,
        "num_attention_heads": 4,
        "num_hidden_layers": 2,
        "image_size": 30,
        "patch_size": 2,
        "projection_dim": 32,
    }
    text = {"hidden_size": 32, "intermediate_size": 37, "num_hidden_layers": 1, "num_attention_heads": 4}
    config = transformers.CLIPConfig(vision_config=vision, text_config=text, projection_dim=32)
    extractor = transformers.CLIPImageProcessorPil(crop_size={"height": 30, "width": 30}, size={"shortest_edge": 30})
    return StableDiffusionSafetyChecker(config), extractor


PIPELINES: dict[str, Callable[..., Any]] = {"sd1": sd1, "sd2": sd2, "sdxl": sdxl, "sd3": sd3, "flux": flux}


def make(layout: str, folder: Path, seed: int = 0, **options: Any) -> Path:
    """Write a model of that layout into a folder, which is returned. Another seed has other weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        pipeline = PIPELINES[layout](**options)
    pipeline.save_pretrained(folder)
    return folder


def digest(folder: Path) -> str:
    """Return a digest of all files of a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256(
        b"".join(os.fsencode(path.relative_to(folder)) + path.read_bytes() for path in files)
    ).hexdigest()
