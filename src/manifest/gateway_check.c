/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/gateway_check.h"

#include "manifest/quote.h"
#include "manifest/schema_formats.h"

static void check_keys(const struct schema_list *pairs, const char *what, struct problems *problems)
{
    for (uint32_t i = 0; i < pairs->count; i++) {
        struct str key = SCHEMA_ITEM(*pairs, struct schema_pair, i)->key;
        const struct node *at = node_find(pairs->node, key);
        char quoted[QUOTE_TEXT];
        if (!is_qualified_name(key))
            problems_add(
                problems, SEVERITY_ERROR, STR_NONE, at ? at : pairs->node,
                "%s is no key of %s: it must be a name of at most 63 letters, digits, \"-\", \"_\" and \".\", "
                "with a DNS name of less than 253 characters and \"/\" before it or without, as example.com/team",
                quote_short(key, quoted), what);
    }
}

void check_infrastructure(const void *object, struct problems *problems)
{
    const struct gateway_infrastructure *infrastructure = object;
    check_keys(&infrastructure->labels, "a label", problems);
    check_keys(&infrastructure->annotations, "an annotation", problems);
}

void check_gateway_address(const void *object, struct problems *problems)
{
    const struct gateway_address *address = object;
    bool is_hostname = str_eq(address->type, STR("Hostname"));
    char quoted[QUOTE_TEXT];
    if (is_hostname && address->value.len > 0 && !format_hostname.is_valid(address->value))
        problems_add(problems, SEVERITY_ERROR, STR_NONE, place_of(address->node, "value"),
                     "%s is no hostname, which the type Hostname needs: write one as gateway.example.com, or set type",
                     quote_short(address->value, quoted));
}

void check_listener_tls(const void *object, struct problems *problems)
{
    const struct listener_tls *tls = object;
    if (tls->mode.value == TLS_TERMINATE && tls->certificate_refs.count == 0 && tls->options.count == 0)
        problems_add_member(problems, SEVERITY_ERROR, STR_NONE, tls->node, "certificateRefs",
                            "the mode Terminate needs a certificate: name the Secret that holds it");
}

static bool is_one_of(struct str text, const char *const *words)
{
    for (; *words; words++) {
        if (str_eq(text, str_from_c(*words)))
            return true;
    }
    return false;
}

void check_listener(const void *object, struct problems *problems)
{
    static const char *const without_tls[] = {"HTTP", "TCP", "UDP", NULL};
    static const char *const without_hostname[] = {"TCP", "UDP", NULL};
    const struct gateway_listener *listener = object;
    if (listener->tls && is_one_of(listener->protocol, without_tls))
        problems_add(problems, SEVERITY_ERROR, STR_NONE, listener->tls->node,
                     "the protocol %.*s has no TLS: remove tls, or set protocol: HTTPS", STR_ARG(listener->protocol));
    if (listener->tls && str_eq(listener->protocol, STR("HTTPS")) && listener->tls->mode.value != TLS_TERMINATE)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, place_of(listener->tls->node, "mode"),
                     "the protocol HTTPS ends TLS here: set mode: Terminate, or protocol: TLS");
    if (!listener->tls && str_eq(listener->protocol, STR("TLS")))
        problems_add_member(problems, SEVERITY_ERROR, STR_NONE, listener->node, "tls",
                            "the protocol TLS needs tls with its mode: Terminate or Passthrough");
    if (listener->hostname.len > 0 && is_one_of(listener->protocol, without_hostname))
        problems_add(problems, SEVERITY_ERROR, STR_NONE, place_of(listener->node, "hostname"),
                     "the protocol %.*s knows no hostnames: remove hostname", STR_ARG(listener->protocol));
}

static void check_unique_listeners(const struct gateway_spec *spec, struct problems *problems)
{
    for (uint32_t i = 1; i < spec->listeners.count; i++) {
        const struct gateway_listener *later = SCHEMA_ITEM(spec->listeners, struct gateway_listener, i);
        for (uint32_t j = 0; j < i; j++) {
            const struct gateway_listener *earlier = SCHEMA_ITEM(spec->listeners, struct gateway_listener, j);
            if (earlier->port.value != later->port.value || !str_eq(earlier->protocol, later->protocol) ||
                !str_eq(earlier->hostname, later->hostname))
                continue;
            problems_add(problems, SEVERITY_ERROR, STR_NONE, later->node,
                         "has the same port, protocol and hostname as the listener %.*s: change one of the three",
                         STR_ARG(earlier->name));
            break;
        }
    }
}

static void check_unique_addresses(const struct gateway_spec *spec, struct problems *problems)
{
    for (uint32_t i = 1; i < spec->addresses.count; i++) {
        const struct gateway_address *later = SCHEMA_ITEM(spec->addresses, struct gateway_address, i);
        bool is_compared = str_eq(later->type, STR("IPAddress")) || str_eq(later->type, STR("Hostname"));
        for (uint32_t j = 0; is_compared && later->value.ptr && j < i; j++) {
            const struct gateway_address *earlier = SCHEMA_ITEM(spec->addresses, struct gateway_address, j);
            if (!earlier->value.ptr || !str_eq(earlier->type, later->type) || !str_eq(earlier->value, later->value))
                continue;
            problems_add(problems, SEVERITY_ERROR, STR_NONE, later->node,
                         "is the same address as addresses[%u]: remove one of them", j);
            break;
        }
    }
}

void check_gateway_spec(const void *object, struct problems *problems)
{
    const struct gateway_spec *spec = object;
    check_unique_listeners(spec, problems);
    check_unique_addresses(spec, problems);
}
