/* SPDX-License-Identifier: Apache-2.0 */
/* What rules in written order put into a plan, and what of it is checked. */
#include "base/mem.h"
#include "plan/build.h"
#include "plan/check.h"
#include "plan/flat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

/* One listener for all hosts, and one rule in written order with one of each. */
struct sample {
    struct rule_set rules;
    struct address socket;
    struct rule_listener listener;
    struct rule_binding binding;
    struct rule_route route;
    struct rule_condition conditions[4];
    struct rule_match matches[4];
    struct rule_origin origins[2];
    struct rule_rewrite rewrite;
    struct rule_redirect redirect;
    struct rule_cors cors;
    struct rule_answer answer;
};

static void init_actions(struct sample *sample)
{
    sample->origins[0] = (struct rule_origin){TEST_PREFIX, STR("https://a")};
    sample->origins[1] = (struct rule_origin){TEST_REGEX, STR("https://b[0-9]")};
    sample->cors = (struct rule_cors){
        .origin_tests = sample->origins, .origin_test_count = 2, .passes_preflights = true, .max_age_s = 7};
    sample->rewrite = (struct rule_rewrite){
        .hostname = STR("x.test:81"), .path_kind = REWRITE_REGEX, .path = STR("/\\1"), .pattern = STR("b[0-9]")};
    sample->redirect = (struct rule_redirect){.path_kind = REWRITE_MATCHED,
                                              .path = STR("/r"),
                                              .status = 308,
                                              .port_kind = REDIRECT_PORT_OF_LISTENER,
                                              .query = STR("q=1")};
    sample->answer = (struct rule_answer){.status = 503, .body = STR("closed")};
    sample->route.actions = (struct rule_actions){
        .rewrite = &sample->rewrite, .redirect = &sample->redirect, .cors = &sample->cors, .answer = &sample->answer};
}

static void sample_init(struct sample *sample)
{
    *sample = (struct sample){
        .listener = {.label = STR("default/gw/all"), .port = 80},
        .conditions = {{.kind = CONDITION_HEADER, .name = STR("X-Is"), .value = STR("1")},
                       {.kind = CONDITION_HEADER,
                        .name = STR("x-not"),
                        .value = STR("b[0-9]"),
                        .test = TEST_REGEX,
                        .is_negated = true},
                       {.kind = CONDITION_PEER, .value = STR("app=web")},
                       {.kind = CONDITION_QUERY, .name = STR("q"), .value = STR("ab"), .test = TEST_PREFIX}},
        .matches = {{.path_kind = PATH_MATCH_STRING, .path = STR("/shop/ca"), .order = 1},
                    {.path_kind = PATH_MATCH_STRING, .path = STR("/shop/"), .condition_count = 4},
                    {.path_kind = PATH_MATCH_EXACT, .path = STR("/Shop"), .ignores_case = true},
                    {.path_kind = PATH_MATCH_STRING, .path = STR("/shop/it")}},
    };
    assert_true(address_parse(STR("127.0.0.1:8080"), &sample->socket));
    sample->matches[1].conditions = sample->conditions;
    sample->route = (struct rule_route){.label = STR("virtualservice/default/shop#0"),
                                        .bindings = &sample->binding,
                                        .binding_count = 1,
                                        .matches = sample->matches,
                                        .match_count = 4,
                                        .is_in_written_order = true,
                                        .retry_on = RETRY_CONNECT | RETRY_STATUS,
                                        .retry_grpc = 1 << 14};
    init_actions(sample);
    sample->rules = (struct rule_set){.generation = 1,
                                      .sockets = &sample->socket,
                                      .socket_count = 1,
                                      .listeners = &sample->listener,
                                      .listener_count = 1,
                                      .routes = &sample->route,
                                      .route_count = 1};
}

/* A copy that may be changed. */
static struct plan *build(size_t *len)
{
    struct sample sample;
    struct err err;
    sample_init(&sample);
    int fd = plan_build(&sample.rules, &err);
    if (fd < 0)
        fail_msg("%s", err.text);
    *len = (size_t)lseek(fd, 0, SEEK_END);
    struct plan *plan = mem_alloc_raw(*len);
    assert_int_equal(pread(fd, plan, *len, 0), *len);
    close(fd);
    return plan;
}

