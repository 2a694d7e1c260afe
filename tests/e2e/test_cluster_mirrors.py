# SPDX-License-Identifier: Apache-2.0
"""Gateway API, with rules from an API server: RequestMirror and what the shadows got. The tests are those of rules from files; besides, the status of
each object is what the Gateway API's own tests look for."""
from cluster_play import check_status
from test_gateway_api_mirrors import *


def test_status_names_what_is_wrong(play):
    check_status(play, {"HTTPRoute/more at front": {"ResolvedRefs": "False BackendNotFound"}})
