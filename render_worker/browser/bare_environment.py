"""The environment of programs that need no secrets: an allowlist of variables that are known to hold none.

Leaving out known secrets would not do, since operators and platforms set others under names that are not known here.
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
    """Return what of an environment holds no secret, and the variables in `also`; proxies lose user and password."""
    kept: dict[str, str] = {}
    for name, text in environment.items():
        if name in NAMES or name in also or name.startswith(LOCALE):
            kept[name] = text
        elif name.upper() in PROXIES:
            kept[name] = USER_INFO.sub(r"\1", text)
    return kept
