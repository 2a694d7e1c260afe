# SPDX-License-Identifier: Apache-2.0
"""`umbra report`: its formats, its exit codes, what it waits for and what it adds up."""
import json
import re
import threading
import time
import xml.etree.ElementTree as xml

import pytest

import rules
from judged import CALM, VERDICT_KEYS, ask_all, every, judged, manifests, page, report, report_of, shop, targets
from servers import free_port, refused_address
from waiting import PATIENCE, wait_for


def dearer(reply):
    reply.value = {**reply.value, "price": -1}


def verdicts_of(done):
    return json.loads(done.text)["verdicts"]


@pytest.fixture
def three(service, ruled):
    """A route with a mirror that passes, one that fails, and one that got too little."""
    live, good, bad, rare = service(shop()), service(shop()), service(shop(every(2, dearer))), service(shop())
    text = rules.gateway(http=free_port()) + rules.backend("v1", live) + rules.backend("good", good) + rules.backend("bad", bad)
    text += rules.backend("rare", rare) + rules.route(shadow=["good", "bad"]) + rules.route("rare", path="/rare", shadow="rare")
    through = ruled(text + rules.policy(f"verdict: {CALM}") + rules.policy(f"verdict: {CALM}", "rare", route="rare"))
    judged(through, targets(120), mirror="default/good")
    judged(through, ["/rare/1", "/rare/2"], mirror="default/rare")
    wait_for(lambda: page(through, "/api/verdict?mirror=default/bad")["verdicts"][0]["pairs"] == 120, "the pairs of bad")
    return through


def test_json_is_the_same_object_as_the_page(three):
    done = report_of(three, "--format", "json")
    assert done.code == 1 and not done.errors
    listed = {one["mirror"]: one for one in verdicts_of(done)}
    assert listed == {one["mirror"]: one for one in page(three, "/api/verdict")["verdicts"]}
    assert {mirror: one["verdict"] for mirror, one in listed.items()} == {
        "default/good": "PASS", "default/bad": "FAIL", "default/rare": "INSUFFICIENT"}
    for one in listed.values():
        for path, keys in VERDICT_KEYS.items():
            assert keys <= set(one[path] if path else one), path
        assert all(isinstance(reason, str) and reason.endswith(".") for reason in one["reasons"])
        assert set(one["status"]["live"]) >= {"2xx", "3xx", "4xx", "5xx"} or one["status"]["live"]
    good = listed["default/good"]
    assert set(good["latency_ms"]["live"]) == {"p50", "p95", "p99"}
    assert set(good["latency_ms"]["delta"]["p50"]) == {"value", "low", "high"}
    assert good["latency_ms"]["delta"]["p99"] is None, "below minPairsP99"
    assert good["since"].endswith("Z") and good["revision"]["live"] and good["revision"]["shadow"]
    assert listed["default/rare"]["latency_ms"]["delta"]["p50"] is None


def test_mirror_and_route_choose_and_the_exit_code_is_theirs(three):
    for mirror, code in (("default/good", 0), ("default/bad", 1), ("default/rare", 3)):
        done = report_of(three, "--mirror", mirror, "--format", "json")
        assert (done.code, [one["mirror"] for one in verdicts_of(done)]) == (code, [mirror])
    done = report_of(three, "--route", "default/rare#all", "--format", "json")
    assert (done.code, [one["mirror"] for one in verdicts_of(done)]) == (3, ["default/rare"])
    done = report_of(three, "--mirror", "default/none", "--format", "json")
    assert (done.code, verdicts_of(done)) == (3, [])


def test_text_has_verdicts_reasons_and_figures(three):
    done = report_of(three)
    assert done.code == 1
    firsts = {tuple(line.split()) for line in done.text.splitlines() if line and line[0] != " "}
    assert firsts == {("PASS", "default/shop#all", "->", "default/good"), ("FAIL", "default/shop#all", "->", "default/bad"),
                      ("INSUFFICIENT", "default/rare#all", "->", "default/rare")}
    for word in ("GET /items/{id}", "body.$.price", "120 pairs", "2 pairs of the 100", "not enough data"):
        assert word in done.text, done.text
    assert max(map(len, done.text.splitlines())) <= 100


