/* SPDX-License-Identifier: Apache-2.0 */
#include "app/option_values.h"

#include "app/token_file.h"
#include "judge/verdict.h"
#include "plan/layout.h"
#include "registry/registry.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

#define MAX_DRAIN_MS (24u * 60 * 60 * 1000)
#define MIN_BUDGET (256u * 1024) /* one connection to a shadow and some copies; half of it stays free */
#define MAX_BUDGET (1ull << 42)
/* Less would not hold one comparison of two large bodies. */
#define MIN_ANALYST_MEMORY (64u * 1024 * 1024)
#define MAX_ANALYST_MEMORY (1ull << 40)
#define MIN_SAMPLE_TTL_MS 60000u
#define MAX_SAMPLE_TTL_MS (3660ull * 24 * 3600 * 1000)
#define MAX_CONNECTIONS (16u * 1024 * 1024)
#define MIN_KEY_BYTES 16
#define MAX_KEY_BYTES 4096

/* A socket address: an IP literal, or localhost, which is 127.0.0.1 without asking anybody. */
static bool local_address(struct str text, struct address *address, struct err *err)
{
    if (address_parse(text, address))
        return true;
    char replaced[32];
    if (str_starts_with(text, STR("localhost:"))) {
        int len = snprintf(replaced, sizeof(replaced), "127.0.0.1%.*s", STR_ARG(str_slice(text, 9, 9 + 7)));
        if (text.len <= 9 + 6 && address_parse((struct str){replaced, (size_t)len}, address))
            return true;
    }
    if (str_starts_with(text, STR("unix:")))
        return err_set(err, "a Unix path has 1 to 107 bytes");
    if (str_starts_with(text, STR("http://")) || str_starts_with(text, STR("https://")))
        return err_set(err, "write HOST:PORT alone, without a scheme");
    if (str_find_char(text, ':') == text.len)
        return err_set(err, "no port; write HOST:PORT, for instance 127.0.0.1:8080");
    if (text.len > 0 && text.ptr[0] == ':')
        return err_set(err, "no host; write 0.0.0.0%.*s for all IPv4 addresses or [::]%.*s for all", STR_ARG(text),
                       STR_ARG(text));
    return err_set(err,
                   "not an address of this machine; write IP:PORT ([::1]:8080 for IPv6) with a port of 0 to 65535");
}

OPTION_PARSER(option_file)
{
    struct settings *settings = &options->settings;
    size_t used = 0;
    for (uint32_t i = 0; i < settings->file_count; i++)
        used += strlen(settings->files + used) + 1;
    if (value.len == 0)
        return err_set(err, "not a file name");
    if (settings->file_count == SETTINGS_MAX_FILES || used + value.len + 1 > sizeof(settings->files))
        return err_set(err, "more than %d files, or names too long; put them into one directory and name that",
                       SETTINGS_MAX_FILES);
    memcpy(settings->files + used, value.ptr, value.len);
    settings->file_count++;
    return true;
}

OPTION_PARSER(option_bind)
{
    struct cidr ip;
    if (str_eq(value, STR("localhost")))
        value = STR("127.0.0.1");
    if (str_find_char(value, '/') < value.len || !cidr_parse(value, &ip))
        return err_set(err, "write an IP of this machine without a port, for instance 127.0.0.1 or ::1");
    options->settings.bind = (struct address){.family = ip.family};
    memcpy(options->settings.bind.ip, ip.ip, sizeof(ip.ip));
    return true;
}

OPTION_PARSER(option_port_offset)
{
    uint64_t offset;
    if (!str_to_u64(value, &offset) || offset > 65534)
        return err_set(err, "write a number from 0 to 65534");
    options->settings.port_offset = (uint32_t)offset;
    return true;
}

OPTION_PARSER(option_listen)
{
    return local_address(value, &options->settings.listen, err);
}

OPTION_PARSER(option_live)
{
    return target_parse(value, &options->settings.live, err);
}

OPTION_PARSER(option_shadow)
{
    struct settings *settings = &options->settings;
    if (settings->shadow_count == SETTINGS_MAX_SHADOWS)
        return err_set(err, "more than %d shadows", SETTINGS_MAX_SHADOWS);
    struct settings_target *shadow = &settings->shadows[settings->shadow_count];
    struct str host = value;
    struct str percent = STR("100");
    size_t equals = value.len;
    while (equals > 0 && value.ptr[equals - 1] != '=')
        equals--;
    if (equals > 0) {
        host = str_slice(value, 0, equals - 1);
        percent = str_slice(value, equals, value.len);
    }
    if (!percent_parse(percent, &shadow->numerator, &shadow->denominator, err) || !target_parse(host, shadow, err))
        return false;
    settings->shadow_count++;
    return true;
}

