/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/lines.h"

void lines_deinit(struct lines *lines)
{
    wiped_deinit(&lines->rest);
}

static bool hand_on(struct str line, line_fn *on_line, void *user)
{
    if (line.len && line.ptr[line.len - 1] == '\r')
        line.len--;
    return !line.len || on_line(user, line);
}

bool lines_add(struct lines *lines, struct str part, size_t limit, line_fn *on_line, void *user)
{
    while (part.len) {
        size_t len = str_find_char(part, '\n');
        struct str piece = str_slice(part, 0, len);
        bool is_whole = len < part.len, is_wanted = true;
        if (lines->rest.len + len > limit)
            return false;
        if (!is_whole || lines->rest.len)
            wiped_add(&lines->rest, piece);
        part = str_slice(part, len + is_whole, part.len);
        if (!is_whole)
            return true;
        is_wanted = hand_on(lines->rest.len ? wiped_str(&lines->rest) : piece, on_line, user);
        wiped_clear(&lines->rest);
        if (!is_wanted)
            return true;
    }
    return true;
}
