"""Settings of the storage `gcs`."""

from pydantic import Field

from render_worker.setting_types import GoogleCredentials, Url
from render_worker.storages.settings import BucketSettings


class GcsSettings(BucketSettings, GoogleCredentials):
    """Settings of a bucket at Google Cloud Storage."""

    title = "Storage `gcs`"

    google_cloud_bucket: str | None = Field(None, description="Bucket of pictures at Google Cloud Storage.")
    gcs_public_url: Url | None = Field(
        None, description="Address under which the bucket is public; unset means signed links."
    )
    gcs_url: Url | None = Field(None, description="Its API, if it is not Google's own.")
