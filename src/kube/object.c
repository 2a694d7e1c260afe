/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/object.h"

#include "base/mem.h"
#include "kube/skim.h"
#include "manifest/manifests.h"

/* Of names, uids and versions. */
#define TEXT_MAX 512

/* Where things are in the text. */
struct found {
    struct str metadata, ns, name, uid, version;
    struct str api_version, kind;
    size_t cut_from, cut_to; /* metadata.managedFields with one comma */
};

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

/* What may stand in a path as it is (API conventions: a path segment), and in a log line. */
static bool is_plain(struct str text)
{
    if (text.len > TEXT_MAX || str_eq(text, STR(".")) || str_eq(text, STR("..")))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        if (byte <= ' ' || byte >= 0x7f || memchr("/%?#\"\\", byte, 6))
            return false;
    }
    return true;
}

static void find_cut(struct found *found, struct str text, size_t begin, size_t end)
{
    while (end < text.len && is_blank(text.ptr[end]))
        end++;
    if (end < text.len && text.ptr[end] == ',') {
        end++;
    } else {
        while (begin > 0 && is_blank(text.ptr[begin - 1]))
            begin--;
        if (begin > 0 && text.ptr[begin - 1] == ',')
            begin--;
    }
    found->cut_from = begin;
    found->cut_to = end;
}

static bool read_metadata(struct found *found, struct str text)
{
    struct skim skim;
    struct str name, value;
    size_t offset = (size_t)(found->metadata.ptr - text.ptr);
    skim_open(&skim, found->metadata);
    while (skim_next(&skim, &name, &value)) {
        if (str_eq(name, STR("name")))
            found->name = skim_text(value);
        else if (str_eq(name, STR("namespace")))
            found->ns = skim_text(value);
        else if (str_eq(name, STR("uid")))
            found->uid = skim_text(value);
        else if (str_eq(name, STR("resourceVersion")))
            found->version = skim_text(value);
        else if (str_eq(name, STR("managedFields")) && !found->cut_to)
            find_cut(found, text, offset + skim.begin, offset + skim.at);
    }
    return skim_is_whole(&skim);
}

static const char *look(struct found *found, struct str text)
{
    struct skim skim;
    struct str name, value;
    skim_open(&skim, text);
    while (skim_next(&skim, &name, &value)) {
        if (str_eq(name, STR("metadata")))
            found->metadata = value;
        else if (str_eq(name, STR("apiVersion")))
            found->api_version = value;
        else if (str_eq(name, STR("kind")))
            found->kind = value;
    }
    if (!skim_is_whole(&skim))
        return "it is no JSON object, or more than 64 levels deep";
    if (!found->metadata.len || !read_metadata(found, text) || !found->name.len)
        return "it has no metadata with a name";
    if (!is_plain(found->name) || !is_plain(found->ns) || !is_plain(found->uid) || !is_plain(found->version))
        return "its name, namespace, uid or resourceVersion has characters that none can have";
    return NULL;
}

/* ---- the block ---- */

static struct str put(char **at, struct str text)
{
    struct str copy = {*at, text.len};
    if (text.len)
        memcpy(*at, text.ptr, text.len);
    *at += text.len;
    return copy;
}

static void put_member(char **at, struct str name, struct str value)
{
    (void)put(at, STR("\""));
    (void)put(at, name);
    (void)put(at, STR("\":\""));
    (void)put(at, value);
    (void)put(at, STR("\","));
}

/* Line ends stand between values only: strings have none. */
static void put_line(char **at, struct str text)
{
    char *begin = *at;
    (void)put(at, text);
    for (char *byte = begin; byte < *at; byte++) {
        if (*byte == '\n' || *byte == '\r')
            *byte = ' ';
    }
}

static struct str put_json(char **at, const struct found *found, struct str text, const struct object_form *form)
{
    char *begin = *at;
    size_t open = str_find_char(text, '{') + 1;
    (void)put(at, STR("{"));
    if (!found->api_version.len)
        put_member(at, STR("apiVersion"), form->api_version);
    if (!found->kind.len)
        put_member(at, STR("kind"), form->kind);
    put_line(at, str_slice(text, open, found->cut_to ? found->cut_from : text.len));
    if (found->cut_to)
        put_line(at, str_slice(text, found->cut_to, text.len));
    return (struct str){begin, (size_t)(*at - begin)};
}

struct kept *object_read(struct str text, const struct object_form *form, const char **problem)
{
    struct found found = {.cut_to = 0};
    *problem = text.len > OBJECT_MAX_BYTES ? "it is larger than 4 MiB" : look(&found, text);
    if (*problem)
        return NULL;
    size_t json_len = text.len - (found.cut_to - found.cut_from);
    if (!found.api_version.len)
        json_len += sizeof "\"apiVersion\":\"\"," + form->api_version.len;
    if (!found.kind.len)
        json_len += sizeof "\"kind\":\"\"," + form->kind.len;
    size_t size = sizeof(struct kept) + found.ns.len + found.name.len + found.uid.len + found.version.len + json_len;
    struct kept *kept = mem_alloc_raw(size);
    char *at = (char *)(kept + 1);
    *kept = (struct kept){.size = size};
    kept->object.ns = put(&at, found.ns);
    kept->object.name = put(&at, found.name);
    kept->object.uid = put(&at, found.uid);
    kept->object.version = put(&at, found.version);
    kept->object.json = put_json(&at, &found, text, form);
    return kept;
}

void object_free(struct kept *kept)
{
    manifests_unref(kept->object.read);
    explicit_bzero(kept, kept->size);
    mem_free(kept);
}

bool object_version_is_later(struct str a, struct str b)
{
    uint64_t number_a, number_b;
    return str_to_u64(a, &number_a) && str_to_u64(b, &number_b) && number_a > number_b;
}
