/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL as a whole: started without its configuration file, since the gateway opens no files and rules alone say what TLS does; never ended, as
 * threads may still use it when the process ends.
 * Lifetime: the process. Thread: any; whoever makes the first object of this folder starts it. */
#pragma once

void tls_library_start(void);
