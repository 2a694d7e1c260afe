# SPDX-License-Identifier: Apache-2.0
"""Gateway API: what filters do to requests and answers: edits of headers, redirects, rewrites and CORS."""
import pytest

from gateway_api import gateway, route, stage

pytestmark = pytest.mark.sanitize

ONE = "    backendRefs: [{name: one, port: 8080}]\n"


def edits(kind):
    """The rules with header edits; `kind` is request or response."""
    def rule(path, modifier):
        return (f"  - matches: [{{path: {{type: PathPrefix, value: {path}}}}}]\n"
                f"    filters: [{{type: {kind.capitalize()}HeaderModifier, {kind}HeaderModifier: {modifier}}}]\n{ONE}")
    return (rule("/set", "{set: [{name: X-Colour, value: blue}]}") +
            rule("/add", "{add: [{name: X-Tag, value: new}]}") + rule("/remove", "{remove: [X-Secret]}") +
            rule("/all", "{set: [{name: X-Colour, value: blue}, {name: X-Shape, value: round}], "
                 "add: [{name: X-Tag, value: new}, {name: X-Mark, value: one}, {name: X-Note, value: 'two, three'}], "
                 "remove: [X-Secret, X-Other-Secret]}") +
            rule("/case", "{set: [{name: X-Colour, value: blue}], add: [{name: x-tag, value: new}, "
                 "{name: X-LOUD, value: yes-sir}, {name: x-Mixed-CASE, value: both}], remove: [X-Secret]}"))


RULES = gateway("front", 80) + gateway("front-8080", 8080)
RULES += route("requests", "requests.test", edits("request"))
RULES += route("responses", "responses.test", edits("response") + """
  - matches: [{path: {type: PathPrefix, value: /both}}]
    filters:
    - type: ResponseHeaderModifier
      responseHeaderModifier: {set: [{name: X-Colour, value: green}], remove: [X-Secret]}
    - type: RequestHeaderModifier
      requestHeaderModifier: {set: [{name: X-Colour, value: blue}], remove: [X-Secret]}
    backendRefs: [{name: one, port: 8080}]
""")
# The same edits of requests, said at the backendRef.
RULES += route("backends", "backends.test", edits("request").replace(
    "    filters:", "    backendRefs: [{name: one, port: 8080, filters:").replace("]}}]\n" + ONE, "]}}]}]\n"))


def redirect(path, filter, kind="PathPrefix"):
    return (f"  - matches: [{{path: {{type: {kind}, value: {path}}}}}]\n"
            f"    filters: [{{type: RequestRedirect, requestRedirect: {{{filter}}}}}]\n")


PREFIX = "path: {type: ReplacePrefixMatch, replacePrefixMatch: %s}"
FULL = "path: {type: ReplaceFullPath, replaceFullPath: %s}"
REDIRECTS = [
    # the rule's path, its filter, what is asked for, the status, where to
    ("/host", "hostname: new.test", "/host/a?b=c", 302, "http://new.test/host/a?b=c"),
    ("/host-301", "hostname: new.test, statusCode: 301", "/host-301", 301, "http://new.test/host-301"),
    ("/code-303", "statusCode: 303", "/code-303", 303, "http://moved.test/code-303"),
    ("/code-307", "statusCode: 307", "/code-307", 307, "http://moved.test/code-307"),
    ("/code-308", "statusCode: 308", "/code-308", 308, "http://moved.test/code-308"),
    ("/old", PREFIX % "/new", "/old/lamp", 302, "http://moved.test/new/lamp"),
    ("/gone", PREFIX % "/", "/gone/lamp?x", 302, "http://moved.test/lamp?x"),
    ("/whole", FULL % "/all/of/it", "/whole/lamp/oil", 302, "http://moved.test/all/of/it"),
    ("/prefix-host", PREFIX % "/new" + ", hostname: new.test", "/prefix-host", 302, "http://new.test/new"),
    ("/prefix-301", PREFIX % "/new" + ", statusCode: 301", "/prefix-301", 301, "http://moved.test/new"),
    ("/whole-host", FULL % "/all" + ", hostname: new.test", "/whole-host/x", 302, "http://new.test/all"),
    ("/whole-301", FULL % "/all" + ", statusCode: 301", "/whole-301", 301, "http://moved.test/all"),
    ("/port", "port: 8083", "/port", 302, "http://moved.test:8083/port"),
    ("/port-host", "port: 8083, hostname: new.test", "/port-host", 302, "http://new.test:8083/port-host"),
    ("/port-301", "port: 8083, statusCode: 301", "/port-301", 301, "http://moved.test:8083/port-301"),
    ("/port-host-302", "port: 8083, hostname: new.test, statusCode: 302", "/port-host-302", 302,
     "http://new.test:8083/port-host-302"),
    ("/tls", "scheme: https", "/tls", 302, "https://moved.test/tls"),
    ("/tls-host", "scheme: https, hostname: new.test", "/tls-host", 302, "https://new.test/tls-host"),
    ("/tls-301", "scheme: https, statusCode: 301", "/tls-301", 301, "https://moved.test/tls-301"),
    ("/tls-host-302", "scheme: https, hostname: new.test, statusCode: 302", "/tls-host-302", 302,
     "https://new.test/tls-host-302"),
]
RULES += route("moved", "moved.test", "".join(redirect(path, filter) for path, filter, *_ in REDIRECTS[:12]))
RULES += route("moved-too", "moved.test", "".join(redirect(path, filter) for path, filter, *_ in REDIRECTS[12:]))

