# SPDX-License-Identifier: Apache-2.0
"""Typical mistakes in manifests: the line that `umbra check` says of each is enough to mend it, and what is right takes
effect all the same."""
import contextlib
import subprocess

import pytest

import rules
import servers
import umbra
from gateway_api import free_offset
from waiting import PATIENCE, wait_for

# Without a mistake. Requests of other.test go another way, whatever happens to the rest.
RIGHT = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  parentRefs:
  - name: edge
  hostnames:
  - shop.test
  rules:
  - name: all
    matches:
    - path: {type: PathPrefix, value: /api}
      headers:
      - {name: x-team, value: blue}
    filters:
    - type: RequestMirror
      requestMirror:
        backendRef: {group: umbra.dev, kind: Backend, name: shop-v2}
        percent: 20
    backendRefs:
    - group: umbra.dev
      kind: Backend
      name: shop-v1
    timeouts: {request: 10s}
---
apiVersion: umbra.dev/v1alpha1
kind: Backend
metadata:
  name: shop-v1
spec:
  endpoints:
  - {host: 127.0.0.1, port: 3000}
---
apiVersion: umbra.dev/v1alpha1
kind: Backend
metadata:
  name: shop-v2
spec:
  endpoints:
  - {host: 127.0.0.1, port: 3001}
---
apiVersion: umbra.dev/v1alpha1
kind: MirrorPolicy
metadata:
  name: reads
spec:
  targetRefs:
  - {group: gateway.networking.k8s.io, kind: HTTPRoute, name: shop}
  methods: [GET, HEAD, OPTIONS]
---
apiVersion: v1
kind: Service
metadata:
  name: pay
spec:
  ports:
  - port: 80
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: pay
spec:
  parentRefs:
  - name: edge
  hostnames:
  - pay.test
  rules:
  - backendRefs:
    - name: pay
      port: 80
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: edge
spec:
  gatewayClassName: umbra
  listeners:
  - name: http
    protocol: HTTP
    port: 8080
