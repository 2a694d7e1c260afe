/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of VirtualService that concern several fields: what Istio refuses as well, and what this version reads in part only.
 * Called by schema_decode. Lifetime: the manifests'. Thread: any. */
#pragma once

#include "manifest/virtual_service.h"

void check_istio_match(const void *match, struct problems *problems);
void check_istio_redirect(const void *redirect, struct problems *problems);
void check_istio_body(const void *body, struct problems *problems);
void check_istio_rewrite(const void *rewrite, struct problems *problems);
void check_istio_regex_rewrite(const void *rewrite, struct problems *problems);
void check_istio_retries(const void *retries, struct problems *problems);
void check_istio_cors(const void *cors, struct problems *problems);
void check_istio_route(const void *route, struct problems *problems);
void check_virtual_service_spec(const void *spec, struct problems *problems);

/* What retryOn says, word by word: the statuses that it asks for, as bits of enum istio_retry_word, and codes written as numbers.
 * Words that this version does not act on are left out; false when one is none at all, `*word` is the first such then. */
enum istio_retry_word {
    ISTIO_RETRY_5XX = 1,
    ISTIO_RETRY_GATEWAY_ERROR = 2,
    ISTIO_RETRY_CONNECT_FAILURE = 4,
    ISTIO_RETRY_RESET = 8,
    ISTIO_RETRY_RETRIABLE_4XX = 16,
    ISTIO_RETRY_REFUSED_STREAM = 32,
};
/* The meaning of a word: bits, or a status from 100 to 599 in `*code`. 0 and no code: not acted on. False: no such word. */
bool istio_retry_word(struct str word, unsigned *bits, uint32_t *code) __attribute__((warn_unused_result));
