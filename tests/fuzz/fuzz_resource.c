/* SPDX-License-Identifier: Apache-2.0 */
/* The input as manifests of a kind with every type of field: what is decoded must be encoded to what is decoded as the
 * same, and every problem can be shown. */
#include "../unit/manifest/sample_schema.h"

#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_problems(const struct problems *problems)
{
    struct strbuf line = STRBUF_INIT;
    for (size_t i = 0; i < problems->count; i++) {
        strbuf_clear(&line);
        problem_format(&line, &problems->list[i]);
        ASSERT(line.len > 0 && !memchr(line.ptr, '\n', line.len));
        ASSERT(problems->list[i].line > 0 && problems->list[i].text.len > 0);
    }
    strbuf_deinit(&line);
}

/* Secrets are not written, so that they can't be read back. */
static bool has_secrets(const struct sample_spec *spec)
{
    return spec->secrets.count > 0 || (spec->login && (spec->login->password.ptr || spec->login->pin.is_set));
}

static void check_round_trip(const struct sample *sample)
{
    struct strbuf first = STRBUF_INIT, second = STRBUF_INIT;
    struct sample_load load;
    schema_encode(&sample_schema, sample, 0, &first);
    sample_load(&load, strbuf_str(&first), false);
    ASSERT(load.is_decoded);
    schema_encode(&sample_schema, &load.sample, 0, &second);
    ASSERT(str_eq(strbuf_str(&first), strbuf_str(&second)));
    sample_unload(&load);
    strbuf_deinit(&first);
    strbuf_deinit(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct sample_load load;
    sample_load(&load, (struct str){(const char *)data, len}, len % 2 == 1);
    check_problems(&load.problems);
    if (load.is_decoded && !has_secrets(load.sample.spec))
        check_round_trip(&load.sample);
    sample_unload(&load);
    return 0;
}
