/* SPDX-License-Identifier: Apache-2.0 */
/* A tally, or several, from a gateway that may be anybody. What is taken can be written, read back, added, judged and printed. */
#include "base/assert.h"
#include "judge/tallies.h"
#include "judge/verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void judge_and_print(struct tally *tally)
{
    struct verdict verdict;
    struct strbuf page = STRBUF_INIT;
    judge(tally, &verdict);
    ASSERT(verdict.reason_count > 0);
    struct report_source source = {.verdicts = &verdict, .count = 1};
    for (int format = REPORT_TEXT; format <= REPORT_JUNIT; format++)
        report_write(&source, (enum report_format)format, &page);
    verdicts_metrics(&verdict, 1, &page);
    for (size_t i = 0; i < verdict.finding_count; i++)
        finding_json(&verdict.findings[i], &page);
    strbuf_deinit(&page);
    verdict_deinit(&verdict);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct str json = {(const char *)data, len};
    struct err err;
    struct tallies tallies = {0};
    if (tallies_read(&tallies, json, &err))
        tallies_keep_current(&tallies);
    tallies_deinit(&tallies);
    struct tally *tally = tally_read(json, &err);
    if (!tally)
        return 0;
    struct strbuf text = STRBUF_INIT, again = STRBUF_INIT;
    tally_write(tally, &text);
    judge_and_print(tally);
    struct tally *read = tally_read(strbuf_str(&text), &err);
    if (read) { /* sums of what was beyond the bounds may be too large for a second time */
        tally_write(read, &again);
        ASSERT(str_eq(strbuf_str(&text), strbuf_str(&again)));
        tally_merge(read, tally);
        judge_and_print(read);
    }
    tally_free(read);
    tally_free(tally);
    strbuf_deinit(&text);
    strbuf_deinit(&again);
    return 0;
}
