/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/edit.h"

/* Connection options name further fields to drop (RFC 9110 7.6.1), but never those that delimit or route the message. */
static bool is_named_by_connection(const struct head *head, const struct field *field)
{
    if (field->id == FIELD_HOST || field->id == FIELD_CONTENT_LENGTH)
        return false;
    for (uint16_t i = 0; i < head->field_count; i++) {
        if (head->fields[i].id == FIELD_CONNECTION && str_list_has(head->fields[i].value, field->name))
            return true;
    }
    return false;
}

/* Most messages have no Connection field, or one that names nothing but what Umbra handles. */
static bool names_fields(struct str connection)
{
    struct str option;
    while (str_next(&connection, ',', &option)) {
        if (option.len && !str_eq_nocase(option, STR("close")) && !str_eq_nocase(option, STR("keep-alive")) &&
            !str_eq_nocase(option, STR("upgrade")))
            return true;
    }
    return false;
}

void edit_strip_hop_by_hop(struct head *head)
{
    bool has_named = false;
    for (uint16_t i = 0; i < head->field_count; i++) {
        if (head->fields[i].id == FIELD_CONNECTION && names_fields(head->fields[i].value))
            has_named = true;
    }
    struct field kept[HEAD_MAX_FIELDS];
    uint16_t count = 0;
    for (uint16_t i = 0; i < head->field_count; i++) {
        const struct field *field = &head->fields[i];
        if (field_is_hop_by_hop(field->id) || (has_named && is_named_by_connection(head, field)))
            continue;
        kept[count++] = *field;
    }
    memcpy(head->fields, kept, count * sizeof *kept);
    head->field_count = count;
}

static bool is_trusted(const struct plan *plan, const struct address *address)
{
    for (uint32_t i = 0; i < plan->trusted_proxies.count; i++) {
        if (cidr_has(PLAN_TRUSTED(plan, i), address))
            return true;
    }
    return false;
}

static void remove_at(struct head *head, uint16_t at)
{
    head->field_count--;
    memmove(&head->fields[at], &head->fields[at + 1], (size_t)(head->field_count - at) * sizeof *head->fields);
}

/* The last comma-separated element of a list; the list is cut before it. */
static struct str take_last(struct str *list)
{
    size_t from = list->len;
    while (from && list->ptr[from - 1] != ',')
        from--;
    struct str last = str_trim(str_slice(*list, from, list->len));
    list->len = from ? from - 1 : 0;
    return last;
}

/* An element of X-Forwarded-For: an IP, possibly with a port or in brackets. */
static bool parse_forwarded_for(struct str text, struct address *address)
{
    struct cidr ip;
    if (address_parse(text, address))
        return true;
    if (text.len > 2 && text.ptr[0] == '[' && text.ptr[text.len - 1] == ']')
        text = str_slice(text, 1, text.len - 1);
    if (str_find_char(text, '/') < text.len || !cidr_parse(text, &ip))
        return false;
    *address = (struct address){.family = ip.family};
    memcpy(address->ip, ip.ip, sizeof address->ip);
    return true;
}

/* From the peer backwards through X-Forwarded-For, as long as trusted proxies vouch for it. */
static struct address find_client(const struct head *head, const struct edit_context *context)
{
    struct address client = context->peer->remote;
    if (!context->plan->trusted_proxies.count || !is_trusted(context->plan, &client))
        return client;
    for (uint16_t i = head->field_count; i-- > 0;) {
        struct str list = head->fields[i].value;
        if (head->fields[i].id != FIELD_X_FORWARDED_FOR)
            continue;
        while (list.len) {
            struct address address;
            if (!parse_forwarded_for(take_last(&list), &address))
                return client;
            client = address;
            if (!is_trusted(context->plan, &client))
                return client;
        }
    }
    return client;
}

static void add_forwarded_for(struct head *head, struct arena *arena, const struct peer *peer)
{
    char text[ADDRESS_TEXT];
    struct str ip = peer->remote.family == ADDRESS_UNIX ? STR("unknown") : address_format_ip(&peer->remote, text);
    for (uint16_t i = head->field_count; i-- > 0;) {
        if (head->fields[i].id != FIELD_X_FORWARDED_FOR)
            continue;
        struct str *value = &head->fields[i].value;
        *value = value->len ? arena_printf(arena, "%.*s, %.*s", STR_ARG(*value), STR_ARG(ip)) : arena_copy(arena, ip);
        return;
    }
    head_add(head, FIELD_X_FORWARDED_FOR, field_id_name(FIELD_X_FORWARDED_FOR), arena_copy(arena, ip));
}

/* Overwrites what an untrusted peer says; the field keeps its place. */
static void set_forwarded(struct head *head, enum field_id id, struct str value, bool is_peer_trusted)
{
    bool is_set = false;
    for (uint16_t i = 0; i < head->field_count; i++) {
        if (head->fields[i].id != id)
            continue;
        if (is_peer_trusted)
            return;
        if (is_set)
            remove_at(head, i--);
        else
            head->fields[i].value = value;
        is_set = true;
    }
    if (!is_set)
        head_add(head, id, field_id_name(id), value);
}

