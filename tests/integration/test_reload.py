# SPDX-License-Identifier: Apache-2.0
"""Rules that change while umbra runs: all ways of changing a file, and nothing that clients would notice."""
import os
import signal
import socket
import threading
import time

import pytest

import http1
import rules
from http1 import answer, get
from load import Load
from servers import answering, free_port
from waiting import PATIENCE, wait_for


def named(service, name):
    """A service that answers with its name."""
    return service(answering(answer(200, name.encode())))


def simple(port, live, shadow=None, percent=None):
    text = rules.gateway(http=port) + rules.backend("v1", live)
    if shadow:
        text += rules.backend("v2", shadow)
    return text + rules.route(shadow="v2" if shadow else None, percent=percent)


def body(through, target="/"):
    return through.get(target).body.decode()


# ---- ways of changing ----


@pytest.fixture
def pair(service, ruled):
    """An umbra with live `one`, and the rules with live `two`."""
    port = free_port()
    one, two = named(service, "one"), named(service, "two")
    through = ruled(simple(port, one))
    assert body(through) == "one"
    return through, simple(port, one), simple(port, two)


@pytest.mark.sanitize
def test_a_rename_is_in_force_within_two_seconds(pair):
    through, _, two = pair
    with Load(through.address, body=b"one") as load:
        pass
    load.check()
    began = time.monotonic()
    through.rename(two)
    wait_for(lambda: body(through) == "two", "the new rules", 2)
    assert time.monotonic() - began < 2 * PATIENCE


def test_an_edit_in_place_is_in_force(pair):
    through, _, two = pair
    through.write(two)
    wait_for(lambda: body(through) == "two", "the new rules", 2)


def test_a_half_written_file_is_not_looked_at(pair):
    """The first half alone would be without a route: 404."""
    through, _, two = pair
    generation = through.generation()
    with open(through.rules, "w", encoding="utf-8") as file:
        file.write(two[:two.index("---") + 4])
        file.flush()
        until = time.monotonic() + 0.6
        while time.monotonic() < until:
            assert body(through) == "one"
        file.write(two[two.index("---") + 4:])
    wait_for(lambda: body(through) == "two", "the new rules", 2)
    wait_for(lambda: through.generation() > generation, "all workers to have them")
    assert through.generation() == generation + 1, "the half was never in force"


def test_a_config_map_that_is_swapped_is_in_force(service, ruled, tmp_path):
    port = free_port()
    one, two = named(service, "one"), named(service, "two")
    mount = tmp_path / "mount"
    for name, live in (("..1", one), ("..2", two)):
        (mount / name).mkdir(parents=True)
        (mount / name / "rules.yaml").write_text(simple(port, live))
    (mount / "..data").symlink_to("..1")
    (mount / "rules.yaml").symlink_to("..data/rules.yaml")
    through = ruled(None, paths=[mount])
    assert body(through) == "one"
    (mount / "..data_tmp").symlink_to("..2")
    (mount / "..data_tmp").rename(mount / "..data")
    for path in (mount / "..1" / "rules.yaml",):
        path.unlink()
    (mount / "..1").rmdir()
    wait_for(lambda: body(through) == "two", "the new rules", 2)


def test_sighup_reads_at_once_what_nobody_told(service, ruled, tmp_path):
    """A file that is changed through another name, without an event in its own directory."""
    port = free_port()
    one, two = named(service, "one"), named(service, "two")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    path, other = tmp_path / "a" / "rules.yaml", tmp_path / "b" / "rules"
    path.write_text(simple(port, one))
    os.link(path, other)
    through = ruled(None, paths=[path])
    other.write_text(simple(port, two))
    through.reload()
    began = time.monotonic()
    wait_for(lambda: body(through) == "two", "the new rules", 1)
    assert time.monotonic() - began < 1 * PATIENCE


def test_a_reload_of_the_same_rules_does_not_disturb(pair):
    through, one, _ = pair
    generation = through.generation()
    count = through.log().count("rules of generation")
    with through.connect() as kept:
        assert kept.ask(get("/")).status == 200
        through.reload()
        wait_for(lambda: through.log().count("rules of generation") > count, "the reload to be said", 1)
        through.rename(one + "# a remark\n")
        wait_for(lambda: through.log().count("rules of generation") > count + 1, "the reload to be said", 2)
        assert kept.ask(get("/")).get("Connection") is None
    assert through.generation() == generation


