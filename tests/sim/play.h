/* SPDX-License-Identifier: Apache-2.0 */
/* What every file of plays begins with. Lifetime: a test program. Thread: one. */
#pragma once

#include "sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define OK_2 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define EMPTY_200 "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

/* A play without mirrors, and one with a shadow that the test speaks for. */
#define PLAIN (&(struct sim_rules){.mirrors = 0})
#define MIRRORED (&(struct sim_rules){.mirrors = 1})
