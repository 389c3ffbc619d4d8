/* Reducers of the plugin's own, bound to the callbacks of reduce.h. */
#include "common/error.h"
#include "host/inside.h"

qx_err host_acc_resize(struct qx_acc *acc, size_t len_bytes)
{
    return len_bytes > QX_STATE_BYTES_MAX ? QX_ERR_LIMIT : qx_bytes_resize(acc->part, len_bytes);
}

void *host_acc_data(const struct qx_acc *acc, size_t *ret_bytes)
{
    if (ret_bytes)
        *ret_bytes = acc->part->len;
    return acc->part->data;
}

static qx_err checked(const struct host_task *t, qx_err code)
{
    return t->broken.code != QX_ERR_OK && code == QX_ERR_OK ? QX_ERR_TASK : code;
}

static qx_err own_init(void *self, uint32_t reducer, struct qx_bytes *part)
{
    struct host_task *t = self;
    const struct qx_reducer_ops *ops = t->reducers[reducer].ops;
    return ops->init ? checked(t, ops->init(&t->ctx, t->state, &(struct qx_acc){part})) : QX_ERR_OK;
}

static qx_err own_add(void *self, uint32_t reducer, struct qx_bytes *part, uint64_t first_item,
                      uint32_t n_rows, const double *rows)
{
    struct host_task *t = self;
    return checked(t, t->reducers[reducer].ops->add(&t->ctx, t->state, &(struct qx_acc){part}, first_item,
                                                    n_rows, rows));
}

static qx_err own_merge(void *self, uint32_t reducer, struct qx_bytes *left, const struct qx_bytes *right)
{
    struct host_task *t = self;
    return checked(t, t->reducers[reducer].ops->merge(&t->ctx, t->state, &(struct qx_acc){left}, right->data,
                                                      right->len));
}

void host_own_bind(struct host_task *t)
{
    t->plug = (struct reduce_plugin){t, own_init, own_add, own_merge};
}
