# SPDX-License-Identifier: Apache-2.0
"""Filters, timeouts, retries and what mirrors ask of their copies: rules from manifests, real peers on both sides. The
cases of filters are those of the Gateway API, and what lies beyond their edges."""
import json
import re
import subprocess
import time

import pytest

import http1
import umbra
from http1 import answer
from servers import answering, free_port
from waiting import PATIENCE

BACKEND = "group: umbra.dev, kind: Backend"


class Files(umbra.Gateway):
    """`umbra run -f` with one Gateway, one HTTPRoute of these rules, and a Backend for each service by its name."""

    def __init__(self, directory, rules, services, policy):
        self.port = free_port()
        directory.mkdir()
        self.manifest = directory / "rules.yaml"
        documents = [GATEWAY % self.port, ROUTE + "\n".join("  " + line for line in rules.strip("\n").split("\n"))]
        for name, addresses in services.items():
            endpoints = [dict(zip(("host", "port"), address.rsplit(":", 1))) for address in addresses]
            documents.append(BACKEND_OBJECT % (name, ", ".join(
                "{host: %s, port: %s}" % (at["host"], at["port"]) for at in endpoints)))
        if policy:
            documents.append(POLICY + "\n".join("  " + line for line in policy.strip("\n").split("\n")))
        self.manifest.write_text("\n---\n".join(documents) + "\n")
        super().__init__(directory, None, [], [])

    def _start(self, addresses):
        process = umbra.Process(["-f", str(self.manifest), "--bind", "127.0.0.1", "--admin", "127.0.0.1:0", "--drain",
                                 "1s"], self.directory / "umbra-1.log")
        try:
            return process.wait_serving()
        except BaseException:
            process.kill()
            raise


GATEWAY = """apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge}
spec:
  gatewayClassName: umbra
  listeners: [{name: http, protocol: HTTP, port: %d}]"""
ROUTE = """apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec:
  parentRefs: [{name: edge}]
  rules:
"""
BACKEND_OBJECT = """apiVersion: umbra.dev/v1alpha1
kind: Backend
metadata: {name: %s}
spec: {endpoints: [%s]}"""
POLICY = """apiVersion: umbra.dev/v1alpha1
kind: MirrorPolicy
metadata: {name: shop}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: shop}]
"""


@pytest.fixture
def files(ending, tmp_path):
    """files(rules, policy=…, live=service, …): a running umbra; a service may be a list of them."""
    def start(rules, policy="", **services):
        named = {name: [one.address for one in (some if isinstance(some, list) else [some])]
                 for name, some in services.items()}
        started = Files(tmp_path / "umbra", rules, named, policy)
        ending.callback(started.stop)
        return started
    return start


def curl(gateway, target, *options):
    """curl's answer as a Message; its body is text."""
    done = subprocess.run(["curl", "-si", "--max-time", "20", *options, f"http://{gateway.address}{target}"],
                          stdout=subprocess.PIPE, check=True)
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    message = http1.Message(head + b"\r\n\r\n")
    message.body = body
    return message


# ---- header modifiers ----

MODIFIERS = """
- matches: [{path: {type: PathPrefix, value: /rule}}]
  filters:
  - type: RequestHeaderModifier
    requestHeaderModifier:
      set: [{name: X-Set, value: rule}]
      add: [{name: X-Add, value: rule}]
      remove: [X-Remove]
  - type: ResponseHeaderModifier
    responseHeaderModifier:
      set: [{name: X-Answer-Set, value: rule}]
      add: [{name: X-Answer-Add, value: rule}]
      remove: [X-Answer-Remove]
  - type: RequestMirror
    requestMirror: {backendRef: {%(backend)s, name: shadow}}
  backendRefs:
  - {%(backend)s, name: live}
- matches: [{path: {type: PathPrefix, value: /both}}]
  filters:
  - type: RequestHeaderModifier
    requestHeaderModifier:
      set: [{name: X-Set, value: rule}, {name: X-Only-Rule, value: "1"}]
  backendRefs:
  - %(backend_lines)s
    name: live
    filters:
    - type: RequestHeaderModifier
      requestHeaderModifier: {set: [{name: X-Set, value: backend}]}
    - type: ResponseHeaderModifier
      responseHeaderModifier: {set: [{name: X-Answer-Set, value: backend}]}
""" % {"backend": BACKEND, "backend_lines": "group: umbra.dev\n    kind: Backend"}

