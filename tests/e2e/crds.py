# SPDX-License-Identifier: Apache-2.0
"""The CRDs that an API server of these tests has: those that were made from Umbra's own tables, and in their place, where
UMBRA_E2E_CRDS names files or folders (with colons between), the ones that stand there, as others publish them."""
import os
import pathlib
import subprocess

import kube
import umbra

ROOT = pathlib.Path(__file__).resolve().parents[2]
OTHERS = "UMBRA_E2E_CRDS"


def program():
    """tests/e2e/kind_crds of the build that the umbra under test comes from."""
    build = pathlib.Path(umbra.BINARY).resolve().parent
    places = [build.parents[1], build / "release"]
    found = [place / "tests/e2e/kind_crds" for place in places if (place / "tests/e2e/kind_crds").exists()]
    assert found, f"kind_crds is not built: ninja -C {places[0]} tests/e2e/kind_crds"
    return found[0]


def own():
    """One for each kind of Umbra's tables. Of a group of Kubernetes, the API server wants to be told that it is no
    official one."""
    text = subprocess.run([program()], check=True, capture_output=True, text=True).stdout
    for crd in kube.documents(text):
        if crd["spec"]["group"].endswith(".k8s.io"):
            crd["metadata"]["annotations"] = {"api-approved.kubernetes.io": "unapproved, of tests"}
        yield crd


def others():
    """Those of UMBRA_E2E_CRDS; what is no CRD there is left out."""
    for place in filter(None, os.environ.get(OTHERS, "").split(":")):
        path = pathlib.Path(place)
        assert path.exists(), f"{OTHERS}: there is no {place}"
        for file in sorted(path.rglob("*.yaml")) if path.is_dir() else [path]:
            yield from (thing for thing in kube.documents(file.read_text()) if thing["kind"] == "CustomResourceDefinition")


def shipped():
    """Those of deploy/crd, as users load them."""
    for file in sorted((ROOT / "deploy/crd").glob("umbra.dev_*.yaml")):
        yield from kube.documents(file.read_text())


def load(admin):
    """Loads them all and waits until they are served."""
    wanted = {crd["metadata"]["name"]: crd for source in (own, others, shipped) for crd in source()}
    admin.apply(list(wanted.values()))
    for name in wanted:
        admin.wait_condition("CustomResourceDefinition", name, None, "Established", timeout=120)
    return wanted
