/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/metrics.h"

#include "admin/text.h"
#include "http/grpc.h"
#include "http/http1_parse.h"

enum kind { KIND_COUNTER, KIND_GAUGE, KIND_HISTOGRAM };
static const char *const kind_names[] = {"counter", "gauge", "histogram"};

/* What a family has one sample (or set of samples) for. */
enum scope {
    SCOPE_ONCE,
    SCOPE_GATEWAY,
    SCOPE_ROUTE,
    SCOPE_MIRROR,
    SCOPE_CALL,
    SCOPE_PROCESS,
    SCOPE_ANALYST,
    SCOPE_TEXT
};
/* SCOPE_TEXT: the analyst writes them. */

/* Everything that a sample is made from. Which pointers are set is the family's scope. */
struct source {
    struct registry *registry;
    const struct process *process;
    const struct analyst_figures *analyst;
    const void *
        entry; /* struct registry_gateway, registry_route, registry_mirror, registry_totals, process or analyst_figures */
    struct str labels; /* of the entry, without braces: route="…",mirror="…"; empty for SCOPE_ONCE */
};

struct metric {
    const char *name;
    enum kind kind;
    enum scope scope;
    const char *labels; /* as the reference prints them */
    const char *help;
    void (*add)(struct strbuf *page, const struct metric *metric, const struct source *source);
    size_t offset;              /* of the value in the entry */
    const char *const *reasons; /* label values of an array of counters */
    size_t reason_count;
};

#define X(name, label) label,
static const char *const filtered_reasons[] = {FILTERED_REASONS(X)};
static const char *const dropped_reasons[] = {DROPPED_REASONS(X)};
static const char *const failed_reasons[] = {FAILED_REASONS(X)};
static const char *const record_reasons[] = {RECORD_DROPS(X) RING_LOSSES(X)};
#undef X

static void open_sample(struct strbuf *page, const struct metric *metric, const char *suffix, struct str labels)
{
    strbuf_add(page, str_from_c(metric->name));
    strbuf_add(page, str_from_c(suffix));
    if (labels.len) {
        strbuf_add_char(page, '{');
        strbuf_add(page, labels);
    }
}

/* One more label after those of the entry. */
static void open_labelled(struct strbuf *page, const struct metric *metric, struct str labels, const char *label,
                          struct str value)
{
    open_sample(page, metric, "", labels);
    strbuf_add_char(page, labels.len ? ',' : '{');
    strbuf_add(page, str_from_c(label));
    strbuf_add(page, STR("=\""));
    strbuf_add(page, value);
    strbuf_add(page, STR("\"} "));
}

static void add_u64(struct strbuf *page, uint64_t value)
{
    text_add_u64(page, value);
    strbuf_add_char(page, '\n');
}

/* Gauges are kept as differences by several workers: between two of them a sum can be seen below 0. */
static void add_gauge(struct strbuf *page, int64_t value)
{
    add_u64(page, value > 0 ? (uint64_t)value : 0);
}

static void add_plain(struct strbuf *page, const struct metric *metric, const struct source *source, uint64_t value)
{
    open_sample(page, metric, "", source->labels);
    strbuf_add(page, source->labels.len ? STR("} ") : STR(" "));
    add_u64(page, value);
}

static void add_double(struct strbuf *page, const struct metric *metric, const struct source *source, double value)
{
    open_sample(page, metric, "", source->labels);
    strbuf_printf(page, "%s %.17g\n", source->labels.len ? "}" : "", value);
}

static uint64_t read_counter(const struct metric *metric, const void *entry, size_t index)
{
    return counter_get((counter *)((const char *)entry + metric->offset) + index);
}

static int64_t read_gauge(const void *entry, size_t offset)
{
    return atomic_load_explicit((_Atomic int64_t *)((const char *)entry + offset), memory_order_relaxed);
}

static void add_counter(struct strbuf *page, const struct metric *metric, const struct source *source)
{
    add_plain(page, metric, source, read_counter(metric, source->entry, 0));
}

