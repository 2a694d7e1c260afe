/* SPDX-License-Identifier: Apache-2.0 */
/* The analyst process: interprets what was recorded, keeps what comes of it, and answers control's questions. It may die at any time without an
 * effect on traffic; its supervisor starts another, which goes on with the next record. */
#pragma once

/* `umbra analyst`, started by the supervisor with its channel at IPC_FD. Returns the exit code. */
int analyst_main(void);
