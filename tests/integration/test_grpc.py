# SPDX-License-Identifier: Apache-2.0
"""Calls of gRPC through umbra, with Debian's grpcio on both sides and mirrors on a second server: all four kinds of streams."""
import base64
import subprocess
import threading

import grpc
import pytest

import rules
from grpc_calls import LONG, SERVICE, Echo, client, mirror, plain, refs, route
from servers import free_port, refused_address
from waiting import wait_for

LABEL = "grpcroute/default/calls#all"


@pytest.fixture
def echo(ending):
    def start(name, script=None):
        started = Echo(name, script)
        ending.callback(started.close)
        return started
    return start


class Play:
    """One GRPCRoute for all calls to shop.test, from a free port to `live`, mirrored to `shadows`."""

    def __init__(self, ruled, live, *shadows, options=(), policy=""):
        names = [f"shadow-{i}" for i in range(len(shadows))]
        filters = f"    filters: [{', '.join(mirror(name) for name in names)}]\n" if names else ""
        text = (rules.gateway(http=free_port()) + rules.backend("live", *([live] if live else []))
                + "".join(rules.backend(name, shadow) for name, shadow in zip(names, shadows))
                + route("calls", f"  - name: all\n    {refs('live')}\n{filters}") + policy)
        self.umbra = ruled(text, "--shed", "off", *options)
        self.address = self.umbra.address

    def client(self):
        return client(self.address)

    def counted(self, method, status, backend="default/live"):
        return self.umbra.metrics().sum("umbra_grpc_requests_total", route=LABEL, backend=backend, method=method,
                                        grpc_status=status)


@pytest.fixture
def play(ruled):
    return lambda *arguments, **options: Play(ruled, *arguments, **options)


def test_all_four_kinds_of_streams_pass_and_are_copied(play, echo):
    live, shadow = echo("live"), echo("shadow")
    play = play(live, shadow)
    messages = [b"one", b"", b"three" * 1000]
    metadata = (("t-name", "value"), ("t-bytes-bin", b"\0\1\xff"))
    with play.client() as calls:
        answer, call = calls.unary(b"hello", metadata=metadata)
        assert answer == b"live:hello"
        assert plain(call.trailing_metadata()) == {"t-trailer": "live"}
        assert calls.client_stream(messages, metadata=metadata)[0] == b"live:" + messages[-1]
        assert list(calls.server_stream(b"hi", metadata=metadata)) == [b"live:hi"]
        assert list(calls.both(messages, metadata=metadata)) == [b"live:" + message for message in messages]
    def seen(service):
        return sorted((call.path, plain(call.metadata.items()), call.messages) for call in service.wait(4))
    wanted = {"t-name": "value", "t-bytes-bin": b"\0\1\xff"}
    assert seen(live) == [(f"/{SERVICE}/Both", wanted, messages), (f"/{SERVICE}/Client", wanted, messages),
                          (f"/{SERVICE}/Server", wanted, [b"hi"]), (f"/{SERVICE}/Unary", wanted, [b"hello"])]
    assert seen(shadow) == seen(live)
    metrics = play.umbra.settled(lambda metrics: metrics.mirror("completed") == 4)
    for method in ("Unary", "Client", "Server", "Both"):
        assert play.counted(f"/{SERVICE}/{method}", "0") == 1
    assert metrics.sum("umbra_mirror_grpc_completed_total", route=LABEL, grpc_status="0") == 4
    assert metrics.requests(route=LABEL, code="200") == 4


def test_statuses_and_their_messages_pass_and_are_counted(play, echo):
    def refuse(service, call, context, messages):
        for message in messages:
            call.messages.append(message)
        context.abort(grpc.StatusCode.NOT_FOUND, "no such cart: ä 100%\n")
        yield b""
    def fail(service, call, context, messages):
        for _ in messages:
            yield b"first"
        context.abort(grpc.StatusCode.DATA_LOSS, "half")
    live, shadow = echo("live", refuse), echo("shadow", fail)
    play = play(live, shadow)
    with play.client() as calls:
        assert calls.status() == (grpc.StatusCode.NOT_FOUND, "no such cart: ä 100%\n")
        with pytest.raises(grpc.RpcError) as error:
            list(calls.server_stream(b""))
        assert error.value.code() == grpc.StatusCode.NOT_FOUND
    metrics = play.umbra.settled(lambda metrics: metrics.mirror("completed") == 2)
    assert play.counted(f"/{SERVICE}/Unary", "5") == 1
    assert play.counted(f"/{SERVICE}/Server", "5") == 1
    assert metrics.sum("umbra_mirror_grpc_completed_total", route=LABEL, grpc_status="15") == 2


