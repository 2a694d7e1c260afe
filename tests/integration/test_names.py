# SPDX-License-Identifier: Apache-2.0
"""Backends with names: asked for by control, again and again, without an effect on what already works."""
import os
import signal
import time

import pytest

import names
import rules
from http1 import answer
from load import Load
from servers import Service, answering, free_port
from waiting import PATIENCE, wait_for


@pytest.fixture
def dns(ending):
    try:
        server = names.NameServer()
    except PermissionError:
        pytest.skip("port 53 of loopback is not for us")
    ending.callback(server.close)
    return server


@pytest.fixture
def naming(dns, ruled, tmp_path):
    """As `ruled`, with a name server of the test's own."""
    prefix = names.asking(dns, tmp_path)
    if not prefix:
        pytest.skip("no mount namespace for a resolv.conf of the test's own")
    return lambda text, *options, **more: ruled(text, *options, prefix=prefix, **more)


def twins(ending, port):
    """Two services at one port of two addresses, which answer with their address."""
    started = []
    for host in ("127.0.0.1", "127.0.0.2"):
        started.append(Service(answering(answer(200, host.encode())), port=port, host=host))
        ending.callback(started[-1].close)
    return started


def simple(port, *hosts):
    return rules.gateway(http=port) + rules.backend("v1", *hosts) + rules.route()


def body(through, target="/"):
    return through.get(target).body.decode()


def test_a_name_is_resolved_before_the_first_request(dns, naming, service):
    live = service()
    dns.zone["shop.test"] = ["127.0.0.1"]
    through = naming(simple(free_port(), f"shop.test:{live.port}"))
    assert through.status_of() == 200


def test_a_name_server_that_is_silent_delays_nothing(dns, naming, service):
    live = service()
    dns.is_silent = True
    port = free_port()
    began = time.monotonic()
    through = naming(simple(port, f"shop.test:{live.port}") + rules.backend("known", live) +
                     rules.route("known", "known", path="/known"))
    assert time.monotonic() - began < 3 * PATIENCE
    assert (through.status_of("/known"), through.status_of("/")) == (200, 503)
    dns.is_silent = False
    dns.zone["shop.test"] = ["127.0.0.1"]
    wait_for(lambda: through.status_of("/") == 200, "the name to be resolved", 15)


def test_a_changed_answer_is_in_use_after_its_ttl(ending, dns, naming):
    port = free_port()
    twins(ending, port)
    dns.zone["shop.test"] = ["127.0.0.1"]
    through = naming(simple(free_port(), f"shop.test:{port}"))
    generation = through.generation()
    assert body(through) == "127.0.0.1"
    began = time.monotonic()
    dns.zone["shop.test"] = ["127.0.0.2"]
    wait_for(lambda: body(through) == "127.0.0.2", "the new address", 5)
    assert time.monotonic() - began < 2.2 * PATIENCE, "TTL + 1 s"
    assert through.generation() == generation, "addresses are no rules"


def test_last_good_addresses_stay_while_dns_fails(dns, naming, service):
    live = service()
    dns.zone["shop.test"] = ["127.0.0.1"]
    through = naming(simple(free_port(), f"shop.test:{live.port}"))
    with Load(through.address) as load:
        for trouble in ("is_failing", "is_silent"):
            setattr(dns, trouble, True)
            count = dns.asked("shop.test")
            wait_for(lambda: dns.asked("shop.test") >= count + 4, "further questions", 20)
            load.wait(20)
            setattr(dns, trouble, False)
        dns.zone.clear()
        count = dns.asked("shop.test")
        wait_for(lambda: dns.asked("shop.test") >= count + 4, "further questions", 20)
        load.wait(20)
    load.check()


def test_an_answer_in_another_order_changes_nothing(ending, dns, naming):
    port = free_port()
    twins(ending, port)
    dns.zone["shop.test"] = ["127.0.0.1", "127.0.0.2"]
    through = naming(simple(free_port(), f"shop.test:{port}"), "--log-level", "debug")
    wait_for(lambda: dns.asked("shop.test") >= 8, "further questions", 20)
    assert {body(through) for _ in range(40)} == {"127.0.0.1", "127.0.0.2"}


