/* SPDX-License-Identifier: Apache-2.0 */
#include "app/option_values.h"

/* In the order of --help. Defaults are part of the public contract. */
const struct option option_table[] = {
    {"--file", "FILE_OR_DIR", NULL,
     "Rules: manifests of the Gateway API and of Umbra, as YAML or JSON; of a directory its *.yaml, *.yml and *.json; "
     "- is "
     "standard input. They are read again when they change, and on SIGHUP.",
     FOR_RULES, true, option_file},
    {"--kube", NULL, NULL,
     "Rules from the Kubernetes API: of the cluster whose pod this is, or that a kubeconfig names. Read again as they "
     "change.",
     FOR_RUN, false, option_kube},
    {"--kubeconfig", "FILE", NULL,
     "With --kube: how the API server is reached. Default: $KUBECONFIG, then the pod's service account, then "
     "~/.kube/config.",
     FOR_RUN, false, option_kubeconfig},
    {"--context", "NAME", NULL, "With --kube: the kubeconfig's context. Default: its current one.", FOR_RUN, false,
     option_kube_context},
    {"--class", "NAME", NULL,
     "With --kube: serve Gateways of this GatewayClass only. Default: of each whose controllerName is "
     "umbra.dev/gateway-controller.",
     FOR_RUN, false, option_class},
    {"--namespace", "NAME,...", NULL,
     "With --kube: read these namespaces only. With --class, Roles in them suffice. Default: all, and what is "
     "cluster-wide.",
     FOR_RUN, true, option_namespace},
    {"--allow-backends", NULL, NULL,
     "With --kube: serve Backend objects, which lead to addresses outside of Services (never to loopback, link-local "
     "or Unix sockets). Without it whoever may write one could have copies sent anywhere.",
     FOR_RUN, false, option_allow_backends},
    {"--publish-service", "NAMESPACE/NAME", NULL,
     "With --kube: the Service in front of Umbra, whose addresses stand in the Gateways' status.", FOR_RUN, false,
     option_publish_service},
    {"--bind", "IP", NULL, "With -f or --kube: where the Gateways' listeners are bound. Default: all addresses.",
     FOR_RUN | FOR_CHECK, false, option_bind},
    {"--port-offset", "N", "0",
     "With -f or --kube: added to the ports of the Gateways' listeners, so that port 80 is 8080 with 8000.",
     FOR_RUN | FOR_CHECK, false, option_port_offset},
    {"--listen", "HOST:PORT", NULL,
     "Where requests are taken: an IP or localhost, port 0 for any free one, or unix:/path.", FOR_RUN | FOR_PRINT,
     false, option_listen},
    {"--live", "HOST:PORT", NULL,
     "The service that answers the clients. HOST is a name or an IP ([::1]:80 for IPv6), or all of it unix:/path.",
     FOR_RUN | FOR_PRINT, false, option_live},
    {"--shadow", "HOST:PORT[=PERCENT]", NULL,
     "A service that gets copies, of PERCENT of the requests (up to 4 decimals; 100 when left out). Its answers are "
     "counted and never reach a client. Without any, umbra is a plain proxy.",
     FOR_RUN | FOR_PRINT, true, option_shadow},
    {"--control", "HOST:PORT", NULL,
     "A second instance of the live version. It gets the same copies as each shadow; what differs between live and it "
     "is "
     "noise, and is not held against the shadow.",
     FOR_RUN | FOR_PRINT, false, option_control},
    {"--sampling", "even|random|hash", "even",
     "How a shadow's share is chosen: even takes exactly that share, at random places; random draws for each request; "
     "hash takes all or none of the requests that have the same --sampling-key.",
     FOR_RUN | FOR_PRINT, false, option_sampling},
    {"--sampling-key", "KEY", NULL,
     "What --sampling hash looks at: header:NAME, cookie:NAME, query:NAME, clientIP or traceID.", FOR_RUN | FOR_PRINT,
     false, option_sampling_key},
    {"--mirror-writes", NULL, NULL,
     "Copy requests of all methods. Without it only GET, HEAD and OPTIONS are copied, since a shadow that shares a "
     "database with live would write twice.",
     FOR_RUN | FOR_PRINT, false, option_mirror_writes},
    {"--safe-methods", NULL, NULL, "Copy only GET, HEAD and OPTIONS, whatever the rules or --mirror-writes say.",
     FOR_RUN | FOR_CHECK, false, option_safe_methods},
    {"--admin", "HOST:PORT", "127.0.0.1:9900",
     "Where status, metrics and switches are served. An address that is not loopback needs --admin-token-file.",
     FOR_RUN, false, option_admin},
    {"--admin-token-file", "FILE", NULL,
     "A file with the bearer token that the admin port asks for. When there is none, it is made with a random token, "
     "for the own user alone.",
     FOR_RUN, false, option_admin_token_file},
    {"--admin-host", "NAME", NULL,
     "A further Host name that the admin port answers to, besides localhost and IP addresses.", FOR_RUN, true,
     option_admin_host},
    {"--trusted-proxies", "CIDR,...", NULL,
     "Peers whose X-Forwarded-For, -Proto and -Host are believed (10.0.0.0/8, fd00::/8, 192.0.2.7).", FOR_RUN, true,
     option_trusted_proxies},
    {"--marker-key-file", "FILE", NULL,
     "A file with a secret of 16 bytes or more, the same for all gateways that can reach each other, so that a copy is "
     "never copied again. Without it each run makes its own.",
     FOR_RUN, false, option_marker_key_file},
    {"--drain", "TIME", "30s", "On SIGTERM: how long requests in flight may take to finish.", FOR_RUN, false,
     option_drain},
    {"--drain-delay", "TIME", "0s",
     "On SIGTERM: how long connections are still taken, while /readyz fails already, before --drain begins.", FOR_RUN,
     false, option_drain_delay},
    {"--max-connections", "N", NULL,
     "Client connections at once. Beyond, one that has waited for its request for a second is closed for the newcomer, "
     "or the newcomer is; both are counted. Default: as many as open files allow.",
     FOR_RUN, false, option_max_connections},
    {"--workers", "N", NULL, "Threads that move requests. Default: the CPUs that the process may use.", FOR_RUN, false,
     option_workers},
    {"--mirror-budget", "BYTES", "64Mi",
     "Memory for copies under way, of all shadows together; a copy beyond it is dropped and counted.", FOR_RUN, false,
     option_mirror_budget},
    {"--data", "DIR", NULL,
     "Where samples, findings and history are kept, made when missing. Default: a directory for this --admin address "
     "below $XDG_STATE_HOME/umbra or ~/.local/state/umbra; when that can't be written, or DIR is empty (''), they are "
     "kept in memory only.",
     FOR_RUN, false, option_data},
    {"--sample-ttl", "TIME", "72h", "How long samples of requests and answers are kept.", FOR_RUN, false,
     option_sample_ttl},
    {"--analyst-memory", "BYTES", "256Mi",
     "Memory of the process that compares answers; at its limit it begins anew, and what it had not stored is counted "
     "as lost.",
     FOR_RUN, false, option_analyst_memory},
    {"--shed", "auto|off", "auto", "Whether copies are left out while the CPU is saturated, before live gets slower.",
     FOR_RUN, false, option_shed},
    {"--compare", "auto|off", "auto",
     "Whether answers of live and shadows are captured and compared, wherever there is a mirror. Copies are sent "
     "either "
     "way.",
     FOR_RULES, false, option_compare},
    {"--sandbox", "on|off", "on",
     "Whether the processes are kept to the system calls that they need (docs/reference/processes.md).", FOR_RUN, false,
     option_sandbox},
    {"--log-format", "text|json", "text", "How log lines look on standard error.", FOR_RUN, false, option_log_format},
    {"--log-level", "debug|info|warn|error", "info", "The least important lines that are logged.", FOR_RUN, false,
     option_log_level},
    {"--access-log", NULL, NULL, "Log a line for every request.", FOR_RUN, false, option_access_log},
    {"--replace", NULL, NULL,
     "Take over from the umbra that runs with this --admin address: same sockets, no connection is reset, the old one "
     "drains and ends. Starts as usual when there is none.",
     FOR_RUN, false, option_replace},
    {"--admin", "HOST:PORT", "127.0.0.1:9900", "The admin address of the running umbra.", FOR_CLIENTS, false,
     option_client_admin},
    {"--admin-token-file", "FILE", NULL, "A file with the bearer token of that admin port.", FOR_CLIENTS | FOR_REPORT,
     false, option_client_token_file},
    {"--route", "LABEL", NULL, "Only this route: namespace/name#rule, as `umbra status` shows it.",
     FOR_CLIENTS | FOR_REPORT, false, option_client_route},
    {"--mirror", "LABEL", NULL, "Only this mirror: its shadow, as `umbra status` shows it behind the arrow.",
     FOR_CLIENTS | FOR_REPORT, false, option_client_mirror},
    {"--admin", "HOST:PORT", NULL,
     "The admin address of a running umbra; give it again for each replica. Default: 127.0.0.1:9900.", FOR_REPORT, true,
     option_report_admin},
    {"--since", "TIME", NULL, "Judge only what was seen in the last TIME. Default: all of the current revisions.",
     FOR_REPORT, false, option_report_since},
    {"--wait", "TIME", NULL, "Ask again each second, for so long, until no verdict is INSUFFICIENT.", FOR_REPORT, false,
     option_report_wait},
    {"--format", "text|json|markdown|junit", "text",
     "For people, for programs, for a comment on a pull request, or for a CI system.", FOR_REPORT, false,
     option_report_format},
    {"--format", "text|json", "text", "A table for people, or JSON for programs.", FOR_STATUS, false,
     option_client_format},
    {"--count", "N", NULL, "End after N pages. Default: go on until q or Ctrl-C.", FOR_TOP, false, option_client_count},
    {"--data", "DIR", NULL,
     "The --data of the umbra whose data are to be erased. Default: all directories below $XDG_STATE_HOME/umbra or "
     "~/.local/state/umbra.",
     FOR_PURGE, false, option_data},
    {"--samples", NULL, NULL, "Only samples of requests and answers; findings and history stay.", FOR_PURGE, false,
     option_purge_samples},
    {"--play", NULL, NULL,
     "Once the verdicts are there (after 18 s at the latest), kill, hang, slow, garble and restore the first shadow in "
     "turn, in 20 s, then end (or at --duration).",
     FOR_DEMO, false, option_demo_play},
    {"--duration", "TIME", NULL, "End after this time. Default: go on until q or Ctrl-C.", FOR_DEMO, false,
     option_demo_duration},
    {"--rate", "N", "200", "Requests a second, whether answers come or not.", FOR_DEMO, false, option_demo_rate},
    {"--listen", "HOST:PORT", NULL, "Where the demo's gateway takes requests. Default: a free port of 127.0.0.1.",
     FOR_DEMO, false, option_listen},
    {"--admin", "HOST:PORT", NULL,
     "The admin address of the demo's gateway. Default: 127.0.0.1:9900, or a free port when that is taken.", FOR_DEMO,
     false, option_demo_admin},
};

const size_t option_count = sizeof(option_table) / sizeof(option_table[0]);

static const struct {
    const char *word, *name;
} shorts[] = {{"-f", "--file"}};

const char *option_short(const struct option *option)
{
    for (size_t i = 0; i < sizeof(shorts) / sizeof(shorts[0]); i++) {
        if (str_eq(str_from_c(shorts[i].name), str_from_c(option->name)))
            return shorts[i].word;
    }
    return NULL;
}
