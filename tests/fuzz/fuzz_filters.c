/* SPDX-License-Identifier: Apache-2.0 */
/* What rules and mirrors do to heads: edits, rewrite, redirect, CORS and redaction, with whatever a plan says. The input is lines
 * that say it, an empty line, and the request head of a client. However heads are changed, live and shadow read one request, with the
 * body that the client announced; an answer's head stays one; and a shadow sees nothing that is redacted. */
#include "base/assert.h"
#include "base/mem.h"
#include "http/http1_format.h"
#include "http/http1_parse.h"
#include "http/url.h"
#include "mirror/copy_head.h"
#include "mirror/redact.h"
#include "proxy/edit.h"
#include "proxy/filters.h"
#include "route/cors.h"
#include "route/edits.h"

#define MAX_ROWS 64
#define MAX_TEXT 8192

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct {
    struct plan plan;
    struct plan_edit edits[MAX_ROWS];
    struct plan_str texts[MAX_ROWS];
    struct plan_redaction redactions[MAX_ROWS];
    struct plan_rewrite rewrites[1];
    struct plan_redirect redirects[1];
    struct plan_cors cors[1];
    struct plan_condition conditions[MAX_ROWS];
    struct plan_regex regexes[1];
    char strings[MAX_TEXT];
} block;
#define OFFSET(member) ((uint32_t)offsetof(__typeof__(block), member))

struct rules_of_input {
    struct plan_route route;
    struct plan_mirror mirror;
    size_t prefix_len;
    uint32_t used; /* of strings */
};

static struct plan_str add_text(struct rules_of_input *rules, struct str text)
{
    if (text.len > MAX_TEXT - rules->used)
        text.len = 0;
    if (text.len)
        memcpy(block.strings + rules->used, text.ptr, text.len);
    struct plan_str at = {OFFSET(strings) + rules->used, (uint32_t)text.len};
    rules->used += at.len;
    return at;
}

static struct str take_word(struct str *line)
{
    size_t len = str_find_char(*line, ' ');
    struct str word = str_slice(*line, 0, len);
    *line = str_slice(*line, len + 1, line->len);
    return word;
}

/* "s Name value", "a Name value", "r Name"; all edits are of request, answer and copy alike. */
static void add_edit(struct rules_of_input *rules, enum plan_edit_kind kind, struct str line)
{
    if (block.plan.edits.count == MAX_ROWS)
        return;
    struct plan_str name = add_text(rules, take_word(&line));
    block.edits[block.plan.edits.count++] = (struct plan_edit){kind, name, add_text(rules, line)};
}

static void add_redaction(struct rules_of_input *rules, enum plan_redaction_kind kind, struct str name)
{
    if (name.len && block.plan.redactions.count < MAX_ROWS)
        block.redactions[block.plan.redactions.count++] = (struct plan_redaction){kind, add_text(rules, name)};
}

static struct plan_range add_list(struct rules_of_input *rules, struct str words)
{
    struct plan_range range = {block.plan.texts.count, 0};
    while (words.len && block.plan.texts.count < MAX_ROWS) {
        block.texts[block.plan.texts.count++] = add_text(rules, take_word(&words));
        range.count++;
    }
    return range;
}