"""

LEFT_OUT = "has an error and is left out, so"
HELD = ("MirrorPolicy/reads: until this is mended, nothing is copied where the policy counts (HTTPRoute default/shop, to "
        "begin with), since it may keep something from the shadows")
WRITES = ("HTTPRoute/shop: spec.rules[0].filters[0]: writes are copied to default/shop-v2 as well, so whatever they do is "
          "done twice if the shadow shares anything with live; if that is not meant, add a MirrorPolicy with methods: "
          "[GET, HEAD, OPTIONS]")

# What is written, what is written instead, and what is said of it, line by line: without the file, line and column first.
MISTAKES = {
    # ---- YAML ----
    "tab": ("    filters:", "\tfilters:", ["16:1: HTTPRoute/shop: a tab can't indent YAML; use spaces"]),
    "no-break-space": (
        "  hostnames:\n  - shop", "\u00a0 hostnames:\n  - shop",
        ["8:1: HTTPRoute/shop: a no-break space (U+00A0) can't indent YAML; use spaces"]),
    "indent": (
        "    filters:", "   filters:",
        ["16:4: HTTPRoute/shop: this line is indented like none of those that it could belong to"]),
    "open-bracket": ("  - shop.test", "  - [shop.test", ["9:5: HTTPRoute/shop: this [ is not closed by a ]"]),
    "open-brace": ("{request: 10s}", "{request: 10s", ["25:15: HTTPRoute/shop: this { is not closed by a }"]),
    "open-brace-in-a-list": (
        "/api}", "/api",
        ["14:14: HTTPRoute/shop: a , or the } that closes the { of 13:13 is missing before this"]),
    "open-quote": ("value: blue", "value: \"blue", ["15:31: HTTPRoute/shop: this double quote is not closed"]),
    "colon-in-a-value": (
        "value: blue", "value: a: b",
        ["15:32: HTTPRoute/shop: a , or the } that closes the { of 15:9 is missing before this; a value that holds a "
         "colon needs quotes"]),
    "no-colon": (
        "  name: shop\n", "  name shop\n",
        ["4:3: HTTPRoute: metadata: a key needs a colon with a blank behind it: write \"name: shop\""]),
    "no-blank": (
        "  name: shop\n", "  name:shop\n",
        ["4:3: HTTPRoute: metadata: a key needs a colon with a blank behind it: write \"name: shop\""]),
    "star": (
        "- shop.test", "- *.shop.test",
        ["9:5: HTTPRoute/shop: there is no anchor &.shop.test before this alias; a text that begins with * needs "
         "quotes"]),
    "template": (
        "- shop.test", "- {{ .Values.host }}",
        ["9:6: HTTPRoute/shop: a map can't be a key; is this a template that is not rendered yet?"]),
    "no-dashes": (
        "{request: 10s}\n---\n", "{request: 10s}\n",
        ["26:1: HTTPRoute/shop: the key \"apiVersion\" stands at 1:1 already; if another resource begins here, write a "
         "line of --- before it, else remove one of the two"]),
    "twice": (
        "    filters:", "    timeouts: {request: 1s}\n    filters:",
        ["26:5: HTTPRoute/shop: the key \"timeouts\" stands at 16:5 already; remove one of the two"]),
    # ---- what a resource is ----
    "kind": (
        "kind: HTTPRoute", "kind: HttpRoute", ["2:7: HttpRoute/shop: kind: there is no kind \"HttpRoute\"; did you mean "
                                              "HTTPRoute?"]),
    "no-kind": ("kind: HTTPRoute\n", "", ["1:1: shop: kind: is missing; say what this is, as kind: HTTPRoute"]),
    "version": (
        "k8s.io/v1\nkind: HTTPRoute", "k8s.io/v1alpha2\nkind: HTTPRoute",
        ["1:13: HTTPRoute/shop: apiVersion: \"gateway.networking.k8s.io/v1alpha2\" is not served for HTTPRoute; write "
         "gateway.networking.k8s.io/v1 or gateway.networking.k8s.io/v1beta1"]),
    "no-name": ("metadata:\n  name: shop\n", "metadata: {}\n", ["3:11: HTTPRoute: metadata.name: is missing"]),
    "name": ("name: shop\n", "name: Shop\n",
             ["4:9: HTTPRoute/Shop: metadata.name: \"Shop\" is not a DNS name; did you mean \"shop\"?"]),
    "same-name": (
        "name: shop-v2\nspec", "name: shop-v1\nspec",
        ["19:21: HTTPRoute/shop: spec.rules[0].filters[0].requestMirror.backendRef: there is no Backend default/shop-v2, "
         "so nothing is copied to it; did you mean \"shop-v1\"?",
         "38:9: Backend/shop-v1: metadata.name: there is another Backend \"shop-v1\" in namespace default, at FILE:27; "
         "that one counts: remove one, or rename it"]),
    # ---- fields ----
    "misspelt": ("    matches:", "    matchs:",
                 ["12:5: HTTPRoute/shop: spec.rules[0].matchs: unknown field; did you mean \"matches\"?"]),
    "case": ("parentRefs", "parentrefs",
             ["6:3: HTTPRoute/shop: spec.parentrefs: unknown field; did you mean \"parentRefs\"?"]),
    "too-high": (
        "    backendRefs:\n    - group: umbra.dev\n      kind: Backend\n      name: shop-v1\n",
        "  backendRefs:\n  - group: umbra.dev\n    kind: Backend\n    name: shop-v1\n",
        ["21:3: HTTPRoute/shop: spec.backendRefs: unknown field; did you mean \"rules[].backendRefs\"?"]),
    "too-low": (
        "        percent: 20", "      percent: 20",
        ["20:7: HTTPRoute/shop: spec.rules[0].filters[0].percent: unknown field; did you mean "
         "\"requestMirror.percent\"?"]),
    "another-language": (
        "    filters:", "    mirror: {host: shop-v2}\n    filters:",
        ["16:5: HTTPRoute/shop: spec.rules[0].mirror: unknown field; HTTPRouteRule has name, matches, filters, "
         "backendRefs, timeouts, retry, sessionPersistence"]),
    "no-list": ("  - name: edge\n  host", "    name: edge\n  host",
                ["7:5: HTTPRoute/shop: spec.parentRefs: a map where a list belongs; put \"- \" before \"name\""]),
    "no-map": ("path: {type: PathPrefix, value: /api}", "path: /api",
               ["13:13: HTTPRoute/shop: spec.rules[0].matches[0].path: a string where a map belongs; write its fields "
                "below it; HTTPPathMatch has type, value"]),
    "missing": ("      name: shop-v1\n    time", "    time",
                ["22:7: HTTPRoute/shop: spec.rules[0].backendRefs[0].name: is missing"]),
    # ---- values ----
    "number": ("value: blue", "value: 7",
               ["15:31: HTTPRoute/shop: spec.rules[0].matches[0].headers[0].value: the integer 7 where a string belongs; "
                "write \"7\", in quotes"]),
    "yes": ("value: blue", "value: yes",
            ["15:31: HTTPRoute/shop: spec.rules[0].matches[0].headers[0].value: the boolean yes where a string belongs; "
             "write \"yes\", in quotes"]),
    "quoted-number": ("percent: 20", "percent: \"20\"",
                      ["20:18: HTTPRoute/shop: spec.rules[0].filters[0].requestMirror.percent: a string where an integer "
                       "belongs; write 20, without quotes"]),
    "percent-sign": ("percent: 20", "percent: 20%",
                     ["20:18: HTTPRoute/shop: spec.rules[0].filters[0].requestMirror.percent: \"20%\" is no integer; "
                      "write 20"]),
    "half-a-percent": (
        "percent: 20", "percent: 0.5",
        ["20:18: HTTPRoute/shop: spec.rules[0].filters[0].requestMirror.percent: 0.5 is no integer; write a whole number "
         "from 0 to 100, or fraction: {numerator: 5, denominator: 1000} for half a percent"]),
    "too-much": ("percent: 20", "percent: 120",
                 ["20:18: HTTPRoute/shop: spec.rules[0].filters[0].requestMirror.percent: 120 is over 100"]),
    "two-shares": ("percent: 20", "percent: 20\n        fraction: {numerator: 1}",
                   ["19:9: HTTPRoute/shop: spec.rules[0].filters[0].requestMirror: has both percent and fraction, which "
                    "say the same: remove one"]),
    "unit": ("request: 10s", "request: 10",
             ["25:25: HTTPRoute/shop: spec.rules[0].timeouts.request: 10 is no duration; write a unit, like \"10s\" (h, "
              "m, s, ms)"]),
    "path-type": ("PathPrefix", "Prefix",
                  ["13:20: HTTPRoute/shop: spec.rules[0].matches[0].path.type: \"Prefix\" is none of Exact, PathPrefix, "
                   "RegularExpression; did you mean \"PathPrefix\"?"]),
    "filter-type": ("type: RequestMirror", "type: Mirror",
                    ["17:13: HTTPRoute/shop: spec.rules[0].filters[0].type: \"Mirror\" is none of "
                     "RequestHeaderModifier, ResponseHeaderModifier, RequestMirror, ExtensionRef, RequestRedirect, "
                     "URLRewrite, CORS, ExternalAuth; did you mean \"RequestMirror\"?"]),
    "path": ("/api}", "api}",
             ["13:39: HTTPRoute/shop: spec.rules[0].matches[0].path.value: \"api\" must begin with \"/\""]),
    "regex": ("type: PathPrefix, value: /api", "type: RegularExpression, value: '/api/[a-'",
              ["13:46: HTTPRoute/shop: spec.rules[0].matches[0].path.value: \"/api/[a-\" is no valid regular expression: "
               "missing terminating ] for character class at character 8"]),
    "host-with-a-port": ("- shop.test", "- shop.test:8080",
                         ["9:5: HTTPRoute/shop: spec.hostnames[0]: \"shop.test:8080\" is not a hostname (like "
                          "\"shop.test\")"]),
    "all-hosts": ("- shop.test", "- \"*\"",
                  ["9:5: HTTPRoute/shop: spec.hostnames[0]: \"*\" is not a hostname; leave the field out to take all "
                   "hosts"]),
    # ---- references ----
    "no-gateway": ("  - name: edge\n  hostnames:\n  - shop", "  - name: egde\n  hostnames:\n  - shop",
                   ["7:11: HTTPRoute/shop: spec.parentRefs[0].name: there is no Gateway default/egde; did you mean "
                    "\"edge\"?"]),
    "no-listener": (
        "  - name: edge\n  hostnames:\n  - shop", "  - name: edge\n    sectionName: web\n  hostnames:\n  - shop",
        ["8:18: HTTPRoute/shop: spec.parentRefs[0].sectionName: Gateway default/edge has no listener \"web\"; there is "
         "http"]),
    "no-backend": (
        "name: shop-v2}", "name: shop-v3}",
        ["19:21: HTTPRoute/shop: spec.rules[0].filters[0].requestMirror.backendRef: there is no Backend default/shop-v3, "
         "so nothing is copied to it; did you mean \"shop-v1\"? There are shop-v1, shop-v2"]),
    "no-group": ("    - group: umbra.dev\n      kind", "    - kind",
                 ["22:7: HTTPRoute/shop: spec.rules[0].backendRefs[0]: a Backend is of another group than a Service, so "
                  "its share of requests gets 500; add group: umbra.dev"]),
    "no-port": ("    - name: pay\n      port: 80", "    - name: pay",
                ["71:7: HTTPRoute/pay: spec.rules[0].backendRefs[0].port: a reference to a Service needs a port: add "
                 "\"port:\" with the Service's port number"]),
    "another-port": ("    - name: pay\n      port: 80", "    - name: pay\n      port: 8080",
                     ["71:7: HTTPRoute/pay: spec.rules[0].backendRefs[0]: Service default/pay has no TCP port 8080, so "
                      "its share of requests gets 500; it has 80"]),
    "no-service": ("    - name: pay\n", "    - name: pya\n",
                   ["71:13: HTTPRoute/pay: spec.rules[0].backendRefs[0].name: there is no Service default/pya here, so "
                    "the name is looked up in DNS; did you mean \"pay\"?"]),
    "bad-backend": (
        "  - {host: 127.0.0.1, port: 3000}", "  - 127.0.0.1:3000",
        [f"22:7: HTTPRoute/shop: spec.rules[0].backendRefs[0]: Backend default/shop-v1 {LEFT_OUT} its share of requests "
         "gets 500",
         "33:5: Backend/shop-v1: spec.endpoints[0]: a string where a map belongs; write its fields below it; "
         "BackendEndpoint has host, port"]),
    # ---- policies ----
    "policy-target": (
        "kind: HTTPRoute, name: shop}", "kind: HTTPRoute, name: shopp}",
        [f"17:7: {WRITES}",
         "49:63: MirrorPolicy/reads: spec.targetRefs[0].name: there is no HTTPRoute shopp in namespace default, so the "
         "policy has no effect there; did you mean \"shop\"? There are pay, shop"]),
    "policy-namespace": (
        "  name: reads", "  name: reads\n  namespace: infra",
        [f"17:7: {WRITES}",
         "50:63: MirrorPolicy/reads: spec.targetRefs[0].name: there is no HTTPRoute shop in namespace infra, so the "
         "policy has no effect there; there is one in namespace default: give the policy that namespace in its "
         "metadata"]),
    "policy-rule": (
        "kind: HTTPRoute, name: shop}", "kind: HTTPRoute, name: shop, sectionName: rest}",
        [f"17:7: {WRITES}",
         "49:82: MirrorPolicy/reads: spec.targetRefs[0].sectionName: HTTPRoute shop has no rule named \"rest\", so the "
         "policy has no effect there; there is all"]),
    "policy-mirror": (
        "  methods:", "  mirrorRef: {name: shop-v1}\n  methods:",
        [f"17:7: {WRITES}",
         "50:14: MirrorPolicy/reads: spec.mirrorRef: no mirror of its targets leads there, so the policy has no effect; "
         "did you mean \"shop-v2\"?"]),
    "policy-field": (
        "targetRefs", "targetRef",
        ["48:3: MirrorPolicy/reads: spec.targetRef: unknown field; did you mean \"targetRefs\"?", f"48:3: {HELD}"]),
    "policy-method": (
        "[GET, HEAD", "[get, HEAD",
        ["50:13: MirrorPolicy/reads: spec.methods[0]: \"get\" is none of GET, HEAD, POST, PUT, DELETE, CONNECT, OPTIONS, "
         "TRACE, PATCH; did you mean \"GET\"?", f"50:13: {HELD}"]),
    "policy-without-a-key": (
        "  methods:", "  sampling: {mode: Hash}\n  methods:",
        ["50:13: MirrorPolicy/reads: spec.sampling.key: the mode Hash needs a key: add it, as key: {header: x-user-id}",
         f"50:13: {HELD}"]),
    # ---- Gateways ----
    "listener-port": (
        "    port: 8080\n", "    port: \"8080\"\n",
        [f"66:11: HTTPRoute/pay: spec.parentRefs[0].name: Gateway default/edge {LEFT_OUT} nothing comes in by it",
         "83:11: Gateway/edge: spec.listeners[0].port: a string where an integer belongs; write 8080, without quotes"]),
    "listener-protocol": (
        "    protocol: HTTP\n", "    protocol: HTTPS\n",
        ["7:5: HTTPRoute/shop: spec.parentRefs[0]: the listener of Gateway default/edge is not served (see the problem "
         "there), so nothing comes in by it",
         "66:5: HTTPRoute/pay: spec.parentRefs[0]: the listener of Gateway default/edge is not served (see the problem "
         "there), so nothing comes in by it",
         "81:5: Gateway/edge: spec.listeners[0].tls.certificateRefs: the protocol HTTPS needs a certificate, so the listener "
         "is not served; name a Secret of type kubernetes.io/tls, as tls: {certificateRefs: [{name: example-com-tls}]}"]),
    "listener-host": (
        "    protocol: HTTP\n", "    hostname: pay.test\n    protocol: HTTP\n",
        ["9:3: HTTPRoute/shop: spec.hostnames: Gateway default/edge listens for none of these; it has \"pay.test\" "
         "(http). Change either, or add a listener"]),
}


def lines_of(mistake, file):
    """What is to be said of it, as whole lines."""
    return [f"{file}:{line}".replace("FILE", str(file)) for line in MISTAKES[mistake][2]]


def write_down(mistake):
    right, wrong, _ = MISTAKES[mistake]
    assert right in RIGHT
    return RIGHT.replace(right, wrong, 1)


def check(path):
    return subprocess.run([umbra.BINARY, "check", "-f", path], capture_output=True, text=True, timeout=20 * PATIENCE,
                          check=False)


def test_without_a_mistake_nothing_is_said(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(RIGHT)
    found = check(path)
    assert (found.stderr, found.stdout, found.returncode) == ("", "mirrors 1 of 2 routes; 0 need attention\n", 0)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_said_where_it_is_and_how_to_mend_it(mistake, tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(write_down(mistake))
    assert check(path).stderr.splitlines() == lines_of(mistake, path)


def test_all_mistakes_of_a_run_are_said_at_once(tmp_path):
    text = RIGHT
    expected = []
    for mistake in ("unit", "half-a-percent", "path", "policy-method"):
        right, wrong, lines = MISTAKES[mistake]
        text = text.replace(right, wrong, 1)
        expected += lines[:1]
    path = tmp_path / "rules.yaml"
    path.write_text(text)
    found = check(path)
    assert sorted(found.stderr.splitlines()) == sorted(f"{path}:{line}" for line in expected)
    assert (found.stdout, found.returncode) == ("mirrors 0 of 2 routes; 2 need attention\n", 1)


# ---- what is right beside a mistake takes effect ----


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """An umbra whose rules are all in order, with one route; a mistake is written before them."""
    with contextlib.ExitStack() as stack:
        live = servers.Service()
        stack.callback(live.close)
        text = "---\n" + rules.gateway("front", http=8081) + rules.backend("other", live) + rules.route(
            "other", "other", parent="front")
        text = text.replace("metadata: {name: ", "metadata: {namespace: others, name: ")  # so that no hint tells of them
        offset = free_offset([8080, 8081])
        started = rules.Ruled(tmp_path_factory.mktemp("others"), text, ["--port-offset", offset])
        started.may_complain = True
        started.text = text
        stack.callback(started.stop)
        yield started


def said(through):
    """What status says is wrong, as check would say it."""
    return [":".join(f"{problem[key]}" for key in ("file", "line", "column")) + ": " +
            ": ".join(filter(None, ["/".join(filter(None, (problem["kind"], problem["name"]))), problem["field"],
                                    problem["message"]]))
            for problem in through.status()["problems"]]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_costs_only_what_it_is_in(mistake, others):
    expected = sorted(lines_of(mistake, others.rules))
    try:
        others.rename(write_down(mistake) + others.text)
        wait_for(lambda: sorted(said(others)) == expected, lambda: f"{expected}, and not {said(others)}", 5)
        assert others.get().status == 200
    finally:
        others.rename(others.text)
        wait_for(lambda: not said(others), lambda: f"no problems, and not {said(others)}", 5)
