# SPDX-License-Identifier: Apache-2.0
"""umbra with `--kube`, and the objects that tests begin with."""
import itertools
import json
import re

import cluster as control_plane
import kube
import rules
import umbra
from waiting import wait_for

CONTROLLER = "umbra.dev/gateway-controller"
OF_AN_OBJECT = re.compile(r" error control: [a-z.]+/[^: ]+:\d+:\d+: ")
numbers = itertools.count(1)


class Clustered(rules.Ruled):
    """One replica that reads the API server as the user of a kubeconfig. Its own namespace is the one that is given, its Gateways are
    those of `class_name`, which is made when there is none. Listeners are on `host` at the Gateways' ports."""

    def __init__(self, directory, cluster, namespace, options, *, class_name=None, kubeconfig=None, is_waited_for=True,
                 environment=None, host="127.0.0.1"):
        self.cluster, self.namespace, self.host = cluster, namespace, host
        self.class_name = class_name or f"umbra-{next(numbers)}"
        config = json.loads((kubeconfig or cluster.kubeconfig()).read_text())
        config["contexts"][0]["context"]["namespace"] = namespace
        self.kubeconfig = directory / "kubeconfig"
        self.kubeconfig.write_text(json.dumps(config))
        if cluster.apiserver.is_running():
            cluster.admin.apply(gateway_class(self.class_name))
        super().__init__(directory, None, options, paths=[], environment=environment, bind=host,
                         is_waited_for=False)
        if is_waited_for:
            self.wait_synced()

    def _start(self, addresses):
        self.number += 1
        arguments = [*addresses, *self.bind, "--kube", "--kubeconfig", self.kubeconfig, "--class", self.class_name]
        process = umbra.Process([str(word) for word in arguments + umbra.defaults(self.options) + self.options],
                                self.directory / f"umbra-{self.number}.log", self.environment)
        try:
            return process.wait_serving()
        except BaseException:
            process.kill()
            raise

    @staticmethod
    def is_complaint(line):
        """What is wrong with objects is none: one may come before another that it refers to."""
        return rules.Ruled.is_complaint(line) and not OF_AN_OBJECT.search(line)

    def wait_synced(self):
        """Until all that it reads was read once."""
        wait_for(lambda: b"not known yet" not in self.ask("/readyz").body,
                 lambda: f"the cluster to be read; umbra says:\n{self.log()}", 30)

    def wait_ready(self):
        wait_for(self.is_ready, lambda: f"/readyz; umbra says:\n{self.log()}\n{self.status()['problems']}", 30)

    def answers(self, port, target="/", host="shop.test"):
        """The status of an answer at one of the Gateways' ports; 0: nobody listens."""
        try:
            return self.status_of(target, f"{self.host}:{port}", host)
        except OSError:
            return 0

    def total(self, name, mirror=None, **labels):
        """matched, completed, …: of one mirror or all."""
        return int(self.metrics().mirror(name, **({"mirror": mirror} if mirror else {}), **labels))

    def wait_answer(self, port, status, target="/", host="shop.test", timeout=10):
        wait_for(lambda: self.answers(port, target, host) == status,
                 lambda: f"{status} for {host}{target} at port {port}, not {self.answers(port, target, host)}; "
                         f"umbra says:\n{self.log()}", timeout)


def gateway_class(name):
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": name},
            "spec": {"controllerName": CONTROLLER}}


def gateway(class_name, *listeners, name="edge"):
    """A Gateway; without listeners one for HTTP at a free port. A listener may be a port, or a dict over the usual ones."""
    def listener(number, given):
        given = {"port": given} if isinstance(given, int) else given
        return {"name": f"listener-{number}", "protocol": "HTTP", "port": control_plane.free_port(), **given}
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": name},
            "spec": {"gatewayClassName": class_name,
                     "listeners": [listener(number, given) for number, given in enumerate(listeners or [{}], 1)]}}


def policy(spec=None, name="policy", *, route="shop"):
    """A MirrorPolicy for all mirrors of an HTTPRoute."""
    target = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": route}
    return {"apiVersion": "umbra.dev/v1alpha1", "kind": "MirrorPolicy", "metadata": {"name": name},
            "spec": {"targetRefs": [target], **(spec or {})}}


def grant(name, from_namespace, *, kind="HTTPRoute"):
    """A ReferenceGrant for all Services of the namespace that it is put in."""
    return {"apiVersion": "gateway.networking.k8s.io/v1beta1", "kind": "ReferenceGrant", "metadata": {"name": name},
            "spec": {"from": [{"group": "gateway.networking.k8s.io", "kind": kind, "namespace": from_namespace}],
                     "to": [{"group": "", "kind": "Service"}]}}


def parent_condition(route, condition_type, index=0):
    """A condition of a route, for one of its parents; {} when there is none."""
    parents = (route.get("status") or {}).get("parents") or []
    return kube.condition(parents[index], condition_type) if index < len(parents) else {}


def port_of(gateway, index=0):
    return gateway["spec"]["listeners"][index]["port"]


def mirror(name, port=80, **more):
    """A filter."""
    backend = {"name": name, "port": port, **({"namespace": more.pop("namespace")} if "namespace" in more else {})}
    return {"type": "RequestMirror", "requestMirror": {"backendRef": backend, **more}}


def http_route(name="shop", *, live="v1", filters=(), parent="edge", hostnames=(), rules=None, **spec):
    """An HTTPRoute of one rule that is called "all", unless it has others."""
    rule = {"name": "all", "filters": list(filters), "backendRefs": [{"name": live, "port": 80}] if live else []}
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": name},
            "spec": {"parentRefs": [{"name": parent}], **({"hostnames": list(hostnames)} if hostnames else {}),
                     "rules": rules or [rule], **spec}}