static void add_line(struct rules_of_input *rules, struct str line)
{
    struct plan_actions *actions = &rules->route.actions;
    char kind = line.len ? line.ptr[0] : '\0';
    struct str rest = str_slice(line, line.len > 1 ? 2 : line.len, line.len);
    switch (kind) {
    case 's': add_edit(rules, EDIT_SET, rest); break;
    case 'a': add_edit(rules, EDIT_ADD, rest); break;
    case 'r': add_edit(rules, EDIT_REMOVE, rest); break;
    case 'h': add_redaction(rules, REDACT_HEADER, rest); break;
    case 'c': add_redaction(rules, REDACT_COOKIE, rest); break;
    case 'q': add_redaction(rules, REDACT_QUERY, rest); break;
    case 'H': block.rewrites[0].hostname = block.redirects[0].hostname = add_text(rules, rest); break;
    case 'S': block.redirects[0].scheme = add_text(rules, rest); break;
    case 'F':
    case 'P':
        block.rewrites[0].path_kind = block.redirects[0].path_kind = kind == 'F' ? REWRITE_FULL_PATH : REWRITE_PREFIX;
        block.rewrites[0].path = block.redirects[0].path = add_text(rules, rest);
        break;
    case 'B':
        block.rewrites[0].path_kind = block.redirects[0].path_kind = REWRITE_MATCHED;
        block.rewrites[0].path = block.redirects[0].path = add_text(rules, rest);
        break;
    case 'E': /* "E pattern replacement" */
        block.regexes[0] = (struct plan_regex){add_text(rules, take_word(&rest)), 1};
        block.plan.regexes.count = 1;
        block.rewrites[0].path_kind = REWRITE_REGEX;
        block.rewrites[0].path = add_text(rules, rest);
        break;
    case 'Q': block.redirects[0].query = add_text(rules, rest); break;
    case 'K': block.redirects[0].port_kind = (uint32_t)rest.len % 3; break;
    case 'T':
        if (block.plan.conditions.count < MAX_ROWS)
            block.conditions[block.plan.conditions.count++] = (struct plan_condition){
                .kind = CONDITION_ORIGIN, .test = TEST_PREFIX, .value = add_text(rules, rest)};
        break;
    case 'U': block.cors[0].passes_preflights = 1; break;
    case 'n': rules->prefix_len = rest.len; break;
    case 'W': actions->rewrite = 0; break;
    case 'R':
        actions->redirect = 0;
        block.redirects[0].port = (uint32_t)rest.len * 4000;
        break;
    case 'C':
        actions->cors = 0;
        block.cors[0].allows_credentials = rest.len % 2;
        break;
    case 'O': block.cors[0].origins = add_list(rules, rest); break;
    case 'M': block.cors[0].methods = block.cors[0].headers = block.cors[0].expose = add_list(rules, rest); break;
    case 'L':
        rules->mirror.host = add_text(rules, rest);
        rules->mirror.host_kind = COPY_HOST_LITERAL;
        break;
    case 'X': rules->mirror.host_kind = COPY_HOST_SUFFIX; break;
    case 'm': rules->mirror.marker_header = add_text(rules, rest); break;
    case 't': rules->mirror.trace = (uint32_t)rest.len % 3; break;
    default: rules->mirror.has_baggage = 1;
    }
}

static void read_rules(struct rules_of_input *rules, struct str *input)
{
    memset(&block, 0, sizeof block);
    *rules = (struct rules_of_input){
        .route.actions = {.rewrite = PLAN_NONE, .redirect = PLAN_NONE, .cors = PLAN_NONE, .answer = PLAN_NONE}};
    block.redirects[0].status = 302;
    block.plan.edits.off = OFFSET(edits);
    block.plan.texts.off = OFFSET(texts);
    block.plan.redactions.off = OFFSET(redactions);
    block.plan.rewrites = (struct plan_array){OFFSET(rewrites), 1};
    block.plan.redirects = (struct plan_array){OFFSET(redirects), 1};
    block.plan.cors = (struct plan_array){OFFSET(cors), 1};
    block.plan.conditions.off = OFFSET(conditions);
    block.plan.regexes.off = OFFSET(regexes);
    rules->mirror.label = add_text(rules, STR("default/v2:80"));
    struct str line;
    do {
        size_t len = str_find_char(*input, '\n');
        line = str_slice(*input, 0, len);
        *input = str_slice(*input, len + 1, input->len);
        if (line.len)
            add_line(rules, line);
    } while (line.len);
    struct plan_range edits = {0, block.plan.edits.count};
    block.cors[0].origin_tests = (struct plan_range){0, block.plan.conditions.count};
    rules->route.actions.request_edits = rules->route.actions.response_edits = rules->mirror.edits = edits;
    rules->mirror.redactions = (struct plan_range){0, block.plan.redactions.count};
}

/* ---- what must hold ---- */

