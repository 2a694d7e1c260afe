/* SPDX-License-Identifier: Apache-2.0 */
/* umbra mirror off|on: throws the kill switches of a running umbra. */
#include "admin/flat_json.h"
#include "app/admin_client.h"

#include <stdio.h>

enum { OFF, MIRRORS, TEXT, MEMBERS };

static void add_label(struct strbuf *body, const char *name, const char *label)
{
    if (!label[0])
        return;
    strbuf_printf(body, ",\"%s\":", name);
    strbuf_add_json(body, str_from_c(label));
}

/* Prints what the server did, or why it did not. */
static int print_reply(const struct admin_reply *reply)
{
    struct str body = strbuf_str(&reply->body);
    struct err err;
    struct flat_member members[MEMBERS] = {
        [OFF] = {.name = "off", .kind = FLAT_BOOL},
        [MIRRORS] = {.name = "mirrors", .kind = FLAT_COUNT},
        [TEXT] = {.name = "text", .kind = FLAT_TEXT},
    };
    bool is_done = reply->status == 200 && flat_json_parse(body, members, MEMBERS, &err) && members[TEXT].is_set;
    if (is_done)
        printf("%.*s\n", STR_ARG(strbuf_str(&members[TEXT].text)));
    else if (reply->status == 200)
        fprintf(stderr, "umbra mirror: the answer is not understood; is the running umbra of another version?\n");
    else
        fprintf(stderr, "umbra mirror: %.*s\n", STR_ARG(str_slice(body, 0, str_find_char(body, '\n'))));
    flat_json_deinit(members, MEMBERS);
    return is_done ? EXIT_OK : EXIT_FAILED;
}

int cmd_mirror(int argc, char **argv)
{
    struct options options;
    int code = options_read("mirror", argc, argv, &options);
    if (code >= 0)
        return code;
    struct str word = str_from_c(options.words[0]);
    bool is_off = str_eq(word, STR("off"));
    if (!is_off && !str_eq(word, STR("on"))) {
        fprintf(stderr, "umbra mirror: \"%.*s\" is neither off nor on; write umbra mirror off or umbra mirror on\n",
                STR_ARG(word));
        return EXIT_USAGE;
    }
    struct strbuf body = STRBUF_INIT;
    strbuf_printf(&body, "{\"off\":%s", is_off ? "true" : "false");
    add_label(&body, "route", options.client.route);
    add_label(&body, "mirror", options.client.mirror);
    strbuf_add_char(&body, '}');
    struct admin_reply reply;
    struct err err;
    bool is_answered = admin_client_ask(&options.client, "POST", STR("/api/mirror"), strbuf_str(&body), &reply, &err);
    strbuf_deinit(&body);
    if (!is_answered) {
        fprintf(stderr, "umbra mirror: %s\n", err.text);
        return EXIT_FAILED;
    }
    code = print_reply(&reply);
    admin_reply_deinit(&reply);
    return code;
}
