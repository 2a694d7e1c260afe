# SPDX-License-Identifier: Apache-2.0
"""Manifests with many routes or with one, and the requests that walk through them. Names are all of one length, so that a request for
one route costs the load and the services as much as one for another."""

HEAD = """apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: bench}}
spec:
  gatewayClassName: umbra
  listeners:
  - {{name: edge, port: {port}, {listener}}}
---
apiVersion: umbra.dev/v1alpha1
kind: Backend
metadata: {{name: live}}
spec:
  protocol: {backend}
  endpoints:
  - {{host: 127.0.0.1, port: {live}}}
"""

HTTP = "protocol: HTTP"
HTTPS = "protocol: HTTPS, tls: {certificateRefs: [{name: bench}]}"

PROBE_ROUTE = """---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: probe}}
spec:
  parentRefs:
  - name: bench
  hostnames: [probe.bench.local]
  rules:
  - filters:
    - type: RequestRedirect
      requestRedirect: {{hostname: {edition}.bench.local}}
"""

ROUTE = """---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: {name}
spec:
  parentRefs:
  - name: bench
{hosts}  rules:
  - name: all
{matches}    backendRefs:
    - {{group: umbra.dev, kind: Backend, name: live}}
"""

MIRROR = """    filters:
    - type: RequestMirror
      requestMirror: {backendRef: {group: umbra.dev, kind: Backend, name: shadow}}
"""

# Every request is copied, however many streams a client has at once.
SHADOW = """---
apiVersion: umbra.dev/v1alpha1
kind: Backend
metadata:
  name: shadow
spec:
  endpoints:
  - {{host: 127.0.0.1, port: {shadow}}}
---
apiVersion: umbra.dev/v1alpha1
kind: MirrorPolicy
metadata:
  name: shadow
spec:
  targetRefs:
  - {{group: gateway.networking.k8s.io, kind: HTTPRoute, name: all}}
  methods: [GET]
  limits: {{inFlight: 100000}}
"""

PREFIX = """    matches:
    - path: {{type: PathPrefix, value: /{name}}}
"""

HEADER = """    matches:
    - path: {{type: PathPrefix, value: /items}}
      headers:
      - {{name: X-Tenant, value: {name}}}
"""

REQUEST = "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: bench\r\nAccept: */*\r\n{fields}\r\n"

PROBE = "probe.bench.local"
# What tells the routes apart.
SHAPES = ("host", "path", "header")
STRIDE = 7919  # a prime: neighbours in time are strangers in memory


def route_name(number):
    return f"r{number:05d}"


def host_of(shape, number):
    return f"{route_name(number)}.bench.local" if shape == "host" else "all.bench.local"


def manifests(shape, count, port, live, edition="e0"):
    """The probe's redirect says which edition is in force, without a request to live."""
    matches = {"host": "", "path": PREFIX, "header": HEADER}[shape]
    parts = [HEAD.format(port=port, live=live, listener=HTTP, backend="HTTP"), PROBE_ROUTE.format(edition=edition)]
    parts += [ROUTE.format(name=route_name(number), hosts=f"  hostnames: [{host_of(shape, number)}]\n",
                           matches=matches.format(name=route_name(number))) for number in range(count)]
    return "".join(parts)


def one_route(port, live, identity=None, backend="HTTP", shadow=None):
    """For every request; with an identity the listener speaks TLS. `shadow` is a port."""
    head = HEAD.format(port=port, live=live, listener=HTTPS if identity else HTTP, backend=backend)
    secret = "---\n" + identity.secret("bench").removesuffix("---\n") if identity else ""
    mirror = SHADOW.format(shadow=shadow) if shadow else ""
    return head + secret + ROUTE.format(name="all", hosts="", matches=MIRROR if shadow else "") + mirror


def requests(shape, count, length):
    """`length` heads for `count` routes in turn, in an order that is scattered and always the same."""
    heads = []
    for turn in range(length):
        number = turn * STRIDE % length % count
        name = route_name(number)
        heads.append(REQUEST.format(host=host_of(shape, number),
                                    path={"host": "/items/1", "path": f"/{name}/1", "header": "/items/1"}[shape],
                                    fields=f"X-Tenant: {name}\r\n" if shape == "header" else ""))
    return "".join(heads)


def write_requests(stage, shape, count, length):
    path = stage.directory / f"requests-{shape}-{count}"
    path.write_text(requests(shape, count, length), newline="")
    return path