/* Of mirrors. Series by reason begin with the first request: 10,000 routes that are hardly used would fill a page of 80 MB. */
static void add_reasons(struct strbuf *page, const struct metric *metric, const struct source *source)
{
    if (!counter_get((counter *)&((const struct registry_mirror *)source->entry)->matched))
        return;
    for (size_t i = 0; i < metric->reason_count; i++) {
        open_labelled(page, metric, source->labels, "reason", str_from_c(metric->reasons[i]));
        add_u64(page, read_counter(metric, source->entry, i));
    }
}

static void add_codes(struct strbuf *page, const struct metric *metric, const struct source *source)
{
    for (size_t i = 0; i < REGISTRY_CODES; i++) {
        uint64_t count = read_counter(metric, source->entry, i);
        if (!count)
            continue;
        char code[4] = {(char)('1' + i / 100), (char)('0' + i / 10 % 10), (char)('0' + i % 10)};
        open_labelled(page, metric, source->labels, "code",
                      i == REGISTRY_CODES - 1 ? STR("other") : (struct str){code, 3});
        add_u64(page, count);
    }
}

/* An int64_t for each gateway slot; the sum is what the operator asks for. */
static void add_slots(struct strbuf *page, const struct metric *metric, const struct source *source)
{
    int64_t sum = 0;
    for (size_t i = 0; i < REGISTRY_GATEWAYS; i++)
        sum += read_gauge(source->entry, metric->offset + i * sizeof(int64_t));
    add_plain(page, metric, source, sum > 0 ? (uint64_t)sum : 0);
}

static void add_bytes(struct strbuf *page, const struct metric *metric, const struct source *source)
{
    const struct registry_mirror *mirror = source->entry;
    open_labelled(page, metric, source->labels, "direction", STR("sent"));
    add_u64(page, counter_get((counter *)&mirror->bytes_sent));
    open_labelled(page, metric, source->labels, "direction", STR("received"));
    add_u64(page, counter_get((counter *)&mirror->bytes_received));
}

static void add_histogram(struct strbuf *page, const struct metric *metric, const struct source *source)
{
    const struct registry_duration *duration = (const void *)((const char *)source->entry + metric->offset);
    uint64_t count = 0;
    if (!counter_get((counter *)&duration->sum_ns))
        return; /* begins with its first observation, as series by reason do */
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        count += counter_get((counter *)&duration->bucket[i]);
        open_sample(page, metric, "_bucket", source->labels);
        if (i == HISTOGRAM_BUCKETS - 1)
            strbuf_add(page, STR(",le=\"+Inf\"} "));
        else
            strbuf_printf(page, ",le=\"%.10g\"} ", (double)histogram_bounds_ns[i] / 1e9);
        add_u64(page, count);
    }
    open_sample(page, metric, "_sum", source->labels);
    strbuf_printf(page, "} %.9f\n", (double)counter_get((counter *)&duration->sum_ns) / 1e9);
    open_sample(page, metric, "_count", source->labels);
    strbuf_add(page, STR("} "));
    add_u64(page, count);
}

/* Index 0 is "no refusal". */
static void add_refusals(struct strbuf *page, const struct metric *metric, const struct source *source)
{
    for (size_t i = REFUSAL_NONE + 1; i < REFUSAL_COUNT; i++) {
        open_labelled(page, metric, source->labels, "reason", str_from_c(refusal_name((enum refusal)i)));
        add_u64(page, read_counter(metric, source->entry, i));
    }
}

static void add_handshakes(struct strbuf *page, const struct metric *metric, const struct source *source)
{
#define X(name, result, version, resumed) "result=\"" result "\",version=\"" version "\",resumed=\"" resumed "\"",
    static const char *const labels[] = {HANDSHAKES(X)};
#undef X
    for (size_t i = 0; i < HANDSHAKE_COUNT; i++) {
        strbuf_printf(page, "%s{%s} ", metric->name, labels[i]);
        add_u64(page, read_counter(metric, source->entry, i));
    }
}

/* What the gateway did not write, then what no analyst came to judge. */
static void add_record_drops(struct strbuf *page, const struct metric *metric, const struct source *source)
{
    for (size_t i = 0; i < metric->reason_count; i++) {
        size_t loss = i - RECORD_DROP_COUNT;
        if (i >= RECORD_DROP_COUNT && !source->analyst)
            break;
        open_labelled(page, metric, source->labels, "reason", str_from_c(metric->reasons[i]));
        add_u64(page, i < RECORD_DROP_COUNT ? read_counter(metric, source->entry, i) : source->analyst->lost[loss]);
    }
}

