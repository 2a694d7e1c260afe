# SPDX-License-Identifier: Apache-2.0
"""Each request of malformed.py gets the answers that it must get, is counted with its reason, and live and shadow see exactly
the requests that they may see: in one piece, and in pieces that are cut anywhere."""
import random
import time

import pytest

import http1
from http1 import get
from malformed import AFTER, BODIES, CASES, HEADS
from waiting import wait_for

SPLITS = 3  # of each case, besides the whole
LINGER = 1.5  # seconds; for a little longer what a client still sends is read, after the last answer


def cut(data, rng):
    """Pieces of the data: some, or now and then single bytes of what is short."""
    if len(data) < 200 and rng.random() < 0.02:
        return [data[at:at + 1] for at in range(len(data))]
    places = sorted(rng.randrange(1, len(data)) for _ in range(rng.randrange(1, 8)))
    return [data[begin:end] for begin, end in zip([0, *places], [*places, len(data)]) if end > begin]


def answers(address, pieces):
    """The statuses of all answers until the gateway closes."""
    statuses, began = [], time.monotonic()
    with http1.Connection(address, timeout=10) as connection:
        try:
            for piece in pieces:
                connection.send(piece)
                if len(pieces) > 1:
                    time.sleep(0.0003)  # a read of its own, mostly
        except OSError:
            pass  # refused and closed before all was sent
        try:
            while True:
                statuses.append(connection.response().status)
        except http1.Broken as broken:
            is_late = time.monotonic() - began > LINGER  # a busy machine let the client send pieces when all was over
            assert (str(broken) == "closed" or is_late) and not broken.message, f"{statuses}, then {broken} in {broken.message}"
    return statuses


class Between:
    """A gateway between two captures, asked one case after the other."""

    def __init__(self, live, shadow, through):
        self.live, self.shadow, self.through = live, shadow, through
        self.before = None
        self.cut = 0  # requests that may have been begun

    def check(self, case, pieces):
        """Whatever the case before left behind does not count."""
        self.before = self.through.settled()
        whole = {service: len(service.requests) for service in (self.live, self.shadow)}
        self.cut += case.is_cut
        assert answers(self.through.address, pieces) == case.answers
        self.check_counts(case, self.through.settled())
        for service, count in whole.items():
            messages = service.wait(count + len(case.seen))[count:]
            seen = [(message.target, message.body) for message in messages]
            if service is self.live:
                assert seen == case.seen
            assert sorted(seen) == sorted(case.seen)  # copies may be on their way at the same time
            for message in messages:
                check_framing(message)

    def check_stumps(self):
        """Of what was cut, at most one request each was begun, and none became whole later."""
        whole = {service: len(service.requests) for service in (self.live, self.shadow)}
        for service, count in whole.items():
            wait_for(lambda service=service: all(self.is_over(message, service) for message in service.broken),
                     "all stumps to be over")
            assert len(service.requests) == count and len(service.broken) <= self.cut

    @staticmethod
    def is_over(message, service):
        with service.lock:
            return message.connection not in [link.number for link in service.links]

    def check_counts(self, case, metrics):
        def more(of):
            return of(metrics) - of(self.before)
        assert more(lambda at: at.refused()) == (case.reason is not None)
        if case.reason:
            assert more(lambda at: at.refused(reason=case.reason)) == 1
        matched = more(lambda at: at.mirror("matched"))
        aborted = more(lambda at: at.mirror("failed", reason="client_abort") + at.mirror("dropped", reason="client_abort"))
        assert len(case.seen) <= matched <= len(case.seen) + case.is_cut
        assert aborted == matched - len(case.seen)
        assert more(lambda at: at.mirror("completed")) == len(case.seen)


def check_framing(message):
    """One framing, one host, no field that an intermediary could take for another framing of its own."""
    lengths, codings = message.all("Content-Length"), message.all("Transfer-Encoding")
    assert len(lengths) + len(codings) <= 1, message.raw_head
    assert codings in ([], ["chunked"]) and (not lengths or lengths[0].isdigit()), message.raw_head
    assert bool(lengths or codings) or not message.body_length, message.raw_head
    assert len(message.all("Host")) == 1 and message.first_line.endswith(" HTTP/1.1"), message.raw_head
    names = {name.lower() for name, _ in message.trailers}
    assert not names & {"content-length", "transfer-encoding", "host"}, message.trailers


@pytest.fixture
def between(service, gateway):
    live, shadow = service(), service()
    return Between(live, shadow, gateway(live, shadow, "--mirror-writes", "--shed", "off", "--workers", "1"))


def test_the_corpus_is_as_large_as_was_promised():
    assert len(HEADS) + len(BODIES) >= 100


@pytest.mark.sanitize
def test_each_case_is_answered_counted_and_seen_as_it_must_be(between):
    failures = []
    for name, case in CASES.items():
        try:
            between.check(case, [case.data + AFTER])
        except AssertionError as error:
            failures.append(f"{name}: {error}")
    assert not failures, "\n\n".join(failures)
    between.check_stumps()
    assert between.through.get("/still-serves").status == 200


@pytest.mark.sanitize
def test_each_case_is_read_the_same_wherever_it_is_cut(between):
    for name, case in CASES.items():
        rng = random.Random(name)
        for _ in range(SPLITS):
            pieces = cut(case.data + AFTER, rng)
            try:
                between.check(case, pieces)
            except AssertionError as error:
                raise AssertionError(f"{name}, cut as {pieces}: {error}") from error
    between.check_stumps()


def test_a_refused_connection_does_not_disturb_others(between):
    """On one worker, while a good request is half sent."""
    good = get("/good", ("X-A", "b"), ("Connection", "close"))
    with between.through.connect() as connection:
        connection.send(good[:20])
        for name, case in HEADS.items():
            assert answers(between.through.address, [case.data]) == case.answers, name
        assert connection.ask(good[20:]).status == 200
    assert [message.target for message in between.shadow.wait(1)] == ["/good"]
