# SPDX-License-Identifier: Apache-2.0
"""Requests that are malformed, or that two parsers could read in two ways, and what a gateway has to make of each: its
answers, the reason that it counts, and exactly which requests live and shadows may see. Text is latin-1."""
from http1 import chunked, get, head, post


class Case:
    """`data` is what a client sends at once; the test appends `AFTER`, so that what was read short or long shows.
    `answers` are the statuses in their order, after which the connection is closed. `reason` is counted once in
    umbra_refused_total, or nothing when None. `seen` are the (target, body) that live and shadow get whole, in this order.
    With `is_cut` one more request may be begun at live and at the shadow, but never becomes whole."""

    def __init__(self, data, answers, reason, seen=(), is_cut=False):
        self.data = data if isinstance(data, bytes) else data.encode("latin-1")
        self.answers = list(answers)
        self.reason = reason
        self.seen = list(seen)
        self.is_cut = is_cut


AFTER = get("/after", ("Connection", "close"))
AFTER_SEEN = ("/after", b"")

START = "POST /x HTTP/1.1\r\nHost: h\r\n"
TE = "Transfer-Encoding: chunked\r\n"
CL = "Content-Length: 5\r\n"


def fields(lines, body="", start=START):
    """A request with these lines in its head."""
    return f"{start}{lines}\r\n{body}"


def length(value):
    return fields(f"Content-Length:{value}\r\n", "12345")


def coding(value):
    return fields(f"Transfer-Encoding:{value}\r\n", "5\r\nhello\r\n0\r\n\r\n")


def line(first):
    return f"{first}\r\nHost: h\r\n\r\n"


def field(raw):
    return f"GET /x HTTP/1.1\r\nHost: h\r\n{raw}\r\n\r\n"


def host(lines):
    return f"GET /x HTTP/1.1\r\n{lines}\r\n"


# ---- refused for their head: nothing is forwarded ----

