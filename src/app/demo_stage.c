/* SPDX-License-Identifier: Apache-2.0 */
#include "app/demo_stage.h"

#include "app/admin_client.h"
#include "app/bind.h"
#include "app/demo_service.h"
#include "app/option_values.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define DRAIN "2s"
#define GATEWAY_END_MS 3500 /* longer than its drain */
#define SERVICE_END_MS 500

static struct address loopback(uint16_t port)
{
    return (struct address){.family = ADDRESS_IPV4, .port = port, .ip = {127, 0, 0, 1}};
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- services ---- */

static bool start_service(struct demo_stage *stage, enum shop_role role, struct err *err)
{
    static const char *const names[] = {"demo-live", "demo-shadow", "demo-clean"};
    struct address *address = &stage->addresses[role];
    struct address asked = *address;
    int fd = bind_listener(&asked, address);
    if (fd < 0) {
        bind_explain(&asked, errno, false, err);
        return false;
    }
    bool is_started = demo_child_start(&stage->services[role],
                                       &(struct demo_child_spec){
                                           .name = names[role],
                                           .fd = fd,
                                           .log_fd = stage->log.write_fd,
                                           .run = demo_service_run,
                                           .user = &role,
                                       },
                                       err);
    close(fd);
    address_format(address, stage->labels[role]);
    return is_started;
}

/* A port for the shadow that stays its own: bound, but not listened on, so that a killed shadow refuses connections. */
static bool reserve_shadow_port(struct demo_stage *stage, struct err *err)
{
    struct address any = loopback(0);
    struct sockaddr_storage name;
    socklen_t len = address_to_sockaddr(&any, &name);
    int on = 1;
    stage->shadow_port = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (stage->shadow_port < 0 || setsockopt(stage->shadow_port, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(stage->shadow_port, (struct sockaddr *)&name, len) < 0 ||
        getsockname(stage->shadow_port, (struct sockaddr *)&name, &len) < 0)
        return err_errno(err, "no port for the shadow");
    return address_from_sockaddr(&name, &stage->addresses[SHOP_SHADOW]) || err_set(err, "no port for the shadow");
}

/* ---- gateway ---- */

/* What `umbra run` is told, as a person would write it. Without shedding: that this machine is busy with other things is no reason for the
 * demo to have no verdict. */
struct gateway_line {
    char listen[ADDRESS_TEXT], services[SHOP_ROLES][ADDRESS_TEXT], admin[ADDRESS_TEXT];
};

static int run_gateway(const void *user)
{
    struct gateway_line line = *(const struct gateway_line *)user;
    char *const argv[] = {(char[]){"umbra"},
                          (char[]){"run"},
                          (char[]){"--listen"},
                          line.listen,
                          (char[]){"--live"},
                          line.services[SHOP_LIVE],
                          (char[]){"--shadow"},
                          line.services[SHOP_SHADOW],
                          (char[]){"--shadow"},
                          line.services[SHOP_CLEAN],
                          (char[]){"--admin"},
                          line.admin,
                          (char[]){"--drain"},
                          (char[]){DRAIN},
                          (char[]){"--data"},
                          (char[]){""},
                          (char[]){"--shed"},
                          (char[]){"off"},
                          (char[]){"--log-level"},
                          (char[]){"warn"},
                          NULL};
    char program[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);
    if (len > 0) {
        program[len] = '\0';
        execv(program, argv); /* its name in ps is the program's */
    }
    execv("/proc/self/exe", argv);
    return 1;
}

/* The usual port when it is free. */
static void choose_admin(struct demo_stage *stage, struct address *admin)
{
    struct address real;
    *admin = loopback(9900);
    int fd = bind_listener(admin, &real);
    stage->is_admin_elsewhere = fd < 0;
    if (fd >= 0)
        close(fd);
    else
        admin->port = 0;
}

static bool start_gateway(struct demo_stage *stage, const struct settings *settings, struct err *err)
{
    struct address listen = settings->listen, admin = settings->admin;
    struct gateway_line line;
    if (listen.family == ADDRESS_NONE)
        listen = loopback(0);
    if (admin.family == ADDRESS_NONE)
        choose_admin(stage, &admin);
    address_format(&listen, line.listen);
    address_format(&admin, line.admin);
    memcpy(line.services, stage->labels, sizeof(line.services));
    return demo_child_start(&stage->gateway,
                            &(struct demo_child_spec){
                                .name = "umbra",
                                .fd = -1,
                                .log_fd = stage->log.write_fd,
                                .run = run_gateway,
                                .user = &line,
                            },
                            err);
}

/* ---- start ---- */

bool demo_stage_start(struct demo_stage *stage, const struct options *options, struct err *err)
{
    *stage = (struct demo_stage){
        .services = {DEMO_CHILD_INIT, DEMO_CHILD_INIT, DEMO_CHILD_INIT},
        .gateway = DEMO_CHILD_INIT,
        .load = DEMO_CHILD_INIT,
        .asker = DEMO_CHILD_INIT,
        .addresses = {loopback(0), loopback(0), loopback(0)},
        .shadow_port = -1,
        .load_spec = {.rate = options->demo.rate, .figures = load_figures_new()},
        .asker_spec = {.answers = asker_answers_new()},
    };
    if (!stage->load_spec.figures || !stage->asker_spec.answers)
        return err_errno(err, "no shared memory");
    return demo_log_open(&stage->log, err) && reserve_shadow_port(stage, err) && start_service(stage, SHOP_LIVE, err) &&
           start_service(stage, SHOP_SHADOW, err) && start_service(stage, SHOP_CLEAN, err) &&
           start_gateway(stage, &options->settings, err);
}

/* Where a client reaches a listener that takes requests for all addresses. */
static void make_reachable(struct address *address)
{
    static const uint8_t any[16];
    if (address->family == ADDRESS_IPV4 && memcmp(address->ip, any, 4) == 0)
        *address = loopback(address->port);
    else if (address->family == ADDRESS_IPV6 && memcmp(address->ip, any, 16) == 0)
        address->ip[15] = 1;
}

bool demo_stage_go_on(struct demo_stage *stage, bool *is_up, struct err *err)
{
    char text[ADDRESS_TEXT];
    demo_log_read(&stage->log);
    *is_up = stage->log.is_up;
    if (!*is_up)
        return demo_stage_is_whole(stage, err);
    stage->load_spec.gateway = stage->log.listening;
    make_reachable(&stage->load_spec.gateway);
    if (!target_parse(address_format(&stage->log.admin, text), &stage->admin.admin, err))
        return false;
    stage->asker_spec.admin = stage->admin;
    for (size_t i = 0; i < DEMO_SHADOWS; i++)
        memcpy(stage->asker_spec.labels[i], stage->labels[SHOP_SHADOW + i], ADDRESS_TEXT);
    return demo_child_start(&stage->asker,
                            &(struct demo_child_spec){
                                .name = "demo-asker",
                                .fd = -1,
                                .log_fd = stage->log.write_fd,
                                .run = demo_asker_run,
                                .user = &stage->asker_spec,
                            },
                            err) &&
           demo_child_start(&stage->load,
                            &(struct demo_child_spec){
                                .name = "demo-load",
                                .fd = -1,
                                .log_fd = stage->log.write_fd,
                                .run = demo_load_run,
                                .user = &stage->load_spec,
                            },
                            err);
}

static bool is_well(struct demo_stage *stage, struct demo_child *child, const char *name, struct err *err)
{
    if (child->channel < 0 || demo_child_is_alive(child))
        return true; /* not started, or there */
    struct err how;
    struct str said = STR_NONE, line;
    demo_log_read(&stage->log);
    demo_child_explain(child, &how);
    for (size_t i = 0; (line = demo_log_line(&stage->log, i)).ptr && !str_starts_with(said, STR("umbra run: ")); i++) {
        if (!said.ptr || str_starts_with(line, STR("umbra run: ")))
            said = line; /* what was wrong with its options, else its last words */
    }
    return err_set(err, "%s %s%s%.*s", name, how.text, said.len ? ": " : "", STR_ARG(said));
}

bool demo_stage_is_whole(struct demo_stage *stage, struct err *err)
{
    if (stage->shadow_is != DEMO_KILLED && !demo_child_is_alive(&stage->services[SHOP_SHADOW]))
        stage->shadow_is = DEMO_KILLED;
    return is_well(stage, &stage->gateway, "the gateway", err) &&
           is_well(stage, &stage->services[SHOP_LIVE], "the live service", err) &&
           is_well(stage, &stage->services[SHOP_CLEAN], "the clean shadow", err) &&
           is_well(stage, &stage->load, "the load", err) && is_well(stage, &stage->asker, "who asks for verdicts", err);
}

/* ---- what the keys do ---- */

static bool make_healthy(struct demo_stage *stage, struct err *err)
{
    switch (stage->shadow_is) {
    case DEMO_KILLED: return start_service(stage, SHOP_SHADOW, err);
    case DEMO_HUNG: kill(stage->services[SHOP_SHADOW].pid, SIGCONT); break;
    default: demo_child_tell(&stage->services[SHOP_SHADOW], SERVICE_WELL);
    }
    return true;
}

bool demo_stage_shadow(struct demo_stage *stage, enum demo_condition condition, struct err *err)
{
    if (condition == stage->shadow_is)
        return true;
    if (condition != DEMO_KILLED && !make_healthy(stage, err))
        return false;
    switch (condition) {
    case DEMO_KILLED: demo_child_stop(&stage->services[SHOP_SHADOW], SIGKILL, SERVICE_END_MS); break;
    case DEMO_HUNG: kill(stage->services[SHOP_SHADOW].pid, SIGSTOP); break;
    case DEMO_SLOW: demo_child_tell(&stage->services[SHOP_SHADOW], SERVICE_SLOW); break;
    case DEMO_GARBLED: demo_child_tell(&stage->services[SHOP_SHADOW], SERVICE_GARBLE); break;
    default: break;
    }
    stage->shadow_is = condition;
    return true;
}

bool demo_stage_mirror(struct demo_stage *stage, bool is_off, struct err *err)
{
    struct admin_reply reply;
    struct str body = is_off ? STR("{\"off\":true}") : STR("{\"off\":false}");
    if (!admin_client_ask(&stage->admin, "POST", STR("/api/mirror"), body, &reply, err))
        return false;
    bool is_done = reply.status == 200;
    admin_reply_deinit(&reply);
    return is_done || err_set(err, "the admin port answers %u", reply.status);
}

bool demo_stage_look(struct demo_stage *stage, struct demo_look *look, struct err *err)
{
    struct admin_reply reply;
    if (!admin_client_get(&stage->admin, STR("/status"), &reply, err))
        return false;
    struct str label = str_from_c(stage->labels[SHOP_SHADOW]);
    bool is_read = demo_figures_parse(strbuf_str(&reply.body), label, &look->gateway, err);
    admin_reply_deinit(&reply);
    load_sample_take(stage->load_spec.figures, &look->load);
    look->at_ns = now_ns();
    return is_read;
}

void demo_stage_judgement(struct demo_stage *stage, struct demo_judgement *judgement)
{
    asker_take(stage->asker_spec.answers, judgement);
}

/* ---- the end ---- */

void demo_stage_quiet(struct demo_stage *stage)
{
    demo_child_tell(&stage->load, LOAD_STOP);
}

void demo_stage_stop(struct demo_stage *stage)
{
    demo_child_stop(&stage->asker, SIGKILL, SERVICE_END_MS);
    demo_child_stop(&stage->load, SIGKILL, SERVICE_END_MS);
    demo_child_stop(&stage->gateway, SIGTERM, GATEWAY_END_MS);
    demo_child_stop(&stage->services[SHOP_SHADOW], SIGKILL, SERVICE_END_MS);
    demo_child_stop(&stage->services[SHOP_CLEAN], SIGKILL, SERVICE_END_MS);
    demo_child_stop(&stage->services[SHOP_LIVE], SIGKILL, SERVICE_END_MS);
    demo_log_close(&stage->log);
    if (stage->shadow_port >= 0)
        close(stage->shadow_port);
    if (stage->load_spec.figures)
        load_figures_free(stage->load_spec.figures);
    if (stage->asker_spec.answers)
        asker_answers_free(stage->asker_spec.answers);
}