OPTION_PARSER(option_control)
{
    options->settings.has_control = 1;
    return target_parse(value, &options->settings.control, err);
}

/* Index into `names`, or a sentence that lists them. */
static bool choose(struct str value, const char *const *names, uint32_t *index, struct err *err)
{
    char list[128] = "";
    size_t len = 0;
    for (uint32_t i = 0; names[i]; i++) {
        if (str_eq(value, str_from_c(names[i]))) {
            *index = i;
            return true;
        }
        const char *between = i == 0 ? "" : names[i + 1] ? ", " : " or ";
        len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", between, names[i]);
    }
    return err_set(err, "write %s", list);
}

OPTION_PARSER(option_sampling)
{
    static const char *const names[] = {
        [SAMPLING_EVEN] = "even", [SAMPLING_RANDOM] = "random", [SAMPLING_HASH] = "hash", NULL};
    return choose(value, names, &options->settings.sampling, err);
}

OPTION_PARSER(option_sampling_key)
{
    static const struct {
        struct str prefix;
        enum plan_key key;
        bool has_name;
    } kinds[] = {
        {STR_INIT("header:"), KEY_HEADER, true},    {STR_INIT("cookie:"), KEY_COOKIE, true},
        {STR_INIT("query:"), KEY_QUERY, true},      {STR_INIT("clientIP"), KEY_CLIENT_IP, false},
        {STR_INIT("traceID"), KEY_TRACE_ID, false},
    };
    struct settings *settings = &options->settings;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!str_starts_with(value, kinds[i].prefix))
            continue;
        struct str name = str_slice(value, kinds[i].prefix.len, value.len);
        if ((name.len > 0) != kinds[i].has_name)
            break;
        if (name.len >= sizeof(settings->key_name))
            return err_set(err, "a name has at most %zu bytes", sizeof(settings->key_name) - 1);
        settings->key = kinds[i].key;
        if (name.len > 0)
            memcpy(settings->key_name, name.ptr, name.len);
        settings->key_name[name.len] = '\0';
        return true;
    }
    return err_set(err, "write header:NAME, cookie:NAME, query:NAME, clientIP or traceID");
}

OPTION_PARSER(option_mirror_writes)
{
    (void)value, (void)err;
    options->settings.is_mirroring_writes = 1;
    return true;
}

OPTION_PARSER(option_safe_methods)
{
    (void)value, (void)err;
    options->settings.is_safe_methods = 1;
    return true;
}

OPTION_PARSER(option_trusted_proxies)
{
    struct settings *settings = &options->settings;
    struct str rest = value, element;
    while (str_next(&rest, ',', &element)) {
        if (settings->trusted_proxy_count == SETTINGS_MAX_TRUSTED)
            return err_set(err, "more than %d networks", SETTINGS_MAX_TRUSTED);
        if (!cidr_parse(element, &settings->trusted_proxies[settings->trusted_proxy_count]))
            return err_set(err,
                           "\"%.*s\" is no network; write 10.0.0.0/8, fd00::/8 or a single IP, separated by commas",
                           STR_ARG(element));
        settings->trusted_proxy_count++;
    }
    return true;
}

/* The bytes of a small file; false with a sentence when it can't be read or is larger than the room. */
static bool read_file(struct str path, char *out, size_t room, size_t *len, struct err *err)
{
    char name[4096];
    if (path.len == 0 || path.len >= sizeof(name))
        return err_set(err, "not a file name");
    memcpy(name, path.ptr, path.len);
    name[path.len] = '\0';
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return err_errno(err, "can't be opened");
    size_t filled = 0;
    ssize_t got = 1;
    while (got > 0 && filled < room) {
        got = read(fd, out + filled, room - filled);
        if (got > 0)
            filled += (size_t)got;
    }
    int error = errno;
    close(fd);
    errno = error;
    if (got < 0)
        return err_errno(err, "can't be read");
    if (filled == room)
        return err_set(err, "larger than %zu bytes", room - 1);
    *len = filled;
    return true;
}

static bool read_token(struct str path, char *token, struct err *err)
{
    char text[SETTINGS_NAME];
    size_t len;
    if (!read_file(path, text, sizeof(text), &len, err))
        return false;
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        len--;
    if (len == 0)
        return err_set(err, "the file is empty; put a secret into it, for instance with `openssl rand -hex 32`");
    for (size_t i = 0; i < len; i++) {
        if (text[i] <= ' ' || text[i] > '~')
            return err_set(err, "a token is one line of printable ASCII without blanks");
    }
    memcpy(token, text, len);
    token[len] = '\0';
    return true;
}

