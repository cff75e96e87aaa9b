"""Chromium's own sandbox, tried by the first launch of a process: real launches as users of different hosts."""

import json
import subprocess
import sys

import psutil
import pytest

from render_worker.browser.chromium_sandbox import HUNG, ChromiumSandbox, SandboxRequired, unusable_reason
from tests.fakes.playwright_browser import installed_browser
from tests.fakes.processes import ROOT
from tests.fakes.unprivileged import unprivileged, user_namespaces_are_granted, without_user_namespaces

# Launches twice, as after a browser's death, and prints what health says of the sandbox, or why nothing was launched.
SCENE = """
import asyncio, json, os, sys
from pathlib import Path
import render_worker.browser.browser
from render_worker.browser.browser import Browser
from render_worker.browser.errors import BrowserGone
from render_worker.browser.orphans import become_subreaper

async def play():
    become_subreaper()  # as the worker does
    render_worker.browser.browser.PAGE_OPEN_SECONDS = float(sys.argv[3])
    browser = Browser(Path(sys.argv[1]), sys.argv[2])
    before = browser.sandbox.health()
    try:
        for _ in range(2):
            chromium = await browser.start()
            assert await (await chromium.new_page()).evaluate("6 * 7") == 42
            await browser.stop()
        print(json.dumps([before, browser.sandbox.health(), browser.launches]))
    except BrowserGone as gone:
        print(json.dumps(str(gone)))

asyncio.run(play())
"""
LOGGED = 'case "$*" in *--no-sandbox*) w=bare;; *) w=sandboxed;; esac\necho $w >> "{log}"\n'
CRASHING = '[ $w = bare ] || set -- "$@" --renderer-cmd-prefix=/bin/false\n'
HANGING = '[ $w = bare ] || set -- "$@" --renderer-cmd-prefix={stopped}\n'
BROKEN = "echo 'FATAL:content/app/main.cc(1)] Out of luck' >&2; exit 1\n"
NO_NAMESPACES = "this host grants no user namespaces"


