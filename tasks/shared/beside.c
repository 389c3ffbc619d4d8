#include "shared/beside.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char here; /* its address says which shared object this is */

qx_err beside_find(struct qx_ctx *ctx, const char *what, const char *variable, const char *folder,
                   const char *name, char ret_path[BESIDE_PATH_BYTES])
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    const char *named = getenv(variable);
    Dl_info info;
    if (!*name || name[strspn(name, letters)] || strlen(name) > 100)
        return qx_error(
            ctx, QX_ERR_INVALID,
            "%s: \"%.60s\" is not a name of letters, digits, - and _ (no path, no .so): it is looked for as "
            "%s/NAME.so beside the plugins of each worker",
            what, name, folder);
    if (named && *named) {
        (void)snprintf(ret_path, BESIDE_PATH_BYTES, "%s/%s.so", named, name);
        return QX_ERR_OK;
    }
    if (dladdr(&here, &info) == 0 || !info.dli_fname)
        return qx_error(ctx, QX_ERR_IO, "where the plugins are is not known here");
    const char *slash = strrchr(info.dli_fname, '/');
    (void)snprintf(ret_path, BESIDE_PATH_BYTES, "%.*s%s/%s.so", slash ? (int)(slash - info.dli_fname + 1) : 0,
                   info.dli_fname, folder, name);
    return QX_ERR_OK;
}