def test_methods_that_live_does_not_know_are_counted_together(play, echo):
    live = echo("live")
    live.knows = lambda path: path.startswith(f"/{SERVICE}/")
    play = play(live)
    with play.client() as calls:
        assert calls.status(service="no.Such", method="Unary")[0] == grpc.StatusCode.UNIMPLEMENTED
        assert calls.status(service="none.Such", method="Unary")[0] == grpc.StatusCode.UNIMPLEMENTED
        assert calls.status() == (grpc.StatusCode.OK, "")
    wait_for(lambda: play.counted("other", "12") == 2, "both calls counted")
    assert play.counted(f"/{SERVICE}/Unary", "0") == 1


@pytest.mark.parametrize("kind", ["Unary", "Both"])
def test_a_deadline_reaches_live_and_ends_the_call(play, echo, kind):
    entered, left = threading.Event(), threading.Event()

    def hang(service, call, context, messages):
        assert context.time_remaining() < LONG
        context.add_callback(left.set)
        entered.set()
        left.wait(LONG)
        yield b""
    play = play(echo("live", hang), echo("shadow"))
    with play.client() as calls:
        with pytest.raises(grpc.RpcError) as error:
            if kind == "Unary":
                calls.unary(timeout=1)
            else:
                list(calls.both([b"x"], timeout=1))
        assert error.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert entered.wait(LONG) and left.wait(LONG)
    # Whose clock was first: umbra's (504), the client's (499) or live's, which answers in whole.
    wait_for(lambda: play.umbra.metrics().requests(route=LABEL) == 1, "the call counted")
    metrics = play.umbra.metrics()
    assert sum(metrics.sum("umbra_grpc_requests_total", route=LABEL, grpc_status=status) for status in "14") == 1
    assert sum(metrics.requests(route=LABEL, code=code) for code in ("200", "499", "504")) == 1


def test_a_client_that_cancels_resets_live_and_aborts_the_copy(play, echo):
    more = threading.Event()

    def follow(service, call, context, messages):
        """To grpcio's handlers a call that is cancelled may look like one without further messages."""
        is_over = threading.Event()
        context.add_callback(is_over.set)
        yield from service.repeat(call, context, messages)
        is_over.wait(LONG)
    live, shadow = echo("live", follow), echo("shadow", follow)
    play = play(live, shadow)

    def messages():
        yield b"first"
        more.wait(LONG)
    with play.client() as calls:
        answers = calls.both(messages())
        assert next(answers) == b"live:first"
        wait_for(lambda: play.umbra.metrics().mirror("in_flight") == 1, "a copy on its way")
        answers.cancel()
        more.set()
        wait_for(lambda: (live.cancelled, shadow.cancelled) == (1, 1),
                 lambda: f"both calls to end as cancelled: {live.cancelled}, {shadow.cancelled}")
    metrics = play.umbra.settled(lambda metrics: metrics.mirror("failed", reason="client_abort") == 1)
    assert metrics.requests(route=LABEL, code="200") == 1
    wait_for(lambda: play.counted(f"/{SERVICE}/Both", "1") == 1, "the call counted as cancelled")


def test_large_messages_pass_whole(play, echo):
    live = echo("live")
    play = play(live, echo("shadow"))
    message = bytes(range(256)) * 4096 * 8  # 8 MiB
    with play.client() as calls:
        assert calls.unary(message)[0] == b"live:" + message
        assert list(calls.both([message[:1 << 20]] * 8)) == [b"live:" + message[:1 << 20]] * 8
    play.umbra.settled(lambda metrics: metrics.mirror("matched") == 2)


def test_many_streams_at_once_are_all_answered_and_copied(play, echo):
    live, shadow = echo("live"), echo("shadow")
    play = play(live, shadow)
    with play.client() as calls:
        method = calls.channel.unary_unary(f"/{SERVICE}/Unary")
        futures = [method.future(b"%d" % i, timeout=LONG) for i in range(300)]
        assert [future.result() for future in futures] == [b"live:%d" % i for i in range(300)]
        streams = [calls.both([b"%d" % i, b"end"]) for i in range(30)]
        assert [list(stream) for stream in streams] == [[b"live:%d" % i, b"live:end"] for i in range(30)]
    metrics = play.umbra.settled(lambda metrics: metrics.mirror("matched") == 330)
    assert metrics.mirror("completed") == 330
    assert sorted(call.messages for call in live.calls) == sorted(call.messages for call in shadow.calls)


def test_an_answer_goes_on_as_long_as_live_likes(play, echo):
    """Each message is sent only once the one before has arrived, so nothing on the way may hold any back."""
    turns = {"live": threading.Semaphore(0), "shadow": threading.Semaphore(0)}

    def count(service, call, context, messages):
        for message in messages:
            call.messages.append(message)
        for i in range(100):
            turns[service.name].acquire(timeout=LONG)
            yield b"%d" % i
    play = play(echo("live", count), echo("shadow", count))
    with play.client() as calls:
        answers = calls.server_stream(b"begin")
        for i in range(100):
            for turn in turns.values():
                turn.release()
            assert next(answers) == b"%d" % i
        assert list(answers) == []
    play.umbra.settled(lambda metrics: metrics.mirror("completed") == 1)