/* A head of exactly its size, so that the sanitizer sees the first byte behind it. */
static void check_request(const struct head *sent)
{
    struct http1_framing framing = {.is_chunked = sent->body == BODY_STREAM, .has_length = sent->body == BODY_LENGTH};
    struct field fields[HEAD_MAX_FIELDS];
    struct head got = {.fields = fields};
    enum refusal why;
    char *out = mem_alloc_raw(http1_head_bound(sent));
    size_t end, scanned = 0, len = http1_format_request(out, sent, &framing);
    ASSERT(len <= http1_head_bound(sent));
    enum parse found = http1_find_head_end((struct str){out, len}, &scanned, &end, &why);
    ASSERT(found == PARSE_MORE || found == PARSE_DONE || len > HEAD_MAX_BYTES);
    ASSERT(found != PARSE_DONE || end == len); /* one head, and nothing behind it */
    if (len <= HEAD_MAX_BYTES && http1_parse_request((struct str){out, len}, &got, &why) == PARSE_DONE) {
        ASSERT(got.body == sent->body && (got.body != BODY_LENGTH || got.content_length == sent->content_length));
        ASSERT(str_eq(got.method, sent->method) && str_eq(got.target, sent->target));
        ASSERT(sent->method_id == METHOD_CONNECT || str_eq(got.authority, sent->authority));
    } else {
        ASSERT(len > HEAD_MAX_BYTES || why == REFUSAL_HEADER_SIZE || why == REFUSAL_URI_SIZE);
    }
    mem_free(out);
}

static void check_answer(struct head *answer)
{
    char *out = mem_alloc_raw(http1_head_bound(answer));
    struct http1_framing framing = {.has_length = true};
    size_t end, scanned = 0, len = http1_format_response(out, answer, &framing);
    struct field fields[HEAD_MAX_FIELDS];
    struct head got = {.fields = fields};
    enum refusal why;
    ASSERT(http1_find_head_end((struct str){out, len}, &scanned, &end, &why) == PARSE_DONE && end == len);
    if (http1_parse_response((struct str){out, len}, METHOD_GET, &got, &why) == PARSE_DONE)
        ASSERT(got.status == answer->status && got.body == BODY_LENGTH && got.content_length == answer->content_length);
    else
        ASSERT(why == REFUSAL_HEADER_SIZE);
    mem_free(out);
}

static bool has_cookie(const struct head *copy, struct str name)
{
    for (uint16_t i = 0; i < copy->field_count; i++) {
        struct str list = copy->fields[i].value, pair;
        while (copy->fields[i].id == FIELD_COOKIE && str_next(&list, ';', &pair)) {
            if (str_eq(str_slice(pair, 0, str_find_char(pair, '=')), name))
                return true;
        }
    }
    return false;
}

static void check_redacted(const struct rules_of_input *rules, const struct head *copy)
{
    for (uint32_t i = 0; i < rules->mirror.redactions.count; i++) {
        const struct plan_redaction *redaction = PLAN_REDACTION(&block.plan, i);
        struct str name = plan_text(&block.plan, redaction->name), value;
        const struct field *field = head_find_name(copy, name);
        struct str edited = redaction->kind == REDACT_COOKIE ? STR("Cookie") : name;
        bool is_set = false; /* the mirror may say it itself */
        for (uint32_t k = 0; k < rules->mirror.edits.count; k++)
            is_set |= str_eq_nocase(plan_text(&block.plan, PLAN_EDIT(&block.plan, k)->name), edited);
        bool is_own = is_set || str_eq_nocase(name, plan_text(&block.plan, rules->mirror.marker_header));
        if (redaction->kind == REDACT_HEADER)
            ASSERT(!field || !field_may_be_edited(field->id) || is_own || field->id == FIELD_BAGGAGE);
        if (redaction->kind == REDACT_COOKIE)
            ASSERT(is_set || !has_cookie(copy, name));
        if (redaction->kind == REDACT_QUERY && str_find_char(name, ';') == name.len)
            ASSERT(!url_query_find(copy->query, name, &value) || str_find_char(name, '%') < name.len ||
                   str_find_char(name, '+') < name.len);
    }
}

