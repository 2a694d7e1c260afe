# SPDX-License-Identifier: Apache-2.0
"""What is kept: verdicts go on where they were, secrets never get there, and what is erased is gone."""
import base64
import gzip
import json
import pathlib
import sqlite3
import subprocess

import umbra
from http1 import answer, get, post
from judged import (ask_all, every, findings, judged, manifests, page, report_of, shop, targets, verdict, wait_pairs)
from servers import answering
from waiting import wait_for

NAMED = 'umbra.dev/revision: "%s"'


def dearer(reply):
    reply.value = {**reply.value, "price": -1}


def named(text, live, shadow):
    """The same rules, in which somebody says which revisions these are."""
    for name, revision in (("v1", live), ("v2", shadow)):
        text = text.replace(f"metadata: {{name: {name}}}", f"metadata: {{name: {name}, annotations: {{{NAMED % revision}}}}}")
    return text


def is_up(through):
    return wait_for(lambda: through.ask("/api/verdict").status == 200, "the analyst")


# ---- over restarts ----

def test_a_run_that_is_stopped_and_started_again_goes_on_with_its_verdict(service, ruled, tmp_path):
    text = named(manifests(service(shop()), service(shop(every(5, dearer)))), "1.0", "1.1")
    through = ruled(text, "--data", tmp_path / "data")
    before = judged(through, targets(60))
    found, = findings(through, field="body.$.price") or [None]
    assert before["revision"] == {"live": "1.0", "shadow": "1.1"}
    through.stop()
    through = ruled(text, "--data", tmp_path / "data")
    is_up(through)
    after = wait_pairs(through, 60)
    assert {**after, "reasons": 0} == {**before, "reasons": 0}
    more = judged(through, targets(60, first=60))
    assert (more["pairs"], more["since"], more["verdict"]) == (120, before["since"], "FAIL")
    assert more["body"]["different"] == 24
    assert more["delivery"]["attempted"] == 120
    again, = findings(through, field="body.$.price")
    assert (again["id"], again["first_seen"]) == (found["id"], found["first_seen"])
    assert report_of(through).code == 1


def test_another_revision_starts_anew(service, ruled):
    text = manifests(service(shop()), service(shop(every(5, dearer))))
    through = ruled(named(text, "1.0", "1.1"))
    is_up(through)
    assert judged(through, targets(120))["verdict"] == "FAIL"
    through.change(named(text, "1.0", "1.2"))
    fresh = wait_for(lambda: (at := verdict(through)) and at["revision"]["shadow"] == "1.2" and at, "the new revision")
    assert (fresh["pairs"], fresh["verdict"]) == (0, "INSUFFICIENT"), fresh
    assert not findings(through)
    seen = judged(through, targets(120, first=1000, ids=1))
    assert seen["pairs"] == 120 and seen["since"] >= fresh["since"] if fresh["since"] else seen["pairs"] == 120


def test_a_store_of_a_newer_version_is_set_aside_and_said(service, gateway, tmp_path):
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    database = sqlite3.connect(data / "umbra.db")
    database.execute("CREATE TABLE future(secret)")
    database.execute("PRAGMA user_version = 999")
    database.execute("PRAGMA application_id")
    database.commit()
    database.close()
    through = gateway(service(shop()), service(shop()), "--data", data)
    through.may_complain = True
    judged(through, targets(10))
    aside = [path for path in data.iterdir() if path.name.startswith("umbra.db.")
             and not path.name.endswith((".lock", "-wal", "-shm"))]
    assert len(aside) == 1, list(data.iterdir())
    assert aside[0].name in through.log()
    through.stop()
    kept = sqlite3.connect(data / "umbra.db")
    assert kept.execute("SELECT count(*) FROM slots").fetchone()[0] > 0


# ---- secrets ----

CANARY = "canary7Hq2Zx"


def everywhere(directory, canary):
    """Files that have it, as it is or packed."""
    return [str(path) for path in pathlib.Path(directory).rglob("*") if path.is_file() and canary.encode() in path.read_bytes()]


