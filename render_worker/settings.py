"""The only reader of the environment in this tier. Every setting is an upper-case variable of the same name."""

import re
import sys
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, StringConstraints, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ORIGIN = r"^https?://(\*\.)?[a-z0-9._:\[\]-]+$"
PRINTABLE = re.compile(r"[!-~]+")
ADDRESS = re.compile(r"https?://[^/?#\s]+[^?#\s]*")
REPLICATE_MODEL = r"^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*(:[A-Za-z0-9-]+)?$"

EngineName = Literal["perchance", "horde", "replicate", "vertex", "huggingface"]
StorageName = Literal["local", "imgur", "s3", "gcs", "cloudinary"]
S = TypeVar("S", bound=BaseSettings)


def _split(value: object) -> object:
    return tuple(name.strip() for name in value.split(",") if name.strip()) if isinstance(value, str) else value


def _each_once(value: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(value)) < len(value):
        raise ValueError("it must name each but once")
    return value


def _fit_for_a_header(value: SecretStr) -> SecretStr:
    if not PRINTABLE.fullmatch(value.get_secret_value()):
        raise ValueError("it must be printable ASCII without spaces or line breaks")
    return value


def _address(value: str) -> str:
    if not ADDRESS.fullmatch(value):
        raise ValueError("it must be an address like https://pictures.example")
    return value.rstrip("/")


Secret = Annotated[SecretStr, AfterValidator(_fit_for_a_header)]
Address = Annotated[str, AfterValidator(_address)]
ReplicateModel = Annotated[str, StringConstraints(pattern=REPLICATE_MODEL, max_length=100)]
Origin = Annotated[str, StringConstraints(pattern=ORIGIN)]
T = TypeVar("T")
Listed = Annotated[tuple[T, ...], NoDecode, BeforeValidator(_split), AfterValidator(_each_once)]
"""Separated by commas."""


