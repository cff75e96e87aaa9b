"""Settings refuse nonsense by name, without telling secrets."""

import pytest

from render_worker.settings import Settings, load


def test_it_works(monkeypatch):
    monkeypatch.setenv("PERCHANCE_SESSIONS", "3")
    monkeypatch.setenv("ENGINES", " perchance ,")
    monkeypatch.setenv("WORKER_TOKEN", "")
    settings = load()
    assert (settings.perchance_sessions, settings.engines, settings.worker_token) == (3, ("perchance",), None)


@pytest.mark.parametrize(
    ("set_to", "folder"),
    [
        ({}, ".data/images"),
        ({"STORAGE_PATH": "./storage"}, "storage"),
        ({"STORAGE_PATH": "/a", "LOCAL_STORAGE_DIR": "/b"}, "/b"),
        ({"STORAGE_PATH": "/a", "LOCAL_STORAGE_DIR": ""}, "/a"),
        ({"STORAGE_PATH": "  ", "LOCAL_STORAGE_DIR": ""}, ".data/images"),
    ],
)
def test_the_folder_of_pictures_has_two_names(monkeypatch, set_to, folder):
    for name in ("STORAGE_PATH", "LOCAL_STORAGE_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in set_to.items():
        monkeypatch.setenv(name, value)
    assert str(load().local_storage_dir) == folder


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("QUEUE_SIZE", "-1"),
        ("PERCHANCE_BASE_URL", "perchance.org"),
        ("LOG_LEVEL", "loud"),
        ("ENGINES", ","),
        ("ENGINES", "sketch"),
        ("WORKER_TOKEN", "a\nb"),
        ("IMGUR_CLIENT_ID", "ü"),
        ("PERCHANCE_UPLOAD_ORIGINS", "*"),
        ("STORAGE", "ftp"),
        ("PERCHANCE_ROUTES", "page,tunnel"),
    ],
)
def test_nonsense_is_refused_by_name(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match=f"{name} cannot be used"):
        load()


@pytest.mark.parametrize(
    ("name", "value", "like"),
    [
        ("CLOUDFLARE_MODEL", "flux", "@cf/black-forest-labs/flux-1-schnell"),
        ("GOOGLE_CLOUD_PROJECT", "My Project", "my-project-123"),
        ("OPENAI_IMAGE_MODEL", "a b", "gpt-image-2"),
        ("OPENAI_IMAGE_ORIGINS", "pictures", "https://pictures.example"),
        ("REPLICATE_MODELS", "flux", "black-forest-labs/flux-schnell"),
        ("HUGGINGFACE_SPACE", "space", "mcp-tools/Z-Image-Turbo"),
        ("BUCKET_PREFIX", "pictures", "pictures/"),
    ],
)
def test_a_value_of_another_form_is_refused_by_an_example(monkeypatch, name, value, like):
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match=f"{name} cannot be used: it must be like {like}\\. "):
        load()


def test_secrets_are_not_shown():
    assert "hidden" not in repr(Settings(worker_token="hidden"))


def test_what_is_set_up_and_not_enabled_is_known(monkeypatch):
    assert Settings().idle_engines == []
    for name, value in {
        "AUTOMATIC1111_URL": "http://192.168.1.5:7860",
        "HORDE_API_KEY": "mine",
        "CLOUDFLARE_API_TOKEN": "half",
        "OPENAI_ENDPOINTS": "box=http://192.168.1.5:8080/v1",
        "ENGINES": "perchance,horde",
    }.items():
        monkeypatch.setenv(name, value)
    assert load().idle_engines == ["automatic1111", "openai:box"]