static void assert_text(const struct plan *plan, struct plan_str text, const char *want)
{
    struct str s = plan_text(plan, text);
    if (!str_eq(s, str_from_c(want)))
        fail_msg("\"%.*s\" is not \"%s\"", STR_ARG(s), want);
}

static void test_matches_stand_in_the_order_that_is_written(void **state)
{
    (void)state;
    size_t len;
    struct plan *plan = build(&len);
    assert_int_equal(plan->matches.count, 4);
    assert_text(plan, PLAN_MATCH(plan, 0)->prefix, "/shop/");
    assert_int_equal(PLAN_MATCH(plan, 0)->conditions.count, 4);
    assert_text(plan, PLAN_MATCH(plan, 1)->prefix, ""); /* the exact path */
    assert_text(plan, PLAN_MATCH(plan, 2)->prefix, "/shop/it");
    assert_text(plan, PLAN_MATCH(plan, 3)->prefix, "/shop/ca"); /* order 1 */
    mem_free(plan);
}

static void test_the_tree_of_written_order_hangs_at_the_root(void **state)
{
    (void)state;
    size_t len;
    struct plan *plan = build(&len);
    const struct plan_node *root = PLAN_NODE(plan, PLAN_LISTENER(plan, 0)->hosts.any);
    const struct plan_branch *branch = PLAN_BRANCH(plan, root->branch - 1), *tails = branch;
    assert_int_equal(plan->branches.count, 2);
    assert_int_equal(root->has_children, 0);
    assert_int_equal(root->prefixes.count, 0);
    assert_int_not_equal(branch->ordered, PLAN_NONE);
    assert_int_not_equal(branch->folded, PLAN_NONE);
    while (tails->tails.count == 0)
        tails++;
    assert_int_equal(tails->path_len, strlen("/shop"));
    assert_int_equal(tails->tails.count, 2);
    assert_int_equal(PLAN_LENGTH(plan, tails->tails.first), 0);
    assert_int_equal(PLAN_LENGTH(plan, tails->tails.first + 1), 2); /* of "ca" and of "it" */
    assert_int_equal(plan->lengths.count, 2);
    mem_free(plan);
}

static void test_conditions_say_what_they_test(void **state)
{
    (void)state;
    size_t len;
    struct plan *plan = build(&len);
    const struct plan_condition *condition = PLAN_CONDITION(plan, PLAN_MATCH(plan, 0)->conditions.first);
    assert_text(plan, condition[0].name, "x-is");
    assert_int_equal(condition[0].test, TEST_EXACT);
    assert_text(plan, condition[1].name, "x-not");
    assert_int_equal(condition[1].is_negated, 1);
    assert_text(plan, PLAN_REGEX(plan, condition[1].index)->pattern, "b[0-9]");
    assert_int_equal(PLAN_REGEX(plan, condition[1].index)->is_search, 0);
    assert_int_equal(condition[2].kind, CONDITION_QUERY);
    assert_int_equal(condition[2].test, TEST_PREFIX);
    assert_text(plan, condition[2].value, "ab");
    assert_int_equal(condition[3].kind, CONDITION_PEER);
    assert_int_equal(plan->peer_sets.count, 1);
    assert_text(plan, PLAN_PEER_SET(plan, condition[3].index), "app=web");
    mem_free(plan);
}

static void test_actions_are_what_the_rules_say(void **state)
{
    (void)state;
    size_t len;
    struct plan *plan = build(&len);
    const struct plan_route *route = PLAN_ROUTE(plan, 0);
    const struct plan_rewrite *rewrite = PLAN_REWRITE(plan, route->actions.rewrite);
    const struct plan_redirect *redirect = PLAN_REDIRECT(plan, route->actions.redirect);
    const struct plan_cors *cors = PLAN_CORS(plan, route->actions.cors);
    const struct plan_answer *answer = PLAN_ANSWER(plan, route->actions.answer);
    assert_int_equal(rewrite->path_kind, REWRITE_REGEX);
    assert_text(plan, rewrite->path, "/\\1");
    assert_int_equal(PLAN_REGEX(plan, rewrite->regex)->is_search, 1);
    assert_int_equal(redirect->port_kind, REDIRECT_PORT_OF_LISTENER);
    assert_text(plan, redirect->query, "q=1");
    assert_int_equal(cors->passes_preflights, 1);
    assert_int_equal(cors->origin_tests.count, 2);
    assert_int_equal(PLAN_CONDITION(plan, cors->origin_tests.first)->kind, CONDITION_ORIGIN);
    assert_text(plan, PLAN_CONDITION(plan, cors->origin_tests.first)->value, "https://a");
    assert_int_equal(answer->status, 503);
    assert_text(plan, answer->body, "closed");
    assert_int_equal(route->retry_on, RETRY_CONNECT | RETRY_STATUS);
    assert_int_equal(route->retry_grpc, 1 << 14);
    assert_int_equal(plan->regexes.count, 3); /* "b[0-9]" once whole, once searching */
    mem_free(plan);
}

