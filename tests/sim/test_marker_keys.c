/* SPDX-License-Identifier: Apache-2.0 */
/* A key that is changed while replicas run, in virtual time: whoever signs a copy is known to all. */
#include "base/strbuf.h"
#include "fake_api.h"
#include "kube/marker_secret.h"
#include "twin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <string.h>

#define REPLICAS 3
#define SPREAD_S (MARKER_SPREAD_MS / 1000)
#define KEEP_S (MARKER_KEEP_MS / 1000)

struct play {
    struct loop *loop;
    struct fake_api api;
    struct kube_client clients[REPLICAS];
    struct marker_secret *secrets[REPLICAS];
    unsigned changes;
};

/* 'a' for the key of sixteen letters a, and so on. */
static void hash(char letter, unsigned char out[MARKER_HASH_BYTES])
{
    unsigned char key[MARKER_SECRET_LEAST];
    memset(key, letter, sizeof(key));
    crypto_generichash(out, MARKER_HASH_BYTES, key, sizeof(key), NULL, 0);
}

static void change(struct play *play, char letter)
{
    unsigned char key[MARKER_SECRET_LEAST];
    char text[64];
    struct strbuf json = STRBUF_INIT;
    memset(key, letter, sizeof(key));
    sodium_bin2base64(text, sizeof(text), key, sizeof(key), sodium_base64_VARIANT_ORIGINAL);
    strbuf_printf(&json, "{\"data\":{\"key\":\"%s\"}}", text);
    fake_api_change(&play->api, json.ptr);
    strbuf_deinit(&json);
}

static void on_change(void *user)
{
    ((struct play *)user)->changes++;
}

static void start(struct play *play, unsigned index, const struct marker_keys *in_force)
{
    struct marker_secret_options options = {.loop = play->loop,
                                            .client = &play->clients[index],
                                            .ns = STR("umbra"),
                                            .name = STR("it"),
                                            .on_change = on_change,
                                            .user = play};
    if (in_force)
        options.in_force = *in_force;
    play->secrets[index] = marker_secret_new(&options);
}

/* All have key a. */
static void begin(struct play *play)
{
    struct err err;
    *play = (struct play){0};
    play->loop = loop_new(&err);
    fake_api_init(&play->api);
    for (unsigned i = 0; i < REPLICAS; i++)
        start(play, i, NULL);
    change(play, 'a');
    fake_api_tell(&play->api);
}

static void end(struct play *play)
{
    for (unsigned i = 0; i < REPLICAS; i++)
        marker_secret_free(play->secrets[i]);
    fake_api_deinit(&play->api);
    loop_free(play->loop);
}

static bool knows(const struct marker_keys *keys, const unsigned char *key)
{
    return memcmp(keys->own, key, MARKER_HASH_BYTES) == 0 ||
           (keys->has_other && memcmp(keys->other, key, MARKER_HASH_BYTES) == 0);
}

static bool signs_with(const struct play *play, unsigned index, char letter)
{
    unsigned char key[MARKER_HASH_BYTES];
    hash(letter, key);
    return memcmp(marker_secret_keys(play->secrets[index])->own, key, sizeof(key)) == 0;
}

static void pass(struct play *play, unsigned seconds)
{
    for (unsigned turn = 0; turn < seconds * 10; turn++) {
        twin_set_ms(play->loop, twin_now_ms(play->loop) + 100);
        twin_turn(play->loop);
        for (unsigned i = 0; i < REPLICAS; i++) {
            for (unsigned k = 0; k < REPLICAS; k++)
                assert_true(knows(marker_secret_keys(play->secrets[k]), marker_secret_keys(play->secrets[i])->own));
        }
    }
}

static void test_the_first_key_signs_at_once(void **state)
{
    (void)state;
    struct play play;
    begin(&play);
    for (unsigned i = 0; i < REPLICAS; i++) {
        assert_true(signs_with(&play, i, 'a'));
        assert_false(marker_secret_keys(play.secrets[i])->has_other);
    }
    assert_int_equal(play.changes, REPLICAS);
    pass(&play, KEEP_S);
    assert_int_equal(play.changes, REPLICAS);
    end(&play);
}