ANSWER = answer(200, b"ok", ("X-Answer-Set", "live"), ("x-answer-set", "again"), ("X-Answer-Add", "live"),
                ("X-Answer-Remove", "1"), ("X-Answer-Keep", "1"))


@pytest.mark.sanitize
def test_headers_are_set_added_and_removed_for_live_and_shadow(files, service):
    live, shadow = service(answering(ANSWER)), service()
    through = files(MODIFIERS, live=live, shadow=shadow)
    response = through.get("/rule", ("x-set", "client"), ("X-SET", "twice"), ("x-add", "client"), ("X-REMOVE", "1"),
                           ("X-Keep", "1"))
    for got in (live.wait(1)[0], shadow.wait(1)[0]):
        assert got.all("x-set") == ["rule"]
        assert got.all("x-add") == ["client", "rule"]
        assert got.all("x-remove") == []
        assert got.all("x-keep") == ["1"]
    assert response.all("X-Answer-Set") == ["rule"]
    assert response.all("X-Answer-Add") == ["live", "rule"]
    assert response.all("X-Answer-Remove") == []
    assert response.all("X-Answer-Keep") == ["1"] and response.body == b"ok"


def test_a_backendref_s_headers_come_after_the_rule_s(files, service):
    live = service(answering(ANSWER))
    through = files(MODIFIERS, live=live, shadow=service())
    response = through.get("/both")
    assert live.wait(1)[0].all("X-Set") == ["backend"]
    assert live.requests[0].all("X-Only-Rule") == ["1"]
    assert response.all("X-Answer-Set") == ["backend"]


# ---- URLRewrite ----

REWRITES = "\n".join("""
- matches: [{path: {type: PathPrefix, value: %s}}]
  filters:
  - type: URLRewrite
    urlRewrite: {%s}
  - type: RequestMirror
    requestMirror: {backendRef: {%s, name: shadow}}
  backendRefs: [{%s, name: live}]""" % (prefix, what, BACKEND, BACKEND) for prefix, what in [
      ("/prefix/one", "path: {type: ReplacePrefixMatch, replacePrefixMatch: /one}"),
      ("/strip", "path: {type: ReplacePrefixMatch, replacePrefixMatch: /}"),
      ("/empty", 'path: {type: ReplacePrefixMatch, replacePrefixMatch: ""}'),
      ("/slash", "path: {type: ReplacePrefixMatch, replacePrefixMatch: /xyz/}"),
      ("/full", "path: {type: ReplaceFullPath, replaceFullPath: /one}"),
      ("/host", "hostname: rewritten.example"),
  ])

PATHS = {
    "/prefix/one/two": "/one/two", "/prefix/one": "/one", "/prefix/one/": "/one/", "/strip/three": "/three",
    "/strip": "/", "/strip/": "/", "/empty/a": "/a", "/empty": "/", "/empty/": "/", "/slash/a": "/xyz/a",
    "/slash": "/xyz", "/full/one/two": "/one", "/strip/a%2Fb?x=/y&z=%zz": "/a%2Fb?x=/y&z=%zz", "/full?q": "/one?q",
    "/strip//a//b/": "//a//b/", "/strip/../strip/a/./b": "/a/b", "/strip/a/%2e%2e/b": "/b", "/host/a?b": "/host/a?b",
    "/stripped": None,
}


@pytest.mark.sanitize
def test_paths_are_rewritten_as_the_gateway_api_says(files, service):
    live, shadow = service(), service()
    through = files(REWRITES, live=live, shadow=shadow)
    for target, expected in PATHS.items():
        live.forget()
        shadow.forget()
        response = through.get(target)
        if expected is None:
            assert response.status == 404, target
            continue
        assert live.wait(1)[0].target == expected, target
        assert shadow.wait(1)[0].target == expected, target
        is_host_rule = target.startswith("/host")
        assert live.requests[0].all("Host") == ["rewritten.example" if is_host_rule else "shop.test"]
        assert live.requests[0].all("X-Forwarded-Host") == ["shop.test"]
        assert shadow.requests[0].all("Host") == live.requests[0].all("Host")


