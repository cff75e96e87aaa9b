"""Which URLs and addresses are of the public internet, and the one look-up of a host that decides it."""

import socket

import pytest

from image_api.outbound.public_hosts import MAX_ADDRESSES, NotPublic, PublicHosts, is_public, is_public_url

PUBLIC, OTHER, INSIDE = "93.184.216.34", "93.184.216.35", "10.0.0.1"


@pytest.fixture
def answers(monkeypatch) -> dict[str, list[str]]:
    """Return what each name resolves to; the test fills it in. Any other name is unknown."""
    known: dict[str, list[str]] = {}

    def look_up(host: str, port: int, *_: object) -> list[tuple]:
        if host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            (socket.AF_INET6 if ":" in it else socket.AF_INET, socket.SOCK_STREAM, 6, "", (it, port))
            for it in known[host]
        ]

    monkeypatch.setattr("socket.getaddrinfo", look_up)
    return known


def test_it_works(answers):
    answers["storage.example"] = [PUBLIC, "2606:2800:220:1::1"]
    found = PublicHosts().addresses("storage.example", 443)
    assert [address[0] for _, address in found] == [PUBLIC, "2606:2800:220:1::1"]


@pytest.mark.parametrize(
    "addresses",
    [[INSIDE], [PUBLIC, INSIDE], [INSIDE, PUBLIC], [PUBLIC, OTHER, PUBLIC, OTHER, PUBLIC, INSIDE], ["fe80::1%2"], []],
)
def test_one_address_inside_is_enough_to_refuse_the_name(answers, addresses):
    answers["storage.example"] = addresses
    with pytest.raises(NotPublic) as refused:
        PublicHosts().addresses("storage.example", 443)
    assert str(refused.value) == "storage.example"


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".example", "", "."])
def test_an_unknown_name_is_refused_alike(host):
    with pytest.raises(NotPublic) as refused:
        PublicHosts().addresses(host, 443)
    assert str(refused.value) == host


def test_only_the_first_few_of_many_addresses_are_tried(answers):
    answers["storage.example"] = [f"93.184.216.{number}" for number in range(1, 100)]
    assert len(PublicHosts().addresses("storage.example", 443)) == MAX_ADDRESSES


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("0.0.0.0", False),
        ("127.0.0.1", False),
        ("127.255.255.254", False),
        ("10.255.0.1", False),
        ("172.16.0.1", False),
        ("172.32.0.1", True),
        ("192.168.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),  # carrier-grade NAT, and a cloud's metadata
        ("168.63.129.16", False),  # Azure's
        ("192.0.0.10", False),
        ("192.88.99.1", False),
        ("198.18.0.1", False),
        ("203.0.113.1", False),
        ("224.0.0.1", False),
        ("239.255.255.250", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("2606:2800:220:1::1", True),
        ("::", False),
        ("::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::5db8:d822", True),  # 93.184.216.34 by NAT64
        ("64:ff9b::a9fe:a9fe", False),  # 169.254.169.254 by NAT64
        ("64:ff9b::e000:1", False),  # 224.0.0.1 by NAT64
        ("2002:7f00:1::", False),  # 127.0.0.1 by 6to4
        ("2002:5db8:d822::1", True),
        ("2001:0:1:1::1", False),  # Teredo
        ("2606:2800:220:1::5efe:a00:1", False),  # 10.0.0.1 by ISATAP
        ("2606:2800:220:1:200:5efe:a00:1", False),
        ("2606:2800:220:1:200:5efe:5db8:d822", True),
        ("fec0::1", False),
        ("fe80::1", False),
        ("fe80::1%eth0", False),
        ("ff02::1", False),
        ("ff0e::1", False),
        ("::a00:1", False),
        ("::ffff:0:a00:1", False),
        ("64:ff9b:1::a9fe:a9fe", False),
        ("fd00::1", False),
        ("2001:db8::1", False),
        ("3fff::1", False),
        ("5f00::1", False),
        ("100::1", False),
    ],
)
def test_which_addresses_are_public(address, public):
    assert is_public(address) is public


@pytest.mark.parametrize(
    "url",
    [
        "https://hook.example",
        "https://hook.example/",
        "HTTPS://Hook.Example:8443/a/b?c=d&e=[f]",
        "https://hook.example?c=d",
        "https://xn--bcher-kva.example/",
        "https://1.2.3.4.example:65535/x@y",
        "https://my_bucket.s3.example/x",
    ],
)
def test_which_urls_may_be_public(url):
    assert is_public_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hook.example",
        "//hook.example/",
        "http://hook.example/",
        "ftp://hook.example/",
        "https:/hook.example/",
        "https:///x",
        "https://localhost/",
        "https://localhost./",
        "https://intranet/",
        "https://hook.example./",
        "https://.example/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://0177.0.0.1/",
        "https://0x7f.0.0.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://017700000001/",
        "https://1.2.3.4/",
        "https://1.2.3.4./",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fe80::1%25eth0]/",
        "https://[2606:2800:220:1::1]/",
        "https://user@hook.example/",
        "https://user:password@hook.example/",
        "https://hook.example@127.0.0.1/",
        "https://hook.example%40127.0.0.1/",
        "https://127.0.0.1\\@hook.example/",
        "https://hook.example\\@127.0.0.1/",
        "https://hook.example\\.evil.example/",
        "https://hook.example/\\evil",
        "https://hook.example:0/",
        "https://hook.example:/",
        "https://hook.example:65536/",
        "https://hook.example:443443/",
        "https://hook.example:4 43/",
        "https://hook.example:+443/",
        "https://hook.example:٤٤٣/",
        "https://bücher.example/",
        "https://ⓛocalhost.example/",
        "https://hook。example/",
        "https://127。0。0。1/",
        " https://hook.example/",
        "https://hook.example/ ",
        "https://hook.example/\n",
        "https://hook.example\t/",
        "https://hook.exam\nple/",
        "https://hook.example/\r\nX: y",
        "https://hook.example/\x00",
        "https://hook.example/ü",
    ],
)
def test_which_urls_are_refused(url):
    assert not is_public_url(url)
