# SPDX-License-Identifier: Apache-2.0
"""What rules and options say of comparing: how mistakes are told, what is printed, and that a control gets what its shadow gets."""
import re
import subprocess

import pytest

import rules
import umbra
from servers import free_port
from waiting import PATIENCE

POLICY = """apiVersion: umbra.dev/v1alpha1
kind: MirrorPolicy
metadata: {name: judge}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: shop}]
  methods: [GET]
"""
SHOP = rules.gateway(http=8080) + rules.backend("v1", "127.0.0.1:3000") + rules.backend("v2", "127.0.0.1:3001") + \
    rules.backend("twin", "127.0.0.1:3002") + rules.route(shadow="v2")


def command(*words, text=None):
    return subprocess.run([umbra.BINARY, *map(str, words)], input=text, capture_output=True, text=True,
                          timeout=20 * PATIENCE, check=False, stdin=None if text is not None else subprocess.DEVNULL)


def said_of(spec, *options):
    """The problems of the policy as (line within it, column, field, text), and the exit code. What follows from one that can't be
    read, which is that nothing is copied, is left out."""
    found = command("check", "-f", "-", *options, text=SHOP + POLICY + spec)
    first = SHOP.count("\n")
    problems = re.findall(r"^[^:]*:(\d+):(\d+): MirrorPolicy/judge: ([^:]*): (.*)$", found.stderr, re.M)
    assert len(problems) == found.stderr.count("\n") - found.stderr.count(": until this is mended, "), found.stderr
    return [(int(line) - first, int(column), field, text) for line, column, field, text in problems], found.returncode


@pytest.mark.parametrize("spec, place, text, code", [
    ("  compare:\n    ignore:\n      jsonPaths:\n      - $.id\n      - $.items[-1]\n",
     (11, 9, "spec.compare.ignore.jsonPaths[1]"), 'character 9: elements are counted from the first', 1),
    ("  compare: {arrays: [{path: $.items, type: Keyed}]}\n", (7, 22, "spec.compare.arrays[0].key"),
     "the type Keyed needs the member that tells elements apart", 1),
    ("  compare: {control: {backendRef: {group: umbra.dev, kind: Backend, name: twins}}}\n",
     (7, 35, "spec.compare.control.backendRef"),
     'there is no Backend default/twins, so shadows are compared without a control; did you mean "twin"?', 1),
    ("  compare: {control: {backendRef: {group: umbra.dev, kind: Backend, name: v2}}}\n",
     (7, 35, "spec.compare.control.backendRef"), "default/v2 is the shadow itself", 0),
    ("  compare: {control: {backendRef: {group: umbra.dev, kind: Backend, name: v1}}}\n",
     (7, 35, "spec.compare.control.backendRef"), "so it gets them twice", 0),
    ("  compare: {bodyBytes: 0, ignore: {jsonPaths: [$.id]}}\n", (7, 47, "spec.compare.ignore.jsonPaths"),
     "no body is looked at", 0),
    ("  verdict: {minPairs: 500, minPairsP99: 100}\n", (7, 41, "spec.verdict.minPairsP99"), "is below minPairs", 0),
], ids=["path", "key", "no-control", "shadow", "live", "no-body", "p99"])
def test_mistakes_are_said_where_they_are(spec, place, text, code):
    ((*found, said),), status = said_of(spec)
    assert (tuple(found), status) == (place, code)
    assert text in said


def test_a_control_for_nothing_is_said():
    spec = "  compare: {control: {backendRef: {group: umbra.dev, kind: Backend, name: twin}}}\n"
    assert said_of(spec) == ([], 0)
    ((*_, said),), status = said_of(spec, "--compare", "off")
    assert (status, "--compare off compares no answers" in said) == (0, True)


def test_the_quick_start_with_a_control_is_printed_as_a_policy():
    options = ["--listen", "127.0.0.1:8080", "--live", "127.0.0.1:3000", "--shadow", "127.0.0.1:3001"]
    printed = command("print", *options, "--control", "127.0.0.1:3002")
    assert (printed.returncode, printed.stderr) == (0, "")
    assert re.search(r"compare:\n(    .*\n)*    control:\n      backendRef:\n(        .*\n)*        name: control\n", printed.stdout)
    again = command("check", "-f", "-", text=printed.stdout)
    assert (again.stdout, again.stderr) == ("mirrors 1 of 1 routes; 0 need attention\n", "")
    off = command("print", *options, "--compare", "off").stdout
    assert off.startswith("# --compare off belongs to `umbra run`")


@pytest.mark.sanitize
@pytest.mark.parametrize("compare", ["auto", "off"])
def test_every_shadow_has_the_control_and_printed_rules_mean_the_same(compare, service, ruled, gateway):
    live, one, two, twin = (service() for _ in range(4))
    options = ["--control", twin.address, "--compare", compare]
    printed = command("print", "--listen", f"127.0.0.1:{free_port()}", "--live", live.address, "--shadow", one.address,
                      "--shadow", two.address, *options[:2])
    wanted = {one.address: None, twin.address: one.address, two.address: None, f"{twin.address}~2": two.address}
    for through in (gateway(live, one, two, *options), ruled(printed.stdout, "--compare", compare)):
        assert [through.get(f"/{n}").status for n in range(5)] == [200] * 5
        metrics = through.settled()
        for mirror in wanted:
            assert metrics.mirror("sent", mirror=mirror) == 5, mirror
        shown = {mirror["mirror"]: mirror.get("control_of") for mirror in through.status()["mirrors"]}
        assert shown == wanted
    assert len(twin.requests) == 2 * 2 * 5