OPTION_PARSER(option_marker_key_file)
{
    char text[MAX_KEY_BYTES];
    size_t len;
    if (!read_file(value, text, sizeof(text), &len, err))
        return false;
    if (len < MIN_KEY_BYTES)
        return err_set(err, "holds %zu bytes; a key has at least %d, for instance from `openssl rand -hex 32`", len,
                       MIN_KEY_BYTES);
    crypto_generichash(options->settings.marker_key, sizeof(options->settings.marker_key), (unsigned char *)text, len,
                       NULL, 0);
    sodium_memzero(text, sizeof(text));
    options->settings.has_marker_key_file = true;
    return true;
}

OPTION_PARSER(option_admin)
{
    if (!local_address(value, &options->settings.admin, err))
        return false;
    if (options->settings.admin.family == ADDRESS_UNIX)
        return err_set(err, "the admin port is TCP; write 127.0.0.1:9900");
    return true;
}

OPTION_PARSER(option_admin_token_file)
{
    char path[4096];
    if (value.len == 0 || value.len >= sizeof(path))
        return err_set(err, "not a file name");
    memcpy(path, value.ptr, value.len);
    path[value.len] = '\0';
    return token_file_ensure(path, &options->is_token_made, err) &&
           read_token(value, options->settings.admin_token, err);
}

OPTION_PARSER(option_admin_host)
{
    struct settings *settings = &options->settings;
    if (settings->admin_host_count == SETTINGS_MAX_HOSTS)
        return err_set(err, "more than %d names", SETTINGS_MAX_HOSTS);
    if (value.len == 0 || value.len >= SETTINGS_NAME)
        return err_set(err, "write a host name of 1 to %d bytes", SETTINGS_NAME - 1);
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        bool is_name = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_';
        if (!is_name)
            return err_set(err, "write the host name alone, without scheme and port, for instance umbra.example.org");
    }
    char *host = settings->admin_hosts[settings->admin_host_count++];
    memcpy(host, value.ptr, value.len);
    host[value.len] = '\0';
    return true;
}

static bool duration(struct str value, uint32_t *ms, struct err *err)
{
    uint64_t parsed;
    if (!str_to_ms(value, &parsed))
        return err_set(err, "not a time; write 30s, 500ms, 2m or 1m30s");
    if (parsed > MAX_DRAIN_MS)
        return err_set(err, "longer than 24h");
    *ms = (uint32_t)parsed;
    return true;
}

OPTION_PARSER(option_drain)
{
    return duration(value, &options->settings.drain_ms, err);
}

OPTION_PARSER(option_drain_delay)
{
    return duration(value, &options->settings.drain_delay_ms, err);
}

static bool number(struct str value, uint64_t max, uint32_t *out, struct err *err)
{
    uint64_t parsed;
    if (!str_to_u64(value, &parsed) || parsed < 1 || parsed > max)
        return err_set(err, "write a number from 1 to %llu", (unsigned long long)max);
    *out = (uint32_t)parsed;
    return true;
}

OPTION_PARSER(option_max_connections)
{
    return number(value, MAX_CONNECTIONS, &options->settings.max_connections, err);
}

OPTION_PARSER(option_workers)
{
    return number(value, REGISTRY_WORKERS, &options->settings.workers, err);
}

OPTION_PARSER(option_mirror_budget)
{
    uint64_t bytes;
    if (!str_to_bytes(value, &bytes))
        return err_set(err, "not a size; write 64Mi, 1Gi or a number of bytes");
    if (bytes < MIN_BUDGET || bytes > MAX_BUDGET)
        return err_set(err, "write a size from 256Ki to 4Ti");
    options->settings.mirror_budget = bytes;
    return true;
}

OPTION_PARSER(option_data)
{
    struct settings *settings = &options->settings;
    if (value.len >= sizeof(settings->data))
        return err_set(err, "the name of a directory has at most %zu bytes", sizeof(settings->data) - 1);
    options->has_data = true;
    if (value.len > 0)
        memcpy(settings->data, value.ptr, value.len);
    settings->data[value.len] = '\0';
    return true;
}

