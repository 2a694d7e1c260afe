/* SPDX-License-Identifier: Apache-2.0 */
#include "app/control.h"

#include "app/commands.h"
#include "app/control_state.h"
#include "app/log_sink.h"
#include "app/privileges.h"
#include "base/log.h"
#include "base/mem.h"
#include "plan/check.h"
#include "plan/credentials.h"

#include <unistd.h>

_Static_assert(sizeof(struct settings) <= IPC_MAX_PAYLOAD, "settings fit one message");

static void end_unheard(struct control *control)
{
    log_error("the supervisor does not take messages");
    control->exit_code = EXIT_FAILED;
    loop_stop(control->loop);
}

void control_tell(struct control *control, enum ipc_type type, struct str payload, const int *fds, size_t fd_count)
{
    if (!ipc_send(IPC_FD, type, payload, fds, fd_count))
        end_unheard(control);
}

void control_tell_parts(struct control *control, const struct ipc_parts *parts)
{
    if (!ipc_send_parts(IPC_FD, parts))
        end_unheard(control);
}

/* Why no answer is compared as long as these rules are in force; NULL: some are. */
static const char *why_not_compared(const struct control *control)
{
    const struct plan *plan = control->plan;
    if (!control->settings.is_comparing)
        return "comparing is off: this run was started with --compare off";
    if (!control->has_rings)
        return "comparing is off: there is no room for what it needs; an eighth of --mirror-budget must be at least 64 "
               "KiB for "
               "each worker, and the log says what else was missing";
    for (size_t i = 0; plan && i < plan->mirrors.count; i++) {
        const struct plan_mirror *mirror = PLAN_MIRROR(plan, i);
        if (!mirror->is_control && mirror->comparison != PLAN_NONE)
            return NULL;
    }
    return "comparing is off: the rules have no mirror whose answers are compared";
}

void control_compare(struct control *control)
{
    const char *why_not = why_not_compared(control);
    uint32_t is_comparing = why_not == NULL;
    asker_set_off(control->asker, why_not);
    control_tell(control, IPC_COMPARING, (struct str){(const char *)&is_comparing, sizeof(is_comparing)}, NULL, 0);
}

static void on_drain(struct control *control, const struct ipc_message *message)
{
    struct ipc_drain drain;
    if (message->len != sizeof(drain))
        return;
    memcpy(&drain, message->payload, sizeof(drain));
    control->is_succeeded = drain.is_takeover;
    replica_drain(control);
    admin_server_drain(control->admin_server, drain.is_takeover);
}

static void on_in_force(struct control *control, const struct ipc_message *message)
{
    uint64_t generation;
    if (message->len != sizeof(generation))
        return;
    memcpy(&generation, message->payload, sizeof(generation));
    publish_in_force(control, generation);
}

static void on_analyst(struct control *control, struct ipc_message *message)
{
    if (message->fd_count != 1)
        return;
    asker_set_channel(control->asker, message->fds[0]);
    message->fd_count = 0;
}

static void on_message(struct control *control)
{
    struct ipc_message *message = &control->message;
    switch (message->type) {
    case IPC_BOUND: publish_bound(control, message); break;
    case IPC_DRAIN: on_drain(control, message); break;
    case IPC_RELOAD: rules_reload(control); break;
    case IPC_IN_FORCE: on_in_force(control, message); break;
    case IPC_ANALYST: on_analyst(control, message); break;
    default: log_warn("an unexpected message (%d) of the supervisor", (int)message->type); break;
    }
}

static void on_channel(struct watch *watch, uint32_t events)
{
    (void)events;
    struct control *control = CONTAINER_OF(watch, struct control, channel);
    switch (ipc_receive(watch->fd, &control->message)) {
    case IPC_OK:
        on_message(control);
        ipc_discard(&control->message);
        break;
    case IPC_AGAIN: break;
    case IPC_CLOSED: loop_stop(control->loop); break;
    case IPC_BROKEN:
        control->exit_code = EXIT_FAILED;
        loop_stop(control->loop);
        break;
    }
}

static int take_fd(struct ipc_message *message)
{
    message->fd_count = 0;
    return message->fds[0];
}

/* What is in force. A predecessor of another version may have others; then all is made anew. */
static void take_in_force(struct control *control, struct ipc_message *message)
{
    struct err err;
    struct ipc_parts parts = IPC_PARTS_NONE;
    uint32_t came = ipc_take_parts(message, &parts);
    if (came >> IPC_PART_ENDPOINTS & 1)
        control->endpoints = endpoints_map(parts.fds[IPC_PART_ENDPOINTS], &err);
    if (came >> IPC_PART_CREDENTIALS & 1)
        control->credentials = credentials_map(parts.fds[IPC_PART_CREDENTIALS], &err);
    if (came >> IPC_PART_PLAN & 1)
        control->plan = plan_map(parts.fds[IPC_PART_PLAN], &err);
    if (control->plan) {
        control->plan_fd = parts.fds[IPC_PART_PLAN];
        parts.fds[IPC_PART_PLAN] = -1;
    }
    ipc_close_parts(&parts);
}

