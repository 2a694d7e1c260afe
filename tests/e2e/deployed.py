# SPDX-License-Identifier: Apache-2.0
"""What deploy/ installs: rendered, put into the cluster, and its Deployment's pod."""
import pathlib
import shutil
import subprocess

import kube
import pytest
import yaml

import clustered
import pods
import umbra

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy"
OWN = "umbra"  # the namespace that it is installed in
# Newer than the 1.20 that stands in for a cluster, and of the same shape there.
OLDER = {"autoscaling/v2": "autoscaling/v2beta2", "policy/v1": "policy/v1beta1"}

# Left out by 1.20 unless a gate is opened there.
GATED = ("ipFamilyPolicy",)

# What is of this machine in place of the pod's own.
NAMED_BY_TEST = ("--admin", "--admin-token-file", "--data", "--drain-delay", "--drain")


def with_names_of_kustomize_2(folder):
    """The kustomize in Debian's kubectl 1.20 has other names for folders and patches; the one in use is asked."""
    for file in folder.rglob("kustomization.yaml"):
        said = yaml.safe_load(file.read_text())
        folders = [name for name in said["resources"] if not name.endswith(".yaml")]
        said["resources"] = [name for name in said["resources"] if name.endswith(".yaml")]
        said["bases"] = folders
        said["patchesStrategicMerge"] = [patch["path"] for patch in said.pop("patches", [])]
        file.write_text(yaml.safe_dump(said))


def render(variant, directory):
    """The objects of `kubectl kustomize deploy/VARIANT`."""
    if not shutil.which("kubectl"):
        pytest.skip("there is no kubectl")
    copy = directory / "deploy"
    shutil.copytree(DEPLOY, copy, dirs_exist_ok=True)
    version = subprocess.run(["kubectl", "version", "--client"], capture_output=True, text=True, check=True).stdout
    if 'Minor:"20"' in version:
        with_names_of_kustomize_2(copy)
    done = subprocess.run(["kubectl", "kustomize", str(copy / variant)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(kube.documents(done.stdout))


def kind_of(thing):
    return f"{thing['apiVersion']} {thing['kind']}"


def install(variant, admin, directory, ending):
    """The variant is in the cluster, until the test ends, with all its fields; its objects as they were rendered."""
    things = render(variant, directory)
    if not admin.find("Namespace", OWN):
        admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": OWN}})
    for rendered in things:
        thing = {**rendered, "apiVersion": OLDER.get(rendered["apiVersion"], rendered["apiVersion"])}
        if thing["kind"] in ("Namespace", "CustomResourceDefinition"):
            continue
        made = admin.apply(thing)
        for name in GATED:
            if name in (thing.get("spec") or {}):
                made["spec"].setdefault(name, thing["spec"][name])
        kube.assert_within(thing, made, f"{thing['kind']} {thing['metadata']['name']}")
        ending.callback(admin.delete, kind_of(thing), thing["metadata"]["name"], thing["metadata"].get("namespace"))
    for kind in ("Lease", "Secret"):
        ending.callback(admin.delete_all, kind, OWN)
    return things


def deployment_of(things):
    (deployment,) = (thing for thing in things if thing["kind"] == "Deployment")
    return deployment


def run_pod(directory, things, image, cluster):
    """The pod of the Deployment, with the token that a kubelet would give it."""
    deployment = deployment_of(things)
    token = cluster.token(deployment["spec"]["template"]["spec"]["serviceAccountName"], OWN)
    files = {"token": token, "ca.crt": pathlib.Path(cluster.ca_file).read_text(), "namespace": OWN}
    return pods.Pod(directory, deployment, image, files, cluster.address)


class Installed(clustered.Clustered):
    """Runs as the Deployment's container would, as its ServiceAccount."""

    def __init__(self, directory, cluster, things):
        self.deployment = deployment_of(things)
        account = self.deployment["spec"]["template"]["spec"]["serviceAccountName"]
        kubeconfig = cluster.kubeconfig(token=cluster.token(account, OWN))
        container = self.deployment["spec"]["template"]["spec"]["containers"][0]
        self.words = [word for word in container["args"][1:] if not word.startswith(tuple(f"{name}=" for name in NAMED_BY_TEST))]
        super().__init__(directory, cluster, OWN, [], class_name="umbra", kubeconfig=kubeconfig,
                         environment={"POD_NAME": "umbra-0"})

    def _start(self, addresses):
        self.number += 1
        self.token_file = self.directory / "token"
        words = [*self.words, "--kubeconfig", self.kubeconfig, "--bind", "127.0.0.1", "--admin", "127.0.0.1:0",
                 "--admin-token-file", self.token_file, "--data", self.directory / "data", "--drain", "1s", "--shed", "off"]
        process = umbra.Process([str(word) for word in words], self.directory / f"umbra-{self.number}.log", self.environment)
        try:
            return process.wait_serving()
        except BaseException:
            process.kill()
            raise