PORTS = [
    # the Gateway's port, the filter, where to
    (80, "hostname: new.test", "http://new.test/p0"),
    (80, "port: 80, hostname: new.test", "http://new.test/p1"),
    (80, "port: 8080, hostname: new.test", "http://new.test:8080/p2"),
    (80, "scheme: https, hostname: new.test", "https://new.test/p3"),
    (80, "scheme: https, port: 443, hostname: new.test", "https://new.test/p4"),
    (80, "scheme: https, port: 8443, hostname: new.test", "https://new.test:8443/p5"),
    (8080, "hostname: new.test", "http://new.test:8080/p6"),
    (8080, "port: 80, hostname: new.test", "http://new.test/p7"),
    (8080, "scheme: https, hostname: new.test", "https://new.test/p8"),
    (8080, "statusCode: 301", "http://ports.test:8080/p9"),
]
for at, name in ((80, "front"), (8080, "front-8080")):
    RULES += route(f"ports-{at}", "ports.test", "".join(
        redirect(f"/p{i}", filter) for i, (port, filter, _) in enumerate(PORTS) if port == at), f"{{name: {name}}}")

RULES += route("backend-redirects", "sent-on.test", "".join(
    f"  - matches: [{{path: {{type: PathPrefix, value: {path}}}}}]\n    backendRefs: [{{name: one, port: 8080, "
    f"filters: [{{type: RequestRedirect, requestRedirect: {{{filter}}}}}]}}]\n" for path, filter in (
        ("/whole", FULL % "/all"), ("/old", PREFIX % "/new"))))

RULES += route("landing", "landing.test", redirect("/start", "hostname: moved.test, path: {type: ReplaceFullPath, "
                                                   "replaceFullPath: /landed}", "Exact"))
RULES += route("landed", "moved.test", "  - matches: [{path: {type: Exact, value: /landed}}]\n" + ONE)

RULES += route("hosts", "written.test", """
  - matches: [{path: {type: PathPrefix, value: /a}}]
    filters: [{type: URLRewrite, urlRewrite: {hostname: a.rewritten.test}}]
    backendRefs: [{name: one, port: 8080}]
  - filters: [{type: URLRewrite, urlRewrite: {hostname: rewritten.test}}]
    backendRefs: [{name: two, port: 8080}]
  - matches: [{path: {type: PathPrefix, value: /b}}]
    filters:
    - type: URLRewrite
      urlRewrite: {hostname: b.rewritten.test}
    - type: RequestHeaderModifier
      requestHeaderModifier:
        set: [{name: X-Colour, value: blue}]
        add: [{name: X-Tag, value: new}]
        remove: [X-Secret]
    backendRefs: [{name: two, port: 8080}]
""")

EDIT = ("{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: X-Colour, value: blue}], "
        "add: [{name: X-Tag, value: new}], remove: [X-Secret]}}")


