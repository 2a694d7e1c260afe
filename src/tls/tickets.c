/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/tickets.h"

#include "base/assert.h"
#include "base/mem.h"
#include "tls/library.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#define WORDS (sizeof(struct tls_ticket_key) / sizeof(uint64_t))
_Static_assert(sizeof(struct tls_ticket_key) % sizeof(uint64_t) == 0, "a key is copied by words");

enum { PRESENT, BEFORE, KEYS };

/* A sequence lock: `turn` is odd while keys change. Readers copy words and keep them when `turn` was even and is still the same. The words
 * are atomic, with orders that keep them between both looks at `turn`. */
struct tls_tickets {
    _Atomic uint64_t turn;
    _Atomic uint64_t keys[KEYS][WORDS];
    pthread_mutex_t rotation; /* one rotation at a time */
};

static void put_key(struct tls_tickets *tickets, unsigned which, const uint64_t words[WORDS])
{
    for (size_t i = 0; i < WORDS; i++)
        atomic_store_explicit(&tickets->keys[which][i], words[i], memory_order_release);
}

static void get_key(struct tls_tickets *tickets, unsigned which, uint64_t words[WORDS])
{
    for (size_t i = 0; i < WORDS; i++)
        words[i] = atomic_load_explicit(&tickets->keys[which][i], memory_order_acquire);
}

static void make_key(uint64_t words[WORDS])
{
    ASSERT(RAND_priv_bytes((unsigned char *)words, (int)(WORDS * sizeof *words)) == 1);
}

struct tls_tickets *tls_tickets_new(void)
{
    tls_library_start();
    struct tls_tickets *tickets = mem_alloc(sizeof *tickets);
    pthread_mutex_init(&tickets->rotation, NULL);
    tls_tickets_rotate(tickets);
    tls_tickets_rotate(tickets); /* nobody knows the one before: it opens nothing */
    return tickets;
}

void tls_tickets_free(struct tls_tickets *tickets)
{
    pthread_mutex_destroy(&tickets->rotation);
    OPENSSL_cleanse((void *)tickets->keys, sizeof tickets->keys);
    mem_free(tickets);
}

void tls_tickets_rotate(struct tls_tickets *tickets)
{
    uint64_t fresh[WORDS], present[WORDS];
    make_key(fresh);
    pthread_mutex_lock(&tickets->rotation);
    get_key(tickets, PRESENT, present);
    uint64_t turn = atomic_load_explicit(&tickets->turn, memory_order_relaxed);
    atomic_store_explicit(&tickets->turn, turn + 1, memory_order_relaxed);
    put_key(tickets, BEFORE, present);
    put_key(tickets, PRESENT, fresh);
    atomic_store_explicit(&tickets->turn, turn + 2, memory_order_release);
    pthread_mutex_unlock(&tickets->rotation);
    OPENSSL_cleanse(fresh, sizeof fresh);
    OPENSSL_cleanse(present, sizeof present);
}

static bool copy_key(struct tls_tickets *tickets, unsigned which, struct tls_ticket_key *key)
{
    uint64_t words[WORDS];
    uint64_t turn = atomic_load_explicit(&tickets->turn, memory_order_acquire);
    get_key(tickets, which, words);
    bool is_whole = !(turn & 1) && atomic_load_explicit(&tickets->turn, memory_order_relaxed) == turn;
    memcpy(key, words, sizeof *key);
    OPENSSL_cleanse(words, sizeof words);
    return is_whole;
}

enum tls_ticket_found tls_tickets_find(struct tls_tickets *tickets, const unsigned char *name,
                                       struct tls_ticket_key *key)
{
    static const enum tls_ticket_found found[KEYS] = {TLS_TICKET_PRESENT, TLS_TICKET_BEFORE};
    unsigned last = name ? BEFORE : PRESENT;
    for (unsigned which = PRESENT; which <= last; which++)
        if (copy_key(tickets, which, key) && (!name || memcmp(key->name, name, sizeof key->name) == 0))
            return found[which];
    OPENSSL_cleanse(key, sizeof *key);
    return TLS_TICKET_NONE;
}
