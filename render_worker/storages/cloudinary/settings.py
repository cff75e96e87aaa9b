"""Settings of the storage `cloudinary`."""

from pydantic import Field

from render_worker.setting_types import Secret, Url
from render_worker.storages.settings import UploadSettings


class CloudinarySettings(UploadSettings):
    """Settings of an account at Cloudinary."""

    title = "Storage `cloudinary`"

    cloudinary_url: Secret | None = Field(
        None, description="Cloudinary's cloudinary://key:secret@cloud, as its console shows it."
    )
    cloudinary_api_url: Url = Field("https://api.cloudinary.com/v1_1", description="Cloudinary's API.")
