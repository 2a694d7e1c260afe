/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/metrics.h"

#include "fixture.h"

#include <stdlib.h>
#include <sys/wait.h>

static const struct process some_process = {true, 1.5, 4096, 8192, 7, 1024, 1.7e9};

static void whole_page(struct registry *registry, size_t piece, struct strbuf *page)
{
    struct metrics_cursor cursor = {0};
    while (metrics_next(&(struct metrics_from){registry, &some_process, NULL}, &cursor, piece, page))
        ;
}

/* A registry in which everything has a value. */
static struct registry *busy_registry(void)
{
    struct registry *registry = fixture_registry();
    struct registry_route *route = registry_route(registry, ROUTE, LIVE);
    struct registry_mirror *mirror = registry_mirror(registry, ROUTE, SHADOW);
    struct registry_gateway *gateway = fixture_gateway(registry, 42);
    counter_add(&route->code[registry_code_index(200)], 12);
    counter_add(&route->code[registry_code_index(999)], 1);
    registry_duration_add(&route->duration, 400000);
    registry_duration_add(&route->duration, 2000000);
    registry_duration_add(&route->duration, 90000000000);
    registry_count_call(registry, route, STR("/shop.Cart/Get"), 14, true);
    registry_count_call(registry, route, STR("/shop.Cart/\"\\"), 18, true);
    registry_count_call(registry, route, STR("/shop.Cart/No"), 12, false);
    counter_add(&mirror->grpc_completed[0], 3);
    counter_add(&mirror->matched, 10);
    counter_add(&mirror->filtered[FILTERED_METHOD], 3);
    counter_add(&mirror->dropped[DROPPED_BUDGET], 1);
    counter_add(&mirror->sent, 6);
    counter_add(&mirror->completed[registry_code_index(503)], 4);
    counter_add(&mirror->failed[FAILED_RESET], 1);
    counter_add(&mirror->bytes_sent, 1000);
    gauge_add(&mirror->in_flight[0], 2);
    gauge_add(&mirror->in_flight[3], -1);
    gateway->connections_client = 5;
    gateway->budget_used = 123;
    gateway->cpu_ns = 1500000000;
    registry_totals(registry)->budget_limit = 64 << 20;
    registry_totals(registry)->config_generation = 3;
    return registry;
}

static void test_every_family_has_its_samples(void **state)
{
    (void)state;
    struct registry *registry = busy_registry();
    struct strbuf page = STRBUF_INIT;
    whole_page(registry, 1 << 20, &page);
#define LABELS "{route=\"default/quickstart#0\","
    static const char *const pieces[] = {
        "# TYPE umbra_requests_total counter\n"
        "umbra_requests_total" LABELS "backend=\"127.0.0.1:3000\",code=\"200\"} 12\n"
        "umbra_requests_total" LABELS "backend=\"127.0.0.1:3000\",code=\"other\"} 1\n#",
        "_bucket" LABELS "backend=\"127.0.0.1:3000\",le=\"0.0005\"} 1\n",
        "_bucket" LABELS "backend=\"127.0.0.1:3000\",le=\"0.0025\"} 2\n",
        "_bucket" LABELS "backend=\"127.0.0.1:3000\",le=\"60\"} 2\n",
        "_bucket" LABELS "backend=\"127.0.0.1:3000\",le=\"+Inf\"} 3\n",
        "umbra_request_duration_seconds_sum" LABELS "backend=\"127.0.0.1:3000\"} 90.002400000\n",
        "umbra_request_duration_seconds_count" LABELS "backend=\"127.0.0.1:3000\"} 3\n",
        "umbra_grpc_requests_total" LABELS
        "backend=\"127.0.0.1:3000\",method=\"/shop.Cart/Get\",grpc_status=\"14\"} 1\n",
        "umbra_grpc_requests_total" LABELS
        "backend=\"127.0.0.1:3000\",method=\"/shop.Cart/\\\"\\\\\",grpc_status=\"none\"} 1\n",
        "umbra_grpc_requests_total" LABELS "backend=\"127.0.0.1:3000\",method=\"other\",grpc_status=\"12\"} 1\n",
        "umbra_mirror_grpc_completed_total" LABELS "mirror=\"127.0.0.1:3001\",grpc_status=\"0\"} 3\n",
        "umbra_mirror_matched_total" LABELS "mirror=\"127.0.0.1:3001\"} 10\n",
        "umbra_mirror_sampled_out_total" LABELS "mirror=\"127.0.0.1:3001\"} 0\n",
        "umbra_mirror_filtered_total" LABELS "mirror=\"127.0.0.1:3001\",reason=\"off\"} 0\n",
        "umbra_mirror_filtered_total" LABELS "mirror=\"127.0.0.1:3001\",reason=\"method\"} 3\n",
        "umbra_mirror_dropped_total" LABELS "mirror=\"127.0.0.1:3001\",reason=\"budget\"} 1\n",
        "umbra_mirror_dropped_total" LABELS "mirror=\"127.0.0.1:3001\",reason=\"shutdown\"} 0\n",
        "umbra_mirror_sent_total" LABELS "mirror=\"127.0.0.1:3001\"} 6\n",
        "umbra_mirror_completed_total" LABELS "mirror=\"127.0.0.1:3001\",code=\"503\"} 4\n",
        "umbra_mirror_failed_total" LABELS "mirror=\"127.0.0.1:3001\",reason=\"reset\"} 1\n",
        "umbra_mirror_in_flight" LABELS "mirror=\"127.0.0.1:3001\"} 1\n",
        "umbra_mirror_queued" LABELS "mirror=\"127.0.0.1:3001\"} 0\n",
        "umbra_mirror_bytes_total" LABELS "mirror=\"127.0.0.1:3001\",direction=\"sent\"} 1000\n",
        "\numbra_mirror_budget_bytes 123\n",
        "\numbra_mirror_budget_limit_bytes 67108864\n",
        "\numbra_refused_total{reason=\"framing\"} 0\n",
        "\numbra_connections{side=\"client\"} 5\n",
        "\numbra_connections{side=\"shadow\"} 0\n",
        "\numbra_config_generation 3\n",
        "\numbra_config_errors 0\n",
        "\numbra_gateway_cpu_seconds_total{slot=\"0\"} 1.5\n",
        "\numbra_build_info{version=\"" UMBRA_VERSION "\"} 1\n",
        "\nprocess_cpu_seconds_total 1.5\n",
        "\nprocess_open_fds 7\n",
    };
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
        assert_has(&page, pieces[i]);
    assert_lacks(&page, "slot=\"1\"");
    strbuf_deinit(&page);
    registry_close(registry);
}

