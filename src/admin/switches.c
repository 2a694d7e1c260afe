/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/switches.h"

#include "admin/flat_json.h"
#include "admin/text.h"

/* Labels that an error or an answer lists before it says how many more there are. */
#define MAX_LISTED 10

void switches_json(const struct status_source *source, struct strbuf *page)
{
    struct status_walk walk;
    struct status_mirror mirror;
    bool is_first = true;
    strbuf_printf(page, "{\"off\":%s,\"mirrors\":[", status_totals(source).is_off ? "true" : "false");
    status_open(&walk, source);
    while (status_next_mirror(&walk, &mirror)) {
        if (mirror.is_removed)
            continue;
        strbuf_add(page, is_first ? STR("{\"route\":") : STR(",{\"route\":"));
        strbuf_add_json(page, mirror.route);
        strbuf_add(page, STR(",\"mirror\":"));
        strbuf_add_json(page, mirror.mirror);
        strbuf_printf(page, ",\"off\":%s}", mirror.is_off ? "true" : "false");
        is_first = false;
    }
    status_close(&walk);
    strbuf_add(page, STR("]}\n"));
}

static void add_listed(struct strbuf *list, size_t *count, struct str a, struct str b)
{
    if (++*count > MAX_LISTED)
        return;
    strbuf_printf(list, "%s%.*s%s%.*s", *count > 1 ? ", " : "", STR_ARG(a), b.len ? " ⇢ " : "", (int)b.len,
                  b.len ? b.ptr : "");
}

static void end_list(struct strbuf *list, size_t count)
{
    if (count > MAX_LISTED)
        strbuf_printf(list, " and %zu more", count - MAX_LISTED);
}

static uint16_t unknown(const struct status_source *wanted, struct err *err)
{
    struct status_source all = *wanted;
    all.only_route = all.only_mirror = STR_NONE;
    struct status_walk walk;
    struct status_mirror mirror;
    struct strbuf list = STRBUF_INIT;
    size_t count = 0;
    status_open(&walk, &all);
    while (status_next_mirror(&walk, &mirror)) {
        if (!mirror.is_removed)
            add_listed(&list, &count, mirror.route, mirror.mirror);
    }
    status_close(&walk);
    end_list(&list, count);
    struct str route = wanted->only_route, name = wanted->only_mirror;
    err_set(err, "there is no mirror%s%.*s%s%.*s; %s%s", name.ptr ? " " : "", (int)name.len, name.ptr ? name.ptr : "",
            route.ptr ? " on route " : "", (int)route.len, route.ptr ? route.ptr : "",
            count ? "those that there are: " : "there is none at all", count ? list.ptr : "");
    strbuf_deinit(&list);
    return 404;
}

/* What remains switched off although this call switched something on. */
static void add_rest(const struct status_source *wanted, struct strbuf *text)
{
    struct status_source all = *wanted;
    all.only_route = all.only_mirror = STR_NONE;
    struct strbuf list = STRBUF_INIT;
    size_t count = 0;
    struct status_walk walk;
    struct status_mirror mirror;
    if (status_totals(wanted).is_off) {
        strbuf_add(text, STR("; mirroring as a whole is still off: umbra mirror on"));
        return;
    }
    status_open(&walk, &all);
    while (status_next_mirror(&walk, &mirror)) {
        if (mirror.is_off && !mirror.is_removed)
            add_listed(&list, &count, mirror.route, mirror.mirror);
    }
    status_close(&walk);
    end_list(&list, count);
    if (count)
        strbuf_printf(text, "; still off: %s (umbra mirror on --route ROUTE)", list.ptr);
    strbuf_deinit(&list);
}

static size_t set_mirrors(const struct status_source *wanted, bool is_for_all, bool is_off)
{
    struct status_walk walk;
    struct status_mirror mirror;
    size_t count = 0;
    status_open(&walk, wanted);
    while (status_next_mirror(&walk, &mirror)) {
        if (mirror.is_removed)
            continue;
        count++;
        if (!is_for_all)
            atomic_store_explicit(&mirror.entry->is_off, is_off, memory_order_relaxed);
    }
    status_close(&walk);
    return count;
}

static void add_sentence(const struct status_source *wanted, bool is_for_all, bool is_off, size_t count,
                         struct strbuf *text)
{
    struct str route = wanted->only_route, mirror = wanted->only_mirror;
    if (is_for_all)
        strbuf_printf(text, "mirroring is %s for %s mirror%s", is_off ? "off" : "on", text_count(count).ptr,
                      count == 1 ? "" : "s");
    else if (mirror.ptr && route.ptr)
        strbuf_printf(text, "mirror %.*s of route %.*s is %s", STR_ARG(mirror), STR_ARG(route), is_off ? "off" : "on");
    else if (mirror.ptr)
        strbuf_printf(text, "mirror %.*s of %s route%s is %s", STR_ARG(mirror), text_count(count).ptr,
                      count == 1 ? "" : "s", is_off ? "off" : "on");
    else
        strbuf_printf(text, "%s mirror%s of route %.*s %s %s", text_count(count).ptr, count == 1 ? "" : "s",
                      STR_ARG(route), count == 1 ? "is" : "are", is_off ? "off" : "on");
    if (is_off)
        strbuf_add(text, STR("; copies in flight finish, live is not touched"));
    else
        add_rest(wanted, text);
}

enum { OFF, ROUTE, MIRROR, MEMBERS };

static struct str label(const struct flat_member *member)
{
    return !member->is_set ? STR_NONE : member->text.len ? strbuf_str(&member->text) : STR("");
}

uint16_t switches_set(const struct status_source *source, struct str body, struct strbuf *page, struct err *err)
{
    struct flat_member members[MEMBERS] = {
        [OFF] = {.name = "off", .kind = FLAT_BOOL},
        [ROUTE] = {.name = "route", .kind = FLAT_TEXT},
        [MIRROR] = {.name = "mirror", .kind = FLAT_TEXT},
    };
    uint16_t status = 400;
    struct strbuf text = STRBUF_INIT;
    if (!flat_json_parse(body, members, MEMBERS, err))
        goto out;
    if (!members[OFF].is_set) {
        err_set(err, "say {\"off\": true} or {\"off\": false}, with \"route\" or \"mirror\" to narrow it");
        goto out;
    }
    struct status_source wanted = *source;
    wanted.only_route = label(&members[ROUTE]);
    wanted.only_mirror = label(&members[MIRROR]);
    bool is_for_all = !wanted.only_route.ptr && !wanted.only_mirror.ptr, is_off = members[OFF].is_true;
    if (is_for_all)
        atomic_store_explicit(&registry_totals(source->registry)->is_off, is_off, memory_order_relaxed);
    size_t count = set_mirrors(&wanted, is_for_all, is_off);
    if (!count && !is_for_all) {
        status = unknown(&wanted, err);
        goto out;
    }
    add_sentence(&wanted, is_for_all, is_off, count, &text);
    strbuf_printf(page, "{\"off\":%s,\"mirrors\":%zu,\"text\":", is_off ? "true" : "false", count);
    strbuf_add_json(page, strbuf_str(&text));
    strbuf_add(page, STR("}\n"));
    status = 200;
out:
    strbuf_deinit(&text);
    flat_json_deinit(members, MEMBERS);
    return status;
}
