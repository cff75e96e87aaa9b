"""Settings that several storages share."""

from pydantic import Field

from render_worker.setting_types import SettingsPart


class StorageSettings(SettingsPart):
    """Base of each storage's settings, which a storage's folder declares in its own `settings.py`."""

    title = "Every storage"

    storage_rest_seconds: int = Field(
        60,
        ge=1,
        le=86_400,
        description="How long a storage's circuit breaker stays open after failures, unless the service says how long.",
    )


class UploadSettings(StorageSettings):
    """Settings of the storages that upload under a name of the picture's content."""

    title = "Uploads named by their content"

    bucket_prefix: str = Field(
        "",
        pattern=r"^([A-Za-z0-9_-][A-Za-z0-9._-]*/)*$",
        examples=["pictures/"],
        description="Folder within the bucket or account, like pictures/ with a slash.",
    )
    bucket_seconds: float = Field(60, gt=0, description="Timeout of one upload.")


class BucketSettings(UploadSettings):
    """Settings of the storages that are buckets."""

    title = "Buckets"

    signed_link_seconds: int = Field(  # this worker and the API tier repeat a result for an hour at least
        604_800, ge=7200, le=604_800, description="Lifetime of a signed link, from two hours to a week."
    )