static void add_analyst_up(struct strbuf *page, const struct metric *metric, const struct source *source)
{
    add_plain(page, metric, source, source->analyst->is_up);
}

static int64_t sum_gateways(struct registry *registry, size_t offset)
{
    int64_t sum = 0;
    for (unsigned slot = 0; slot < REGISTRY_GATEWAYS; slot++)
        sum += read_gauge(registry_gateway_get(registry, slot), offset);
    return sum;
}

static void add_connections(struct strbuf *page, const struct metric *metric, const struct source *source)
{
    static const struct {
        const char *side;
        size_t offset;
    } sides[] = {
        {"client", offsetof(struct registry_gateway, connections_client)},
        {"live", offsetof(struct registry_gateway, connections_live)},
        {"shadow", offsetof(struct registry_gateway, connections_shadow)},
    };
    for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]); i++) {
        open_labelled(page, metric, source->labels, "side", str_from_c(sides[i].side));
        add_gauge(page, sum_gateways(source->registry, sides[i].offset));
    }
}

static void add_gateway_sum(struct strbuf *page, const struct metric *metric, const struct source *source)
{
    int64_t sum = sum_gateways(source->registry, metric->offset);
    add_plain(page, metric, source, sum > 0 ? (uint64_t)sum : 0);
}

static void add_cpu(struct strbuf *page, const struct metric *metric, const struct source *source)
{
    add_double(page, metric, source, (double)read_counter(metric, source->entry, 0) / 1e9);
}

/* Those that are not 0. */
static void add_grpc_statuses(struct strbuf *page, const struct metric *metric, const struct source *source)
{
    for (size_t i = 0; i < REGISTRY_GRPC_STATUSES; i++) {
        uint64_t value = read_counter(metric, source->entry, i);
        if (value == 0)
            continue;
        open_labelled(page, metric, source->labels, "grpc_status", grpc_status_text((enum grpc_status)i));
        add_u64(page, value);
    }
}

static void add_build_info(struct strbuf *page, const struct metric *metric, const struct source *source)
{
    open_labelled(page, metric, source->labels, "version", STR(UMBRA_VERSION));
    add_u64(page, 1);
}

static void add_process_u64(struct strbuf *page, const struct metric *metric, const struct source *source)
{
    add_plain(page, metric, source, *(const uint64_t *)((const char *)source->entry + metric->offset));
}

static void add_process_double(struct strbuf *page, const struct metric *metric, const struct source *source)
{
    add_double(page, metric, source, *(const double *)((const char *)source->entry + metric->offset));
}

#define REASONS(names) .reasons = names, .reason_count = sizeof(names) / sizeof(names[0])
#define AT(type, member) .offset = offsetof(struct type, member)

