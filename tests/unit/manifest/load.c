/* SPDX-License-Identifier: Apache-2.0 */
#include "load.h"

#include <string.h>

struct manifests *load_text(const char *text)
{
    struct manifests *manifests = manifests_new();
    manifests_read(manifests, STR("a.yaml"), str_from_c(text));
    return manifests;
}

static char shown[65536];

static size_t show(const struct problem *problem, size_t at)
{
    struct strbuf line = STRBUF_INIT;
    problem_format(&line, problem);
    size_t room = sizeof(shown) - 2 - at;
    size_t len = line.len < room ? line.len : room;
    memcpy(shown + at, line.ptr, len);
    strbuf_deinit(&line);
    shown[at + len] = '\0';
    return at + len;
}

const char *load_first(const struct manifests *manifests, enum severity severity)
{
    shown[0] = '\0';
    for (size_t i = 0; i < manifests->problems.count; i++) {
        if (manifests->problems.list[i].severity != severity)
            continue;
        show(&manifests->problems.list[i], 0);
        break;
    }
    return shown;
}

const char *load_problems(const struct manifests *manifests)
{
    size_t at = 0;
    shown[0] = '\0';
    for (size_t i = 0; i < manifests->problems.count; i++) {
        at = show(&manifests->problems.list[i], at);
        shown[at++] = '\n';
        shown[at] = '\0';
    }
    return shown;
}

void load_assert_one(const struct manifests *manifests, enum severity severity, const char *const *words)
{
    size_t count = 0;
    for (size_t i = 0; i < manifests->problems.count; i++)
        count += manifests->problems.list[i].severity == severity;
    if (count != 1)
        fail_msg("%zu problems where one belongs:\n%s", count, load_problems(manifests));
    const char *text = load_first(manifests, severity);
    for (; *words; words++) {
        if (!strstr(text, *words))
            fail_msg("\"%s\" is not in: %s", *words, text);
    }
}
