# SPDX-License-Identifier: Apache-2.0
"""Everybody is hostile at once, as in test_chaos, while the rules change under them: routes, filters, retries, backends, mirrors
and listeners come and go, files are broken, control is killed, and one umbra takes over from another. Clients that behave notice
nothing, the accounts are right, and when it is over nothing is left. UMBRA_CHAOS_SECONDS makes it longer, UMBRA_CHAOS_SEED other."""
import contextlib
import os
import random
import signal
import threading
import time
import zlib

import pytest

import chaos
import http1
import rules
from chaos import BadClient, GoodClient, pattern, query
from servers import free_port
from waiting import wait_for

SECONDS = float(os.environ.get("UMBRA_CHAOS_SECONDS", "6"))
SEED = int(os.environ.get("UMBRA_CHAOS_SEED", "1"))
COMPLAINTS = ("Sanitizer", "runtime error", "assertion", "is refused", " error gateway: ", " error supervisor: ")
RETRIES = 3
ORIGIN = "https://shop.example"


# ---- live ----

class Live:
    """chaos.live, and for /good?…&fail=N as many failures before the answer as N says; those that were asked for twice are
    answered at once."""

    def __init__(self):
        self.lock = threading.Lock()
        self.failed = {}

    def fails(self, message):
        if not message.target.startswith("/good/"):
            return False
        wanted = int(query(message.target).get("fail", 0))
        with self.lock:
            done = self.failed.get(message.target, 0)
            if done < wanted:
                self.failed[message.target] = done + 1
        return done < wanted

    def __call__(self, link):
        while message := link.head():
            chaos.check_request(message)
            rng = random.Random(message.target)
            if self.fails(message):
                link.body(message)
                kind = rng.choice(("status", "close", "reset"))
                if kind == "status":
                    link.send(http1.answer(503, b"not yet"))
                    continue
                if kind == "reset":
                    link.reset()
                return
            if not self.behave(link, message, rng):
                return

    @staticmethod
    def behave(link, message, rng):
        if message.method == "CONNECT":
            return chaos.BEHAVIOURS[rng.choice(("interim_and_tunnel", "declines"))](link, message, rng)
        behaviour = chaos.BEHAVIOURS.get(message.target.replace("http://", "").split("?")[0].split("/")[-1], chaos.good)
        if message.method == "HEAD" and behaviour in chaos.LATE:
            behaviour = chaos.good
        return behaviour(link, message, rng)


# ---- rules ----

REF = "group: umbra.dev, kind: Backend"
POLICY = """apiVersion: umbra.dev/v1alpha1
kind: MirrorPolicy
metadata: {name: %s}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: chaos}]
  sampling: {mode: %s}
  limits: {inFlight: %d, connections: %d, timeout: %s}
  request:
    host: {type: Suffix}
    headers: {set: [{name: X-Env, value: shadow}], add: [{name: X-More, value: "1"}], remove: [X-Crc-Not]}
    redact: {headers: [authorization, baggage], cookies: [sid], query: [token]}
---
"""


def mirror(name, percent=None):
    share = "" if percent is None else f", percent: {percent}"
    return f"{{type: RequestMirror, requestMirror: {{backendRef: {{{REF}, name: {name}}}{share}}}}}"


