"""The worker logs no URLs of pictures, some of which are signed."""

import subprocess
import sys

import pytest

from tests.fakes.scripted_server import ScriptedServer

ASK = """
import runpy, sys
runpy.run_path("render_worker/gunicorn.conf.py")
library = __import__(sys.argv[1])
library.Client(trust_env=False).get(sys.argv[2])
import logging
logging.getLogger("render_worker").info("asked")
"""


@pytest.mark.parametrize("library", ["httpx", "httpx2"])
def test_requested_urls_are_not_logged(library):
    with ScriptedServer() as host:
        address = f"{host.url}/picture?X-Amz-Signature=0123"
        run = subprocess.run([sys.executable, "-c", ASK, library, address], capture_output=True, text=True, check=True)
        assert host.asked
    assert "INFO render_worker asked" in run.stderr
    assert "X-Amz-Signature" not in run.stderr