/* ---- the way of a request, as src/proxy and src/mirror go it ---- */

static void copy_request(const struct rules_of_input *rules, const struct head *request)
{
    static const unsigned char key[MARKER_KEY_BYTES];
    char first[4096];
    struct arena arena;
    struct random random;
    struct head copy;
    struct exchange exchange = {.request = request};
    arena_init(&arena, first, sizeof first);
    random_init(&random);
    struct copy_marking marking = {&block.plan, &rules->mirror, 1767312000, key, &random};
    copy_head_make(&copy, &exchange, &arena, &marking);
    check_request(&copy);
    check_redacted(rules, &copy);
    arena_deinit(&arena);
}

static void answer_request(const struct filters *filters, const struct rules_of_input *rules,
                           const struct head *request, const struct rewrite_path *path, struct arena *arena)
{
    struct field fields[] = {{STR("Vary"), STR("Accept"), FIELD_OTHER},
                             {STR("X-A"), STR("1"), FIELD_OTHER},
                             {STR_NONE, STR_NONE, FIELD_OTHER}};
    struct head answer = {.status = 200, .body = BODY_LENGTH, .content_length = 7, .fields = fields, .field_count = 2};
    const struct plan_redirect *redirect = filters_redirect(filters);
    if (redirect) {
        struct redirect_from from = {request, *path, false, (uint32_t)rules->prefix_len};
        answer.status = redirect_status(redirect);
        head_add(&answer, FIELD_OTHER, STR("Location"), redirect_location(&block.plan, redirect, &from, arena));
    }
    filters_edit_answer(filters, &answer, arena);
    check_answer(&answer);
}

static void pass(const struct rules_of_input *rules, const struct head *head, struct regex_use use, struct arena *arena)
{
    static const struct peer peer = {.remote = {.family = ADDRESS_IPV4}, .local = {.family = ADDRESS_IPV4, .port = 80}};
    static const unsigned char key[MARKER_KEY_BYTES];
    const struct edit_context context = {.plan = &block.plan, .peer = &peer, .marker_key = key};
    struct rewrite_path path = {.prefix_len = rules->prefix_len, .use = use};
    struct filters filters;
    struct edit_result edited;
    struct head request;
    if (!url_normalise_path(head->path, arena, &path.normal))
        return;
    if (path.prefix_len > path.normal.len)
        path.prefix_len = path.normal.len;
    filters_init(&filters, &block.plan, use, &rules->route, NULL);
    head_copy(&request, head, arena, EDIT_SPARE + filters_room(&filters));
    edit_request(&request, arena, &context, &edited);
    filters_note_origin(&filters, &request, arena);
    ASSERT(filters.cors_count <= CORS_MAX_FIELDS);
    answer_request(&filters, rules, &request, &path, arena);
    if (!filters_edit_request(&filters, &path, &request, arena)) {
        ASSERT(block.rewrites[0].path_kind == REWRITE_REGEX);
        return;
    }
    check_request(&request);
    copy_request(rules, &request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct str input = {(const char *)data, len};
    struct rules_of_input rules;
    struct field fields[HEAD_MAX_FIELDS];
    struct head head = {.fields = fields};
    enum refusal why;
    char first[1536];
    struct arena arena;
    size_t end, scanned = 0;
    read_rules(&rules, &input);
    if (http1_find_head_end(input, &scanned, &end, &why) != PARSE_DONE || end > HEAD_MAX_BYTES ||
        http1_parse_request(str_slice(input, 0, end), &head, &why) != PARSE_DONE)
        return 0;
    static struct regex_scratch *scratch;
    struct err err;
    struct regexes *regexes = regexes_new(&block.plan, &err);
    if (!scratch)
        scratch = regex_scratch_new();
    arena_init(&arena, first, sizeof first);
    if (regexes)
        pass(&rules, &head, (struct regex_use){regexes, scratch}, &arena);
    arena_deinit(&arena);
    regexes_free(regexes);
    return 0;
}