/* clang-format off */
static const struct metric metrics[] = {
    {"umbra_requests_total", KIND_COUNTER, SCOPE_ROUTE, "route, backend, code",
     "Requests answered, by the status that the client got; backend is empty for answers that Umbra made itself.",
     add_codes, AT(registry_route, code)},
    {"umbra_request_duration_seconds", KIND_HISTOGRAM, SCOPE_ROUTE, "route, backend",
     "Time from a request's head to the end of its answer, as the client's side of the gateway saw it.",
     add_histogram, AT(registry_route, duration)},
    {"umbra_grpc_requests_total", KIND_COUNTER, SCOPE_CALL, "route, backend, method, grpc_status",
     "Calls that GRPCRoutes took, by path and by the status that the caller got: its number, other for what is none, none for "
     "answers without one.",
     add_grpc_statuses, .offset = 0},
    {"umbra_mirror_matched_total", KIND_COUNTER, SCOPE_MIRROR, "route, mirror",
     "Requests that a mirror's route took: sampled_out + filtered + dropped + sent + queued.",
     add_counter, AT(registry_mirror, matched)},
    {"umbra_mirror_sampled_out_total", KIND_COUNTER, SCOPE_MIRROR, "route, mirror",
     "Matched requests that sampling left out.",
     add_counter, AT(registry_mirror, sampled_out)},
    {"umbra_mirror_filtered_total", KIND_COUNTER, SCOPE_MIRROR, "route, mirror, reason",
     "Matched requests that are not to be copied, by reason.",
     add_reasons, AT(registry_mirror, filtered), REASONS(filtered_reasons)},
    {"umbra_mirror_dropped_total", KIND_COUNTER, SCOPE_MIRROR, "route, mirror, reason",
     "Copies given up before anything was sent to the shadow, by reason.",
     add_reasons, AT(registry_mirror, dropped), REASONS(dropped_reasons)},
    {"umbra_mirror_sent_total", KIND_COUNTER, SCOPE_MIRROR, "route, mirror",
     "Copies for which a connection was attempted or reused: completed + failed + in_flight.",
     add_counter, AT(registry_mirror, sent)},
    {"umbra_mirror_completed_total", KIND_COUNTER, SCOPE_MIRROR, "route, mirror, code",
     "Copies that the shadow answered in whole, by its status.",
     add_codes, AT(registry_mirror, completed)},
    {"umbra_mirror_grpc_completed_total", KIND_COUNTER, SCOPE_MIRROR, "route, mirror, grpc_status",
     "Copies of calls that the shadow answered in whole, by its grpc-status, as above.",
     add_grpc_statuses, AT(registry_mirror, grpc_completed)},
    {"umbra_mirror_failed_total", KIND_COUNTER, SCOPE_MIRROR, "route, mirror, reason",
     "Copies that were sent and not answered in whole, by reason.",
     add_reasons, AT(registry_mirror, failed), REASONS(failed_reasons)},
    {"umbra_mirror_in_flight", KIND_GAUGE, SCOPE_MIRROR, "route, mirror",
     "Copies sent and not yet completed or failed.",
     add_slots, AT(registry_mirror, in_flight)},
    {"umbra_mirror_queued", KIND_GAUGE, SCOPE_MIRROR, "route, mirror",
     "Copies waiting for a connection to the shadow.",
     add_slots, AT(registry_mirror, queued)},
    {"umbra_mirror_bytes_total", KIND_COUNTER, SCOPE_MIRROR, "route, mirror, direction",
     "Bytes sent to and received from the shadow.",
     add_bytes, .offset = 0},
    {"umbra_mirror_duration_seconds", KIND_HISTOGRAM, SCOPE_MIRROR, "route, mirror",
     "Time from sending a copy to the end of the shadow's answer.",
     add_histogram, AT(registry_mirror, duration)},
    {"umbra_mirror_budget_bytes", KIND_GAUGE, SCOPE_ONCE, "",
     "Memory that all mirrors hold now: queues, bodies, buffers of shadow sockets.",
     add_gateway_sum, AT(registry_gateway, budget_used)},
    {"umbra_mirror_budget_limit_bytes", KIND_GAUGE, SCOPE_ONCE, "",
     "What all mirrors of one gateway may hold (--mirror-budget).",
     add_counter, AT(registry_totals, budget_limit)},
    {"umbra_refused_total", KIND_COUNTER, SCOPE_ONCE, "reason",
     "Requests refused before any route; reason marker counts forged markers that were removed.",
     add_refusals, AT(registry_totals, refused)},
    {"umbra_records_total", KIND_COUNTER, SCOPE_ONCE, "",
     "Legs of exchanges (live, shadow, control) that were handed to the analyst as records.",
     add_counter, AT(registry_totals, records)},
    {"umbra_records_dropped_total", KIND_COUNTER, SCOPE_ONCE, "reason",
     "Legs that were not recorded (ring: the analyst did not keep pace, budget, retry), and records that were lost on their way into a "
     "judgement (analyst: it died before they were stored, poison: it died of them, damaged, memory).",
     add_record_drops, AT(registry_totals, records_dropped), REASONS(record_reasons)},
    {"umbra_analyst_up", KIND_GAUGE, SCOPE_ANALYST, "",
     "1 while the analyst answers; 0 when it has not for 3 s, or none was started since nothing is compared. The families below are there "
     "while it is 1.",
     add_analyst_up, .offset = 0},
    {"umbra_verdict", KIND_GAUGE, SCOPE_TEXT, "route, mirror, verdict",
     "1 for the verdict that a mirror has (PASS, FAIL, INSUFFICIENT), 0 for the others.", NULL, .offset = 0},
    {"umbra_pairs_total", KIND_COUNTER, SCOPE_TEXT, "route, mirror, result",
     "Pairs of a live answer and its shadow's, by what came of comparing them.", NULL, .offset = 0},
    {"umbra_latency_delta_seconds", KIND_GAUGE, SCOPE_TEXT, "route, mirror, quantile, bound",
     "What the shadow takes longer than live for the same request, at a quantile: the estimate and both ends of its confidence interval.",
     NULL, .offset = 0},
    {"umbra_analyst_*", KIND_COUNTER, SCOPE_TEXT, "",
     "What the analyst did and gave up; gauges of what waits for its partner.", NULL, .offset = 0},
    {"umbra_store_*", KIND_COUNTER, SCOPE_TEXT, "",
     "Writes of the analyst's store, and what could not be kept; gauges of its size.", NULL, .offset = 0},
    {"umbra_tls_handshakes_total", KIND_COUNTER, SCOPE_ONCE, "result, version, resumed",
     "TLS handshakes with clients: ok or failed, the version of TLS (empty when it failed), and whether an earlier session was "
     "resumed (yes, no).",
     add_handshakes, AT(registry_totals, handshakes)},
    {"umbra_match_limit_total", KIND_COUNTER, SCOPE_ONCE, "",
     "Regular expressions of rules that were given up at their limit of steps; they count as no match.",
     add_counter, AT(registry_totals, regex_limit)},
    {"umbra_connections", KIND_GAUGE, SCOPE_ONCE, "side",
     "Open connections, by side: client, live, shadow.",
     add_connections, .offset = 0},
    {"umbra_config_generation", KIND_GAUGE, SCOPE_ONCE, "",
     "Number of the rules in force; rises with every change.",
     add_counter, AT(registry_totals, config_generation)},
    {"umbra_config_errors", KIND_GAUGE, SCOPE_ONCE, "",
     "Resources left out of the rules in force since they are wrong.",
     add_counter, AT(registry_totals, config_errors)},
    {"umbra_gateway_cpu_seconds_total", KIND_COUNTER, SCOPE_GATEWAY, "slot",
     "User and system time of a gateway process; slot tells gateways apart that live at the same time.",
     add_cpu, AT(registry_gateway, cpu_ns)},
    {"umbra_build_info", KIND_GAUGE, SCOPE_ONCE, "version",
     "Always 1; the version is in the label.",
     add_build_info, .offset = 0},
    {"process_cpu_seconds_total", KIND_COUNTER, SCOPE_PROCESS, "",
     "User and system time of the process that serves this page (control).",
     add_process_double, AT(process, cpu_seconds)},
    {"process_resident_memory_bytes", KIND_GAUGE, SCOPE_PROCESS, "",
     "Resident memory of control.",
     add_process_u64, AT(process, resident_bytes)},
    {"process_virtual_memory_bytes", KIND_GAUGE, SCOPE_PROCESS, "",
     "Virtual memory of control.",
     add_process_u64, AT(process, virtual_bytes)},
    {"process_open_fds", KIND_GAUGE, SCOPE_PROCESS, "",
     "Open descriptors of control.",
     add_process_u64, AT(process, open_fds)},
    {"process_max_fds", KIND_GAUGE, SCOPE_PROCESS, "",
     "Most descriptors that control may open.",
     add_process_u64, AT(process, max_fds)},
    {"process_start_time_seconds", KIND_GAUGE, SCOPE_PROCESS, "",
     "Start of control, in seconds since 1970.",
     add_process_double, AT(process, start_time_seconds)},
};
/* clang-format on */
#define METRIC_COUNT (sizeof(metrics) / sizeof(metrics[0]))

