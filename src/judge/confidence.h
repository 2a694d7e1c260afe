/* SPDX-License-Identifier: Apache-2.0 */
/* The tests of docs/judging.md, as pure functions of counts. All but sign_tail are valid at any time: looking after every pair does not make errors likelier.
 * Thread: any. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Logarithm of the evidence (an e-value) that `signal` of signal + noise coins fell more often than half. Above log(1 / alpha): rejected. */
double sign_evidence(uint64_t signal, uint64_t noise);
/* The plain one-sided p-value of the same, for suspicion only. */
double sign_tail(uint64_t signal, uint64_t noise);
/* The rate that `count` of `total` says is exceeded, but for a chance of alpha at any time. */
double rate_low(uint64_t count, uint64_t total, double alpha);
