# SPDX-License-Identifier: Apache-2.0
"""Nothing counts as fast that was not also right: what both sides counted must agree with what the load did."""
import time

import measure

M = "umbra_mirror_"
ABORTED = (M + "dropped_total/client_abort", M + "failed_total/client_abort")


def equations(metrics):
    """The two equations of the accounting, as sentences when they do not hold."""
    def get(name):
        return metrics.get(M + name, 0)

    problems = []
    parts = ("sampled_out_total", "filtered_total", "dropped_total", "sent_total", "queued")
    if get("matched_total") != sum(get(part) for part in parts):
        problems.append(f"matched {get('matched_total'):.0f} is not the sum of " +
                        ", ".join(f"{part} {get(part):.0f}" for part in parts))
    parts = ("completed_total", "failed_total", "in_flight")
    if get("sent_total") != sum(get(part) for part in parts):
        problems.append(f"sent {get('sent_total'):.0f} is not the sum of " +
                        ", ".join(f"{part} {get(part):.0f}" for part in parts))
    return problems


class Watch:
    """Counts before a load; settled() waits for the last copies and compares. Works for every proxy: umbra's own
    counters are asked where there are any."""

    def __init__(self, proxy, live, shadow=None, is_healthy=True):
        self.proxy = proxy
        self.live = live
        self.shadow = shadow
        self.is_healthy = is_healthy  # the shadow: only then copies = requests
        self.live_before = live.requests()
        self.shadow_before = shadow.requests() if shadow and is_healthy else 0
        self.before = self.metrics()

    def metrics(self):
        return self.proxy.metrics() if self.shadow and hasattr(self.proxy, "metrics") else None

    def settled(self, result, slack=0):
        """Problems as sentences. `slack`: requests that the load may have left unanswered at its end (wrk's)."""
        problems = []
        requests = result["requests"]
        if result["errors"]:
            problems.append(f"{result['errors']} of {requests} requests failed: {result.get('why', 'socket errors')}")
        if requests == 0:
            problems.append("not one request was answered")
        if not self.proxy.is_alive():
            return problems + [f"{self.proxy.name} ended"]
        self._await_quiet()
        if self.shadow and self.is_healthy:
            copies = self.shadow.requests() - self.shadow_before
            problems += self._between("copies at the shadow", copies, requests, slack)
        arrived = self.live.requests() - self.live_before
        problems += self._between("requests at the live service", arrived, requests, slack)
        if self.before is not None:
            problems += self._accounting(requests, slack)
        return [f"{self.proxy.name}: {problem}" for problem in problems]

    def _await_quiet(self):
        """Copies may be some milliseconds behind, and so may what a load gave up on: a request of this measurement must
        not be counted in the next."""
        sides = [self.live] + ([self.shadow] if self.shadow and self.is_healthy else [])
        counts, quiet_since, end = None, time.monotonic(), time.monotonic() + 3
        while time.monotonic() < min(end, quiet_since + 0.05):
            time.sleep(0.01)
            now = [side.requests() for side in sides]
            if now != counts:
                counts, quiet_since = now, time.monotonic()

    @staticmethod
    def _between(what, count, requests, slack):
        return [] if requests <= count <= requests + slack else [f"{count} {what}, {requests} requests"]

    def _accounting(self, requests, slack):
        def is_still():
            metrics = self.metrics()
            return metrics[M + "in_flight"] == 0 and metrics[M + "queued"] == 0

        if self.is_healthy:
            try:
                measure.wait_until(is_still, 5, "copies in flight to end")
            except measure.Broken as broken:
                return [str(broken)]
        after = self.metrics()
        problems = equations(after) if self.is_healthy else []
        delta = {name: value - self.before.get(name, 0) for name, value in after.items()}
        problems += self._between("matched", round(delta.get(M + "matched_total", 0)), requests, slack)
        if self.is_healthy:
            aborted = sum(delta.get(name, 0) for name in ABORTED) if slack else 0
            completed = delta.get(M + "completed_total", 0) + aborted
            found = self._between("copies completed", round(completed), requests, slack)
            if found:
                lost = (name for name, value in delta.items() if value and "_total/" in name and
                        name.startswith((M + "dropped", M + "failed", M + "filtered")))
                found.append(f"lost: {', '.join(f'{name.removeprefix(M)} {delta[name]:.0f}' for name in lost)}")
            problems += found
        return problems
