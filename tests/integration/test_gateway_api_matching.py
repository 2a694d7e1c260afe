# SPDX-License-Identifier: Apache-2.0
"""Gateway API: which rule a request gets, by path, header, parameter and method, within a route and across routes."""
import pytest

from gateway_api import gateway, route, stage

pytestmark = pytest.mark.sanitize

RULES = gateway("front", 80)

# The least there is: a route that takes everything of its host.
RULES += route("plain", "plain.test", """
  - backendRefs: [{name: one, port: 8080}]
""")

RULES += route("shelf", "shelf.test", """
  - matches:
    - path: {type: PathPrefix, value: /}
    - headers: [{name: edition, value: first}]
    backendRefs: [{name: one, port: 8080}]
  - matches:
    - path: {type: PathPrefix, value: /new}
    - headers: [{name: edition, value: second}]
    backendRefs: [{name: two, port: 8080}]
""")

RULES += route("exact", "exact.test", """
  - matches: [{path: {type: Exact, value: /tea}}]
    backendRefs: [{name: one, port: 8080}]
  - matches: [{path: {type: Exact, value: /coffee}}]
    backendRefs: [{name: two, port: 8080}]
""")

# Written with the weakest first, so that the order of writing can't be what decides.
RULES += route("order", "order.test", """
  - matches: [{path: {type: PathPrefix, value: /}}]
    backendRefs: [{name: four, port: 8080}]
  - matches: [{path: {type: PathPrefix, value: /menu/}}]
    backendRefs: [{name: three, port: 8080}]
  - matches: [{path: {type: PathPrefix, value: /menu/hot/}}]
    backendRefs: [{name: one, port: 8080}]
  - matches: [{path: {type: PathPrefix, value: /menu/hot/soup}}]
    backendRefs: [{name: two, port: 8080}]
  - matches: [{path: {type: Exact, value: /menu}}]
    backendRefs: [{name: one, port: 8080}]
  - matches: [{path: {type: Exact, value: /menu/today}}]
    backendRefs: [{name: two, port: 8080}]
  - matches: [{path: {type: Exact, value: /menu/today/fish}}]
    backendRefs: [{name: three, port: 8080}]
""")

RULES += route("across-a", "across.test, aside.test", """
  - matches:
    - path: {type: PathPrefix, value: /}
    - headers: [{name: edition, value: first}]
    backendRefs: [{name: one, port: 8080}]
""") + route("across-b", "across.test", """
  - matches:
    - path: {type: PathPrefix, value: /new}
    - headers: [{name: edition, value: second}]
    backendRefs: [{name: two, port: 8080}]
""")

# The same match in two routes: the older one has it, and of two of one age the one whose name comes first.
RULES += route("tie-a", "tie.test", """
  - backendRefs: [{name: one, port: 8080}]
""") + route("tie-b", "tie.test", """
  - backendRefs: [{name: two, port: 8080}]
""") + route("tie-old", "older.test", """
  - backendRefs: [{name: two, port: 8080}]
""").replace("{name: tie-old,", '{name: tie-old, creationTimestamp: "2020-02-02T00:00:00Z",') + route(
    "tie-new", "older.test", """
  - backendRefs: [{name: one, port: 8080}]
""").replace("{name: tie-new,", '{name: tie-new, creationTimestamp: "2021-01-01T00:00:00Z",')

RULES += route("wild", "'*.wild.test'", """
  - backendRefs: [{name: one, port: 8080}]
""") + route("tame", "a.wild.test", """
  - matches: [{path: {type: PathPrefix, value: /tame}}]
    backendRefs: [{name: two, port: 8080}]
""")

RULES += route("headers", "headers.test", """
  - matches: [{headers: [{name: edition, value: first}]}]
    backendRefs: [{name: one, port: 8080}]
  - matches: [{headers: [{name: edition, value: second}]}]
    backendRefs: [{name: two, port: 8080}]
  - matches: [{headers: [{name: edition, value: second}, {name: cover, value: linen}]}]
    backendRefs: [{name: one, port: 8080}]
  - matches: [{headers: [{name: cover, value: paper}]}, {headers: [{name: cover, value: card}]}]
    backendRefs: [{name: one, port: 8080}]
  - matches: [{headers: [{name: cover, value: leather}]}, {headers: [{name: cover, value: cloth}]}]
    backendRefs: [{name: two, port: 8080}]
""")

