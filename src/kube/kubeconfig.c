/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/kubeconfig.h"

#include "base/base64.h"
#include "base/mem.h"
#include "http/url.h"
#include "manifest/document.h"

#define HTTPS_PORT 443

/* What is being read. */
struct reading {
    struct kube_config *config;
    const char *path;
    struct str directory; /* of the path, with its slash; empty: none */
    const struct node *root;
    struct err *err;
};

static bool is_true(const struct node *node)
{
    return node && node->kind == NODE_BOOL && node->integer;
}

static bool is_there(const struct node *node)
{
    return node && node->kind != NODE_NULL && (node->kind != NODE_STRING || node->text.len);
}

/* `list` holds {name, `member`}: the member of the one by this name. */
static const struct node *find_named(const struct node *root, const char *list, struct str name, const char *member)
{
    const struct node *entries = node_find(root, str_from_c(list));
    for (const struct node *entry = entries ? entries->first : NULL; entry; entry = entry->next) {
        if (str_eq(node_text(entry, STR("name")), name))
            return node_find(entry, str_from_c(member));
    }
    return NULL;
}

/* ---- values that may be inline or in a file ---- */

/* A path as the kubeconfig means it. */
static void set_path(const struct reading *reading, struct str *member, struct str path)
{
    struct strbuf whole = STRBUF_INIT;
    if (path.ptr[0] != '/')
        strbuf_add(&whole, reading->directory);
    strbuf_add(&whole, path);
    config_set(member, strbuf_str(&whole));
    strbuf_deinit(&whole);
}

static bool decode(const struct reading *reading, struct str *pem, const struct node *data)
{
    if (data->kind != NODE_STRING || data->text.len > KUBE_PEM_MAX)
        return err_set(reading->err, "%.*s is no text, or too long", STR_ARG(data->key));
    char *bytes = mem_alloc(BASE64_ROOM(data->text.len) + 1);
    struct str decoded = {bytes, base64_decode(data->text, bytes)};
    config_set(pem, decoded);
    explicit_bzero(bytes, decoded.len);
    mem_free(bytes);
    return true;
}

/* `name` is the path's key; with -data behind it the inline one's, which counts if both are there. */
static bool read_pem(const struct reading *reading, const struct node *node, const char *name, struct str *pem,
                     struct str *file)
{
    struct strbuf data_name = STRBUF_INIT;
    strbuf_printf(&data_name, "%s-data", name);
    const struct node *data = node_find(node, strbuf_str(&data_name));
    struct str path = node_text(node, str_from_c(name));
    strbuf_deinit(&data_name);
    if (is_there(data))
        return decode(reading, pem, data);
    if (!path.len)
        return true;
    set_path(reading, file, path);
    return config_read_pem(pem, *file, reading->err) || err_wrap(reading->err, "%s", name);
}

/* ---- cluster ---- */

static bool read_server(const struct reading *reading, struct str server)
{
    struct kube_config *config = reading->config;
    struct str host, rest = str_slice(server, sizeof "https://" - 1, server.len);
    if (!server.len)
        return err_set(reading->err, "its cluster has no server");
    if (str_starts_with(server, STR("http://")))
        return err_set(reading->err,
                       "server %.*s is not encrypted: everyone on the way could read the token; give an https:// URL",
                       STR_ARG(server));
    size_t slash = str_find_char(rest, '/');
    if (!str_starts_with(server, STR("https://")) || memchr(rest.ptr, '?', rest.len) ||
        memchr(rest.ptr, '#', rest.len) || !url_split_authority(str_slice(rest, 0, slash), &host, &config->port) ||
        !host.len)
        return err_set(reading->err, "server %.*s is no https://HOST[:PORT][/PATH]", STR_ARG(server));
    if (!config->port)
        config->port = HTTPS_PORT;
    config_set(&config->host, host);
    config_set(&config->server_name, host);
    struct str path = str_slice(rest, slash, rest.len);
    while (path.len && path.ptr[path.len - 1] == '/')
        path.len--;
    for (size_t i = 0; i < path.len; i++) {
        if ((unsigned char)path.ptr[i] <= ' ' || (unsigned char)path.ptr[i] >= 0x7f)
            return err_set(reading->err, "the path of its server has bytes that none can have");
    }
    config_set(&config->base_path, path);
    return true;
}

static bool read_cluster(const struct reading *reading, const struct node *cluster)
{
    struct kube_config *config = reading->config;
    struct str name = node_text(cluster, STR("tls-server-name"));
    if (is_true(node_find(cluster, STR("insecure-skip-tls-verify"))))
        return err_set(reading->err, "insecure-skip-tls-verify is not supported: whoever answers would get the token; "
                                     "give the cluster's certificate-authority instead");
    if (is_there(node_find(cluster, STR("proxy-url"))))
        return err_set(reading->err, "proxy-url is not supported: the server must be reached directly");
    if (!read_server(reading, node_text(cluster, STR("server"))))
        return false;
    if (name.len)
        config_set(&config->server_name, name);
    if (!read_pem(reading, cluster, "certificate-authority", &config->ca_pem, &config->ca_file))
        return false;
    return config->ca_pem.len ||
           err_set(reading->err, "its cluster has no certificate-authority, nor certificate-authority-data; for a "
                                 "server with a public certificate give the system's bundle, on Debian "
                                 "/etc/ssl/certs/ca-certificates.crt");
}

