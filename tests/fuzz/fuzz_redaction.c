/* SPDX-License-Identifier: Apache-2.0 */
/* A content type up to the first line break, then a body, a target and values. A canary that JSON, a form and a part carry never comes out. */
#include "base/assert.h"
#include "compare/content.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define CANARY "CaNaRy7f3Q"

static const struct str headers[] = {STR_INIT("x-session")};
static const struct str query[] = {STR_INIT("api_key")};
static const struct str paths[] = {STR_INIT("$.token"), STR_INIT("$..password"), STR_INIT("$.a[*]['b c']")};

static void check(const struct redaction *redaction, struct str type, struct str body, struct strbuf *out)
{
    for (int flags = 0; flags < 4; flags++) {
        strbuf_clear(out);
        redaction_add_body(redaction, type, body, flags & 1, flags & 2, out);
        ASSERT(body.len == 0 || out->len > 0);
    }
}

/* The input as the value of a name that is hidden, beside the canary: whatever it is, the canary must not come out. */
static void check_canary(const struct redaction *redaction, struct str input, struct strbuf *out)
{
    struct strbuf body = STRBUF_INIT;
    static const struct str types[] = {STR_INIT("application/json"), STR_INIT("application/x-www-form-urlencoded"),
                                       STR_INIT("multipart/form-data; boundary=b")};
    static const struct str before[] = {
        STR_INIT("{\"token\":\"" CANARY "\",\"x\":"), STR_INIT("token=" CANARY "&"),
        STR_INIT("--b\r\nContent-Disposition: form-data; name=token\r\n\r\n" CANARY "\r\n--b\r\n")};
    static const struct str after[] = {STR_INIT(",\"token\":\"" CANARY "\"}"), STR_INIT("&token=" CANARY),
                                       STR_INIT("\r\n--b--")};
    for (size_t i = 0; i < 3; i++) {
        strbuf_clear(&body);
        strbuf_add(&body, before[i]);
        strbuf_add(&body, input);
        strbuf_add(&body, after[i]);
        strbuf_clear(out);
        redaction_add_body(redaction, types[i], strbuf_str(&body), false, false, out);
        ASSERT(!memmem(out->ptr, out->len, CANARY, sizeof(CANARY) - 1) ||
               memmem(input.ptr, input.len, CANARY, sizeof(CANARY) - 1));
    }
    strbuf_deinit(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const struct redaction_spec spec = {headers, 1, NULL, query, 0, 1, paths, 3};
    struct redaction *redaction = redaction_new(&spec);
    struct str input = {(const char *)data, len};
    struct strbuf out = STRBUF_INIT;
    size_t line = str_find_char(input, '\n');
    struct str type = str_slice(input, 0, line), body = str_slice(input, line + 1, len);
    check(redaction, type, body, &out);
    check_canary(redaction, input, &out);
    redaction_add_target(redaction, body, &out);
    redaction_add_value(redaction, STR("set-cookie"), body, &out);
    redaction_add_value(redaction, STR("cookie"), body, &out);
    redaction_add_value(redaction, STR("link"), body, &out);
    redaction_add_difference(redaction, type, body, false, &out);
    redaction_add_difference(redaction, type, body, true, &out);
    strbuf_deinit(&out);
    redaction_free(redaction);
    return 0;
}