def test_names_are_shared_survive_reloads_and_go_with_the_last_rule(dns, naming, service):
    live = service()
    dns.ttl = 300
    dns.zone["shop.test"] = ["127.0.0.1"]
    dns.zone["other.test"] = ["127.0.0.1"]
    port = free_port()
    many = "".join(rules.backend(f"b{i}", f"shop.test:{live.port}") + rules.route(f"r{i}", f"b{i}", path=f"/{i}")
                   for i in range(100))
    through = naming(rules.gateway(http=port) + many)
    through.change(rules.gateway(http=port) + many + rules.backend("v1", f"shop.test:{live.port}") + rules.route())
    assert through.status_of("/") == 200
    assert dns.asked("shop.test") == 2, "A and AAAA, once"
    dns.ttl = 1
    through.change(rules.gateway(http=port) + rules.backend("v1", f"other.test:{live.port}") + rules.route())
    wait_for(lambda: dns.asked("other.test") >= 4, "the other name to be asked for again", 10)
    assert dns.asked("shop.test") == 2, "nobody needs it"
    assert through.status_of("/") == 200


def test_a_new_name_of_a_reload_is_resolved_before_it_counts(dns, naming, service):
    first, second = service(), service()
    dns.zone["first.test"] = dns.zone["second.test"] = ["127.0.0.1"]
    port = free_port()
    through = naming(simple(port, f"first.test:{first.port}"))
    with Load(through.address) as load:
        for host in (f"second.test:{second.port}", f"first.test:{first.port}", f"second.test:{second.port}"):
            through.change(simple(port, host))
            load.wait(20)
    load.check()


def test_several_hosts_are_one_backend(ending, dns, naming):
    port = free_port()
    one, two = twins(ending, port)
    dns.zone["shop.test"] = ["127.0.0.1"]
    through = naming(simple(free_port(), f"shop.test:{port}", two))
    assert {body(through) for _ in range(40)} == {"127.0.0.1", "127.0.0.2"}


def test_ipv6_addresses_are_used(ending, dns, naming):
    live = Service(answering(answer(200, b"six")), host="::1")
    ending.callback(live.close)
    dns.zone["shop.test"] = ["::1"]
    through = naming(simple(free_port(), f"shop.test:{live.port}"))
    assert body(through) == "six"


def test_addresses_outlive_control_while_dns_is_gone(dns, naming, service):
    live = service()
    dns.zone["shop.test"] = ["127.0.0.1"]
    through = naming(simple(free_port(), f"shop.test:{live.port}"))
    through.may_complain = True
    dns.is_silent = True
    with Load(through.address) as load:
        control = through.pids()["control"]
        os.kill(control, signal.SIGKILL)
        wait_for(lambda: through.pids().get("control") not in (None, control), "another control")
        wait_for(lambda: through.log().count("rules of generation") >= 2, "its rules")
        load.wait(50)
    load.check()


@pytest.mark.parametrize("host", ["127.0.0.1", "shop.test"])
def test_ten_thousand_backends_do_not_take_long(dns, naming, service, host):
    live = service()
    dns.zone["shop.test"] = ["127.0.0.1"]
    port = free_port()
    base = rules.gateway(http=port) + rules.backend("v1", live) + rules.route()
    through = naming(base)
    one = rules.backend("v2", f"{host}:{live.port}")
    routes = "".join(one.replace("name: v2", f"name: b{i}") + rules.route(f"r{i}", f"b{i}", path=f"/r{i}")
                     for i in range(10000))
    began = time.monotonic()
    through.rename(base + routes)
    wait_for(lambda: "10,001 routes" in through.log(), "the rules to be in force", 60)
    took = time.monotonic() - began
    wait_for(lambda: through.status_of("/r9999") == 200, "the name's address")
    assert dns.asked("shop.test") <= 4
    assert took < 8 * PATIENCE, took
    through.process.terminate()  # before the fixture asks for all those metrics
    assert through.process.wait() == 0
