/* SPDX-License-Identifier: Apache-2.0 */
#include "app/status_page.h"

#include "admin/text.h"

static void add_parameter(struct strbuf *target, const char *name, const char *value)
{
    if (!value[0])
        return;
    strbuf_printf(target, "&%s=", name);
    text_add_escaped(target, str_from_c(value));
}

bool status_page_get(const struct client_options *options, struct admin_reply *reply, struct err *err)
{
    struct strbuf target = STRBUF_INIT;
    strbuf_printf(&target, "/status?format=%s", options->is_json ? "json" : "text");
    add_parameter(&target, "route", options->route);
    add_parameter(&target, "mirror", options->mirror);
    bool is_there = admin_client_get(options, strbuf_str(&target), reply, err);
    strbuf_deinit(&target);
    return is_there;
}
