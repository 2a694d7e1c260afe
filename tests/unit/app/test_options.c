/* SPDX-License-Identifier: Apache-2.0 */
#include "app/options.h"

#include "app/option_values.h"
#include "plan/layout.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MAX_WORDS 64
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Splits at blanks, as a shell would. */
static enum options_result parse(const char *command, const char *line, struct options *options, struct err *err)
{
    char text[1024];
    char *argv[MAX_WORDS] = {text};
    int argc = 0;
    snprintf(text, sizeof(text), "%s %s", command, line);
    for (char *at = text; *at;) {
        assert_in_range(argc, 0, MAX_WORDS - 1);
        argv[argc++] = at;
        at += strcspn(at, " ");
        while (*at == ' ')
            *at++ = '\0';
    }
    err->text[0] = '\0';
    return options_parse(command_find(str_from_c(command)), argc, argv, options, err);
}

#define RUN "--listen 127.0.0.1:8080 --live 127.0.0.1:3000 "

static void parse_run(const char *more, struct options *options)
{
    char line[1024];
    struct err err;
    snprintf(line, sizeof(line), RUN "%s", more);
    enum options_result result = parse("run", line, options, &err);
    if (result != OPTIONS_OK)
        fail_msg("%s: %s", line, err.text);
}

static void test_defaults_are_those_of_the_design(void **state)
{
    (void)state;
    struct options options;
    parse_run("", &options);
    const struct settings *settings = &options.settings;
    char text[ADDRESS_TEXT];
    assert_string_equal(address_format(&settings->admin, text).ptr, "127.0.0.1:9900");
    assert_int_equal(settings->drain_ms, 30000);
    assert_int_equal(settings->drain_delay_ms, 0);
    assert_int_equal(settings->mirror_budget, 64 << 20);
    assert_int_equal(settings->sampling, SAMPLING_EVEN);
    assert_int_equal(settings->log_format, LOG_TEXT);
    assert_int_equal(settings->log_level, LOG_INFO);
    assert_true(settings->is_shedding && settings->is_sandboxed && settings->is_comparing);
    assert_false(settings->has_control);
    assert_true(settings->workers >= 1);
    assert_int_equal(settings->sample_ttl_ms, 72ull * 3600 * 1000);
    assert_int_equal(settings->analyst_memory, 256 << 20);
    assert_string_equal(settings->data, "");
    assert_false(options.has_data);
    assert_int_equal(settings->max_connections, 0);
    assert_false(settings->is_mirroring_writes || settings->is_safe_methods || settings->is_access_log);
    assert_false(options.is_replace || options.settings.has_marker_key_file);
}

static void test_all_options_of_run_reach_the_settings(void **state)
{
    (void)state;
    struct options options;
    parse_run(
        "--shadow shop-v2:80=20 --shadow=[::1]:3001=33.3333 --shadow unix:/run/v3.sock --sampling hash "
        "--sampling-key header:x-user-id --mirror-writes --safe-methods --admin [::1]:9901 --admin-host a.example "
        "--trusted-proxies 10.0.0.0/8,fd00::/8 --drain 1m30s --drain-delay=500ms --max-connections 100 "
        "--workers 4 --mirror-budget 1Gi --log-format json --log-level debug --access-log --shed off --sandbox off "
        "--replace --control twin:81 --compare off --data /var/lib/umbra --sample-ttl 1h30m --analyst-memory 512Mi",
        &options);
    const struct settings *settings = &options.settings;
    assert_int_equal(settings->shadow_count, 3);
    assert_string_equal(settings->shadows[0].host, "shop-v2");
    assert_int_equal(settings->shadows[0].port, 80);
    assert_int_equal(settings->shadows[0].numerator * 100 / settings->shadows[0].denominator, 20);
    assert_string_equal(settings->shadows[1].host, "::1");
    assert_int_equal(settings->shadows[1].numerator, 333333);
    assert_int_equal(settings->shadows[1].denominator, 1000000);
    assert_string_equal(settings->shadows[2].host, "unix:/run/v3.sock");
    assert_int_equal(settings->shadows[2].numerator, settings->shadows[2].denominator);
    assert_int_equal(settings->sampling, SAMPLING_HASH);
    assert_int_equal(settings->key, KEY_HEADER);
    assert_string_equal(settings->key_name, "x-user-id");
    assert_true(settings->is_mirroring_writes && settings->is_safe_methods && settings->is_access_log);
    assert_int_equal(settings->admin.family, ADDRESS_IPV6);
    assert_string_equal(settings->admin_hosts[0], "a.example");
    assert_int_equal(settings->trusted_proxy_count, 2);
    assert_int_equal(settings->drain_ms, 90000);
    assert_int_equal(settings->drain_delay_ms, 500);
    assert_int_equal(settings->max_connections, 100);
    assert_int_equal(settings->workers, 4);
    assert_int_equal(settings->mirror_budget, 1 << 30);
    assert_int_equal(settings->log_format, LOG_JSON);
    assert_int_equal(settings->log_level, LOG_DEBUG);
    assert_false(settings->is_shedding || settings->is_sandboxed || settings->is_comparing);
    assert_true(settings->has_control);
    assert_string_equal(settings->control.host, "twin");
    assert_int_equal(settings->control.port, 81);
    assert_true(options.is_replace);
    assert_string_equal(settings->data, "/var/lib/umbra");
    assert_int_equal(settings->sample_ttl_ms, 5400000);
    assert_int_equal(settings->analyst_memory, 512 << 20);
}