# name: (bytes, reason); 400 and the connection is closed
FRAMING = {
    "CL before TE": fields(CL + TE, "0\r\n\r\n"),
    "TE before CL": fields(TE + CL, "0\r\n\r\n"),
    "TE and CL 0": fields(TE + "Content-Length: 0\r\n", "0\r\n\r\n"),
    "TE and two CLs": fields(CL + TE + CL, "0\r\n\r\n"),
    "TE and CL of a GET": fields(CL + TE, "0\r\n\r\n", "GET /x HTTP/1.1\r\nHost: h\r\n"),
    "differing CLs": fields("Content-Length: 5\r\nContent-Length: 6\r\n", "123456"),
    "differing CLs, the second 0": fields("Content-Length: 5\r\ncontent-length: 0\r\n", "12345"),
    "equal CLs": fields(CL + CL, "12345"),
    "equal CLs in another case": fields(CL + "CONTENT-LENGTH: 5\r\n", "12345"),
    "CL list": length(" 5, 5"),
    "CL list of different": length(" 5, 6"),
    "CL list with nothing in it": length(" ,5"),
    "CL with plus": length(" +5"),
    "CL with minus": length(" -5"),
    "CL minus zero": length(" -0"),
    "CL in hex": length(" 0x5"),
    "CL with a letter": length(" 5h"),
    "CL with a blank in it": length(" 5 5"),
    "CL with a tab in it": length(" 5\t5"),
    "CL with a point": length(" 5.0"),
    "CL with an exponent": length(" 5e0"),
    "CL with an underscore": length(" 0_5"),
    "CL in quotes": length(' "5"'),
    "CL with a parameter": length(" 5;q=1"),
    "CL that is empty": length(""),
    "CL of other digits": length(" \xd9\xa5"),
    "CL that is negative in 64 bits": length(" 9223372036854775808"),
    "CL that wraps to 5": length(" 18446744073709551621"),
    "CL without end": length(" " + "9" * 400),
    "TE gzip, chunked": coding(" gzip, chunked"),
    "TE chunked, gzip": coding(" chunked, gzip"),
    "TE chunked, chunked": coding(" chunked, chunked"),
    "TE identity": coding(" identity"),
    "TE identity with CL": fields("Transfer-Encoding: identity\r\n" + CL, "12345"),
    "TE xchunked": coding(" xchunked"),
    "TE chunkedx": coding(" chunkedx"),
    "TE chunked with a parameter": coding(" chunked;q=1"),
    "TE with a comma before": coding(" ,chunked"),
    "TE with a comma behind": coding(" chunked,"),
    "TE in quotes": coding(' "chunked"'),
    "TE with a blank in it": coding(" chun ked"),
    "TE that is empty": coding(""),
    "TE in letters that look alike": coding(" c\xd2\xbbunked"),
    "TE twice": fields(TE + TE, "0\r\n\r\n"),
    "TE twice, the second unknown": fields(TE + "Transfer-Encoding: cow\r\n", "0\r\n\r\n"),
    "TE twice, the first unknown": fields("Transfer-Encoding: cow\r\n" + TE, "0\r\n\r\n"),
    "TE in HTTP/1.0": fields(TE, "0\r\n\r\n", "POST /x HTTP/1.0\r\nHost: h\r\n"),
    "TE and CL in HTTP/1.0": fields(CL + TE, "0\r\n\r\n", "POST /x HTTP/1.0\r\nHost: h\r\n"),
    "CONNECT with a length": fields(CL, "12345", "CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n"),
    "CONNECT with chunks": fields(TE, "0\r\n\r\n", "CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n"),
}
SYNTAX = {
    "obs-fold": field("X-A: b\r\n c"),
    "obs-fold with a tab": field("X-A: b\r\n\tc"),
    "obs-fold of TE": fields("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"),
    "obs-fold that hides a CL": fields("X-A: b\r\n Content-Length: 5\r\n", "12345"),
    "fold in front of the fields": "POST /x HTTP/1.1\r\n Host: h\r\n\r\n",
    "bare LF everywhere": "GET /x HTTP/1.1\nHost: h\n\n",
    "bare LF behind the request line": "GET /x HTTP/1.1\nHost: h\r\n\r\n",
    "bare LF behind a field": field("X-A: b\nX-B: c"),
    "bare LF in front of a hidden TE": fields("X-A: b\n" + TE + CL, "12345"),
    "bare LF as the empty line": "GET /x HTTP/1.1\r\nHost: h\r\n\n",
    "bare CR in a value": field("X-A: b\rc"),
    "bare CR in front of a hidden TE": fields("X-A: b\r" + TE + CL, "12345"),
    "bare CR behind the request line": "GET /x HTTP/1.1\rHost: h\r\n\r\n",
    "CR CR LF": field("X-A: b\r"),
    "CR CR LF as the empty line": "GET /x HTTP/1.1\r\nHost: h\r\n\r\r\n",
    "NUL in a value": field("X-A: b\0c"),
    "NUL in a name": field("X\0A: b"),
    "NUL behind a length": fields("Content-Length: 5\0\r\n", "12345"),
    "NUL in the request line": line("GET /x\0 HTTP/1.1"),
    "vertical tab in front of chunked": fields("Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n"),
    "form feed behind a length": fields("Content-Length: 5\x0c\r\n", "12345"),
    "control in a value": field("X-A: b\x01c"),
    "DEL in a value": field("X-A: b\x7fc"),
    "blank before the colon": host("Host : h\r\n"),
    "tab before the colon": host("Host\t: h\r\n"),
    "blank before TE's colon": fields("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"),
    "blank before CL's colon": fields("Content-Length : 5\r\n", "12345"),
    "blank in a name": field("X A: b"),
    "bracket in a name": field("X[A]: b"),
    "quote in a name": field('"X-A": b'),
    "high byte in a name": field("X-\xe4: b"),
    "control in a name": field("X-\x0bA: b"),
    "no colon": field("nothing"),
    "no name": field(": nothing"),
    "a name that begins with a colon": field(":authority: h"),
    "no version": "GET /x\r\n\r\n",
    "no target": line("GET HTTP/1.1"),
    "two blanks before the target": line("GET  /x HTTP/1.1"),
    "blank behind the version": line("GET /x HTTP/1.1 "),
    "blank before the method": line(" GET /x HTTP/1.1"),
    "tabs between the parts": line("GET\t/x\tHTTP/1.1"),
    "version in lower case": line("GET /x http/1.1"),
    "version with a comma": line("GET /x HTTP/1,1"),
    "version with a zero": line("GET /x HTTP/01.1"),
    "version with three digits": line("GET /x HTTP/1.10"),
    "version that is cut": line("GET /x HTTP/1."),
    "other protocol": line("GET /x ICAP/1.0"),
    "method with an at": line("G@T /x HTTP/1.1"),
    "method with a colon": line("GET: /x HTTP/1.1"),
    "method with a high byte": line("G\xcbT /x HTTP/1.1"),
    "no method": line("/x HTTP/1.1"),
    "blank in the target": line("GET /a b HTTP/1.1"),
    "three empty lines first": "\r\n\r\n\r\nGET /x HTTP/1.1\r\nHost: h\r\n\r\n",
    "LF first": "\nGET /x HTTP/1.1\r\nHost: h\r\n\r\n",
    "CR first": "\rGET /x HTTP/1.1\r\nHost: h\r\n\r\n",
    "a field first": "Host: h\r\nGET /x HTTP/1.1\r\n\r\n",
    "TLS": "\x16\x03\x01\x00\xf1\x01\x00\x00\xed\x03\x03\r\n\r\n",
    "SSH": "SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "PROXY protocol 1": "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + line("GET /x HTTP/1.1"),
    "PROXY protocol 2": "\r\n\r\n\0\r\nQUIT\n",
}
HOSTS = {
    "no Host": host(""),
    "equal Hosts": host("Host: h\r\nHost: h\r\n"),
    "differing Hosts": host("Host: h\r\nHost: evil\r\n"),
    "differing Hosts in another case": host("Host: h\r\nhOST: evil\r\n"),
    "two Hosts in HTTP/1.0": "GET /x HTTP/1.0\r\nHost: h\r\nHost: evil\r\n\r\n",
    "two Hosts in absolute form": "GET http://h/x HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n",
    "no Host in absolute form": "GET http://h/x HTTP/1.1\r\n\r\n",
    "empty Host": host("Host:\r\n"),
    "Host with a path": host("Host: h/path\r\n"),
    "Host with a query": host("Host: h?x\r\n"),
    "Host with a fragment": host("Host: h#x\r\n"),
    "Host with a user": host("Host: user@h\r\n"),
    "Host with a blank": host("Host: h evil\r\n"),
    "Host with a tab": host("Host: h\tevil\r\n"),
    "Host with a backslash": host("Host: h\\evil\r\n"),
    "Host in brackets": host("Host: <h>\r\n"),
    "Host in high bytes": host("Host: h\xe4\r\n"),
    "Host list": host("Host: a, b\r\n"),
    "Host with two ports": host("Host: h:80:80\r\n"),
    "Host with a large port": host("Host: h:99999\r\n"),
    "Host with a port with a sign": host("Host: h:+80\r\n"),
    "Host with a port in letters": host("Host: h:http\r\n"),
    "Host with an open bracket": host("Host: [::1\r\n"),
    "Host with more behind the bracket": host("Host: [::1]x\r\n"),
}
TARGETS = {
    "fragment": line("GET /a#b HTTP/1.1"),
    "high bytes in the target": line("GET /\xe4 HTTP/1.1"),
    "control in the target": line("GET /\x01 HTTP/1.1"),
    "tab in the target": line("GET /a\tb HTTP/1.1"),
    "DEL in the target": line("GET /\x7f HTTP/1.1"),
    "no slash": line("GET index.html HTTP/1.1"),
    "a host for a GET": line("GET h:80 HTTP/1.1"),
    "other scheme": line("GET ftp://h/ HTTP/1.1"),
    "scheme without slashes": line("GET http:/h/ HTTP/1.1"),
    "no host in absolute form": line("GET http:///x HTTP/1.1"),
    "user in absolute form": line("GET http://user@h/x HTTP/1.1"),
    "bad port in absolute form": line("GET http://h:99999/x HTTP/1.1"),
    "asterisk for GET": line("GET * HTTP/1.1"),
    "CONNECT without a port": line("CONNECT h HTTP/1.1"),
    "CONNECT to port 0": line("CONNECT h:0 HTTP/1.1"),
    "CONNECT with a path": line("CONNECT h:80/x HTTP/1.1"),
    "CONNECT in origin form": line("CONNECT /x HTTP/1.1"),
}
OTHERS = {
    "HTTP/2.0": (line("GET /x HTTP/2.0"), 505, "version"),
    "HTTP/1.2": (line("GET /x HTTP/1.2"), 505, "version"),
    "HTTP/0.9": (line("GET /x HTTP/0.9"), 505, "version"),
    "preface of HTTP/2 that goes wrong": ("PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n", 505, "version"),
    "URI over 16 KiB": (line("GET /" + "u" * 16384 + " HTTP/1.1"), 414, "uri_size"),
    "URI without an end": ("GET /" + "u" * 70000, 414, "uri_size"),
    "method without an end": ("G" * 70000, 414, "uri_size"),
    "129 fields": (get("/x", *[("X-A", i) for i in range(128)]), 431, "header_size"),
    "head over 64 KiB": (get("/x", ("X-A", "v" * 65536)), 431, "header_size"),
    "head without an end": ("GET /x HTTP/1.1\r\nHost: h\r\nX-A: " + "v" * 70000, 431, "header_size"),
    "a name without an end": ("GET /x HTTP/1.1\r\nHost: h\r\n" + "N" * 70000, 431, "header_size"),
    "small fields without an end": ("GET /x HTTP/1.1\r\nHost: h\r\n" + "a:\r\n" * 20000, 431, "header_size"),
}
HEADS = {
    **{name: Case(data, [400], reason)
       for reason, table in (("framing", FRAMING), ("syntax", SYNTAX), ("host", HOSTS), ("target", TARGETS))
       for name, data in table.items()},
    **{name: Case(data, [status], reason) for name, (data, status, reason) in OTHERS.items()},
}


