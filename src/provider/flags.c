/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/flags.h"

#define DEFAULT_PORT 80
#define CONTROL SIZE_MAX /* in place of a shadow's number */

/* The number of the first target with a label, of live, which is 0, and the first `count` shadows; else `otherwise`. */
static size_t first_with(const struct flags_input *input, struct str label, size_t count, size_t otherwise)
{
    if (str_eq(input->live.label, label))
        return 0;
    for (size_t i = 0; i < count; i++) {
        if (str_eq(input->shadows[i].label, label))
            return i + 1;
    }
    return otherwise;
}

/* The number of the first target that goes where a shadow goes. */
static size_t first_same(const struct flags_input *input, size_t index)
{
    return first_with(input, input->shadows[index - 1].label, index - 1, index);
}

static size_t control_number(const struct flags_input *input)
{
    return first_with(input, input->control->label, input->shadow_count, CONTROL);
}

static void add_name(struct strbuf *out, size_t number)
{
    if (number == 0)
        strbuf_add(out, STR("live"));
    else if (number == CONTROL)
        strbuf_add(out, STR("control"));
    else
        strbuf_printf(out, "shadow-%zu", number);
}

static void add_ref(struct strbuf *out, size_t number)
{
    strbuf_add(out, STR("{group: umbra.dev, kind: Backend, name: "));
    add_name(out, number);
    strbuf_add(out, STR("}\n"));
}

static void add_gateway(struct strbuf *out, const struct flags_input *input)
{
    strbuf_printf(out,
                  "apiVersion: gateway.networking.k8s.io/v1\n"
                  "kind: Gateway\n"
                  "metadata:\n"
                  "  name: quickstart\n"
                  "spec:\n"
                  "  gatewayClassName: umbra\n"
                  "  listeners:\n"
                  "  - name: http\n"
                  "    protocol: HTTP\n"
                  "    port: %u\n",
                  input->listen.port ? input->listen.port : DEFAULT_PORT);
}

static void add_mirror(struct strbuf *out, const struct flags_target *shadow, size_t number)
{
    strbuf_add(out, STR("    - type: RequestMirror\n"
                        "      requestMirror:\n"
                        "        backendRef: "));
    add_ref(out, number);
    if (shadow->numerator == shadow->denominator)
        return;
    if (shadow->denominator == 100)
        strbuf_printf(out, "        percent: %u\n", shadow->numerator);
    else
        strbuf_printf(out, "        fraction: {numerator: %u, denominator: %u}\n", shadow->numerator,
                      shadow->denominator);
}

static void add_route(struct strbuf *out, const struct flags_input *input)
{
    strbuf_add(out, STR("---\n"
                        "apiVersion: gateway.networking.k8s.io/v1\n"
                        "kind: HTTPRoute\n"
                        "metadata:\n"
                        "  name: quickstart\n"
                        "spec:\n"
                        "  parentRefs:\n"
                        "  - name: quickstart\n"
                        "  rules:\n"
                        "  - name: \"0\"\n"));
    if (input->shadow_count > 0)
        strbuf_add(out, STR("    filters:\n"));
    for (size_t i = 1; i <= input->shadow_count; i++)
        add_mirror(out, &input->shadows[i - 1], first_same(input, i));
    strbuf_add(out, STR("    backendRefs:\n    - "));
    add_ref(out, 0);
}

static void add_backend(struct strbuf *out, const struct flags_target *target, size_t number)
{
    strbuf_add(out, STR("---\n"
                        "apiVersion: umbra.dev/v1alpha1\n"
                        "kind: Backend\n"
                        "metadata:\n"
                        "  name: "));
    add_name(out, number);
    strbuf_add(out, STR("\n"
                        "  annotations:\n"
                        "    umbra.dev/label: "));
    strbuf_add_json(out, target->label);
    strbuf_add(out, STR("\n"
                        "spec:\n"
                        "  endpoints:\n"
                        "  - host: "));
    strbuf_add_json(out, target->host);
    strbuf_add(out, STR("\n"));
    if (target->port != 0)
        strbuf_printf(out, "    port: %u\n", target->port);
}

static void add_key(struct strbuf *out, const struct flags_input *input)
{
    static const char *const named[] = {[KEY_HEADER] = "header", [KEY_COOKIE] = "cookie", [KEY_QUERY] = "query"};
    strbuf_add(out, STR("    key:\n      "));
    switch (input->key) {
    case KEY_NONE: break;
    case KEY_HEADER:
    case KEY_COOKIE:
    case KEY_QUERY:
        strbuf_printf(out, "%s: ", named[input->key]);
        strbuf_add_json(out, input->key_name);
        break;
    case KEY_CLIENT_IP: strbuf_add(out, STR("clientIP: true")); break;
    case KEY_TRACE_ID: strbuf_add(out, STR("traceID: true")); break;
    }
    strbuf_add(out, STR("\n"));
}

static void add_policy(struct strbuf *out, const struct flags_input *input)
{
    static const char *const modes[] = {"Even", "Random", "Hash"};
    strbuf_add(out, STR("---\n"
                        "apiVersion: umbra.dev/v1alpha1\n"
                        "kind: MirrorPolicy\n"
                        "metadata:\n"
                        "  name: quickstart\n"
                        "spec:\n"
                        "  targetRefs:\n"
                        "  - group: gateway.networking.k8s.io\n"
                        "    kind: HTTPRoute\n"
                        "    name: quickstart\n"));
    if (!input->is_mirroring_writes)
        strbuf_add(out, STR("  methods: [GET, HEAD, OPTIONS]\n"));
    strbuf_printf(out, "  sampling:\n    mode: %s\n", modes[input->sampling]);
    if (input->sampling == SAMPLING_HASH)
        add_key(out, input);
    if (input->control) {
        strbuf_add(out, STR("  compare:\n"
                            "    control:\n"
                            "      backendRef: "));
        add_ref(out, control_number(input));
    }
}

void flags_manifest(const struct flags_input *input, struct strbuf *out)
{
    add_gateway(out, input);
    add_route(out, input);
    add_backend(out, &input->live, 0);
    for (size_t i = 1; i <= input->shadow_count; i++) {
        if (first_same(input, i) == i)
            add_backend(out, &input->shadows[i - 1], i);
    }
    if (input->control && control_number(input) == CONTROL)
        add_backend(out, input->control, CONTROL);
    if (input->shadow_count > 0)
        add_policy(out, input);
}