def test_a_directory_gains_and_loses_files(service, ruled, tmp_path):
    port = free_port()
    one, two = named(service, "one"), named(service, "two")
    mount = tmp_path / "rules.d"
    mount.mkdir()
    (mount / "10-gateway.yaml").write_text(rules.gateway(http=port) + rules.backend("v1", one) + rules.route())
    through = ruled(None, paths=[mount])
    more = mount / "20-more.yml"
    through.rename(rules.backend("v2", two) + rules.route("more", "v2", path="/more"), more)
    wait_for(lambda: body(through, "/more/1") == "two", "the further file", 2)
    more.unlink()
    wait_for(lambda: body(through, "/more/1") == "one", "the file to be forgotten", 2)


# ---- what is wrong ----


@pytest.mark.sanitize
def test_a_bad_resource_keeps_its_last_good_version_and_is_named(service, ruled):
    port = free_port()
    one, two = named(service, "one"), named(service, "two")
    good = rules.gateway(http=port) + rules.backend("v1", one) + rules.backend("v2", two)
    text = good + rules.route("a", "v1", path="/a") + rules.route("b", "v1", path="/b")
    through = ruled(text)
    through.may_complain = True
    bad = good + rules.route("a", "v2", path="/a").replace("PathPrefix", "PathPrefixx") + rules.route("b", "v2", path="/b")
    through.change(bad)
    assert body(through, "/b") == "two", "what is good is in force"
    assert body(through, "/a") == "one", "what is bad is as it was"
    assert through.errors() == 1
    problem, = through.problems()
    line = bad[:bad.index("PathPrefixx")].count("\n") + 1
    assert (problem["kind"], problem["namespace"], problem["name"]) in (("HTTPRoute", "default", "a"), ("HTTPRoute", "", "a"))
    assert (problem["file"], problem["line"]) == (str(through.rules), line)
    assert problem["field"] == "spec.rules[0].matches[0].path.type"
    page = through.ask("/status?format=text").body.decode()
    assert f"{through.rules}:{line}:" in "".join(page.split("\n    ")) or "HTTPRoute/a" in page
    assert "HTTPRoute/a" in through.log()
    through.change(good + rules.route("a", "v2", path="/a") + rules.route("b", "v2", path="/b"))
    assert (body(through, "/a"), through.errors(), through.problems()) == ("two", 0, [])


def test_a_file_with_a_syntax_error_keeps_what_it_had(service, ruled):
    port = free_port()
    through = ruled(simple(port, named(service, "one")))
    through.may_complain = True
    through.rename("kind: [\n")
    wait_for(lambda: through.errors() == 1, "the error to be counted", 2)
    assert body(through) == "one"
    assert through.problems()[0]["file"] == str(through.rules)


def test_one_bad_route_among_a_thousand_costs_only_itself(service, ruled):
    port = free_port()
    one, two = named(service, "one"), named(service, "two")
    base = rules.gateway(http=port) + rules.backend("v1", one) + rules.backend("v2", two)
    through = ruled(base + "".join(rules.route(f"r{i}", "v1", path=f"/r{i}") for i in range(1000)))
    through.may_complain = True
    routes = [rules.route(f"r{i}", "v2", path=f"/r{i}") for i in range(1000)]
    routes[500] = routes[500].replace("value: /r500", "value: r500")
    began = time.monotonic()
    through.rename(base + "".join(routes))
    wait_for(lambda: body(through, "/r999") == "two", "the other routes", 5)
    took = time.monotonic() - began
    assert took < 1 * PATIENCE, took
    assert [body(through, f"/r{i}") for i in (0, 499, 500, 501)] == ["two", "two", "one", "two"]
    wait_for(lambda: through.errors() == 1, "the error to be counted")
    problem, = through.problems()
    assert (problem["name"], problem["field"]) == ("r500", "spec.rules[0].matches[0].path.value")
    assert problem["line"] > 0 and problem["file"] == str(through.rules)


