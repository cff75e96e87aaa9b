"""Hosts outside that are slow where gevent's own timeouts do not reach: in look-ups of names, and in TLS' handshake."""

import subprocess
import sys
import time

from tests.fakes.processes import ROOT

SLOW_NAME_SERVER = """
import socket, time
real = socket.getaddrinfo
def slow(host, *more):
    if host.endswith("slow.example"):
        time.sleep(3)  # a native thread's: nothing is patched yet
    return real("127.0.0.1", *more)
socket.getaddrinfo = slow
from gevent import monkey
monkey.patch_all()
import gevent
from image_api.outbound import public_hosts
from image_api.outbound.public_hosts import LOOK_UP_THREADS, NotPublic, PublicHosts
gaps, last = [0.0], time.monotonic()
def tick():
    global last
    while True:
        gevent.sleep(0.01)
        gaps.append(time.monotonic() - last)
        last = time.monotonic()
gevent.spawn(tick)
hosts = PublicHosts()
def refused(name):
    begun = time.monotonic()
    try:
        hosts.addresses(name, 443, 0.3)
    except NotPublic:
        return time.monotonic() - begun
names = [f"{number}.slow.example" for number in range(LOOK_UP_THREADS + 2)]
took = [each.get() for each in [gevent.spawn(refused, name) for name in names]]
assert len(took) == len(names) and 0.25 < min(took) and max(took) < 2, took
begun = time.monotonic()
socket.getaddrinfo("127.0.0.1", 443)  # by gevent's own threads
assert time.monotonic() - begun < 2
assert max(gaps) < 1, max(gaps)
print("held", flush=True)
"""


def test_name_servers_that_do_not_answer_hold_up_neither_the_hub_nor_other_look_ups_nor_the_exit():
    begun = time.monotonic()
    command = [sys.executable, "-c", SLOW_NAME_SERVER]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "held\n", "")
    assert time.monotonic() - begun < 30


SLOW_HANDSHAKE = """
from gevent import monkey
monkey.patch_all()
import gevent, socket, sys, threading, time, requests
from image_api.outbound import pinned_connection, public_hosts
from image_api.outbound.guarded_http import GuardedAdapter, GuardedSession
from image_api.outbound.pinned_connection import PinnedAdapter
public_hosts.is_public = lambda address: True
server = socket.create_server(("127.0.0.1", 0))
def drip():
    while True:
        connection, _ = server.accept()
        connection.sendall(b"\\x16\\x03\\x03\\x40\\x00")
        try:
            while True:
                connection.sendall(b"x")
                time.sleep(0.1)
        except OSError:
            pass
threading.Thread(target=drip, daemon=True).start()
for adapter in (PinnedAdapter(), GuardedAdapter()):
    session = GuardedSession()
    session.mount("https://", adapter)
    begun = time.monotonic()
    try:
        session.get(f"https://localhost:{server.getsockname()[1]}/", timeout=(0.5, 5))
    except requests.Timeout:
        assert time.monotonic() - begun < 3, time.monotonic() - begun
        print("ended")
"""


def test_a_handshake_that_comes_byte_by_byte_ends_in_time():
    ran = subprocess.run(
        [sys.executable, "-c", SLOW_HANDSHAKE], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.stdout, ran.stderr) == ("ended\nended\n", "")
