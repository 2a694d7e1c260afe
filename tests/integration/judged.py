# SPDX-License-Identifier: Apache-2.0
"""What verdicts are made of: a small shop as several versions of itself would answer, clients that ask it through umbra, and looks at
what umbra says about it. A request's number, the parameter n of its target, decides all that is not meant to be random, so that a run
gives the same counts each time."""
import collections
import contextlib
import json
import random
import subprocess
import sys
import threading
import time
import urllib.parse
import uuid

import http1
import rules
import umbra
from servers import free_port
from waiting import PATIENCE, wait_for

QUICKSTART = "default/quickstart#0"
ROUTE, MIRROR = "default/shop#all", "default/v2"
# So many requests are asked at most before the analyst has taken what comes of them: it runs after all others, and its ring has room for
# their records even while it gets no CPU at all. So nothing is lost on any machine, and counts can be told exactly.
AHEAD = 40
# Seconds for the analyst to take some: a deadline for a machine that is busy with other things.
TAKEN = 120
# For tests that are not about latency: a busy machine may wake one service later than the other.
CALM = "{maxLatencyAdded: 10s, findingLatencyAdded: 10s}"
VERDICT_KEYS = {
    "": {"route", "mirror", "verdict", "reasons", "since", "revision", "pairs", "unpaired", "delivery", "status", "body", "headers",
         "latency_ms", "blind"},
    "revision": {"live", "shadow"}, "delivery": {"attempted", "shadow_failed", "lost"},
    "status": {"live", "shadow", "mismatched"}, "body": {"compared", "same", "noise", "different"}, "headers": {"different"},
    "latency_ms": {"live", "shadow", "delta"}}

Judgement = collections.namedtuple("Judgement", "code text errors")


# ---- services ----

class Reply:
    """What a shop is about to answer; a fault changes it. `value` is written as JSON unless `body` is there."""

    def __init__(self, number, target, status, value):
        self.number, self.target, self.status, self.value = number, target, status, value
        self.fields = {"Content-Type": "application/json"}
        self.body = None
        self.is_reset = False
        self.is_silent = False

    def bytes(self):
        body = json.dumps(self.value).encode() if self.body is None else self.body
        return http1.answer(self.status, body, *self.fields.items())


def number_of(target):
    return int(urllib.parse.parse_qs(urllib.parse.urlsplit(target).query).get("n", ["0"])[0])


def item(name):
    """As the catalogue has it: from 900 on there is none."""
    if not name.isdigit() or int(name) >= 900:
        return 404, {"error": "no such item"}
    key = int(name)
    return 200, {"id": key, "name": f"thing {key}", "price": round(1 + key * 1.37 % 90, 2), "stock": {"count": key % 13, "place": "A"},
                 "tags": ["new", "blue", f"t{key % 5}"], "note": None}


def noisy(reply, seed):
    """What no two answers of one service have in common. How a float was rounded depends on the request's number and the seed."""
    rng = random.Random(f"{seed} {reply.number}")
    fields = list({**reply.value, "request_id": str(uuid.uuid4()), "at": time.time(),
                   "weight": rng.choice((0.3, 0.30000000000000004)), "score": rng.choice((5, 5.0, 50e-1))}.items())
    random.shuffle(fields)
    reply.value = dict(fields)
    reply.fields.update({"Date": time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(rng.randrange(1 << 30))),
                         "Server": f"shop/{seed}", "ETag": f'"{uuid.uuid4().hex}"', "X-Request-Id": str(uuid.uuid4())})


def shop(spoil=None, noise=None):
    """A script for servers.Service: GET /items/ID answers JSON. `spoil(reply)` is the version's fault; `noise` is the seed of what is
    different in each instance."""
    def script(link):
        while request := link.request():
            path = urllib.parse.urlsplit(request.target).path
            reply = Reply(number_of(request.target), request.target, *item(path.rsplit("/", 1)[1]))
            if noise is not None:
                noisy(reply, noise)
            if spoil:
                spoil(reply)
            if reply.is_silent:
                link.wait_close()
                return
            if reply.is_reset:
                link.reset()
                return
            link.send(reply.bytes())
    return script


def every(count, change, offset=3):
    """A fault in one of so many answers."""
    def spoil(reply):
        if reply.number % count == offset % count:
            change(reply)
    return spoil


