# SPDX-License-Identifier: Apache-2.0
"""Gateway API, with rules from an API server: GRPCRoute. The tests are those of rules from files; besides, the status of each
object is what the Gateway API's own tests look for."""
from cluster_play import check_generation, check_status
from test_gateway_api_grpc import *


def test_status_says_which_route_is_refused(play):
    other = gateway_api.route("http", "shop.test", f"  - {{{refs('v2')}}}\n", "{name: gw}")
    through = play(route("calls", rule("{}", "v1")) + other + route("lost", rule("{}", "nowhere"), "lost.test"), "v1", "v2")
    check_status(through, {"HTTPRoute/http at gw": {"Accepted": "False HostnameConflict"},
                           "GRPCRoute/lost at gw": {"ResolvedRefs": "False BackendNotFound"}})
    check_generation(through, "GRPCRoute", "calls", hostnames=["new.test"])
