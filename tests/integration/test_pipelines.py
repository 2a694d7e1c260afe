# SPDX-License-Identifier: Apache-2.0
"""examples/pipelines against a running umbra: the gate's exit codes and files, and the queries, rules and alerts in a real Prometheus."""
import json
import os
import pathlib
import re
import subprocess
import xml.etree.ElementTree as xml

import pytest
import yaml

import http1
import prometheus
import umbra
from judged import ask_paced, manifests
from servers import answering, refused_address
from waiting import PATIENCE, wait_for

DIRECTORY = umbra.ROOT / "examples" / "pipelines"
ROUTE, WORSE, SAME = "default/shop#all", "default/v2", "default/v3"


def document(price):
    return answering(http1.answer(200, json.dumps({"price": price}).encode(), ("Content-Type", "application/json")))


@pytest.fixture
def judged(service, ruled):
    """An umbra with two shadows, of which the first has another price, and 150 pairs of each."""
    through = ruled(manifests(service(document(1)), service(document(2)), service(document(1))), "--data", "")
    for mirror in (WORSE, SAME):
        ask_paced(through, [f"/items/{number}" for number in range(150)], mirror)
    wait_for(lambda: {verdict["verdict"] for verdict in json.loads(through.ask("/api/verdict").body)["verdicts"]} == {"FAIL", "PASS"},
             "a FAIL and a PASS", 60)
    return through


def gate(directory, *options):
    tools = directory / "bin"
    if not tools.exists():
        tools.mkdir()
        (tools / "umbra").symlink_to(pathlib.Path(umbra.BINARY).resolve())
    return subprocess.run([DIRECTORY / "gate.sh", *options], cwd=directory, capture_output=True, text=True, timeout=60 * PATIENCE, check=False,
                          env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "WAIT": "1s"})


def test_the_gate_ends_as_the_verdict_says_and_leaves_both_files(judged, service, gateway, tmp_path):
    for options, code, said, element in (((), 1, "would break", "failure"), (("--mirror", SAME), 0, "may be shipped", "system-out"),
                                         (("--mirror", WORSE), 1, "would break", "failure")):
        done = gate(tmp_path, "--admin", judged.admin, *options)
        assert (done.returncode, said in done.stdout) == (code, True), done
        suite = xml.parse(tmp_path / "umbra.xml").getroot()
        assert suite.find(f".//{element}") is not None
        assert (tmp_path / "umbra.md").read_text().startswith("### Umbra: ")
    idle = gateway(service(), service())
    done = gate(tmp_path, "--admin", idle.admin)
    assert (done.returncode, "not enough" in done.stdout) == (3, True), done
    assert gate(tmp_path, "--admin", refused_address()).returncode == 4
    assert xml.parse(tmp_path / "umbra.xml").getroot().find(".//error") is not None


def queries():
    """{where: PromQL} of the manifests for Flagger and Argo Rollouts."""
    found = {}
    for name in ("flagger.yaml", "argo-rollouts.yaml"):
        for manifest in yaml.safe_load_all((DIRECTORY / name).read_text()):
            where = f"{name}: {manifest['metadata']['name']}"
            if manifest["kind"] == "MetricTemplate":
                found[where] = manifest["spec"]["query"]
            for metric in manifest["spec"].get("metrics", []) if manifest["kind"] == "AnalysisTemplate" else []:
                if "prometheus" in metric["provider"]:
                    found[where] = metric["provider"]["prometheus"]["query"]
    return found


def start_prometheus(directory, admin):
    """With the example's configuration and rules, scraping one umbra each second."""
    text = (DIRECTORY / "prometheus.yaml").read_text().replace("127.0.0.1:9900", admin).replace("15s", "1s")
    (directory / "umbra.rules.yaml").write_text((DIRECTORY / "umbra.rules.yaml").read_text().replace("  rules:", "  interval: 1s\n  rules:", 1))
    return prometheus.Prometheus(directory, text)


def test_prometheus_takes_rules_and_queries_and_they_say_what_the_verdict_says(judged, ending, tmp_path):
    server = start_prometheus(tmp_path, judged.admin)
    ending.callback(server.close)
    server.wait_series("umbra:fail:max")
    said = {}
    for where, query in queries().items():
        for mirror in (WORSE, SAME):
            text = re.sub(r'route="[^"]*"', f'route="{ROUTE}"', query)
            said[where, mirror] = server.value(re.sub(r'mirror="[^"]*"', f'mirror="{mirror}"', text))
    assert (said["flagger.yaml: umbra-fail", WORSE], said["flagger.yaml: umbra-fail", SAME]) == (1, 0)
    assert (said["argo-rollouts.yaml: umbra-verdict", WORSE], said["argo-rollouts.yaml: umbra-verdict", SAME]) == (-1, 1)
    assert None not in said.values(), said

    rules = {rule["name"]: rule for group in server.get("/api/v1/rules")["groups"] for rule in group["rules"]}
    assert len(rules) == 9
    assert {rule["health"] for rule in rules.values()} == {"ok"}, rules
    assert rules["UmbraShadowFails"]["state"] == "pending"
    assert {alert["labels"]["mirror"] for alert in rules["UmbraShadowFails"]["alerts"]} == {WORSE}


def test_manifests_are_yaml_and_umbra_skips_them_with_a_note():
    for name in ("flagger.yaml", "argo-rollouts.yaml"):
        done = subprocess.run([umbra.BINARY, "check", "-f", DIRECTORY / name], capture_output=True, text=True, timeout=20 * PATIENCE, check=False)
        assert done.returncode == 0
        assert "Umbra does not read" in done.stderr
    for path in DIRECTORY.glob("*.yaml"):
        assert list(yaml.safe_load_all(path.read_text())), path
    listed = re.findall(r"\]\(([\w.-]+)\)", (DIRECTORY / "README.md").read_text())
    assert sorted(listed) == sorted(path.name for path in DIRECTORY.iterdir() if path.name != "README.md")