static void test_files_are_kept_in_their_order(void **state)
{
    (void)state;
    struct options options;
    struct err err;
    assert_int_equal(parse("run", "-f b.yaml --file rules/ -f=- --bind 127.0.0.1 --port-offset 8000", &options, &err),
                     OPTIONS_OK);
    static const char paths[] = "b.yaml\0rules/\0-";
    assert_int_equal(options.settings.file_count, 3);
    assert_memory_equal(options.settings.files, paths, sizeof(paths));
    assert_int_equal(options.settings.port_offset, 8000);
    assert_int_equal(options.settings.bind.family, ADDRESS_IPV4);
}

static void test_targets_are_formatted_as_they_were_given(void **state)
{
    (void)state;
    static const char *const targets[] = {"shop-v2:80", "127.0.0.1:3000", "[::1]:80", "unix:/run/shop.sock"};
    for (size_t i = 0; i < COUNT(targets); i++) {
        struct settings_target target = {0};
        struct err err;
        char text[TARGET_TEXT];
        assert_true(target_parse(str_from_c(targets[i]), &target, &err));
        assert_string_equal(target_format(&target, text).ptr, targets[i]);
    }
}

static void test_localhost_is_a_listening_address(void **state)
{
    (void)state;
    struct options options;
    struct err err;
    char text[ADDRESS_TEXT];
    assert_int_equal(parse("run", "--listen localhost:80 --live a:1", &options, &err), OPTIONS_OK);
    assert_string_equal(address_format(&options.settings.listen, text).ptr, "127.0.0.1:80");
}

