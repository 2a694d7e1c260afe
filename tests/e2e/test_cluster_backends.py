# SPDX-License-Identifier: Apache-2.0
"""Gateway API, with rules from an API server: who answers, and what can't be resolved. The tests are those of rules from files; besides, the status of
each object is what the Gateway API's own tests look for."""
from cluster_play import check_status
from test_gateway_api_backends import *


def test_status_names_what_is_wrong(play):
    def refs(reason):
        return {"ResolvedRefs": f"False {reason}"}
    check_status(play, {
        **{f"HTTPRoute/{name} at front": refs(reason) for name, (_, reason) in BAD.items()},
        "HTTPRoute/granted at front": refs("RefNotPermitted"),  # of two references one is not permitted
        "HTTPRoute/half-bad at front": refs("BackendNotFound"),
        "HTTPRoute/kinds at front": refs("InvalidKind"),  # of type ExternalName
        "HTTPRoute/odd-filter at front": refs("InvalidKind")})
