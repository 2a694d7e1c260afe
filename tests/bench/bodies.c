/* SPDX-License-Identifier: Apache-2.0 */
#include "bodies.h"

#include <stdio.h>

static void add_item(FILE *out, unsigned number, bool is_edited, bool is_turned)
{
    const char *head = "\"sku\":\"SHOE-42-BLK\",\"name\":\"Running shoe, black\"";
    fprintf(out, "{\"id\":%u,", 184467 + number);
    if (!is_turned)
        fprintf(out, "%s,", head);
    fprintf(out,
            "\"price\":{\"amount\":\"%s\",\"currency\":\"EUR\",\"tax\":0.19},\"stock\":12,\"available\":true,"
            "\"tags\":[\"running\",\"shoes\",\"sale\",\"men\"],\"seller\":{\"id\":991,\"name\":\"Example Sports "
            "GmbH\",\"rating\":4.7,\"address\":{\"street\":\"Hauptstrasse 12\",\"city\":\"Berlin\",\"zip\":"
            "\"10115\",\"country\":\"DE\"}},\"images\":[\"https://img.example.com/p/184467/1.jpg\","
            "\"https://img.example.com/p/184467/2.jpg\"],\"variants\":[{\"id\":1,\"size\":41,\"stock\":3,"
            "\"sku\":\"SHOE-41-BLK\"},{\"id\":2,\"size\":42,\"stock\":5,\"sku\":\"SHOE-42-BLK\"},{\"id\":3,"
            "\"size\":43,\"stock\":4,\"sku\":\"SHOE-43-BLK\"}],\"description\":\"A light running shoe with a "
            "breathable mesh upper, a cushioned sole, and room for wide feet in all weathers; made of what was left "
            "over from last year, in small numbers.\","
            "\"created\":\"2024-03-01T12:30:11Z\",\"updated\":\"2024-05-11T09:12:4%uZ\",\"request\":"
            "\"%u-5b2d-4c8f-9a01-2b3c4d5e6f70\",\"related\":[184468,184470,184471,184480,184492],\"links\":"
            "{\"self\":\"/products/184467\",\"reviews\":\"/products/184467/reviews\"}",
            is_edited ? "80.10" : "79.90", 5 + is_edited, 73908176 + is_edited);
    if (is_turned)
        fprintf(out, ",%s", head);
    fputc('}', out);
}

char *body_new(const struct body_text *text, size_t *size)
{
    char *bytes = NULL;
    FILE *out = open_memstream(&bytes, size);
    if (!out)
        return NULL;
    if (text->items > 1)
        fputs("{\"items\":[", out);
    for (unsigned i = 0; i < text->items; i++) {
        if (i > 0)
            fputc(',', out);
        add_item(out, text->first + i, text->is_edited || (text->has_one_edit && i == 0), text->is_turned);
    }
    if (text->items > 1)
        fputs("]}", out);
    return fclose(out) == 0 ? bytes : NULL;
}
