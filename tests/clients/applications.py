"""Requests as known applications send them, each with the source file that says so.

Values that an application's user chooses are its defaults or of its own list of choices.
"""

from dataclasses import dataclass, field

BEARER = {"Authorization": "Bearer a-key-of-the-tests"}
API_VERSION = "api-version=2025-04-01-preview"
PROMPT = "a lighthouse at dawn"

OPEN_WEBUI = "open-webui/open-webui: backend/open_webui/routers/images.py"
LIBRECHAT_DALLE = "danny-avila/LibreChat: api/app/clients/tools/structured/DALLE3.js"
LIBRECHAT = "danny-avila/LibreChat: api/app/clients/tools/structured/OpenAIImageTools.js"
SILLYTAVERN = "SillyTavern/SillyTavern: public/scripts/extensions/stable-diffusion/index.js"
HOME_ASSISTANT = "home-assistant/core: homeassistant/components/openai_conversation/__init__.py"
N8N = "n8n-io/n8n: packages/@n8n/nodes-langchain/nodes/vendors/OpenAi/v2/actions/image/generate.operation.ts"
N8N_EDIT = "n8n-io/n8n: packages/@n8n/nodes-langchain/nodes/vendors/OpenAi/v2/actions/image/edit.operation.ts"
LOBE_CHAT = "lobehub/lobe-chat: packages/model-runtime/src/core/openaiCompatibleFactory/createImage.ts"
LANGCHAIN_JS = "langchain-ai/langchainjs: libs/providers/langchain-openai/src/tools/dalle.ts"
GO_OPENAI = "sashabaranov/go-openai: image.go"
SPRING_AI = "spring-projects/spring-ai: models/spring-ai-openai/.../openai/api/OpenAiImageApi.java"

OF_OPEN_WEBUI = {  # with ENABLE_FORWARD_USER_INFO_HEADERS
    **BEARER,
    "X-OpenWebUI-User-Name": "Ada%20Lovelace",
    "X-OpenWebUI-User-Id": "0b8f7f9e-3b0c-4a9f-9d0e-2f2a4a1f5c11",
    "X-OpenWebUI-User-Email": "ada@example.org",
    "X-OpenWebUI-User-Role": "admin",
}


@dataclass(frozen=True)
class Generation:
    """A request for pictures: its JSON body, and the field of the response that the application reads."""

    source: str
    reads: str
    body: dict[str, object]
    query: str = ""
    headers: dict[str, str] = field(default_factory=lambda: BEARER)


@dataclass(frozen=True)
class Upload:
    """A form with pictures: its fields, the names of its files' fields, and whether it is sent without its length."""

    source: str
    fields: list[tuple[str, str]]
    files: list[str]
    path: str = "/images/edits"
    chunked: bool = False
    query: str = ""
    headers: dict[str, str] = field(default_factory=lambda: BEARER)


