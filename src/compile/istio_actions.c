/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/istio_actions.h"

#include "base/base64.h"
#include "http/field.h"
#include "manifest/virtual_service_check.h"

#define RETRY_BACKOFF_MS 25 /* where a retry says none, as Istio has it */
#define MS_PER_SECOND 1000
#define FIRST_CODE 400 /* statuses below ask for no other attempt */
#define LAST_CODE 599

/* --------------------------------------------------------------------------------------------------------- headers */

static bool is_host(struct str name)
{
    return str_eq_nocase(name, STR("host")) || str_eq(name, STR(":authority"));
}

/* False, and said, for what no rule may touch. Host is the rewrite's. */
static bool may_edit(struct compiler *compiler, const struct node *at, struct str name, bool is_request)
{
    enum field_id id = field_id_from_name(name);
    if (is_host(name) && is_request)
        return false;
    if (field_may_be_edited(id) && !is_host(name))
        return true;
    compiler_report(compiler, SEVERITY_WARNING, "UnsupportedValue", at, NULL, "%.*s stays as it is, because it %s",
                    STR_ARG(name),
                    id == FIELD_X_UMBRA_SHADOW ? "tells copies from requests"
                                               : "belongs to a connection or says where a message ends");
    return false;
}

static void add_map(struct compiler *compiler, const struct schema_list *map, enum plan_edit_kind kind, bool is_request,
                    struct rule_edit *edits, size_t *count)
{
    for (size_t i = 0; i < map->count; i++) {
        const struct schema_pair *pair = SCHEMA_ITEM(*map, struct schema_pair, i);
        if (may_edit(compiler, map->node, pair->key, is_request))
            edits[(*count)++] = (struct rule_edit){.kind = kind, .name = pair->key, .value = pair->value};
    }
}

/* As Envoy does it: what is removed goes first, so that it may be set anew. */
static const struct rule_edit *make_edits(struct compiler *compiler, const struct istio_header_edits *from,
                                          bool is_request, size_t *count)
{
    *count = 0;
    if (!from)
        return NULL;
    size_t most = (size_t)from->set.count + from->add.count + from->remove.count;
    struct rule_edit *edits = arena_alloc(compiler->arena, (most + 1) * sizeof(*edits));
    for (size_t i = 0; i < from->remove.count; i++) {
        struct str name = *SCHEMA_ITEM(from->remove, struct str, i);
        if (may_edit(compiler, from->remove.node, name, is_request))
            edits[(*count)++] = (struct rule_edit){.kind = EDIT_REMOVE, .name = name};
    }
    add_map(compiler, &from->set, EDIT_SET, is_request, edits, count);
    add_map(compiler, &from->add, EDIT_ADD, is_request, edits, count);
    return edits;
}

/* The Host that `headers.request.set` asks for, or STR_NONE. */
static struct str wanted_host(const struct istio_headers *headers)
{
    const struct schema_list *set = headers && headers->request ? &headers->request->set : NULL;
    for (size_t i = 0; set && i < set->count; i++) {
        const struct schema_pair *pair = SCHEMA_ITEM(*set, struct schema_pair, i);
        if (is_host(pair->key))
            return pair->value;
    }
    return STR_NONE;
}

static void add_headers(struct compiler *compiler, const struct istio_headers *headers, struct rule_actions *out)
{
    out->request_edits = make_edits(compiler, headers ? headers->request : NULL, true, &out->request_edit_count);
    out->response_edits = make_edits(compiler, headers ? headers->response : NULL, false, &out->response_edit_count);
}

void istio_destination_actions(struct compiler *compiler, const struct istio_headers *headers, struct rule_actions *out)
{
    struct str host = wanted_host(headers);
    *out = (struct rule_actions){0};
    add_headers(compiler, headers, out);
    if (host.len == 0)
        return;
    struct rule_rewrite *rewrite = arena_alloc(compiler->arena, sizeof(*rewrite));
    *rewrite = (struct rule_rewrite){.hostname = host, .path_kind = REWRITE_NO_PATH, .path = STR("")};
    out->rewrite = rewrite;
}

/* ----------------------------------------------------------------------------------------------- rewrite, redirect */