static bool is_shadow_member(struct str member)
{
    struct str key = str_trim(str_slice(member, 0, str_find_char(member, '=')));
    return str_eq(key, STR("umbra.shadow"));
}

/* Removes the umbra.shadow member from a baggage list (W3C Baggage); true when it was there. */
static bool strip_baggage(struct str *value, struct arena *arena)
{
    struct str rest = *value, member;
    bool is_found = false;
    while (!is_found && str_next(&rest, ',', &member))
        is_found = is_shadow_member(member);
    if (!is_found)
        return false;
    char *out = arena_alloc(arena, value->len);
    size_t len = 0;
    rest = *value;
    while (str_next(&rest, ',', &member)) {
        if (is_shadow_member(member))
            continue;
        if (len)
            out[len++] = ',';
        memcpy(out + len, member.ptr, member.len);
        len += member.len;
    }
    *value = (struct str){out, len};
    return true;
}

static bool is_marker_header(const struct field *field, const struct edit_context *context)
{
    if (field->id == FIELD_X_UMBRA_SHADOW)
        return true;
    for (size_t i = 0; i < context->marker_header_count; i++) {
        if (str_eq_nocase(field->name, context->marker_headers[i]))
            return true;
    }
    return false;
}

static bool is_signed(struct str value, const struct edit_context *context)
{
    return marker_verify(value, context->unix_s, context->marker_key) ||
           (context->other_marker_key && marker_verify(value, context->unix_s, context->other_marker_key));
}

/* A copy may say that it is one; nobody else. Its marker is known by its value, under whatever name a mirror, also of another gateway
 * with the same key, has sent it. */
static void check_marker(struct head *head, struct arena *arena, const struct edit_context *context,
                         struct edit_result *result)
{
    const struct field *marker = NULL;
    bool is_named = false, is_suspect = context->marker_header_count > 0;
    for (uint16_t i = 0; i < head->field_count && !marker; i++) {
        const struct field *field = &head->fields[i];
        bool is_second = is_named && field->id == FIELD_X_UMBRA_SHADOW;
        is_named |= field->id == FIELD_X_UMBRA_SHADOW;
        is_suspect |= is_named || field->id == FIELD_BAGGAGE;
        if (!is_second && marker_may_be(field->value) && is_signed(field->value, context))
            marker = field;
    }
    result->is_copy = marker;
    if (!is_suspect && !marker)
        return;
    for (uint16_t i = 0; i < head->field_count; i++) {
        struct field *field = &head->fields[i];
        bool is_forged = is_marker_header(field, context) && field != marker;
        bool is_stripped = field->id == FIELD_BAGGAGE && !result->is_copy && strip_baggage(&field->value, arena);
        if (is_forged || (is_stripped && !field->value.len)) {
            remove_at(head, i--);
            if (marker > field)
                marker--;
        }
        result->had_forged_marker |= is_forged || is_stripped;
    }
}

/* Origin servers are asked in origin-form (RFC 9112 3.2.2), and every request has a Host. */
static void set_target_and_host(struct head *head, struct arena *arena, const struct peer *peer)
{
    bool is_absolute = head->path.ptr != head->target.ptr && head->method_id != METHOD_CONNECT;
    size_t at = (size_t)(head->path.ptr - head->target.ptr);
    if (is_absolute && at < head->target.len)
        head->target = str_slice(head->target, at, head->target.len);
    else if (is_absolute) /* "http://host" and "http://host?query" */
        head->target = head->query.ptr ? arena_printf(arena, "/?%.*s", STR_ARG(head->query)) : STR("/");
    for (uint16_t i = 0; i < head->field_count; i++) {
        if (head->fields[i].id != FIELD_HOST)
            continue;
        if (is_absolute)
            head->fields[i].value = head->authority;
        return;
    }
    char text[ADDRESS_TEXT];
    struct str host = head->authority.len ? head->authority : arena_copy(arena, address_format(&peer->local, text));
    head->authority = host;
    head_add(head, FIELD_HOST, field_id_name(FIELD_HOST), host);
}

void edit_request(struct head *head, struct arena *arena, const struct edit_context *context,
                  struct edit_result *result)
{
    *result = (struct edit_result){.client = find_client(head, context)};
    bool is_peer_trusted = context->plan->trusted_proxies.count && is_trusted(context->plan, &context->peer->remote);
    edit_strip_hop_by_hop(head);
    set_target_and_host(head, arena, context->peer);
    check_marker(head, arena, context, result);
    add_forwarded_for(head, arena, context->peer);
    set_forwarded(head, FIELD_X_FORWARDED_HOST, head->authority, is_peer_trusted);
    set_forwarded(head, FIELD_X_FORWARDED_PROTO, context->peer->is_tls ? STR("https") : STR("http"), is_peer_trusted);
}
