/* SPDX-License-Identifier: Apache-2.0 */
/* The values of the options that go with --kube. */
#include "app/option_values.h"
#include "manifest/schema_formats.h"

#include <string.h>

OPTION_PARSER(option_kube)
{
    (void)value;
    (void)err;
    options->settings.is_kube = true;
    return true;
}

OPTION_PARSER(option_allow_backends)
{
    (void)value;
    (void)err;
    options->settings.allows_backends = true;
    return true;
}

static bool copy_text(char *to, size_t size, struct str value, const char *what, struct err *err)
{
    if (value.len == 0)
        return err_set(err, "not %s", what);
    if (value.len >= size)
        return err_set(err, "longer than %zu bytes", size - 1);
    memcpy(to, value.ptr, value.len);
    to[value.len] = '\0';
    return true;
}

OPTION_PARSER(option_kubeconfig)
{
    return copy_text(options->settings.kubeconfig, sizeof(options->settings.kubeconfig), value, "a file name", err);
}

OPTION_PARSER(option_kube_context)
{
    return copy_text(options->settings.kube_context, sizeof(options->settings.kube_context), value,
                     "the name of a context", err);
}

OPTION_PARSER(option_class)
{
    return copy_text(options->settings.gateway_class, sizeof(options->settings.gateway_class), value,
                     "the name of a GatewayClass", err);
}

static bool is_name(struct str text)
{
    return text.len > 0 && format_dns_label.is_valid(text);
}

static bool add_namespace(struct settings *settings, struct str name, struct err *err)
{
    size_t used = 0;
    for (uint32_t i = 0; i < settings->namespace_count; i++)
        used += strlen(settings->namespaces + used) + 1;
    if (!is_name(name))
        return err_set(err, "\"%.*s\" is not the name of a namespace: a to z, 0 to 9 and - inside, at most 63",
                       STR_ARG(name));
    if (settings->namespace_count == SETTINGS_MAX_NAMESPACES || used + name.len + 1 > sizeof(settings->namespaces))
        return err_set(err, "more than %d namespaces; leave --namespace out to read all", SETTINGS_MAX_NAMESPACES);
    memcpy(settings->namespaces + used, name.ptr, name.len);
    settings->namespace_count++;
    return true;
}

OPTION_PARSER(option_namespace)
{
    for (;;) {
        size_t comma = str_find_char(value, ',');
        if (!add_namespace(&options->settings, str_slice(value, 0, comma), err))
            return false;
        if (comma == value.len)
            return true;
        value = str_slice(value, comma + 1, value.len);
    }
}

OPTION_PARSER(option_publish_service)
{
    size_t slash = str_find_char(value, '/');
    if (!is_name(str_slice(value, 0, slash)) || slash == value.len || !is_name(str_slice(value, slash + 1, value.len)))
        return err_set(err, "write the Service as NAMESPACE/NAME, for instance umbra/umbra");
    return copy_text(options->settings.publish_service, sizeof(options->settings.publish_service), value, "a Service",
                     err);
}