static const struct rule_rewrite *make_rewrite(struct compiler *compiler, const struct istio_route *route)
{
    const struct istio_rewrite *from = route->rewrite;
    struct str host = wanted_host(route->headers);
    if (!from && host.len == 0)
        return NULL;
    struct rule_rewrite *rewrite = arena_alloc(compiler->arena, sizeof(*rewrite));
    *rewrite = (struct rule_rewrite){
        .hostname = from && from->authority.len > 0 ? from->authority : str_or(host, STR("")),
        .path_kind = REWRITE_NO_PATH,
        .path = STR(""),
        .pattern = STR(""),
    };
    if (from && from->regex) {
        rewrite->path_kind = REWRITE_REGEX;
        rewrite->path = from->regex->rewrite;
        rewrite->pattern = from->regex->match;
    } else if (from && from->uri.len > 0) {
        rewrite->path_kind = REWRITE_MATCHED;
        rewrite->path = from->uri;
    }
    return rewrite;
}

/* The new path, without the query that may stand behind it. */
static void set_path(struct rule_redirect *redirect, enum plan_path_kind kind, struct str text)
{
    size_t mark = str_find_char(text, '?');
    redirect->path_kind = kind;
    redirect->path = str_slice(text, 0, mark);
    redirect->query = str_slice(text, mark + (mark < text.len), text.len);
}

static const struct rule_redirect *make_redirect(struct compiler *compiler, const struct istio_redirect *from,
                                                 bool is_tls)
{
    struct rule_redirect *redirect = arena_alloc(compiler->arena, sizeof(*redirect));
    *redirect = (struct rule_redirect){
        .scheme = str_or(from->scheme, STR("")),
        .hostname = str_or(from->authority, STR("")),
        .path_kind = REWRITE_NO_PATH,
        .path = STR(""),
        .query = STR(""),
        .port = (uint16_t)(from->port.is_set ? from->port.value : 0),
        .status = (uint16_t)from->code.value,
        .port_kind = REDIRECT_PORT_OF_REQUEST,
    };
    if (from->uri.len > 0)
        set_path(redirect, REWRITE_FULL_PATH, from->uri);
    else if (from->prefix_rewrite.len > 0)
        set_path(redirect, REWRITE_MATCHED, from->prefix_rewrite);
    bool has_port = from->authority.len > 0 && from->authority.ptr[0] != '[' &&
                    str_find_char(from->authority, ':') < from->authority.len;
    if (has_port) {
        redirect->port = 0;
    } else if (from->derive_port.is_set && from->derive_port.value == DERIVE_REQUEST_PORT) {
        redirect->port_kind = REDIRECT_PORT_OF_LISTENER;
    } else if (from->derive_port.is_set) {
        bool is_https = from->scheme.len > 0 ? str_eq(from->scheme, STR("https")) : is_tls;
        redirect->port = is_https ? 443 : 80;
    }
    return redirect;
}

static const struct rule_answer *make_answer(struct compiler *compiler, const struct istio_direct_response *from)
{
    struct rule_answer *answer = arena_alloc(compiler->arena, sizeof(*answer));
    *answer = (struct rule_answer){.status = (uint16_t)from->status.value, .body = STR("")};
    if (from->body && from->body->string.ptr)
        answer->body = from->body->string;
    if (from->body && from->body->bytes.ptr) {
        char *bytes = arena_alloc(compiler->arena, BASE64_ROOM(from->body->bytes.len));
        answer->body = (struct str){bytes, base64_decode(from->body->bytes, bytes)};
    }
    return answer;
}

/* ------------------------------------------------------------------------------------------------------------ CORS */

static struct rule_texts texts_of(const struct schema_list *list)
{
    return (struct rule_texts){.list = list->items, .count = list->count};
}

static const struct rule_cors *make_cors(struct compiler *compiler, const struct istio_cors *from)
{
    struct rule_cors *cors = arena_alloc(compiler->arena, sizeof(*cors));
    size_t most = (size_t)from->allow_origins.count + from->allow_origin.count;
    struct str *origins = arena_alloc(compiler->arena, (most + 1) * sizeof(*origins));
    struct rule_origin *tests = arena_alloc(compiler->arena, (most + 1) * sizeof(*tests));
    *cors = (struct rule_cors){
        .methods = texts_of(&from->allow_methods),
        .headers = texts_of(&from->allow_headers),
        .expose = texts_of(&from->expose_headers),
        .allows_credentials = from->allow_credentials.value != 0,
        .max_age_s = clamp_u32((from->max_age.value + MS_PER_SECOND - 1) / MS_PER_SECOND),
        .origin_tests = tests,
        .passes_preflights = !str_eq(from->unmatched_preflights, STR("IGNORE")),
    };
    for (size_t i = 0; i < from->allow_origins.count; i++) {
        const struct string_match *origin = SCHEMA_ITEM(from->allow_origins, struct string_match, i);
        if (origin->exact.ptr && str_eq(origin->exact, STR("*")))
            origins[cors->origins.count++] = origin->exact;
        else if (origin->exact.ptr)
            tests[cors->origin_test_count++] = (struct rule_origin){TEST_EXACT, origin->exact};
        else if (origin->prefix.ptr)
            tests[cors->origin_test_count++] = (struct rule_origin){TEST_PREFIX, origin->prefix};
        else
            tests[cors->origin_test_count++] = (struct rule_origin){TEST_REGEX, origin->regex};
    }
    for (size_t i = 0; i < from->allow_origin.count; i++) {
        struct str origin = *SCHEMA_ITEM(from->allow_origin, struct str, i);
        if (str_eq(origin, STR("*")))
            origins[cors->origins.count++] = origin;
        else
            tests[cors->origin_test_count++] = (struct rule_origin){TEST_EXACT, origin};
    }
    cors->origins.list = origins;
    return cors;
}