def test_a_bad_resource_is_as_it_was_though_control_died(service, ruled):
    port = free_port()
    one, two = named(service, "one"), named(service, "two")
    base = rules.gateway(http=port) + rules.backend("v1", one) + rules.backend("v2", two)
    through = ruled(base + rules.route("a", "v1", path="/a") + rules.route("b", "v1", path="/b"))
    through.may_complain = True
    through.change(base + rules.route("a", "v2", path="a") + rules.route("b", "v2", path="/b"))
    assert (body(through, "/a"), body(through, "/b")) == ("one", "two")
    control = through.pids()["control"]
    os.kill(control, signal.SIGKILL)
    wait_for(lambda: through.pids().get("control") not in (None, control), "another control")
    wait_for(lambda: through.log().count("rules of generation") >= 3, "its rules")
    assert (body(through, "/a"), body(through, "/b"), through.errors()) == ("one", "two", 1)


@pytest.mark.sanitize
@pytest.mark.parametrize("broken", ["", "kind: [\n"])
def test_a_file_that_breaks_as_control_dies_keeps_what_it_had(service, ruled, broken):
    """Emptied by a writer who is not done, or good until then and wrong now."""
    port = free_port()
    one, two = named(service, "one"), named(service, "two")
    through = ruled(simple(port, one))
    through.may_complain = True
    control = through.pids()["control"]
    os.kill(control, signal.SIGSTOP)
    with open(through.rules, "w", encoding="utf-8") as file:
        file.write(broken)
        if broken:
            file.close()
        os.kill(control, signal.SIGKILL)
        wait_for(lambda: through.pids().get("control") not in (None, control), "another control")
        if broken:
            wait_for(lambda: through.errors() == 1, "the error to be counted")
        end = time.monotonic() + (0.2 if broken else 3)
        while time.monotonic() < end:
            assert body(through) == "one"
        if not broken:
            file.write(simple(port, two))
    if not broken:
        wait_for(lambda: body(through) == "two", "what was written")


# ---- listeners ----