class Settings(BaseSettings):
    """What can be set from outside; an empty variable counts as unset."""

    model_config = SettingsConfigDict(env_ignore_empty=True, hide_input_in_errors=True, frozen=True)

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8001, ge=1, le=65535, description="Port to listen on.")
    worker_token: Secret | None = Field(None, description="Secret that callers send as a bearer token.")
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="How much is logged.")
    simulated: bool = Field(False, description="Marks every answer: the sandbox stands in for the outside world.")

    max_concurrency: int | None = Field(
        None, ge=1, le=64, description="Generations at a time, saving included; unset means 3 more than all engines'."
    )
    queue_size: int = Field(20, ge=0, le=10_000, description="Generations that may wait.")
    read_timeout_seconds: int = Field(20, ge=1, description="How long a caller may take to send a request.")
    graceful_timeout_seconds: int = Field(
        20, ge=1, description="How long running generations may take at a stop; then their callers are told."
    )

    engines: Listed[EngineName] = Field(
        ("perchance",),
        min_length=1,
        description="Engines that are enabled, in the order in which model=auto asks them: "
        "perchance, horde, replicate, vertex, huggingface. sketch is always there for who names it.",
    )
    engine_failures: int = Field(
        5, ge=0, description="Failures in a row after which an engine rests; 0: only at walls."
    )
    engine_rest_seconds: int = Field(60, ge=1, le=86_400, description="How long it rests then.")
    engine_concurrency: int = Field(
        4, ge=1, le=64, description="Pictures at a time of each engine that is asked by HTTP, up to MAX_CONCURRENCY."
    )
    memory_limit_mb: int | None = Field(
        None,
        ge=64,
        description="Memory of this service in MiB; unset means what its control group says, if it has one.",
    )
    browser_idle_seconds: int = Field(
        0, ge=0, description="Time without work after which the browser is closed until it is needed; 0 means never."
    )
    chromium_path: Path | None = Field(None, description="A Chromium to use instead of the one that is found.")
    browser_sandbox: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Chromium's own sandbox: auto does without it if the host does not allow it, on starts no browser "
        "then, off never uses it.",
    )

    perchance_routes: Listed[Literal["page", "package"]] = Field(
        ("page", "package"), min_length=1, description="Ways to Perchance, in the order in which they are tried."
    )
    perchance_page_url: Address = Field(
        "https://perchance.org/perchance-ai-api", description="The site's page for outside apps."
    )
    perchance_upload_origins: Listed[Origin] = Field(
        ("https://user.uploads.dev", "https://user-uploads.perchance.org"),
        description="Hosts from which that page's pictures may be fetched.",
    )
    perchance_base_url: Address = Field(
        "https://image-generation.perchance.org/api", description="The site's internal image API."
    )
    perchance_sessions: int = Field(1, ge=1, le=16, description="Generations at a time; the site gives an address one.")
    perchance_recycle_images: int = Field(50, ge=1, description="Pictures after which a session's pages are replaced.")
    perchance_rest_seconds: int = Field(
        300, ge=0, le=86_400, description="Rest after a human check or rate limit; asking again makes those worse."
    )
    perchance_page_seconds: float = Field(30, gt=0, description="Limit of the phase that opens the site's page.")
    perchance_verify_seconds: float = Field(30, gt=0, description="Limit of the phase that gets a key.")
    perchance_generate_seconds: float = Field(180, gt=0, description="Limit of one wait for a picture's making.")
    perchance_download_seconds: float = Field(60, gt=0, description="Limit of the phase that downloads the picture.")
    perchance_poll_seconds: float = Field(3, gt=0, description="Pause before asking again for what is not ready.")

    horde_url: Address = Field("https://aihorde.net/api/v2", description="AI Horde's API.")
    horde_api_key: Secret | None = Field(
        None, description="Key of an account at AI Horde; unset means the anonymous one, which waits longest."
    )
    horde_models: Listed[str] = Field(
        (), description="Models at AI Horde, by its names, any of which may answer; unset means whichever is free."
    )
    horde_steps: int = Field(25, ge=1, le=40, description="Sampling steps there.")
    horde_poll_seconds: float = Field(
        2, ge=0.1, le=60, description="Pause before asking again how far a picture is there."
    )
    horde_image_origins: Listed[Origin] = Field(
        ("https://*.r2.cloudflarestorage.com",), description="Hosts from which its pictures may be fetched."
    )

    replicate_api_token: Secret | None = Field(None, description="Token of an account at Replicate.")
    replicate_url: Address = Field("https://api.replicate.com", description="Replicate's API.")
    replicate_models: Listed[ReplicateModel] = Field(
        ("black-forest-labs/flux-schnell",),
        min_length=1,
        description="Models at Replicate, as owner/name or owner/name:version; the first answers model=replicate.",
    )
    replicate_request_seconds: float = Field(30, gt=0, description="Limit of each request to that API.")
    replicate_image_origins: Listed[Origin] = Field(
        ("https://replicate.delivery", "https://*.replicate.delivery"),
        description="Hosts from which its pictures may be fetched.",
    )

    google_cloud_project: str | None = Field(
        None, pattern=r"^[a-z0-9.:-]+$", description="Project that pays for Vertex AI."
    )
    vertex_ai_location: str = Field("global", pattern=r"^[a-z0-9-]+$", description="Location of Vertex AI's models.")
    google_application_credentials: Path | None = Field(
        None, description="File of a service account's key, for vertex and gcs."
    )
    google_api_key: Secret | None = Field(None, description="API key for Vertex AI, in place of a service account.")
    vertex_model: str = Field(
        "gemini-3.1-flash-image", pattern=r"^[a-z0-9@.-]+$", description="Model at Vertex AI, Imagen's or Gemini's."
    )
    vertex_seconds: float = Field(180, gt=0, description="Limit of one request to Vertex AI.")
    vertex_url: Address | None = Field(None, description="Vertex AI's API, where it is not Google's own.")

    huggingface_api_key: Secret | None = Field(None, description="Token of an account at Hugging Face.")
    hf_token: Secret | None = Field(None, description="The same, under the name that its own tools use.")
    huggingface_model: str = Field(
        "black-forest-labs/FLUX.1-schnell", pattern=r"^[\w.-]+/[\w.-]+$", description="Model at Hugging Face."
    )
    huggingface_provider: str = Field(
        "auto",
        description="Who runs it: nscale, fal-ai, together, hf-inference, or auto: the first that serves it.",
    )
    huggingface_url: Address | None = Field(
        None,
        description="Address of an own Inference Endpoint, which is asked in place of a provider.",
    )
    huggingface_router_url: Address = Field(
        "https://router.huggingface.co", description="Where Hugging Face hands on to providers."
    )
    huggingface_hub_url: Address = Field(
        "https://huggingface.co", description="Its Hub, which says who serves a model."
    )
    huggingface_image_origins: Listed[Origin] = Field(
        ("https://fal.media", "https://*.fal.media"),
        description="Hosts from which its providers' pictures may be fetched.",
    )
    huggingface_seconds: float = Field(120, gt=0, description="Limit of one wait for its answer or download.")

    storage: Annotated[Listed[StorageName] | None, NoDecode] = Field(
        None,
        min_length=1,
        description="Where pictures are kept, by the first that can: s3, gcs, cloudinary, imgur, local, which is the "
        "last unless it is named; unset means imgur where IMGUR_CLIENT_ID is set, else local.",
    )
    storage_rest_seconds: int = Field(
        60, ge=1, le=86_400, description="How long a storage that failed is left alone, unless it says how long."
    )
    s3_bucket: str | None = Field(None, description="Bucket of pictures at S3 or a service that speaks its protocol.")
    s3_endpoint: Address | None = Field(None, description="That service's address; unset means Amazon's own.")
    s3_region: str = Field("us-east-1", description="Region of the bucket.")
    s3_path_style: bool = Field(True, description="Whether the bucket's name is in the path and not in the host.")
    s3_public_url: Address | None = Field(
        None,
        description="Address under which everybody may read the bucket; unset means signed links.",
    )
    aws_access_key_id: Secret | None = Field(None, description="Key id for the bucket.")
    aws_secret_access_key: Secret | None = Field(None, description="Its secret.")
    google_cloud_bucket: str | None = Field(None, description="Bucket of pictures at Google Cloud Storage.")
    gcs_public_url: Address | None = Field(
        None, description="Address under which everybody may read it; unset means signed links."
    )
    gcs_url: Address | None = Field(None, description="Its API, where it is not Google's own.")
    bucket_prefix: str = Field(
        "",
        pattern=r"^([A-Za-z0-9_-][A-Za-z0-9._-]*/)*$",
        description="Folder within a bucket or at Cloudinary, like pictures/ with a slash.",
    )
    signed_link_seconds: int = Field(  # this worker and the API tier give an answer again for an hour at least
        604_800, ge=7200, le=604_800, description="Life of a signed link, from two hours to a week."
    )
    bucket_seconds: float = Field(60, gt=0, description="Limit of an upload to s3, gcs or cloudinary.")
    cloudinary_url: Secret | None = Field(
        None, description="Cloudinary's cloudinary://key:secret@cloud, as its console shows it."
    )
    cloudinary_api_url: Address = Field("https://api.cloudinary.com/v1_1", description="Its API.")
    imgur_client_id: Secret | None = Field(None, description="Client-ID of an application registered with Imgur.")
    imgur_api_url: Address = Field("https://api.imgur.com/3", description="Imgur's API.")
    imgur_upload_seconds: float = Field(60, gt=0, description="Limit of an upload.")
    local_storage_dir: Path = Field(Path(".data/images"), description="Folder of the pictures.")
    local_storage_mb: int = Field(
        256, ge=1, description="Size of that folder in MiB; sketches go first, then the oldest pictures."
    )

    @property
    def slots(self) -> int:
        """Generations at a time: some more than the engines make, which are encoded and saved meanwhile."""
        by_http = len(self.engines) - ("perchance" in self.engines)
        sessions = self.perchance_sessions if "perchance" in self.engines else 0
        return self.max_concurrency or sessions + by_http * self.engine_concurrency + 3


VARIABLES = frozenset(name.upper() for name in Settings.model_fields)
"""Where they are read from; several are secrets."""


def load() -> Settings:
    """The worker's settings, as `read` reads them."""
    return read(Settings)


def read(kind: type[S]) -> S:
    """Settings of a kind, or an end of the process with a sentence on the first that cannot be taken."""
    try:
        return kind()
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        problem = first["msg"].removeprefix("Value error, ")
        sys.exit(f"{name.upper()} cannot be used: {problem}. What it sets: {kind.model_fields[name].description}")
