# SPDX-License-Identifier: Apache-2.0
"""Single moves of hostile and unlucky peers that need a test of their own; test_chaos.py plays them all at once."""
import pytest

from http1 import answer, get
from waiting import wait_for


def connections(through, side):
    return through.metrics().sum("umbra_connections", side=side)


@pytest.mark.sanitize
@pytest.mark.parametrize("declined", [answer(400, b""), b"HTTP/1.1 204 No Content\r\n\r\n", answer(426, b"no")])
def test_an_upgrade_that_is_declined_is_an_answer_like_others(service, gateway, declined):
    live = service(lambda link: [link.send(declined) for _ in iter(link.head, None)])
    through = gateway(live, "--workers", "1")
    with through.connect(timeout=5) as connection:
        for _ in range(3):
            status = connection.ask(get("/", ("Connection", "upgrade"), ("Upgrade", "h2c"))).status
            assert status == int(declined.split()[1])
        assert live.connections == 1
    wait_for(lambda: not connections(through, "client"), "the client to be gone")
    assert through.settled().requests() == 3
