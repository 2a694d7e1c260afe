#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""resume.py PORT REQUESTS: one connection of TLS 1.3 after the other to 127.0.0.1, with one request each. The first makes a
full handshake, every other one resumes the last session that was given. Prints one line of JSON in the words of
bench_load; a connection that was not resumed, or an answer that is not 200, is an error."""
import json
import socket
import ssl
import sys
import time

REQUEST = b"GET /bench HTTP/1.1\r\nHost: bench.local\r\nConnection: close\r\n\r\n"


def ask(context, port, session):
    """The session to go on with, whether the given one was resumed, and the answer."""
    answer = b""
    plain = socket.create_connection(("127.0.0.1", port), timeout=10)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as every browser does
    with context.wrap_socket(plain, session=session) as connection:
        connection.sendall(REQUEST)
        while piece := connection.recv(65536):
            answer += piece
        return connection.session, connection.session_reused, answer


def main():
    port, requests = map(int, sys.argv[1:])
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    session, full, refused = None, 0, 0
    begin = time.monotonic()
    for _ in range(requests):
        session, is_resumed, answer = ask(context, port, session)
        full += not is_resumed
        refused += not answer.startswith(b"HTTP/1.1 200 ")
    print(json.dumps({"requests": requests, "errors": full - 1 + refused, "seconds": time.monotonic() - begin,
                      "why": f"{full} full handshakes in place of 1, {refused} answers other than 200"}))


main()