RULES += route("parameters", "parameters.test", """
  - matches: [{queryParams: [{name: bird, value: wren}]}]
    backendRefs: [{name: one, port: 8080}]
  - matches: [{queryParams: [{name: bird, value: heron}]}]
    backendRefs: [{name: two, port: 8080}]
  - matches: [{queryParams: [{name: bird, value: heron}, {name: nest, value: reed}]}]
    backendRefs: [{name: three, port: 8080}]
  - matches: [{path: {type: PathPrefix, value: /a}, queryParams: [{name: bird, value: wren}]}]
    backendRefs: [{name: three, port: 8080}]
  - matches: [{headers: [{name: edition, value: first}], queryParams: [{name: bird, value: wren}]}]
    backendRefs: [{name: two, port: 8080}]
  - matches:
    - {path: {type: PathPrefix, value: /b}, queryParams: [{name: bird, value: owl}]}
    - path: {type: PathPrefix, value: /c}
      headers: [{name: edition, value: third}]
      queryParams: [{name: bird, value: crane}]
    backendRefs: [{name: one, port: 8080}]
  - matches: [{path: {type: PathPrefix, value: /d}}]
    backendRefs: [{name: one, port: 8080}]
  - matches: [{queryParams: [{name: bird, value: swift}]}]
    backendRefs: [{name: two, port: 8080}]
""")

RULES += route("methods", "methods.test", """
  - matches: [{method: POST}]
    backendRefs: [{name: one, port: 8080}]
  - matches: [{method: GET}]
    backendRefs: [{name: two, port: 8080}]
  - matches: [{path: {type: PathPrefix, value: /a}, method: GET}]
    backendRefs: [{name: one, port: 8080}]
  - matches: [{headers: [{name: edition, value: first}], method: PUT}]
    backendRefs: [{name: two, port: 8080}]
  - matches: [{path: {type: PathPrefix, value: /b}, headers: [{name: edition, value: second}], method: POST}]
    backendRefs: [{name: three, port: 8080}]
  - matches:
    - {path: {type: PathPrefix, value: /c}, method: PATCH}
    - {path: {type: PathPrefix, value: /d}, headers: [{name: edition, value: third}], method: DELETE}
    backendRefs: [{name: one, port: 8080}]
  - matches: [{path: {type: PathPrefix, value: /e}}]
    backendRefs: [{name: one, port: 8080}]
  - matches: [{method: PATCH}]
    backendRefs: [{name: two, port: 8080}]
  - matches: [{headers: [{name: edition, value: fourth}]}]
    backendRefs: [{name: three, port: 8080}]
""")

RULES += route("regexes", "regexes.test", """
  - matches: [{path: {type: PathPrefix, value: /item}}]
    backendRefs: [{name: one, port: 8080}]
  - matches: [{path: {type: Exact, value: /item/7}}]
    backendRefs: [{name: two, port: 8080}]
  - matches: [{path: {type: RegularExpression, value: "/item/[0-9]+"}}]
    backendRefs: [{name: three, port: 8080}]
  - matches: [{headers: [{name: edition, type: RegularExpression, value: "(first|second)"}]}]
    backendRefs: [{name: two, port: 8080}]
  - matches: [{queryParams: [{name: bird, type: RegularExpression, value: "[a-m].*"}]}]
    backendRefs: [{name: three, port: 8080}]
""")

RULES += route("named", "named.test", """
  - name: with-a-name
    matches: [{path: {type: PathPrefix, value: /named}}]
    backendRefs: [{name: one, port: 8080}]
  - matches: [{path: {type: PathPrefix, value: /unnamed}}]
    backendRefs: [{name: two, port: 8080}]
""")

play = stage(RULES, "one", "two", "three", "four")


def edition(value):
    return "Edition", value


def cover(value):
    return "Cover", value


def test_a_route_without_matches_takes_all_of_its_host(play):
    assert play.ask("plain.test/").by == "one"
    assert play.ask("plain.test/any/where?at=all", method="DELETE").by == "one"
    assert play.ask("strange.test/").by == 404
    assert play.curl("plain.test/") == "one"


@pytest.mark.parametrize("path, fields, by", [
    ("/", [], "one"),
    ("/page", [], "one"),
    ("/", [edition("first")], "one"),
    ("/new", [], "two"),
    ("/new/", [], "two"),
    ("/new/page", [], "two"),
    ("/", [edition("second")], "two"),
    ("/newer", [], "one"),
    ("/old/new/page", [], "one"),
    ("/new?page=1", [], "two"),
    ("/new/../page", [], "one"),
    ("/n%65w", [], "two"),
])
def test_path_prefixes_are_whole_elements_and_matches_are_alternatives(play, path, fields, by):
    assert play.ask("shelf.test" + path, *fields).by == by


@pytest.mark.parametrize("path, by", [
    ("/tea", "one"), ("/coffee", "two"), ("/", 404), ("/tea/green", 404), ("/coffee/", 404), ("/Coffee", 404),
    ("/tea?cup=2", "one"),
])
def test_exact_paths_are_exact(play, path, by):
    assert play.ask("exact.test" + path).by == by


@pytest.mark.parametrize("path, by", [
    ("/menu/today/fish", "three"), ("/menu/today", "two"), ("/menu", "one"), ("/menu/hot/soup/pea", "two"),
    ("/menu/hot/pie", "one"), ("/menu/hot", "one"), ("/menu/cold", "three"), ("/menus", "four"),
])
def test_exact_paths_come_first_then_the_longest_prefix(play, path, by):
    assert play.ask("order.test" + path).by == by


