/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor: starts, watches and restarts gateway and control; owns listening sockets, the admin socket, the
 * registry and the last plan, endpoints and credentials, and gives them to whatever it starts. Takes no network input: it talks
 * to its children over channels, and to a successor (`--replace`) over a Unix socket of the same user.
 * Lifetime: the process. Thread: main, the only one. */
#pragma once

#include "app/options.h"

/* Runs until it is told to end. Returns the exit code. */
int supervisor_run(const struct options *options);
