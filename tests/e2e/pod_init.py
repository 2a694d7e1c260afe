# SPDX-License-Identifier: Apache-2.0
"""What a container runtime does before the first process of a container, in network, mount and pid namespaces that were just made:
pod_init.py SPEC.json. See pods.Pod, which writes the spec."""
import ctypes
import fcntl
import json
import os
import pathlib
import socket
import struct
import subprocess
import sys

PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 24, 38
SIOCSIFADDR, SIOCSIFFLAGS, IFF_UP = 0x8916, 0x8914, 1
SCMP_ACT_ALLOW, SCMP_ACT_ERRNO = 0x7FFF0000, 0x00050000
EPERM, ENOSYS = 1, 38
# What runtimes' default profiles refuse to those who have no capabilities.
REFUSED = """acct add_key bpf clock_adjtime clock_settime delete_module fanotify_init finit_module fsconfig fsmount fsopen fspick
init_module io_uring_enter io_uring_register io_uring_setup ioperm iopl kexec_file_load kexec_load keyctl lookup_dcookie mount
mount_setattr move_mount move_pages name_to_handle_at open_by_handle_at open_tree perf_event_open pivot_root quotactl reboot
request_key setdomainname sethostname setns settimeofday swapoff swapon sysfs syslog umount2 unshare userfaultfd vhangup""".split()

libc = ctypes.CDLL(None, use_errno=True)
seccomp = ctypes.CDLL("libseccomp.so.2")
seccomp.seccomp_init.restype = ctypes.c_void_p
seccomp.seccomp_init.argtypes = [ctypes.c_uint32]
seccomp.seccomp_rule_add.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint]
seccomp.seccomp_load.argtypes = [ctypes.c_void_p]


def mount(*words):
    subprocess.run(["mount", *map(str, words)], check=True)


def raise_network(address):
    """The loopback device is up, and has the pod's address, too."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
        fcntl.ioctl(sock, SIOCSIFADDR, struct.pack("16sHH4s8x", b"lo:1", socket.AF_INET, 0, socket.inet_aton(address)))


def make_root(spec):
    root = pathlib.Path(spec["root"])
    for path in [*spec["volumes"], *spec["files"], "/proc", "/dev"]:
        (root / path.lstrip("/")).mkdir(parents=True, exist_ok=True)
    mount("--bind", root, root)
    mount("-t", "proc", "proc", root / "proc")
    mount("-t", "tmpfs", "-o", "mode=755,size=64k", "tmpfs", root / "dev")
    for device in ("null", "zero", "full", "random", "urandom"):
        (root / "dev" / device).touch()
        mount("--bind", f"/dev/{device}", root / "dev" / device)
    for path, size in spec["volumes"].items():  # the group of fsGroup, as a kubelet gives it to an emptyDir
        mount("-t", "tmpfs", "-o", f"size={size},mode=2777,gid={spec['gid']}", "tmpfs", root / path.lstrip("/"))
    for path, files in spec["files"].items():  # as projected volumes are
        folder = root / path.lstrip("/")
        mount("-t", "tmpfs", "-o", f"size=1m,mode=755,gid={spec['gid']}", "tmpfs", folder)
        for name, text in files.items():
            (folder / name).write_text(text)
            os.chown(folder / name, 0, spec["gid"])
            (folder / name).chmod(0o640)
        mount("-o", "remount,ro", folder)
    mount("-o", "remount,bind,ro", root)
    return root


def refuse_calls():
    context = seccomp.seccomp_init(SCMP_ACT_ALLOW)
    for name, error in [*((name, EPERM) for name in REFUSED), ("clone3", ENOSYS)]:
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:
            assert seccomp.seccomp_rule_add(context, SCMP_ACT_ERRNO | error, number, 0) == 0, name
    assert seccomp.seccomp_load(context) == 0


def drop_rights(spec):
    for capability in range(64):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    os.setgroups([spec["gid"]])
    os.setgid(spec["gid"])
    os.setuid(spec["uid"])
    assert libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    refuse_calls()


def main():
    spec = json.loads(pathlib.Path(sys.argv[1]).read_text())
    raise_network(spec["address"])
    root = make_root(spec)
    os.chroot(root)
    os.chdir("/")
    drop_rights(spec)
    os.execve(spec["command"][0], spec["command"], spec["environment"])


main()