static bool take_source(struct control *control, struct ipc_message *message, struct err *err)
{
    uint32_t index;
    if (message->len != sizeof(index) || message->fd_count != 1)
        return err_set(err, "no text of a pipe came");
    memcpy(&index, message->payload, sizeof(index));
    if (index >= control->sources.count)
        return err_set(err, "the text of a path that nobody gave");
    control->sources.list[index].fd = take_fd(message);
    return true;
}

static bool take_records(struct control *control, struct ipc_message *message, struct err *err)
{
    struct ipc_records payload;
    if (message->len != sizeof(payload))
        return err_set(err, "no rings came");
    memcpy(&payload, message->payload, sizeof(payload));
    control->has_rings = records_open(&control->records, RECORDS_FOR_CONTROL, message->fds, message->fd_count,
                                      payload.workers, payload.capacity, err);
    return control->has_rings;
}

static void confine(const struct control *control)
{
    struct err err;
    privileges_drop(ROLE_CONTROL);
    if (control->settings.is_sandboxed && !privileges_confine(ROLE_CONTROL, &err))
        log_error("control has no filter of its own, only the supervisor's: %s", err.text);
}

/* One of the messages that a control is started with. */
static bool take_start(struct control *control, struct ipc_message *message, struct err *err)
{
    switch (message->type) {
    case IPC_SETTINGS:
        if (message->len != sizeof(control->settings))
            return err_set(err, "settings of another version");
        memcpy(&control->settings, message->payload, sizeof(control->settings));
        log_sink_start("control", &control->settings);
        sources_init(&control->sources, &control->settings);
        confine(control);
        return true;
    case IPC_SOURCE: return take_source(control, message, err);
    case IPC_REGISTRY:
        if (message->fd_count != 1)
            return err_set(err, "no registry came");
        control->registry = registry_open(message->fds[0], err);
        return control->registry != NULL;
    case IPC_LAST_GOOD:
        if (message->fd_count == 1)
            control->last_good_fd = take_fd(message);
        return true;
    case IPC_PLAN: take_in_force(control, message); return true;
    case IPC_RECORDS: return take_records(control, message, err);
    case IPC_ADMIN:
        if (message->fd_count != 1 || message->len != sizeof(control->admin))
            return err_set(err, "no admin socket came");
        memcpy(&control->admin, message->payload, sizeof(control->admin));
        control->admin_fd = take_fd(message);
        return true;
    default: return err_set(err, "an unexpected message (%d) of the supervisor", (int)message->type);
    }
}

static bool take_starts(struct control *control, struct err *err)
{
    while (control->admin_fd < 0) {
        if (!ipc_wait(IPC_FD, &control->message))
            return err_set(err, "the supervisor is gone");
        bool is_taken = take_start(control, &control->message, err);
        ipc_discard(&control->message);
        if (!is_taken)
            return false;
    }
    return control->registry || err_set(err, "no registry came");
}

static void start_admin(struct control *control)
{
    const struct settings *settings = &control->settings;
    for (size_t i = 0; i < settings->admin_host_count; i++)
        control->admin_hosts[i] = str_from_c(settings->admin_hosts[i]);
    struct admin_config config = {
        .registry = control->registry,
        .token = str_from_c(settings->admin_token),
        .hosts = control->admin_hosts,
        .host_count = settings->admin_host_count,
        .analyst = asker_figures(control->asker),
        .relay = &asker_relay,
        .relay_user = control->asker,
    };
    control->admin_server = admin_server_new(control->loop, &config);
    admin_server_listen(control->admin_server, control->admin_fd);
}

static bool control_start(struct control *control, struct err *err)
{
    control->admin_fd = control->plan_fd = control->last_good_fd = -1;
    if (!take_starts(control, err))
        return false;
    control->loop = loop_new(err);
    if (!control->loop)
        return false;
    control->channel = (struct watch){.fd = IPC_FD, .on_ready = on_channel};
    loop_add_shared(control->loop, &control->channel);
    control->asker = asker_new(control->loop);
    asker_set_records(control->asker, &control->records);
    asker_set_off(control->asker, why_not_compared(control));
    start_admin(control);
    report_status(control);
    if (!publish_start(control, err))
        return false;
    if (rules_start(control, err))
        return true;
    control_tell(control, IPC_FAILED, STR_NONE, NULL, 0); /* said by who calls; ends the run while it is starting */
    return false;
}

int control_main(void)
{
    struct control *control = mem_alloc(sizeof(*control));
    struct err err;
    if (control_start(control, &err)) {
        loop_run(control->loop);
    } else {
        log_error("%s", err.text);
        control->exit_code = EXIT_FAILED;
    }
    int code = control->exit_code;
    if (control->admin_server)
        admin_server_free(control->admin_server);
    if (control->asker)
        asker_free(control->asker);
    rules_stop(control);
    publish_stop(control);
    if (control->loop)
        loop_free(control->loop);
    if (control->registry)
        registry_close(control->registry);
    if (control->admin_fd >= 0)
        close(control->admin_fd);
    mem_free(control);
    return code;
}
