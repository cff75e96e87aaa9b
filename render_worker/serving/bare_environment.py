"""The environment of child processes that need no secrets: an allowlist of variables that hold none.

A denylist would not do, since operators and platforms set secrets under names that are unknown here.
"""

import re
from collections.abc import Collection, Mapping

KNOWN = """
PATH HOME USER LOGNAME SHELL LANG LANGUAGE TZ TZDIR TMPDIR TMP TEMP
XDG_CACHE_HOME XDG_CONFIG_HOME XDG_CONFIG_DIRS XDG_DATA_HOME XDG_DATA_DIRS XDG_RUNTIME_DIR XDG_STATE_HOME
FONTCONFIG_FILE FONTCONFIG_PATH FONTCONFIG_SYSROOT SSL_CERT_FILE SSL_CERT_DIR
LD_LIBRARY_PATH LD_PRELOAD GLIBC_TUNABLES MALLOC_ARENA_MAX
NODE_OPTIONS NODE_EXTRA_CA_CERTS DEBUG CHROME_DEVEL_SANDBOX CHROMIUM_FLAGS CHROMIUM_USER_FLAGS
PLAYWRIGHT_BROWSERS_PATH PLAYWRIGHT_NODEJS_PATH PLAYWRIGHT_HOST_PLATFORM_OVERRIDE
PW_LANG_NAME PW_LANG_NAME_VERSION PW_CLI_DISPLAY_VERSION
"""
NAMES = frozenset(KNOWN.split())
LOCALE = "LC_"
PROXIES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"})
USER_INFO = re.compile(r"^([a-z0-9]+://)?.*@", re.IGNORECASE)  # Chromium ignores it too


def bare(environment: Mapping[str, str], also: Collection[str] = ()) -> dict[str, str]:
    """Return the allowlisted variables of an environment and those in `also`; proxies' URLs lose user and password."""
    kept: dict[str, str] = {}
    for name, text in environment.items():
        if name in NAMES or name in also or name.startswith(LOCALE):
            kept[name] = text
        elif name.upper() in PROXIES:
            kept[name] = USER_INFO.sub(r"\1", text)
    return kept