def rewrite(path, filter, more=""):
    return (f"  - matches: [{{path: {{type: PathPrefix, value: {path}}}}}]\n"
            f"    filters: [{{type: URLRewrite, urlRewrite: {{{filter}}}}}{more}]\n{ONE}")


RULES += route("paths", "paths.test", rewrite("/deep/one", PREFIX % "/one") + rewrite("/strip", PREFIX % "/") +
               rewrite("/whole", FULL % "/all") + rewrite("/slash/", PREFIX % "/cut/") +
               rewrite("/edit/whole", FULL % "/all", ", " + EDIT) + rewrite("/edit/deep", PREFIX % "/one", ", " + EDIT))
RULES += route("backend-rewrites", "backend-paths.test", "".join(
    f"  - matches: [{{path: {{type: PathPrefix, value: {path}}}}}]\n    backendRefs: [{{name: one, port: 8080, "
    f"filters: [{{type: URLRewrite, urlRewrite: {{{filter}}}}}]}}]\n" for path, filter in (
        ("/whole", FULL % "/all"), ("/old", PREFIX % "/new"), ("/host", "hostname: rewritten.test"))))


def cors(path, filter):
    return (f"  - matches: [{{path: {{type: PathPrefix, value: {path}}}}}]\n"
            f"    filters: [{{type: CORS, cors: {{{filter}}}}}]\n{ONE}")


RULES += route("origins", "origins.test", cors(
    "/named", "allowOrigins: ['https://app.shop.test', 'https://*.team.test'], allowMethods: [GET, OPTIONS], "
    "allowHeaders: [x-one, x-two], exposeHeaders: [x-three, x-four], allowCredentials: true, maxAge: 3600") +
    cors("/methods", "allowOrigins: ['https://app.shop.test'], allowMethods: ['*']") +
    cors("/anyone", "allowOrigins: ['*'], allowMethods: [PUT], allowCredentials: false") +
    cors("/all-with", "allowOrigins: ['*'], allowMethods: ['*'], allowHeaders: ['*'], allowCredentials: true") +
    cors("/all-without", "allowOrigins: ['*'], allowMethods: ['*'], allowHeaders: ['*'], allowCredentials: false"))

play = stage(RULES, "one", "two")


# ---- edits of headers ----

EDITED = [
    # the path, what the client or the service sends, what the other side gets; None: it gets none
    ("/set", [("X-Kept", "k")], {"X-Kept": "k", "X-Colour": "blue"}),
    ("/set", [("X-Kept", "k"), ("X-Colour", "red")], {"X-Kept": "k", "X-Colour": "blue"}),
    ("/set", [("X-Colour", "red"), ("x-colour", "pink")], {"X-Colour": "blue"}),
    ("/add", [("X-Kept", "k")], {"X-Kept": "k", "X-Tag": "new"}),
    ("/add", [("X-Kept", "k"), ("X-Tag", "old")], {"X-Kept": "k", "X-Tag": "old, new"}),
    ("/remove", [("X-Secret", "s"), ("X-Secret", "t")], {"X-Secret": None}),
    ("/remove", [("X-Kept", "k")], {"X-Secret": None, "X-Kept": "k"}),
    ("/all", [("X-Shape", "square"), ("X-Mark", "zero"), ("X-Other-Secret", "o"), ("X-Kept", "k"), ("X-Secret", "s")],
     {"X-Colour": "blue", "X-Shape": "round", "X-Tag": "new", "X-Mark": "zero, one", "X-Note": "two, three",
      "X-Kept": "k", "X-Secret": None, "X-Other-Secret": None}),
    ("/case", [("x-colour", "red"), ("X-Tag", "old"), ("x-sECRET", "s"), ("X-Kept", "k")],
     {"X-Colour": "blue", "X-Tag": "old, new", "X-Loud": "yes-sir", "X-Mixed-Case": "both", "X-Secret": None,
      "X-Kept": "k"}),
]


def joined(message, names):
    return {name: ", ".join(message.all(name)) if message.all(name) else None for name in names}


@pytest.mark.parametrize("host", ["requests.test", "backends.test"])
@pytest.mark.parametrize("path, fields, expected", EDITED)
def test_headers_of_requests_are_edited_by_the_rule_or_the_backend(play, host, path, fields, expected):
    request, = play.ask(host + path, *fields).arrived("one", 1)
    assert joined(request, expected) == expected


