# SPDX-License-Identifier: Apache-2.0
"""Gateway API, with rules from an API server: timeouts and retries. The tests are those of rules from files; besides, the status of
each object is what the Gateway API's own tests look for."""
import json

import pytest

from cluster_play import check_status
from test_gateway_api_attempts import *


@pytest.fixture(autouse=True)
def known_retries(request, cluster):
    """CRDs of the API's standard channel drop `retry`, which is of the experimental one; those of these tests have it."""
    known = cluster.admin.get("CustomResourceDefinition", "httproutes.gateway.networking.k8s.io")
    if '"retry"' not in json.dumps(known["spec"]) and "timeout_ends" not in request.node.name and "status" not in request.node.name:
        pytest.skip("the CRDs of UMBRA_E2E_CRDS have no retry")


def test_status_says_that_all_is_well(play):
    check_status(play, {})
