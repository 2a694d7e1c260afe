/* SPDX-License-Identifier: Apache-2.0 */
/* Umbra's HTTP/1 head parser beside llhttp on the same three request heads: ns per head and the ratio, from paired rounds
 * (A B A B, median). Both find the end of the head and leave pointers to the target and to all fields; Umbra's also
 * checks Host, target and framing and names the fields it knows. docs/decisions/0002-own-http1-codec.md quotes it. */
#include "http/http1_parse.h"

#include <llhttp/llhttp.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS 15
#define HEADS_PER_ROUND 200000

static const struct {
    const char *name;
    struct str bytes;
} heads[] = {
    {"wrk, 1 field", STR_INIT("GET /index.html HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n")},
    {"API, 7 fields",
     STR_INIT(
         "POST /api/v1/orders/82731/items?expand=price&lang=de HTTP/1.1\r\n"
         "Host: shop.example.com\r\n"
         "User-Agent: okhttp/4.12.0\r\n"
         "Accept: application/json\r\n"
         "Content-Type: application/json; charset=utf-8\r\n"
         "Content-Length: 348\r\n"
         "Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jV\r\n"
         "Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n")},
    {"browser, 10 fields",
     STR_INIT("GET /products/shoes?size=42&colour=black HTTP/1.1\r\n"
              "Host: www.example.com\r\n"
              "Connection: keep-alive\r\n"
              "Upgrade-Insecure-Requests: 1\r\n"
              "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 "
              "Safari/537.36\r\n"
              "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
              "Referer: https://www.example.com/products\r\n"
              "Accept-Encoding: gzip, deflate, br, zstd\r\n"
              "Accept-Language: de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7\r\n"
              "Cookie: session=7f3c9a1e5b2d4c8f; theme=dark; consent=1; basket=3\r\n"
              "Cache-Control: max-age=0\r\n\r\n")},
};

struct peer {
    llhttp_t parser;
    llhttp_settings_t settings;
    struct str target;
    struct field fields[HEAD_MAX_FIELDS];
    size_t field_count;
};

static int on_url(llhttp_t *parser, const char *at, size_t len)
{
    ((struct peer *)parser->data)->target = (struct str){at, len};
    return 0;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t len)
{
    struct peer *peer = parser->data;
    peer->fields[peer->field_count++].name = (struct str){at, len};
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t len)
{
    struct peer *peer = parser->data;
    peer->fields[peer->field_count - 1].value = (struct str){at, len};
    return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
    (void)parser;
    return 1; /* no body: the next head follows at once */
}

static void parse_umbra(struct str bytes)
{
    static struct field fields[HEAD_MAX_FIELDS];
    struct head head = {.fields = fields};
    size_t scanned = 0, len;
    enum refusal refusal;
    if (http1_find_head_end(bytes, &scanned, &len, &refusal) != PARSE_DONE ||
        http1_parse_request((struct str){bytes.ptr, len}, &head, &refusal) != PARSE_DONE)
        abort();
    __asm__ volatile("" : : "r"(&head) : "memory");
}

static void parse_llhttp(struct str bytes)
{
    static struct peer peer;
    if (peer.parser.data == NULL) {
        llhttp_settings_init(&peer.settings);
        peer.settings.on_url = on_url;
        peer.settings.on_header_field = on_header_field;
        peer.settings.on_header_value = on_header_value;
        peer.settings.on_headers_complete = on_headers_complete;
        llhttp_init(&peer.parser, HTTP_REQUEST, &peer.settings);
        peer.parser.data = &peer;
    }
    peer.field_count = 0;
    if (llhttp_execute(&peer.parser, bytes.ptr, bytes.len) != HPE_OK)
        abort();
    __asm__ volatile("" : : "r"(&peer) : "memory");
}

static double measure_ns(void (*parse)(struct str bytes), struct str bytes)
{
    struct timespec begin, end;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
    for (int i = 0; i < HEADS_PER_ROUND; i++)
        parse(bytes);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    return ((double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec)) / HEADS_PER_ROUND;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof(*values), by_value);
    return values[ROUNDS / 2];
}

int main(void)
{
    printf("%-20s %8s %10s %10s %8s\n", "head", "bytes", "umbra ns", "llhttp ns", "ratio");
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        double umbra[ROUNDS], llhttp[ROUNDS], ratio[ROUNDS];
        for (int round = 0; round < ROUNDS; round++) {
            umbra[round] = measure_ns(parse_umbra, heads[i].bytes);
            llhttp[round] = measure_ns(parse_llhttp, heads[i].bytes);
            ratio[round] = umbra[round] / llhttp[round];
        }
        printf("%-20s %8zu %10.0f %10.0f %8.2f\n", heads[i].name, heads[i].bytes.len, median(umbra), median(llhttp),
               median(ratio));
    }
    return 0;
}