def test_nginx_serves_what_a_rewrite_leads_to(files, nginx, service):
    live = nginx("location /one { return 200 '$host $request_uri'; } location / { return 404; }")
    through = files(REWRITES, live=live, shadow=service())
    response = curl(through, "/prefix/one/two?x=1", "-H", "Host: shop.test")
    assert (response.status, response.body) == (200, b"shop.test /one/two?x=1")
    assert curl(through, "/full/anything").body.endswith(b" /one")
    assert curl(through, "/strip/gone").status == 404


# ---- RequestRedirect ----

REDIRECTS = "\n".join("""
- matches: [{path: {type: PathPrefix, value: %s}}]
  filters:
  - type: RequestRedirect
    requestRedirect: {%s}""" % rule for rule in [
        ("/prefix", "path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}"),
        ("/full", "path: {type: ReplaceFullPath, replaceFullPath: /new}"),
        ("/host", "hostname: example.org"),
        ("/host-301", "hostname: example.org, statusCode: 301"),
        ("/303", "hostname: example.org, statusCode: 303"),
        ("/307", "hostname: example.org, statusCode: 307"),
        ("/308", "hostname: example.org, statusCode: 308"),
        ("/https", "scheme: https"),
        ("/https-443", "scheme: https, port: 443"),
        ("/https-8443", "scheme: https, port: 8443"),
        ("/http-80", "hostname: example.org, port: 80"),
        ("/port", "port: 8083"),
    ]) + """
- matches: [{path: {type: PathPrefix, value: /of-backend}}]
  backendRefs:
  - group: umbra.dev
    kind: Backend
    name: live
    filters:
    - type: RequestRedirect
      requestRedirect: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /redirected}}
"""

# {PORT} is the listener's
LOCATIONS = {
    "/prefix/lemon?q=1": (302, "http://shop.test:{PORT}/new/lemon?q=1"),
    "/prefix": (302, "http://shop.test:{PORT}/new"),
    "/full/path?": (302, "http://shop.test:{PORT}/new?"),
    "/host/a": (302, "http://example.org:{PORT}/host/a"),
    "/host-301": (301, "http://example.org:{PORT}/host-301"),
    "/303": (303, "http://example.org:{PORT}/303"),
    "/307": (307, "http://example.org:{PORT}/307"),
    "/308": (308, "http://example.org:{PORT}/308"),
    "/https/a?b": (302, "https://shop.test/https/a?b"),
    "/https-443": (302, "https://shop.test/https-443"),
    "/https-8443": (302, "https://shop.test:8443/https-8443"),
    "/http-80": (302, "http://example.org/http-80"),
    "/port": (302, "http://shop.test:8083/port"),
    "/of-backend/original": (302, "http://shop.test:{PORT}/redirected/original"),
    "/prefix//evil.example": (302, "http://shop.test:{PORT}/new//evil.example"),
    "/host/%0d%0aX-Evil:1": (302, "http://example.org:{PORT}/host/%0d%0aX-Evil:1"),
}


@pytest.mark.sanitize
def test_redirects_lead_where_the_gateway_api_says(files, service):
    live = service()
    through = files(REDIRECTS, live=live)
    for target, (status, location) in LOCATIONS.items():
        response = through.get(target)
        assert response.status == status, target
        assert response.all("Location") == [location.format(PORT=through.port)], target
        assert response.all("X-Evil") == []
    assert not live.arrived
    assert through.metrics().requests(backend="") == len(LOCATIONS)


def test_curl_follows_a_redirect_and_a_head_has_no_body(files, service):
    rules = REDIRECTS + """
- matches: [{path: {type: PathPrefix, value: /new}}]
  backendRefs: [{%s, name: live}]
""" % BACKEND
    live = service(answering(answer(200, b"here")))
    through = files(rules, live=live)
    done = subprocess.run(["curl", "-sL", f"http://{through.address}/prefix/a?b"], stdout=subprocess.PIPE, check=True)
    assert done.stdout == b"here" and live.requests[0].target == "/new/a?b"
    with through.connect() as connection:
        assert connection.ask(http1.get("/303", method="HEAD"), "HEAD").body == b""
        assert connection.ask(http1.get("/303")).status == 303  # nothing was left on the connection