GENERATIONS = [
    Generation(
        OPEN_WEBUI,
        "b64_json",
        {"model": "dall-e-2", "prompt": PROMPT, "n": 1, "size": "512x512", "response_format": "b64_json"},
        headers=OF_OPEN_WEBUI,
    ),
    Generation(
        OPEN_WEBUI, "b64_json", {"model": "gpt-image-1", "prompt": PROMPT, "n": 2, "size": "auto"}, f"?{API_VERSION}"
    ),
    Generation(OPEN_WEBUI, "b64_json", {"model": "gpt-image-1.5", "prompt": PROMPT, "n": 1, "quality": "medium"}),
    Generation(OPEN_WEBUI, "b64_json", {"model": "sketch", "prompt": PROMPT, "n": 1, "response_format": "b64_json"}),
    # its pattern of models that bring a URL, set to the served model's name:
    Generation(OPEN_WEBUI, "url", {"model": "sketch", "prompt": PROMPT, "n": 1, "size": "512x512"}),
    Generation(
        LIBRECHAT_DALLE,
        "url",
        {
            "model": "dall-e-3",
            "quality": "standard",
            "style": "vivid",
            "size": "1792x1024",
            "prompt": PROMPT,
            "n": 1,
        },
    ),
    Generation(
        LIBRECHAT,
        "b64_json",
        {
            "model": "gpt-image-1",
            "prompt": PROMPT,
            "n": 1,
            "background": "auto",
            "output_format": "png",
            "quality": "auto",
            "size": "auto",
        },
    ),
    Generation(
        LIBRECHAT,
        "b64_json",
        {
            "model": "gpt-image-1",
            "prompt": PROMPT,
            "n": 3,
            "background": "opaque",
            "output_format": "webp",
            "output_compression": 80,
            "quality": "high",
            "size": "1536x1024",
        },
        f"?{API_VERSION}",
        {**BEARER, "api-key": "a-key-of-the-tests"},
    ),
    Generation(
        SILLYTAVERN,
        "b64_json",
        {
            "prompt": PROMPT,
            "model": "dall-e-3",
            "size": "1024x1792",
            "n": 1,
            "quality": "hd",
            "style": "vivid",
            "response_format": "b64_json",
        },
    ),
    Generation(
        SILLYTAVERN,
        "b64_json",
        {
            "prompt": PROMPT,
            "model": "gpt-image-1.5",
            "size": "1024x1536",
            "n": 1,
            "quality": "auto",
            "moderation": "low",
        },
    ),
    Generation(
        HOME_ASSISTANT,
        "url",
        {
            "model": "dall-e-3",
            "prompt": PROMPT,
            "size": "1024x1024",
            "quality": "standard",
            "style": "vivid",
            "response_format": "url",
            "n": 1,
        },
    ),
    Generation(
        N8N,
        "b64_json",
        {
            "prompt": PROMPT,
            "model": "dall-e-3",
            "response_format": "b64_json",
            "quality": "hd",
            "size": "1792x1024",
            "style": "natural",
        },
    ),
    Generation(N8N, "url", {"prompt": PROMPT, "model": "dall-e-2", "response_format": "url", "n": 4}),
    Generation(
        N8N, "b64_json", {"prompt": PROMPT, "model": "gpt-image-1-mini", "quality": "medium", "size": "1536x1024"}
    ),
    Generation(LOBE_CHAT, "b64_json", {"model": "gpt-image-1", "n": 1, "prompt": PROMPT}),
    Generation(
        LOBE_CHAT,
        "b64_json",
        {"model": "dall-e-3", "n": 1, "response_format": "b64_json", "prompt": PROMPT, "size": "1024x1024"},
    ),
    Generation(
        LANGCHAIN_JS,
        "url",
        {
            "model": "dall-e-3",
            "prompt": PROMPT,
            "n": 1,
            "size": "1024x1024",
            "response_format": "url",
            "style": "vivid",
            "quality": "standard",
        },
    ),
    Generation(
        GO_OPENAI, "url", {"prompt": PROMPT, "n": 1, "size": "256x256", "response_format": "url", "user": "user-1"}
    ),
    Generation(SPRING_AI, "url", {"prompt": PROMPT, "model": "dall-e-3", "n": 1, "size": "1024x1024"}),
]

UPLOADS = [
    Upload(
        OPEN_WEBUI,
        [("model", "gpt-image-1"), ("prompt", PROMPT), ("n", "1"), ("size", "1024x1024"), ("background", "opaque")],
        ["image"],
        query=f"?{API_VERSION}",
        headers=OF_OPEN_WEBUI,
    ),
    Upload(OPEN_WEBUI, [("model", "sketch"), ("prompt", PROMPT), ("response_format", "b64_json")], ["image[]"] * 2),
    Upload(
        LIBRECHAT,
        [("model", "gpt-image-1"), ("prompt", PROMPT), ("quality", "auto"), ("size", "auto")],
        ["image[]"] * 3,
        chunked=True,
        query=f"?{API_VERSION}",
        headers={"api-key": "a-key-of-the-tests"},
    ),
    Upload(
        N8N_EDIT,
        [
            ("prompt", PROMPT),
            ("model", "gpt-image-1"),
            ("n", "1"),
            ("size", "1024x1024"),
            ("user", "user-12345"),
            ("background", "auto"),
            ("input_fidelity", "high"),
            ("output_format", "webp"),
            ("output_compression", "80"),
            ("quality", "auto"),
        ],
        ["image[]", "mask"],
    ),
    Upload(
        N8N_EDIT,
        [
            ("prompt", PROMPT),
            ("model", "dall-e-2"),
            ("n", "1"),
            ("size", "512x512"),
            ("response_format", "url"),
        ],
        ["image"],
    ),
    Upload(
        LOBE_CHAT, [("model", "gpt-image-1"), ("n", "1"), ("input_fidelity", "high"), ("prompt", PROMPT)], ["image"]
    ),
    # it writes every field, also those that its caller left empty:
    Upload(GO_OPENAI, [("prompt", PROMPT), ("n", "1"), ("size", ""), ("response_format", "")], ["image", "mask"]),
    Upload(
        GO_OPENAI, [("n", "2"), ("size", "512x512"), ("response_format", "url")], ["image"], path="/images/variations"
    ),
]