static bool has_any(counter *counters, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (counter_get(&counters[i]))
            return true;
    }
    return false;
}

static void label_pair(struct strbuf *labels, struct str first, const char *second_name, struct str second)
{
    strbuf_clear(labels);
    strbuf_add(labels, STR("route=\""));
    text_add_label(labels, first);
    strbuf_add(labels, STR("\","));
    strbuf_add(labels, str_from_c(second_name));
    strbuf_add(labels, STR("=\""));
    text_add_label(labels, second);
    strbuf_add_char(labels, '"');
}

/* Methods, then for each route × backend those without a name of their own. */
static bool find_call(struct source *source, size_t index, struct strbuf *labels)
{
    struct registry_call_name name;
    struct registry_route *route;
    counter *statuses;
    if (!registry_call_at(source->registry, index, &name, &statuses)) {
        if (!registry_route_at(source->registry, index - REGISTRY_CALLS, &name.route, &name.backend, &route))
            return false;
        name.method = STR("other");
        statuses = route->other_methods;
    }
    source->entry = statuses;
    if (!name.method.len || !has_any(statuses, REGISTRY_GRPC_STATUSES))
        return true;
    label_pair(labels, name.route, "backend", name.backend);
    strbuf_add(labels, STR(",method=\""));
    text_add_label(labels, name.method);
    strbuf_add_char(labels, '"');
    return true;
}