# ---- CORS ----

def cors_rule(path, **cors):
    return """
- matches: [{path: {type: PathPrefix, value: %s}}]
  filters: [{type: CORS, cors: %s}]
  backendRefs: [{%s, name: live}]""" % (path, json.dumps(cors), BACKEND)


CORS = cors_rule("/some", allowOrigins=["https://www.foo.com", "https://*.bar.com"], allowMethods=["GET", "OPTIONS"],
                 allowHeaders=["x-header-1", "x-header-2"], exposeHeaders=["x-header-3", "x-header-4"],
                 allowCredentials=True, maxAge=3600) + \
    cors_rule("/any-method", allowOrigins=["https://www.foo.com"], allowMethods=["*"]) + \
    cors_rule("/any-origin", allowOrigins=["*"], allowMethods=["PUT"], allowCredentials=False) + \
    cors_rule("/all-with", allowOrigins=["*"], allowMethods=["*"], allowHeaders=["*"], allowCredentials=True) + \
    cors_rule("/all-without", allowOrigins=["*"], allowMethods=["*"], allowHeaders=["*"], allowCredentials=False)

SOME = {"Allow-Credentials": "true", "Expose-Headers": "x-header-3, x-header-4"}
PREFLIGHT = {"Allow-Methods": "GET, OPTIONS", "Allow-Headers": "x-header-1, x-header-2", "Max-Age": "3600"}
ASKED = ("Access-Control-Request-Headers", "x-header-1, x-header-2")

# target, origin, requested method of a preflight (or None), what the answer says
CORS_CASES = [
    ("/some", "https://www.foo.com", "GET", {"Allow-Origin": "https://www.foo.com", **SOME, **PREFLIGHT}),
    ("/some", "https://www.bar.com", "GET", {"Allow-Origin": "https://www.bar.com", **SOME, **PREFLIGHT}),
    ("/some", "https://xpto.www.bar.com", "GET", {"Allow-Origin": "https://xpto.www.bar.com", **SOME, **PREFLIGHT}),
    ("/some", "https://foobar.com", "GET", {}),
    ("/some", "https://bar.com", "GET", {}),
    ("/some", "https://www.bar.com.evil.com", "GET", {}),
    ("/some", "http://www.foo.com", "GET", {}),
    ("/some", "https://www.foo.com", None, {"Allow-Origin": "https://www.foo.com", **SOME}),
    ("/some", "https://foobar.com", None, {}),
    ("/any-method", "https://www.foo.com", "POST",
     {"Allow-Origin": "https://www.foo.com", "Allow-Methods": "*", "Max-Age": "5"}),
    ("/any-origin", "https://foobar.com:12345", "PUT",
     {"Allow-Origin": "*", "Allow-Methods": "PUT", "Max-Age": "5"}),
    ("/any-origin", "https://foobar.com", None, {"Allow-Origin": "*"}),
    ("/all-with", "https://other.foo.com", "PUT",
     {"Allow-Origin": "https://other.foo.com", "Allow-Credentials": "true", "Allow-Methods": "PUT",
      "Allow-Headers": ASKED[1], "Max-Age": "5"}),
    ("/all-with", "https://other.foo.com", None,
     {"Allow-Origin": "https://other.foo.com", "Allow-Credentials": "true"}),
    ("/all-without", "https://other.foo.com", "PUT",
     {"Allow-Origin": "*", "Allow-Methods": "*", "Allow-Headers": "*", "Max-Age": "5"}),
]


