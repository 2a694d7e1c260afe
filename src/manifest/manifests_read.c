/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/document.h"
#include "manifest/guess.h"
#include "manifest/manifests.h"
#include "manifest/quote.h"

struct reader {
    struct manifests *manifests;
    struct source *source;
    size_t seen; /* problems before what is being read */
};

/* What a resource says it is, and the node that says so. */
struct claim {
    const struct node *node;
    struct str api_version, kind;
};

static void mark_broken(const struct reader *reader)
{
    manifests_add_broken_file(reader->manifests, reader->source->file, reader->seen);
}

/* --------------------------------------------------------------------------------------------------- unknown kinds */

/* Of Kubernetes and the Gateway API, and so near to kinds that Umbra reads that they could be taken for slips. */
static const char *const other_kinds[] = {"TCPRoute", "TLSRoute", "UDPRoute", "ListenerSet", "Node"};

static bool is_other_kind(struct str name)
{
    for (size_t i = 0; i < sizeof(other_kinds) / sizeof(other_kinds[0]); i++) {
        if (str_eq(name, str_from_c(other_kinds[i])))
            return true;
    }
    return false;
}

static const char *next_kind(size_t index, const void *user)
{
    const struct str *group = user;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        bool is_candidate = !group || str_eq(*group, str_from_c(kind_table[i].group));
        if (is_candidate && index-- == 0)
            return kind_table[i].name;
    }
    return NULL;
}

static const char *only_word(size_t index, const void *user)
{
    return index == 0 ? user : NULL;
}

/* Groups that have no kind of that name: Kubernetes' own, and what is misspelt. Others may have their own Gateway or Backend. */
static bool is_group_slip(struct str group, const struct kind *kind)
{
    return group.len == 0 || str_ends_with(group, STR(".k8s.io")) || str_eq(group, STR("umbra.dev")) ||
           guess_word(group, only_word, kind->group);
}

/* The kind of that name whose group was meant: the one that is nearest, else the first. */
static const struct kind *find_group(struct str group, struct str name)
{
    const struct kind *meant = NULL;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        const struct kind *kind = &kind_table[i];
        if (!str_eq(name, str_from_c(kind->name)) || !is_group_slip(group, kind))
            continue;
        bool is_kubernetes = str_ends_with(str_from_c(kind->group), STR(".k8s.io"));
        if (guess_word(group, only_word, kind->group) && (is_kubernetes || !str_ends_with(group, STR(".k8s.io"))))
            return kind;
        meant = meant ? meant : kind;
    }
    return meant;
}

/* The kind that was meant, or NULL when this is another one that Umbra does not read. */
static const struct kind *find_meant(const struct claim *claim)
{
    struct str group, version;
    api_version_split(claim->api_version, &group, &version);
    if (is_other_kind(claim->kind))
        return NULL;
    const char *name = guess_word(claim->kind, next_kind, &group);
    if (name)
        return kind_find_in_group(group, str_from_c(name));
    name = guess_word(claim->kind, next_kind, NULL);
    return name && str_eq_nocase(claim->kind, str_from_c(name)) ? find_group(group, str_from_c(name)) : NULL;
}

/* ------------------------------------------------------------------------------------------------------- messages */

static struct problems *problems_of(const struct reader *reader)
{
    return &reader->manifests->problems;
}

static void say_unread_kind(const struct reader *reader, const struct claim *claim)
{
    struct manifests *manifests = reader->manifests;
    struct strbuf key = STRBUF_INIT;
    strbuf_printf(&key, "%.*s\n%.*s\n%.*s", STR_ARG(claim->kind), STR_ARG(claim->api_version),
                  STR_ARG(reader->source->file));
    if (!map_add(&manifests->said_kinds, strbuf_str(&key), manifests)) {
        char kind[QUOTE_TEXT], version[QUOTE_TEXT];
        problems_add(&manifests->problems, SEVERITY_NOTE, STR_NONE, place_of(claim->node, "kind"),
                     "Umbra does not read %s of %s; all such are skipped in this file", quote_cut(claim->kind, kind),
                     quote_cut(claim->api_version, version));
    }
    strbuf_deinit(&key);
}

/* What apiVersion is to be; all versions when more than one is served. */
static void add_versions(const struct kind *kind, struct strbuf *out)
{
    for (size_t i = 0; kind->versions[i]; i++) {
        if (i > 0)
            strbuf_add(out, STR(" or "));
        kind_add_api_version(kind, kind->versions[i], out);
    }
}