/* Points the source at the entry with this index; false behind the last one. */
static bool find_entry(struct source *source, enum scope scope, size_t index, struct strbuf *labels)
{
    struct str route, other;
    strbuf_clear(labels);
    switch (scope) {
    case SCOPE_ONCE: source->entry = registry_totals(source->registry); return index == 0;
    case SCOPE_PROCESS:
        source->entry = source->process;
        return index == 0 && source->process && source->process->is_known;
    case SCOPE_GATEWAY:
        if (index >= REGISTRY_GATEWAYS)
            return false;
        source->entry = registry_gateway_get(source->registry, (unsigned)index);
        strbuf_printf(labels, "slot=\"%zu\"", index);
        return true;
    case SCOPE_ROUTE: {
        struct registry_route *entry;
        if (!registry_route_at(source->registry, index, &route, &other, &entry))
            return false;
        source->entry = entry;
        label_pair(labels, route, "backend", other);
        return true;
    }
    case SCOPE_MIRROR: {
        struct registry_mirror *entry;
        if (!registry_mirror_at(source->registry, index, &route, &other, &entry))
            return false;
        source->entry = entry;
        label_pair(labels, route, "mirror", other);
        return true;
    }
    case SCOPE_CALL: return find_call(source, index, labels);
    case SCOPE_ANALYST: source->entry = source->analyst; return index == 0 && source->analyst;
    case SCOPE_TEXT: return false;
    }
    return false;
}

/* A gateway slot that nobody has has no sample, nor has a method that was not called. */
static bool is_shown(const struct metric *metric, const struct source *source)
{
    if (metric->scope == SCOPE_CALL)
        return source->labels.len > 0;
    return metric->scope != SCOPE_GATEWAY ||
           atomic_load_explicit(&((struct registry_gateway *)source->entry)->pid, memory_order_relaxed) != 0;
}

/* Whether a name, possibly with the suffix of a histogram's or summary's sample, is one of the analyst's families. */
static bool is_analysts(struct str name)
{
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        struct str family = str_from_c(metrics[i].name);
        bool is_prefix = metrics[i].scope == SCOPE_TEXT && family.ptr[family.len - 1] == '*';
        family.len -= is_prefix;
        if (metrics[i].scope == SCOPE_TEXT && str_eq(str_slice(name, 0, family.len), family) &&
            (is_prefix || name.len == family.len || name.ptr[family.len] == '_'))
            return !str_eq(name, STR("umbra_analyst_up"));
    }
    return false;
}

/* One line without its newline: a sample, or HELP or TYPE of a family. */
static bool is_good_line(struct str line)
{
    size_t end = 0;
    for (size_t i = 0; i < line.len; i++) {
        if ((unsigned char)line.ptr[i] < ' ' || line.ptr[i] == 0x7f)
            return false;
    }
    if (str_eq(str_slice(line, 0, 7), STR("# HELP ")) || str_eq(str_slice(line, 0, 7), STR("# TYPE ")))
        line = str_slice(line, 7, line.len);
    while (end < line.len && line.ptr[end] != '{' && line.ptr[end] != ' ')
        end++;
    return end < line.len && is_analysts(str_slice(line, 0, end));
}

