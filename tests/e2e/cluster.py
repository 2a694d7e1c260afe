# SPDX-License-Identifier: Apache-2.0
"""A real control plane on loopback: Debian's etcd and a kube-apiserver with TLS, RBAC and ServiceAccount tokens, its data in a
folder of the test run. No controllers and no kubelets: what they would do is in actors.py, and namespaces are never removed.

The server is of version 1.20, so it takes CEL rules in CRDs and forgets them, and knows discovery.k8s.io/v1beta1 only:
that group is switched off, and EndpointSlice v1 is a CRD (crds.py). What a newer server does otherwise can't be tested
here."""
import collections
import http.client
import itertools
import json
import pathlib
import random
import signal
import socket
import subprocess
import urllib.request

import certificates
import kube
from waiting import PATIENCE, wait_for

ADMIN_TOKEN = "the-token-of-the-administrator"
ISSUER = "https://kubernetes.default.svc"


def free_port():
    """Of those that the kernel gives to nobody by itself, so that a server can have the same one again."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


class Program:
    """A server process that can be ended and started again. It never outlives the test run."""

    def __init__(self, log, *command):
        self.log_path = pathlib.Path(log)
        self.command = ["setpriv", "--pdeathsig", "KILL", *map(str, command)]
        self.process = None

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=self.log_path.parent)

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def end(self, number):
        if self.is_running():
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(number)
            try:
                self.process.wait(30 * PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def tail(self):
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-20:])


class Cluster:
    """One control plane. `admin` is a kube.Kube that may do everything."""

    def __init__(self, directory, server):
        self.directory = pathlib.Path(directory)
        self.server = str(server)
        self.authority = certificates.Authority(self.directory)
        self.ca_file = self.authority.file
        self.identity = self.authority.issue(
            "kube-apiserver", "IP:127.0.0.1", "IP:10.0.0.1", "DNS:localhost", "DNS:kubernetes.default.svc")
        self.signer = self.authority.issue("service-accounts", kind="rsa")
        (self.directory / "tokens.csv").write_text(f'{ADMIN_TOKEN},admin,admin,"system:masters"\n')
        self.numbers = itertools.count(1)
        self.kinds = collections.defaultdict(set)  # {namespace: kinds that were made there}
        for attempt in range(3):  # a port that was free may be taken by somebody else before it is bound
            self.port, self.etcd_port = free_port(), free_port()
            self.etcd, self.apiserver = self._programs(attempt)
            try:
                self.start()
                break
            except Unready:
                self.close()
                if attempt == 2:
                    raise
        self.admin = kube.Kube(self, ADMIN_TOKEN)

    def _programs(self, attempt):
        client, peer = f"http://127.0.0.1:{self.etcd_port}", f"http://127.0.0.1:{free_port()}"
        etcd = Program(
            self.directory / "etcd.log", "etcd", "--name", "test", "--data-dir", self.directory / f"etcd-{attempt}",
            "--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer,
            "--initial-advertise-peer-urls", peer, "--initial-cluster", f"test={peer}", "--unsafe-no-fsync")
        files = {"tls-cert-file": self.identity.chain_file, "tls-private-key-file": self.identity.key_file,
                 "client-ca-file": self.ca_file, "token-auth-file": self.directory / "tokens.csv",
                 "service-account-key-file": self.signer.key_file, "service-account-signing-key-file": self.signer.key_file}
        words = {"etcd-servers": client, "secure-port": self.port, "bind-address": "127.0.0.1",
                 "advertise-address": "127.0.0.1", "authorization-mode": "RBAC", "service-account-issuer": ISSUER,
                 "api-audiences": ISSUER, "service-cluster-ip-range": "10.0.0.0/16", "endpoint-reconciler-type": "none",
                 "disable-admission-plugins": "ServiceAccount", "runtime-config": "discovery.k8s.io/v1beta1=false"}
        apiserver = Program(self.directory / "kube-apiserver.log", self.server,
                            *(f"--{name}={value}" for name, value in {**words, **files}.items()))
        return etcd, apiserver

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    # ---- coming and going ----

    def start(self):
        """Both servers, where they don't run; their data and addresses stay."""
        if not self.etcd.is_running():
            self.etcd.start()
        if not self.apiserver.is_running():
            self.apiserver.start()
        wait_for(self._is_ready, lambda: f"the API server to be ready:\n{self.apiserver.tail()}", 300)

    def stop(self):
        """The API server ends as asked: watches are cut."""
        self.apiserver.end(signal.SIGTERM)

    def kill(self):
        self.apiserver.end(signal.SIGKILL)

    def restart(self):
        """With another memory of what happened: watches from before are too old then."""
        self.stop()
        self.start()

    def freeze(self):
        """Connections stay and are accepted, and nobody answers, until thaw()."""
        self.apiserver.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.apiserver.process.send_signal(signal.SIGCONT)

    def compact(self):
        """etcd forgets all versions but the last, so that lists can't be continued: 410."""
        def post(path, value):
            request = urllib.request.Request(f"http://127.0.0.1:{self.etcd_port}/v3/kv/{path}", json.dumps(value).encode())
            with urllib.request.urlopen(request, timeout=10 * PATIENCE) as response:
                return json.load(response)
        revision = post("put", {"key": "dGVzdA=="})["header"]["revision"]  # a later one than any that was read
        post("compaction", {"revision": revision, "physical": True})

    def _is_ready(self):
        for program in (self.etcd, self.apiserver):
            if not program.is_running():
                raise Unready(f"{program.command[3]} ended:\n{program.tail()}")
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=5 * PATIENCE,
                                                 context=kube.trusting(self.ca_file))
        try:
            connection.request("GET", "/readyz", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"})
            return connection.getresponse().read() == b"ok"
        except OSError:
            return False
        finally:
            connection.close()

    def close(self):
        self.apiserver.end(signal.SIGKILL)
        self.etcd.end(signal.SIGKILL)

    # ---- users ----

    def kubeconfig(self, token=ADMIN_TOKEN, identity=None, address=None):
        """A kubeconfig for a token, or for a client certificate; `address` is that of a server in between."""
        path = self.directory / f"kubeconfig-{next(self.numbers)}.json"
        return kube.write_kubeconfig(path, address or self.address, self.ca_file, token, identity)

    def account(self, name, namespace, rules=None, role_in=None):
        """A ServiceAccount, as a kube.Kube with a token of its own. `rules` are those of a ClusterRole that it gets, or of
        a Role in each namespace of `role_in`."""
        metadata = {"name": name, "namespace": namespace}
        self.admin.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
        if rules is not None:
            self._grant(name, namespace, rules, role_in)
        return kube.Kube(self, self.token(name, namespace))

    def _grant(self, name, namespace, rules, role_in):
        group = "rbac.authorization.k8s.io"
        prefix = "Cluster" if role_in is None else ""
        subjects = [{"kind": "ServiceAccount", "name": name, "namespace": namespace}]
        for place in role_in or [None]:
            metadata = {"name": f"{namespace}-{name}", **({"namespace": place} if place else {})}
            self.admin.apply([
                {"apiVersion": f"{group}/v1", "kind": f"{prefix}Role", "metadata": metadata, "rules": rules},
                {"apiVersion": f"{group}/v1", "kind": f"{prefix}RoleBinding", "metadata": metadata, "subjects": subjects,
                 "roleRef": {"apiGroup": group, "kind": f"{prefix}Role", "name": metadata["name"]}}])

    def token(self, account, namespace, seconds=3600):
        """A ServiceAccount's token, as a kubelet asks for it (600 s at least)."""
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
                   "spec": {"expirationSeconds": seconds, "audiences": [ISSUER]}}
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        return self.admin.ask("POST", path, request)["status"]["token"]

    def namespace(self, prefix="test", **labels):
        """A new one; its name."""
        name = f"{prefix}-{next(self.numbers)}"
        self.admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
        return name

    def empty(self, namespace):
        """Removes what tests made in a namespace: nobody else would."""
        for kind in self.kinds.pop(namespace, ()):
            self.admin.delete_all(kind, namespace)


class Unready(Exception):
    """A server that ended instead of being ready."""