static void test_pieces_make_the_same_page(void **state)
{
    (void)state;
    struct registry *registry = busy_registry();
    struct strbuf whole = STRBUF_INIT, pieces = STRBUF_INIT;
    whole_page(registry, 1 << 20, &whole);
    whole_page(registry, 1, &pieces);
    assert_string_equal(whole.ptr, pieces.ptr);
    strbuf_deinit(&whole);
    strbuf_deinit(&pieces);
    registry_close(registry);
}

static void test_labels_are_escaped(void **state)
{
    (void)state;
    struct registry *registry = fixture_registry();
    struct strbuf page = STRBUF_INIT;
    counter_add(&registry_route(registry, STR("a\"b\\\n"), STR(""))->code[100], 1);
    whole_page(registry, 1 << 20, &page);
    assert_has(&page, "umbra_requests_total{route=\"a\\\"b\\\\\\n\",backend=\"\",code=\"200\"} 1\n");
    strbuf_deinit(&page);
    registry_close(registry);
}

static void test_an_unreadable_proc_leaves_the_process_out(void **state)
{
    (void)state;
    struct registry *registry = fixture_registry();
    struct process unknown = {.is_known = false};
    struct metrics_cursor cursor = {0};
    struct strbuf page = STRBUF_INIT;
    assert_false(metrics_next(&(struct metrics_from){registry, &unknown, NULL}, &cursor, 1 << 20, &page));
    assert_lacks(&page, "process_");
    assert_lacks(&page, "umbra_requests_total");
    strbuf_deinit(&page);
    registry_close(registry);
}

static void test_lost_records_and_the_analyst_are_told(void **state)
{
    (void)state;
    struct registry *registry = fixture_registry();
    struct analyst_figures analyst = {.is_up = true, .metrics = STR("umbra_pairs_total{route=\"a\"} 3\n")};
    struct metrics_from from = {registry, &some_process, &analyst};
    struct metrics_cursor cursor = {0};
    struct strbuf page = STRBUF_INIT;
    analyst.lost[RING_LOST_POISON] = 2;
    counter_add(&registry_totals(registry)->records, 7);
    counter_add(&registry_totals(registry)->records_dropped[RECORD_DROPPED_RETRY], 1);
    while (metrics_next(&from, &cursor, 1, &page)) {
    }
    assert_has(&page, "\numbra_records_total 7\n");
    assert_has(&page, "\numbra_records_dropped_total{reason=\"retry\"} 1\n");
    assert_has(&page, "\numbra_records_dropped_total{reason=\"poison\"} 2\n");
    assert_has(&page, "\numbra_analyst_up 1\n");
    assert_has(&page, "\numbra_pairs_total{route=\"a\"} 3\n");
    strbuf_deinit(&page);
    registry_close(registry);
}

