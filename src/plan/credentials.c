/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/credentials.h"

#include "base/mem.h"
#include "plan/flat.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <xxhash.h>

/* One label and kind: where its PEM stands. Sorted by label, then by kind. */
struct credential_row {
    struct plan_str label;
    struct plan_str chain, key;
    uint64_t hash;
    uint32_t kind; /* enum credential_kind */
    uint32_t unused;
};

struct credentials {
    struct flat_head head;
    uint64_t generation;
    struct plan_array rows, strings;
};

/* Texts are copies in memory that is wiped. */
struct pending_row {
    char *bytes; /* label, chain and key, one after another */
    struct str label, chain, key;
    enum credential_kind kind;
};

struct credentials_builder {
    uint64_t generation;
    struct pending_row *rows;
    size_t count, capacity;
};

static const struct credential_row *row_at(const struct credentials *credentials, size_t i)
{
    return (const struct credential_row *)((const char *)credentials + credentials->rows.off) + i;
}

static struct str text_at(const struct credentials *credentials, struct plan_str text)
{
    return (struct str){(const char *)credentials + text.off, text.len};
}

static int compare(struct str label_a, uint32_t kind_a, struct str label_b, uint32_t kind_b)
{
    int order = flat_compare_labels(label_a, label_b);
    return order != 0 ? order : (kind_a > kind_b) - (kind_a < kind_b);
}

static uint64_t hash_of(uint32_t kind, struct str chain, struct str key)
{
    uint64_t parts[] = {kind, XXH3_64bits(chain.ptr, chain.len), XXH3_64bits(key.ptr, key.len)};
    return XXH3_64bits(parts, sizeof(parts));
}

/* ---- making ---- */

struct credentials_builder *credentials_builder_new(uint64_t generation)
{
    struct credentials_builder *builder = mem_alloc(sizeof(*builder));
    builder->generation = generation;
    return builder;
}

void credentials_builder_free(struct credentials_builder *builder)
{
    if (!builder)
        return;
    for (size_t i = 0; i < builder->count; i++) {
        struct pending_row *row = &builder->rows[i];
        explicit_bzero(row->bytes, row->label.len + row->chain.len + row->key.len);
        mem_free(row->bytes);
    }
    mem_free(builder->rows);
    mem_free(builder);
}

static struct str put(char **at, struct str text)
{
    struct str copy = {*at, text.len};
    if (text.len > 0)
        memcpy(*at, text.ptr, text.len);
    *at += text.len;
    return copy;
}

void credentials_builder_add(struct credentials_builder *builder, struct str label, enum credential_kind kind,
                             struct str chain, struct str key)
{
    if (builder->count == builder->capacity) {
        builder->capacity = builder->capacity ? builder->capacity * 2 : 16;
        builder->rows = mem_grow(builder->rows, builder->capacity * sizeof(*builder->rows));
    }
    struct pending_row *row = &builder->rows[builder->count++];
    char *at = mem_alloc_raw(label.len + chain.len + key.len + 1);
    *row = (struct pending_row){.bytes = at, .kind = kind};
    row->label = put(&at, label);
    row->chain = put(&at, chain);
    row->key = put(&at, key);
}

static int by_label(const void *a, const void *b)
{
    const struct pending_row *left = a, *right = b;
    return compare(left->label, left->kind, right->label, right->kind);
}

/* Places the arrays in the head; returns the size of the block. */
static uint64_t measure(const struct credentials_builder *builder, struct credentials *head)
{
    uint64_t text = 0, end = sizeof(*head);
    for (size_t i = 0; i < builder->count; i++)
        text += builder->rows[i].label.len + builder->rows[i].chain.len + builder->rows[i].key.len;
    head->rows = flat_place(&end, builder->count, sizeof(struct credential_row));
    head->strings = flat_place(&end, text, 1);
    return end;
}

static void fill(struct credentials *block, const struct credentials_builder *builder)
{
    struct credential_row *row = (struct credential_row *)((char *)block + block->rows.off);
    uint32_t text_end = block->strings.off;
    for (size_t i = 0; i < builder->count; i++, row++) {
        const struct pending_row *pending = &builder->rows[i];
        row->label = flat_add_text(block, &text_end, pending->label);
        row->chain = flat_add_text(block, &text_end, pending->chain);
        row->key = flat_add_text(block, &text_end, pending->key);
        row->hash = hash_of(pending->kind, pending->chain, pending->key);
        row->kind = pending->kind;
    }
}