class Launches:
    """A Chromium that logs how it was launched."""

    def __init__(self, folder, way=""):
        self._log = folder / "log"
        self._program = folder / "chromium"
        self._program.write_text(f'#!/bin/sh\n{LOGGED.format(log=self._log)}{way}exec "{installed_browser()}" "$@"\n')
        self._program.chmod(0o755)

    def played(self, mode, as_user, open_seconds=15.0):
        done = subprocess.run(
            [sys.executable, "-c", SCENE, str(self._program), mode, str(open_seconds)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=100,
            preexec_fn=as_user,
        )
        assert done.stdout, done.stderr
        return json.loads(done.stdout), self._log.read_text().split(), done.stderr


def test_it_is_used_wherever_the_host_grants_user_namespaces(tmp_path):
    (before, after, launches), ways, said = Launches(tmp_path).played("auto", unprivileged)
    assert (before, launches) == ({}, 2)
    if user_namespaces_are_granted():
        assert (after, ways, said) == ({"browser_sandbox": True}, ["sandboxed"] * 2, "")
    else:
        assert (after["browser_sandbox"], ways) == (False, ["sandboxed", "bare", "bare"])


def test_if_it_does_not_work_one_try_is_made_and_said(tmp_path):
    (_, after, launches), ways, said = Launches(tmp_path).played("auto", without_user_namespaces)
    assert after == {"browser_sandbox": False, "browser_sandbox_missing": NO_NAMESPACES}
    assert (launches, ways) == (2, ["sandboxed", "bare", "bare"])
    assert said.splitlines() == [f"the browser runs without Chromium's sandbox: {NO_NAMESPACES}"]


def test_if_pages_crash_in_it_two_tries_are_made(tmp_path):
    (_, after, launches), ways, said = Launches(tmp_path, CRASHING).played("auto", unprivileged)
    granted = user_namespaces_are_granted()  # else it does not come as far as a page
    reason = after["browser_sandbox_missing"]
    # Of a page that crashes before Playwright is attached to it, no crash is reported.
    assert reason in (("pages crash in it", "pages hang in it") if granted else (NO_NAMESPACES,))
    assert after == {"browser_sandbox": False, "browser_sandbox_missing": reason}
    assert (launches, ways) == (2, ["sandboxed"] * (1 + granted) + ["bare", "bare"])
    assert said.splitlines() == [f"the browser runs without Chromium's sandbox: {reason}"]


def test_if_pages_hang_in_it_two_tries_are_made(tmp_path):
    stopped = tmp_path / "stopped"
    stopped.write_text("#!/bin/sh\nkill -STOP $$\n")
    stopped.chmod(0o755)
    launches = Launches(tmp_path, HANGING.format(stopped=stopped))
    (_, after, launched), ways, said = launches.played("auto", unprivileged, open_seconds=2)
    granted = user_namespaces_are_granted()
    reason = "pages hang in it" if granted else NO_NAMESPACES
    assert after == {"browser_sandbox": False, "browser_sandbox_missing": reason}
    assert (launched, ways) == (2, ["sandboxed"] * (1 + granted) + ["bare", "bare"])
    assert said.splitlines() == [f"the browser runs without Chromium's sandbox: {reason}"]
    assert [it for it in psutil.process_iter(["cmdline"]) if str(tmp_path) in " ".join(it.info["cmdline"] or ())] == []


def test_a_launch_that_fails_for_another_reason_is_not_tried_without_it(tmp_path):
    failure, ways, _ = Launches(tmp_path, BROKEN).played("auto", unprivileged)
    assert failure.startswith("The browser could not be started: ")
    assert set(ways) == {"sandboxed"}


def test_if_it_is_required_there_is_no_browser_without(tmp_path):
    failure, ways, _ = Launches(tmp_path).played("on", without_user_namespaces)
    assert failure == f"The browser could not be started: BROWSER_SANDBOX=on, but {NO_NAMESPACES}."
    assert ways == ["sandboxed"]


def test_if_it_is_off_it_is_never_tried(tmp_path):
    (before, after, _), ways, _ = Launches(tmp_path).played("off", unprivileged)
    assert before == after == {"browser_sandbox": False, "browser_sandbox_missing": "BROWSER_SANDBOX=off"}
    assert ways == ["bare", "bare"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            "[err] [1129/1:ERROR:content/browser/zygote_host/zygote_host_impl_linux.cc:103] Running as root without "
            "--no-sandbox is not supported. See https://crbug.com/638180.",
            "Chromium has none for root",
        ),
        (
            "[err] [1129/1:FATAL:zygote_host_impl_linux.cc(126)] No usable sandbox! If you are running on Ubuntu "
            "23.10+ or another Linux distro that has disabled unprivileged user namespaces with AppArmor, see …",
            NO_NAMESPACES,
        ),
        (
            "[err] Failed to move to new namespace: PID namespaces supported, Network namespace supported, but failed: "
            "errno = Operation not permitted\n[err] [0:FATAL:zygote_host_impl_linux.cc(187)] Check failed: …",
            NO_NAMESPACES,
        ),
        (
            "[err] [0:FATAL:setuid_sandbox_host.cc(163)] The SUID sandbox helper binary was found, but is not "
            "configured correctly. Rather than run without sandboxing I'm aborting now.",
            "Chromium's setuid helper is not set up",
        ),
        (
            "[err] [0:FATAL:sandbox/linux/services/credentials.cc:131] Check failed: . : Permission denied (13)",
            "it cannot be set up on this host",
        ),
        (
            "[err] [0:FATAL:content/browser/zygote_host/zygote_host_impl_linux.cc:219] Check failed: . : Cannot "
            "allocate memory (12)",
            None,
        ),
        (
            "[err] Failed to move to new namespace: PID namespaces supported, but failed: errno = Resource temporarily "
            "unavailable",
            None,
        ),
        ("[err] [0:ERROR:sandbox_linux.cc(430)] InitializeSandbox() called with multiple threads in process", None),
        ("BrowserType.launch: Executable doesn't exist at /root/.cache/…", None),
        ("[err] error while loading shared libraries: libnss3.so: cannot open shared object file", None),
        ("BrowserType.launch: Target page, context or browser has been closed", None),
    ],
)
def test_only_the_sandbox_s_own_failures_are_taken_for_such(error, reason):
    assert unusable_reason(error) == reason


REFUSED = "[err] [1129/1:FATAL:zygote_host_impl_linux.cc(126)] No usable sandbox!"


def test_once_it_has_worked_it_is_never_disabled():
    sandbox = ChromiumSandbox()
    sandbox.prove()
    assert [sandbox.disable_after(error) for error in (REFUSED, "Page crashed", "Page crashed")] == [False] * 3
    assert (sandbox.enabled, sandbox.health()) == (True, {"browser_sandbox": True})


def test_one_crash_may_come_from_a_lack_of_memory():
    sandbox = ChromiumSandbox()
    assert [sandbox.disable_after("Page.goto: Page crashed") for _ in range(2)] == [False, True]
    assert sandbox.health()["browser_sandbox_missing"] == "pages crash in it"


def test_a_page_that_hangs_counts_like_one_that_crashed():
    sandbox = ChromiumSandbox()
    assert [sandbox.disable_after(error) for error in ("Page crashed", f"{HUNG}: …")] == [False, True]
    assert sandbox.health()["browser_sandbox_missing"] == "pages hang in it"


def test_if_it_is_required_its_failure_is_raised():
    with pytest.raises(SandboxRequired):
        ChromiumSandbox("on").disable_after(REFUSED)