/* ---- user ---- */

static const struct {
    const char *key, *why;
} refused[] = {
    {"exec",
     "runs a program for credentials, which is not supported: give a token, a tokenFile or a client certificate; "
     "`kubectl create token ACCOUNT` makes one for a service account"},
    {"auth-provider", "is not supported (kubectl has given it up as well): give a token, a tokenFile or a client "
                      "certificate"},
    {"username", "is not supported (API servers have given passwords up): give a token, a tokenFile or a client "
                 "certificate"},
    {"as", "(speaking as somebody else) is not supported: give that user's own credentials"},
    {"as-uid", "(speaking as somebody else) is not supported: give that user's own credentials"},
    {"as-groups", "(speaking as somebody else) is not supported: give that user's own credentials"},
};

static bool read_user(const struct reading *reading, const struct node *user)
{
    struct kube_config *config = reading->config;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (is_there(node_find(user, str_from_c(refused[i].key))))
            return err_set(reading->err, "%s %s", refused[i].key, refused[i].why);
    }
    struct str token = node_text(user, STR("token")), file = node_text(user, STR("tokenFile"));
    if (file.len) {
        set_path(reading, &config->token_file, file);
        if (!config_read_token(&config->token, config->token_file, reading->err))
            return err_wrap(reading->err, "tokenFile");
    } else if (token.len && !config_take_token(&config->token, token, reading->err)) {
        return err_wrap(reading->err, "token");
    }
    return read_pem(reading, user, "client-certificate", &config->chain_pem, &config->chain_file) &&
           read_pem(reading, user, "client-key", &config->key_pem, &config->key_file);
}

/* ---- the whole ---- */

static bool read_parts(const struct reading *reading, struct str cluster_name, struct str user_name)
{
    const struct node *cluster = find_named(reading->root, "clusters", cluster_name, "cluster");
    const struct node *user = find_named(reading->root, "users", user_name, "user");
    if (!cluster)
        return err_set(reading->err, "there is no cluster by the name \"%.*s\"", STR_ARG(cluster_name));
    if (!read_cluster(reading, cluster))
        return err_wrap(reading->err, "cluster %.*s", STR_ARG(cluster_name));
    if (user_name.len && !user)
        return err_set(reading->err, "there is no user by the name \"%.*s\"", STR_ARG(user_name));
    if (user && !read_user(reading, user))
        return err_wrap(reading->err, "user %.*s", STR_ARG(user_name));
    return config_check_tls(reading->config, reading->err);
}

static bool read_context(const struct reading *reading, struct str name)
{
    const struct node *context = find_named(reading->root, "contexts", name, "context");
    if (!context)
        return err_set(reading->err, "there is no context by the name \"%.*s\"", STR_ARG(name));
    struct str ns = node_text(context, STR("namespace"));
    config_set(&reading->config->ns, ns.len ? ns : STR("default"));
    return read_parts(reading, node_text(context, STR("cluster")), node_text(context, STR("user"))) ||
           err_wrap(reading->err, "context %.*s", STR_ARG(name));
}

/* The first document counts. */
static void on_document(void *user, const struct document *document)
{
    struct reading *reading = user;
    if (!reading->root && !document->is_broken)
        reading->root = document->root;
}

static bool read_root(struct reading *reading, const char *context)
{
    struct str name = context ? str_from_c(context) : node_text(reading->root, STR("current-context"));
    if (!str_eq(node_text(reading->root, STR("kind")), STR("Config")))
        return err_set(reading->err, "this is no kubeconfig: its kind is not Config");
    if (!name.len)
        return err_set(reading->err, "it has no current-context; say which one to use");
    return read_context(reading, name);
}

static bool say_problem(const struct problems *problems, struct err *err)
{
    if (!problems->count)
        return err_set(err, "it is empty");
    const struct problem *problem = &problems->list[0];
    return err_set(err, "line %u: %.*s", problem->line, STR_ARG(problem->text));
}

bool kubeconfig_read(struct kube_config *config, struct str text, const char *path, const char *context,
                     struct err *err)
{
    struct arena arena;
    struct problems problems;
    struct source source = {str_from_c(path)};
    const char *slash = strrchr(path, '/');
    struct reading reading = {
        .config = config, .path = path, .directory = {path, slash ? (size_t)(slash - path) + 1 : 0}, .err = err};
    arena_init(&arena, NULL, 0);
    problems_init(&problems);
    (void)document_parse(text, &source, &arena, &problems, on_document, &reading);
    bool is_good = reading.root ? read_root(&reading, context) : say_problem(&problems, err);
    problems_deinit(&problems);
    arena_deinit(&arena);
    return is_good || err_wrap(err, "%s", path);
}
