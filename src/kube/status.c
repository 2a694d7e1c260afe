/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/status.h"

#include "kube/skim.h"

/* Of what somebody else wrote, for a line. */
#define MESSAGE_MAX 300

/* No Status: perhaps a sentence, as of a proxy or of a server that does not know the path. */
static void read_text(struct status *status, struct str body)
{
    struct str line = str_trim(str_slice(body, 0, str_find_char(body, '\n')));
    if (line.len && line.ptr[0] != '<' && line.ptr[0] != '{')
        strbuf_add(&status->message, str_slice(line, 0, MESSAGE_MAX));
}

void status_read(struct status *status, struct str body)
{
    *status = (struct status){.message = STRBUF_INIT};
    body = body.len > STATUS_MAX_BYTES ? STR_NONE : body;
    if (!str_eq(skim_find_text(body, STR("kind")), STR("Status"))) {
        read_text(status, body);
        return;
    }
    uint64_t code;
    if (str_to_u64(skim_find(body, STR("code")), &code) && code < 1000)
        status->code = (int)code;
    status->reason = skim_find_text(body, STR("reason"));
    skim_read(&status->message, skim_find(body, STR("message")), MESSAGE_MAX);
}

void status_deinit(struct status *status)
{
    strbuf_deinit(&status->message);
}

void status_format(struct strbuf *out, const struct status *status, int code)
{
    strbuf_printf(out, "%d", code);
    if (status->reason.len)
        strbuf_printf(out, " %.*s", (int)(status->reason.len < 64 ? status->reason.len : 64), status->reason.ptr);
    if (status->message.len)
        strbuf_printf(out, ": %s", status->message.ptr);
}
