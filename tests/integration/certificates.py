# SPDX-License-Identifier: Apache-2.0
"""Certificates made with the openssl command for one test run."""
import base64
import pathlib
import ssl
import subprocess

KINDS = {"ec": ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"], "rsa": ["rsa:2048"]}


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Identity:
    """A certificate and its key, as files and as texts."""

    def __init__(self, chain, key):
        self.chain_file, self.key_file = pathlib.Path(chain), pathlib.Path(key)
        self.chain, self.key = self.chain_file.read_text(), self.key_file.read_text()

    def secret(self, name):
        """A Secret of the kind that listeners refer to."""
        chain, key = (base64.b64encode(text.encode()).decode() for text in (self.chain, self.key))
        return (f"apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}}}\ntype: kubernetes.io/tls\n"
                f"data:\n  tls.crt: {chain}\n  tls.key: {key}\n---\n")


class Authority:
    """A CA with a name of its own; what it issues lies in `directory` too."""

    def __init__(self, directory, name="authority"):
        self.directory = pathlib.Path(directory)
        self.name = name
        self.file, self.key = self.directory / f"{name}.crt", self.directory / f"{name}.key"
        openssl("req", "-x509", "-newkey", *KINDS["ec"], "-nodes", "-keyout", self.key, "-out", self.file, "-days", "30",
                "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE")

    def issue(self, name, *sans, kind="ec"):
        """issue("shop", "DNS:shop.test", "IP:127.0.0.1")"""
        chain, key, request, extensions = (self.directory / f"{self.name}-{name}.{end}" for end in ("crt", "key", "csr", "ext"))
        extensions.write_text("subjectAltName=" + ",".join(sans) + "\n" if sans else "basicConstraints=CA:FALSE\n")
        openssl("req", "-newkey", *KINDS[kind], "-nodes", "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self.key, "-out", chain, "-days", "30", "-extfile", extensions)
        return Identity(chain, key)


class Certificate(Identity):
    """Signs itself for one host; `file` is what clients trust then."""

    def __init__(self, directory, host, number=1):
        self.host = host
        self.file, key = (directory / f"{host}-{number}.{end}" for end in ("crt", "key"))
        openssl("req", "-x509", "-newkey", *KINDS["ec"], "-nodes", "-keyout", key, "-out", self.file, "-days", "30",
                "-subj", f"/CN={host} {number}", "-addext", f"subjectAltName=DNS:{host}")
        super().__init__(self.file, key)

    def context(self, *alpn):
        context = ssl.create_default_context(cafile=str(self.file))
        context.set_alpn_protocols(list(alpn))
        return context


def https(port, **listeners):
    """https(443, a=("a.test", "secret-a")): a Gateway with HTTPS listeners; an empty host is for all others."""
    text = "".join(f"  - {{name: {name}, port: {port}, protocol: HTTPS, " + (f"hostname: '{host}', " if host else "") +
                   f"tls: {{certificateRefs: [{{name: {secret}}}]}}}}\n" for name, (host, secret) in listeners.items())
    return ("apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: gw}\n"
            f"spec:\n  gatewayClassName: umbra\n  listeners:\n{text}---\n")
