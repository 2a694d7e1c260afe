/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/timestamp.h"

/* Takes `digits` digits and the byte after them, when there is to be one. */
static bool take(struct str *text, size_t digits, const char *ends, int64_t *value)
{
    uint64_t number;
    if (text->len < digits || !str_to_u64(str_slice(*text, 0, digits), &number))
        return false;
    *text = str_slice(*text, digits, text->len);
    *value = (int64_t)number;
    if (!ends)
        return true;
    if (text->len == 0 || text->ptr[0] == '\0' || !strchr(ends, text->ptr[0]))
        return false;
    *text = str_slice(*text, 1, text->len);
    return true;
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int64_t days_of(int64_t year, int64_t month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days from 1970 to a date; a year of March to February has its leap day last. */
static int64_t days_since_1970(int64_t year, int64_t month, int64_t day)
{
    int64_t from_march = (month + 9) % 12, years = month <= 2 ? year - 1 : year;
    return 365 * years + years / 4 - years / 100 + years / 400 + (153 * from_march + 2) / 5 + day - 719469;
}

static bool skip_fraction(struct str *text)
{
    if (text->len == 0 || text->ptr[0] != '.')
        return true;
    size_t digits = 0;
    while (1 + digits < text->len && text->ptr[1 + digits] >= '0' && text->ptr[1 + digits] <= '9')
        digits++;
    *text = str_slice(*text, 1 + digits, text->len);
    return digits > 0;
}

/* "Z" or "+02:00": how far ahead of UTC. */
static bool take_offset(struct str text, int64_t *offset_s)
{
    *offset_s = 0;
    if (str_eq_nocase(text, STR("Z")))
        return true;
    if (text.len != 6 || (text.ptr[0] != '+' && text.ptr[0] != '-'))
        return false;
    bool is_behind = text.ptr[0] == '-';
    int64_t hours, minutes;
    text = str_slice(text, 1, text.len);
    if (!take(&text, 2, ":", &hours) || !take(&text, 2, NULL, &minutes) || hours > 23 || minutes > 59)
        return false;
    *offset_s = (hours * 60 + minutes) * (is_behind ? -60 : 60);
    return true;
}

bool timestamp_parse(struct str text, uint64_t *seconds)
{
    int64_t year, month, day, hour, minute, second, offset_s;
    if (!take(&text, 4, "-", &year) || !take(&text, 2, "-", &month) || !take(&text, 2, "Tt ", &day) ||
        !take(&text, 2, ":", &hour) || !take(&text, 2, ":", &minute) || !take(&text, 2, NULL, &second))
        return false;
    if (!skip_fraction(&text) || !take_offset(text, &offset_s))
        return false;
    /* A leap second is the 60th. */
    if (month < 1 || month > 12 || day < 1 || day > days_of(year, month) || hour > 23 || minute > 59 || second > 60)
        return false;
    int64_t total = days_since_1970(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset_s;
    if (total < 0)
        return false;
    *seconds = (uint64_t)total;
    return true;
}