/* Each sentence says what is wrong and how to mend it. */
static void test_errors_name_the_option_and_the_remedy(void **state)
{
    (void)state;
    static const struct {
        const char *line, *sentence;
    } cases[] = {
        {"",
         "nothing to serve: give rules with -f FILE_OR_DIR, or begin without a file: --listen 127.0.0.1:8080 --live "
         "127.0.0.1:3000 --shadow 127.0.0.1:3001"},
        {"-f a.yaml --live a:1",
         "-f and --live exclude each other: either all rules come from files, or the quick start's "
         "options say them; leave one of both out"},
        {"--file a.yaml --mirror-writes", "-f and --mirror-writes exclude each other: either all rules come from "
                                          "files, or the quick start's options say "
                                          "them; leave one of both out"},
        {RUN "--port-offset 8000", "--port-offset needs -f: with --listen the address is given whole"},
        {RUN "--bind ::1", "--bind needs -f: with --listen the address is given whole"},
        {"-f a.yaml --bind 10.0.0.0/8", "--bind 10.0.0.0/8: write an IP of this machine without a port, for instance "
                                        "127.0.0.1 or ::1"},
        {"-f a.yaml --port-offset x", "--port-offset x: write a number from 0 to 65534"},
        {"-f", "--file needs a value: --file FILE_OR_DIR"},
        {"--live a:1", "--listen is missing: where are requests taken? For instance --listen 127.0.0.1:8080"},
        {"--listen 127.0.0.1:1", "--live is missing: which service answers? For instance --live 127.0.0.1:3000"},
        {"--lisen", "unknown option --lisen; did you mean --listen?"},
        {"--shaodw=a:1", "unknown option --shaodw; did you mean --shadow?"},
        {"--mirror-write", "unknown option --mirror-write; did you mean --mirror-writes?"},
        {"--xyzzy", "unknown option --xyzzy"},
        {"--count 1", "--count is an option of `umbra top`, not of `umbra run`"},
        {RUN "word", "`umbra run` does not expect the word \"word\"; rules in a file are given with -f word"},
        {RUN "-- --word", "`umbra run` does not expect the word \"--word\"; rules in a file are given with -f --word"},
        {"--listen", "--listen needs a value: --listen HOST:PORT"},
        {RUN "--live b:2", "--live is given twice; leave one out"},
        {"--replace=yes", "--replace takes no value; write it alone"},
        {"--listen 127.0.0.1", "--listen 127.0.0.1: no port; write HOST:PORT, for instance 127.0.0.1:8080"},
        {"--listen :80", "--listen :80: no host; write 0.0.0.0:80 for all IPv4 addresses or [::]:80 for all"},
        {"--listen http://127.0.0.1:80", "--listen http://127.0.0.1:80: write HOST:PORT alone, without a scheme"},
        {"--listen shop:80",
         "--listen shop:80: not an address of this machine; write IP:PORT ([::1]:8080 for IPv6) with "
         "a port of 0 to 65535"},
        {"--listen localhost:655350", "--listen localhost:655350: not an address of this machine; write IP:PORT "
                                      "([::1]:8080 for IPv6) with a port of 0 to 65535"},
        {"--listen unix:", "--listen unix:: a Unix path has 1 to 107 bytes"},
        {"--live http://a:80", "--live http://a:80: write HOST:PORT alone, without a scheme"},
        {"--live a", "--live a: no port; write HOST:PORT, for instance a:80"},
        {"--live :80", "--live :80: no host; write HOST:PORT, for instance 127.0.0.1:3000"},
        {"--live ::1:80", "--live ::1:80: write an IPv6 address in brackets: [::1]:80"},
        {"--live [::1]", "--live [::1]: write an IPv6 address as [::1]:80"},
        {"--live [x]:80", "--live [x]:80: \"x\" is no IPv6 address"},
        {"--live a/b:80", "--live a/b:80: \"a/b\" is no host name; write HOST:PORT alone, for instance 127.0.0.1:3000"},
        {"--live a:0", "--live a:0: port \"0\" is no number from 1 to 65535"},
        {"--live a:http", "--live a:http: port \"http\" is no number from 1 to 65535"},
        {"--live unix:", "--live unix:: a Unix path has 1 to 107 bytes"},
        {"--shadow a:1=", "--shadow a:1=: \"\" is no percentage; write HOST:PORT=20 or HOST:PORT=0.5"},
        {"--shadow a:1=x", "--shadow a:1=x: \"x\" is no percentage; write HOST:PORT=20 or HOST:PORT=0.5"},
        {"--shadow a:1=1.", "--shadow a:1=1.: \"1.\" is no percentage; write HOST:PORT=20 or HOST:PORT=0.5"},
        {"--shadow a:1=100.1", "--shadow a:1=100.1: 100.1 is more than 100 percent"},
        {"--shadow a:1=101", "--shadow a:1=101: 101 is more than 100 percent"},
        {"--shadow a:1=0.12345", "--shadow a:1=0.12345: a percentage has at most 4 decimals"},
        {"--sampling some", "--sampling some: write even, random or hash"},
        {"--sampling-key header:",
         "--sampling-key header:: write header:NAME, cookie:NAME, query:NAME, clientIP or traceID"},
        {"--sampling-key user", "--sampling-key user: write header:NAME, cookie:NAME, query:NAME, clientIP or traceID"},
        {RUN "--sampling hash", "--sampling hash needs --sampling-key, for instance --sampling-key header:x-user-id"},
        {RUN "--sampling-key clientIP", "--sampling-key needs --sampling hash"},
        {"--trusted-proxies 10.0.0.0/8,x", "--trusted-proxies 10.0.0.0/8,x: \"x\" is no network; write 10.0.0.0/8, "
                                           "fd00::/8 or a single IP, separated by commas"},
        {"--admin unix:/x", "--admin unix:/x: the admin port is TCP; write 127.0.0.1:9900"},
        {RUN "--admin 0.0.0.0:9900", "--admin is not a loopback address, so it needs --admin-token-file FILE with a "
                                     "secret that clients must show; or use 127.0.0.1"},
        {RUN "--admin 127.0.0.1:8080", "--listen and --admin are the same address; give one of them another port"},
        {"--admin-host a:80", "--admin-host a:80: write the host name alone, without scheme and port, for instance "
                              "umbra.example.org"},
        {"--admin-token-file /nonexistent/token",
         "--admin-token-file /nonexistent/token: there is no such file, and it "
         "can't be made: No such file or directory"},
        {"--marker-key-file /dev/null",
         "--marker-key-file /dev/null: holds 0 bytes; a key has at least 16, for instance "
         "from `openssl rand -hex 32`"},
        {"--admin-token-file /dev/null", "--admin-token-file /dev/null: the file is empty; put a secret into it, for "
                                         "instance with `openssl rand -hex 32`"},
        {"--admin-token-file /dev/zero", "--admin-token-file /dev/zero: larger than 255 bytes"},
        {"--drain 30", "--drain 30: not a time; write 30s, 500ms, 2m or 1m30s"},
        {"--drain 25h", "--drain 25h: longer than 24h"},
        {"--drain-delay soon", "--drain-delay soon: not a time; write 30s, 500ms, 2m or 1m30s"},
        {"--workers 0", "--workers 0: write a number from 1 to 256"},
        {"--workers 257", "--workers 257: write a number from 1 to 256"},
        {"--max-connections -1", "--max-connections -1: write a number from 1 to 16777216"},
        {"--mirror-budget 64MB", "--mirror-budget 64MB: not a size; write 64Mi, 1Gi or a number of bytes"},
        {"--mirror-budget 1", "--mirror-budget 1: write a size from 256Ki to 4Ti"},
        {"--shed on", "--shed on: write off or auto"},
        {"--log-format xml", "--log-format xml: write text or json"},
        {"--log-level loud", "--log-level loud: write debug, info, warn or error"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct options options;
        struct err err;
        assert_int_equal(parse("run", cases[i].line, &options, &err), OPTIONS_USAGE);
        assert_string_equal(err.text, cases[i].sentence);
    }
}

static void test_a_control_belongs_to_a_shadow(void **state)
{
    (void)state;
    struct options options;
    struct err err;
    assert_int_equal(parse("run", RUN "--control a:1", &options, &err), OPTIONS_USAGE);
    assert_string_equal(err.text, "--control needs --shadow: it shows which differences between live and a shadow are "
                                  "only noise; for instance --shadow 127.0.0.1:3001");
    assert_int_equal(parse("run", RUN "--shadow b:1 --control a:1 --control a:2", &options, &err), OPTIONS_USAGE);
    assert_string_equal(err.text, "--control is given twice; leave one out");
    assert_int_equal(parse("run", "-f a.yaml --control a:1", &options, &err), OPTIONS_USAGE);
    assert_non_null(strstr(err.text, "-f and --control exclude each other"));
    assert_int_equal(parse("run", RUN "--compare on", &options, &err), OPTIONS_USAGE);
    assert_string_equal(err.text, "--compare on: write off or auto");
}

static void test_help_wins_over_what_is_missing(void **state)
{
    (void)state;
    struct options options;
    struct err err;
    assert_int_equal(parse("run", "--help", &options, &err), OPTIONS_HELP);
    assert_int_equal(parse("run", "--listen 127.0.0.1:1 -h", &options, &err), OPTIONS_HELP);
}

static void write_file(char *path, const char *text)
{
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void test_token_file_opens_the_admin_port_to_others(void **state)
{
    (void)state;
    char path[] = "/tmp/umbra-test-XXXXXX", line[128];
    write_file(path, "secret-token\n");
    snprintf(line, sizeof(line), "--admin 0.0.0.0:9900 --admin-token-file %s", path);
    struct options options;
    parse_run(line, &options);
    assert_string_equal(options.settings.admin_token, "secret-token");
    unlink(path);
}

static void test_token_file_is_made_once_and_for_this_user_alone(void **state)
{
    (void)state;
    char dir[] = "/tmp/umbra-test-XXXXXX", line[128], path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/token", dir);
    snprintf(line, sizeof(line), "--admin 0.0.0.0:9900 --admin-token-file %s", path);
    struct options first, second;
    mode_t before = umask(0);
    parse_run(line, &first);
    umask(before);
    parse_run(line, &second);
    struct stat found;
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 07777, 0600);
    assert_int_equal(strlen(first.settings.admin_token), 64);
    assert_int_equal(strspn(first.settings.admin_token, "0123456789abcdef"), 64);
    assert_string_equal(first.settings.admin_token, second.settings.admin_token);
    assert_true(first.is_token_made);
    assert_false(second.is_token_made);
    unlink(path);
    assert_int_equal(rmdir(dir), 0); /* nothing else was left there */
}

static void test_clients_make_no_token_file(void **state)
{
    (void)state;
    struct options options;
    struct err err;
    assert_int_equal(parse("status", "--admin-token-file /tmp/umbra-no-such-token", &options, &err), OPTIONS_USAGE);
    assert_string_equal(err.text,
                        "--admin-token-file /tmp/umbra-no-such-token: can't be opened: No such file or directory");
    assert_int_not_equal(access("/tmp/umbra-no-such-token", F_OK), 0);
}

static void test_marker_key_depends_on_the_file_alone(void **state)
{
    (void)state;
    char path[] = "/tmp/umbra-test-XXXXXX", line[128];
    write_file(path, "0123456789abcdef0123456789abcdef");
    snprintf(line, sizeof(line), "--marker-key-file %s", path);
    struct options first, second;
    parse_run(line, &first);
    parse_run(line, &second);
    unlink(path);
    static const unsigned char none[SETTINGS_MARKER_KEY];
    assert_true(first.settings.has_marker_key_file);
    assert_memory_not_equal(first.settings.marker_key, none, sizeof(none));
    assert_memory_equal(first.settings.marker_key, second.settings.marker_key, sizeof(none));
}

static void test_every_option_is_in_help_and_reference(void **state)
{
    (void)state;
    struct strbuf reference = STRBUF_INIT;
    options_reference(&reference);
    for (size_t c = 0; c < command_count; c++) {
        struct strbuf help = STRBUF_INIT;
        options_help(&help, &commands[c]);
        assert_non_null(strstr(reference.ptr, commands[c].summary));
        for (size_t o = 0; o < option_count; o++) {
            bool is_mine = (option_table[o].commands & commands[c].bit) != 0;
            char name[64];
            const char *word = option_short(&option_table[o]);
            snprintf(name, sizeof(name), "\n  %s%s%s%s", word ? word : "", word ? ", " : "", option_table[o].name,
                     option_table[o].form ? " " : "\n");
            if (is_mine) {
                assert_non_null(strstr(help.ptr, name));
                assert_non_null(strstr(reference.ptr, option_table[o].name));
            }
        }
        strbuf_deinit(&help);
    }
    strbuf_deinit(&reference);
}

static void test_help_lines_fit_the_screen(void **state)
{
    (void)state;
    struct strbuf help = STRBUF_INIT;
    options_help(&help, command_find(STR("run")));
    struct str rest = strbuf_str(&help), line;
    while (str_next(&rest, '\n', &line))
        assert_in_range(line.len, 0, 100);
    strbuf_deinit(&help);
}

static void test_a_misspelt_command_finds_the_near_one(void **state)
{
    (void)state;
    assert_string_equal(command_nearest(STR("rnu")), "run");
    assert_string_equal(command_nearest(STR("vers")), "version");
    assert_null(command_nearest(STR("frobnicate")));
    assert_null(command_nearest(STR("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_are_those_of_the_design),
        cmocka_unit_test(test_all_options_of_run_reach_the_settings),
        cmocka_unit_test(test_targets_are_formatted_as_they_were_given),
        cmocka_unit_test(test_localhost_is_a_listening_address),
        cmocka_unit_test(test_errors_name_the_option_and_the_remedy),
        cmocka_unit_test(test_a_control_belongs_to_a_shadow),
        cmocka_unit_test(test_help_wins_over_what_is_missing),
        cmocka_unit_test(test_token_file_opens_the_admin_port_to_others),
        cmocka_unit_test(test_token_file_is_made_once_and_for_this_user_alone),
        cmocka_unit_test(test_clients_make_no_token_file),
        cmocka_unit_test(test_marker_key_depends_on_the_file_alone),
        cmocka_unit_test(test_files_are_kept_in_their_order),
        cmocka_unit_test(test_every_option_is_in_help_and_reference),
        cmocka_unit_test(test_help_lines_fit_the_screen),
        cmocka_unit_test(test_a_misspelt_command_finds_the_near_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