static void say_version(const struct reader *reader, const struct claim *claim, const struct kind *kind)
{
    struct strbuf versions = STRBUF_INIT;
    char shown[QUOTE_TEXT];
    add_versions(kind, &versions);
    problems_add(problems_of(reader), SEVERITY_ERROR, STR_NONE, place_of(claim->node, "apiVersion"),
                 "%s is not served for %s; write %s", quote_short(claim->api_version, shown), kind_title(kind),
                 versions.ptr);
    strbuf_deinit(&versions);
}

static void say_slip(const struct reader *reader, const struct claim *claim, const struct kind *kind)
{
    char shown[QUOTE_TEXT];
    if (!str_eq(claim->kind, str_from_c(kind->name)))
        problems_add(problems_of(reader), SEVERITY_ERROR, STR_NONE, place_of(claim->node, "kind"),
                     "there is no kind %s; did you mean %s?", quote_short(claim->kind, shown), kind->name);
    struct str group, version;
    api_version_split(claim->api_version, &group, &version);
    if (!str_eq(group, str_from_c(kind->group)))
        say_version(reader, claim, kind);
}

/* --------------------------------------------------------------------------------------------------------- claims */

enum member { MEMBER_THERE, MEMBER_ABSENT, MEMBER_BAD };

/* A member that must be a text, else an inherited one. MEMBER_BAD: an error was added. */
static enum member read_text(const struct reader *reader, const struct node *node, const char *name,
                             struct str inherited, struct str *text)
{
    const struct node *value = node_find(node, str_from_c(name));
    bool is_empty = !value || value->kind == NODE_NULL || (value->kind == NODE_STRING && value->text.len == 0);
    *text = is_empty ? inherited : value->text;
    if (is_empty)
        return inherited.len > 0 ? MEMBER_THERE : MEMBER_ABSENT;
    if (value->kind == NODE_STRING)
        return MEMBER_THERE;
    problems_add(problems_of(reader), SEVERITY_ERROR, STR_NONE, value, "%s where a string belongs",
                 node_kind_name(value->kind));
    return MEMBER_BAD;
}

/* With the version that belongs to the kind, if that is a known one. */
static void say_missing_version(const struct reader *reader, const struct node *node, struct str kind_name)
{
    const char *name = guess_word(kind_name, next_kind, NULL);
    const struct kind *kind = name ? kind_find_by_name(str_from_c(name)) : NULL;
    struct strbuf version = STRBUF_INIT;
    if (kind)
        kind_add_api_version(kind, kind->versions[0], &version);
    problems_add_member(problems_of(reader), SEVERITY_ERROR, STR_NONE, node, "apiVersion", "is missing%s%s",
                        kind ? "; write apiVersion: " : "; it says group and version of the kind",
                        kind ? version.ptr : "");
    strbuf_deinit(&version);
}

/* False: an error was added. */
static bool read_claim(const struct reader *reader, const struct node *node, const struct claim *list,
                       struct claim *claim)
{
    *claim = (struct claim){.node = node};
    enum member kind = read_text(reader, node, "kind", list->kind, &claim->kind);
    enum member version = read_text(reader, node, "apiVersion", list->api_version, &claim->api_version);
    if (kind == MEMBER_ABSENT && version == MEMBER_ABSENT)
        problems_add(problems_of(reader), SEVERITY_ERROR, STR_NONE, node,
                     "has no apiVersion and no kind; a resource begins with both, as apiVersion: v1 and kind: Service");
    else if (kind == MEMBER_ABSENT)
        problems_add_member(problems_of(reader), SEVERITY_ERROR, STR_NONE, node, "kind",
                            "is missing; say what this is, as kind: HTTPRoute");
    else if (version == MEMBER_ABSENT)
        say_missing_version(reader, node, claim->kind);
    return kind == MEMBER_THERE && version == MEMBER_THERE;
}

/* ------------------------------------------------------------------------------------------------------ resources */

