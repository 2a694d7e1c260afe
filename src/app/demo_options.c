/* SPDX-License-Identifier: Apache-2.0 */
/* The values of options that only `umbra demo` has. */
#include "app/demo_load.h"
#include "app/option_values.h"

#define MIN_DURATION_MS 1000
#define MAX_DURATION_MS (24u * 60 * 60 * 1000)

OPTION_PARSER(option_demo_admin)
{
    if (!option_admin(options, value, err))
        return false;
    return address_is_loopback(&options->settings.admin) ||
           err_set(err, "the demo's admin port asks for no token, so it stays on this machine; write 127.0.0.1:PORT");
}

OPTION_PARSER(option_demo_rate)
{
    uint64_t rate;
    if (!str_to_u64(value, &rate) || rate < 1 || rate > LOAD_MAX_RATE)
        return err_set(err, "write a number of requests a second, from 1 to %d", LOAD_MAX_RATE);
    options->demo.rate = (uint32_t)rate;
    return true;
}

OPTION_PARSER(option_demo_duration)
{
    uint64_t ms;
    if (!str_to_ms(value, &ms) || ms < MIN_DURATION_MS || ms > MAX_DURATION_MS)
        return err_set(err, "not a time from 1s to 24h; write 5s, 2m or 1m30s");
    options->demo.duration_ms = (uint32_t)ms;
    return true;
}

OPTION_PARSER(option_demo_play)
{
    (void)value, (void)err;
    options->demo.is_play = true;
    return true;
}
