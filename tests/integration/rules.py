# SPDX-License-Identifier: Apache-2.0
"""Manifests for tests, and an umbra that has its rules from files."""
import os
import pathlib
import signal

import http1
import umbra
from waiting import wait_for


def gateway(name="gw", **ports):
    """gateway("gw", http=8080): a Gateway with these listeners."""
    listeners = "".join(f"  - {{name: {listener}, port: {port}, protocol: HTTP}}\n" for listener, port in ports.items())
    return (f"apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: {name}}}\n"
            f"spec:\n  gatewayClassName: umbra\n  listeners:\n{listeners}---\n")


def endpoint(address):
    """Of a Backend: "127.0.0.1:3000", "[::1]:3000" or "unix:/path"."""
    if address.startswith("unix:"):
        return f'{{host: "{address}"}}'
    host, port = address.rsplit(":", 1)
    return f'{{host: "{host.strip("[]")}", port: {port}}}'


def backend(name, *addresses, extra=""):
    """backend("v1", "127.0.0.1:3000"): a Backend; the addresses may be services. `extra` are further fields of its spec:
    "protocol: H2C"."""
    endpoints = ", ".join(endpoint(getattr(address, "address", address)) for address in addresses)
    return (f"apiVersion: umbra.dev/v1alpha1\nkind: Backend\nmetadata: {{name: {name}}}\n"
            f"spec: {{endpoints: [{endpoints}]{', ' if extra else ''}{extra}}}\n---\n")


def route(name="shop", live="v1", *, shadow=None, percent=None, path="/", section=None, parent="gw", extra=""):
    """An HTTPRoute with one rule, whose label is default/NAME#all. `shadow` is a Backend's name, or several."""
    at = f", sectionName: {section}" if section else ""
    share = f", percent: {percent}" if percent is not None else ""
    mirrors = "".join(f"    - type: RequestMirror\n      requestMirror: {{backendRef: {{group: umbra.dev, kind: Backend, "
                      f"name: {one}}}{share}}}\n" for one in ([shadow] if isinstance(shadow, str) else shadow or []))
    return (f"apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: {name}}}\n"
            f"spec:\n  parentRefs: [{{name: {parent}{at}}}]\n  rules:\n  - name: all\n"
            f"    matches: [{{path: {{type: PathPrefix, value: {path}}}}}]\n"
            f"    backendRefs: [{{group: umbra.dev, kind: Backend, name: {live}}}]\n"
            + ("    filters:\n" + mirrors if mirrors else "") + f"{extra}---\n")


def policy(spec, name="policy", *, route="shop", mirror=None):
    """A MirrorPolicy for all mirrors of an HTTPRoute, or for the one to the Backend `mirror`. `spec` are the other lines of
    its spec, without indentation."""
    ref = f"  mirrorRef: {{group: umbra.dev, kind: Backend, name: {mirror}}}\n" if mirror else ""
    return (f"apiVersion: umbra.dev/v1alpha1\nkind: MirrorPolicy\nmetadata: {{name: {name}}}\nspec:\n"
            f"  targetRefs: [{{group: gateway.networking.k8s.io, kind: HTTPRoute, name: {route}}}]\n{ref}"
            + "".join(f"  {line}\n" for line in spec.strip("\n").splitlines()) + "---\n")


class Ruled(umbra.Gateway):
    """An umbra under test with `-f`. Its rules are `text` in the file `self.rules`, or whatever `paths` names. Listeners
    are on 127.0.0.1, or all addresses without `bind`. `address` is that of the first listener."""

    def __init__(self, directory, text, options, paths=None, environment=None, stdin=None, prefix=(), bind="127.0.0.1",
                 is_waited_for=True):
        self.directory = pathlib.Path(directory)
        self.environment = environment
        self.options = [str(option) for option in options]
        self.rules = self.directory / "rules.yaml"
        if text is not None:
            self.rules.write_text(text)
        self.paths = [str(path) for path in (paths or [self.rules])]
        self.stdin = stdin
        self.prefix = prefix
        self.bind = ["--bind", bind] if bind else []
        self.may_complain = False
        self.number = 0
        self.process = self._start(["--admin", self._take_option("--admin") or "127.0.0.1:0"])
        self.address, self.admin = self.process.listen, self.process.admin
        if is_waited_for:
            wait_for(self.is_ready, lambda: f"/readyz; umbra says:\n{self.log()}")

    def _start(self, addresses):
        self.number += 1
        arguments = [*addresses, *self.bind]
        for path in self.paths:
            arguments += ["-f", path]
        more = {"prefix": self.prefix, **({"stdin": self.stdin} if self.stdin else {})}
        process = umbra.Process(arguments + umbra.defaults(self.options) + self.options, self.directory / f"umbra-{self.number}.log",
                                self.environment, **more)
        try:
            return process.wait_serving()
        except BaseException:
            process.kill()
            raise

    def replace(self):
        before = self.process
        self.process = self._start(["--admin", self.admin, "--replace"])
        return before

    # ---- changes ----

    def write(self, text, path=None):
        """In place."""
        pathlib.Path(path or self.rules).write_text(text)

    def rename(self, text, path=None):
        """By a rename over the file, as most programs write."""
        path = pathlib.Path(path or self.rules)
        new = path.with_name(".new")
        new.write_text(text)
        new.rename(path)

    def reload(self):
        self.process.popen.send_signal(signal.SIGHUP)

    def generation(self):
        return int(self.metrics().sum("umbra_config_generation"))

    def errors(self):
        return int(self.metrics().sum("umbra_config_errors"))

    def problems(self, severity="error"):
        return [problem for problem in self.status()["problems"] if problem["severity"] == severity]

    def change(self, text, timeout=2):
        """Writes the rules by a rename and waits until the next generation is in force."""
        before = self.generation()
        self.rename(text)
        wait_for(lambda: self.generation() > before, lambda: f"a change to be in force; umbra says:\n{self.log()}", timeout)

    # ---- looks ----

    def status_of(self, target="/", address=None, host="shop.test"):
        with http1.Connection(address or self.address) as connection:
            return connection.ask(http1.get(target, ("Connection", "close"), host=host)).status

    def descriptors(self):
        """{role: number of open descriptors}"""
        return {role: len(os.listdir(f"/proc/{pid}/fd")) for role, pid in self.all_pids().items()}

    def all_pids(self):
        return {**self.pids(), "supervisor": self.process.popen.pid}

    def resident(self):
        """{role: resident bytes}"""
        found = {}
        for role, pid in self.all_pids().items():
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Rss:"):
                    found[role] = int(line.split()[1]) * 1024
        return found
