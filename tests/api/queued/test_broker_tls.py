"""A broker by TLS: its certificate is checked, as that of every Redis."""

import subprocess

import pytest
import trustme

from image_api.dispatch.queued.broker import Broker
from image_api.dispatch.queued.failures import QUEUE_FAILURES
from tests.api.queued.test_broker import message
from tests.fakes.processes import free_port, wait_until


@pytest.fixture
def address(tmp_path):
    """Return the address of a Redis by TLS, whose certificate only ca.pem says to trust."""
    key, certificate, port = tmp_path / "key.pem", tmp_path / "certificate.pem", free_port()
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    issued = authority.issue_cert("localhost")
    issued.private_key_pem.write_to_path(str(key))
    issued.cert_chain_pems[0].write_to_path(str(certificate))
    options = ["--port", "0", "--tls-port", str(port), "--tls-cert-file", certificate, "--tls-key-file", key]
    options += ["--tls-ca-cert-file", tmp_path / "ca.pem"]
    log = tmp_path / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            ["redis-server", *options, "--tls-auth-clients", "no", "--save", "", "--bind", "127.0.0.1"], stdout=output
        ) as server,
    ):
        try:
            wait_until(lambda: "Ready to accept" in log.read_text(), "redis-server")
            yield f"rediss://localhost:{port}/0"
        finally:
            server.terminate()


def test_a_certificate_that_is_not_trusted_is_refused(address):
    with pytest.raises(QUEUE_FAILURES, match="CERTIFICATE_VERIFY_FAILED"):
        Broker(address).send(message("a"), "auto")


@pytest.mark.parametrize("option", ["ssl_ca_certs={}/ca.pem", "ssl_cert_reqs=none"])
def test_an_address_may_say_what_to_trust(address, tmp_path, option):
    broker = Broker(f"{address}?{option.format(tmp_path)}")
    broker.send(message("a"), "auto")
    assert broker.lengths(["auto"]) == {"auto": 1}