def test_markdown_has_a_heading_reasons_and_a_table_per_mirror(three):
    done = report_of(three, "--format", "markdown")
    assert done.code == 1
    headings = [line for line in done.text.splitlines() if line.startswith("#")]
    for mirror, word in (("default/good", "PASS"), ("default/bad", "FAIL"), ("default/rare", "INSUFFICIENT")):
        assert any(mirror in heading and word in heading for heading in headings), headings
    parts = re.split(r"^#.*$", done.text, flags=re.M)[1:]
    assert len(parts) == 3
    for part in parts:
        assert re.search(r"^- .*\.$", part, re.M) and re.search(r"^\|.*---.*\|$", part, re.M), part
    assert "body.$.price" in done.text


def test_junit_is_a_case_per_mirror(three):
    done = report_of(three, "--format", "junit", "--admin", refused_address())
    suite = xml.fromstring(done.text)
    assert done.code == 4
    assert {name: suite.get(name) for name in ("tests", "failures", "skipped", "errors")} == {
        "tests": "4", "failures": "1", "skipped": "1", "errors": "1"}
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    assert cases["default/good"].find("failure") is None and cases["default/good"].find("skipped") is None
    assert "body.$.price" in cases["default/bad"].find("failure").text
    assert cases["default/rare"].find("skipped") is not None
    assert cases["default/rare"].get("classname") == "default/rare#all"
    assert sum(case.find("error") is not None for case in suite.iter("testcase")) == 1


def test_an_admin_port_that_is_not_there_is_named_with_what_to_do():
    address = refused_address()
    done = report("--admin", address)
    assert (done.code, done.text) == (4, "")
    assert address in done.errors and "--admin" in done.errors, done.errors
    done = report("--admin", address, "--format", "junit")
    assert done.code == 4
    assert address in xml.fromstring(done.text).find(".//error").get("message")


def test_an_umbra_that_compares_nothing_says_so(service, gateway):
    through = gateway(service(), service(), "--compare", "off")
    done = report_of(through)
    assert done.code == 4 and "--compare off" in done.errors, done


@pytest.mark.parametrize("arguments, word", [
    (["--format", "xml"], "junit"), (["--since", "yesterday"], "10m"), (["--wait", "soon"], "2m"), (["--verbose"], "--verbose")])
def test_usage_errors_are_2_and_say_what_there_is(arguments, word):
    done = report(*arguments)
    assert (done.code, done.text) == (2, "") and word in done.errors, done


def test_replicas_are_added_up(service, gateway):
    """Neither has enough pairs; both together have. The price is wrong in three answers of each: five of eight would be none."""
    live, shadow = service(shop()), service(shop(every(12, dearer)))
    one, other = gateway(live, shadow), gateway(live, shadow)
    judged(one, targets(60))
    judged(other, targets(60, first=60))
    assert report_of(one).code == 3 and report_of(other).code == 3
    done = report("--admin", one.admin, "--admin", other.admin, "--format", "json")
    merged, = verdicts_of(done)
    assert (merged["pairs"], merged["body"]["different"], merged["verdict"]) == (120, 10, "FAIL"), merged
    assert done.code == 1
    done = report("--admin", one.admin, "--admin", refused_address(), "--format", "json")
    assert done.code == 4 and verdicts_of(done)[0]["pairs"] == 60


def test_wait_ends_as_soon_as_it_is_decided(service, ruled):
    through = ruled(manifests(service(shop()), service(shop())))
    done = []
    waiting = threading.Thread(target=lambda: done.append(report_of(through, "--wait", "60s")), daemon=True)
    began = time.monotonic()
    waiting.start()
    ask_all(through.address, targets(50))
    assert waiting.is_alive()
    ask_all(through.address, targets(100, first=50))
    waiting.join(60 * PATIENCE)
    assert done and done[0].code == 0, done
    assert time.monotonic() - began < 60 * PATIENCE


def test_wait_that_is_over_says_what_there_is(service, gateway):
    through = gateway(service(shop()), service(shop()))
    judged(through, targets(5))
    began = time.monotonic()
    done = report_of(through, "--wait", "2s")
    assert done.code == 3 and "INSUFFICIENT" in done.text
    assert time.monotonic() - began >= 1


def test_since_counts_what_came_after(service, gateway):
    through = gateway(service(shop()), service(shop()))
    judged(through, targets(30))
    verdict, = verdicts_of(report_of(through, "--since", "10m", "--format", "json"))
    assert verdict["pairs"] == 30
    for one in page(through, "/api/verdict?since=2100-01-01T00:00:00Z")["verdicts"]:
        assert (one["pairs"], one["verdict"]) == (0, "INSUFFICIENT")
