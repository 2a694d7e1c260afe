/* SPDX-License-Identifier: Apache-2.0 */
/* The input as a kubeconfig: what is accepted is whole and can stand in a request, and what is not is said in a sentence. Its paths lead to
 * nothing: they are below a directory that does not exist, or are the machine's own, of which none is a certificate and its key. */
#include "base/assert.h"
#include "base/mem.h"
#include "kube/kubeconfig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct kube_config *config = mem_alloc(sizeof *config);
    struct err err = {""};
    if (kubeconfig_read(config, (struct str){(const char *)data, len}, "/nowhere/config", NULL, &err)) {
        ASSERT(config->host.len && config->port && config->server_name.len && config->ca_pem.len && config->ns.len);
        ASSERT(!memchr(config->base_path.ptr, '\n', config->base_path.len));
        ASSERT(!config->base_path.len || config->base_path.ptr[0] == '/');
        ASSERT(!config->token.len || !memchr(config->token.ptr, '\n', config->token.len));
    } else {
        ASSERT(strstr(err.text, "/nowhere/config"));
    }
    kube_config_free(config);
    return 0;
}
