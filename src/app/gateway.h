/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway process: parses HTTP framing and heads from hostile peers, forwards bytes, sends copies. Holds no token,
 * opens no file, resolves no name, never interprets a body, never execs or binds after start. */
#pragma once

/* `umbra gateway`, started by the supervisor with its channel at IPC_FD. Returns the exit code. */
int gateway_main(void);
