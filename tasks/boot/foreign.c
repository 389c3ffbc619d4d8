#include "boot/foreign.h"

#include <dlfcn.h>
#include <stdlib.h>

#include "shared/beside.h"

struct foreign {
    void *object;
    const struct qx_statistic *statistic;
};

static qx_err check(struct qx_ctx *ctx, const char *path, const struct qx_statistic *s, uint32_t n_columns)
{
    if (!s)
        return qx_error(ctx, QX_ERR_INVALID, "stat: %.160s exports no symbol qx_statistic", path);
    if (s->abi_version != QX_STATISTIC_ABI || s->struct_size < sizeof *s)
        return qx_error(ctx, QX_ERR_INVALID, "stat: %.160s was built for interface %u, here is %u", path,
                        s->abi_version, QX_STATISTIC_ABI);
    if (!s->value || s->n_values == 0 || s->n_values > FOREIGN_VALUES_MAX ||
        (s->n_values > 1 && !s->value_names))
        return qx_error(
            ctx, QX_ERR_INVALID,
            "stat: %.160s: value must be a function that gives 1 .. %d numbers, with names for more "
            "than one",
            path, FOREIGN_VALUES_MAX);
    if (s->n_columns != 0 && s->n_columns != n_columns)
        return qx_error(ctx, QX_ERR_INVALID, "stat: %.160s takes %u column%s, stat= gives %u", path,
                        s->n_columns, s->n_columns == 1 ? "" : "s", n_columns);
    return QX_ERR_OK;
}

qx_err foreign_open(struct qx_ctx *ctx, const char *name, uint32_t n_columns, struct foreign **ret)
{
    char path[BESIDE_PATH_BYTES];
    qx_err e = beside_find(ctx, "stat", "QX_STATISTIC_DIR", "statistics", name, path);
    if (e != QX_ERR_OK)
        return e;
    struct foreign *f = calloc(1, sizeof *f);
    if (!f)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    f->object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    e = f->object ? QX_ERR_OK : qx_error(ctx, QX_ERR_INVALID, "stat: cannot load %.240s", dlerror());
    if (e == QX_ERR_OK) {
        f->statistic = dlsym(f->object, "qx_statistic");
        e = check(ctx, path, f->statistic, n_columns);
    }
    if (e != QX_ERR_OK)
        foreign_close(f);
    else
        *ret = f;
    return e;
}

void foreign_close(struct foreign *f)
{
    if (f && f->object)
        (void)dlclose(f->object);
    free(f);
}

const struct qx_statistic *foreign_statistic(const struct foreign *f)
{
    return f->statistic;
}
