/* SPDX-License-Identifier: Apache-2.0 */
/* docs/reference/tally.md, from the tables that write and read tallies. */
#include "judge/tally_counters.h"

static void add_counters(struct strbuf *page, const struct tally_counter *counters)
{
    strbuf_add(page, STR("\n| member | is |\n|---|---|\n"));
    for (; counters->name; counters++)
        strbuf_printf(page, "| `%s` | %s |\n", counters->name, counters->help);
}

void tally_reference(struct strbuf *page)
{
    strbuf_add(
        page,
        STR("# Tallies\n\n"
            "<!-- Made by `./dev docs` from src/judge/tally_counters.c. -->\n\n"
            "What is known of one mirror and one pair of revisions, as counts that can be added up: `GET /api/tallies` "
            "gives "
            "them, `umbra report` adds those of several gateways, and the store keeps them by slots of time. One JSON "
            "object, "
            "its members in order of their names; two tallies with the same counts are the same bytes. How they are "
            "judged is in "
            "[judging.md](../judging.md).\n\n"
            "All counts are whole numbers up to 2^53; members that end in `_ns` are nanoseconds since 1970 (UTC).\n\n"
            "## The whole\n\n"
            "Besides the counters below:\n\n"
            "| member | is |\n|---|---|\n"
            "| `version` | 1 |\n"
            "| `key` | `route`, `mirror`, `live_revision`, `shadow_revision`: only tallies of one key are added |\n"
            "| `endpoints` | name of an endpoint to its counts |\n"
            "| `failures` | why the shadow failed, to how often |\n"
            "| `live_status`, `shadow_status` | six counts: other codes, 1xx, 2xx, 3xx, 4xx, 5xx |\n"
            "| `thresholds` | what is allowed, when the policy is known; adding takes the stricter of each |\n"));
    add_counters(page, tally_counters);
    strbuf_printf(page,
                  "\n## An endpoint\n\n"
                  "At most %d endpoints; what comes after is counted under `%s`.\n\n"
                  "| member | is |\n|---|---|\n"
                  "| `fields` | name of a field to its counts |\n"
                  "| `sets` | fields that differed together: `[\"c\" or \"a\", count, name, name ...]`, `c` where "
                  "there was a control "
                  "and the shadow differed more, `a` where there was none; up to %d names, at most %d sets in all |\n"
                  "| `cells` | durations of pairs: live's bucket, the shadow's, count, and so on; at most %d in all. "
                  "Bucket n begins at 2^(n/%d) "
                  "microseconds, the first one at 0 |\n"
                  "| `control_cells` | the same of live and control |\n",
                  TALLY_ENDPOINTS, TALLY_OTHER, TALLY_SET_FIELDS, TALLY_SETS, TALLY_CELLS, LATENCY_STEPS);
    add_counters(page, endpoint_counters);
    strbuf_printf(page,
                  "\n## A field\n\n"
                  "At most %d in all; what comes after is counted under `%s` of its endpoint. A field differs to a "
                  "higher degree when it is "
                  "missing, extra or of another type than when its value, order or length is another.\n\n"
                  "| member | is |\n|---|---|\n"
                  "| `example` | what live and the shadow had when the shadow first differed, as it may be shown |\n"
                  "| `kinds` | how it differed: value, type, missing, extra, order, length |\n",
                  TALLY_FIELDS, TALLY_OTHER);
    add_counters(page, field_counters);
    strbuf_add(page, STR("\n## Thresholds\n\n| member | is |\n|---|---|\n"));
    for (const struct tally_limit *limit = tally_limits; limit->name; limit++)
        strbuf_printf(page, "| `%s` | %s |\n", limit->name, limit->help);
}
