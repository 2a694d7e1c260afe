# SPDX-License-Identifier: Apache-2.0
"""Fixtures of all folders of tests: what a test starts is ended after it, last first, and has to end well. Everything talks
on loopback and takes ports that are free. And what pytest is told about markers."""
import contextlib
import os

import pytest

import certificates
import faults
import gateway_api
import kube_scripted
import kube_standin
import rules
import servers
import umbra

LONG = "UMBRA_TEST_LONG"


def pytest_configure(config):
    config.addinivalue_line("markers", f"long: takes minutes; only with {LONG}=1 in the environment")
    config.addinivalue_line("markers", "sanitize: also run on binaries with sanitizers")


def pytest_collection_modifyitems(items):
    if os.environ.get(LONG):
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason=f"long; {LONG}=1 runs it"))


@pytest.fixture(scope="session", autouse=True)
def state_home(tmp_path_factory):
    """No umbra of a test keeps data in the home of who runs it."""
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))


@pytest.fixture
def ending():
    """An ExitStack for what a test starts."""
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def service(ending):
    """service(script): a scripted server that records each request."""
    def start(script=None, **options):
        started = servers.Service(script, **options)
        ending.callback(started.close)
        return started
    return start


@pytest.fixture
def fault(ending):
    """fault("hangs"): a shadow as it should not be, see faults.NAMES."""
    def begin(name, **options):
        return faults.start(name, ending, **options)
    return begin


@pytest.fixture
def nginx(ending, tmp_path):
    """nginx(config): Debian's nginx."""
    count = 0

    def start(config="", **options):
        nonlocal count
        count += 1
        started = servers.Nginx(tmp_path / f"nginx-{count}", config, **options)
        ending.callback(started.close)
        return started
    return start


@pytest.fixture
def ruled(ending, tmp_path):
    """ruled(text, "--option", …): a running umbra with rules in a file, see rules.Ruled; `text` may be None, then
    `paths` say where the rules are."""
    count = 0

    def start(text, *options, **more):
        nonlocal count
        count += 1
        directory = tmp_path / f"ruled-{count}"
        directory.mkdir()
        started = rules.Ruled(directory, text, options, **more)
        ending.callback(started.stop)
        return started
    return start


@pytest.fixture(scope="session")
def plays(tmp_path_factory):
    """with plays(text, "service", …) as play: a gateway_api.Play with its rules in a file."""
    return gateway_api.provider(lambda stack, *arguments, **more: gateway_api.Play(
        stack, tmp_path_factory.mktemp("play"), *arguments, **more))


@pytest.fixture
def kube_objects():
    """Objects of Kubernetes that the test holds."""
    return kube_scripted.Objects()


@pytest.fixture
def kube_server(ending, tmp_path, kube_objects):
    """A kube_standin.StandIn with `kube_objects`: an API server that no cluster is behind, and its faults."""
    started = kube_standin.StandIn(certificates.Authority(tmp_path), kube_objects)
    ending.callback(started.close)
    return started


@pytest.fixture
def gateway(ending, tmp_path):
    """gateway(live, shadow, …, "--option", …): a running umbra. Services may be given as such or as addresses, shadows
    with a share as (shadow, percent)."""
    count = 0

    def target(shadow):
        shadow, share = shadow if isinstance(shadow, tuple) else (shadow, None)
        address = getattr(shadow, "address", shadow)
        return address if share is None else f"{address}={share}"

    def start(live, *arguments, environment=None):
        nonlocal count
        count += 1
        first = next((i for i, word in enumerate(arguments) if isinstance(word, str) and word.startswith("--")),
                     len(arguments))
        directory = tmp_path / f"umbra-{count}"
        directory.mkdir()
        started = umbra.Gateway(directory, target(live), [target(shadow) for shadow in arguments[:first]],
                                arguments[first:], environment)
        ending.callback(started.stop)
        return started
    return start