@pytest.mark.parametrize("path, fields, expected", EDITED)
def test_headers_of_answers_are_edited(play, path, fields, expected):
    reply = play.ask("responses.test" + path, answers=[play.services["one"].answer(200, *fields)])
    assert joined(reply.message, expected) == expected


def test_edits_of_request_and_answer_do_not_mix(play):
    reply = play.ask("responses.test/both", ("X-Colour", "red"), ("X-Secret", "s"), ("X-Kept", "k"), answers=[
        play.services["one"].answer(200, ("X-Colour", "pink"), ("X-Secret", "t"), ("X-Kept", "l"))])
    request, = reply.arrived("one", 1)
    names = ("X-Colour", "X-Secret", "X-Kept")
    assert joined(request, names) == {"X-Colour": "blue", "X-Secret": None, "X-Kept": "k"}
    assert joined(reply.message, names) == {"X-Colour": "green", "X-Secret": None, "X-Kept": "l"}


# ---- redirects ----


@pytest.mark.parametrize("path, status, location", [case[2:] for case in REDIRECTS])
def test_redirects_lead_where_the_filter_says(play, path, status, location):
    reply = play.ask("moved.test" + path)
    assert (reply.status, reply.get("Location")) == (status, location)
    assert not reply.arrived("one")


@pytest.mark.parametrize("number", range(len(PORTS)))
def test_ports_of_redirects_come_from_filter_scheme_or_listener(play, number):
    port, _, location = PORTS[number]
    reply = play.ask(f"ports.test:{play.offset + port}/p{number}", port=port)
    assert reply.get("Location") == location


@pytest.mark.parametrize("path, location", [("/whole/x", "http://sent-on.test/all"),
                                            ("/old/x", "http://sent-on.test/new/x")])
def test_a_backend_may_be_a_redirect(play, path, location):
    reply = play.ask("sent-on.test" + path)
    assert (reply.status, reply.get("Location")) == (302, location)
    assert not reply.arrived("one")


def test_a_real_client_follows_a_redirect(play):
    assert play.curl("landing.test/start", "--location") == "one"


# ---- rewrites ----


@pytest.mark.parametrize("path, by, host", [
    ("/a", "one", "a.rewritten.test"), ("/c/d?e", "two", "rewritten.test"), ("/b", "two", "b.rewritten.test")])
def test_hosts_are_rewritten(play, path, by, host):
    reply = play.ask("written.test" + path)
    request, = reply.arrived(by, 1)
    assert (request.target, request.all("Host")) == (path, [host])


@pytest.mark.parametrize("path, target", [
    ("/deep/one/two", "/one/two"),
    ("/strip/three", "/three"),
    ("/strip", "/"),
    ("/strip?x=y", "/?x=y"),
    ("/whole/one/two?x=y", "/all?x=y"),
    ("/slash/tail", "/cut/tail"),
    ("/slash", "/cut"),
    ("/other", None),
])
def test_paths_are_rewritten(play, path, target):
    reply = play.ask("paths.test" + path)
    assert [request.target for request in reply.arrived("one")] == ([target] if target else [])


@pytest.mark.parametrize("url, target", [
    ("written.test/b", "/b"), ("paths.test/edit/whole/x", "/all"), ("paths.test/edit/deep/x", "/one/x")])
def test_rewrites_and_edits_go_together(play, url, target):
    reply = play.ask(url, ("X-Colour", "red"), ("X-Tag", "old"), ("X-Secret", "s"))
    request, = reply.arrived(reply.by, 1)
    assert request.target == target
    assert joined(request, ("X-Colour", "X-Tag", "X-Secret")) == {
        "X-Colour": "blue", "X-Tag": "old, new", "X-Secret": None}


@pytest.mark.parametrize("path, target, host", [
    ("/whole/x", "/all", "backend-paths.test"), ("/old/x", "/new/x", "backend-paths.test"),
    ("/host/x", "/host/x", "rewritten.test")])
def test_a_backend_may_rewrite(play, path, target, host):
    request, = play.ask("backend-paths.test" + path).arrived("one", 1)
    assert (request.target, request.get("Host")) == (target, host)