@pytest.mark.parametrize("weather", ["dead", "hanging"])
def test_a_shadow_in_trouble_changes_nothing_for_live(play, echo, weather):
    is_over = threading.Event()

    def hang(service, call, context, messages):
        is_over.wait(LONG)
        yield b""
    shadow = refused_address() if weather == "dead" else echo("shadow", hang)
    play = play(echo("live"), shadow)
    with play.client() as calls:
        for i in range(50):
            assert calls.unary(b"%d" % i)[0] == b"live:%d" % i
        assert list(calls.both([b"a" * 100000] * 20)) == [b"live:" + b"a" * 100000] * 20
        is_over.set()
    metrics = play.umbra.settled(lambda metrics: metrics.mirror("matched") == 51)
    assert metrics.requests(route=LABEL, code="200") == metrics.requests(route=LABEL) == 51


def test_health_checks_pass(play, echo):
    def serving(service, call, context, messages):
        for _ in messages:
            yield b"\x08\x01"  # grpc.health.v1.HealthCheckResponse{status: SERVING}
    play = play(echo("live", serving))
    with play.client() as calls:
        answer = calls.channel.unary_unary("/grpc.health.v1.Health/Check")(b"\x0a\x04shop", timeout=LONG)
        assert answer == b"\x08\x01"


def test_calls_that_umbra_answers_itself_have_a_status_of_grpc(ruled, echo):
    ended = refused_address()
    text = (rules.gateway(http=free_port()) + rules.backend("dead", ended)
            + route("calls", f"  - {{name: dead, matches: [{{method: {{service: a.Dead}}}}], {refs('dead')}}}\n"
                             f"  - {{name: none, matches: [{{method: {{service: a.None}}}}], {refs('missing')}}}\n"
                             f"  - {{name: empty, matches: [{{method: {{service: a.Empty}}}}]}}\n"))
    umbra = ruled(text)
    umbra.may_complain = True  # of the Backend that is missing
    wanted = {"a.Dead": grpc.StatusCode.UNAVAILABLE, "a.None": grpc.StatusCode.UNAVAILABLE,
              "a.Empty": grpc.StatusCode.UNAVAILABLE, "a.Other": grpc.StatusCode.UNIMPLEMENTED}
    with client(umbra.address) as calls:
        for service, code in wanted.items():
            got, details = calls.status(service=service)
            assert got == code, (service, details)
            assert details and "\n" not in details and "Received http2 header" not in details
    metrics = umbra.metrics()
    assert metrics.requests(route="grpcroute/default/calls#dead", code="503") == 1
    assert metrics.requests(route="grpcroute/default/calls#none", code="500") == 1
    assert metrics.requests(route="grpcroute/default/calls#empty", code="500") == 1
    assert metrics.requests(route="", code="404") == 1
    assert metrics.sum("umbra_grpc_requests_total", grpc_status="14", method="other") == 3


def test_calls_over_tls_pass_and_are_copied(ruled, echo, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days",
                    "2", "-subj", "/CN=shop.test", "-addext", "subjectAltName=DNS:shop.test"], check=True,
                   capture_output=True)
    data = ", ".join(f"{name}: {base64.b64encode(path.read_bytes()).decode()}"
                     for name, path in (("tls.crt", certificate), ("tls.key", key)))
    live, shadow = echo("live"), echo("shadow")
    port = free_port()
    umbra = ruled("apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: gw}\nspec:\n"
                  f"  gatewayClassName: umbra\n  listeners:\n  - {{name: https, port: {port}, protocol: HTTPS, "
                  "tls: {certificateRefs: [{name: shop}]}}\n---\n"
                  f"apiVersion: v1\nkind: Secret\nmetadata: {{name: shop}}\ntype: kubernetes.io/tls\ndata: {{{data}}}\n---\n"
                  + rules.backend("live", live) + rules.backend("shadow", shadow)
                  + route("calls", f"  - {{name: all, {refs('live')}, filters: [{mirror('shadow')}]}}\n"), "--shed", "off")
    credentials = grpc.ssl_channel_credentials(certificate.read_bytes())
    options = [("grpc.ssl_target_name_override", "shop.test"), ("grpc.default_authority", "shop.test")]
    with grpc.secure_channel(umbra.address, credentials, options) as channel:
        answers = channel.stream_stream(f"/{SERVICE}/Both")(iter([b"a", b"b"]), timeout=LONG)
        assert list(answers) == [b"live:a", b"live:b"]
    umbra.settled(lambda metrics: metrics.mirror("completed") == 1)
    assert [call.messages for call in shadow.calls] == [[b"a", b"b"]]