@pytest.mark.parametrize("url, fields, by", [
    ("across.test/", [], "one"),
    ("across.test/page", [], "one"),
    ("aside.test/page", [], "one"),
    ("across.test/page", [edition("first")], "one"),
    ("across.test/new", [], "two"),
    ("aside.test/new", [], "one"),
    ("across.test/new/page", [], "two"),
    ("across.test/", [edition("second")], "two"),
    ("aside.test/", [edition("second")], "one"),
])
def test_matches_of_several_routes_are_one_order(play, url, fields, by):
    assert play.ask(url, *fields).by == by


def test_of_equal_matches_the_older_route_wins_then_the_first_by_name(play):
    assert play.ask("tie.test/").by == "one"
    assert play.ask("older.test/").by == "two"


@pytest.mark.parametrize("url, by", [
    ("a.wild.test/tame", "two"), ("a.wild.test/other", "one"), ("b.wild.test/tame", "one"), ("wild.test/tame", 404)])
def test_rules_for_the_host_itself_come_before_those_of_a_wildcard(play, url, by):
    assert play.ask(url).by == by


@pytest.mark.parametrize("fields, by", [
    ([edition("first")], "one"),
    ([edition("second")], "two"),
    ([edition("second"), cover("linen")], "one"),
    ([edition("second"), cover("paper")], "two"),
    ([cover("linen")], 404),
    ([("Another-Field", "first")], 404),
    ([cover("paper")], "one"),
    ([cover("card")], "one"),
    ([cover("leather")], "two"),
    ([cover("cloth")], "two"),
    ([cover("glass")], 404),
    ([("eDITION", "first")], "one"),
    ([edition("First")], 404),
    ([], 404),
])
def test_headers_are_matched_whole_and_all_of_a_match(play, fields, by):
    assert play.ask("headers.test/", *fields).by == by


@pytest.mark.parametrize("path, fields, by", [
    ("/?bird=wren", [], "one"),
    ("/?bird=heron", [], "two"),
    ("/?bird=wren&weather=any", [], "one"),
    ("/?bird=heron&nest=clay", [], "two"),
    ("/?bird=heron&nest=reed", [], "three"),
    ("/?nest=reed&bird=heron", [], "three"),
    ("/?nest=reed", [], 404),
    ("/?bird=duck", [], 404),
    ("/?bird=wrenheron", [], 404),
    ("/?BIRD=wren", [], 404),
    ("/", [], 404),
    ("/a?bird=wren", [], "three"),
    ("/?bird=wren", [edition("first")], "two"),
    ("/b?bird=owl", [], "one"),
    ("/c?bird=crane", [edition("third")], "one"),
    ("/?bird=owl", [], 404),
    ("/c?bird=crane", [], 404),
    ("/d?bird=swift", [], "one"),
    ("/?bird=w%72en", [], "one"),
    ("/?bird=heron&bird=wren", [], "two"),
])
def test_parameters_are_matched_with_all_of_a_match(play, path, fields, by):
    assert play.ask("parameters.test" + path, *fields).by == by


@pytest.mark.parametrize("method, path, fields, by", [
    ("POST", "/", [], "one"),
    ("GET", "/", [], "two"),
    ("HEAD", "/", [], 404),
    ("GET", "/a", [], "one"),
    ("PUT", "/", [edition("first")], "two"),
    ("POST", "/b", [edition("second")], "three"),
    ("PATCH", "/c", [], "one"),
    ("DELETE", "/d", [edition("third")], "one"),
    ("PUT", "/", [], 404),
    ("DELETE", "/d", [], 404),
    ("PATCH", "/e", [], "one"),
    ("PATCH", "/", [edition("fourth")], "two"),
])
def test_methods_are_matched_with_all_of_a_match(play, method, path, fields, by):
    assert play.ask("methods.test" + path, *fields, method=method).by == by


@pytest.mark.parametrize("path, fields, by", [
    ("/item/7", [], "two"),
    ("/item/8", [], "three"),
    ("/item/8/more", [], "one"),
    ("/item/x", [], "one"),
    ("/", [edition("second")], "two"),
    ("/", [edition("seconds")], 404),
    ("/?bird=jay", [], "three"),
    ("/?bird=wren", [], 404),
])
def test_regular_expressions_match_the_whole_and_stand_between_exact_and_prefix(play, path, fields, by):
    assert play.ask("regexes.test" + path, *fields).by == by


def test_a_rule_may_have_a_name_which_is_its_label(play):
    assert play.ask("named.test/named").by == "one"
    assert play.ask("named.test/unnamed").by == "two"
    metrics = play.umbra.settled()
    assert metrics.requests(route=f"{play.namespace()}/named#with-a-name", code="200") == 1
    assert metrics.requests(route=f"{play.namespace()}/named#1", code="200") == 1
