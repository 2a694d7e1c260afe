# SPDX-License-Identifier: Apache-2.0
"""Certificates for tests, made by openssl, and the manifests that name them."""
import base64
import ssl
import subprocess


class Certificate:
    """Signs itself. `file` is its PEM, for clients that are to trust it."""

    def __init__(self, directory, host, number=1):
        self.host = host
        self.file, self.key_file = (directory / f"{host}-{number}.{end}" for end in ("crt", "key"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                        "-keyout", self.key_file, "-out", self.file, "-subj", f"/CN={host} {number}", "-addext",
                        f"subjectAltName=DNS:{host}"], check=True, stderr=subprocess.DEVNULL)
        self.chain, self.key = self.file.read_text(), self.key_file.read_text()

    def secret(self, name):
        def coded(text):
            return base64.b64encode(text.encode()).decode()
        return (f"apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}}}\ntype: kubernetes.io/tls\n"
                f"data:\n  tls.crt: {coded(self.chain)}\n  tls.key: {coded(self.key)}\n---\n")

    def context(self, *alpn):
        context = ssl.create_default_context(cafile=str(self.file))
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context


def https(port, annotations="", **listeners):
    """https(443, a=("a.test", "secret-a")): a Gateway with HTTPS listeners; an empty host is for all others."""
    text = "".join(f"  - {{name: {name}, port: {port}, protocol: HTTPS, " + (f"hostname: '{host}', " if host else "") +
                   f"tls: {{certificateRefs: [{{name: {secret}}}]}}}}\n" for name, (host, secret) in listeners.items())
    return ("apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\n"
            f"metadata: {{name: gw, annotations: {{{annotations}}}}}\nspec:\n  gatewayClassName: umbra\n  listeners:\n{text}---\n")
