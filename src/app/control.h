/* SPDX-License-Identifier: Apache-2.0 */
/* The control process: reads rules, resolves names, compiles the plan, serves the admin port. May die at any time without
 * an effect on traffic. */
#pragma once

/* `umbra control`, started by the supervisor with its channel at IPC_FD. Returns the exit code. */
int control_main(void);
