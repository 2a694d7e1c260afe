# SPDX-License-Identifier: Apache-2.0
"""Gateway API, with rules from an API server: which rule a request gets. The tests are those of rules from files; besides, the status of
each object is what the Gateway API's own tests look for."""
from cluster_play import check_status
from test_gateway_api_matching import *


def test_status_says_that_all_is_well(play):
    check_status(play, {})