class Rules:
    """Texts of rules that all give the same answers to those that behave; whatever else may differ does."""

    def __init__(self, seed, lives, shadows):
        self.rng = random.Random(seed)
        self.lives = lives
        self.shadows = shadows
        self.dead = f"127.0.0.1:{free_port()}"
        self.port, self.other_port, self.coming_port = free_port(), free_port(), free_port()
        self.number = 0

    def filters(self, number):
        headers = (f"{{type: RequestHeaderModifier, requestHeaderModifier: {{set: [{{name: X-Rules, value: \"{number}\"}}], "
                   "add: [{name: X-Added, value: \"1\"}], remove: [X-Umbra-Chaos]}}")
        answer = (f"{{type: ResponseHeaderModifier, responseHeaderModifier: {{set: [{{name: X-Rules, value: \"{number}\"}}], "
                  "remove: [X-Nothing]}}")
        cors = f"{{type: CORS, cors: {{allowOrigins: [\"{ORIGIN}\"], allowMethods: [\"*\"], maxAge: 7}}}}"
        shadows = [mirror(f"shadow{i}", self.rng.choice((None, 100, 50, 0))) for i in self.rng.sample((0, 1, 2), self.rng.randrange(4))]
        return ", ".join([headers, answer, cors, *shadows])

    def rule(self, name, path, filters, times):
        rng = self.rng
        refs = []
        for live in rng.sample(("live0", "live1", "both"), rng.randrange(1, 4)):
            own = f", filters: [{mirror('shadow2')}]" if rng.random() < 0.5 else ""
            refs.append(f"{{{REF}, name: {live}, weight: {rng.randrange(1, 5)}{own}}}")
        return (f"  - name: {name}\n    matches: [{{path: {{type: PathPrefix, value: {path}}}}}]\n    filters: [{filters}]\n"
                f"    backendRefs: [{', '.join(refs)}]\n{times}")

    def more_routes(self):
        rng = self.rng
        texts = []
        for i in range(rng.choice((0, 0, 3, 40))):
            value = rng.choice((f"/more{rng.randrange(100)}", f"/more/(a|b{i})+/.*"))
            host = rng.choice(("a.test", "*.b.test", "shop.test"))
            kind = "RegularExpression" if "(" in value else rng.choice(("Exact", "PathPrefix"))
            texts.append(f"apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: more{i}}}\nspec:\n"
                         f"  parentRefs: [{{name: gw}}]\n  hostnames: ['{host}']\n  rules:\n"
                         f"  - matches: [{{path: {{type: {kind}, value: \"{value}\"}}, method: GET}}]\n"
                         f"    backendRefs: [{{{REF}, name: live0}}]\n---\n")
        return "".join(texts)

    def broken(self):
        """What can't be read, or means nothing; everything else has to go on."""
        return self.rng.choice((
            "", "", "", "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: wrong}\nspec: {rulez: []}\n---\n",
            rules.route("lost", live="nobody", path="/lost"), "kind: [\n---\n", rules.backend("odd", "127.0.0.1:99999"),
            rules.route("wild", live="live0", path="/wild", parent="nowhere")))

    def text(self, is_last=False):
        rng, number = self.rng, self.number
        self.number += 1
        ports = {"http": self.port}
        if is_last or rng.random() < 0.5:
            ports["coming"] = self.coming_port
        backends = [("live0", [self.lives[0]]), ("live1", [self.lives[1]]), ("both", [*self.lives, self.dead])]
        backends += [(f"shadow{i}", rng.sample(shadow, rng.randrange(1, len(shadow) + 1))) for i, shadow in enumerate(self.shadows)]
        rng.shuffle(backends)
        retry = f"    retry: {{codes: [502, 503, 504], attempts: {RETRIES}, backoff: {rng.choice((1, 20, 60))}ms}}\n"
        times = f"    timeouts: {{request: 60s, backendRequest: {rng.choice((15, 30))}s}}\n" + retry
        hasty = f"    timeouts: {{request: {rng.choice(('800ms', '3s'))}, backendRequest: {rng.choice(('150ms', '700ms'))}}}\n" + retry
        slash = "{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /good}}}"
        bad_slash = "{type: URLRewrite, urlRewrite: {hostname: other.test, path: {type: ReplacePrefixMatch, replacePrefixMatch: /bad}}}"
        route = ("apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: chaos}\nspec:\n"
                 "  parentRefs: [{name: gw}, {name: other}]\n  rules:\n")
        route += self.rule("good", "/good", self.filters(number), times)
        route += self.rule("rewritten", "/rewritten", f"{self.filters(number)}, {slash}", times)
        route += self.rule("bad", "/bad", self.filters(number), rng.choice((hasty, times, "")))
        route += self.rule("worse", "/worse", f"{self.filters(number)}, {bad_slash}", hasty)
        route += ("  - name: moved\n    matches: [{path: {type: PathPrefix, value: /moved}}]\n    filters: [{type: RequestRedirect, "
                  "requestRedirect: {hostname: moved.test, port: 81, path: {type: ReplacePrefixMatch, replacePrefixMatch: /to}}}]\n---\n")
        policy = POLICY % ("chaos", rng.choice(("Even", "Random")), rng.choice((2, 100)), rng.choice((1, 50)),
                           rng.choice(("200ms", "5s"))) if rng.random() < 0.6 else ""
        parts = [rules.gateway(**ports), rules.gateway("other", http=self.other_port), route, policy, self.more_routes(),
                 *(rules.backend(name, *at) for name, at in backends), "" if is_last else self.broken()]
        if not is_last:
            rng.shuffle(parts)
        return "".join(parts)