@pytest.mark.sanitize
def test_cross_origin_answers_are_what_the_gateway_api_says(files, service):
    live = service(answering(answer(200, b"x", ("Access-Control-Allow-Origin", "https://live.says"))))
    through = files(CORS, live=live)
    for target, origin, method, expected in CORS_CASES:
        live.forget()
        fields = [("Origin", origin)]
        if method:
            fields += [("Access-Control-Request-Method", method), ASKED]
        response = through.get(target, *fields, method="OPTIONS" if method else "GET")
        said = {name[15:].title(): value for name, value in response.fields
                if name.lower().startswith("access-control-")}
        assert said == expected, (target, origin, method)
        assert response.status == (204 if method else 200)
        assert len(live.arrived) == (0 if method else 1)
        assert response.all("Vary") == ([] if expected.get("Allow-Origin") == "*" else ["Origin"])


# ---- timeouts and retries ----

def slow(seconds):
    """Answers `?delay=` requests late, others at once."""
    def script(link):
        while request := link.request():
            if "delay" in request.target:
                time.sleep(seconds)
            link.send(answer(200, b"ok"))
    return script


TIMEOUTS = "\n".join("""
- matches: [{path: {type: PathPrefix, value: %s}}]
  backendRefs: [{%s, name: live}]
  timeouts: {%s}""" % (path, BACKEND, what) for path, what in [
      ("/request", "request: 500ms"), ("/backend", "backendRequest: 500ms"),
      ("/both", "request: 10s, backendRequest: 500ms"),
      ("/no-request", "request: 0s"), ("/no-backend", "backendRequest: 0s")])


def test_timeouts_end_in_504(files, service):
    through = files(TIMEOUTS, live=service(slow(1)))
    for path in ("/request", "/backend", "/both"):
        assert through.get(path).status == 200
        began = time.monotonic()
        assert through.get(path + "?delay").status == 504
        assert 0.45 < time.monotonic() - began < 0.95 * PATIENCE
    for path in ("/no-request", "/no-backend"):
        assert through.get(path + "?delay").status == 200


class Failing:
    """Fails the first `count` requests of each target with a status, or by a reset when it is 0. One request per
    connection: a reset of a used one is replaced beside all retries."""

    def __init__(self):
        self.seen = {}

    def __call__(self, link):
        request = link.request()
        status, count = (int(number) for number in re.search(r"fail=(\d+)x(\d+)", request.target).groups())
        number = self.seen[request.target] = self.seen.get(request.target, 0) + 1
        if number > count:
            link.send(answer(200, b"%d" % number, ("Connection", "close")))
        elif status:
            link.send(answer(status, b"no", ("Connection", "close"), reason="Failed"))
        else:
            link.reset()


RETRIES = "\n".join("""
- matches: [{path: {type: PathPrefix, value: %s}}]
  filters: [{type: RequestMirror, requestMirror: {backendRef: {%s, name: shadow}}}]
  backendRefs: [{%s, name: live}]
  retry: {%s}""" % (path, BACKEND, BACKEND, what) for path, what in [
      ("/500", "codes: [500], attempts: 3, backoff: 10ms"),
      ("/all", "codes: [500, 502, 503, 504], attempts: 2, backoff: 10ms"),
      ("/none", "attempts: 3, backoff: 10ms"),
      ("/slow", "codes: [500], attempts: 1, backoff: 300ms")])

# target, status, attempts that live sees
RETRY_CASES = [
    ("/500?fail=500x2", 200, 3), ("/500?fail=500x4", 500, 4), ("/500?fail=503x2", 503, 1), ("/all?fail=500x1", 200, 2),
    ("/all?fail=500x3", 500, 3), ("/all?fail=502x1", 200, 2), ("/all?fail=502x3", 502, 3), ("/all?fail=503x1", 200, 2),
    ("/all?fail=503x3", 503, 3), ("/all?fail=504x1", 200, 2), ("/all?fail=504x3", 504, 3), ("/none?fail=0x2", 200, 3),
    ("/none?fail=0x4", 503, 4), ("/none?fail=500x1", 500, 1),
]


@pytest.mark.sanitize
def test_live_is_asked_again_and_the_shadow_once(files, service):
    live, shadow = service(Failing()), service()
    through = files(RETRIES, live=live, shadow=shadow)
    for target, status, attempts in RETRY_CASES:
        live.forget()
        response = through.get(target)
        assert (response.status, len(live.requests)) == (status, attempts), target
        if status == 200:
            assert response.body == b"%d" % attempts
    metrics = through.settled(lambda metrics: metrics.mirror("completed") == len(RETRY_CASES))
    assert metrics.mirror("matched") == metrics.requests() == len(shadow.requests) == len(RETRY_CASES)