void istio_actions_compile(struct compiler *compiler, const struct istio_route *route, bool is_tls,
                           struct rule_actions *out)
{
    *out = (struct rule_actions){0};
    add_headers(compiler, route->headers, out);
    out->rewrite = make_rewrite(compiler, route);
    if (route->redirect)
        out->redirect = make_redirect(compiler, route->redirect, is_tls);
    if (route->direct_response)
        out->answer = make_answer(compiler, route->direct_response);
    if (route->cors)
        out->cors = make_cors(compiler, route->cors);
}

/* --------------------------------------------------------------------------------------------------------- retries */

static void add_codes(uint32_t first, uint32_t last, uint32_t *codes, size_t *count)
{
    for (uint32_t code = first; code <= last; code++) {
        bool is_there = false;
        for (size_t i = 0; i < *count; i++)
            is_there |= codes[i] == code;
        if (!is_there)
            codes[(*count)++] = code;
    }
}

static void add_word(unsigned bits, uint32_t code, struct rule_route *row, uint32_t *codes)
{
    if (bits & ISTIO_RETRY_5XX)
        add_codes(500, LAST_CODE, codes, &row->retry_code_count);
    if (bits & ISTIO_RETRY_GATEWAY_ERROR)
        add_codes(502, 504, codes, &row->retry_code_count);
    if (bits & ISTIO_RETRY_RETRIABLE_4XX)
        add_codes(409, 409, codes, &row->retry_code_count);
    if (code >= FIRST_CODE)
        add_codes(code, code, codes, &row->retry_code_count);
    if (bits & (ISTIO_RETRY_5XX | ISTIO_RETRY_GATEWAY_ERROR | ISTIO_RETRY_RESET))
        row->retry_on |= RETRY_CONNECT | RETRY_RESET | RETRY_TIMEOUT;
    if (bits & (ISTIO_RETRY_CONNECT_FAILURE | ISTIO_RETRY_REFUSED_STREAM))
        row->retry_on |= RETRY_CONNECT;
    row->retry_grpc |= bits / ISTIO_RETRY_GRPC;
    if (row->retry_code_count > 0 || row->retry_grpc != 0)
        row->retry_on |= RETRY_STATUS;
}

/* What Istio retries where nothing is said. */
static const struct str default_words = STR_INIT("connect-failure,refused-stream,unavailable,cancelled,503");

void istio_times_compile(struct compiler *compiler, const struct istio_route *route, struct rule_route *row)
{
    const struct istio_retries *retries = route->retries;
    row->request_timeout_ms = clamp_u32(route->timeout.value);
    if (!retries)
        return;
    row->backend_timeout_ms = clamp_u32(retries->per_try_timeout.value);
    row->retry_attempts = clamp_u32(retries->attempts.value);
    if (row->retry_attempts == 0)
        return;
    row->retry_backoff_ms = retries->backoff.is_set ? clamp_u32(retries->backoff.value) : RETRY_BACKOFF_MS;
    uint32_t *codes = arena_alloc(compiler->arena, (LAST_CODE - FIRST_CODE + 1) * sizeof(*codes));
    struct str rest = retries->retry_on.len > 0 ? retries->retry_on : default_words, word;
    while (str_next(&rest, ',', &word)) {
        unsigned bits;
        uint32_t code;
        if (istio_retry_word(str_trim(word), &bits, &code))
            add_word(bits, code, row, codes);
    }
    row->retry_codes = codes;
    /* Nothing that is acted on here: no answer asks for another attempt, and nor does anything else. */
    if (row->retry_on == 0)
        row->retry_attempts = 0;
}
