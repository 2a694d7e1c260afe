# SPDX-License-Identifier: Apache-2.0
"""Where requests and copies go: addresses of either kind, and backends with several endpoints."""
from http1 import answer, post
from servers import answering
from umbra import ROUTE


def test_live_and_shadow_may_have_ipv6_addresses(service, gateway):
    live = service(answering(lambda request: answer(200, request.body)), host="::1")
    shadow = service(host="::1")
    through = gateway(live, shadow, "--mirror-writes", "--listen", "[::1]:0")
    with through.connect() as connection:
        for i in range(20):
            assert connection.ask(post("/six", b"body %d" % i)).body == b"body %d" % i
    copies, requests = shadow.wait(20), live.requests  # copies go on connections of their own, in any order
    assert sorted(request.body for request in copies) == sorted(request.body for request in requests)
    assert live.requests[0].get("X-Forwarded-For") == "::1"
    assert live.requests[0].get("Host") == copies[0].get("Host")
    page = through.settled(lambda metrics: metrics.mirror("completed") == 20)
    assert page.requests(route=ROUTE, backend=live.address, code="200") == 20
    assert page.mirrors() == {shadow.address}


def test_a_client_of_ipv4_may_reach_a_live_of_ipv6(service, gateway):
    live = service(host="::1")
    through = gateway(live)
    assert through.get("/").status == 200
    assert live.wait(1)[0].get("X-Forwarded-For") == "127.0.0.1"


def test_an_ipv6_address_that_refuses_is_a_503(service, gateway):
    live = service(host="::1")
    live.close()
    assert gateway(live.address).get("/").status == 503
