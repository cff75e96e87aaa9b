"""The checkpoints of AUTOMATIC1111's stand-in."""

CHECKPOINTS = tuple(
    {
        "title": f"{file} [{short}]",
        "model_name": file.rpartition(".")[0].replace("/", "_"),
        "hash": short,
        "sha256": short * 6 + short[:4],
        "filename": f"{folder}{file}",
        "config": None,
    }
    for folder, file, short in (
        ("/models/Stable-diffusion/", "sd_xl_base_1.0.safetensors", "31e35c80fc"),
        ("/models/Stable-diffusion/", "photo/dream shaper.ckpt", "879db523c3"),
        ("C:\\models\\", "anime.safetensors", "a074b8864e"),
    )
)
LOADED = "sd_xl_base_1.0"
ONLY = {  # of stable-diffusion.cpp, which runs one model
    "title": LOADED,
    "model_name": LOADED,
    "filename": f"{LOADED}.safetensors",
    "hash": "8888888888",
    "sha256": "8" * 64,
    "config": None,
}
OPTIONS: dict[str, object] = {  # some of hundreds
    **{f"samples_{name}": True for name in ("save", "filename_pattern")},
    **{f"grid_{name}": True for name in ("save", "format", "extended_filename", "only_if_multiple")},
    **{f"live_preview{name}": True for name in ("s_enable", "s_image_format", "_content", "_refresh_period")},
    "CLIP_stop_at_last_layers": 1,
}
