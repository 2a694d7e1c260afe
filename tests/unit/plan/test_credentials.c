/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE 1
#include "plan/credentials.h"

#include "base/mem.h"
#include "plan/flat.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

static int seal(struct credentials_builder *builder)
{
    struct err err;
    int fd = credentials_builder_seal(builder, &err);
    if (fd < 0)
        fail_msg("%s", err.text);
    credentials_builder_free(builder);
    return fd;
}

static const struct credentials *map(struct credentials_builder *builder)
{
    struct err err;
    int fd = seal(builder);
    const struct credentials *credentials = credentials_map(fd, &err);
    close(fd);
    if (!credentials)
        fail_msg("%s", err.text);
    return credentials;
}

static struct credentials_builder *three(uint64_t generation)
{
    struct credentials_builder *builder = credentials_builder_new(generation);
    credentials_builder_add(builder, STR("system"), CREDENTIAL_AUTHORITIES, STR("all of them"), STR(""));
    credentials_builder_add(builder, STR("secret/shop/tls"), CREDENTIAL_IDENTITY, STR("a chain"), STR("a key"));
    credentials_builder_add(builder, STR("secret/shop/tls"), CREDENTIAL_AUTHORITIES, STR("one"), STR(""));
    return builder;
}

static void assert_found(const struct credentials *credentials, const char *label, enum credential_kind kind,
                         const char *chain, const char *key)
{
    struct credential found;
    assert_true(credentials_find(credentials, str_from_c(label), kind, &found));
    assert_int_equal(found.kind, kind);
    assert_true(str_eq(found.chain, str_from_c(chain)));
    assert_true(str_eq(found.key, str_from_c(key)));
}

static void test_credentials_are_found_by_label_and_kind(void **state)
{
    (void)state;
    struct credential found;
    const struct credentials *credentials = map(three(7));
    assert_int_equal(credentials_generation(credentials), 7);
    assert_found(credentials, "secret/shop/tls", CREDENTIAL_IDENTITY, "a chain", "a key");
    assert_found(credentials, "secret/shop/tls", CREDENTIAL_AUTHORITIES, "one", "");
    assert_found(credentials, "system", CREDENTIAL_AUTHORITIES, "all of them", "");
    assert_false(credentials_find(credentials, STR("system"), CREDENTIAL_IDENTITY, &found));
    assert_false(credentials_find(credentials, STR("secret/shop/tl"), CREDENTIAL_IDENTITY, &found));
    assert_false(credentials_find(credentials, STR(""), CREDENTIAL_AUTHORITIES, &found));
    credentials_unmap(credentials);
}

static void test_no_credentials_are_credentials_too(void **state)
{
    (void)state;
    struct credential found;
    const struct credentials *credentials = map(credentials_builder_new(1));
    assert_false(credentials_find(credentials, STR("system"), CREDENTIAL_AUTHORITIES, &found));
    credentials_unmap(credentials);
}

static uint64_t hash_of(struct str label, enum credential_kind kind, struct str chain, struct str key)
{
    struct credential found;
    struct credentials_builder *builder = credentials_builder_new(1);
    credentials_builder_add(builder, label, kind, chain, key);
    const struct credentials *credentials = map(builder);
    assert_true(credentials_find(credentials, label, kind, &found));
    credentials_unmap(credentials);
    return found.hash;
}

static void test_the_hash_tells_bytes_and_kinds_apart_and_not_labels(void **state)
{
    (void)state;
    uint64_t first = hash_of(STR("a"), CREDENTIAL_IDENTITY, STR("chain"), STR("key"));
    assert_true(first == hash_of(STR("b"), CREDENTIAL_IDENTITY, STR("chain"), STR("key")));
    assert_true(first != hash_of(STR("a"), CREDENTIAL_IDENTITY, STR("chaink"), STR("ey")));
    assert_true(first != hash_of(STR("a"), CREDENTIAL_IDENTITY, STR("chain"), STR("kez")));
    assert_true(first != hash_of(STR("a"), CREDENTIAL_AUTHORITIES, STR("chain"), STR("")));
}

static void test_the_generation_is_no_difference(void **state)
{
    (void)state;
    const struct credentials *one = map(three(1)), *two = map(three(2));
    struct credentials_builder *builder = three(1);
    credentials_builder_add(builder, STR("configmap/shop/ca"), CREDENTIAL_AUTHORITIES, STR("more"), STR(""));
    const struct credentials *other = map(builder);
    assert_true(credentials_eq(one, two));
    assert_false(credentials_eq(one, other));
    credentials_unmap(one);
    credentials_unmap(two);
    credentials_unmap(other);
}