def test_a_retry_waits_for_the_backoff_and_sends_the_body_again(files, service):
    live = service(Failing())
    through = files(RETRIES, live=live, shadow=service())
    body = bytes(range(256)) * 256
    began = time.monotonic()
    with through.connect() as connection:
        assert connection.ask(http1.post("/slow?fail=500x1", body), "POST").status == 200
    assert time.monotonic() - began >= 0.3
    assert [request.body for request in live.requests] == [body, body]
    live.forget()
    with through.connect() as connection:  # more than is kept to be sent again
        assert connection.ask(http1.post("/slow?fail=500x2", body + b"x"), "POST").status == 500
    assert len(live.requests) == 1


def test_a_retry_goes_to_the_other_endpoint(files, service):
    good, bad = service(), service(answering(answer(500, b"no")))
    through = files(RETRIES, live=[good, bad], shadow=service())
    for _ in range(20):
        assert through.get("/500").status == 200


# ---- what mirrors ask of copies ----

MIRRORED = """
- filters: [{type: RequestMirror, requestMirror: {backendRef: {%s, name: shadow}}}]
  backendRefs: [{%s, name: live}]
""" % (BACKEND, BACKEND)


@pytest.mark.sanitize
def test_a_policy_s_demands_are_the_shadow_s_alone(files, service):
    live, shadow = service(), service()
    through = files(MIRRORED, """
request:
  host: {type: Suffix}
  headers:
    set: [{name: X-Env, value: shadow}]
    add: [{name: Accept, value: "x/y"}]
    remove: [X-Internal]
  redact: {headers: [authorization], cookies: [sid], query: [token]}
  marker: {header: X-Copy-Of, baggage: false, trace: Inherit}
""", live=live, shadow=shadow)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    fields = [("Authorization", "secret"), ("Cookie", "a=1; sid=2; b=3"), ("Cookie", "sid=4"), ("X-Internal", "1"),
              ("Accept", "*/*"), ("traceparent", trace)]
    through.get("/p?a=1&token=x&%74oken=y", *fields)
    got, copy = live.wait(1)[0], shadow.wait(1)[0]
    assert (got.target, copy.target) == ("/p?a=1&token=x&%74oken=y", "/p?a=1")
    assert (got.get("Host"), copy.get("Host")) == ("shop.test", "shop.test-shadow")
    assert [field for field in got.fields if field in fields] == fields and got.get("X-Env") is None
    assert copy.all("Cookie") == ["a=1; b=3"] and copy.all("Accept") == ["*/*", "x/y"]
    assert copy.get("Authorization") is copy.get("X-Internal") is copy.get("baggage") is None
    assert copy.get("X-Umbra-Shadow") is None and copy.get("X-Copy-Of").startswith("mirror=default/shadow; id=")
    assert copy.get("X-Env") == "shadow"
    assert copy.get("traceparent")[:36] == trace[:36] and copy.get("traceparent")[36:] != trace[36:]
    assert copy.get("traceparent").endswith("-01")


def test_a_mirror_that_leads_back_makes_one_copy_whatever_its_marker_is_called(files, service):
    live = service()
    port = free_port()

    class Back:  # a relay to the gateway itself
        address = f"127.0.0.1:{port}"
    through = files(MIRRORED, "request: {marker: {header: X-Copy-Of, baggage: false}}", live=live, shadow=Back)

    def relay(link):
        while request := link.request():
            with http1.Connection(through.address) as connection:
                link.send(connection.ask(request.raw_head).raw_head + b"hello")
    service(relay, port=port)
    for _ in range(5):
        assert through.get("/").status == 200
    live.wait(10)
    metrics = through.settled(lambda metrics: metrics.mirror("completed") == 5)
    assert metrics.mirror("matched") == 10 and metrics.mirror("filtered", reason="loop") == 5
    assert len(live.requests) == 10
