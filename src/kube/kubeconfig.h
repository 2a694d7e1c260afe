/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a kubeconfig as a configuration. What it names by paths is read as well. Lifetime: none. Thread: control's. */
#pragma once

#include "kube/config.h"

/* `path` is where the text is from: for messages, and what relative paths in it are relative to. Fills `config`, whose members are then the
 * caller's to free also when this fails. */
bool kubeconfig_read(struct kube_config *config, struct str text, const char *path, const char *context,
                     struct err *err) __attribute__((warn_unused_result));

/* Shared with kube/config.c. */

/* Takes the place of what is there, which is wiped. */
void config_set(struct str *member, struct str value);
/* A file's text, trimmed when it is a token. */
bool config_read_token(struct str *token, struct str file, struct err *err) __attribute__((warn_unused_result));
bool config_read_pem(struct str *pem, struct str file, struct err *err) __attribute__((warn_unused_result));
/* Sets it when it can stand in a header field. */
bool config_take_token(struct str *token, struct str text, struct err *err) __attribute__((warn_unused_result));
/* Whether all that TLS needs can be used. */
bool config_check_tls(const struct kube_config *config, struct err *err) __attribute__((warn_unused_result));
