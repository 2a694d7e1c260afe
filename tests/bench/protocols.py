# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 and TLS at the edge: CPU per request and per handshake, beside an nginx that speaks the same."""
import dataclasses
import pathlib
import sys

import cost
import measure
import origins
import peers
import rules

# The integration tests know how certificates are made. Last in the path: of two modules with one name ours is meant.
sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
import certificates  # noqa: E402

CLIENTS, STREAMS = 16, 32
# How many are made in place of each second that another measurement takes.
REQUESTS_PER_SECOND, HANDSHAKES_PER_SECOND, RESUMPTIONS_PER_SECOND = 10000, 400, 200


def with_one_route(stage, live, **words):
    return peers.Umbra(stage, live, rules=lambda port: rules.one_route(port, live.port, **words))


# ---------------------------------------------------------------------------------------------------------- HTTP/2

class Http2(cost.Side):
    """A proxy that is asked in HTTP/2, by prior knowledge."""

    def load(self, run, seconds):
        return run.stage.load.h2load(f"http://127.0.0.1:{self.proxy.port}/bench", round(seconds * REQUESTS_PER_SECOND),
                                     CLIENTS, STREAMS)


def http2(run):
    """CPU per request in HTTP/2 beside nginx, with a mirror, and in HTTP/2 to the service too."""
    stage = run.stage
    live, shadow, service = origins.Origin(stage), origins.Origin(stage), peers.Http2Service(stage)
    umbra = Http2("umbra", peers.Umbra(stage, live), live)
    nginx = Http2("nginx", peers.Nginx(stage, live, listen="http2"), live)
    mirrored = Http2("umbra with a mirror", with_one_route(stage, live, shadow=shadow.port), live, shadow)
    through = Http2("umbra, HTTP/2 to the service", with_one_route(stage, service, backend="H2C"), service)
    sides = (umbra, nginx, mirrored, through)
    cost.warm_up(run, sides)
    cost.measure_in_turn(run, sides)
    return [
        cost.compare(f"HTTP/2 in, HTTP/1 out (h2load -m {STREAMS}): CPU per request ÷ nginx", umbra, nginx, "µs",
                     must=0.80, aim=0.60),
        cost.compare("HTTP/2 in, HTTP/1 out: CPU per request, one mirror ÷ none", mirrored, umbra, "µs"),
        cost.compare("HTTP/2 in and out ÷ HTTP/2 in, HTTP/1 out: CPU per request", through, umbra, "µs"),
    ]


# ------------------------------------------------------------------------------------------------------------- TLS

class Requests(cost.Side):
    """A proxy that is asked over TLS in HTTP/1.1, on connections that stay."""

    def load(self, run, seconds):
        return run.stage.load.h2load(f"https://127.0.0.1:{self.proxy.port}/bench", round(seconds * REQUESTS_PER_SECOND),
                                     measure.CONNECTIONS, is_http1=True)


class Handshakes(cost.Side):
    """One request on each connection, and each connection with a handshake of its own; all connections at once."""

    def load(self, run, seconds):
        count = round(seconds * HANDSHAKES_PER_SECOND)
        return run.stage.load.h2load(f"https://127.0.0.1:{self.proxy.port}/bench", count, count, is_http1=True)


class Resumptions(cost.Side):
    """One request on each connection, one connection after the other, and each but the first resumes a session."""

    def load(self, run, seconds):
        return run.stage.load.resume(self.proxy.port, round(seconds * RESUMPTIONS_PER_SECOND))


def tls(run):
    """TLS 1.3 with ECDSA P-256 beside nginx: requests, full handshakes and resumed ones."""
    stage = run.stage
    live = origins.Origin(stage)
    identity = certificates.Authority(stage.directory).issue("bench", "DNS:bench.local", "IP:127.0.0.1")
    proxies = with_one_route(stage, live, identity=identity), peers.Nginx(stage, live, identity=identity)
    pairs = [[kind(proxy.name, proxy, live) for proxy in proxies] for kind in (Requests, Handshakes, Resumptions)]
    for pair in pairs:
        cost.warm_up(run, pair)
        cost.measure_in_turn(run, pair)
    requests, full, resumed = pairs
    rates = [dataclasses.replace(side, figures=side.rates) for side in full]
    return [
        cost.compare("TLS, keep-alive (h2load --h1): CPU per request ÷ nginx", *requests, "µs"),
        cost.compare("TLS, connection with a full handshake and a request: CPU ÷ nginx", *full, "µs"),
        cost.compare("TLS, connection with a resumed handshake and a request: CPU ÷ nginx", *resumed, "µs"),
        cost.compare("TLS, full handshakes/s, one request each ÷ nginx", *rates, "/s", more_is_better=True),
    ]