static void check_name(const struct reader *reader, const struct kind *kind, const struct node *metadata)
{
    struct str name = node_text(metadata, STR("name"));
    char shown[QUOTE_TEXT], guess[GUESS_TEXT];
    const struct schema_format *format = kind->name_format;
    bool is_said = name.len == 0 || name.len > OBJECT_NAME_MAX; /* by the schema */
    if (!is_said && (name.len > format->max_len || !format->is_valid(name))) {
        const char *meant = guess_format(name, format, guess);
        problems_add(problems_of(reader), SEVERITY_ERROR, STR_NONE, place_of(metadata, "name"), "%s is not %s%s%s%s",
                     quote_short(name, shown), format->name, meant ? "; did you mean \"" : "", meant ? meant : "",
                     meant ? "\"?" : ": lower case letters, digits and \"-\", as shop-v2");
    }
    const struct node *ns = node_find(metadata, STR("namespace"));
    if (ns && !kind->is_namespaced)
        problems_add(problems_of(reader), SEVERITY_WARNING, STR_NONE, ns, "a %s is in no namespace; remove this",
                     kind->name);
}

static void say_duplicate(const struct reader *reader, const struct claim *claim, const struct resource *first)
{
    char shown[QUOTE_TEXT];
    const struct node *metadata = node_find(claim->node, STR("metadata"));
    problems_add(problems_of(reader), SEVERITY_ERROR, STR_NONE, place_of(metadata, "name"),
                 "there is another %s %s%s%.*s, at %.*s:%u; that one counts: remove one, or rename it",
                 kind_title(first->kind), quote_short(first->name, shown), first->ns.len > 0 ? " in namespace " : "",
                 STR_ARG(first->ns), STR_ARG(first->node->source->file), first->node->line);
}

static struct str effective_namespace(const struct kind *kind, struct str written)
{
    if (!kind->is_namespaced)
        return STR("");
    return written.len > 0 ? written : STR("default");
}

/* The resource's place, or NULL when it has no name that could be kept or is there already. What could not even be parsed
 * makes room for a second one of its name. */
static struct resource *claim_place(const struct reader *reader, const struct claim *claim, const struct kind *kind)
{
    const struct node *metadata = node_find(claim->node, STR("metadata"));
    struct str name = node_text(metadata, STR("name"));
    struct str ns = effective_namespace(kind, node_text(metadata, STR("namespace")));
    struct resource *resource = name.len > 0 ? manifests_find_any(reader->manifests, kind->id, ns, name) : NULL;
    if (resource && resource->node) {
        say_duplicate(reader, claim, resource);
        return NULL;
    }
    if (!resource && name.len > 0)
        resource = manifests_add(reader->manifests, kind, ns, name);
    if (!resource)
        mark_broken(reader);
    else
        resource->node = claim->node;
    return resource;
}

/* Items of a List may leave to it what they are. */
static void name_kind(const struct reader *reader, const struct kind *kind)
{
    struct problems *problems = problems_of(reader);
    for (size_t i = reader->seen; i < problems->count; i++) {
        if (problems->list[i].kind.len == 0)
            problems->list[i].kind = str_from_c(kind_title(kind));
    }
}

/* `kind` is what is meant; `is_sound`: and what is written. */
static void read_resource(const struct reader *reader, const struct claim *claim, const struct kind *kind,
                          bool is_sound)
{
    struct problems *problems = problems_of(reader);
    size_t errors = problems->errors;
    struct resource *resource = claim_place(reader, claim, kind);
    if (!resource && problems->errors > errors)
        return;
    check_name(reader, kind, node_find(claim->node, STR("metadata")));
    struct resource nameless = {.kind = kind, .problem = NO_PROBLEM};
    bool is_decoded = manifests_decode(reader->manifests, resource ? resource : &nameless, claim->node, problems);
    if (!resource)
        return;
    resource->is_bad = !is_sound || !is_decoded || problems->errors > errors;
    resource->problem = NO_PROBLEM;
    if (!resource->is_bad)
        return;
    resource->object = NULL;
    resource->problem = reader->seen < problems->count ? reader->seen : NO_PROBLEM;
}

static void read_object(const struct reader *reader, const struct node *node, const struct claim *list)
{
    struct claim claim;
    if (node->kind != NODE_MAP) {
        problems_add(problems_of(reader), SEVERITY_ERROR, STR_NONE, node,
                     "%s where a resource belongs: a map with apiVersion, kind, metadata and spec",
                     node_kind_name(node->kind));
        mark_broken(reader);
        return;
    }
    if (!read_claim(reader, node, list, &claim)) {
        mark_broken(reader);
        return;
    }
    bool is_version;
    const struct kind *kind = kind_find(claim.api_version, claim.kind, &is_version);
    if (kind) {
        if (!is_version)
            say_version(reader, &claim, kind);
        read_resource(reader, &claim, kind, is_version);
        name_kind(reader, kind);
        return;
    }
    kind = find_meant(&claim);
    if (!kind) {
        say_unread_kind(reader, &claim);
        return;
    }
    say_slip(reader, &claim, kind);
    read_resource(reader, &claim, kind, false);
    name_kind(reader, kind);
}

