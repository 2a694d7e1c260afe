/* SPDX-License-Identifier: Apache-2.0 */
/* A kind that has every type of field, and manifests of it for tests and fuzzing. Lifetime: constant; loads by
 * sample_unload. Thread: the test's. */
#pragma once

#include "manifest/document.h"
#include "manifest/schema.h"

enum sample_path_type { SAMPLE_EXACT, SAMPLE_PREFIX, SAMPLE_REGEX };
struct sample_path {
    const struct node *node;
    struct schema_int type;
    struct str value, mode;
};
struct sample_header {
    const struct node *node;
    struct str name, value;
};
struct sample_match {
    const struct node *node;
    struct sample_path *path;
    struct schema_list headers; /* struct sample_header */
    struct str method;
};
struct sample_rule {
    const struct node *node;
    struct str name;
    struct schema_list matches; /* struct sample_match */
    struct schema_int weight;
    struct schema_list codes; /* struct schema_int */
};
struct sample_login {
    const struct node *node;
    struct str user, password;
    struct schema_int pin;
};
struct sample_spec {
    const struct node *node;
    struct schema_list hostnames; /* struct str */
    struct schema_list rules;     /* struct sample_rule */
    struct schema_int timeout, window, share, suspend, status, mode, replicas;
    struct str target_port, ns;
    struct schema_list labels, secrets; /* struct schema_pair */
    struct sample_login *login;
    struct schema_list modes; /* struct schema_int */
};
struct sample_meta {
    const struct node *node;
    struct str name;
    struct schema_list labels; /* struct schema_pair */
};
struct sample {
    const struct node *node;
    struct str api_version, kind;
    struct sample_meta *metadata;
    struct sample_spec *spec;
};
extern const struct schema sample_schema;

/* The last document of a text, decoded. */
struct sample_load {
    struct arena arena;
    struct problems problems;
    struct source source;
    struct sample sample;
    bool is_decoded, from_server;
};
void sample_load(struct sample_load *load, struct str text, bool from_server);
void sample_unload(struct sample_load *load);