# ---- clients ----

class RuleClient(GoodClient):
    """Asks for what all rules answer alike: what live says, also after failures and by another path, redirects and preflights."""

    def request(self):
        rng = self.rng
        kind = rng.randrange(10)
        if kind == 0:
            target = f"/moved/x{rng.randrange(1 << 30)}?a=b"
            return "GET", target, b"", http1.post(target, b"unread" * 1000, method="GET") if rng.random() < 0.3 else http1.get(target)
        if kind == 1:
            target = f"/good/p?i={rng.randrange(1 << 30)}"
            return "OPTIONS", target, b"", http1.get(target, ("Origin", ORIGIN), ("Access-Control-Request-Method", "PUT"), method="OPTIONS")
        method, target, body, data = super().request()
        path = rng.choice(("/good/", "/rewritten/"))
        new = target.replace("/good/", path) + f"&fail={rng.choice((0, 0, 0, 1, RETRIES))}&token=t"
        return method, new, body, data.replace(target.encode(), new.encode(), 1)

    def judge(self, asked, answer):
        method, target, body, _ = asked
        if target.startswith("/moved/"):
            is_right = answer.status == 302 and answer.get("location") == "http://moved.test:81/to" + target[len("/moved"):]
        elif method == "OPTIONS":
            is_right = answer.status == 204 and answer.get("access-control-allow-origin") == ORIGIN and not answer.body
        else:
            meant = target.replace("/rewritten/", "/good/")
            size = int(query(target)["n"])
            is_empty = method == "HEAD" or (query(target)["f"] == "c" and size <= 7)
            is_right = (answer.status == 200 and answer.get("x-target") == meant and len(answer.all("x-rules")) == 1
                        and answer.body == (b"" if is_empty else pattern(meant, size))
                        and answer.get("x-body") == str(zlib.crc32(body)))
        if not is_right:
            self.wrong.append(f"{method} {target}: {answer.raw_head[:400]} {answer.body[:100]!r} ({len(answer.body)} bytes)")
        self.answers += 1


class WorseClient(BadClient):
    def target(self):
        return super().target().replace("/bad/", self.rng.choice(("/bad/", "/worse/", "/good/", "/moved/")), 1)