# ---- refused in their body, whose beginning may have been forwarded: nobody gets a complete request ----

BAD_CHUNKS = {
    "size that is none": "4\r\nabcd\r\nxyz\r\n",
    "size that is empty": "4\r\nabcd\r\n\r\n0\r\n\r\n",
    "size that is empty but for an extension": "4\r\nabcd\r\n;a\r\n0\r\n\r\n",
    "negative size": "4\r\nabcd\r\n-1\r\n",
    "size minus zero": "4\r\nabcd\r\n-0\r\n\r\n",
    "size with plus": "+4\r\nabcd\r\n0\r\n\r\n",
    "size with 0x": "0x4\r\nabcd\r\n0\r\n\r\n",
    "size with an underscore": "0_4\r\nabcd\r\n0\r\n\r\n",
    "size with a comma": "4,4\r\nabcd\r\n0\r\n\r\n",
    "size in quotes": '"4"\r\nabcd\r\n0\r\n\r\n',
    "blank before the size": " 4\r\nabcd\r\n0\r\n\r\n",
    "blank behind the size": "4 \r\nabcd\r\n0\r\n\r\n",
    "tab behind the size": "4\t\r\nabcd\r\n0\r\n\r\n",
    "blank before the extension": "4 ;a\r\nabcd\r\n0\r\n\r\n",
    "size over 64 bits": "4\r\nabcd\r\n11111111111111111\r\n",
    "size that wraps to 4": "10000000000000004\r\nabcd\r\n0\r\n\r\n",
    "size with too many zeros": "0" * 16 + "4\r\nabcd\r\n0\r\n\r\n",
    "LF behind the size": "4\nabcd\r\n0\r\n\r\n",
    "CR behind the size": "4\rabcd\r\n0\r\n\r\n",
    "CR CR LF behind the size": "4\r\r\nabcd\r\n0\r\n\r\n",
    "NUL behind the size": "4\0\r\nabcd\r\n0\r\n\r\n",
    "data that is longer": "4\r\nabcdef\r\n0\r\n\r\n",
    "data that is shorter": "5\r\nabcd\r\n0\r\n\r\n",
    "LF behind the data": "4\r\nabcd\n0\r\n\r\n",
    "CR behind the data": "4\r\nabcd\r0\r\n\r\n",
    "nothing behind the data": "4\r\nabcd0\r\n\r\n",
    "endless extension": "4;" + "x" * 5000 + "\r\nabcd\r\n0\r\n\r\n",
    "LF in an extension": "4;a\nb\r\nabcd\r\n0\r\n\r\n",
    "CR in an extension": "4;a\rb\r\nabcd\r\n0\r\n\r\n",
    "NUL in an extension": "4;a\0b\r\nabcd\r\n0\r\n\r\n",
    "LF behind the last size": "4\r\nabcd\r\n0\n\r\n",
    "blank in the last size": "4\r\nabcd\r\n0 \r\n\r\n",
}
BAD_TRAILERS = {
    "trailer with a blank before the colon": "X : y\r\n\r\n",
    "trailer without a colon": "nothing\r\n\r\n",
    "trailer without a name": ": y\r\n\r\n",
    "folded trailer": "X: y\r\n z\r\n\r\n",
    "LF behind a trailer": "X: y\nZ: z\r\n\r\n",
    "CR in a trailer": "X: y\rZ: z\r\n\r\n",
    "NUL in a trailer": "X: y\0\r\n\r\n",
    "LF as the end of trailers": "X: y\r\n\n",
}
LARGE_TRAILERS = {
    "trailers without an end": "X: " + "y" * 70000,
    "too many trailers": "X: y\r\n" * 200 + "\r\n",
}
CHUNKED = START + TE + "\r\n"
BODIES = {
    **{name: Case(CHUNKED + data, [400], "framing", is_cut=True) for name, data in BAD_CHUNKS.items()},
    **{name: Case(CHUNKED + "4\r\nabcd\r\n0\r\n" + data, [400], "syntax", is_cut=True)
       for name, data in BAD_TRAILERS.items()},
    **{name: Case(CHUNKED + "4\r\nabcd\r\n0\r\n" + data, [431], "header_size", is_cut=True)
       for name, data in LARGE_TRAILERS.items()},
}


