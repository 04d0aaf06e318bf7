/* SPDX-License-Identifier: Apache-2.0
 *
 * Takes the place of VirtualBox's VBoxHeadless where there is no kernel
 * module, so that guests run by VirtualBox's own instruction interpreter.
 *
 * VBoxHeadless proper initialises VirtualBox's runtime so that it insists on
 * the module.  This does what it does, through the same two public functions,
 * but asks for the runtime's driverless mode:
 *
 *   VBoxRT.so        RTR3InitExe()   (flags: iprt/initterm.h, VBox/sup.h)
 *   VBoxHeadless.so  TrustedMain()
 *
 * Where there is a kernel module, the original is executed.  The registry of
 * machines has to allow the interpreter: VBoxInternal/HM/FallbackToIEM = 1.
 *
 *   gcc -O2 -Wall -rdynamic -o VBoxHeadless launcher.c -ldl
 *
 * -rdynamic is for bind() below, which VirtualBox's libraries are to find.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DIRECTORY "/usr/lib/virtualbox"
#define ORIGINAL  DIRECTORY "/VBoxHeadless.orig"

/* RTR3INIT_FLAGS_TRY_SUPLIB, and SUPR3INIT_F_DRIVERLESS with
 * SUPR3INIT_F_DRIVERLESS_IEM_ALLOWED at RTR3INIT_FLAGS_SUPLIB_SHIFT. */
#define INIT_FLAGS ((1u << 17) | (((1u << 2) | (1u << 3)) << 18))

typedef int init_function(int argc, char ***argv, uint32_t flags);
typedef int main_function(int argc, char **argv, char **envp);

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "launcher: %s: %s\n", what, why ? why : "unknown error");
    exit(2);
}

/* The VNC extension pack keeps to the address that it is given for IPv4 and
 * listens on every address for IPv6: keep that to loopback. */
__attribute__((visibility("default")))
int bind(int socket, const struct sockaddr *address, socklen_t length)
{
    static int (*original)(int, const struct sockaddr *, socklen_t);
    struct sockaddr_in6 local;

    if (!original)
        original = (int (*)(int, const struct sockaddr *, socklen_t))
            dlsym(RTLD_NEXT, "bind");
    if (address && address->sa_family == AF_INET6
            && length >= sizeof(local)) {
        memcpy(&local, address, sizeof(local));
        if (local.sin6_port && IN6_IS_ADDR_UNSPECIFIED(&local.sin6_addr)) {
            local.sin6_addr = in6addr_loopback;
            return original(socket, (struct sockaddr *)&local, sizeof(local));
        }
    }
    return original(socket, address, length);
}

static void *symbol(const char *library, const char *name)
{
    void *handle = dlopen(library, RTLD_NOW | RTLD_GLOBAL);
    void *found = handle ? dlsym(handle, name) : NULL;

    if (!found)
        fail(name, dlerror());
    return found;
}

int main(int argc, char **argv, char **envp)
{
    int status;

    if (access("/dev/vboxdrv", F_OK) == 0 && access(ORIGINAL, X_OK) == 0) {
        execv(ORIGINAL, argv);
        fail(ORIGINAL, "cannot be executed");
    }
    status = ((init_function *)symbol(DIRECTORY "/VBoxRT.so", "RTR3InitExe"))
        (argc, &argv, INIT_FLAGS);
    if (status < 0) {
        fprintf(stderr, "launcher: RTR3InitExe: %d\n", status);
        return 3;
    }
    return ((main_function *)symbol(DIRECTORY "/VBoxHeadless.so",
                                    "TrustedMain"))(argc, argv, envp);
}
