/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Formats beside the old text, which may be among the arguments, and puts `tail` behind it. */
static void set_text(struct err *err, const char *tail, const char *format, va_list args)
{
    char text[sizeof(err->text)];
    int printed = vsnprintf(text, sizeof(text), format, args);
    size_t len = printed < 0 ? 0 : (size_t)printed;
    if (len > sizeof(text) - 1)
        len = sizeof(text) - 1;
    text[len] = '\0';
    if (tail)
        snprintf(text + len, sizeof(text) - len, ": %s", tail);
    memcpy(err->text, text, sizeof(text));
}

bool err_set(struct err *err, const char *format, ...)
{
    if (!err)
        return false;
    va_list args;
    va_start(args, format);
    set_text(err, NULL, format, args);
    va_end(args);
    return false;
}

bool err_wrap(struct err *err, const char *format, ...)
{
    if (!err)
        return false;
    char before[sizeof(err->text)];
    memcpy(before, err->text, sizeof(before));
    va_list args;
    va_start(args, format);
    set_text(err, before, format, args);
    va_end(args);
    return false;
}

bool err_errno(struct err *err, const char *format, ...)
{
    int code = errno;
    if (!err)
        return false;
    va_list args;
    va_start(args, format);
    set_text(err, strerror(code), format, args);
    va_end(args);
    errno = code;
    return false;
}