static void test_replicas_that_see_a_new_key_late_know_all_copies(void **state)
{
    (void)state;
    struct play play;
    begin(&play);
    change(&play, 'b');
    fake_api_tell_one(&play.api, 0);
    pass(&play, 2);
    fake_api_tell_one(&play.api, 1);
    pass(&play, SPREAD_S - 3);
    fake_api_tell_one(&play.api, 2);
    assert_true(signs_with(&play, 0, 'a'));
    pass(&play, 2);
    assert_true(signs_with(&play, 0, 'b') && signs_with(&play, 2, 'a'));
    pass(&play, SPREAD_S);
    assert_true(signs_with(&play, 2, 'b') && marker_secret_keys(play.secrets[0])->has_other);
    pass(&play, KEEP_S);
    assert_false(marker_secret_keys(play.secrets[2])->has_other);
    end(&play);
}

static void test_a_key_that_is_taken_back_never_signs(void **state)
{
    (void)state;
    struct play play;
    begin(&play);
    change(&play, 'b');
    fake_api_tell(&play.api);
    pass(&play, SPREAD_S / 2);
    change(&play, 'a');
    fake_api_tell(&play.api);
    for (unsigned i = 0; i < 2 * SPREAD_S; i++) {
        pass(&play, 1);
        assert_true(signs_with(&play, i % REPLICAS, 'a'));
    }
    pass(&play, KEEP_S);
    assert_false(marker_secret_keys(play.secrets[0])->has_other);
    end(&play);
}

static void test_of_two_new_keys_the_last_one_comes_to_sign(void **state)
{
    (void)state;
    struct play play;
    begin(&play);
    change(&play, 'b');
    fake_api_tell(&play.api);
    pass(&play, SPREAD_S / 2);
    change(&play, 'c');
    fake_api_tell(&play.api);
    pass(&play, SPREAD_S - 1);
    assert_true(signs_with(&play, 0, 'a'));
    pass(&play, 2);
    assert_true(signs_with(&play, 0, 'c') && signs_with(&play, 1, 'c'));
    end(&play);
}

static void test_a_replica_whose_control_begins_anew_goes_on(void **state)
{
    (void)state;
    struct play play;
    begin(&play);
    change(&play, 'b');
    fake_api_tell(&play.api);
    pass(&play, SPREAD_S - 1);
    struct marker_keys in_force = *marker_secret_keys(play.secrets[0]);
    marker_secret_free(play.secrets[0]);
    start(&play, 0, &in_force);
    assert_true(signs_with(&play, 0, 'a'));
    fake_api_tell(&play.api);
    pass(&play, 2);
    assert_true(signs_with(&play, 0, 'a') && signs_with(&play, 1, 'b'));
    pass(&play, SPREAD_S);
    assert_true(signs_with(&play, 0, 'b'));
    end(&play);
}

static void test_a_secret_that_is_no_key_changes_nothing(void **state)
{
    (void)state;
    struct play play;
    begin(&play);
    fake_api_set(&play.api, "{\"data\":{\"key\":\"c2hvcnQ=\"}}");
    pass(&play, SPREAD_S + 1);
    assert_true(signs_with(&play, 0, 'a'));
    assert_int_equal(play.changes, REPLICAS);
    assert_non_null(marker_secret_problem(play.secrets[0]));
    end(&play);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_key_signs_at_once),
        cmocka_unit_test(test_replicas_that_see_a_new_key_late_know_all_copies),
        cmocka_unit_test(test_a_key_that_is_taken_back_never_signs),
        cmocka_unit_test(test_of_two_new_keys_the_last_one_comes_to_sign),
        cmocka_unit_test(test_a_replica_whose_control_begins_anew_goes_on),
        cmocka_unit_test(test_a_secret_that_is_no_key_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