ORIGIN = """
import asyncio, statistics, sys, time
delay = float(sys.argv[1])
took = []
async def serve(reader, writer):
    try:
        while True:
            request = await reader.readuntil(b"\\r\\n\\r\\n")
            begin = time.monotonic()
            body = b"hello"
            if request.startswith(b"GET /median "):
                body = b"%.6f" % statistics.median(took)
            else:
                await asyncio.sleep(delay)
            writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n%s" % (len(body), body))
            if body == b"hello":
                took.append(time.monotonic() - begin)
    except (OSError, asyncio.IncompleteReadError):
        writer.close()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


class Origin:
    """Answers "hello" after so many milliseconds; a process of its own, so that its time is not that of the test's threads."""

    def __init__(self, delay_ms):
        self.process = subprocess.Popen([sys.executable, "-c", ORIGIN, str(delay_ms / 1000)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE)
        self.address = f"127.0.0.1:{int(self.process.stdout.readline())}"

    def median_ms(self):
        """Of the time that it really took over its answers: a busy machine wakes it late."""
        with http1.Connection(self.address) as connection:
            return 1000 * float(connection.ask(http1.get("/median")).body)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


# ---- clients ----

def targets(count, first=0, ids=40, base=1):
    return [f"/items/{base + n * 7 % ids}?n={n}" for n in range(first, first + count)]


def ask_all(address, asked, connections=4, *fields, check=lambda response: response.status < 500):
    """Asks for each target, over some connections at once; all of them are answered well. Returns how many that were. `asked` is gone
    through as requests are sent, so that it may hold them back."""
    source, failures, counts = iter(asked), [], []
    lock = threading.Lock()

    def take():
        with lock:
            target = next(source, None)
            counts.append(target is not None)
        return target if target is None or isinstance(target, bytes) else http1.get(target, *fields)

    def run():
        connection = request = None
        while not failures:
            try:
                request = take()
                if request is None:
                    break
                connection = connection or http1.Connection(address, timeout=20 * PATIENCE)
                response = connection.ask(request)
                if not check(response):
                    failures.append(f"{request[:80]}: {response}")
                if response.get("Connection") == "close":
                    connection = connection.close()
            except (OSError, http1.Broken, AssertionError) as error:
                failures.append(f"{request and request[:80]}: {error!r}")
        if connection:
            connection.close()

    threads = [threading.Thread(target=run, daemon=True) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(600 * PATIENCE)
    assert not failures, failures[:3]
    return sum(counts)


# ---- looks ----

def page(through, path, status=200):
    """The JSON of a page of the admin port, or the text of an error."""
    response = through.ask(path)
    assert response.status == status, f"{path}: {response.status} {response.body[:300]}"
    return json.loads(response.body) if status == 200 else response.body.decode()


def verdicts(through):
    """{(route, mirror): verdict} as far as the analyst says so; it may be away for a moment."""
    with contextlib.suppress(OSError, http1.Broken):
        response = through.ask("/api/verdict")
        if response.status == 200:
            return {(one["route"], one["mirror"]): one for one in json.loads(response.body)["verdicts"]}
    return {}


def verdict(through, mirror=None):
    """That of the one mirror, or of the one with this label; None when there is none."""
    return next((one for (_, label), one in verdicts(through).items() if mirror in (None, label)), None)


def wait_verdict(through, condition, what, mirror=None, timeout=TAKEN):
    """The verdict of which `condition` is true."""
    last = None

    def look():
        nonlocal last
        last = verdict(through, mirror)
        return last and condition(last) and last
    return wait_for(look, lambda: f"{what}; the verdict is {json.dumps(last)}", timeout, 0.2)


def wait_pairs(through, count, mirror=None, timeout=TAKEN):
    """The verdict on at least so many pairs."""
    return wait_verdict(through, lambda one: one["pairs"] >= count, f"{count} pairs", mirror, timeout)


def taken(one):
    """The copies that a verdict knows the end of."""
    return one["pairs"] + one["delivery"]["shadow_failed"] + one["delivery"]["lost"] if one else 0


def ask_paced(through, asked, mirror=None, ahead=AHEAD, **options):
    """As ask_all, but never faster than the analyst takes what comes of it, and until it has taken all. `mirror` as in verdict()."""
    before = taken(verdict(through, mirror))

    def wait_taken(count):
        wait_verdict(through, lambda one: taken(one) >= before + count, f"{before + count} copies to be taken", mirror)

    def held_back():
        known = 0
        for number, target in enumerate(asked):
            if number - known >= ahead:
                known = number - ahead // 2
                wait_taken(known)
            yield target

    count = ask_all(through.address, held_back(), **options)
    wait_taken(count)
    return count


def judged(through, asked, mirror=None, **options):
    """The verdict when all of these were asked and every pair of them is in it."""
    before = (verdict(through, mirror) or {"pairs": 0})["pairs"]
    return wait_pairs(through, before + ask_paced(through, asked, mirror, **options), mirror)


def findings(through, **wanted):
    """Those with these members."""
    return [one for one in page(through, "/api/findings")["findings"] if all(one.get(key) == value for key, value in wanted.items())]


def samples(through, finding):
    return page(through, f"/api/findings/{finding['id']}")["samples"]


def report(*arguments, timeout=60):
    """`umbra report` as it is: exit code, standard output and standard error."""
    done = subprocess.run([umbra.BINARY, "report", *[str(word) for word in arguments]], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=timeout * PATIENCE, check=False)
    return Judgement(done.returncode, done.stdout, done.stderr)


def report_of(through, *arguments, **options):
    return report("--admin", through.admin, *arguments, **options)


# ---- rules ----

def manifests(live, *shadows, control=None, policy="", compare="", annotations=""):
    """One route from a free port to `live`, mirrored to v2, v3, …; `policy` are lines of the spec of the MirrorPolicy of all of them,
    `compare` members of its compare. `annotations` are those of v2."""
    names = [f"v{number}" for number in range(2, 2 + len(shadows))]
    text = rules.gateway(http=free_port()) + rules.backend("v1", live)
    text += "".join(rules.backend(name, shadow) for name, shadow in zip(names, shadows))
    if annotations:
        text = text.replace("metadata: {name: v2}", f"metadata: {{name: v2, annotations: {{{annotations}}}}}")
    if control:
        text += rules.backend("v1-twin", control)
        compare += (", " if compare else "") + "control: {backendRef: {group: umbra.dev, kind: Backend, name: v1-twin}}"
    policy += f"\ncompare: {{{compare}}}" if compare else ""
    policy += f"\nverdict: {CALM}" if "verdict:" not in policy else ""
    return text + rules.route(shadow=names) + rules.policy(policy)
