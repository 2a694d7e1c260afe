# SPDX-License-Identifier: Apache-2.0
"""What kubelets and controllers do in a cluster, played by tests: Services with endpoints that are services of the test, and
Pods that are ready."""
import collections


def service(name, port=80, *, target=8080, app_protocol=None, port_name="http", **labels):
    """A Service; `labels` select its pods."""
    protocol = {"appProtocol": app_protocol} if app_protocol else {}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"selector": labels or {"app": name},
                     "ports": [{"name": port_name, "port": port, "targetPort": target, **protocol}]}}


def endpoint(address, *, ready=True, serving=None, terminating=None, pod=None, namespace=None):
    """One endpoint of slices(): "127.0.0.1:3000", a service of the test, or what this made before."""
    if isinstance(address, tuple):
        return address
    host, port = getattr(address, "address", address).rsplit(":", 1)
    states = {"ready": ready, "serving": serving, "terminating": terminating}
    thing = {"addresses": [host.strip("[]")], "conditions": {name: state for name, state in states.items() if state is not None}}
    if pod:
        thing["targetRef"] = {"kind": "Pod", "name": pod, "namespace": namespace}
    return int(port), thing


def slices(name, *addresses, port_name="http"):
    """The EndpointSlices of the Service `name`: one per port and family, since that is what a slice is. Without addresses
    one that is empty."""
    groups = collections.defaultdict(list)
    for port, thing in map(endpoint, addresses):
        groups[("IPv6" if ":" in thing["addresses"][0] else "IPv4", port)].append(thing)
    for (family, port), things in (groups or {("IPv4", None): []}).items():
        yield {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": family, "endpoints": things,
               "metadata": {"name": f"{name}-{family.lower()}-{port or 'none'}",
                            "labels": {"kubernetes.io/service-name": name, "endpointslice.kubernetes.io/managed-by": "test"}},
               "ports": [{"name": port_name, "port": port, "protocol": "TCP"}] if port else []}


def set_endpoints(kube, namespace, name, *addresses, port_name="http"):
    """The Service has these endpoints from now on, and no others."""
    wanted = list(slices(name, *addresses, port_name=port_name))
    there = kube.list("EndpointSlice", namespace, labelSelector=f"kubernetes.io/service-name={name}")
    kube.apply(wanted, namespace)
    for old in there:
        if old["metadata"]["name"] not in {new["metadata"]["name"] for new in wanted}:
            kube.delete("EndpointSlice", old["metadata"]["name"], namespace)


def serve(kube, namespace, name, *addresses, port=80, app_protocol=None):
    """A Service with its endpoints."""
    kube.apply(service(name, port, app_protocol=app_protocol), namespace)
    set_endpoints(kube, namespace, name, *addresses)


def pod(kube, namespace, name, *, ip="127.0.0.1", ready=True, **labels):
    """A Pod that runs, as its kubelet says."""
    kube.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels},
                "spec": {"containers": [{"name": "main", "image": "test"}], "nodeName": "node-1"}}, namespace)
    set_ready(kube, namespace, name, ready, ip)


def set_ready(kube, namespace, name, ready=True, ip="127.0.0.1"):
    state = "True" if ready else "False"
    kube.patch_status("Pod", name, namespace, phase="Running", podIP=ip, podIPs=[{"ip": ip}],
                      conditions=[{"type": "Ready", "status": state}, {"type": "ContainersReady", "status": state}])
