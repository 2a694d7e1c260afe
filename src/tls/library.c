/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/library.h"

#include "base/assert.h"

#include <openssl/ssl.h>

void tls_library_start(void)
{
    ASSERT(OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL) == 1);
}
