# SPDX-License-Identifier: Apache-2.0
"""One real API server for all tests of a run; each test has a namespace of its own."""
import contextlib
import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

from fixtures import *

import cluster as control_plane
import cluster_play
import clustered
import crds
import deployed
import gateway_api
import kube_standin
import replicated


@pytest.fixture(scope="session")
def kube_apiserver():
    """The program. Tests that need one are skipped where it can't be had."""
    given = os.environ.get("UMBRA_KUBE_APISERVER")
    if given:
        return given
    done = subprocess.run([str(HERE / "kube-apiserver")], capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip(done.stderr.splitlines()[-1])
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.fixture(scope="session")
def bare_cluster(kube_apiserver, tmp_path_factory):
    """A running control plane that has no CRDs as long as no test asked for `cluster`."""
    started = control_plane.Cluster(tmp_path_factory.mktemp("cluster"), kube_apiserver)
    yield started
    started.close()


@pytest.fixture(scope="session")
def loaded_cluster(bare_cluster):
    crds.load(bare_cluster.admin)
    return bare_cluster


@pytest.fixture
def cluster(loaded_cluster):
    """A control plane with all CRDs; it runs again after a test that ended it."""
    loaded_cluster.start()
    yield loaded_cluster
    loaded_cluster.thaw()
    loaded_cluster.start()


@pytest.fixture(scope="session")
def plays(loaded_cluster, tmp_path_factory):
    """As with rules in files, but that the API server has them: with plays(text, "service", …) as play: a ClusterPlay."""
    def play(stack, *arguments, **more):
        loaded_cluster.start()
        return cluster_play.ClusterPlay(stack, tmp_path_factory.mktemp("play"), loaded_cluster, *arguments, **more)
    return gateway_api.provider(play)


@pytest.fixture
def admin(cluster):
    """A client that may do everything."""
    return cluster.admin


@pytest.fixture
def standin(cluster, ending):
    """A kube_standin.StandIn in front of the API server, for faults."""
    started = kube_standin.StandIn(cluster.authority, kube_standin.Real(cluster))
    ending.callback(started.close)
    return started


@pytest.fixture
def namespace(cluster):
    """The name of a namespace of this test alone; what is in it goes after the test."""
    name = cluster.namespace()
    yield name
    cluster.start()
    cluster.empty(name)


@pytest.fixture
def clustered_umbra(tmp_path, cluster, namespace):
    """clustered_umbra("--option", …): a replica of this test's namespace, see clustered.Clustered. They end before the namespace
    is emptied."""
    count = 0
    stack = contextlib.ExitStack()

    def start(*options, **more):
        nonlocal count
        count += 1
        directory = tmp_path / f"replica-{count}"
        directory.mkdir()
        started = clustered.Clustered(directory, cluster, namespace, options, **more)
        stack.callback(started.stop)
        return started
    with stack:
        yield start


@pytest.fixture
def replicas(clustered_umbra, admin, namespace, service):
    """replicas(3, "--option", …): see replicated.Replicas."""
    return lambda count, *options, **more: replicated.Replicas(clustered_umbra, admin, namespace, service, count, *options, **more)


@pytest.fixture
def install(admin, tmp_path, ending):
    """install("base"): the variant of deploy/ is in the cluster, until the test ends; its objects."""
    return lambda variant: deployed.install(variant, admin, tmp_path, ending)
