# SPDX-License-Identifier: Apache-2.0
"""Which requests are copied: shares are exact, over all workers and take-overs, and keys stay together."""
import collections
import threading

import pytest

from http1 import get, post
from servers import free_port


def ask_many(through, requests, connections=8):
    """All requests, dealt over as many connections at once."""
    failures = []

    def client(mine):
        try:
            with through.connect() as connection:
                for request in mine:
                    assert connection.ask(request).status == 200
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=client, args=(requests[i::connections],)) for i in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures, failures[0]


def numbered(count):
    return [get(f"/{i}") for i in range(count)]


@pytest.mark.sanitize
def test_500_requests_at_20_percent_give_exactly_100_copies(service, gateway):
    live, shadow = service(), service()
    through = gateway(live, (shadow, 20), "--workers", "4", "--shed", "off")
    ask_many(through, numbered(500), connections=16)
    metrics = through.settled()
    assert metrics.mirror("matched") == 500
    assert metrics.mirror("sampled_out") == 400
    assert metrics.mirror("completed", code="200") == metrics.mirror("sent") == 100
    assert len(shadow.requests) == 100 and len({copy.target for copy in shadow.requests}) == 100


def test_even_takes_random_places(service, gateway):
    live, shadow = service(), service()
    through = gateway(live, (shadow, 10), "--shed", "off")
    ask_many(through, numbered(300), connections=1)
    through.settled()
    taken = sorted(int(copy.target[1:]) for copy in shadow.requests)
    assert [sum(i // 10 == block for i in taken) for block in range(30)] == [1] * 30, "one of every ten"
    assert len({i % 10 for i in taken}) > 3, "not always the same place"


def test_fractions_of_a_percent_are_exact(service, gateway):
    live, shadow = service(), service()
    through = gateway(live, (shadow, 0.5), "--shed", "off")
    ask_many(through, numbered(600))
    assert through.settled().mirror("sent") == 3


def test_no_percent_means_all_and_zero_means_none(service, gateway):
    live, every, none = service(), service(), service()
    through = gateway(live, every, (none, 0))
    ask_many(through, numbered(50))
    metrics = through.settled()
    assert metrics.mirror("completed", mirror=every.address) == 50
    assert metrics.mirror("sampled_out", mirror=none.address) == 50 and not none.arrived


@pytest.mark.sanitize
def test_two_mirrors_at_50_percent_give_all_four_combinations(service, gateway):
    live, one, two = service(), service(), service()
    through = gateway(live, (one, 50), (two, 50), "--workers", "4", "--shed", "off")
    ask_many(through, numbered(400))
    metrics = through.settled()
    at = [{copy.target for copy in shadow.requests} for shadow in (one, two)]
    for shadow in (one, two):
        assert metrics.mirror("sent", mirror=shadow.address) == 200
    combinations = collections.Counter((f"/{i}" in at[0], f"/{i}" in at[1]) for i in range(400))
    assert len(combinations) == 4
    assert all(50 <= count <= 150 for count in combinations.values()), combinations


def test_random_is_about_its_share(service, gateway):
    live, shadow = service(), service()
    through = gateway(live, (shadow, 50), "--sampling", "random", "--shed", "off")
    ask_many(through, numbered(600))
    metrics = through.settled()
    assert 210 < metrics.mirror("sent") < 390
    assert metrics.mirror("sent") + metrics.mirror("sampled_out") == 600


KEYS = {
    "header:X-User": lambda user: get("/", ("x-user", user)),
    "cookie:uid": lambda user: get("/", ("Cookie", f"other=1; uid={user}; last=2")),
    "query:u": lambda user: get(f"/?a=1&u={user}&b=2"),
    "traceID": lambda user: get("/", ("traceparent", f"00-{user:0>32}-b7ad6b7169203331-01")),
}


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_all_in_or_all_out_and_stays_so_after_a_restart(service, gateway, key):
    make, chosen = KEYS[key], []
    for workers in (1, 4):
        live, shadow = service(), service()
        through = gateway(live, (shadow, 50), "--sampling", "hash", "--sampling-key", key, "--workers", workers,
                          "--shed", "off")
        ask_many(through, [make(user) for user in range(60) for _ in range(3)])
        through.settled()
        heads = collections.Counter(copy.raw_head.split(b"X-Forwarded-For")[0].split(b"traceparent")[0] +
                                    copy.get("traceparent", "")[:36].encode() for copy in shadow.requests)
        assert set(heads.values()) == {3}, "a key is copied always or never"
        assert 15 < len(heads) < 45
        chosen.append(set(heads))
    assert chosen[0] == chosen[1]


def test_client_addresses_are_a_key(service, gateway):
    live, shadow = service(), service()
    through = gateway(live, (shadow, 50), "--sampling", "hash", "--sampling-key", "clientIP", "--shed", "off")
    for number in range(2, 42):
        with through.connect(source=f"127.0.0.{number}") as connection:
            for _ in range(3):
                assert connection.ask(get("/")).status == 200
    through.settled()
    chosen = collections.Counter(copy.get("X-Forwarded-For") for copy in shadow.requests)
    assert set(chosen.values()) == {3} and 8 < len(chosen) < 32


def test_mirrors_that_share_a_key_agree(service, gateway):
    live, one, two = service(), service(), service()
    through = gateway(live, (one, 30), (two, 30), "--sampling", "hash", "--sampling-key", "query:u", "--shed", "off")
    ask_many(through, [get(f"/?u={user}") for user in range(100)])
    through.settled()
    assert {copy.target for copy in one.requests} == {copy.target for copy in two.requests} != set()


METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "PURGE"]


@pytest.mark.parametrize("options, copied", [
    ([], {"GET", "HEAD", "OPTIONS"}),
    (["--mirror-writes"], set(METHODS)),
    (["--mirror-writes", "--safe-methods"], {"GET", "HEAD", "OPTIONS"}),
])
def test_writes_are_copied_only_when_asked(service, gateway, options, copied):
    live, shadow = service(), service()
    through = gateway(live, shadow, *options)
    with through.connect() as connection:
        for method in METHODS:
            request = post("/", b"body", method=method) if method.startswith("P") else get("/", method=method)
            assert connection.ask(request, method).status == 200
    metrics = through.settled()
    assert {copy.method for copy in shadow.requests} == copied
    assert metrics.mirror("filtered", reason="method") == len(METHODS) - len(copied)


def test_status_says_when_nothing_is_copied_because_all_were_writes(service, gateway):
    live, shadow = service(), service()
    through = gateway(live, shadow)
    for _ in range(3):
        with through.connect() as connection:
            assert connection.ask(post("/", b"x")).status == 200
    assert "--mirror-writes" in through.ask("/status?format=text").body.decode()


# ---- loops and forged marks ----


@pytest.mark.sanitize
def test_a_mirror_that_points_back_at_the_gateway_makes_one_copy_per_request(service, gateway):
    live, itself = service(), f"127.0.0.1:{free_port()}"
    through = gateway(live, itself, "--listen", itself, "--workers", "2", "--shed", "off")
    ask_many(through, numbered(50))
    metrics = through.settled(lambda metrics: metrics.mirror("completed") == 50)
    assert metrics.mirror("matched") == 100
    assert metrics.mirror("filtered", reason="loop") == metrics.mirror("sent") == 50
    targets = collections.Counter(request.target for request in live.requests)
    assert targets == {f"/{i}": 2 for i in range(50)}, "the request and its copy"


def test_gateways_that_share_a_key_do_not_copy_copies(service, gateway, tmp_path):
    key = tmp_path / "key"
    key.write_bytes(b"0123456789abcdef")
    key.chmod(0o600)
    live, last = service(), service()
    second = gateway(live, last, "--marker-key-file", key)
    first = gateway(live, second.address, "--marker-key-file", key)
    for i in range(10):
        first.get(f"/{i}")
    first.settled(lambda metrics: metrics.mirror("completed") == 10)
    metrics = second.settled()
    assert metrics.mirror("filtered", reason="loop") == metrics.mirror("matched") == 10
    assert not last.arrived and metrics.refused(reason="marker") == 0
    second.get("/own")
    second.settled(lambda metrics: metrics.mirror("completed") == 1)


def test_without_a_shared_key_a_copy_is_an_ordinary_request(service, gateway):
    live, last = service(), service()
    second = gateway(live, last)
    first = gateway(live, second.address)
    first.get("/")
    assert MARK not in {name.lower() for name, _ in live.wait(2)[1].fields}
    metrics = second.settled(lambda metrics: metrics.mirror("completed") == 1)
    assert metrics.refused(reason="marker") == 1
    first.settled(lambda metrics: metrics.mirror("completed") == 1)


MARK = "x-umbra-shadow"
FORGED = [
    [("X-Umbra-Shadow", "")],
    [("x-umbra-shadow", "mirror=a; id=00000000000000000000000000000000; t=1700000000; sig=" + "0" * 32)],
    [("X-Umbra-Shadow", "true"), ("X-UMBRA-SHADOW", "true")],
    [("baggage", "umbra.shadow=true")],
    [("Baggage", "a=1, umbra.shadow = true;p=1 ,b=2")],
    [("baggage", "a=1"), ("baggage", "umbra.shadow=x,umbra.shadow=y")],
    [("X-Umbra-Shadow", "1"), ("baggage", "umbra.shadow=true")],
]


@pytest.mark.sanitize
@pytest.mark.parametrize("fields", FORGED)
def test_forged_marks_are_removed_and_counted(service, gateway, fields):
    live, shadow = service(), service()
    through = gateway(live, shadow)
    through.get("/", *fields)
    request, copy = live.wait(1)[0], shadow.wait(1)[0]
    for message, marks in ((request, 0), (copy, 1)):
        assert len(message.all(MARK)) == marks
        assert str(message.all("baggage")).count("umbra.shadow") == marks
    others = [member for value in request.all("baggage") for member in value.split(",")]
    assert others == [member.strip() for name, value in fields if name.lower() == "baggage"
                      for member in value.split(",") if "umbra" not in member]
    metrics = through.settled()
    assert metrics.refused(reason="marker") == 1
    assert metrics.mirror("completed") == 1, "nobody opts out of mirroring"


def test_a_mark_of_a_copy_can_not_be_changed(service, gateway):
    """A marker that was seen is good for 300 s as it is; one that was altered is forged."""
    live, shadow = service(), service()
    through = gateway(live, shadow)
    through.get("/")
    seen = shadow.wait(1)[0].get(MARK)
    through.get("/again", (MARK, seen))
    assert through.settled().mirror("filtered", reason="loop") == 1
    altered = [seen.replace("t=1", "t=2", 1), seen[:-1] + ("0" if seen[-1] != "0" else "1"), seen + " ", seen.upper(),
               "x" + seen]
    for count, mark in enumerate(altered, 1):
        if mark.strip() != seen:
            through.get("/altered", (MARK, mark))
    assert through.settled().refused(reason="marker") == len(altered) - 1
