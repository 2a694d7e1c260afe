/* SPDX-License-Identifier: Apache-2.0 */
/* The input as what an API server sends, a list and a stream of events: cut in two at a place that its first bytes say, or in one, pieces are
 * the same, and what is taken for an object is one to an ordinary JSON parser too. */
#include "base/assert.h"
#include "base/strbuf.h"
#include "kube/lines.h"
#include "kube/list_reader.h"
#include "kube/object.h"
#include "kube/skim.h"
#include "kube/status.h"

#include <jansson.h>

#define LIMIT 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_object(struct str text)
{
    static const struct object_form form = {STR_INIT("v1"), STR_INIT("Pod")};
    const char *problem;
    struct kept *kept = object_read(text, &form, &problem);
    ASSERT((kept == NULL) == (problem != NULL));
    if (!kept)
        return;
    const struct kube_object *object = &kept->object;
    ASSERT(object->name.len && object->json.len && !memchr(object->json.ptr, '\n', object->json.len));
    json_error_t error;
    json_t *json = json_loadb(object->json.ptr, object->json.len, JSON_ALLOW_NUL, &error);
    /* Numbers beyond its own range are the one thing that jansson refuses here. */
    ASSERT(json || json_error_code(&error) == json_error_numeric_overflow);
    if (json) {
        const json_t *metadata = json_object_get(json, "metadata");
        ASSERT(json_object_get(json, "kind") && json_object_get(json, "apiVersion") && metadata);
        json_decref(json);
    }
    object_free(kept);
}

static bool on_line(void *user, struct str line)
{
    struct strbuf *out = user;
    ASSERT(line.len);
    strbuf_add(out, line);
    strbuf_add_char(out, '\n');
    check_object(skim_find(line, STR("object")));
    struct status status;
    struct strbuf text = STRBUF_INIT;
    status_read(&status, skim_find(line, STR("object")));
    status_format(&text, &status, 500);
    status_deinit(&status);
    strbuf_deinit(&text);
    return true;
}

static void on_item(void *user, struct str item)
{
    struct strbuf *out = user;
    ASSERT(item.len && item.len <= LIMIT && item.ptr[0] == '{');
    strbuf_add(out, item);
    strbuf_add_char(out, '\n');
    check_object(item);
}

static void on_large(void *user, struct str beginning)
{
    ASSERT(beginning.len && beginning.ptr[0] == '{');
    strbuf_add(user, STR("large\n"));
}

static void feed_lines(struct strbuf *out, struct str text, size_t cut)
{
    struct lines lines = {{NULL, 0, 0}};
    bool is_short = lines_add(&lines, str_slice(text, 0, cut), LIMIT, on_line, out) &&
                    lines_add(&lines, str_slice(text, cut, text.len), LIMIT, on_line, out);
    strbuf_add(out, is_short ? STR("short") : STR("long"));
    lines_deinit(&lines);
}

static void feed_list(struct strbuf *out, struct str text, size_t cut)
{
    struct list_reader reader;
    list_reader_init(&reader, LIMIT, on_item, on_large, out);
    bool is_list = list_reader_add(&reader, str_slice(text, 0, cut)) &&
                   list_reader_add(&reader, str_slice(text, cut, text.len));
    strbuf_add(out, is_list ? STR("list") : STR("none"));
    strbuf_add(out, list_reader_envelope(&reader));
    list_reader_deinit(&reader);
}

static void compare(struct str text, size_t cut, void (*feed)(struct strbuf *, struct str, size_t))
{
    struct strbuf whole = STRBUF_INIT, parts = STRBUF_INIT;
    feed(&whole, text, 0);
    feed(&parts, text, cut);
    ASSERT(str_eq(strbuf_str(&whole), strbuf_str(&parts)));
    strbuf_deinit(&whole);
    strbuf_deinit(&parts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 2)
        return 0;
    struct str text = {(const char *)data + 2, len - 2};
    size_t cut = ((size_t)data[0] << 8 | data[1]) % (text.len + 1);
    compare(text, cut, feed_list);
    compare(text, cut, feed_lines);
    return 0;
}