class Chaos:
    """What is running: the rules that change, and the clients."""

    def __init__(self, service, ruled, options=()):
        live = Live()  # both know how often a request has failed
        lives = [service(live, keep_bodies=False) for _ in range(2)]
        shadows = [[service(chaos.shadow(SEED + 10 * i + k, rudeness), keep_bodies=False) for k in range(2)]
                   for i, rudeness in enumerate((0.1, 0.3, 0.6))]
        self.rng = random.Random(SEED)
        self.rules = Rules(SEED, lives, shadows)
        self.through = ruled(self.rules.text(is_last=True), "--workers", "2", "--mirror-budget", "8Mi", "--shed", "off",
                             "--drain", "20s", "--data", "", *options)
        self.through.may_complain = True  # control has much to say about the rules
        wait_for(lambda: self.through.metrics().sum("umbra_analyst_up") == 1, "the analyst to answer")
        self.before = self.through.descriptors()
        self.reloads = 0
        self.next = {}

    def is_time(self, what, pause):
        now = time.monotonic()
        is_due = now >= self.next.setdefault(what, now + pause)
        if is_due:
            self.next[what] = now + pause
        return is_due

    def change(self):
        """Another text, whole or in two halves, and somebody asks for it or nobody."""
        text, rng = self.rules.text(), self.rng
        if rng.random() < 0.2:
            with open(self.through.rules, "w", encoding="utf-8") as file:
                file.write(text[:len(text) // 2])
                file.flush()
                time.sleep(0.02)
                file.write(text[len(text) // 2:])
        else:
            rng.choice((self.through.rename, self.through.rename, self.through.write))(text)
        self.reloads += 1
        if rng.random() < 0.7:
            self.through.reload()

    def play(self, seconds, disturb=lambda: None):
        through = self.through
        address = {name: f"127.0.0.1:{port}" for name, port in
                   (("first", self.rules.port), ("other", self.rules.other_port), ("coming", self.rules.coming_port))}
        good = [RuleClient(address["first"], SEED * 100), RuleClient(address["other"], SEED * 100 + 1)]
        patient = [RuleClient(address["coming"], SEED * 100 + 2, is_patient=True)]
        bad = [WorseClient(address[name], SEED * 100 + 50 + i) for i, name in
               enumerate(("first", "first", "first", "other", "coming", "coming"))]
        for client in good + patient + bad:
            client.start()
        end = time.monotonic() + seconds
        while time.monotonic() < end and not any(client.wrong for client in good + patient):
            if self.is_time("change", 0.1):
                self.change()
            disturb()
            time.sleep(0.01)
        for client in good + patient + bad:
            client.is_over.set()
        for client in good + patient + bad:
            client.join(90)
            assert not client.is_alive(), f"{client} waits for ever"
        wrong = [line for client in good + patient for line in client.wrong]
        assert not wrong, "\n".join(wrong[:10]) + through.log()[-3000:]
        assert sum(client.answers for client in good) > 2 * seconds and sum(client.count for client in bad) > 2 * seconds
        assert self.reloads > 1

    def check_nothing_is_left(self, may_say=()):
        """With the rules that are written last."""
        through = self.through
        through.rename(self.rules.text(is_last=True))
        generation = through.generation()
        through.reload()
        wait_for(lambda: through.generation() > generation and not through.errors(), "the last rules to be in force", 20)
        for port in (self.rules.port, self.rules.other_port, self.rules.coming_port):
            wait_for(lambda: through.status_of("/moved/x", f"127.0.0.1:{port}") == 302, f"port {port} to serve", 20)
        metrics = through.settled(timeout=60)
        assert metrics.mirror("matched") and metrics.mirror("completed") and metrics.mirror("failed")
        what = ("umbra_connections", "umbra_mirror_budget_bytes")
        wait_for(lambda: not any((at := through.metrics()).sum(name) for name in what),
                 lambda: f"nothing to be left: {[s for s in through.metrics().samples if s[0] in what]}", 25)
        wait_for(lambda: all(count <= self.before[role] for role, count in through.descriptors().items()),
                 lambda: f"descriptors as at the start: {self.before}, not {through.descriptors()}", 20)
        complaints = [line for line in through.log().splitlines()
                      if any(word in line for word in COMPLAINTS) and not any(word in line for word in may_say)]
        assert not complaints, "\n".join(complaints[:20])


# ---- tests ----

@pytest.mark.sanitize
def test_rules_change_under_hostile_peers_and_harm_nobody(service, ruled):
    all_of_it = Chaos(service, ruled)
    pid = all_of_it.through.pids()["gateway"]
    all_of_it.play(SECONDS)
    all_of_it.check_nothing_is_left()
    assert all_of_it.through.pids()["gateway"] == pid, "the gateway was restarted"


@pytest.mark.sanitize
def test_reload_signals_and_killed_controls_lose_no_answer(service, ruled):
    all_of_it = Chaos(service, ruled)
    through = all_of_it.through
    pid = through.pids()["gateway"]

    def disturb():
        through.reload()
        if all_of_it.is_time("kill", 1.5) and "control" in through.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(through.pids()["control"], signal.SIGKILL)

    all_of_it.play(SECONDS, disturb)
    wait_for(lambda: "control" in through.pids() and through.is_ready(), "control to be back")
    all_of_it.check_nothing_is_left(("was ended by signal 9 (Killed)", "does not take messages"))
    assert through.pids()["gateway"] == pid, "the gateway was restarted"


@pytest.mark.sanitize
def test_replacing_while_rules_change_loses_no_answer(service, ruled):
    all_of_it = Chaos(service, ruled)
    predecessors = []

    def disturb():
        if all_of_it.is_time("replace", 2.5):
            predecessors.append(all_of_it.through.replace())

    all_of_it.play(SECONDS, disturb)
    assert predecessors
    for process in predecessors:
        assert process.wait(40) == 0, all_of_it.through.log()[-3000:]
    all_of_it.check_nothing_is_left()


@pytest.mark.long
def test_hundreds_of_changes_leave_no_memory_behind(service, ruled):
    all_of_it = Chaos(service, ruled)
    through = all_of_it.through
    all_of_it.play(30)
    all_of_it.check_nothing_is_left()
    before, changes = through.resident(), all_of_it.reloads
    all_of_it.play(120, lambda: all_of_it.is_time("reload", 0.05) and through.reload())
    all_of_it.check_nothing_is_left()
    assert all_of_it.reloads > 3 * changes
    for role, bytes_before in before.items():
        assert through.resident()[role] < bytes_before * 1.25 + (4 << 20), f"{role}: {before}, then {through.resident()}"