int credentials_builder_seal(struct credentials_builder *builder, struct err *err)
{
    struct credentials head = {
        .head = {.magic = CREDENTIALS_MAGIC, .version = CREDENTIALS_VERSION},
        .generation = builder->generation,
    };
    uint64_t size = measure(builder, &head);
    if (size > CREDENTIALS_MAX_BYTES) {
        err_set(err, "%zu certificates, keys and bundles of authorities need %llu bytes, at most %u are allowed",
                builder->count, (unsigned long long)size, CREDENTIALS_MAX_BYTES);
        return -1;
    }
    if (builder->count > 0)
        qsort(builder->rows, builder->count, sizeof(*builder->rows), by_label);
    for (size_t i = 1; i < builder->count; i++) {
        if (by_label(&builder->rows[i - 1], &builder->rows[i]) == 0) {
            err_set(err, "the credentials %.*s were given twice", STR_ARG(builder->rows[i].label));
            return -1;
        }
    }
    struct credentials *block = mem_alloc(size);
    *block = head;
    fill(block, builder);
    int fd = flat_seal("umbra-credentials", block, size, err);
    explicit_bzero(block, size);
    mem_free(block);
    return fd;
}

/* ---- reading ---- */

static bool check_row(const struct credentials *credentials, uint32_t i, struct err *err)
{
    const struct credential_row *row = row_at(credentials, i);
    if (!flat_has_text(credentials->strings, row->label) || !flat_has_text(credentials->strings, row->chain) ||
        !flat_has_text(credentials->strings, row->key))
        return err_set(err, "credentials: a text of row %u is outside the strings", i);
    if (row->kind > CREDENTIAL_MARKER)
        return err_set(err, "credentials: row %u has the unknown kind %u", i, row->kind);
    if (!row->label.len || !row->chain.len || (row->key.len > 0) != (row->kind == CREDENTIAL_IDENTITY))
        return err_set(err, "credentials: row %u lacks a part, or has one that its kind has not", i);
    if (i == 0)
        return true;
    const struct credential_row *before = row_at(credentials, i - 1);
    if (compare(text_at(credentials, before->label), before->kind, text_at(credentials, row->label), row->kind) >= 0)
        return err_set(err, "credentials: row %u is not in order", i);
    return true;
}

bool credentials_check(const void *bytes, size_t len, struct err *err)
{
    static const struct flat_head want = {
        .magic = CREDENTIALS_MAGIC, .version = CREDENTIALS_VERSION, .size = sizeof(struct credentials)};
    const struct credentials *credentials = bytes;

    if (len > CREDENTIALS_MAX_BYTES)
        return err_set(err, "credentials have %zu bytes, which no valid ones have", len);
    if (!flat_check_head(bytes, len, &want, "credentials", err))
        return false;
    if (!flat_has_array(&credentials->head, sizeof(*credentials), credentials->rows, sizeof(struct credential_row)) ||
        !flat_has_array(&credentials->head, sizeof(*credentials), credentials->strings, 1))
        return err_set(err, "credentials: an array is outside the block");
    for (uint32_t i = 0; i < credentials->rows.count; i++) {
        if (!check_row(credentials, i, err))
            return false;
    }
    return true;
}

const struct credentials *credentials_map(int fd, struct err *err)
{
    const struct credentials *credentials = flat_map(fd, "credentials", credentials_check, err);
    if (!credentials)
        return NULL;
    void *block = (void *)(uintptr_t)credentials;
    if (madvise(block, credentials->head.size, MADV_DONTDUMP) < 0 ||
        madvise(block, credentials->head.size, MADV_DONTFORK) < 0) {
        err_errno(err, "credentials can't be kept out of core dumps and children");
        flat_unmap(credentials);
        return NULL;
    }
    return credentials;
}

void credentials_unmap(const struct credentials *credentials)
{
    flat_unmap(credentials);
}

bool credentials_eq(const struct credentials *a, const struct credentials *b)
{
    size_t from = offsetof(struct credentials, rows);
    return a->head.size == b->head.size &&
           memcmp((const char *)a + from, (const char *)b + from, a->head.size - from) == 0;
}

uint64_t credentials_generation(const struct credentials *credentials)
{
    return credentials->generation;
}

bool credentials_find(const struct credentials *credentials, struct str label, enum credential_kind kind,
                      struct credential *found)
{
    size_t low = 0, high = credentials->rows.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct credential_row *row = row_at(credentials, middle);
        int order = compare(label, kind, text_at(credentials, row->label), row->kind);
        if (order == 0) {
            *found = (struct credential){
                .kind = kind,
                .chain = text_at(credentials, row->chain),
                .key = text_at(credentials, row->key),
                .hash = row->hash,
            };
            return true;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}
