# SPDX-License-Identifier: Apache-2.0
"""gRPC services and clients for tests, by Debian's grpcio, without generated code: messages are bytes."""
import collections
import concurrent.futures
import contextlib
import threading

import grpc

from waiting import PATIENCE, wait_for

SERVICE = "test.Echo"
LONG = 20 * PATIENCE  # seconds: a deadline of a call that is to succeed
# What a fresh channel needs on a busy machine, and what lets large messages through.
OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1),
           ("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1)]

Call = collections.namedtuple("Call", "path metadata messages")


def plain(metadata):
    """{name: value} of what callers wrote, without what gRPC and gateways add."""
    return {key: value for key, value in metadata if key.startswith("t-")}


class Echo(grpc.GenericRpcHandler):
    """The service of whatever service and method: what the method's name begins with says its kind of stream. It answers with
    what it got, behind its name. `script` may do something else: script(echo, call, context, messages) yields answers."""

    def __init__(self, name, script=None):
        self.name = name
        self.script = script or Echo.repeat
        self.lock = threading.Lock()
        self.calls = []  # those that ended, whole or not: Call
        self.cancelled = 0
        self.knows = lambda path: True
        self.executor = concurrent.futures.ThreadPoolExecutor(max_workers=64)
        self.server = grpc.server(self.executor, handlers=[self], options=[*OPTIONS, ("grpc.so_reuseport", 0)])
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.address = f"127.0.0.1:{self.port}"
        self.server.start()

    def repeat(self, call, context, messages):
        for message in messages:
            call.messages.append(message)
            yield self.name.encode() + b":" + message

    def service(self, details):
        path = details.method
        if not self.knows(path):
            return None
        kind = path.rsplit("/", 1)[1]

        def run(messages, context):
            call = Call(path, dict(context.invocation_metadata()), [])
            context.set_trailing_metadata((("t-trailer", self.name),))
            try:
                yield from self.script(self, call, context, messages)
            finally:
                with self.lock:
                    self.calls.append(call)
                    self.cancelled += not context.is_active()

        def last(messages, context):
            answer = b""
            for answer in run(messages, context):
                pass
            return answer

        one = lambda message, context: run(iter([message]), context)
        if kind.startswith("Unary"):
            return grpc.unary_unary_rpc_method_handler(lambda message, context: last(iter([message]), context))
        if kind.startswith("Client"):
            return grpc.stream_unary_rpc_method_handler(last)
        if kind.startswith("Server"):
            return grpc.unary_stream_rpc_method_handler(one)
        return grpc.stream_stream_rpc_method_handler(run)

    def wait(self, count, timeout=10):
        wait_for(lambda: len(self.calls) >= count, lambda: f"{count} calls at {self.name}: {self.calls}", timeout)
        return self.calls[:]

    def close(self):
        self.server.stop(0).wait(LONG)
        self.executor.shutdown(wait=False)


class Client:
    """A channel to an address, with :authority `host`."""

    def __init__(self, address, host="shop.test"):
        self.channel = grpc.insecure_channel(address, [*OPTIONS, ("grpc.default_authority", host)])

    def unary(self, message=b"x", method="Unary", service=SERVICE, **options):
        return self.channel.unary_unary(f"/{service}/{method}").with_call(message, timeout=options.pop("timeout", LONG),
                                                                          **options)

    def client_stream(self, messages, method="Client", **options):
        return self.channel.stream_unary(f"/{SERVICE}/{method}").with_call(iter(messages),
                                                                           timeout=options.pop("timeout", LONG), **options)

    def server_stream(self, message, method="Server", **options):
        return self.channel.unary_stream(f"/{SERVICE}/{method}")(message, timeout=options.pop("timeout", LONG), **options)

    def both(self, messages, method="Both", **options):
        return self.channel.stream_stream(f"/{SERVICE}/{method}")(iter(messages), timeout=options.pop("timeout", LONG),
                                                                  **options)

    def status(self, *arguments, **options):
        """(code, details) of a unary call."""
        try:
            self.unary(*arguments, **options)
        except grpc.RpcError as error:
            return error.code(), error.details()
        return grpc.StatusCode.OK, ""

    def close(self):
        self.channel.close()


@contextlib.contextmanager
def client(address, host="shop.test"):
    one = Client(address, host)
    try:
        yield one
    finally:
        one.close()


def route(name, rules, hosts="shop.test", parents="{name: gw}"):
    """A GRPCRoute; `rules` are its rules as YAML."""
    hostnames = f"  hostnames: [{hosts}]\n" if hosts else ""
    return (f"apiVersion: gateway.networking.k8s.io/v1\nkind: GRPCRoute\nmetadata: {{name: {name}}}\n"
            f"spec:\n  parentRefs: [{parents}]\n{hostnames}  rules:\n{rules}---\n")


def refs(*names):
    """backendRefs to Backends; a name may have a weight: ("b", 3)."""
    refs = ", ".join("{group: umbra.dev, kind: Backend, name: %s, weight: %d}" % (one if isinstance(one, tuple) else (one, 1))
                     for one in names)
    return f"backendRefs: [{refs}]"


def mirror(name):
    return f"{{type: RequestMirror, requestMirror: {{backendRef: {{group: umbra.dev, kind: Backend, name: {name}}}}}}}"
