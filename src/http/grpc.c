/* SPDX-License-Identifier: Apache-2.0 */
#include "http/grpc.h"

#define DEADLINE_DIGITS 8
#define NS_PER_MS 1000000ull

bool grpc_is_call(const struct head *request)
{
    static const struct str type = STR_INIT("application/grpc");
    const struct field *field = request->method_id == METHOD_POST ? head_find_name(request, STR("content-type")) : NULL;
    if (!field || field->value.len < type.len || !str_eq_nocase(str_slice(field->value, 0, type.len), type))
        return false;
    char next = field->value.len > type.len ? field->value.ptr[type.len] : ';';
    return next == ';' || next == '+' || next == ' ';
}

static uint64_t unit_ns(char unit)
{
    switch (unit) {
    case 'H': return 3600 * 1000 * NS_PER_MS;
    case 'M': return 60 * 1000 * NS_PER_MS;
    case 'S': return 1000 * NS_PER_MS;
    case 'm': return NS_PER_MS;
    case 'u': return 1000;
    case 'n': return 1;
    default: return 0;
    }
}

bool grpc_deadline_ms(const struct head *request, uint32_t *ms)
{
    const struct field *field = head_find_name(request, STR("grpc-timeout"));
    if (!field || field->value.len < 2 || field->value.len > DEADLINE_DIGITS + 1)
        return false;
    uint64_t count, unit = unit_ns(field->value.ptr[field->value.len - 1]);
    if (!unit || !str_to_u64(str_slice(field->value, 0, field->value.len - 1), &count))
        return false;
    uint64_t whole = unit >= NS_PER_MS ? count * (unit / NS_PER_MS) : (count * unit + NS_PER_MS - 1) / NS_PER_MS;
    *ms = (uint32_t)whole;
    return whole <= UINT32_MAX;
}

enum grpc_status grpc_find_status(const struct field *fields, uint16_t count)
{
    for (uint16_t i = 0; i < count; i++) {
        uint64_t status;
        if (!str_eq_nocase(fields[i].name, STR("grpc-status")))
            continue;
        return str_to_u64(fields[i].value, &status) && status <= GRPC_UNAUTHENTICATED ? (enum grpc_status)status
                                                                                      : GRPC_OTHER;
    }
    return GRPC_NONE;
}

enum grpc_status grpc_status_from_http(uint16_t status)
{
    switch (status) {
    case 400: return GRPC_INTERNAL;
    case 404: return GRPC_UNIMPLEMENTED;
    case 500:
    case 502:
    case 503: return GRPC_UNAVAILABLE;
    case 504: return GRPC_DEADLINE_EXCEEDED;
    default: return GRPC_UNKNOWN;
    }
}

struct str grpc_status_text(enum grpc_status status)
{
    static const struct str texts[] = {
        STR_INIT("0"),  STR_INIT("1"),  STR_INIT("2"),     STR_INIT("3"),    STR_INIT("4"),
        STR_INIT("5"),  STR_INIT("6"),  STR_INIT("7"),     STR_INIT("8"),    STR_INIT("9"),
        STR_INIT("10"), STR_INIT("11"), STR_INIT("12"),    STR_INIT("13"),   STR_INIT("14"),
        STR_INIT("15"), STR_INIT("16"), STR_INIT("other"), STR_INIT("none"),
    };
    return texts[status];
}
