# SPDX-License-Identifier: Apache-2.0
"""The dashboard of deploy/monitoring in a real Prometheus: each of its queries has something to show."""
import json
import math
import re

import http1
import prometheus
import umbra
from judged import manifests
from servers import refused_address
from waiting import wait_for

DASHBOARD = umbra.ROOT / "deploy/monitoring/umbra.json"
# As the ServiceMonitor would have it: with the pod's name.
CONFIGURATION = """
global: {scrape_interval: 1s}
scrape_configs:
- job_name: umbra
  static_configs: [{targets: ["%s"], labels: {pod: umbra-0}}]
"""


def queries():
    """{(title, query)} of all panels, with Grafana's variables as they are at first."""
    def panels(above):
        for panel in above.get("panels", []):
            yield panel
            yield from panels(panel)
    found = set()
    for panel in panels(json.loads(DASHBOARD.read_text())):
        for target in panel.get("targets", []):
            query = target["expr"].replace("$__rate_interval", "10s")
            found.add((panel["title"], re.sub(r"\$(route|mirror)", ".*", query)))
    return found


def test_no_panel_is_empty_once_there_is_traffic(service, ruled, ending, tmp_path):
    # One shadow is refused, so that there is something in the panel of what fails.
    through = ruled(manifests(service(), service(), refused_address()), "--data", "")
    server = prometheus.Prometheus(tmp_path, CONFIGURATION % through.admin)
    ending.callback(server.close)
    server.wait_series("umbra_config_generation")
    left = queries()
    assert len(left) > 20 and "$" not in str(left)

    def all_have_shown():
        for number in range(10):
            assert through.status_of(f"/items/{number}") == 200
        for one in list(left):
            if any(math.isfinite(value) for value in server.values(one[1])):
                left.remove(one)
        return not left
    wait_for(all_have_shown, lambda: f"something to show of {sorted(left)}", 60, longest_pause=1)


def test_its_variables_are_labels_that_there_are(service, ruled):
    through = ruled(manifests(service(), service(), service()), "--data", "")
    assert through.status_of("/") == 200
    with http1.Connection(through.admin) as connection:
        metrics = umbra.Metrics(connection.ask(http1.get("/metrics", host=through.admin)).body.decode())
    for variable in json.loads(DASHBOARD.read_text())["templating"]["list"]:
        if variable["type"] == "query":
            name, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]).groups()
            assert metrics.labels(name, label), variable["name"]