/* ---------------------------------------------------------------------------------------------------------- lists */

/* "List" and, for example, "HTTPRouteList", whose items may leave to it what they are. */
static bool is_list(const struct node *root)
{
    return str_ends_with(node_text(root, STR("kind")), STR("List")) && node_find(root, STR("items"));
}

static void read_list(struct reader *reader, const struct node *root)
{
    const struct node *items = node_find(root, STR("items"));
    struct str kind = node_text(root, STR("kind"));
    struct claim list = {root, node_text(root, STR("apiVersion")), str_slice(kind, 0, kind.len - 4)};
    if (list.kind.len == 0)
        list.api_version = STR_NONE;
    if (items->kind == NODE_NULL)
        return;
    if (items->kind != NODE_LIST) {
        problems_add(problems_of(reader), SEVERITY_ERROR, STR_NONE, items, "%s where a list of resources belongs",
                     node_kind_name(items->kind));
        mark_broken(reader);
        return;
    }
    for (const struct node *item = items->first; item; item = item->next) {
        reader->seen = problems_of(reader)->count;
        if (is_list(item)) {
            problems_add(problems_of(reader), SEVERITY_ERROR, STR_NONE, item,
                         "a List within a List is not read; put its items into the outer one");
            mark_broken(reader);
        } else {
            read_object(reader, item, &list);
        }
    }
}

/* ------------------------------------------------------------------------------------------------------ documents */

/* NULL when it is not known, or when it may be one of two. */
static const struct kind *find_broken_kind(const struct document *document)
{
    bool is_version;
    if (document->api_version.len > 0)
        return kind_find(document->api_version, document->kind, &is_version);
    const struct kind *kind = kind_find_by_name(document->kind);
    return kind && !kind->has_namesake ? kind : NULL;
}

/* What stood there is kept: under its name, if it is known, else with all that the file had. */
static void read_broken(const struct reader *reader, const struct document *document)
{
    const struct kind *kind = find_broken_kind(document);
    if (!kind || document->name.len == 0) {
        mark_broken(reader);
        return;
    }
    struct arena *arena = &reader->manifests->arena;
    struct str ns = arena_copy(arena, effective_namespace(kind, document->ns));
    struct str name = arena_copy(arena, document->name);
    struct resource *resource = manifests_find_any(reader->manifests, kind->id, ns, name);
    if (resource)
        return;
    resource = manifests_add(reader->manifests, kind, ns, name);
    if (!resource) {
        mark_broken(reader);
        return;
    }
    resource->is_bad = true;
    resource->problem = reader->seen < problems_of(reader)->count ? reader->seen : NO_PROBLEM;
}

static void on_document(void *user, const struct document *document)
{
    struct reader *reader = user;
    static const struct claim no_list;
    if (document->is_broken) {
        read_broken(reader, document);
    } else if (is_list(document->root)) {
        read_list(reader, document->root);
    } else {
        reader->seen = problems_of(reader)->count;
        read_object(reader, document->root, &no_list);
    }
    reader->seen = problems_of(reader)->count;
}

void manifests_read(struct manifests *manifests, struct str file, struct str text)
{
    struct reader reader = {.manifests = manifests, .seen = manifests->problems.count};
    reader.source = arena_alloc(&manifests->arena, sizeof(*reader.source));
    reader.source->file = arena_copy(&manifests->arena, file);
    text = arena_copy(&manifests->arena, text);
    if (!document_parse(text, reader.source, &manifests->arena, &manifests->problems, on_document, &reader))
        mark_broken(&reader);
}

void manifests_read_failed(struct manifests *manifests, struct str file, const char *why)
{
    size_t problem = manifests->problems.count;
    problems_add_place(&manifests->problems, SEVERITY_ERROR, file, 0, 0, "can't be read: %s", why);
    manifests_add_broken_file(manifests, file, problem);
}