# ---- odd, with one reading only: live and shadow get what it says, with one framing ----

def passing(data, *seen, answers=None, reason=None):
    """All of it and what is appended is answered, unless `answers` say otherwise."""
    return Case(data, answers or [200] * (len(seen) + 1), reason, [*seen] + ([] if answers else [AFTER_SEEN]))


HELLO = ("/x", b"hello")
INSIDE = b"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
ODD = {
    "CL with zeros first": passing(length(" 0005"), ("/x", b"12345")),
    "CL with blanks around": passing(length(" \t 5 \t "), ("/x", b"12345")),
    "CL without a blank": passing(length("5"), ("/x", b"12345")),
    "CL of 0": passing(post("/x", b""), ("/x", b"")),
    "CL of a GET": passing(post("/x", b"12345", method="GET"), ("/x", b"12345")),
    "CL of an unknown method": passing(post("/x", b"12345", method="BREW"), ("/x", b"12345")),
    "TE in capitals": passing(coding(" CHUNKED"), HELLO),
    "TE behind a tab": passing(coding("\tchunked \t"), HELLO),
    "TE of a GET": passing(fields(TE, "5\r\nhello\r\n0\r\n\r\n", "GET /x HTTP/1.1\r\nHost: h\r\n"), HELLO),
    "TE of no chunk": passing(coding(" chunked").replace("5\r\nhello\r\n", ""), ("/x", b"")),
    "size with zeros first": passing(CHUNKED + "0005\r\nhello\r\n0000\r\n\r\n", HELLO),
    "size with 16 digits": passing(CHUNKED + "0" * 15 + "5\r\nhello\r\n0\r\n\r\n", HELLO),
    "size in capitals": passing(CHUNKED + "A\r\nhellohello\r\n0\r\n\r\n", ("/x", b"hellohello")),
    "size in small letters": passing(CHUNKED + "a\r\nhellohello\r\n0\r\n\r\n", ("/x", b"hellohello")),
    "extensions": passing(CHUNKED + '5;a;b=c;d="e f"\r\nhello\r\n0;last\r\n\r\n', HELLO),
    "an extension that looks like a size": passing(CHUNKED + "5;0\r\nhello\r\n0;5\r\n\r\n", HELLO),
    "trailers that frame": passing(CHUNKED + "5\r\nhello\r\n0\r\nContent-Length: 99\r\nTransfer-Encoding: x\r\nHost: y\r\n\r\n",
                                   HELLO),
    "a request in a body": passing(post("/x", INSIDE), ("/x", INSIDE)),
    "a request in a chunk": passing(CHUNKED.encode() + chunked([b"0\r\n\r\n" + INSIDE]), ("/x", b"0\r\n\r\n" + INSIDE)),
    "a request in an extension": passing(CHUNKED + "5;GET /smuggled HTTP/1.1\r\nhello\r\n0\r\n\r\n", HELLO),
    "a request in a value": passing(field("X-A: GET /smuggled HTTP/1.1"), ("/x", b"")),
    "an empty line first": passing("\r\n" + line("GET /x HTTP/1.1"), ("/x", b"")),
    "two empty lines first": passing("\r\n\r\n" + line("GET /x HTTP/1.1"), ("/x", b"")),
    "CL's name with an underscore": passing(fields("Content_Length: 5\r\n"), ("/x", b"")),
    "TE's name with an underscore": passing(fields("Transfer_Encoding: chunked\r\n" + CL, "12345"), ("/x", b"12345")),
    "TE's name with more": passing(fields("X-Transfer-Encoding: chunked\r\n" + CL, "12345"), ("/x", b"12345")),
    "Connection names CL": passing(fields("Connection: content-length\r\n" + CL, "12345"), ("/x", b"12345")),
    "Connection names TE": passing(fields("Connection: transfer-encoding, keep-alive\r\n" + TE, "5\r\nhello\r\n0\r\n\r\n"), HELLO),
    "Connection names Host": passing(field("Connection: host, x-a\r\nX-A: b"), ("/x", b"")),
    "absolute form with another Host": passing(line("GET http://other/x HTTP/1.1"), ("/x", b"")),
    "absolute form in capitals": passing(line("GET HTTP://h/x HTTP/1.1"), ("/x", b"")),
    "absolute form without a path": passing(line("GET http://h HTTP/1.1"), ("/", b"")),
    "absolute form with a query alone": passing(line("GET http://h?a HTTP/1.1"), ("/?a", b"")),
    "two slashes": passing(line("GET //evil/x HTTP/1.1"), ("//evil/x", b"")),
    "escapes that are none": passing(line("GET /%zz%0d%0a%00% HTTP/1.1"), ("/%zz%0d%0a%00%", b"")),
    "dots behind escaped slashes": passing(line("GET /a%2f..%2f..%2fb HTTP/1.1"), ("/a%2f..%2f..%2fb", b"")),
    "high bytes in a value": passing(field("X-A: \xff\xfe"), ("/x", b"")),
    "method in small letters": passing(line("get /x HTTP/1.1"), ("/x", b"")),
    "a weak expectation": passing(post("/x", b"hello", ("Expect", "something")), HELLO),
    "an expectation without a body": passing(post("/x", b"", ("Expect", "100-continue")), ("/x", b"")),
    "HTTP/1.0 without Host": passing("GET /x HTTP/1.0\r\n\r\n", ("/x", b""), answers=[200]),
    "HTTP/1.0 that keeps alive": passing("GET /x HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n", ("/x", b"")),
    "HTTP/1.0 with a length": passing("POST /x HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello", HELLO, answers=[200]),
    "good before bad": passing(post("/x", b"hello") + b"GET /y HTTP/1.1\r\nHost : h\r\n\r\n", HELLO, answers=[200, 400],
                               reason="syntax"),
    "chunks before bad": passing(CHUNKED + "5\r\nhello\r\n0\r\n\r\n" + length(" +5"), HELLO, answers=[200, 400],
                                 reason="framing"),
    "a body longer than its CL": passing(post("/x", b"hello") + b"surplus\r\n\r\n", HELLO, answers=[200, 400],
                                         reason="syntax"),
    "a body behind a CL's name with an underscore": passing(fields("Content_Length: 5\r\n", "12345\r\n\r\n"), ("/x", b""),
                                                            answers=[200, 400], reason="syntax"),
    "bytes behind the last chunk": passing(CHUNKED + "5\r\nhello\r\n0\r\n\r\nX: y\r\n\r\n", HELLO, answers=[200, 400],
                                           reason="syntax"),
    "what follows a close": passing(get("/x", ("Connection", "close")) + get("/smuggled"), ("/x", b""), answers=[200]),
    # Sound framing, so that the connection may stay.
    **{f"climbing by {target}": Case(line(f"GET {target} HTTP/1.1"), [400, 200], "target", [AFTER_SEEN])
       for target in ("/..", "/../etc", "/a/../../etc", "/a/%2e%2e/%2E%2e/etc", "/a/.%2e/../x?y", "/./../", "http://h/..")},
}

CASES = {**HEADS, **BODIES, **ODD}
assert len(CASES) == len(HEADS) + len(BODIES) + len(ODD), "a name stands for two cases"