static void test_the_analyst_can_only_say_what_is_its(void **state)
{
    (void)state;
    static const char good[] = "# HELP umbra_verdict x\n# TYPE umbra_verdict gauge\numbra_verdict{route=\"a\"} 1\n"
                               "umbra_analyst_pairs 3\numbra_latency_delta_seconds_sum 1\n";
    static const char bad[] =
        "umbra_requests_total{code=\"200\"} 1\n# TYPE umbra_requests_total gauge\numbra_analyst_up 1\n"
        "umbra_verdictx 1\numbra_verdict\n\n# EOF\numbra_verdict{a=\"\1\"} 1\numbra_pairs_total 1";
    struct strbuf page = STRBUF_INIT, text = STRBUF_INIT;
    strbuf_add(&text, str_from_c(good));
    strbuf_add(&text, str_from_c(bad));
    metrics_add_analyst(&page, strbuf_str(&text));
    assert_string_equal(page.ptr, good);
    strbuf_deinit(&page);
    strbuf_deinit(&text);
}

static void test_a_mirror_without_requests_has_few_series(void **state)
{
    (void)state;
    struct registry *registry = fixture_registry();
    struct metrics_cursor cursor = {0};
    struct strbuf page = STRBUF_INIT;
    registry_mirror(registry, STR("default/quiet#0"), SHADOW);
    while (metrics_next(&(struct metrics_from){registry, &some_process, NULL}, &cursor, 64 << 10, &page)) {
    }
    assert_has(&page, "umbra_mirror_matched_total{route=\"default/quiet#0\",mirror=\"127.0.0.1:3001\"} 0\n");
    assert_lacks(&page, "umbra_mirror_dropped_total{");
    assert_lacks(&page, "umbra_mirror_duration_seconds_count{");
    strbuf_deinit(&page);
    registry_close(registry);
}

static void test_thousands_of_series_are_made_in_small_pieces(void **state)
{
    (void)state;
    struct registry *registry = fixture_registry();
    for (int i = 0; i < 2000; i++) {
        char label[32];
        int len = snprintf(label, sizeof(label), "default/route-%d#0", i);
        struct registry_mirror *mirror = registry_mirror(registry, (struct str){label, (size_t)len}, SHADOW);
        counter_add(&mirror->matched, 1);
        registry_duration_add(&mirror->duration, 1000000);
    }
    struct metrics_cursor cursor = {0};
    struct strbuf page = STRBUF_INIT;
    size_t total = 0, largest = 0;
    bool has_more;
    do {
        strbuf_clear(&page);
        has_more = metrics_next(&(struct metrics_from){registry, &some_process, NULL}, &cursor, 64 << 10, &page);
        total += page.len;
        largest = page.len > largest ? page.len : largest;
    } while (has_more);
    assert_true(total > 2000 * 30 * 60);
    assert_true(largest < 80 << 10);
    strbuf_deinit(&page);
    registry_close(registry);
}

static void test_promtool_has_nothing_to_say(void **state)
{
    (void)state;
    if (system("command -v promtool >/dev/null 2>&1") != 0) {
        print_message("skipped: promtool (Debian package prometheus) is not installed\n");
        skip();
    }
    struct registry *registry = busy_registry();
    struct strbuf page = STRBUF_INIT;
    whole_page(registry, 1 << 20, &page);
    char path[] = "/tmp/umbra-promtool-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    char command[128];
    snprintf(command, sizeof(command), "promtool check metrics >%s 2>&1", path);
    FILE *promtool = popen(command, "w");
    assert_non_null(promtool);
    assert_int_equal(fwrite(page.ptr, 1, page.len, promtool), page.len);
    int status = pclose(promtool);
    char said[2048] = "";
    ssize_t len = pread(fd, said, sizeof(said) - 1, 0);
    close(fd);
    unlink(path);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || len != 0)
        fail_msg("promtool ended with %d and says: %s", status, said);
    strbuf_deinit(&page);
    registry_close(registry);
}

static void test_the_reference_lists_every_family(void **state)
{
    (void)state;
    struct strbuf page = STRBUF_INIT;
    metrics_reference(&page);
    assert_has(&page, "| `umbra_mirror_dropped_total` | counter | route, mirror, reason |");
    assert_has(&page, "`queue_timeout`, `client_abort`, `removed`, `shutdown`.");
    assert_has(&page, "| `process_start_time_seconds` | gauge |");
    strbuf_deinit(&page);
}

static void test_the_own_process_can_be_read(void **state)
{
    (void)state;
    struct process process = process_read();
    assert_true(process.is_known);
    assert_true(process.resident_bytes > 100000);
    assert_true(process.open_fds >= 3);
    assert_true(process.start_time_seconds > 1.6e9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_family_has_its_samples),
        cmocka_unit_test(test_pieces_make_the_same_page),
        cmocka_unit_test(test_labels_are_escaped),
        cmocka_unit_test(test_an_unreadable_proc_leaves_the_process_out),
        cmocka_unit_test(test_lost_records_and_the_analyst_are_told),
        cmocka_unit_test(test_the_analyst_can_only_say_what_is_its),
        cmocka_unit_test(test_a_mirror_without_requests_has_few_series),
        cmocka_unit_test(test_thousands_of_series_are_made_in_small_pieces),
        cmocka_unit_test(test_the_reference_lists_every_family),
        cmocka_unit_test(test_the_own_process_can_be_read),
        cmocka_unit_test(test_promtool_has_nothing_to_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
