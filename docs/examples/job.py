"""Make a picture as a job: submit it, ask for its status until it is final, and print its address. Nothing to install.

The job is kept by the service: it goes on if this program, the connection or the service itself breaks off.

python job.py "a red boat" http://localhost:8000
"""

import json
import sys
import time
import uuid
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import Request, urlopen

ATTEMPTS = 5  # of each request
LATER = (429, 503)  # these statuses come with the seconds after which to try again
FINAL = ("completed", "failed", "canceled")


def submit(address: str, options: dict) -> dict:
    """Return a new job. By the key a repeated request returns the same job, and makes no second one."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
    base = address if "://" in address else f"http://{address}"
    url = f"{base.rstrip('/')}/api/v1/generate"
    return ask(Request(url, json.dumps(options).encode(), headers))[0]


def finished(job: dict) -> dict:
    """Return a job once it is final, and print how far it is until then."""
    told = None
    while job["status"] not in FINAL:
        job, seconds = ask(Request(job["links"]["status"]))
        if (news := describe(job)) != told:
            print(news, flush=True)
        told = news
        time.sleep(seconds)
    return job


def describe(job: dict) -> str:
    """Return how far a job is as a line of text."""
    if "position" in job:
        return f"{job['status']}, number {job['position']} in the queue"
    return job.get("progress", {}).get("message", job["status"])


def ask(request: Request) -> tuple[dict, int]:
    """Return the JSON of a response, and after how many seconds to ask again; try again if that can help."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with urlopen(request, timeout=60) as response:
                return json.loads(response.read()), int(response.headers.get("Retry-After", 0))
        except HTTPError as error:
            body = json.loads(error.read())
            if error.code not in LATER or attempt == ATTEMPTS:
                raise RuntimeError(body["error"]) from error
            time.sleep(int(error.headers.get("Retry-After", 1)))
        except (OSError, HTTPException) as error:
            if attempt == ATTEMPTS:
                raise RuntimeError(f"Cannot reach {request.host}: {getattr(error, 'reason', error)}") from error
            time.sleep(1)
    raise AssertionError


def main(prompt: str = "a red boat", address: str = "http://localhost:8000") -> None:
    """Make a picture and print its address."""
    try:
        job = finished(submit(address, {"prompt": prompt}))
    except (RuntimeError, ValueError) as error:
        sys.exit(str(error))
    if job["status"] != "completed":
        sys.exit(job.get("error", f"The job is {job['status']}."))
    print(job["images"][0]["image_url"])


if __name__ == "__main__":
    main(*sys.argv[1:])