static void test_without_words_every_failure_is_retried(void **state)
{
    (void)state;
    struct sample sample;
    struct err err;
    sample_init(&sample);
    sample.route.retry_on = 0;
    int fd = plan_build(&sample.rules, &err);
    const struct plan *plan = plan_map(fd, &err);
    close(fd);
    assert_non_null(plan);
    assert_int_equal(PLAN_ROUTE(plan, 0)->retry_on, RETRY_ALL);
    plan_unmap(plan);
}

static void assert_refused(const struct sample *sample, const char *reason)
{
    struct err err = {{0}};
    assert_int_equal(plan_build(&sample->rules, &err), -1);
    if (!strstr(err.text, reason))
        fail_msg("\"%s\" does not say \"%s\"", err.text, reason);
}

static void test_actions_that_can_not_be_are_refused(void **state)
{
    (void)state;
    struct sample sample;
    sample_init(&sample);
    sample.answer.status = 199;
    assert_refused(&sample, "an answer with the status 199");
    sample_init(&sample);
    sample.answer.body.len = RULE_MAX_ANSWER + 1; /* never read */
    assert_refused(&sample, "an answer of 262145 bytes");
    sample_init(&sample);
    sample.redirect.path_kind = REWRITE_REGEX;
    assert_refused(&sample, "a redirect whose path is made by a regular expression");
    sample_init(&sample);
    sample.route.retry_on = RETRY_ALL + 1;
    assert_refused(&sample, "16 is no set of reasons");
}