def is_refused(address):
    try:
        http1.Connection(address, timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


def listeners(live, **ports):
    return rules.gateway(**ports) + rules.backend("v1", live) + rules.route()


@pytest.mark.sanitize
@pytest.mark.parametrize("is_kept_alive", [False, True])
def test_listeners_come_and_go_and_those_that_stay_lose_nothing(service, ruled, is_kept_alive):
    live = service()
    stays, *others = (free_port() for _ in range(4))
    through = ruled(listeners(live, stays=stays))
    with Load(through.address, is_kept_alive=is_kept_alive) as load:
        for turn in range(8):
            some = {f"other-{i}": port for i, port in enumerate(others) if (turn >> i) & 1}
            through.change(listeners(live, stays=stays, **some)) if turn else through.reload()
            load.wait(10)
            for i, port in enumerate(others):
                assert is_refused(f"127.0.0.1:{port}") == (f"other-{i}" not in some)
    load.check()


@pytest.mark.sanitize
def test_connections_of_a_removed_listener_get_one_more_answer(service, ruled):
    live = service()
    first, second = free_port(), free_port()
    through = ruled(listeners(live, first=first, second=second))
    used, idle = (http1.Connection(f"127.0.0.1:{second}") for _ in range(2))
    assert used.ask(get("/")).get("Connection") is None
    assert idle.ask(get("/")).status == 200
    through.change(listeners(live, first=first))
    response = used.ask(get("/"))
    assert (response.status, response.body, response.get("Connection")) == (200, b"hello", "close")
    assert used.is_closed()
    idle.sock.settimeout(5)
    assert idle.is_closed(), "within a moment"
    wait_for(lambda: is_refused(f"127.0.0.1:{second}"), "the port to be free")


def test_connections_in_the_queue_of_a_removed_listener_are_answered(service, ruled):
    """Nobody who was let in is reset: connections come all the time while the listener goes."""
    live = service()
    first, second = free_port(), free_port()
    through = ruled(listeners(live, first=first, second=second))
    for _ in range(5):
        with Load(f"127.0.0.1:{second}", threads=6) as load:
            load.wait(30)
            through.change(listeners(live, first=first))
            wait_for(lambda: load.failures, "the listener to be gone")
        others = [failure for failure in load.failures if "ConnectionRefusedError" not in failure]
        assert not others, others[:3]
        through.change(listeners(live, first=first, second=second))


def test_a_listener_that_goes_and_comes_back_at_once_is_served(service, ruled):
    live = service()
    first, second = free_port(), free_port()
    through = ruled(listeners(live, first=first, second=second))
    for _ in range(10):
        through.rename(listeners(live, first=first))
        through.reload()
        time.sleep(0.06)
        through.rename(listeners(live, first=first, second=second))
        through.reload()
        wait_for(lambda: not is_refused(f"127.0.0.1:{second}"), "the listener to be back", 2)
        assert through.status_of("/", f"127.0.0.1:{second}") == 200
    assert through.problems() == []


def test_a_port_that_is_taken_costs_only_its_listener(service, ruled):
    live = service()
    first, second = free_port(), free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", second))
        taken.listen()
        through = ruled(listeners(live, first=first, second=second))
        through.may_complain = True
        assert through.status_of() == 200
        problem, = through.problems()
        assert (problem["kind"], problem["name"]) == ("Gateway", "gw")
        assert problem["field"] == "spec.listeners[1].port"
        assert "second" in problem["message"] and f"{second}" in problem["message"]
        assert through.errors() == 1
        addresses = {row["name"]: row["address"] for row in through.status()["listeners"]}
        assert addresses == {"first": f"127.0.0.1:{first}", "second": None}
    wait_for(lambda: not is_refused(f"127.0.0.1:{second}"), "the port to be taken once it is free", 8)
    wait_for(lambda: through.errors() == 0, "the error to be gone")
    assert through.status_of("/", f"127.0.0.1:{second}") == 200


def test_without_a_listener_it_is_up_and_not_ready(service, ruled):
    live = service()
    port = free_port()
    through = ruled(rules.backend("v1", live), is_waited_for=False)
    response = through.ask("/readyz")
    assert response.status == 503 and b"no listener" in response.body
    assert through.ask("/healthz").status == 200
    wait_for(lambda: "not ready" in through.log(), "it to be said")
    through.rename(listeners(live, first=port))
    wait_for(through.is_ready, "it to be ready", 2)
    assert through.status_of("/", f"127.0.0.1:{port}") == 200
    through.rename(rules.backend("v1", live))
    wait_for(lambda: not through.is_ready(), "it not to be ready", 2)
    wait_for(lambda: is_refused(f"127.0.0.1:{port}"), "the port to be free")


# ---- many reloads ----


def storm(through, texts, count, seconds):
    """So many reloads, evenly over this time."""
    began = time.monotonic()
    for i in range(count):
        through.rename(texts[i % len(texts)])
        if i % 7 == 0:
            through.reload()
        left = began + seconds * (i + 1) / count - time.monotonic()
        if left > 0:
            time.sleep(left)


def storm_texts(port, live, other, shadow):
    good = [simple(port, live, shadow, 20), simple(port, live, shadow, 20) + rules.route("more", path="/more"),
            simple(port, live, shadow, 20) + rules.gateway("other", http=other)]
    bad = [good[0].replace("PathPrefix", "Prefix"), "kind: [\n", good[0] + rules.route("worse", "missing", path="/x")]
    return [good[0], bad[0], good[1], bad[1], good[2], bad[2]]


def check_storm(service, ruled, count, seconds):
    live, shadow = service(keep_bodies=False), service(keep_bodies=False)
    port, other = free_port(), free_port()
    texts = storm_texts(port, live, other, shadow)
    through = ruled(texts[0])
    through.may_complain = True
    storm(through, texts, 12, 1.2)
    through.change(texts[2])
    before, memory = through.descriptors(), through.resident()
    with Load(through.address, is_kept_alive=True) as kept, Load(through.address) as fresh:
        storm(through, texts, count, seconds)
    kept.check()
    fresh.check()
    through.change(texts[2].replace("/more", "/last"))
    metrics = through.settled()
    matched, sent = metrics.mirror("matched"), metrics.mirror("sent") + metrics.mirror("dropped")
    assert abs(sent - matched / 5) <= 5, (matched, sent)
    wait_for(lambda: all(now <= before[role] + 4 for role, now in through.descriptors().items()),
             lambda: f"descriptors as before: {before}, {through.descriptors()}")
    grown = {role: now - memory[role] for role, now in through.resident().items()}
    assert all(bytes_more < 8 << 20 for bytes_more in grown.values()), grown
    assert through.errors() == 0


def test_100_reloads_under_load_lose_nothing_and_leak_nothing(service, ruled):
    check_storm(service, ruled, 100, 6)


@pytest.mark.long
def test_1000_reloads_in_a_minute_under_load_lose_nothing_and_leak_nothing(service, ruled):
    check_storm(service, ruled, 1000, 60)


def test_even_sampling_is_exact_across_reloads(service, ruled):
    live, shadow = service(), service()
    port = free_port()
    through = ruled(simple(port, live, shadow, 20))
    texts = [simple(port, live, shadow, 20) + rules.route("more", path=f"/more-{i}") for i in range(2)]
    for i in range(500):
        assert through.get("/").status == 200
        if i % 25 == 0:
            through.rename(texts[i // 25 % 2])
    metrics = through.settled()
    assert (metrics.mirror("matched"), metrics.mirror("sent"), metrics.mirror("sampled_out")) == (500, 100, 400)
    assert len(shadow.wait(100)) == 100


def test_a_storm_of_sighups_is_borne(service, ruled):
    through = ruled(simple(free_port(), service()))
    over = threading.Event()

    def hang_up():
        while not over.is_set():
            through.reload()

    with Load(through.address) as load:
        thread = threading.Thread(target=hang_up)
        thread.start()
        load.wait(300)
        over.set()
        thread.join()
    load.check()
    pids = through.pids()
    assert through.is_ready()
    through.change(simple(free_port(), service()))
    assert through.pids() == pids, "nobody died"


def test_control_may_die_between_reloads(service, ruled):
    live, shadow = service(), service()
    port = free_port()
    through = ruled(simple(port, live, shadow))
    through.may_complain = True
    texts = [simple(port, live, shadow), simple(port, live, shadow) + rules.route("more", path="/more")]
    with Load(through.address) as load:
        for i in range(6):
            through.rename(texts[i % 2])
            control = wait_for(lambda: through.pids().get("control"), "a control")
            os.kill(control, signal.SIGKILL)
            wait_for(lambda: through.pids().get("control") not in (None, control), "another control")
            load.wait(20)
    load.check()
    through.rename(texts[1])
    wait_for(lambda: through.is_ready() and through.status_of("/more") == 200, "it to serve")


def test_a_successor_takes_over_the_listeners_of_the_rules(service, ruled):
    live = service()
    port = free_port()
    through = ruled(simple(port, live))
    with Load(through.address) as load:
        before = through.replace()
        load.wait(50)
        assert before.wait() == 0
        through.change(simple(port, live) + rules.route("more", path="/more"))
    load.check()


# ---- what lasts longer than rules ----


def maps_of_gateway(through):
    with open(f"/proc/{through.pids()['gateway']}/maps", encoding="utf-8") as maps:
        return maps.read()


@pytest.mark.sanitize
def test_tunnels_and_answers_without_end_keep_no_old_rules(service, ruled):
    def script(link):
        while request := link.head():
            if request.get("upgrade"):
                link.send(http1.head("HTTP/1.1 101 Switching Protocols", [("Upgrade", "chat"), ("Connection", "upgrade")]))
            else:
                link.send(http1.head("HTTP/1.1 200 OK", [("Transfer-Encoding", "chunked")]) + b"5\r\nfirst\r\n")
            while data := link.sock.recv(100):
                link.send(data if request.get("upgrade") else b"4\r\nlast\r\n0\r\n\r\n")

    live, port = service(script), free_port()
    shadow = service()
    through = ruled(simple(port, live, shadow), "--access-log", "--workers", "1")
    open_ones = []
    for number in range(8):
        upgrade = [("Upgrade", "chat"), ("Connection", "upgrade")] if number % 2 else []
        connection = through.connect()
        connection.send(get("/lasting", *upgrade))
        assert connection.reader.head().status == (101 if upgrade else 200)
        open_ones.append(connection)
        through.change(simple(port, live, shadow, percent=number + 1))
    wait_for(lambda: maps_of_gateway(through).count("umbra-plan") == 1,
             lambda: f"old plans to be let go:\n{maps_of_gateway(through)}")
    for number, connection in enumerate(open_ones):
        if number % 2:
            connection.send(b"echo")
            assert connection.reader.until(b"echo") == b"echo"
        connection.reset()
    wait_for(lambda: through.log().count("/lasting") == 8 and through.log().count("route=default/shop#all") == 8,
             lambda: f"the access log to name the rule of each:\n{through.log()}")
