# SPDX-License-Identifier: Apache-2.0
"""Gateway API, with rules from an API server: listeners, attachment and hosts. The tests are those of rules from files; besides, the status of
each object is what the Gateway API's own tests look for."""
import pytest

from cluster_play import check_counts, check_generation, check_status, settled
from test_gateway_api_listeners import *


def test_status_names_what_is_wrong(play):
    check_status(play, {"HTTPRoute/in-none at meeting": {"Accepted": "False NoMatchingListenerHostname"}})
    check_counts(play)


def unattached(reason):
    return {"Accepted": f"False {reason}"}


# What is not as usual; an entry of a Gateway, of its listeners, or of a route at its parent.
UNUSUAL = {
    **{f"Gateway/{name}#http": {"supportedKinds": "HTTPRoute"} for name in ("one-route", "two-routes", "for-fruit")},
    "Gateway/strange-kind#http": {"ResolvedRefs": "False InvalidRouteKinds", "supportedKinds": ""},
    "Gateway/strange-kind#both": {"ResolvedRefs": "False InvalidRouteKinds", "supportedKinds": "HTTPRoute"},
    "Gateway/strange-protocol": {"Accepted": "True ListenersNotValid"},
    "Gateway/strange-protocol-only": {"Accepted": "False ListenersNotValid", "Programmed": "False Invalid"},
    **{f"Gateway/{name}#odd": {"Accepted": "False UnsupportedProtocol", "Programmed": "False Invalid", "supportedKinds": ""}
       for name in ("strange-protocol", "strange-protocol-only")},
    "Gateway/for-tls": {"Accepted": "False ListenersNotValid", "Programmed": "False Invalid"},
    "Gateway/for-tls#tls": {"Accepted": "False UnsupportedProtocol", "Programmed": "False Invalid",
                            "ResolvedRefs": "False InvalidRouteKinds", "supportedKinds": ""},
    "Gateway/secure": {"Accepted": "True ListenersNotValid", "Programmed": "False Invalid"},
    "Gateway/secure#tls": {"Programmed": "False Invalid", "ResolvedRefs": "False InvalidCertificateRef"},
    "Gateway/with-parameters": {"Accepted": "False InvalidParameters", "Programmed": "False Invalid"},
    "Gateway/with-parameters#http": {"Programmed": "False Invalid"},
    "HTTPRoute/stranger at two-routes": unattached("NoMatchingListenerHostname"),
    "HTTPRoute/soup at for-fruit": {**unattached("NotAllowedByListeners"), "ResolvedRefs": "False BackendNotFound"},
    "HTTPRoute/abroad at at-home": unattached("NotAllowedByListeners"),
    "HTTPRoute/odd at strange-kind#http": unattached("NotAllowedByListeners"),
    "HTTPRoute/disallowed at for-tls": unattached("NotAllowedByListeners"),
    "HTTPRoute/no-port at at-home": unattached("NoMatchingParent"),
    "HTTPRoute/no-section at at-home#https": unattached("NoMatchingParent"),
    "HTTPRoute/section-elsewhere at at-home#http": unattached("NoMatchingParent"),
    "HTTPRoute/no-gateway": "none",  # nobody knows whose
}


def test_status_names_what_is_not_attached(attached):
    check_status(attached, UNUSUAL)
    check_counts(attached)


def test_routes_are_counted_where_the_listener_is_not_served(attached):
    gateway = settled(attached, "Gateway", "secure")
    assert [listener["attachedRoutes"] for listener in gateway["status"]["listeners"]] == [1]


# ---- changes ----


@pytest.fixture
def changing(plays):
    with plays(gateway("front", 80) + route("moving", "", to("one")), "one", "two") as play:
        yield play


def test_status_of_a_gateway_is_of_the_present_version(changing):
    more = [{"name": "http", "port": 80, "protocol": "HTTP"},
            {"name": "more", "port": 80, "protocol": "HTTP", "hostname": "more.test"}]
    after = check_generation(changing, "Gateway", "front", listeners=more)
    assert [listener["name"] for listener in after["status"]["listeners"]] == ["http", "more"]
    after = check_generation(changing, "Gateway", "front", listeners=more[:1])
    assert [listener["name"] for listener in after["status"]["listeners"]] == ["http"]


def test_status_of_a_route_is_of_the_present_version(changing):
    check_generation(changing, "HTTPRoute", "moving", hostnames=["new.test"])


def test_status_of_a_class_is_of_the_present_version(changing):
    check_generation(changing, "GatewayClass", changing.class_name, description="another")