static void test_a_percent_is_exact_to_the_millionth(void **state)
{
    (void)state;
    static const struct {
        double percent;
        uint32_t numerator;
    } cases[] = {{0.1, 1000},        {33.3, 333000},   {0.0001, 1}, {0.00001, 0},          {100, 1000000},
                 {100.1, 1000000},   {0, 0},           {-1, 0},     {50, 500000},          {99.9999, 999999},
                 {12.34567, 123457}, {1e300, 1000000}, {-1e300, 0}, {__builtin_nan(""), 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rule_mirror mirror;
        rule_mirror_init(&mirror);
        rule_mirror_set_percent(&mirror, cases[i].percent);
        assert_int_equal(mirror.denominator, 1000000);
        if (mirror.numerator != cases[i].numerator)
            fail_msg("%g %% is %u of a million, not %u", cases[i].percent, mirror.numerator, cases[i].numerator);
    }
}

/* ---- damage ---- */

#define PART(plan, array, type) ((struct type *)((char *)(plan) + (plan)->array.off))
#define DAMAGE(name, change) \
    static void name(struct plan *plan) \
    { \
        struct plan_branch *branch = PART(plan, branches, plan_branch); \
        struct plan_node *node = PART(plan, nodes, plan_node); \
        struct plan_route *route = PART(plan, routes, plan_route); \
        struct plan_rewrite *rewrite = PART(plan, rewrites, plan_rewrite); \
        struct plan_redirect *redirect = PART(plan, redirects, plan_redirect); \
        struct plan_cors *cors = PART(plan, cors, plan_cors); \
        struct plan_answer *answer = PART(plan, answers, plan_answer); \
        struct plan_condition *peer = PART(plan, conditions, plan_condition); \
        while (peer->kind != CONDITION_PEER) \
            peer++; \
        (void)branch, (void)node, (void)route, (void)rewrite, (void)redirect, (void)cors, (void)answer; \
        change; \
    }

DAMAGE(branch_of_no_such_number, node[0].branch = plan->branches.count + 1)
DAMAGE(branch_of_another_node, node[1].branch = node[0].branch)
DAMAGE(branch_to_no_root, branch->ordered = plan->nodes.count - 1)
DAMAGE(branch_to_nowhere, branch->folded = plan->nodes.count)
DAMAGE(tails_over_the_end, branch[1].tails.count++)
DAMAGE(tails_shared, branch[0].tails = branch[1].tails)
DAMAGE(peers_of_no_such_set, peer->index = 1)
DAMAGE(peers_by_regex, peer->test = TEST_REGEX)
DAMAGE(condition_of_no_test, peer[-1].test = TEST_PRESENT + 1)
DAMAGE(condition_half_negated, peer->is_negated = 2)
DAMAGE(condition_that_searches, peer[-2].index = rewrite->regex)
DAMAGE(peer_set_outside, PART(plan, peer_sets, plan_str)->off = 0)
DAMAGE(regex_that_searches_a_bit, PART(plan, regexes, plan_regex)->is_search = 2)
DAMAGE(rewrite_that_matches_the_whole, PART(plan, regexes, plan_regex)[rewrite->regex].is_search = 0)
DAMAGE(rewrite_of_no_such_regex, rewrite->regex = plan->regexes.count)
DAMAGE(redirect_by_regex, redirect->path_kind = REWRITE_REGEX)
DAMAGE(redirect_of_no_such_port, redirect->port_kind = REDIRECT_PORT_OF_LISTENER + 1)
DAMAGE(redirect_query_outside, redirect->query.off = 0)
DAMAGE(cors_half_passing, cors->passes_preflights = 2)
DAMAGE(cors_origins_over_the_end, cors->origin_tests.count = plan->conditions.count)
DAMAGE(cors_with_other_conditions, cors->origin_tests.first++)
DAMAGE(answer_of_no_status, answer->status = 600)
DAMAGE(answer_outside, answer->body.off = 0)
DAMAGE(route_with_no_such_answer, route->actions.answer = plan->answers.count)
DAMAGE(route_that_retries_on_more, route->retry_on = RETRY_ALL + 1)

static const struct {
    void (*damage)(struct plan *plan);
    const char *reason;
} damages[] = {
    {branch_of_no_such_number, "branch of node 0"},
    {branch_of_another_node, "branch of node 1"},
    {branch_to_no_root, "branch 0 leads to a node that is no root"},
    {branch_to_nowhere, "branch 0 leads to a node that is no root"},
    {tails_over_the_end, "tails of branch 1"},
    {tails_shared, "tails of branch 1"},
    {peers_of_no_such_set, "condition "},
    {peers_by_regex, "condition "},
    {condition_of_no_test, "condition "},
    {condition_half_negated, "condition "},
    {condition_that_searches, "condition "},
    {peer_set_outside, "peer set 0"},
    {regex_that_searches_a_bit, "regular expression 0"},
    {rewrite_that_matches_the_whole, "rewrite 0 searches for nothing"},
    {rewrite_of_no_such_regex, "rewrite 0 searches for nothing"},
    {redirect_by_regex, "redirect 0 is none"},
    {redirect_of_no_such_port, "redirect 0 is none"},
    {redirect_query_outside, "redirect 0 is none"},
    {cors_half_passing, "CORS setting 0"},
    {cors_origins_over_the_end, "CORS setting 0"},
    {cors_with_other_conditions, "CORS setting 0"},
    {answer_of_no_status, "answer 0 is none"},
    {answer_outside, "answer 0 is none"},
    {route_with_no_such_answer, "actions of route 0"},
    {route_that_retries_on_more, "unknown reason to retry"},
};

static void test_every_wrong_field_is_refused_with_a_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        size_t len;
        struct err err = {{0}};
        struct plan *plan = build(&len);
        damages[i].damage(plan);
        plan->checksum = flat_checksum(plan, len);
        if (plan_check(plan, len, &err))
            fail_msg("nothing says \"%s\"", damages[i].reason);
        if (!strstr(err.text, damages[i].reason))
            fail_msg("\"%s\" does not say \"%s\"", err.text, damages[i].reason);
        mem_free(plan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matches_stand_in_the_order_that_is_written),
        cmocka_unit_test(test_the_tree_of_written_order_hangs_at_the_root),
        cmocka_unit_test(test_conditions_say_what_they_test),
        cmocka_unit_test(test_actions_are_what_the_rules_say),
        cmocka_unit_test(test_without_words_every_failure_is_retried),
        cmocka_unit_test(test_actions_that_can_not_be_are_refused),
        cmocka_unit_test(test_a_percent_is_exact_to_the_millionth),
        cmocka_unit_test(test_every_wrong_field_is_refused_with_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
