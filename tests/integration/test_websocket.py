# SPDX-License-Identifier: Apache-2.0
"""WebSockets between a real client and a real server (Debian's python3-websockets): live passes them both ways at once,
and no shadow hears of them."""
import asyncio
import contextlib
import hashlib
import threading

import pytest
import websockets

import http1
import rules
from certificates import Certificate, https
from servers import free_port
from umbra import ROUTE
from waiting import wait_for, wait_until_still

MEGA = 1024 * 1024


class Server:
    """A WebSocket server in a thread of its own. `script(websocket)` serves each connection."""

    def __init__(self, script):
        self.script = script
        self.headers = []
        self.open = 0
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.server = self.run(self._listen())
        self.address = "127.0.0.1:{}".format(self.server.sockets[0].getsockname()[1])

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(60)

    async def _listen(self):
        return await websockets.serve(self._serve, "127.0.0.1", 0, max_size=None, ping_interval=None, close_timeout=5)

    async def _serve(self, websocket):
        self.headers.append(websocket.request_headers)
        self.open += 1
        with contextlib.suppress(websockets.ConnectionClosed):
            await self.script(websocket)
        self.open -= 1

    async def _close(self):
        self.server.close()
        await self.server.wait_closed()

    def close(self):
        self.run(self._close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@pytest.fixture
def socket_service(ending):
    """socket_service(script): a WebSocket server."""
    def start(script):
        started = Server(script)
        ending.callback(started.close)
        return started
    return start


async def echo(websocket):
    async for message in websocket:
        await websocket.send(message)


def connect(through, path="/chat", **options):
    options = {"max_size": None, "ping_interval": None, "close_timeout": 5, **options}
    return websockets.connect(f"ws://{through.address}{path}", **options)


@pytest.mark.sanitize
def test_messages_of_all_kinds_pass_both_ways_and_no_copy_is_sent(socket_service, service, gateway):
    live, shadow = socket_service(echo), service()
    through = gateway(live, shadow)
    messages = ["", "text", "ünï", b"", b"\0" * 125, b"a" * 126, b"b" * 65536, b"c" * 3 * MEGA, ["in ", "pieces"]]

    async def talk():
        async with connect(through, subprotocols=None) as websocket:
            for message in messages:
                await websocket.send(message)
                answer = await asyncio.wait_for(websocket.recv(), 30)
                assert answer == ("".join(message) if isinstance(message, list) else message)
            pong = await websocket.ping(b"still there?")
            await asyncio.wait_for(pong, 30)
        assert websocket.close_code == 1000

    asyncio.run(talk())
    metrics = through.settled(lambda metrics: metrics.requests(route=ROUTE, code="101") == 1)
    assert metrics.mirror("matched") == metrics.mirror("filtered", reason="upgrade") == 1
    assert not shadow.arrived
    assert live.headers[0]["Upgrade"] == "websocket" and live.headers[0]["X-Forwarded-For"] == "127.0.0.1"


@pytest.mark.sanitize
def test_large_messages_pass_both_ways_at_once(socket_service, gateway):
    """More than all buffers between the two hold, and neither side waits for the other."""
    size, count = 4 * MEGA, 4

    async def both_ways(websocket):
        digest = hashlib.sha256()

        async def take():
            for _ in range(count):
                digest.update(await websocket.recv())

        async def give():
            for i in range(count):
                await websocket.send(bytes([i]) * size)

        await asyncio.gather(take(), give())
        return digest.hexdigest()

    found = []

    async def serve(websocket):
        found.append(await both_ways(websocket))
        await websocket.wait_closed()

    async def talk():
        async with connect(through) as websocket:
            found.append(await asyncio.wait_for(both_ways(websocket), 60))

    through = gateway(socket_service(serve))
    asyncio.run(talk())
    expected = hashlib.sha256(b"".join(bytes([i]) * size for i in range(count))).hexdigest()
    assert found == [expected, expected]


def test_a_tunnel_holds_as_much_as_its_reader_lacks_and_no_more(socket_service, gateway):
    """A client that reads nothing stops the server, and the gateway's memory stays as it is."""
    sent = []

    async def flood(websocket):
        while True:
            await websocket.send(b"x" * MEGA)
            sent.append(MEGA)

    through = gateway(socket_service(flood))
    before = through.memory()
    with through.connect() as connection:
        connection.send(http1.get("/chat", ("Connection", "Upgrade"), ("Upgrade", "websocket"),
                                  ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")))
        assert connection.reader.head().status == 101
        wait_until_still(lambda: len(sent), "the server to be stopped")
        assert through.memory() - before < 8 * MEGA


def test_a_tunnel_goes_on_while_the_gateway_drains_and_ends_at_the_deadline(socket_service, gateway):
    live = socket_service(echo)
    through = gateway(live, "--drain", "3s")

    async def talk():
        async with connect(through) as websocket:
            await websocket.send("before")
            assert await asyncio.wait_for(websocket.recv(), 10) == "before"
            through.process.terminate()
            await websocket.send("while it drains")
            assert await asyncio.wait_for(websocket.recv(), 10) == "while it drains"
            with pytest.raises(websockets.ConnectionClosed):
                await asyncio.wait_for(websocket.recv(), 30)

    asyncio.run(talk())
    assert through.process.wait() == 0
    assert "the drain's deadline has passed" in through.log()
    wait_for(lambda: live.open == 0, "live to see the end")


def test_a_tunnel_outlives_a_successor_that_takes_over(socket_service, gateway):
    through = gateway(socket_service(echo))

    async def talk():
        async with connect(through) as websocket:
            before = await asyncio.get_running_loop().run_in_executor(None, through.replace)
            await websocket.send("after")
            assert await asyncio.wait_for(websocket.recv(), 10) == "after"
        return before

    before = asyncio.run(talk())
    assert before.wait() == 0
    before.kill()


def test_a_declined_handshake_reaches_the_client_as_it_is(service, gateway):
    through = gateway(service(lambda link: link.head() and link.send(http1.answer(403, b"no"))))

    async def talk():
        with pytest.raises(websockets.InvalidStatusCode) as refused:
            async with connect(through):
                pass
        assert refused.value.status_code == 403

    asyncio.run(talk())


@pytest.mark.sanitize
def test_messages_pass_over_tls(socket_service, ruled, tmp_path):
    shop = Certificate(tmp_path, "shop.test")
    through = ruled(https(free_port(), a=("shop.test", "a")) + shop.secret("a") + rules.backend("v1", socket_service(echo)) +
                    rules.route())

    async def talk():
        host, port = through.address.rsplit(":", 1)
        async with websockets.connect(f"wss://shop.test:{port}/", ssl=shop.context("http/1.1"), server_hostname="shop.test", host=host,
                                      port=int(port), max_size=None) as websocket:
            for size in (0, 1, 65536, 5 * MEGA):
                await websocket.send(b"w" * size)
                assert await asyncio.wait_for(websocket.recv(), 30) == b"w" * size

    asyncio.run(talk())
