"""The engine `vertex` with its real SDK, and a stand-in of Vertex AI and of Google's token endpoint."""

import asyncio
import io
import json
import traceback
from fractions import Fraction

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from PIL import Image

from render_worker.contract import PROPORTIONS, Recipe, Shape, difference
from render_worker.engines.vertex.engine import VertexEngine
from render_worker.errors import EngineError
from render_worker.settings import Settings
from tests.fakes.processes import sandbox

API_KEY = "AIza-the-secret-key"
PROMPT = "a lighthouse at night"
IMAGEN, OLDEST = "imagen-4.0-generate-001", "gemini-2.5-flash-image"


class Notes:
    """A Reporter that keeps what an engine reports."""

    def __init__(self) -> None:
        self.phases: list[str] = []
        self.setbacks: list[str] = []

    def __call__(self, phase: str, message: str | None = None, **_: object) -> None:
        self.phases.append(phase)

    def setback(self, sentence: str) -> None:
        self.setbacks.append(sentence)


@pytest.fixture(scope="module")
def site():
    with sandbox() as server:
        yield server


@pytest.fixture(autouse=True)
def well(site):
    requests.post(f"{site.url}/sandbox/reset", timeout=5).raise_for_status()


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(pem, form, serialization.NoEncryption()).decode()


@pytest.fixture
def key_file(tmp_path, site, private_key):
    key = {
        "type": "service_account",
        "project_id": "from-the-file",
        "private_key_id": "1",
        "private_key": private_key,
        "client_email": "pictures@project.iam.gserviceaccount.com",
        "token_uri": f"{site.url}/vertex/token",
    }
    path = tmp_path / "key.json"
    path.write_text(json.dumps(key))
    return path


def configured(**settings: object) -> VertexEngine:
    engine = VertexEngine(Settings(**{"vertex_seconds": 10, **settings}))
    engine.retry_pauses = (0.01, 0.01)
    return engine


@pytest.fixture
def by_key(site) -> VertexEngine:
    return configured(vertex_url=f"{site.url}/vertex", google_api_key=API_KEY)


@pytest.fixture
def by_account(site, key_file):
    def make(model: str = OLDEST, location: str = "us-central1", **settings: object) -> VertexEngine:
        return configured(
            vertex_url=f"{site.url}/vertex",
            vertex_model=model,
            google_cloud_project="the-project",
            vertex_ai_location=location,
            google_application_credentials=key_file,
            **settings,
        )

    return make


def play(site, behaviour: str, **more: object) -> None:
    requests.post(f"{site.url}/sandbox", json={"vertex": behaviour, **more}, timeout=5).raise_for_status()


def asked(site, endpoint: str = "vertex") -> list[dict]:
    log = requests.get(f"{site.url}/sandbox/log", timeout=5).json()
    return [entry for entry in log if entry["endpoint"] == endpoint]


def made(engine: VertexEngine, notes: Notes | None = None, **recipe: object):
    return asyncio.run(engine.generate(Recipe(prompt=PROMPT, **recipe), notes or Notes()))


def refused(engine: VertexEngine, **recipe: object) -> EngineError:
    with pytest.raises(EngineError) as caught:
        made(engine, **recipe)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    for secret in (API_KEY, PROMPT, "PRIVATE KEY", "ya29", "Bearer"):
        assert secret not in shown
    return caught.value


def of_shape(data: bytes, shape: Shape) -> bool:
    """Return whether the picture has nearly the proportion of the shape."""
    with Image.open(io.BytesIO(data)) as image:
        return difference(Fraction(*image.size), PROPORTIONS[shape]) < 0.05
