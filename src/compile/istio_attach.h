/* SPDX-License-Identifier: Apache-2.0 */
/* Where the requests of a VirtualService come in: the listeners of the Gateways that it names, of Istio or of the Gateway API, and which of
 * their hosts. Lifetime: istio_attachment_deinit; its arrays are reused from one to the next. Thread: control's. */
#pragma once

#include "compile/attach.h"

struct istio_way {
    struct str gateway; /* "namespace/name" */
    struct rule_binding binding;
};
struct istio_attachment {
    struct istio_way *ways;
    size_t count, capacity;
    struct attachment api; /* the Gateway API's listeners among them, for policies; without bindings */
};
void istio_attachment_deinit(struct istio_attachment *attachment);

/* What does not attach is said. */
void istio_attach(struct compiler *compiler, const struct aged *service, struct istio_attachment *attachment);

/* The bindings by the Gateways that a match names, or by all; in the compiler's arena, each once. */
struct rule_binding *istio_bindings(struct compiler *compiler, const struct istio_attachment *attachment,
                                    const struct schema_list *gateways, struct str ns, size_t *count);