# ---- CORS ----

CORS = {name: f"Access-Control-{name}" for name in (
    "Allow-Origin", "Allow-Methods", "Allow-Headers", "Expose-Headers", "Max-Age", "Allow-Credentials")}
NAMED = {"Allow-Methods": "GET, OPTIONS", "Allow-Headers": "x-one, x-two", "Expose-Headers": "x-three, x-four",
         "Max-Age": "3600", "Allow-Credentials": "true"}


def cors_of(reply):
    return {name: reply.get(field) for name, field in CORS.items() if reply.get(field) is not None}


@pytest.mark.parametrize("path, origin, method, expected", [
    ("/named", "https://app.shop.test", "GET", {"Allow-Origin": "https://app.shop.test", **NAMED}),
    ("/named", "https://web.team.test", "GET", {"Allow-Origin": "https://web.team.test", **NAMED}),
    ("/named", "https://a.web.team.test", "GET", {"Allow-Origin": "https://a.web.team.test", **NAMED}),
    ("/named", "https://team.test", "GET", {}),
    ("/named", "http://app.shop.test", "GET", {}),
    ("/named", "https://app.shop.test:8443", "GET", {}),
    ("/named", "https://app.shop.test:443", "GET", {"Allow-Origin": "https://app.shop.test:443", **NAMED}),
    ("/named", "https://app.shop.test.evil.test", "GET", {}),
    ("/methods", "https://app.shop.test", "POST",
     {"Allow-Origin": "https://app.shop.test", "Allow-Methods": "*", "Max-Age": "5"}),
    ("/anyone", "https://any.test", "PUT", {"Allow-Origin": "*", "Allow-Methods": "PUT", "Max-Age": "5"}),
    ("/anyone", "https://any.test:12345", "PUT", {"Allow-Origin": "*", "Allow-Methods": "PUT", "Max-Age": "5"}),
    ("/all-with", "https://any.test", "PUT",
     {"Allow-Origin": "https://any.test", "Allow-Methods": "PUT", "Allow-Headers": "x-one, x-two", "Max-Age": "5",
      "Allow-Credentials": "true"}),
    ("/all-without", "https://any.test", "PUT",
     {"Allow-Origin": "*", "Allow-Methods": "*", "Allow-Headers": "*", "Max-Age": "5"}),
])
def test_preflights_are_answered_for_the_service(play, path, origin, method, expected):
    reply = play.ask("origins.test" + path, ("Origin", origin), ("Access-Control-Request-Method", method),
                     ("Access-Control-Request-Headers", "x-one, x-two"), method="OPTIONS")
    assert (reply.status, cors_of(reply)) == (204, expected)
    assert not reply.arrived("one")


@pytest.mark.parametrize("path, origin, method, expected", [
    ("/named", "https://app.shop.test", "GET",
     {"Allow-Origin": "https://app.shop.test", "Expose-Headers": "x-three, x-four", "Allow-Credentials": "true"}),
    ("/named", "https://web.team.test", "GET",
     {"Allow-Origin": "https://web.team.test", "Expose-Headers": "x-three, x-four", "Allow-Credentials": "true"}),
    ("/named", "https://evil.test", "GET", {}),
    ("/anyone", "https://any.test", "PUT", {"Allow-Origin": "*"}),
    ("/anyone", "https://any.test:12345", "PUT", {"Allow-Origin": "*"}),
    ("/all-with", "https://any.test", "GET", {"Allow-Origin": "https://any.test", "Allow-Credentials": "true"}),
    ("/all-without", "https://any.test", "GET", {"Allow-Origin": "*"}),
])
def test_requests_of_other_origins_reach_the_service_and_are_answered_with_leave(play, path, origin, method, expected):
    reply = play.ask("origins.test" + path, ("Origin", origin), ("Access-Control-Request-Method", method),
                     method=method, answers=[play.services["one"].answer(
                         200, ("Access-Control-Allow-Origin", "https://the.service.says"))])
    assert (reply.by, cors_of(reply)) == ("one", expected)
    assert len(reply.arrived("one")) == 1


def test_options_without_a_preflights_fields_reach_the_service(play):
    assert play.ask("origins.test/named", ("Origin", "https://app.shop.test"), method="OPTIONS").by == "one"