void metrics_add_analyst(struct strbuf *page, struct str text)
{
    while (text.len) {
        size_t len = str_find_char(text, '\n');
        if (len == text.len)
            return; /* cut off */
        struct str line = str_slice(text, 0, len);
        text = str_slice(text, len + 1, text.len);
        if (!is_good_line(line))
            continue;
        strbuf_add(page, line);
        strbuf_add_char(page, '\n');
    }
}

bool metrics_next(const struct metrics_from *from, struct metrics_cursor *cursor, size_t piece, struct strbuf *page)
{
    struct strbuf labels = STRBUF_INIT;
    struct source source = {.registry = from->registry, .process = from->process, .analyst = from->analyst};
    size_t until = page->len + piece;
    while (cursor->family < METRIC_COUNT && page->len < until) {
        const struct metric *metric = &metrics[cursor->family];
        if (!find_entry(&source, metric->scope, cursor->entry, &labels)) {
            cursor->family++;
            cursor->entry = 0;
            continue;
        }
        if (cursor->entry++ == 0)
            strbuf_printf(page, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help, metric->name,
                          kind_names[metric->kind]);
        source.labels = strbuf_str(&labels);
        if (is_shown(metric, &source))
            metric->add(page, metric, &source);
    }
    strbuf_deinit(&labels);
    bool has_more = cursor->family < METRIC_COUNT;
    if (!has_more && !cursor->is_over && from->analyst)
        metrics_add_analyst(page, from->analyst->metrics);
    cursor->is_over = !has_more;
    return has_more;
}

static void reference_reasons(struct strbuf *page, const struct metric *metric)
{
    if (!metric->reason_count)
        return;
    strbuf_add(page, STR(" Reasons:"));
    for (size_t i = 0; i < metric->reason_count; i++)
        strbuf_printf(page, "%s `%s`", i ? "," : "", metric->reasons[i]);
    strbuf_add_char(page, '.');
}

void metrics_reference(struct strbuf *page)
{
    strbuf_printf(
        page,
        "# Metrics\n\n"
        "Generated from the table in `src/admin/metrics.c`; do not edit.\n\n"
        "Prometheus text at `GET /metrics` of the admin port. There are at most %d pairs of route and backend and %d "
        "pairs of route and mirror; what comes after is counted under the labels `other`. Series with a `reason` are "
        "there also when they are 0, series with a `code` or `grpc_status` once they are not; codes outside 100 to 599 "
        "are "
        "`other`. Calls are counted by at most %d methods for each pair of route and backend and %d in all, only those "
        "that "
        "live knows; further ones, those that live calls unimplemented and those longer than %d bytes are the method "
        "`other`.\n\n"
        "Whenever nothing is moving, for every route and mirror:\n\n"
        "    matched = sampled_out + filtered + dropped + sent + queued\n"
        "    sent    = completed + failed + in_flight\n\n"
        "| name | type | labels | what it says |\n|---|---|---|---|\n",
        REGISTRY_ROUTES, REGISTRY_MIRRORS, REGISTRY_METHODS, REGISTRY_CALLS, REGISTRY_METHOD_MAX);
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        const struct metric *metric = &metrics[i];
        strbuf_printf(page, "| `%s` | %s | %s | %s", metric->name, kind_names[metric->kind], metric->labels,
                      metric->help);
        reference_reasons(page, metric);
        if (metric->add == add_refusals) {
            strbuf_add(page, STR(" Reasons:"));
            for (size_t reason = REFUSAL_NONE + 1; reason < REFUSAL_COUNT; reason++)
                strbuf_printf(page, "%s `%s`", reason > REFUSAL_NONE + 1 ? "," : "",
                              refusal_name((enum refusal)reason));
            strbuf_add_char(page, '.');
        }
        strbuf_add(page, STR(" |\n"));
    }
    strbuf_add(page, STR("\nBuckets of the histograms, in seconds:"));
    for (size_t i = 0; i + 1 < HISTOGRAM_BUCKETS; i++)
        strbuf_printf(page, " %.10g,", (double)histogram_bounds_ns[i] / 1e9);
    strbuf_add(page, STR(" +Inf.\n"));
}
