/* SPDX-License-Identifier: Apache-2.0 */
#include "compare/decode.h"

#include "base/mem.h"
#include "compare/content.h"
#include "pair.h"

#include <setjmp.h>
#include <stdarg.h>

#include <brotli/encode.h>
#include <cmocka.h>
#include <zlib.h>
#include <zstd.h>

#define ROOM ((size_t)4 << 20)

static char room[2][ROOM];
static const struct decode_limits limits = {(size_t)16 << 20, 1000};

static struct str zip(int which, int window, struct str in)
{
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = (Bytef *)in.ptr;
    stream.avail_in = (uInt)in.len;
    stream.next_out = (Bytef *)room[which];
    stream.avail_out = ROOM;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    struct str out = {room[which], ROOM - stream.avail_out};
    deflateEnd(&stream);
    return out;
}

static struct str brotli(int which, struct str in)
{
    size_t len = ROOM;
    assert_true(BrotliEncoderCompress(5, 22, BROTLI_MODE_GENERIC, in.len, (const uint8_t *)in.ptr, &len,
                                      (uint8_t *)room[which]));
    return (struct str){room[which], len};
}

static struct str zstd(int which, struct str in)
{
    size_t len = ZSTD_compress(room[which], ROOM, in.ptr, in.len, 3);
    assert_false(ZSTD_isError(len));
    return (struct str){room[which], len};
}

static void check(struct decoder *decoder, const char *codings, struct str coded, struct str plain)
{
    struct str decoded;
    assert_int_equal(decode_body(decoder, limits, str_from_c(codings), coded, &decoded), DECODE_OK);
    assert_true(str_eq(decoded, plain));
    if (!decode_is_coded(str_from_c(codings)))
        return;
    /* Too short at any place, and too long. */
    for (size_t len = 1; len < coded.len; len += 1 + coded.len / 12) {
        if (decode_body(decoder, limits, str_from_c(codings), str_slice(coded, 0, len), &decoded) == DECODE_OK)
            fail_msg("%s cut at %zu", codings, len);
    }
    char *longer = mem_alloc_raw(coded.len + 1);
    memcpy(longer, coded.ptr, coded.len);
    longer[coded.len] = 'x';
    assert_int_equal(decode_body(decoder, limits, str_from_c(codings), (struct str){longer, coded.len + 1}, &decoded),
                     DECODE_BROKEN);
    mem_free(longer);
}

static struct str make_text(size_t len)
{
    char *text = mem_alloc_raw(len);
    uint32_t random = 1;
    for (size_t i = 0; i < len; i++) {
        random = random * 1664525 + 1013904223;
        text[i] = (char)('a' + (random >> 24) % 16);
    }
    return (struct str){text, len};
}

static void test_codings_are_taken_off(void **state)
{
    (void)state;
    struct decoder decoder;
    decoder_init(&decoder);
    static const size_t sizes[] = {1, 100, 20000, 1000000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct str text = make_text(sizes[i]);
        check(&decoder, "", text, text);
        check(&decoder, "identity", text, text);
        check(&decoder, "gzip", zip(0, 31, text), text);
        check(&decoder, "X-GZIP", zip(0, 31, text), text);
        check(&decoder, "deflate", zip(0, 15, text), text);
        check(&decoder, "br", brotli(0, text), text);
        check(&decoder, "zstd", zstd(0, text), text);
        check(&decoder, "gzip, br", brotli(1, zip(0, 31, text)), text);
        check(&decoder, "deflate,identity , zstd,gzip", zip(0, 31, zstd(1, zip(0, 15, text))), text);
        struct str decoded, raw = zip(0, -15, text);
        assert_int_equal(decode_body(&decoder, limits, STR("deflate"), raw, &decoded), DECODE_OK);
        assert_true(str_eq(decoded, text));
        decoder_trim(&decoder);
        mem_free((char *)text.ptr);
    }
    decoder_deinit(&decoder);
}

static void test_gzip_may_have_several_members(void **state)
{
    (void)state;
    struct decoder decoder;
    struct str decoded, one = zip(0, 31, STR("one "));
    memcpy(room[1], one.ptr, one.len);
    struct str two = zip(0, 31, STR("two"));
    memcpy(room[1] + one.len, two.ptr, two.len);
    decoder_init(&decoder);
    assert_int_equal(decode_body(&decoder, limits, STR("gzip"), (struct str){room[1], one.len + two.len}, &decoded),
                     DECODE_OK);
    assert_true(str_eq(decoded, STR("one two")));
    decoder_deinit(&decoder);
}

static void test_what_is_not_known_is_not_decoded(void **state)
{
    (void)state;
    struct decoder decoder;
    struct str decoded;
    decoder_init(&decoder);
    assert_int_equal(decode_body(&decoder, limits, STR("compress"), STR("x"), &decoded), DECODE_UNKNOWN);
    assert_int_equal(decode_body(&decoder, limits, STR("gzip,gzip,gzip,gzip,gzip"), STR("x"), &decoded),
                     DECODE_UNKNOWN);
    assert_int_equal(decode_body(&decoder, limits, STR("gzip"), STR("garbage"), &decoded), DECODE_BROKEN);
    assert_int_equal(decode_body(&decoder, limits, STR("br"), STR("\xff\xff\xff"), &decoded), DECODE_BROKEN);
    assert_int_equal(decode_body(&decoder, limits, STR("gzip"), STR(""), &decoded), DECODE_OK);
    decoder_deinit(&decoder);
}

