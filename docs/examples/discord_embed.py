"""Make a picture and post it to a Discord channel as an embed. Nothing to install.

A webhook's address is in the channel's settings: Integrations, Webhooks, Copy Webhook URL. Discord fetches the picture
itself, so the service needs an address that the internet can reach.

DISCORD_WEBHOOK=https://discord.com/api/webhooks/… python discord_embed.py "a red boat" https://pictures.example.org
"""

import json
import os
import sys
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

# Discord's limits: https://discord.com/developers/docs/resources/message#embed-object-embed-limits
MAX_TITLE = 256
AGENT = "DiscordBot (https://example.org, 1.0)"  # Discord turns away what names itself Python-urllib


def generate(prompt: str, address: str) -> dict:
    """Return the result of a picture of a prompt."""
    return ask(Request(f"{address.rstrip('/')}/generate?{urlencode({'prompt': prompt})}"))


def embed_of(result: dict) -> dict:
    """Return a picture as an embed: it stays at `image_url`, which costs no new picture however often it is shown."""
    seed = f" · seed {result['seed']}" if "seed" in result else ""
    return {
        "title": result["prompt"][:MAX_TITLE],
        "url": result["image_url"],
        "image": {"url": result["image_url"]},
        "color": int(result.get("dominant_color", "#5865f2")[1:], 16),
        "footer": {"text": f"{result['engine']}{seed}"},
        "timestamp": result["created_at"],
    }


def ask(request: Request) -> dict:
    """Send a request and return the JSON of its response. Exits with the sentence of an error."""
    try:
        with urlopen(request, timeout=300) as response:
            return json.loads(response.read() or "{}")
    except HTTPError as error:
        sys.exit(f"{request.host} answered {error.code}: {error.read().decode(errors='replace')}")
    except URLError as error:
        sys.exit(f"Cannot reach {request.host}: {error.reason}")


def main(prompt: str = "a red boat", address: str = "http://localhost:8000") -> None:
    """Make a picture and post it."""
    webhook = os.environ.get("DISCORD_WEBHOOK") or sys.exit("Set DISCORD_WEBHOOK to the address of a webhook.")
    body = json.dumps({"embeds": [embed_of(generate(prompt, address))]}).encode()
    ask(Request(webhook, body, {"Content-Type": "application/json", "User-Agent": AGENT}))
    print("Posted.")


if __name__ == "__main__":
    main(*sys.argv[1:])