OPTION_PARSER(option_sample_ttl)
{
    uint64_t ms;
    if (!str_to_ms(value, &ms))
        return err_set(err, "not a time; write 72h, 30m or 1h30m");
    if (ms < MIN_SAMPLE_TTL_MS || ms > MAX_SAMPLE_TTL_MS)
        return err_set(err, "write a time from 1m to 87840h (ten years)");
    options->settings.sample_ttl_ms = ms;
    return true;
}

OPTION_PARSER(option_analyst_memory)
{
    uint64_t bytes;
    if (!str_to_bytes(value, &bytes))
        return err_set(err, "not a size; write 256Mi, 1Gi or a number of bytes");
    if (bytes < MIN_ANALYST_MEMORY || bytes > MAX_ANALYST_MEMORY)
        return err_set(err, "write a size from 64Mi to 1Ti");
    options->settings.analyst_memory = bytes;
    return true;
}

OPTION_PARSER(option_purge_samples)
{
    (void)value, (void)err;
    options->is_samples_only = true;
    return true;
}

OPTION_PARSER(option_shed)
{
    static const char *const names[] = {"off", "auto", NULL};
    return choose(value, names, &options->settings.is_shedding, err);
}

OPTION_PARSER(option_compare)
{
    static const char *const names[] = {"off", "auto", NULL};
    return choose(value, names, &options->settings.is_comparing, err);
}

OPTION_PARSER(option_sandbox)
{
    static const char *const names[] = {"off", "on", NULL};
    return choose(value, names, &options->settings.is_sandboxed, err);
}

OPTION_PARSER(option_log_format)
{
    static const char *const names[] = {[LOG_TEXT] = "text", [LOG_JSON] = "json", NULL};
    uint32_t index;
    if (!choose(value, names, &index, err))
        return false;
    options->settings.log_format = (enum log_format)index;
    return true;
}

OPTION_PARSER(option_log_level)
{
    static const char *const names[] = {
        [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error", NULL};
    uint32_t index;
    if (!choose(value, names, &index, err))
        return false;
    options->settings.log_level = (enum log_level)index;
    return true;
}

OPTION_PARSER(option_access_log)
{
    (void)value, (void)err;
    options->settings.is_access_log = 1;
    return true;
}

OPTION_PARSER(option_replace)
{
    (void)value, (void)err;
    options->is_replace = true;
    return true;
}

OPTION_PARSER(option_client_admin)
{
    return target_parse(value, &options->client.admin, err);
}

OPTION_PARSER(option_client_token_file)
{
    return read_token(value, options->client.admin_token, err);
}

static bool label(struct str value, char *out, size_t room, struct err *err)
{
    if (value.len == 0 || value.len >= room)
        return err_set(err,
                       "write a label as `umbra status` shows it, for instance default/quickstart#0 for a route or "
                       "127.0.0.1:3001 for a mirror");
    memcpy(out, value.ptr, value.len);
    out[value.len] = '\0';
    return true;
}

OPTION_PARSER(option_client_route)
{
    return label(value, options->client.route, sizeof(options->client.route), err);
}

OPTION_PARSER(option_client_mirror)
{
    return label(value, options->client.mirror, sizeof(options->client.mirror), err);
}

OPTION_PARSER(option_client_format)
{
    static const char *const names[] = {"text", "json", NULL};
    uint32_t index;
    if (!choose(value, names, &index, err))
        return false;
    options->client.is_json = index == 1;
    return true;
}

OPTION_PARSER(option_client_count)
{
    return number(value, UINT32_MAX, &options->client.count, err);
}

OPTION_PARSER(option_report_admin)
{
    struct report_options *report = &options->report;
    if (report->admin_count == REPORT_ADMINS)
        return err_set(err, "more than %d addresses", REPORT_ADMINS);
    if (!target_parse(value, &report->admins[report->admin_count], err))
        return false;
    report->admin_count++;
    return true;
}

OPTION_PARSER(option_report_since)
{
    uint64_t ms;
    char *since = options->report.since;
    if (!str_to_ms(value, &ms) || ms == 0 || value.len >= sizeof(options->report.since))
        return err_set(err, "not a time; write 10m, 1h30m or 90s");
    memcpy(since, value.ptr, value.len);
    since[value.len] = '\0';
    return true;
}

OPTION_PARSER(option_report_wait)
{
    return duration(value, &options->report.wait_ms, err);
}

OPTION_PARSER(option_report_format)
{
    static const char *const names[] = {
        [REPORT_TEXT] = "text", [REPORT_JSON] = "json", [REPORT_MARKDOWN] = "markdown", [REPORT_JUNIT] = "junit", NULL};
    return choose(value, names, &options->report.format, err);
}
