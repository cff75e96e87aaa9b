"""Settings of the engine `vertex`."""

from pydantic import Field

from render_worker.engines.settings import EngineSettings
from render_worker.setting_types import GoogleCredentials, Secret, Url

DEFAULT_MODEL = "gemini-3.1-flash-image"


class VertexSettings(EngineSettings, GoogleCredentials):
    """Settings of Vertex AI's model, project and key."""

    title = "Engine `vertex`"

    google_cloud_project: str | None = Field(
        None, pattern=r"^[a-z0-9.:-]+$", examples=["my-project-123"], description="Project that pays for Vertex AI."
    )
    vertex_ai_location: str = Field("global", pattern=r"^[a-z0-9-]+$", description="Location of Vertex AI's models.")
    google_api_key: Secret | None = Field(None, description="API key for Vertex AI, in place of a service account.")
    vertex_model: str = Field(
        DEFAULT_MODEL, pattern=r"^[a-z0-9@.-]+$", description="Model at Vertex AI, of Gemini's for pictures."
    )
    vertex_seconds: float = Field(180, gt=0, description="Limit of one request to Vertex AI.")
    vertex_url: Url | None = Field(None, description="Vertex AI's API, if it is not Google's own.")
