/* SPDX-License-Identifier: Apache-2.0 */
/* The input as the analyst's metrics, which control puts on its own page: what stays are whole lines of the analyst's families. */
#include "admin/metrics.h"
#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_line(struct str line)
{
    static const struct str names[] = {STR_INIT("umbra_verdict"), STR_INIT("umbra_pairs_total"),
                                       STR_INIT("umbra_latency_delta_seconds"), STR_INIT("umbra_analyst_"),
                                       STR_INIT("umbra_store_")};
    bool is_one = false;
    if (line.ptr[0] == '#')
        line = str_slice(line, 7, line.len);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        is_one = is_one || str_starts_with(line, names[i]);
    ASSERT(is_one && !str_starts_with(line, STR("umbra_analyst_up ")) &&
           !str_starts_with(line, STR("umbra_analyst_up{")));
    for (size_t i = 0; i < line.len; i++)
        ASSERT((unsigned char)line.ptr[i] >= ' ');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct strbuf page = STRBUF_INIT;
    metrics_add_analyst(&page, (struct str){(const char *)data, len});
    ASSERT(page.len <= len);
    struct str rest = strbuf_str(&page);
    while (rest.len > 0) {
        size_t end = str_find_char(rest, '\n');
        ASSERT(end < rest.len && end > 0);
        check_line(str_slice(rest, 0, end));
        rest = str_slice(rest, end + 1, rest.len);
    }
    strbuf_deinit(&page);
    return 0;
}
