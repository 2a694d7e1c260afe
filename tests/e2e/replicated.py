# SPDX-License-Identifier: Apache-2.0
"""Several replicas of one class, each at an address of its own."""
import itertools
import os
import signal

import actors
import clustered
from waiting import wait_for


class Replicas:
    """Some of one class at addresses of their own, which all serve one Gateway with one route that mirrors v1 to v2. Each has the
    further `options`."""

    def __init__(self, clustered_umbra, admin, namespace, service, count, *options, live=None, **more):
        self.admin, self.namespace = admin, namespace
        self.clustered_umbra, self.options, self.more = clustered_umbra, options, more
        self.numbers = itertools.count(1)
        self.live, self.shadow = service(live), service()
        self.class_name = f"class-of-{namespace}"
        gateway = clustered.gateway(self.class_name)
        self.port = clustered.port_of(gateway)
        actors.serve(admin, namespace, "v1", self.live.address)
        actors.serve(admin, namespace, "v2", self.shadow.address)
        admin.apply([gateway, clustered.http_route(filters=[clustered.mirror("v2")])], namespace)
        self.list = []
        for _ in range(count):
            self.start()
        for replica in self.list:
            replica.wait_answer(self.port, 200)
        self.wait_keys()

    def __iter__(self):
        return iter(self.list)

    def start(self):
        """One more, which has read the cluster."""
        number = next(self.numbers)
        self.list.append(self.clustered_umbra(*self.options, class_name=self.class_name, host=f"127.0.0.{number + 1}",
                                              environment={"POD_NAME": f"replica-{number}"}, **self.more))
        self.list[-1].name = f"replica-{number}"
        return self.list[-1]

    def address(self, replica):
        """Where it serves the Gateway."""
        return f"{replica.host}:{self.port}"

    def wait_keys(self):
        """Until all mirror."""
        def does_mirror(replica):
            before = replica.total("sent")
            assert replica.answers(self.port) == 200
            return replica.total("sent") > before
        for replica in self.list:
            wait_for(lambda replica=replica: does_mirror(replica), lambda: f"copies to be sent; {replica.log()}", 30)

    def lease(self):
        return self.admin.find("Lease", f"umbra-gateway-controller-{self.class_name}", self.namespace)

    def leader(self):
        """The replica that holds the Lease, or None."""
        lease = self.lease()
        holder = (lease or {"spec": {}})["spec"].get("holderIdentity") or ""
        return next((replica for replica in self.list if holder.startswith(f"{replica.name}_")), None)

    def wait_leader(self, but=None, timeout=20):
        return wait_for(lambda: self.leader() not in (None, but) and self.leader(), lambda: f"a leader: {self.lease()}", timeout)

    def renewals(self, count):
        """So much time goes by that the Lease is renewed so often."""
        seen = set()

        def look():
            seen.add(self.lease()["spec"]["renewTime"])
            return len(seen) > count
        wait_for(look, "renewals of the Lease", 20 * count)

    def versions(self):
        """{(kind, name): resourceVersion} of all that has a status here."""
        things = [("GatewayClass", self.class_name, None), ("Gateway", "edge", self.namespace),
                  ("HTTPRoute", "shop", self.namespace)]
        things += [("MirrorPolicy", thing["metadata"]["name"], self.namespace)
                   for thing in self.admin.list("MirrorPolicy", self.namespace)]
        return {(kind, name): self.admin.get(kind, name, place)["metadata"]["resourceVersion"] for kind, name, place in things}

    def wait_status(self):
        self.admin.wait_condition("Gateway", "edge", self.namespace, "Programmed")
        self.admin.wait("HTTPRoute", "shop", self.namespace,
                        lambda route: clustered.parent_condition(route, "Accepted").get("status") == "True", "Accepted")

    def check_quiet(self):
        """Nothing is written while nothing happens."""
        self.renewals(1)
        before = self.versions()
        self.renewals(3)
        assert self.versions() == before


def kill(replica):
    """The supervisor and its processes, as a node that goes away."""
    replica.may_complain = True
    pids = replica.pids().values()
    replica.process.kill()
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