/* A GiB of zeros in 1 MiB. */
static struct str make_bomb(void)
{
    size_t part = (size_t)64 << 20, len = 0;
    char *zeros = mem_alloc(part);
    struct str member = zip(0, 31, (struct str){zeros, part});
    for (; len < member.len * 16; len += member.len)
        memcpy(room[1] + len, member.ptr, member.len);
    mem_free(zeros);
    return (struct str){room[1], len};
}

static void test_bombs_stay_small(void **state)
{
    (void)state;
    struct decoder decoder;
    struct str bomb = make_bomb(), decoded;
    decoder_init(&decoder);
    assert_int_equal(decode_body(&decoder, limits, STR("gzip"), bomb, &decoded), DECODE_TOO_LARGE);
    assert_true(decoder.buffers[0].capacity <= limits.bytes + 1);
    decoder_trim(&decoder);
    assert_int_equal(decoder.buffers[0].capacity, 0);
    /* By the ratio, long before the limit in bytes. */
    char zeros[4096] = {0};
    struct str small = zip(0, 31, (struct str){zeros, sizeof(zeros)});
    struct decode_limits tight = {(size_t)1 << 30, 100};
    assert_int_equal(decode_body(&decoder, tight, STR("gzip"), small, &decoded), DECODE_OK);
    assert_int_equal(decode_body(&decoder, tight, STR("gzip"), bomb, &decoded), DECODE_TOO_LARGE);
    assert_true(decoder.buffers[0].capacity <= bomb.len * 100 + 1);
    decoder_deinit(&decoder);
    /* A body of another kind that is as large as it may be. */
    decoder_init(&decoder);
    char *large = mem_alloc(limits.bytes + 1);
    assert_int_equal(decode_body(&decoder, limits, STR("br"), brotli(0, (struct str){large, limits.bytes}), &decoded),
                     DECODE_TOO_LARGE); /* by the ratio */
    struct decode_limits wide = {limits.bytes, 1000000};
    assert_int_equal(decode_body(&decoder, wide, STR("br"), brotli(0, (struct str){large, limits.bytes}), &decoded),
                     DECODE_OK);
    assert_int_equal(decoded.len, limits.bytes);
    assert_int_equal(decode_body(&decoder, wide, STR("zstd"), zstd(0, (struct str){large, limits.bytes + 1}), &decoded),
                     DECODE_TOO_LARGE);
    assert_int_equal(decode_body(&decoder, wide, STR(""), (struct str){large, limits.bytes + 1}, &decoded),
                     DECODE_TOO_LARGE);
    mem_free(large);
    decoder_deinit(&decoder);
}

static void test_answers_are_compared_by_what_they_decode_to(void **state)
{
    (void)state;
    struct str coded = zip(0, 31, STR("{\"a\":1}")), other = brotli(1, STR("{ \"a\" : 2 }"));
    struct pair pair = {.type = "application/json", .live = coded, .live_coding = "gzip", .other = STR("{\"a\":1}")};
    pair_check(&pair, "");
    pair = (struct pair){
        .type = "application/json", .live = coded, .live_coding = "gzip", .other = other, .other_coding = "br"};
    pair_check(&pair, "body.$.a value 1|2");
    enum body_verdict body;
    struct compare_counts counts;
    pair.other = STR("garbage");
    assert_string_equal(pair_differences(&pair, &body, &counts), "body value {\"a\":1}|(can't be decoded)");
    assert_int_equal(body, BODY_DIFFERENT);
    assert_int_equal(counts.undecodable, 1);
    pair.live = STR("rubbish");
    assert_string_equal(pair_differences(&pair, &body, &counts), "");
    assert_int_equal(body, BODY_BLIND);
    /* The same bytes, but clients will read them in different ways. */
    pair = (struct pair){.type = "application/json", .live = coded, .live_coding = "gzip", .other = coded};
    pair_differences(&pair, &body, &counts);
    assert_int_equal(body, BODY_DIFFERENT);
    pair = (struct pair){.live = make_bomb(), .live_coding = "gzip", .other = STR("0")};
    assert_string_equal(pair_differences(&pair, &body, &counts), "");
    assert_int_equal(body, BODY_BLIND);
    assert_int_equal(counts.decoded_too_large, 1);
}

static void test_samples_are_decoded(void **state)
{
    (void)state;
    const struct field fields[] = {{STR_INIT("content-encoding"), STR_INIT("gzip"), FIELD_OTHER},
                                   {STR_INIT("Content-Encoding"), STR_INIT("br"), FIELD_OTHER}};
    struct comparer *comparer = comparer_new(&compare_limits_default);
    struct str decoded, coded = brotli(1, zip(0, 31, STR("text")));
    assert_true(content_decode(comparer, fields, 2, coded, &decoded));
    assert_true(str_eq(decoded, STR("text")));
    assert_false(content_decode(comparer, fields, 1, coded, &decoded));
    assert_true(content_decode(comparer, fields, 0, coded, &decoded));
    assert_true(str_eq(decoded, coded));
    comparer_free(comparer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codings_are_taken_off),
        cmocka_unit_test(test_gzip_may_have_several_members),
        cmocka_unit_test(test_what_is_not_known_is_not_decoded),
        cmocka_unit_test(test_bombs_stay_small),
        cmocka_unit_test(test_answers_are_compared_by_what_they_decode_to),
        cmocka_unit_test(test_samples_are_decoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
