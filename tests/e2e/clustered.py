# SPDX-License-Identifier: Apache-2.0
"""umbra with `--kube`, and the objects that tests begin with."""
import itertools
import json

import cluster as control_plane
import rules
import umbra
from waiting import wait_for

CONTROLLER = "umbra.dev/gateway-controller"
numbers = itertools.count(1)


class Clustered(rules.Ruled):
    """One replica that reads the API server as the user of a kubeconfig. Its own namespace is the one that is given, its Gateways are
    those of `class_name`, which is made when there is none. Listeners are on 127.0.0.1 at the Gateways' ports."""

    def __init__(self, directory, cluster, namespace, options, *, class_name=None, kubeconfig=None, is_waited_for=True,
                 environment=None):
        self.cluster, self.namespace = cluster, namespace
        self.class_name = class_name or f"umbra-{next(numbers)}"
        config = json.loads((kubeconfig or cluster.kubeconfig()).read_text())
        config["contexts"][0]["context"]["namespace"] = namespace
        self.kubeconfig = directory / "kubeconfig"
        self.kubeconfig.write_text(json.dumps(config))
        if cluster.apiserver.is_running():
            cluster.admin.apply(gateway_class(self.class_name))
        super().__init__(directory, None, options, paths=[], environment=environment, is_waited_for=False)
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

    def wait_synced(self):
        """Until all that it reads was read once."""
        wait_for(lambda: b"not known yet" not in self.ask("/readyz").body,
                 lambda: f"the cluster to be read; umbra says:\n{self.log()}", 30)

    def wait_ready(self):
        wait_for(self.is_ready, lambda: f"/readyz; umbra says:\n{self.log()}\n{self.status()['problems']}", 30)

    def answers(self, port, target="/", host="shop.test"):
        """The status of an answer at one of the Gateways' ports; 0: nobody listens."""
        try:
            return self.status_of(target, f"127.0.0.1:{port}", host)
        except OSError:
            return 0

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
