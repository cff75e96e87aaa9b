"""The allowlist of the browser's environment."""

import re

import pytest

from render_worker.serving.bare_environment import NAMES, PROXIES, bare
from render_worker.settings import VARIABLES
from tests.fakes.processes import ROOT


def test_it_allows_what_a_browser_needs():
    needed = {"PATH": "/bin", "HOME": "/home/worker", "LC_ALL": "C.UTF-8", "TZ": "UTC", "FONTCONFIG_PATH": "/etc/fonts"}
    debian = {"CHROMIUM_FLAGS": "--disable-gpu", "CHROMIUM_USER_FLAGS": "--no-zygote"}  # of its /usr/bin/chromium
    assert bare(needed | debian) == needed | debian


def test_the_guide_names_all_that_is_kept():
    guide = (ROOT / "DEPLOYMENT_GUIDE.md").read_text()
    told = guide[guide.index("finds these variables") :].partition("\n\n")[0]
    assert set(re.findall(r"`([A-Za-z_]+)`", told)) >= NAMES | PROXIES


@pytest.mark.parametrize(
    "name",
    [
        *("worker_token", "AWS_SESSION_TOKEN", "DATABASE_URL", "GITHUB_TOKEN", "NODE_AUTH_TOKEN", "XDG_SESSION_COOKIE"),
        *("PLAYWRIGHT_SERVICE_ACCESS_TOKEN", "LC", "path", *sorted(VARIABLES - {"DEBUG"})),  # which is Playwright's too
    ],
)
def test_it_leaves_out_whatever_may_be_a_secret(name):
    assert bare({name: "secret"}) == {}


def test_more_is_kept_by_name():
    assert bare({"SANDBOX_PORT": "8002", "WORKER_TOKEN": "secret"}, also={"SANDBOX_PORT"}) == {"SANDBOX_PORT": "8002"}


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("HTTPS_PROXY", "http://user:pass@proxy.example:3128", "http://proxy.example:3128"),
        ("http_proxy", "user:p@ss@proxy.example:3128", "proxy.example:3128"),
        ("ALL_PROXY", "socks5://proxy.example:1080", "socks5://proxy.example:1080"),
        ("no_proxy", "localhost,.example", "localhost,.example"),
    ],
)
def test_a_proxy_is_kept_without_its_password(name, value, kept):
    assert bare({name: value}) == {name: kept}
