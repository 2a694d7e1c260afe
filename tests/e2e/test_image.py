# SPDX-License-Identifier: Apache-2.0
"""The image that `./dev image` builds, unpacked and run as its own words say."""
import json
import pathlib
import shutil
import subprocess
import tarfile

import pytest

import clustered
import deployed
import pods
from waiting import wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
LEAST, MOST = 1 << 20, 64 << 20  # bytes


def unpack(archive, directory):
    """A docker-archive as a pods.Image."""
    with tarfile.open(archive) as image:
        (manifest,) = json.load(image.extractfile("manifest.json"))
        config = json.load(image.extractfile(manifest["Config"]))["config"]
        for layer in manifest["Layers"]:
            with tarfile.open(fileobj=image.extractfile(layer)) as files:
                files.extractall(directory)
    environment = dict(word.split("=", 1) for word in config["Env"])
    return pods.Image(directory, config["Entrypoint"], environment, config["User"]), config


@pytest.mark.long
def test_the_image_is_built_and_runs_as_a_pod(install, cluster, admin, namespace, tmp_path, ending):
    pods.need()
    if not shutil.which("apt-get"):
        pytest.skip("it is built of Debian's packages")
    subprocess.run([ROOT / "dev", "image"], check=True)
    archive = ROOT / "build/umbra-image.tar"
    assert LEAST < archive.stat().st_size < MOST
    image, config = unpack(archive, tmp_path / "root")
    assert config["StopSignal"] == "SIGTERM" and config["Cmd"] == ["help"]
    assert not (image.root / "bin").exists() and not (image.root / "usr/bin/sh").exists()
    helped = subprocess.run(["chroot", f"--userspec={image.user}", image.root, *image.entry, "run", "--help"], capture_output=True,
                            text=True, env=image.environment, check=True).stdout
    assert helped.startswith("umbra run")
    pod = deployed.run_pod(tmp_path, install("base"), image, cluster)
    ending.callback(pod.close)
    pod.pass_probe("startupProbe")
    admin.apply(clustered.gateway("umbra", 80), namespace)
    wait_for(lambda: pod.probe("readinessProbe"), lambda: f"the pod to be ready; umbra says:\n{pod.log()}", 60)
    assert pod.get(pod.port_named("http"), host="shop.test") == 404, "there is no route"
    assert pod.wait_end(pod.terminate()) == 0, pod.log()