static void test_label_given_twice_is_refused(void **state)
{
    (void)state;
    struct err err;
    struct credentials_builder *builder = three(1);
    credentials_builder_add(builder, STR("system"), CREDENTIAL_AUTHORITIES, STR("again"), STR(""));
    assert_int_equal(credentials_builder_seal(builder, &err), -1);
    assert_non_null(strstr(err.text, "system were given twice"));
    credentials_builder_free(builder);
}

static void test_more_than_the_limit_is_refused(void **state)
{
    (void)state;
    struct err err;
    size_t len = CREDENTIALS_MAX_BYTES / 2;
    char *bytes = mem_alloc(len);
    struct credentials_builder *builder = credentials_builder_new(1);
    credentials_builder_add(builder, STR("a"), CREDENTIAL_AUTHORITIES, (struct str){bytes, len}, STR(""));
    credentials_builder_add(builder, STR("b"), CREDENTIAL_AUTHORITIES, (struct str){bytes, len}, STR(""));
    assert_int_equal(credentials_builder_seal(builder, &err), -1);
    assert_non_null(strstr(err.text, "at most 67108864"));
    credentials_builder_free(builder);
    mem_free(bytes);
}

static char *good_block(size_t *len)
{
    struct err err;
    int fd = seal(three(42));
    *len = (size_t)lseek(fd, 0, SEEK_END);
    char *block = mem_alloc_raw(*len);
    assert_int_equal(pread(fd, block, *len, 0), *len);
    close(fd);
    assert_true(credentials_check(block, *len, &err));
    return block;
}

static void test_damaged_credentials_are_refused(void **state)
{
    (void)state;
    size_t len;
    struct err err;
    char *block = good_block(&len);
    for (size_t i = 0; i < len; i++) {
        block[i] ^= 0x10;
        assert_false(credentials_check(block, len, &err));
        block[i] ^= 0x10;
        assert_false(credentials_check(block, i, &err));
    }
    mem_free(block);
}

static void test_credentials_with_a_good_checksum_and_wrong_contents_are_refused(void **state)
{
    (void)state;
    size_t len, refused = 0;
    struct err err;
    struct flat_head *block = (struct flat_head *)good_block(&len);
    for (size_t i = sizeof(*block) + 8; i < len; i++) {
        unsigned char *byte = (unsigned char *)block + i, old = *byte;
        *byte = 0xff;
        block->checksum = flat_checksum(block, len);
        refused += !credentials_check(block, len, &err);
        *byte = old;
    }
    /* two arrays; of each of three rows three texts and a kind; the order of three labels */
    assert_true(refused >= 2 * 8 + 3 * (3 * 8 + 4) + 2);
    mem_free(block);
}

static void test_unsealed_credentials_are_not_mapped(void **state)
{
    (void)state;
    struct err err;
    int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    assert_null(credentials_map(fd, &err));
    assert_non_null(strstr(err.text, "sealed"));
    close(fd);
}

/* The flags of the mapping that an address is in, as /proc/self/smaps has them. */
static bool has_flag(const void *at, const char *flag)
{
    char line[512];
    bool is_inside = false, has = false;
    FILE *maps = fopen("/proc/self/smaps", "re");
    assert_non_null(maps);
    while (fgets(line, sizeof(line), maps)) {
        unsigned long from, to;
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            is_inside = from <= (uintptr_t)at && (uintptr_t)at < to;
        if (is_inside && strncmp(line, "VmFlags:", 8) == 0)
            has = strstr(line, flag) != NULL;
    }
    fclose(maps);
    return has;
}

static void test_credentials_stay_out_of_core_dumps_and_children(void **state)
{
    (void)state;
    const struct credentials *credentials = map(three(1));
    assert_true(has_flag(credentials, " dd "));
    assert_true(has_flag(credentials, " dc "));
    credentials_unmap(credentials);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_credentials_are_found_by_label_and_kind),
        cmocka_unit_test(test_no_credentials_are_credentials_too),
        cmocka_unit_test(test_the_hash_tells_bytes_and_kinds_apart_and_not_labels),
        cmocka_unit_test(test_the_generation_is_no_difference),
        cmocka_unit_test(test_label_given_twice_is_refused),
        cmocka_unit_test(test_more_than_the_limit_is_refused),
        cmocka_unit_test(test_damaged_credentials_are_refused),
        cmocka_unit_test(test_credentials_with_a_good_checksum_and_wrong_contents_are_refused),
        cmocka_unit_test(test_unsealed_credentials_are_not_mapped),
        cmocka_unit_test(test_credentials_stay_out_of_core_dumps_and_children),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