def multipart(name, value):
    boundary = "----b0undary"
    body = "".join(f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{text}\r\n'
                   for key, text in (("plain", "kept-part"), (name, value))) + f"--{boundary}--\r\n"
    return body.encode(), f"multipart/form-data; boundary={boundary}"


def requests_with(canary):
    """A secret in each place where there may be one."""
    document = json.dumps({"card": {"number": canary}, "list": [{"token": canary}], "name": "kept-json"}).encode()
    form = f"name=kept-form&token={canary}&last=1".encode()
    parts, parts_type = multipart("token", canary)
    kept = ("X-Kept", "kept-header")
    headers = [("Authorization", f"Bearer {canary}"), ("Cookie", f"a=1; session={canary}"), ("X-Api-Key", canary),
               ("X-Secret", canary), ("Proxy-Authorization", f"Basic {canary}")]
    yield from (get(f"/header{number}", header, kept) for number, header in enumerate(headers))
    yield get(f"/query?name=kept-query&token={canary}&z=1")
    as_json = ("Content-Type", "application/json")
    yield post("/json", document, as_json)
    yield post("/gzip", gzip.compress(document), as_json, ("Content-Encoding", "gzip"))
    yield post("/form", form, ("Content-Type", "application/x-www-form-urlencoded"))
    yield post("/multipart", parts, ("Content-Type", parts_type))


RULES = """compare:
  redact:
    headers: [X-Secret]
    query: [token]
    jsonPaths: [$.card, "$..token"]"""


def answers(canary, word, is_packed):
    """What a service answers: the secret in a header, a cookie and in JSON."""
    body = json.dumps({"card": {"number": canary + word}, "more": [{"token": canary + word}], "shown": word}).encode()
    fields = [("Content-Type", "application/json"), ("Set-Cookie", f"session={canary}{word}; Path=/"), ("X-Secret", canary + word)]
    if is_packed:
        body, fields = gzip.compress(body), [*fields, ("Content-Encoding", "gzip")]
    return answering(answer(200, body, *fields))


def kept_samples(through):
    return [json.dumps(page(through, f"/api/findings/{one['id']}")) for one in findings(through)]


def test_no_secret_gets_into_files_pages_or_logs_and_purge_leaves_none_of_the_rest(service, ruled, tmp_path):
    live, shadow = service(answers(CANARY, "one", False)), service(answers(CANARY, "two", True))
    data = tmp_path / "data"
    through = ruled(manifests(live, shadow, policy=RULES + "\nverdict: {minPairs: 10}"), "--data", data)
    is_up(through)
    asked = list(requests_with(CANARY))
    judged(through, asked * 12)
    # What is no secret is there, so that there is something to find; only so many samples are taken a second.
    for word in ("kept-header", "kept-query", "kept-json", "kept-form", "kept-part"):
        wait_for(lambda: any(word in text for text in kept_samples(through)) or not ask_all(through.address, asked), word)
    listed = findings(through)
    pages = [json.dumps(page(through, path)) for path in ("/api/verdict", "/api/findings", "/api/services", "/api/tallies")]
    pages += [through.ask("/metrics").body.decode(), through.ask("/status").body.decode()]
    kept = kept_samples(through)
    done = report_of(through)
    for text in (*pages, *kept, done.text, report_of(through, "--format", "json").text):
        assert CANARY not in text, text[max(0, text.find(CANARY) - 300):text.find(CANARY) + 60]
    assert any(one["field"] == "body.$.shown" for one in listed), listed
    assert CANARY not in through.log()
    through.stop()
    assert CANARY not in through.log()
    assert not everywhere(data, CANARY)
    base64_of_it = base64.b64encode(CANARY.encode()).decode().rstrip("=")
    assert not everywhere(data, base64_of_it)
    assert everywhere(data, "kept-header")
    done = subprocess.run([umbra.BINARY, "purge", "--data", str(data)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert not everywhere(data, "kept-header") and not everywhere(data, "body.$.shown")
